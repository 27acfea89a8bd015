"""SNS over the wire: topics, subscriptions, and deliveries to queues, functions and
HTTP endpoints, also across kill -9."""

import base64
import json
import random
import ssl
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest
import rsa
from botocore.exceptions import BotoCoreError, ClientError
from pyasn1.codec.der import decoder

from server import ACCOUNT, REGION, client
from workflows import create_function, eventually, unique

# Bounds against hanging only.
SECONDS_MAX = 120
LOCAL = 'drain_ms = 1000\n[outgoing]\nallow = ["127.0.0.1"]\n'

FORWARD = """
import boto3, json, os

def handler(event, context):
    queue = boto3.client("sqs", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    queue.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(event))
"""


@pytest.fixture
def sns(server):
    return client("sns", server.endpoint)


@pytest.fixture
def sqs(server):
    return client("sqs", server.endpoint)


def create_queue(sqs, name=None, **attributes):
    url = sqs.create_queue(QueueName=name or unique("queue"), Attributes=attributes)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def subscribe(sns, topic, endpoint, protocol="sqs", **attributes):
    answer = sns.subscribe(
        TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes, ReturnSubscriptionArn=True
    )
    return answer["SubscriptionArn"]


def receive(sqs, url, count):
    """That many messages, deleted."""
    messages, until = [], time.monotonic() + SECONDS_MAX
    while len(messages) < count:
        assert time.monotonic() < until, "%d of %d messages came" % (len(messages), count)
        found = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1,
            AttributeNames=["All"], MessageAttributeNames=["All"],
        ).get("Messages", [])
        for message in found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        messages += found
    return messages


def get(url):
    """Follows a link as anyone could."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def verify(document):
    """Checks a signature as receivers do, with the certificate that is linked."""
    status, pem = get(document["SigningCertURL"])
    assert status == 200
    ssl.create_default_context().load_verify_locations(cadata=pem)
    certificate = decoder.decode(ssl.PEM_cert_to_DER_cert(pem))[0]
    numbers = decoder.decode(certificate[0][6][1].asOctets())[0]
    key = rsa.PublicKey(int(numbers[0]), int(numbers[1]))
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join("%s\n%s\n" % (name, document[name]) for name in names if name in document)
    used = rsa.verify(signed.encode(), base64.b64decode(document["Signature"]), key)
    assert used == {"1": "SHA-1", "2": "SHA-256"}[document["SignatureVersion"]]


def test_queues_get_signed_envelopes_and_raw_messages(sns, sqs):
    for version in ("1", "2"):
        topic = sns.create_topic(Name=unique("topic"), Attributes={"SignatureVersion": version})["TopicArn"]
        plain, plain_arn = create_queue(sqs)
        raw, raw_arn = create_queue(sqs)
        arn = subscribe(sns, topic, plain_arn)
        subscribe(sns, topic, raw_arn, RawMessageDelivery="true")
        attributes = {
            "number": {"DataType": "Number", "StringValue": "1.5"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x02\x03\x04"},
        }
        published = sns.publish(TopicArn=topic, Message="ü & <b>", Subject="Hello", MessageAttributes=attributes)
        [message] = receive(sqs, plain, 1)
        document = json.loads(message["Body"])
        assert document["MessageId"] == published["MessageId"]
        assert (document["Message"], document["Subject"], document["TopicArn"]) == ("ü & <b>", "Hello", topic)
        assert document["UnsubscribeURL"].endswith("/?Action=Unsubscribe&SubscriptionArn=" + arn)
        assert document["MessageAttributes"]["bytes"] == {"Type": "Binary", "Value": "AgME"}
        verify(document)
        [message] = receive(sqs, raw, 1)
        assert message["Body"] == "ü & <b>"
        assert message["MessageAttributes"]["number"] == {"DataType": "Number", "StringValue": "1.5"}
        assert message["MessageAttributes"]["bytes"]["BinaryValue"] == b"\x02\x03\x04"


def test_filter_policies(sns, sqs):
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    red, red_arn = create_queue(sqs)
    body, body_arn = create_queue(sqs)
    subscribe(sns, topic, red_arn, RawMessageDelivery="true", FilterPolicy=json.dumps({"color": ["red", {"prefix": "dark"}]}))
    subscribe(sns, topic, body_arn, RawMessageDelivery="true", FilterPolicyScope="MessageBody",
              FilterPolicy=json.dumps({"order": {"total": [{"numeric": [">=", 100]}]}}))
    def color(name):
        return {"color": {"DataType": "String", "StringValue": name}}
    sns.publish(TopicArn=topic, Message="1", MessageAttributes=color("blue"))
    sns.publish(TopicArn=topic, Message="2", MessageAttributes=color("dark blue"))
    sns.publish(TopicArn=topic, Message=json.dumps({"order": {"total": 99}}))
    sns.publish(TopicArn=topic, Message=json.dumps({"order": [{"total": 1}, {"total": 100}]}), MessageAttributes=color("red"))
    assert {message["Body"] for message in receive(sqs, red, 2)} == {"2", '{"order": [{"total": 1}, {"total": 100}]}'}
    assert [message["Body"] for message in receive(sqs, body, 1)] == ['{"order": [{"total": 1}, {"total": 100}]}']
    with pytest.raises(sns.exceptions.InvalidParameterException, match="FilterPolicy: Empty arrays are not allowed"):
        subscribe(sns, topic, "arn:aws:sqs:%s:%s:x" % (REGION, ACCOUNT), FilterPolicy='{"a": []}')


def test_fifo_topics_keep_order_and_know_repeats(sns, sqs):
    topic = sns.create_topic(
        Name=unique("topic") + ".fifo", Attributes={"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    )["TopicArn"]
    url, arn = create_queue(sqs, unique("queue") + ".fifo", FifoQueue="true")
    subscribe(sns, topic, arn, RawMessageDelivery="true")
    numbers = []
    for first in range(0, 50, 10):
        entries = [
            {"Id": str(number), "Message": "message %02d" % number, "MessageGroupId": "group%d" % (number % 3)}
            for number in range(first, first + 10)
        ]
        answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        assert not answer["Failed"]
        numbers += [one["SequenceNumber"] for one in answer["Successful"]]
        again = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        assert [one["SequenceNumber"] for one in again["Successful"]] == numbers[-10:]
    assert numbers == sorted(set(numbers))
    received = receive(sqs, url, 50)
    assert len({message["Body"] for message in received}) == 50
    for group in range(3):
        bodies = [m["Body"] for m in received if m["Attributes"]["MessageGroupId"] == "group%d" % group]
        assert bodies == sorted(bodies)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_functions_get_records(server, sns, sqs, awslambda):
    url, _ = create_queue(sqs)
    function = create_function(awslambda, FORWARD, variables={"QUEUE_URL": url})["FunctionArn"]
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    arn = subscribe(sns, topic, function, "lambda")
    sns.publish(TopicArn=topic, Message="to a function", Subject="Subject")
    event = json.loads(receive(sqs, url, 1)[0]["Body"])
    [record] = event["Records"]
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", arn)
    assert (record["Sns"]["Message"], record["Sns"]["Subject"]) == ("to a function", "Subject")
    verify({**record["Sns"], "SigningCertURL": record["Sns"]["SigningCertUrl"]})


def test_dead_letters(sns, sqs):
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    gone, gone_arn = create_queue(sqs)
    dead, dead_arn = create_queue(sqs)
    subscribe(sns, topic, gone_arn, RawMessageDelivery="true", RedrivePolicy=json.dumps({"deadLetterTargetArn": dead_arn}))
    sqs.delete_queue(QueueUrl=gone)
    sns.publish(TopicArn=topic, Message="nobody is there")
    assert receive(sqs, dead, 1)[0]["Body"] == "nobody is there"


class Endpoint:
    """An HTTP endpoint of the test's own."""

    def __init__(self):
        self.requests = Queue()
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.end_headers()
                requests.put((self.headers, body.decode()))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        headers, body = self.requests.get(timeout=SECONDS_MAX)
        return headers, json.loads(body)


def test_http_endpoints_confirm_by_link(make_server):
    server = make_server(config=LOCAL).start()
    sns = client("sns", server.endpoint)
    endpoint = Endpoint()
    topic = sns.create_topic(Name="topic")["TopicArn"]
    assert sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint.url)["SubscriptionArn"] == "pending confirmation"
    headers, asked = endpoint.next()
    assert headers["x-amz-sns-message-type"] == asked["Type"] == "SubscriptionConfirmation"
    assert headers["x-amz-sns-topic-arn"] == topic
    verify(asked)
    status, text = get(asked["SubscribeURL"].replace(topic, topic + "x"))
    assert status == 400 and "<Code>InvalidParameter</Code>" in text and "Invalid parameter: Topic<" in text
    status, text = get(asked["SubscribeURL"])
    assert status == 200 and "<SubscriptionArn>%s:" % topic in text
    sns.publish(TopicArn=topic, Message="one")
    headers, notified = endpoint.next()
    assert (headers["x-amz-sns-message-type"], notified["Message"]) == ("Notification", "one")
    verify(notified)
    assert get(notified["UnsubscribeURL"])[0] == 200
    _, told = endpoint.next()
    assert told["Type"] == "UnsubscribeConfirmation"
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []
    assert get(told["SubscribeURL"])[0] == 200
    sns.publish(TopicArn=topic, Message="two")
    assert endpoint.next()[1]["Message"] == "two"
    # Any other unsigned request is refused as ever.
    assert get("%s/?Action=DeleteTopic&TopicArn=%s" % (server.endpoint, topic))[0] in (400, 403)
    assert sns.list_topics()["Topics"] == [{"TopicArn": topic}]


def test_errors_are_the_sdks(sns):
    missing = "arn:aws:sns:%s:%s:missing" % (REGION, ACCOUNT)
    with pytest.raises(sns.exceptions.NotFoundException, match="Topic does not exist"):
        sns.publish(TopicArn=missing, Message="x")
    with pytest.raises(sns.exceptions.InvalidParameterException, match="An ARN must have at least 6 elements, not 1"):
        sns.publish(TopicArn="x", Message="x")
    with pytest.raises(sns.exceptions.ResourceNotFoundException):
        sns.list_tags_for_resource(ResourceArn=missing)
    topic = sns.create_topic(Name=unique("topic"), Tags=[{"Key": "a", "Value": "b"}])["TopicArn"]
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "a", "Value": "b"}]
    with pytest.raises(sns.exceptions.EmptyBatchRequestException):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[])


def test_kills_lose_no_message(make_server):
    """Publishes while the server is killed again and again; what was acknowledged
    arrives at every queue, in order where the topic says so."""
    choice = random.Random(7)
    server = make_server(config=LOCAL).start()

    def make(name):
        return client(name, server.endpoint, read_timeout=30, connect_timeout=5)

    sns, sqs = make("sns"), make("sqs")
    standard = sns.create_topic(Name="standard")["TopicArn"]
    fifo = sns.create_topic(Name="first.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    queues = {"a": standard, "b": standard, "c.fifo": fifo, "d.fifo": fifo}
    urls = {}
    for name, topic in queues.items():
        settings = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        urls[name], arn = create_queue(sqs, name, VisibilityTimeout="30", **settings)
        subscribe(sns, topic, arn, RawMessageDelivery="true")
    acknowledged, stopping, failures = {standard: [], fifo: []}, threading.Event(), []

    def publish(topic):
        client_, number = make("sns"), 0
        while not stopping.is_set():
            more = {"MessageGroupId": "group", "MessageDeduplicationId": str(number)} if topic == fifo else {}
            try:
                client_.publish(TopicArn=topic, Message="%06d" % number, **more)
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    failures.append(error)
                    return
            except BotoCoreError:
                pass
            else:
                acknowledged[topic].append("%06d" % number)
                number += 1
                continue
            # A FIFO topic knows the repeat; a standard one may send it twice.
            time.sleep(0.02)

    threads = [threading.Thread(target=publish, args=(topic,)) for topic in (standard, fifo)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        time.sleep(0.3 + choice.random())
        server.kill()
        server.start()
    stopping.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
    sqs = make("sqs")
    for name, topic in queues.items():
        expected, received = set(acknowledged[topic]), []
        assert len(expected) > 20, "too little was published to learn from"
        until = time.monotonic() + SECONDS_MAX
        while not expected <= set(received):
            assert time.monotonic() < until, "%s lacks %s" % (name, sorted(expected - set(received))[:5])
            received += [message["Body"] for message in receive(sqs, urls[name], 1)]
        if name.endswith(".fifo"):
            assert received == sorted(set(received)), "order or repeats in %s" % name
    eventually(lambda: counted(server, "windlass_sns_messages_in_flight") == 0)


def counted(server, name):
    _, text = get(server.endpoint + "/_windlass/metrics")
    [line] = [line for line in text.splitlines() if line.startswith(name + " ")]
    return float(line.split()[1])
