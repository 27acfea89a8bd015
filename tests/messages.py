"""What tests do with queues, in few words."""

import json
import time

from server import client
from workflows import unique

# A bound against hanging only.
MESSAGES_SECONDS_MAX = 60


def create_queue(sqs, name=None, **attributes):
    """A queue's URL and ARN."""
    url = sqs.create_queue(QueueName=name or unique("queue"), Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def received(sqs, url, count, seconds_max=MESSAGES_SECONDS_MAX):
    """Waits for that many messages, deletes them, and answers them whole."""
    until = time.monotonic() + seconds_max
    found = []
    while len(found) < count:
        assert time.monotonic() < until, "%d of %d messages came" % (len(found), count)
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            found.append(message)
    return found


def bodies(sqs, url, count, **bounds):
    """The same messages' bodies, as the documents they are."""
    return [json.loads(message["Body"]) for message in received(sqs, url, count, **bounds)]


def no_more(sqs, url, wait_seconds=1):
    answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=wait_seconds)
    assert "Messages" not in answer, answer


def clients(server, *services):
    return [client(service, server.endpoint) for service in services]
