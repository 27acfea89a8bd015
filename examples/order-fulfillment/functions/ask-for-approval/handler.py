"""Writes a letter to the person who approves large orders.

The letter lies in the folder OUTBOX, where a real application would send a mail.
"""

import json
import os


def handler(event, context):
    letter = {
        "subject": "Order %s over %d needs your approval" % (event["orderId"], event["total"]),
        "taskToken": event["taskToken"],
    }
    path = os.path.join(os.environ["OUTBOX"], event["orderId"] + ".json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "w") as file:
        json.dump(letter, file)
    os.replace(path + ".part", path)
    return {"sent": path}
