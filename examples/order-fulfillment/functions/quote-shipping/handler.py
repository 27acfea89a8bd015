"""The same as index.mjs, for machines without Node.js."""

ZONES = {"DE": 4, "FR": 9, "US": 28}


def handler(event, context):
    pieces = sum(item["quantity"] for item in event["items"])
    return {"carrier": "freight" if pieces > 20 else "parcel", "price": ZONES.get(event["country"], 40) + pieces}
