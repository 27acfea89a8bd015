"""Queues: every operation, FIFO, dead letters, waits, and what a kill leaves."""

import hashlib
import json
import threading
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from server import ACCOUNT, REGION, client
from test_cli import aws  # noqa: F401  (a fixture)
from workflows import eventually, refusal, unique

INVALID = "InvalidParameterValue"


@pytest.fixture
def sqs(server):
    return client("sqs", server.endpoint)


def make_queue(sqs, fifo=False, name=None, **attributes):
    name = name or unique("queue") + (".fifo" if fifo else "")
    if fifo:
        attributes["FifoQueue"] = "true"
    return sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def arn_of(url):
    return "arn:aws:sqs:%s:%s:%s" % (REGION, ACCOUNT, url.rsplit("/", 1)[1])


def receive(sqs, url, **settings):
    settings = {"MaxNumberOfMessages": 10, "AttributeNames": ["All"], "MessageAttributeNames": ["All"], **settings}
    return sqs.receive_message(QueueUrl=url, **settings).get("Messages", [])


def bodies(messages):
    return [message["Body"] for message in messages]


def delete(sqs, url, message):
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


def counts(sqs, url):
    names = ["ApproximateNumberOfMessages" + kind for kind in ("", "NotVisible", "Delayed")]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return [int(found[name]) for name in names]


def policy(url, count):
    return json.dumps({"deadLetterTargetArn": arn_of(url), "maxReceiveCount": count})


def test_queues(sqs):
    name = unique("life")
    url = make_queue(sqs, name=name, VisibilityTimeout="40")
    assert url.endswith("/%s/%s" % (ACCOUNT, name))
    assert make_queue(sqs, name=name, VisibilityTimeout="40") == url
    code, text = refusal(sqs.create_queue, QueueName=name, Attributes={"VisibilityTimeout": "41"})
    assert code == "QueueAlreadyExists" and text.endswith("a different value for attribute VisibilityTimeout")
    assert sqs.get_queue_url(QueueName=name)["QueueUrl"] == url
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "7"})
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (found["DelaySeconds"], found["VisibilityTimeout"], found["QueueArn"]) == ("7", "40", arn_of(url))
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
    assert refusal(sqs.get_queue_url, QueueName=name) == (
        "AWS.SimpleQueueService.NonExistentQueue",
        "The specified queue does not exist.",
    )
    assert refusal(sqs.create_queue, QueueName="a b")[0] == INVALID
    assert refusal(sqs.create_queue, QueueName=name, Attributes={"Colour": "red"})[0] == "InvalidAttributeName"
    assert refusal(sqs.create_queue, QueueName=name, Attributes={"DelaySeconds": "x"})[0] == "InvalidAttributeValue"


def test_list_in_pages(sqs):
    prefix = unique("listed")
    made = sorted(make_queue(sqs, name="%s-%d" % (prefix, number)) for number in range(5))
    assert sqs.list_queues(QueueNamePrefix=prefix)["QueueUrls"] == made
    pages = sqs.get_paginator("list_queues").paginate(QueueNamePrefix=prefix, PaginationConfig={"PageSize": 2})
    assert [url for page in pages for url in page["QueueUrls"]] == made
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=prefix + "-none")


def test_tags_and_permissions(sqs):
    url = sqs.create_queue(QueueName=unique("tags"), tags={"a": "1"})["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"b": "2", "c": ""})
    sqs.untag_queue(QueueUrl=url, TagKeys=["b"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "1", "c": ""}
    sqs.add_permission(QueueUrl=url, Label="one", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    text = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    assert json.loads(text)["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    again = {"QueueUrl": url, "Label": "one", "AWSAccountIds": ["1"], "Actions": ["SendMessage"]}
    assert refusal(sqs.add_permission, **again)[0] == INVALID
    sqs.remove_permission(QueueUrl=url, Label="one")
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])


def test_message(sqs):
    url = make_queue(sqs)
    body = "grüße \U0001f600\n<&>\"'"
    attributes = {
        "Text": {"DataType": "String", "StringValue": "välue"},
        "Number": {"DataType": "Number.int", "StringValue": "12"},
        "Bytes": {"DataType": "Binary", "BinaryValue": bytes(range(256))},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3fe1be46a994272793"}}
    sent = sqs.send_message(
        QueueUrl=url, MessageBody=body, MessageAttributes=attributes, MessageSystemAttributes=trace
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    [message] = receive(sqs, url)
    assert (message["Body"], message["MessageAttributes"]) == (body, attributes)
    assert message["MessageId"] == sent["MessageId"]
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["AWSTraceHeader"] == trace["AWSTraceHeader"]["StringValue"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert counts(sqs, url) == [0, 1, 0]
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    [again] = receive(sqs, url, AttributeNames=["ApproximateReceiveCount"], MessageAttributeNames=["Te.*"])
    assert again["Attributes"] == {"ApproximateReceiveCount": "2"} and list(again["MessageAttributes"]) == ["Text"]
    assert again["ReceiptHandle"] != message["ReceiptHandle"]
    delete(sqs, url, message)
    assert counts(sqs, url) == [0, 0, 0]
    assert refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle="x")[0] == "ReceiptHandleIsInvalid"


def test_large_messages(sqs):
    url = make_queue(sqs)
    for character in ("x", "\"", "ü"):
        body = character * (1024 * 1024 // len(character.encode()))
        sqs.send_message(QueueUrl=url, MessageBody=body)
        [message] = receive(sqs, url)
        assert message["Body"] == body
        delete(sqs, url, message)
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="x" * (1024 * 1024 + 1)) == (
        INVALID,
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    )


def test_batches(sqs):
    url = make_queue(sqs)
    entries = [{"Id": str(number), "MessageBody": "body %d" % number} for number in range(10)]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in sent["Successful"]] == [entry["Id"] for entry in entries]
    messages = receive(sqs, url)
    assert bodies(messages) == [entry["MessageBody"] for entry in entries]
    handles = [{"Id": str(at), "ReceiptHandle": it["ReceiptHandle"]} for at, it in enumerate(messages)]
    longer = [{**entry, "VisibilityTimeout": 100} for entry in handles]
    assert len(sqs.change_message_visibility_batch(QueueUrl=url, Entries=longer)["Successful"]) == 10
    mixed = [*handles[:9], {"Id": "9", "ReceiptHandle": "x"}]
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=mixed)
    assert len(deleted["Successful"]) == 9
    assert (deleted["Failed"][0]["Id"], deleted["Failed"][0]["Code"]) == ("9", "ReceiptHandleIsInvalid")
    service = "AWS.SimpleQueueService."
    for wrong, code in [
        ([], "EmptyBatchRequest"),
        (entries + [{"Id": "10", "MessageBody": "x"}], "TooManyEntriesInBatchRequest"),
        ([entries[0], entries[0]], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "x"}], "InvalidBatchEntryId"),
        ([{"Id": str(at), "MessageBody": "x" * 600_000} for at in range(2)], "BatchRequestTooLong"),
    ]:
        assert refusal(sqs.send_message_batch, QueueUrl=url, Entries=wrong)[0] == service + code


def test_purge(sqs):
    url = make_queue(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="x")
    sqs.purge_queue(QueueUrl=url)
    assert counts(sqs, url) == [0, 0, 0]
    assert refusal(sqs.purge_queue, QueueUrl=url)[0] == "AWS.SimpleQueueService.PurgeQueueInProgress"


def test_fifo(sqs):
    url = make_queue(sqs, fifo=True, ContentBasedDeduplication="true")
    numbers = {}
    for group, body in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a2"), ("b", "b2")]:
        sent = sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId=group)
        assert numbers.setdefault(body, sent["SequenceNumber"]) == sent["SequenceNumber"]
    assert list(numbers.values()) == sorted(numbers.values())
    first = receive(sqs, url, MaxNumberOfMessages=1, ReceiveRequestAttemptId="try")
    assert receive(sqs, url, MaxNumberOfMessages=1, ReceiveRequestAttemptId="try") == first
    assert bodies(receive(sqs, url)) == ["b1", "b2"]
    assert receive(sqs, url) == []
    delete(sqs, url, first[0])
    assert bodies(receive(sqs, url)) == ["a2"]
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="x")[0] == "MissingParameter"


def test_dead_letters(sqs):
    dead = make_queue(sqs)
    url = make_queue(sqs, RedrivePolicy=policy(dead, 2), VisibilityTimeout="0")
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    sent = sqs.send_message(QueueUrl=url, MessageBody="x")
    assert [bodies(receive(sqs, url)) for _ in range(3)] == [["x"], ["x"], []]
    [message] = receive(sqs, dead, VisibilityTimeout=0)
    assert message["MessageId"] == sent["MessageId"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(url)
    assert message["Attributes"]["ApproximateReceiveCount"] == "3"
    sqs.start_message_move_task(SourceArn=arn_of(dead))

    def completed():
        [task] = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"]
        return task if task["Status"] == "COMPLETED" else None

    assert eventually(completed)["ApproximateNumberOfMessagesMoved"] == 1
    assert bodies(receive(sqs, url)) == ["x"]


def test_cancel_a_move_task(sqs):
    dead, other = make_queue(sqs), make_queue(sqs)
    make_queue(sqs, RedrivePolicy=policy(dead, 2))
    for number in range(5):
        sqs.send_message(QueueUrl=dead, MessageBody=str(number))
    handle = sqs.start_message_move_task(
        SourceArn=arn_of(dead), DestinationArn=arn_of(other), MaxNumberOfMessagesPerSecond=1
    )["TaskHandle"]
    again = refusal(sqs.start_message_move_task, SourceArn=arn_of(dead))
    assert again[1].startswith("There is already a task running.")
    sqs.cancel_message_move_task(TaskHandle=handle)

    def cancelled():
        [task] = sqs.list_message_move_tasks(SourceArn=arn_of(dead))["Results"]
        return task["Status"] == "CANCELLED"

    eventually(cancelled)
    assert counts(sqs, dead)[0] + counts(sqs, other)[0] == 5
    assert refusal(sqs.cancel_message_move_task, TaskHandle="x")[0] == INVALID


def test_a_wait_ends_when_a_message_comes(sqs):
    url = make_queue(sqs)
    # Far from the 20 seconds that they would wait.
    with ThreadPoolExecutor(4) as pool:
        waits = [pool.submit(receive, sqs, url, WaitTimeSeconds=20, MaxNumberOfMessages=1) for _ in range(4)]
        time.sleep(0.3)
        began = time.monotonic()
        for number in range(4):
            sqs.send_message(QueueUrl=url, MessageBody=str(number))
        found = sorted(body for wait in waits for body in bodies(wait.result()))
    assert found == ["0", "1", "2", "3"] and time.monotonic() - began < 15
    began = time.monotonic()
    assert receive(sqs, url, WaitTimeSeconds=1) == []
    assert time.monotonic() - began >= 0.9


def test_a_delay_ends_while_one_waits(sqs):
    url = make_queue(sqs)
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=1)
    assert counts(sqs, url) == [0, 0, 1]
    assert bodies(receive(sqs, url, WaitTimeSeconds=20)) == ["x"]


def test_the_query_protocol(server, sqs):
    url = make_queue(sqs)

    def ask(to, **form):
        data = urllib.parse.urlencode({"Version": "2012-11-05", **form}).encode()
        date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        scope = "%s/%s/sqs/aws4_request" % (date[:8], REGION)
        sign = "AWS4-HMAC-SHA256 Credential=test/%s, SignedHeaders=host;x-amz-date, Signature=%s" % (scope, "0" * 64)
        request = urllib.request.Request(to, data=data, headers={"Authorization": sign, "X-Amz-Date": date})
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    status, text = ask(
        url,
        Action="SendMessage",
        MessageBody="a&b",
        **{
            "MessageAttribute.1.Name": "Foo",
            "MessageAttribute.1.Value.DataType": "String",
            "MessageAttribute.1.Value.StringValue": "Bar",
        },
    )
    assert status == 200 and "<MD5OfMessageAttributes>ae7155c6026991b6d54b11589678bf9c<" in text
    status, text = ask(server.endpoint, Action="ReceiveMessage", QueueUrl=url, **{"AttributeName.1": "All"})
    assert status == 200 and "<Body>a&amp;b</Body>" in text and "<Name>SentTimestamp</Name>" in text
    status, text = ask(url + "-none", Action="ReceiveMessage")
    assert status == 400 and "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in text


def test_the_cli(server, aws):  # noqa: F811
    # Named: without it the CLI takes AWS's own endpoint for SQS, whatever AWS_ENDPOINT_URL says.
    def run(*arguments, **settings):
        return aws("--endpoint-url", server.endpoint, "sqs", *arguments, **settings)

    name = unique("cli")
    url = run("create-queue", "--queue-name", name)["QueueUrl"]
    run("send-message", "--queue-url", url, "--message-body", "hello")
    [message] = run("receive-message", "--queue-url", url)["Messages"]
    assert message["Body"] == "hello"
    run("delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
    assert url in run("list-queues", "--queue-name-prefix", name)["QueueUrls"]
    run("delete-queue", "--queue-url", url)
    assert "NonExistentQueue" in run("receive-message", "--queue-url", url, fails=True)


def test_a_kill_loses_nothing_and_revives_nothing(make_server):
    server = make_server().start()
    sqs = client("sqs", server.endpoint)
    url = make_queue(sqs, name="killed")
    held = make_queue(sqs, name="held", VisibilityTimeout="3600")
    sqs.send_message(QueueUrl=held, MessageBody="held")
    [before] = receive(sqs, held)
    sent, deleted, killed = set(), set(), threading.Event()

    def work(number):
        own = client("sqs", server.endpoint)
        try:
            for turn in range(1_000_000):
                body = "%d-%d" % (number, turn)
                own.send_message(QueueUrl=url, MessageBody=body)
                sent.add(body)
                for message in receive(own, url, MaxNumberOfMessages=1 + turn % 2, VisibilityTimeout=1):
                    if turn % 3:
                        delete(own, url, message)
                        deleted.add(message["Body"])
        except Exception:
            # Cut off by the kill, as it must be.
            assert killed.is_set() or killed.wait(5)

    with ThreadPoolExecutor(8) as pool:
        workers = [pool.submit(work, number) for number in range(8)]
        eventually(lambda: len(deleted) > 200)
        killed.set()
        server.kill()
        for worker in workers:
            worker.result()
    server.start()
    sqs = client("sqs", server.endpoint)
    assert counts(sqs, held) == [0, 1, 0]
    delete(sqs, held, before)
    assert counts(sqs, held) == [0, 0, 0]
    found, empty = set(), 0
    while empty < 2:
        messages = receive(sqs, url, WaitTimeSeconds=2)
        empty = 0 if messages else empty + 1
        for message in messages:
            found.add(message["Body"])
            delete(sqs, url, message)
    assert not deleted & found, "deleted, and back"
    assert sent - deleted <= found, "sent, and lost"


def test_a_stop_ends_the_waits(make_server):
    server = make_server(config="drain_ms = 1000\n").start()
    sqs = client("sqs", server.endpoint)
    url = make_queue(sqs)
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(receive, sqs, url, WaitTimeSeconds=20)
        time.sleep(0.5)
        began = time.monotonic()
        server.stop()
        # Answered with nothing, or told to ask again; in any case at once.
        wait.exception()
    assert time.monotonic() - began < 15
