"""kill -9 at random moments while queues, topics, buckets, buses, functions and
schedules are at work: no message is lost, none is delivered beyond the service's
promise, no schedule is missed or fires twice.

KILL_CYCLES says how often the server is killed, KILL_SEED repeats a run's
choices (not its timing).
"""

import itertools
import json
import os
import random
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from botocore.exceptions import BotoCoreError, ClientError

from server import ROLE, Server, client
from workflows import chain, create_function, create_machine

CYCLES = int(os.environ.get("KILL_CYCLES", "50"))
SEED = int(os.environ.get("KILL_SEED", str(random.SystemRandom().randrange(2**32))))
# A bound against hanging only.
QUIET_SECONDS_MAX = 300
# Longer than any pause of the consumers, so that nothing comes back while it is worked on.
VISIBILITY_SECONDS = 20

ECHO = """
import json, os, urllib.parse, urllib.request

# In open mode any signature will do, so the function needs no SDK.
HEADERS = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
    "X-Amz-Date": "20260101T000000Z",
    "X-Amz-Target": "AmazonSQS.SendMessage",
    "Content-Type": "application/x-amz-json-1.0",
}

def handler(event, context):
    body = event["Records"][0]["Sns"]["Message"]
    document = json.dumps({"QueueUrl": os.environ["QUEUE_URL"], "MessageBody": body}).encode()
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], document, HEADERS)
    return json.load(urllib.request.urlopen(request))
"""


@dataclass
class World:
    """What the clients did and what they were told."""

    server: Server
    stopping: threading.Event = field(default_factory=threading.Event)
    finishing: threading.Event = field(default_factory=threading.Event)
    failures: list = field(default_factory=list)
    # Kind to the bodies that were tried, and those that were acknowledged.
    tried: dict = field(default_factory=lambda: defaultdict(Counter))
    acknowledged: dict = field(default_factory=lambda: defaultdict(set))
    # Queue to what was received: (body, message id), in order.
    received: dict = field(default_factory=lambda: defaultdict(list))
    # Queue to the message ids whose deletion was acknowledged.
    deleted: dict = field(default_factory=lambda: defaultdict(set))
    back: list = field(default_factory=list)
    objects: dict = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def client(self, name):
        return client(name, self.server.endpoint, read_timeout=30, connect_timeout=5)

    def guarded(self, work, *arguments):
        def run():
            try:
                work(*arguments)
            except BaseException as error:
                self.failures.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def persist(self, call, **arguments):
        """Repeats a call until the server, whichever it is by then, answers it."""
        tries = 0
        while not self.stopping.is_set():
            tries += 1
            try:
                return call(**arguments), tries
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    raise
            except BotoCoreError:
                pass
            time.sleep(0.01)
        return None, tries

    def load(self, kind, call):
        """Calls with one body after the other; each is acknowledged in the end."""
        pause = random.Random("%s/%s" % (SEED, kind))
        for number in itertools.count():
            if self.finishing.is_set():
                return
            body = "%s-%d" % (kind, number)
            while not self.stopping.is_set():
                with self.lock:
                    self.tried[kind][body] += 1
                try:
                    call(body, number)
                except ClientError as error:
                    if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                        raise
                except BotoCoreError:
                    pass
                else:
                    with self.lock:
                        self.acknowledged[kind].add(body)
                    break
                time.sleep(0.01)
            time.sleep(pause.random() * 0.05)

    def consume(self, name, url):
        queue = self.client("sqs")
        while not self.stopping.is_set():
            try:
                found = queue.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            except (BotoCoreError, ClientError):
                time.sleep(0.02)
                continue
            for message in found.get("Messages", []):
                with self.lock:
                    if message["MessageId"] in self.deleted[name]:
                        self.back.append((name, message["MessageId"], message["Body"]))
                    self.received[name].append((message["Body"], message["MessageId"]))
                handle = message["ReceiptHandle"]
                try:
                    if self.persist(queue.delete_message, QueueUrl=url, ReceiptHandle=handle)[0] is None:
                        continue
                except ClientError as error:
                    # A FIFO queue refuses the handle of a message that is visible again: it comes again.
                    assert "receipt handle has expired" in str(error), error
                    continue
                with self.lock:
                    self.deleted[name].add(message["MessageId"])


def test_services_survive_kills(tmp_path):
    print("KILL_SEED=%d KILL_CYCLES=%d" % (SEED, CYCLES))
    choice = random.Random(SEED)
    server = Server(tmp_path / "server").start()
    try:
        world = World(server)
        urls, calls = make(world)
        producers = [world.guarded(world.load, kind, call) for kind, call in calls.items()]
        consumers = [world.guarded(world.consume, name, url) for name, url in urls.items()]
        try:
            for _ in range(CYCLES):
                time.sleep(choice.random() ** 2 * 3)
                server.kill()
                if choice.random() < 0.2:
                    server.launch()
                    time.sleep(choice.random() * 0.3)
                    server.kill()
                server.start()
            world.finishing.set()
            for producer in producers:
                producer.join(60)
            assert not world.failures, world.failures
            wait_until_quiet(world, urls)
            assert not world.failures, world.failures
            judge(world)
        finally:
            world.finishing.set()
            world.stopping.set()
            for consumer in consumers:
                consumer.join(5)
        server.stop()
    finally:
        server.kill()


def make(world):
    """Makes everything, and answers the queues to consume and the calls to make."""
    sqs, sns, events = world.client("sqs"), world.client("sns"), world.client("events")
    states, functions, s3 = world.client("stepfunctions"), world.client("lambda"), world.client("s3")
    scheduler = world.client("scheduler")

    visible = {"VisibilityTimeout": str(VISIBILITY_SECONDS)}
    names = ["plain", "topic", "copied", "bus", "files", "tasks", "schedules", "functions"]
    urls = {name: sqs.create_queue(QueueName=name, Attributes=visible)["QueueUrl"] for name in names}
    for name in ("ordered", "ordered-topic"):
        attributes = {**visible, "FifoQueue": "true"}
        urls[name] = sqs.create_queue(QueueName=name + ".fifo", Attributes=attributes)["QueueUrl"]
    arns = {
        name: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for name, url in urls.items()
    }

    topic = sns.create_topic(Name="topic")["TopicArn"]
    for name in ("topic", "copied"):
        raw = {"RawMessageDelivery": "true"}
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arns[name], Attributes=raw)
    fifo_topic = sns.create_topic(Name="topic.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=fifo_topic, Protocol="sqs", Endpoint=arns["ordered-topic"], Attributes=raw)

    variables = {"QUEUE_URL": urls["functions"]}
    function = create_function(functions, ECHO, "echo", variables=variables)["FunctionArn"]
    function_topic = sns.create_topic(Name="function-topic")["TopicArn"]
    sns.subscribe(TopicArn=function_topic, Protocol="lambda", Endpoint=function)

    send = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Arguments": {"QueueUrl": urls["tasks"], "MessageBody": "{% $states.context.Execution.Input.body %}"},
        # Our own services are called again after a crash, not failed: there is nothing to retry.
    }
    machine = create_machine(states, {"QueryLanguage": "JSONata", **chain(("Send", send))}, "sender")
    events.put_rule(Name="placed", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="placed", Targets=[
        {"Id": "queue", "Arn": arns["bus"], "InputPath": "$.detail.body"},
        {"Id": "machine", "Arn": machine, "RoleArn": ROLE, "InputPath": "$.detail"},
    ])

    s3.create_bucket(Bucket="files")
    s3.put_bucket_notification_configuration(
        Bucket="files",
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arns["files"], "Events": ["s3:ObjectCreated:*"]}]
        },
    )

    def publish(body, number):
        sns.publish(TopicArn=topic, Message=body)

    def publish_in_order(body, number):
        sns.publish(TopicArn=fifo_topic, Message=body, MessageGroupId="g%d" % (number % 3), MessageDeduplicationId=body)

    def put_event(body, number):
        entry = {"Source": "shop", "DetailType": "placed", "Detail": json.dumps({"body": body})}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    def put_object(body, number):
        content = (body + "/").encode() * (1 + number % 50 * 1000)
        s3.put_object(Bucket="files", Key=body, Body=content)
        world.objects[body] = content

    def put_schedule(body, number):
        at = datetime.now(timezone.utc) + timedelta(seconds=2 + number % 5)
        try:
            scheduler.create_schedule(
                Name=body,
                ScheduleExpression="at(%s)" % at.strftime("%Y-%m-%dT%H:%M:%S"),
                FlexibleTimeWindow={"Mode": "OFF"},
                ActionAfterCompletion="DELETE" if goes_away(body) else "NONE",
                Target={"Arn": arns["schedules"], "RoleArn": ROLE, "Input": body},
            )
        except scheduler.exceptions.ConflictException:
            # An earlier try came through, unheard.
            pass

    calls = {
        "plain": lambda body, number: sqs.send_message(QueueUrl=urls["plain"], MessageBody=body),
        "ordered": lambda body, number: sqs.send_message(
            QueueUrl=urls["ordered"],
            MessageBody=body,
            MessageGroupId="g%d" % (number % 3),
            MessageDeduplicationId=body,
        ),
        "topic": publish,
        "ordered-topic": publish_in_order,
        "bus": put_event,
        "files": put_object,
        "schedules": put_schedule,
        "functions": lambda body, number: sns.publish(TopicArn=function_topic, Message=body),
    }
    return urls, calls


def wait_until_quiet(world, urls):
    """Until every queue is empty and every start has ended."""
    sqs, states = world.client("sqs"), world.client("stepfunctions")
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    until = time.monotonic() + QUIET_SECONDS_MAX
    # What must have come: later is too late for nothing but the clock of this test.
    expected = {
        "plain": "plain", "topic": "topic", "copied": "topic", "bus": "bus", "tasks": "bus", "files": "files",
        "schedules": "schedules", "functions": "functions", "ordered": "ordered", "ordered-topic": "ordered-topic",
    }
    while True:
        missing = {}
        with world.lock:
            for queue, kind in expected.items():
                bodies = {key(queue, body) for body, _ in world.received[queue]}
                left = world.acknowledged[kind] - bodies
                if left:
                    missing[queue] = (len(left), sorted(left)[:3])
        attributes = [sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"] for url in urls.values()]
        if not missing and all(one[count] == "0" for one in attributes for count in counts):
            return
        assert not world.failures, world.failures
        assert time.monotonic() < until, "acknowledged, but never received: %s" % missing
        time.sleep(0.5)


def goes_away(schedule):
    return int(schedule.rsplit("-", 1)[1]) % 2 == 1


def key(queue, body):
    """The body that was sent, as the message that came for it says."""
    if queue == "files" and body.startswith("{"):
        records = json.loads(body).get("Records")
        return records[0]["s3"]["object"]["key"] if records else body
    return json.loads(body) if body.startswith('"') else body


def judge(world):
    assert not world.back, "messages that came back after their deletion was acknowledged: %s" % world.back[:5]
    sources = {
        "plain": "plain", "topic": "topic", "copied": "topic", "bus": "bus", "tasks": "bus", "files": "files",
        "schedules": "schedules", "functions": "functions", "ordered": "ordered", "ordered-topic": "ordered-topic",
    }
    for queue, kind in sources.items():
        copies = defaultdict(set)
        for body, message in world.received[queue]:
            body = key(queue, body)
            if queue == "files" and body.startswith("{"):
                continue  # the test event of the notification itself
            assert body in world.tried[kind], "%s: nobody sent %s" % (queue, body)
            copies[body].add(message)
        for body, messages in copies.items():
            # One message for each try that may have come through. A deduplicated body and a
            # schedule that stays have one, however often they were tried; the name of one that
            # went away is free for the next try. A function may be called again.
            once = kind in ("ordered", "ordered-topic") or (kind == "schedules" and not goes_away(body))
            allowed = 1 if once else world.tried[kind][body]
            if queue != "functions":
                assert len(messages) <= allowed, "%s: %s came %d times" % (queue, body, len(messages))
    for queue in ("ordered", "ordered-topic"):
        in_order(world, queue)
    s3 = world.client("s3")
    for name, content in world.objects.items():
        assert s3.get_object(Bucket="files", Key=name)["Body"].read() == content, name
    listed = {one["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket="files") for one in page.get("Contents", [])}
    assert world.acknowledged["files"] <= listed <= set(world.tried["files"])
    pages = world.client("scheduler").get_paginator("list_schedules").paginate()
    left = [one["Name"] for page in pages for one in page["Schedules"] if goes_away(one["Name"])]
    assert not left, "schedules that fired and did not go away: %s" % left[:5]
    assert min(len(bodies) for bodies in world.acknowledged.values()) > CYCLES / 2, "the load was too small"
    print({kind: len(bodies) for kind, bodies in world.acknowledged.items()})


def in_order(world, queue):
    """The first time that a group's messages came, they came in the order of their sending."""
    seen, last = set(), defaultdict(lambda: -1)
    for body, _ in world.received[queue]:
        if body in seen:
            continue
        seen.add(body)
        number = int(body.rsplit("-", 1)[1])
        group = number % 3
        assert last[group] < number, "%s: %s came behind %d" % (queue, body, last[group])
        last[group] = number
