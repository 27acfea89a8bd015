"""EventBridge: rules, targets, archives, replays, schedules, connections."""

import datetime
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from messages import bodies, clients, create_queue, no_more, received
from server import ACCOUNT, REGION, ROLE, client
from workflows import PASS, create_function, create_machine, ended, eventually, refusal, unique

DEFAULT_BUS = "arn:aws:events:%s:%s:event-bus/default" % (REGION, ACCOUNT)


@pytest.fixture(scope="session")
def events(server):
    return client("events", server.endpoint)


@pytest.fixture(scope="session")
def sqs(server):
    return client("sqs", server.endpoint)


def create_rule(events, source, *targets, bus="default"):
    name = unique("rule")
    events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps({"source": [source]}))
    listed = [{"Id": str(number), **target} for number, target in enumerate(targets)]
    assert events.put_targets(Rule=name, EventBusName=bus, Targets=listed)["FailedEntryCount"] == 0
    return name


def put(events, source, detail, **entry):
    entry = {"Source": source, "DetailType": "test", "Detail": json.dumps(detail), **entry}
    answer = events.put_events(Entries=[entry])
    assert answer["FailedEntryCount"] == 0, answer
    return answer["Entries"][0]["EventId"]


def test_an_event_reaches_a_queue(events, sqs):
    url, arn = create_queue(sqs)
    source = unique("source")
    rule = create_rule(events, source, {"Arn": arn})
    put(events, "another", {})
    sent = put(events, source, {"n": 1.5}, Resources=["a"], Time=datetime.datetime(2026, 1, 2, 3, 4, 5))
    [event] = bodies(sqs, url, 1)
    assert event == {
        "version": "0",
        "id": sent,
        "detail-type": "test",
        "source": source,
        "account": ACCOUNT,
        "time": "2026-01-02T03:04:05Z",
        "region": REGION,
        "resources": ["a"],
        "detail": {"n": 1.5},
    }
    no_more(sqs, url)
    assert events.list_rule_names_by_target(TargetArn=arn)["RuleNames"] == [rule]
    assert refusal(events.delete_rule, Name=rule) == ("ValidationException", "Rule can't be deleted since it has targets.")
    events.remove_targets(Rule=rule, Ids=["0"])
    events.delete_rule(Name=rule)
    assert refusal(events.describe_rule, Name=rule)[0] == "ResourceNotFoundException"


def test_a_transformed_event_reaches_a_topic(server, events, sqs):
    [sns] = clients(server, "sns")
    url, arn = create_queue(sqs)
    topic = sns.create_topic(Name=unique("topic"))["TopicArn"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    source = unique("source")
    transformer = {"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '"<who> did it by <aws.events.rule-name>"'}
    rule = create_rule(events, source, {"Arn": topic, "InputTransformer": transformer})
    put(events, source, {"who": "she"})
    assert bodies(sqs, url, 1) == ["she did it by %s" % rule]


def test_an_event_starts_an_execution(events, states):
    machine = create_machine(states, PASS)
    source = unique("source")
    create_rule(events, source, {"Arn": machine, "RoleArn": ROLE, "InputPath": "$.detail"})
    sent = put(events, source, {"n": 1})
    [execution] = eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    assert execution["name"].startswith(sent)
    assert json.loads(ended(states, execution["executionArn"])["input"]) == {"n": 1}
    [rule] = events.list_rule_names_by_target(TargetArn=machine)["RuleNames"]
    refused = refusal(events.put_targets, Rule=rule, Targets=[{"Id": "a", "Arn": machine}])
    assert refused == ("ValidationException", "RoleArn is required for target %s." % machine)


def test_an_event_invokes_a_function(events, awslambda, tmp_path):
    source_text = """
import json, os

def handler(event, context):
    with open(os.environ["FILE"] + ".part", "w") as file:
        json.dump(event, file)
    os.replace(os.environ["FILE"] + ".part", os.environ["FILE"])
"""
    file = tmp_path / "event"
    function = create_function(awslambda, source_text, variables={"FILE": str(file)})
    source = unique("source")
    create_rule(events, source, {"Arn": function["FunctionArn"], "Input": json.dumps({"constant": True})})
    put(events, source, {})
    eventually(file.exists)
    assert json.loads(file.read_text()) == {"constant": True}


def test_a_bus_passes_on_to_another(events, sqs):
    url, arn = create_queue(sqs)
    bus = unique("bus")
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    source = unique("source")
    create_rule(events, source, {"Arn": bus_arn, "RoleArn": ROLE})
    create_rule(events, source, {"Arn": arn}, bus=bus)
    put(events, source, {"n": 1})
    assert bodies(sqs, url, 1)[0]["detail"] == {"n": 1}


def test_what_cannot_be_delivered_is_buried(events, sqs):
    dead_url, dead_arn = create_queue(sqs)
    source = unique("source")
    gone = "arn:aws:sqs:%s:%s:no-such-queue" % (REGION, ACCOUNT)
    rule = create_rule(events, source, {"Arn": gone, "DeadLetterConfig": {"Arn": dead_arn}})
    sent = put(events, source, {})
    [letter] = received(sqs, dead_url, 1)
    assert json.loads(letter["Body"])["id"] == sent
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["RULE_ARN"] == events.describe_rule(Name=rule)["Arn"]
    assert attributes["TARGET_ARN"] == gone
    assert attributes["RETRY_ATTEMPTS"] == "0"
    assert "QueueDoesNotExist" in attributes["ERROR_CODE"] or "NonExistentQueue" in attributes["ERROR_CODE"]


def test_archive_and_replay(events, sqs):
    url, arn = create_queue(sqs)
    source = unique("source")
    archive = unique("archive")
    pattern = json.dumps({"source": [source]})
    made = events.create_archive(ArchiveName=archive, EventSourceArn=DEFAULT_BUS, EventPattern=pattern, RetentionDays=1)
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=1)
    sent = {put(events, source, {"n": number}) for number in range(20)}
    assert events.describe_archive(ArchiveName=archive)["EventCount"] == 20
    create_rule(events, source, {"Arn": arn})
    replay = unique("replay")
    events.start_replay(
        ReplayName=replay,
        EventSourceArn=made["ArchiveArn"],
        EventStartTime=before,
        EventEndTime=before + datetime.timedelta(minutes=10),
        Destination={"Arn": DEFAULT_BUS},
    )
    replayed = bodies(sqs, url, 20)
    assert {event["id"] for event in replayed} == sent
    assert {event["replay-name"] for event in replayed} == {replay}
    eventually(lambda: events.describe_replay(ReplayName=replay)["State"] == "COMPLETED")
    no_more(sqs, url)


def test_secrets_of_connections_are_not_shown(server, events):
    name = unique("connection")
    secret = "planted-%s" % name
    made = events.create_connection(
        Name=name,
        AuthorizationType="BASIC",
        AuthParameters={"BasicAuthParameters": {"Username": "me", "Password": secret}},
    )
    assert made["ConnectionState"] == "AUTHORIZED"
    shown = events.describe_connection(Name=name)
    assert shown["AuthParameters"] == {"BasicAuthParameters": {"Username": "me"}}
    assert secret not in json.dumps(shown, default=str)
    stored = b"".join(path.read_bytes() for path in server.data.rglob("*") if path.is_file())
    assert name.encode() in stored and secret.encode() not in stored


@pytest.fixture
def endpoint():
    """An HTTP server on this machine that keeps what it is sent."""
    requests = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            requests.append((self.path, dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d" % listener.server_port, requests
    listener.shutdown()


def test_an_api_destination_is_called(make_server, endpoint):
    address, requests = endpoint
    server = make_server(config='drain_ms = 1000\n[outgoing]\nallow = ["127.0.0.1"]\n').start()
    [events] = clients(server, "events")
    connection = events.create_connection(
        Name="c",
        AuthorizationType="API_KEY",
        AuthParameters={"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "value"}},
    )
    destination = events.create_api_destination(
        Name="d", ConnectionArn=connection["ConnectionArn"], InvocationEndpoint=address + "/in", HttpMethod="POST"
    )
    create_rule(events, "s", {"Arn": destination["ApiDestinationArn"], "RoleArn": ROLE, "InputPath": "$.detail"})
    put(events, "s", {"n": 1})
    eventually(lambda: requests)
    [(path, headers, body)] = requests
    assert (path, headers["x-key"], json.loads(body)) == ("/in", "value", {"n": 1})


def test_no_event_is_lost_or_doubled_by_kills(make_server):
    server = make_server().start()
    events, sqs = clients(server, "events", "sqs")
    url, arn = create_queue(sqs)
    create_rule(events, "s", {"Arn": arn})
    sent = set()
    for _ in range(6):
        events, sqs = clients(server, "events", "sqs")
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            sent.add(put(events, "s", {"n": len(sent)}))
        server.kill()
        server.start()
    events, sqs = clients(server, "events", "sqs")
    found = [event["id"] for event in bodies(sqs, url, len(sent))]
    assert sent <= set(found)
    assert len(found) == len(set(found)), "an event was delivered twice"
    no_more(sqs, url, 2)


def test_a_rule_with_a_schedule_fires(make_server):
    """Each start of the server is a minute later than the one before."""
    server = make_server()
    offset_ms = 0

    def later():
        nonlocal offset_ms
        offset_ms += 60_000
        server.kill()
        return clients(server.start(WINDLASS_TEST_CLOCK_OFFSET_MS=str(offset_ms)), "events", "sqs")

    events, sqs = clients(server.start(WINDLASS_TEST_CLOCK_OFFSET_MS="0"), "events", "sqs")
    url, arn = create_queue(sqs)
    events.put_rule(Name="r", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    times = []
    for _ in range(3):
        events, sqs = later()
        [event] = bodies(sqs, url, 1)
        assert (event["detail-type"], event["source"], event["detail"]) == ("Scheduled Event", "aws.events", {})
        assert event["resources"] == ["arn:aws:events:%s:%s:rule/r" % (REGION, ACCOUNT)]
        times.append(datetime.datetime.fromisoformat(event["time"]))
    assert [after - before for before, after in zip(times, times[1:])] == [datetime.timedelta(minutes=1)] * 2
