"""EventBridge Pipes: from a queue to targets."""

import json
import time

import pytest

from messages import bodies, clients, create_queue, no_more, received
from server import ACCOUNT, REGION, ROLE, client
from workflows import PASS, create_function, create_machine, ended, eventually, refusal, unique


@pytest.fixture(scope="session")
def pipes(server):
    return client("pipes", server.endpoint)


@pytest.fixture(scope="session")
def sqs(server):
    return client("sqs", server.endpoint)


def create_pipe(pipes, source, target, **settings):
    name = unique("pipe")
    pipes.create_pipe(Name=name, Source=source, Target=target, RoleArn=ROLE, **settings)
    return name


def test_life(pipes, sqs):
    (_, source), (_, target) = create_queue(sqs), create_queue(sqs)
    name = create_pipe(pipes, source, target, Description="d", Tags={"a": "1"})
    got = pipes.describe_pipe(Name=name)
    assert got["Arn"] == "arn:aws:pipes:%s:%s:pipe/%s" % (REGION, ACCOUNT, name)
    assert (got["DesiredState"], got["CurrentState"], got["Tags"]) == ("RUNNING", "RUNNING", {"a": "1"})
    pipes.stop_pipe(Name=name)
    assert pipes.describe_pipe(Name=name)["CurrentState"] == "STOPPED"
    assert name in [pipe["Name"] for pipe in pipes.list_pipes(SourcePrefix=source)["Pipes"]]
    assert refusal(create_pipe, pipes=pipes, source="arn:aws:kinesis:us-east-1:000000000000:stream/s", target=target)[0] == (
        "ValidationException"
    )
    pipes.delete_pipe(Name=name)
    assert refusal(pipes.describe_pipe, Name=name)[0] == "NotFoundException"


def test_filtered_and_transformed_to_a_queue(pipes, sqs):
    (in_url, source), (out_url, target) = create_queue(sqs), create_queue(sqs)
    create_pipe(
        pipes,
        source,
        target,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": json.dumps({"body": {"kind": ["good"]}})}]}},
        TargetParameters={"InputTemplate": '{"n": <$.body.n>}'},
    )
    for number, kind in enumerate(["good", "bad", "good"]):
        sqs.send_message(QueueUrl=in_url, MessageBody=json.dumps({"kind": kind, "n": number}))
    assert sorted(body["n"] for body in bodies(sqs, out_url, 2)) == [0, 2]
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    eventually(
        lambda: set(sqs.get_queue_attributes(QueueUrl=in_url, AttributeNames=counts)["Attributes"].values()) == {"0"}
    )


def test_a_machine_is_started(pipes, sqs, states):
    in_url, source = create_queue(sqs)
    machine = create_machine(states, PASS)
    parameters = {"StepFunctionStateMachineParameters": {"InvocationType": "FIRE_AND_FORGET"}}
    create_pipe(pipes, source, machine, TargetParameters=parameters)
    sqs.send_message(QueueUrl=in_url, MessageBody="hello")
    [execution] = eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    [event] = json.loads(ended(states, execution["executionArn"])["input"])
    assert (event["body"], event["eventSource"], event["eventSourceARN"]) == ("hello", "aws:sqs", source)


def test_a_function_enriches(pipes, sqs, awslambda):
    (in_url, source), (out_url, target) = create_queue(sqs), create_queue(sqs)
    function = create_function(awslambda, "def handler(events, context):\n    return [{'was': e['body']} for e in events]\n")
    create_pipe(pipes, source, target, Enrichment=function["FunctionArn"])
    sqs.send_message(QueueUrl=in_url, MessageBody="hello")
    assert bodies(sqs, out_url, 1) == [{"was": "hello"}]


def test_no_message_is_lost_or_doubled_by_kills(make_server):
    server = make_server().start()
    pipes, sqs = clients(server, "pipes", "sqs")
    (in_url, source), (out_url, target) = create_queue(sqs, VisibilityTimeout="2"), create_queue(sqs)
    create_pipe(pipes, source, target)
    sent = set()
    for _ in range(5):
        [sqs] = clients(server, "sqs")
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            sent.add(sqs.send_message(QueueUrl=in_url, MessageBody=str(len(sent)))["MessageId"])
        server.kill()
        server.start()
    [sqs] = clients(server, "sqs")
    found = [json.loads(message["Body"])["messageId"] for message in received(sqs, out_url, len(sent))]
    assert set(found) == sent
    no_more(sqs, out_url, 3)
