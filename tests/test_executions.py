"""Executions: start, start and wait, describe, list, stop, history."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

import histories
from server import ACCOUNT, REGION
from workflows import (
    PASS,
    chain,
    create_machine,
    ended,
    eventually,
    history,
    one_state,
    output,
    refusal,
    run,
    start,
    unique,
)


def test_start_describe_history(states):
    machine = create_machine(states, chain(("First", {"Type": "Pass"}), ("Second", {"Type": "Succeed"})))
    name = unique("run")
    execution = start(states, machine, {"a": 1.0, "é": ["𝄞", None]}, name=name)
    assert execution == machine.replace(":stateMachine:", ":execution:") + ":" + name
    found = ended(states, execution)
    assert (found["name"], found["stateMachineArn"]) == (name, machine)
    assert output(found) == {"a": 1.0, "é": ["𝄞", None]}
    assert found["input"] == found["output"]
    assert found["stopDate"] >= found["startDate"]
    events = history(states, execution)
    histories.check(events)
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]


def test_history_pages_and_orders(states):
    machine = create_machine(states, chain(*[("S%d" % n, {"Type": "Pass"}) for n in range(30)]))
    execution = start(states, machine, "x")
    ended(states, execution)
    events = history(states, execution)
    assert len(events) == 62
    paginator = states.get_paginator("get_execution_history")
    pages = list(paginator.paginate(executionArn=execution, PaginationConfig={"PageSize": 7}))
    assert len(pages) >= 9
    assert [event for page in pages for event in page["events"]] == events
    backwards = states.get_execution_history(executionArn=execution, reverseOrder=True)["events"]
    assert backwards == events[::-1]
    bare = states.get_execution_history(executionArn=execution, includeExecutionData=False)["events"]
    assert "input" not in bare[0]["executionStartedEventDetails"]
    assert [event["id"] for event in bare] == [event["id"] for event in events]


def test_names_are_for_once(states):
    machine = create_machine(states, one_state(Type="Wait", Seconds=3600))
    name = unique("once")
    first = states.start_execution(stateMachineArn=machine, name=name, input="{}")
    again = states.start_execution(stateMachineArn=machine, name=name, input="{}")
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], first["startDate"])
    code, message = refusal(states.start_execution, stateMachineArn=machine, name=name, input="[]")
    assert (code, message) == ("ExecutionAlreadyExists", "Execution Already Exists: '%s'" % first["executionArn"])
    states.stop_execution(executionArn=first["executionArn"])
    code, _ = refusal(states.start_execution, stateMachineArn=machine, name=name, input="{}")
    assert code == "ExecutionAlreadyExists"


def test_many_start_one_name(states):
    machine = create_machine(states, one_state(Type="Wait", Seconds=3600))
    name = unique("race")

    def begin(_):
        started = states.start_execution(stateMachineArn=machine, name=name, input="{}")
        return started["executionArn"], started["startDate"]

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(begin, range(40)))) == 1
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1


def test_stop(states):
    execution = start(states, create_machine(states, one_state(Type="Wait", Seconds=3600)))
    stopped = states.stop_execution(executionArn=execution, error="Enough", cause="it was a test")
    found = ended(states, execution)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "it was a test")
    assert found["stopDate"] == stopped["stopDate"]
    events = history(states, execution)
    histories.check(events)
    assert events[-1]["type"] == "ExecutionAborted"
    assert events[-1]["executionAbortedEventDetails"] == {"error": "Enough", "cause": "it was a test"}


def test_list(states):
    machine = create_machine(
        states,
        {
            "StartAt": "How",
            "States": {
                "How": {
                    "Type": "Choice",
                    "Choices": [
                        {"Variable": "$", "StringEquals": "fail", "Next": "Fail"},
                        {"Variable": "$", "StringEquals": "wait", "Next": "Wait"},
                    ],
                    "Default": "Done",
                },
                "Fail": {"Type": "Fail", "Error": "No"},
                "Wait": {"Type": "Wait", "Seconds": 3600, "Next": "Done"},
                "Done": {"Type": "Succeed"},
            },
        },
    )
    made = {how: [start(states, machine, how) for _ in range(count)] for how, count in [("go", 5), ("fail", 3), ("wait", 2)]}
    for execution in made["go"] + made["fail"]:
        ended(states, execution)

    def listed(**filters):
        pages = states.get_paginator("list_executions").paginate(
            stateMachineArn=machine, PaginationConfig={"PageSize": 2}, **filters
        )
        return [execution for page in pages for execution in page["executions"]]

    everything = listed()
    assert sorted(one["executionArn"] for one in everything) == sorted(made["go"] + made["fail"] + made["wait"])
    # The newest first.
    starts = [one["startDate"] for one in everything]
    assert starts == sorted(starts, reverse=True)
    for status, how in [("SUCCEEDED", "go"), ("FAILED", "fail"), ("RUNNING", "wait")]:
        found = listed(statusFilter=status)
        assert sorted(one["executionArn"] for one in found) == sorted(made[how])
        assert {one["status"] for one in found} == {status}
    assert listed(statusFilter="ABORTED") == []


def test_wait_until_a_time(states):
    at = datetime.fromtimestamp(time.time() + 1, timezone.utc)
    machine = create_machine(states, one_state(Type="Wait", TimestampPath="$.at"))
    found = ended(states, start(states, machine, {"at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}))
    assert found["status"] == "SUCCEEDED"
    assert found["stopDate"].timestamp() >= int(at.timestamp())


def test_time_out(states):
    found = run(states, {**one_state(Type="Wait", Seconds=3600), "TimeoutSeconds": 1})
    assert found["status"] == "TIMED_OUT"


def test_express(states):
    definition = {"QueryLanguage": "JSONata", **one_state(Type="Pass", Output="{% $sum($states.input) %}")}
    machine = create_machine(states, definition, type="EXPRESS")
    found = states.start_sync_execution(stateMachineArn=machine, input="[1, 2, 3]")
    assert (found["status"], found["output"]) == ("SUCCEEDED", "6")
    assert found["billingDetails"]["billedDurationInMilliseconds"] >= 100
    failed = states.start_sync_execution(stateMachineArn=machine, input='["a"]')
    assert (failed["status"], failed["error"]) == ("FAILED", "States.QueryEvaluationError")
    started = states.start_execution(stateMachineArn=machine, name="same")
    again = states.start_execution(stateMachineArn=machine, name="same")
    assert started["executionArn"] != again["executionArn"]
    assert refusal(states.describe_execution, executionArn=started["executionArn"])[0] == "InvalidArn"
    assert refusal(states.list_executions, stateMachineArn=machine)[0] == "StateMachineTypeNotSupported"
    standard = create_machine(states, PASS)
    assert refusal(states.start_sync_execution, stateMachineArn=standard)[0] == "StateMachineTypeNotSupported"


def test_express_in_the_background_calls_functions(states, tmp_path):
    # An asynchronous Express execution leaves no record; what it does shows that it ran.
    target = create_machine(states, PASS)
    name = unique("child")
    parent = one_state(
        Type="Task",
        Resource="arn:aws:states:::states:startExecution",
        Parameters={"StateMachineArn": target, "Name": name, "Input": {"from": "express"}},
    )
    states.start_execution(stateMachineArn=create_machine(states, parent, type="EXPRESS"))
    child = target.replace(":stateMachine:", ":execution:") + ":" + name

    def there():
        try:
            return states.describe_execution(executionArn=child)
        except states.exceptions.ExecutionDoesNotExist:
            return None

    eventually(there)
    assert json.loads(ended(states, child)["output"])["from"] == "express"


@pytest.mark.parametrize("text", ["", "not", "{'a': 1}", '{"a": 1', "[1,]", "1 2"])
def test_bad_input(states, text):
    code, message = refusal(states.start_execution, stateMachineArn=create_machine(states, PASS), input=text)
    assert code == "InvalidExecutionInput"
    assert message.startswith("Invalid State Machine Execution Input: '"), message


MISSING = "arn:aws:states:%s:%s" % (REGION, ACCOUNT)
UNKNOWN = [
    ("describe_state_machine", {"stateMachineArn": MISSING + ":stateMachine:gone"}, "StateMachineDoesNotExist"),
    ("start_execution", {"stateMachineArn": MISSING + ":stateMachine:gone"}, "StateMachineDoesNotExist"),
    ("start_sync_execution", {"stateMachineArn": MISSING + ":stateMachine:gone"}, "StateMachineDoesNotExist"),
    ("list_executions", {"stateMachineArn": MISSING + ":stateMachine:gone"}, "StateMachineDoesNotExist"),
    ("describe_execution", {"executionArn": MISSING + ":execution:gone:gone"}, "ExecutionDoesNotExist"),
    ("get_execution_history", {"executionArn": MISSING + ":execution:gone:gone"}, "ExecutionDoesNotExist"),
    ("stop_execution", {"executionArn": MISSING + ":execution:gone:gone"}, "ExecutionDoesNotExist"),
    (
        "describe_state_machine_for_execution",
        {"executionArn": MISSING + ":execution:gone:gone"},
        "ExecutionDoesNotExist",
    ),
    ("describe_activity", {"activityArn": MISSING + ":activity:gone"}, "ActivityDoesNotExist"),
    ("get_activity_task", {"activityArn": MISSING + ":activity:gone"}, "ActivityDoesNotExist"),
    ("describe_execution", {"executionArn": "nonsense"}, "InvalidArn"),
    ("describe_state_machine", {"stateMachineArn": "nonsense"}, "InvalidArn"),
    ("describe_state_machine", {"stateMachineArn": MISSING + ":activity:gone"}, "InvalidArn"),
    ("send_task_success", {"taskToken": "nonsense", "output": "{}"}, "InvalidToken"),
    ("send_task_failure", {"taskToken": "nonsense"}, "InvalidToken"),
    ("send_task_heartbeat", {"taskToken": "nonsense"}, "InvalidToken"),
]


@pytest.mark.parametrize("operation,arguments,code", UNKNOWN, ids=lambda value: str(value)[:60])
def test_unknown_arns(states, operation, arguments, code):
    assert refusal(getattr(states, operation), **arguments)[0] == code


# Each is answered with a typed error that says so, until it is built.
NOT_BUILT = [
    ("list_map_runs", {"executionArn": "EXECUTION"}),
]


@pytest.mark.parametrize("operation,arguments", NOT_BUILT, ids=lambda value: str(value)[:40])
def test_what_is_not_built_says_so(states, operation, arguments):
    machine = create_machine(states, PASS)
    execution = start(states, machine)
    ended(states, execution)
    known = {"MACHINE": machine, "EXECUTION": execution}
    arguments = {key: known.get(value, value) for key, value in arguments.items()}
    try:
        getattr(states, operation)(**arguments)
    except states.exceptions.ClientError as error:
        answered = error.response["Error"]
        assert answered["Code"] not in ("InternalFailure", "InternalServerError", "Unknown"), answered
        assert answered["Message"], answered
