"""What executions write to their log group: levels, data, records, streams."""

import json
import re

import pytest

from server import ACCOUNT, REGION, client
from test_redrive import ask
from workflows import PASS, chain, create_machine, ended, eventually, history, one_state, output, start, unique

DATA = {"a": "ä\"€", "n": [1, 2.50]}


@pytest.fixture(scope="session")
def logs(server):
    return client("logs", server.endpoint)


def create_group(logs):
    name = "/aws/vendedlogs/states/%s" % unique("group")
    logs.create_log_group(logGroupName=name)
    arn = "arn:aws:logs:%s:%s:log-group:%s:*" % (REGION, ACCOUNT, name)
    return name, arn


def logging(arn, level, data=True):
    return {
        "level": level,
        "includeExecutionData": data,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}],
    }


def records(logs, group):
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
    return [json.loads(event["message"]) for page in pages for event in page["events"]]


def eventual_records(logs, group, done):
    """Waits until the records are as they should be in the end."""

    def check():
        found = sorted(records(logs, group), key=lambda record: int(record["id"]))
        return found if done(found) else None

    return eventually(check)


def ends(*types):
    return lambda found: found and found[-1]["type"] in types


FAILS = chain(("One", {"Type": "Pass"}), ("Two", {"Type": "Fail", "Error": "E", "Cause": "c"}))


def test_a_record_of_every_event(states, logs):
    group, arn = create_group(logs)
    machine = create_machine(states, chain(("One", {"Type": "Pass"}), ("Two", {"Type": "Succeed"})), loggingConfiguration=logging(arn, "ALL"))
    execution = start(states, machine, DATA)
    ended(states, execution)
    found = eventual_records(logs, group, ends("ExecutionSucceeded"))
    shown = history(states, execution)
    assert [record["type"] for record in found] == [event["type"] for event in shown]
    for record, event in zip(found, shown):
        details = next((value for name, value in event.items() if name.endswith("EventDetails")), {})
        assert record == {
            "id": str(event["id"]),
            "type": event["type"],
            "details": details,
            "previous_event_id": str(event["previousEventId"]),
            "event_timestamp": str(round(event["timestamp"].timestamp() * 1000)),
            "execution_arn": execution,
            "redrive_count": "0",
        }
    [stream] = logs.describe_log_streams(logGroupName=group)["logStreams"]
    name = machine.rsplit(":", 1)[1]
    assert re.fullmatch(r"states/%s/\d{4}-\d\d-\d\d-\d\d-\d\d/[0-9a-f]{8}" % name, stream["logStreamName"])


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("ALL", ["ExecutionStarted", "PassStateEntered", "PassStateExited", "FailStateEntered", "ExecutionFailed"]),
        ("ERROR", ["FailStateEntered", "ExecutionFailed"]),
        ("FATAL", ["ExecutionFailed"]),
    ],
)
@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_levels(states, logs, kind, level, expected):
    group, arn = create_group(logs)
    machine = create_machine(states, FAILS, type=kind, loggingConfiguration=logging(arn, level))
    start(states, machine)
    found = eventual_records(logs, group, ends("ExecutionFailed"))
    assert [record["type"] for record in found] == expected
    assert found[-1]["details"] == {"error": "E", "cause": "c"}


def test_without_data_and_off(states, logs):
    group, arn = create_group(logs)
    assign = one_state(Type="Pass", Assign={"x": 1})
    machine = create_machine(states, assign, loggingConfiguration=logging(arn, "ALL", data=False))
    execution = start(states, machine, DATA)
    ended(states, execution)
    found = eventual_records(logs, group, ends("ExecutionSucceeded"))
    assert [set(record["details"]) for record in found] == [{"roleArn"}, {"name"}, {"name"}, set()]
    off, arn = create_group(logs)
    machine = create_machine(states, PASS, loggingConfiguration=logging(arn, "OFF"))
    ended(states, start(states, machine))
    assert records(logs, off) == []


def test_an_execution_logs_as_its_machine_was_when_it_started(states, logs):
    group, arn = create_group(logs)
    machine = create_machine(states, one_state(Type="Wait", Seconds=1), loggingConfiguration=logging(arn, "ALL"))
    execution = start(states, machine)
    states.update_state_machine(stateMachineArn=machine, loggingConfiguration={"level": "OFF"})
    ended(states, execution)
    eventual_records(logs, group, ends("ExecutionSucceeded"))
    ended(states, start(states, machine))
    assert {record["execution_arn"] for record in records(logs, group)} == {execution}


def test_express_of_both_kinds(states, logs):
    group, arn = create_group(logs)
    machine = create_machine(states, PASS, type="EXPRESS", loggingConfiguration=logging(arn, "ALL"))
    sync = states.start_sync_execution(stateMachineArn=machine, input="1")
    assert output(sync) == 1
    other = start(states, machine, 2)

    def check():
        found = records(logs, group)
        return found if sum(record["type"] == "ExecutionSucceeded" for record in found) == 2 else None

    found = eventually(check)
    for execution in (sync["executionArn"], other):
        assert ":express:" in execution
        of_it = [record["type"] for record in found if record["execution_arn"] == execution]
        assert of_it == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]


def test_numbers_are_strings_and_containers_name_their_iterations(states, logs):
    group, arn = create_group(logs)
    inner = {"StartAt": "In", "States": {"In": {"Type": "Pass", "End": True}}}
    machine = create_machine(
        states, one_state(Type="Map", MaxConcurrency=1, ItemProcessor=inner), loggingConfiguration=logging(arn, "ALL")
    )
    ended(states, start(states, machine, [1, 2]))
    found = eventual_records(logs, group, ends("ExecutionSucceeded"))
    details = {}
    for record in found:
        details.setdefault(record["type"], record["details"])
    assert details["MapStateStarted"] == {"length": "2"}
    assert details["MapIterationStarted"] == {"index": "0", "name": "Only"}
    assert details["MapStateSucceeded"] == {}


def test_large_data_is_cut(states, logs):
    group, arn = create_group(logs)
    machine = create_machine(states, one_state(Type="Pass", Result="r"), loggingConfiguration=logging(arn, "ALL"))
    text = "\"" * 100_000
    execution = start(states, machine, text)
    ended(states, execution)
    found = eventual_records(logs, group, ends("ExecutionSucceeded"))
    started, last = found[0]["details"], found[-1]["details"]
    assert started["inputDetails"] == {"truncated": True}
    assert json.dumps(text).startswith(started["input"]) and 100_000 < len(started["input"]) < 200_002
    assert (last["output"], last["outputDetails"]) == ('"r"', {"truncated": False})


def test_what_waits_is_written_when_the_server_stops(make_server):
    server = make_server().start()
    states, logs = server.states(), client("logs", server.endpoint)
    group, arn = create_group(logs)
    machine = create_machine(states, PASS, type="EXPRESS", loggingConfiguration=logging(arn, "ALL"))
    for _ in range(20):
        states.start_sync_execution(stateMachineArn=machine)
    server.stop()
    server.start()
    assert len(records(client("logs", server.endpoint), group)) == 80


def test_a_group_that_goes_holds_nothing_up(states, logs):
    group, arn = create_group(logs)
    machine = create_machine(states, PASS, loggingConfiguration=logging(arn, "ALL"))
    ended(states, start(states, machine))
    eventual_records(logs, group, ends("ExecutionSucceeded"))
    logs.delete_log_group(logGroupName=group)
    assert ended(states, start(states, machine))["status"] == "SUCCEEDED"
    logs.create_log_group(logGroupName=group)
    ended(states, start(states, machine, {"again": True}))
    eventual_records(logs, group, lambda found: any("again" in json.dumps(record) for record in found))


def test_the_list_of_express_executions(make_server):
    server = make_server().start()
    states, logs = server.states(), client("logs", server.endpoint)
    _, arn = create_group(logs)
    logs_all = create_machine(states, PASS, type="EXPRESS", loggingConfiguration=logging(arn, "ALL"))
    fails = create_machine(states, one_state(Type="Fail", Error="E", Cause="c"), type="EXPRESS")
    logged = states.start_sync_execution(stateMachineArn=logs_all, input="1")
    failed = states.start_sync_execution(stateMachineArn=fails)["executionArn"]

    def listed(**arguments):
        status, answer = ask(server, "executions/express", arguments)
        assert status == 200, answer
        return answer["executions"]

    for _ in range(2):
        assert [one["executionArn"] for one in listed()] == [failed, logged["executionArn"]]
        [one] = listed(stateMachineArn=fails)
        assert (one["status"], one["error"], one["cause"], one["hasEvents"]) == ("FAILED", "E", "c", False)
        status, found = ask(server, "executions/express/describe", {"executionArn": logged["executionArn"]})
        assert status == 200 and found["startDate"] == logged["startDate"].timestamp()
        types = [event["type"] for event in found["events"]]
        assert types == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
        server.stop()
        server.start()
    assert ask(server, "executions/express/describe", {"executionArn": failed + "x"})[0] == 400
