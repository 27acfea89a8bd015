"""Payloads above what AWS takes: through the API, the language and tasks, kept in
files, gone with their execution; and AWS's bound under its profile."""

import json

import pytest

from server import ACCOUNT, REGION
from workflows import PASS, chain, create_machine, ended, eventually, one_state, output, refusal, run, start, unique

MB = 1_000_000
LIMIT_TEXT = (
    "1 validation error detected: Value at '%s' failed to satisfy constraint: "
    "Member must have size less than or equal to 262144 bytes in UTF-8 encoding"
)


def text(size):
    """A JSON text of that many bytes."""
    return json.dumps("x" * (size - 2))


def blobs(server):
    return [path for path in (server.data / "blobs").glob("*/*") if path.is_file()]


@pytest.mark.parametrize("size", [262_145, 3 * MB, 20 * MB])
def test_large_payloads_pass_through_states(states, size):
    definition = {
        "StartAt": "Keep",
        "States": {
            "Keep": {"Type": "Pass", "Assign": {"kept.$": "$"}, "Next": "Expression"},
            "Expression": {
                "Type": "Pass",
                "QueryLanguage": "JSONata",
                "Output": "{% {'length': $length($states.input), 'same': $states.input = $kept, 'kept': $kept} %}",
                "End": True,
            },
        },
    }
    found = run(states, definition, "x" * (size - 2))
    assert found["status"] == "SUCCEEDED", (found.get("error"), found.get("cause"))
    result = output(found)
    assert (result["length"], result["same"], len(result["kept"])) == (size - 2, True, size - 2)
    assert len(found["input"]) == size


def test_large_payloads_of_tasks(states):
    name = unique("worker")
    activity = states.create_activity(name=name)["activityArn"]
    machine = create_machine(states, one_state(Type="Task", Resource=activity))
    execution = states.start_execution(stateMachineArn=machine, input=text(2 * MB))["executionArn"]
    task = states.get_activity_task(activityArn=activity)
    assert task["input"] == text(2 * MB)
    states.send_task_success(taskToken=task["taskToken"], output=text(3 * MB))
    assert ended(states, execution)["output"] == text(3 * MB)


def test_histories_have_data_whole_and_in_pages(states):
    machine = create_machine(states, chain(*[("S%d" % n, {"Type": "Pass"}) for n in range(5)]))
    execution = states.start_execution(stateMachineArn=machine, input=text(2 * MB))["executionArn"]
    ended(states, execution)
    pages = list(states.get_paginator("get_execution_history").paginate(executionArn=execution))
    events = [event for page in pages for event in page["events"]]
    assert [event["id"] for event in events] == list(range(1, 13))
    assert all(page["events"] for page in pages) and len(pages) > 5
    details = [event["stateEnteredEventDetails"] for event in events if event["type"] == "PassStateEntered"]
    assert all(len(detail["input"]) == 2 * MB and not detail["inputDetails"]["truncated"] for detail in details)
    bare = states.get_execution_history(executionArn=execution, includeExecutionData=False)
    assert len(bare["events"]) == 12 and "nextToken" not in bare
    backwards = list(
        states.get_paginator("get_execution_history").paginate(executionArn=execution, reverseOrder=True)
    )
    assert [event["id"] for page in backwards for event in page["events"]] == list(range(12, 0, -1))


def test_express(states):
    machine = create_machine(states, PASS, type="EXPRESS")
    found = states.start_sync_execution(stateMachineArn=machine, input=text(2 * MB))
    assert found["output"] == text(2 * MB)
    states.start_execution(stateMachineArn=machine, input=text(2 * MB))


def test_contents_outlive_a_kill_and_equal_ones_are_one_file(make_server):
    server = make_server().start()
    states = server.states()
    machine = create_machine(states, one_state(Type="Wait", Seconds=3600))
    executions = [
        states.start_execution(stateMachineArn=machine, input=text(5 * MB))["executionArn"] for _ in range(3)
    ]
    assert [path.stat().st_size for path in blobs(server)] == [5 * MB]
    server.kill()
    server.start()
    states = server.states()
    for execution in executions:
        assert states.describe_execution(executionArn=execution)["input"] == text(5 * MB)
    assert len(blobs(server)) == 1


def test_bound_of_this_server(make_server):
    server = make_server(config="[executions]\npayload_bytes_max = 1000000\n").start()
    states = server.states()
    machine = create_machine(states, PASS)
    found = ended(states, states.start_execution(stateMachineArn=machine, input=text(MB))["executionArn"])
    assert found["output"] == text(MB)
    code, message = refusal(states.start_execution, stateMachineArn=machine, input=text(MB + 1))
    assert code == "ValidationException"
    assert "less than or equal to 1000000 bytes" in message
    doubling = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}, "End": True}}}
    found = run(states, doubling, "x" * 600_000)
    assert (found["status"], found["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_aws_limits(make_server):
    server = make_server(config="[executions]\naws_limits = true\n").start()
    states = server.states()
    machine = create_machine(states, PASS)
    found = ended(states, states.start_execution(stateMachineArn=machine, input=text(262_144))["executionArn"])
    assert found["output"] == text(262_144)
    code, message = refusal(states.start_execution, stateMachineArn=machine, input=text(262_145))
    assert (code, message) == ("ValidationException", LIMIT_TEXT % "input")
    code, message = refusal(states.send_task_success, taskToken="x", output=text(262_145))
    assert (code, message) == ("ValidationException", LIMIT_TEXT % "output")


def test_aws_limits_of_one_machine(states):
    machine = create_machine(states, PASS, tags=[{"key": "windlass:aws-limits", "value": "true"}])
    code, message = refusal(states.start_execution, stateMachineArn=machine, input=text(262_145))
    assert (code, message) == ("ValidationException", LIMIT_TEXT % "input")
    states.untag_resource(resourceArn=machine, tagKeys=["windlass:aws-limits"])
    assert states.start_execution(stateMachineArn=machine, input=text(262_145))["executionArn"]


def test_rates(make_server):
    server = make_server(config="[executions]\naws_rates = true\n").start()
    states = server.states()
    missing = "arn:aws:states:%s:%s:execution:gone:gone" % (REGION, ACCOUNT)
    codes = [refusal(states.describe_execution, executionArn=missing)[0] for _ in range(400)]
    assert codes[:300] == ["ExecutionDoesNotExist"] * 300
    assert "ThrottlingException" in codes
    eventually(lambda: refusal(states.describe_execution, executionArn=missing)[0] == "ExecutionDoesNotExist")


def test_expressions_have_room_for_large_data_only(states):
    """What AWS was measured to let an expression hold stops what runs away; large data gets more."""
    definition = {"QueryLanguage": "JSONata", "StartAt": "Count", "States": {
        "Count": {"Type": "Pass", "Output": "{% [1..900000] ~> $count() %}", "End": True}}}
    machine = create_machine(states, definition)
    small = ended(states, start(states, machine, {"x": 1}))
    assert (small["status"], small["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert "memory limit exceeded" in small["cause"]
    large = ended(states, start(states, machine, {"x": "y" * 300_000}))
    assert (large["status"], large["output"]) == ("SUCCEEDED", "900000")
