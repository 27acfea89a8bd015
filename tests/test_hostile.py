"""Workflows that want to harm: each ends with an error, and others go on."""

import json
import threading
from pathlib import Path

import pytest

import histories
from workflows import PASS, chain, create_machine, ended, history, one_state, run, start


def jsonata(expression):
    return {"QueryLanguage": "JSONata", **one_state(Type="Pass", Output="{% " + expression + " %}")}


def nested_formats(depth):
    """Each level is twice as long as the one in it."""
    inner = nested_formats(depth - 1) if depth else "$.x"
    return "States.Format('{}{}', %s, %s)" % (inner, inner)


def nested_conditions(depth):
    inner = nested_conditions(depth - 1) if depth else {"Variable": "$.x", "IsString": True}
    return {"And": [{"Not": inner}, {"Variable": "$.x", "IsPresent": True}]}


HOSTILE = {
    "a regex that goes back": jsonata("$match($join([1..30].('a')) & '!', /^(a+)+$/)"),
    "a regex that goes back further": jsonata("$contains($join([1..5000].('a')) & 'b', /^(a|aa)+$/)"),
    "recursion without end": jsonata("($f := function($n) { $f($n + 1) + 1 }; $f(0))"),
    "tail recursion without end": jsonata("($f := function($n) { $f($n + 1) }; $f(0))"),
    "two that call each other": jsonata("($f := function($n) { $g($n) }; $g := function($n) { $f($n) }; $f(0))"),
    "a giant range": jsonata("[1..1000000000]"),
    "giant ranges in each other": jsonata("$sum([1..10000].($sum([1..10000].($sum([1..10000]))))) "),
    "a text that doubles": jsonata("($f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }; $f('x', 60))"),
    "a list that doubles": jsonata("($f := function($l, $n) { $n = 0 ? $l : $f($append($l, $l), $n - 1) }; $f([1], 60))"),
    "a giant padding": jsonata("$pad('x', 2000000000)"),
    "an endless evaluation": jsonata("$reduce([1..1000000], function($a, $b) { $a & 'xxxxxxxx' })"),
    "a giant array of an intrinsic": one_state(
        Type="Pass", Parameters={"a.$": "States.ArrayRange(0, 1000000000, 1)"}
    ),
    "a giant result": one_state(
        Type="Pass", Parameters={"a.$": "States.Format('{}{}{}{}', $.x, $.x, $.x, $.x)"}
    ),
    "a filter that goes deep": one_state(Type="Pass", Parameters={"a.$": "$..[?(@..a == @..b)]..*..*..*..*"}),
    "a path that is nested": one_state(Type="Pass", InputPath="$" + ".a" * 10_000),
    "descents in descents": one_state(Type="Pass", Parameters={"a.$": "$.tree..*..*..*..*..*"}),
    "filters in filters": one_state(Type="Pass", Parameters={"a.$": "$..[?(@..a)]..[?(@..a)]..[?(@..a)]"}),
    "formats in formats": one_state(Type="Pass", Parameters={"a.$": nested_formats(9)}),
    "a wildcard that goes back": {
        "StartAt": "Matches",
        "States": {
            "Matches": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.x", "StringMatches": "*y" * 40 + "*z", "Next": "Only"}],
                "Default": "Only",
            },
            "Only": {"Type": "Pass", "Result": "went through", "End": True},
        },
    },
    "a choice that is nested": {
        "StartAt": "Nested",
        "States": {
            "Nested": {
                "Type": "Choice",
                "Choices": [{**nested_conditions(40), "Next": "Only"}],
                "Default": "Only",
            },
            "Only": {"Type": "Pass", "Result": "went through", "End": True},
        },
    },
    "a template that is nested": one_state(Type="Pass", Parameters=json.loads('{"a":' * 500 + "1" + "}" * 500)),
}
DOCUMENT = {
    "x": "y" * 200_000,
    "deep": json.loads('{"a":' * 40 + "1" + "}" * 40),
    "tree": json.loads('{"b":[1,2,3],"a":' * 100 + "1" + "}" * 100),
}
# What one hostile expression may take of the memory that all share.
MEMORY_KIB_MAX = 1 << 20


@pytest.fixture
def others(states):
    """Small executions that go on meanwhile; all of them must end well."""
    machine = create_machine(states, chain(("A", {"Type": "Pass"}), ("B", {"Type": "Wait", "Seconds": 0}), ("C", PASS["States"]["Only"])))
    done, executions, failures = threading.Event(), [], []

    def stream():
        try:
            while not done.is_set():
                executions.append(start(states, machine))
                assert ended(states, executions[-1])["status"] == "SUCCEEDED"
                done.wait(0.02)
        except BaseException as error:  # Shown by the test, not by a thread.
            failures.append(error)

    thread = threading.Thread(target=stream, daemon=True)
    thread.start()
    yield executions
    done.set()
    thread.join()
    assert not failures, failures
    assert executions


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_expressions(server, states, others, case):
    """An error of the language or a result: never a hang, a crash or a stall of others."""
    try:
        express = create_machine(states, HOSTILE[case], type="EXPRESS")
    except states.exceptions.InvalidDefinition as error:
        assert error.response["Error"]["Message"]
        return
    before = len(others)
    found = states.start_sync_execution(stateMachineArn=express, input=json.dumps(DOCUMENT))
    judge(found)
    execution = start(states, create_machine(states, HOSTILE[case]), DOCUMENT)
    judge(ended(states, execution))
    histories.check(history(states, execution))
    while len(others) == before:
        threading.Event().wait(0.01)
    status = Path("/proc/%d/status" % server.process.pid)
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        assert int(peak.split()[1]) < MEMORY_KIB_MAX, peak


def judge(found):
    if found["status"] == "SUCCEEDED":
        # Harmless after all: it stayed within what a state may hand on.
        assert len(found["output"]) <= 64 << 20
        return
    assert found["status"] == "FAILED", found
    assert found["error"] in (
        "States.QueryEvaluationError",
        "States.Runtime",
        "States.IntrinsicFailure",
        "States.DataLimitExceeded",
        "States.ParameterPathFailure",
    ), found
    assert found["cause"], found


def test_a_loop_without_end_stalls_nobody(states, others):
    loop = {
        "StartAt": "Again",
        "States": {
            "Again": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.go", "BooleanEquals": True, "Next": "Again"}],
                "Default": "Never",
            },
            "Never": {"Type": "Succeed"},
        },
    }
    loops = [start(states, create_machine(states, loop), {"go": True}) for _ in range(3)]
    before = len(others)
    while len(others) < before + 10:
        threading.Event().wait(0.01)
    for execution in loops:
        if states.describe_execution(executionArn=execution)["status"] == "RUNNING":
            states.stop_execution(executionArn=execution)
        found = ended(states, execution)
        # As at AWS, the history's length ends what nobody stops.
        assert found["status"] in ("ABORTED", "FAILED"), found
        last = states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=1)["events"][0]
        assert last["type"] in ("ExecutionAborted", "ExecutionFailed")


def test_a_definition_that_is_nested_deeply(states):
    machine = one_state(Type="Pass")
    for depth in range(150):
        machine = {
            "StartAt": "P%d" % depth,
            "States": {"P%d" % depth: {"Type": "Parallel", "Branches": [machine], "End": True}},
        }
    try:
        found = run(states, machine)
    except states.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in ("InvalidDefinition", "ValidationException", "SerializationException")
        return
    assert found["status"] in ("SUCCEEDED", "FAILED")


def test_an_input_that_is_nested_deeply(states):
    machine = create_machine(states, PASS)
    text = "[" * 50_000 + "]" * 50_000
    try:
        execution = states.start_execution(stateMachineArn=machine, input=text)["executionArn"]
    except states.exceptions.InvalidExecutionInput:
        return
    assert ended(states, execution)["status"] in ("SUCCEEDED", "FAILED")


def test_a_map_over_very_much(states, others):
    definition = one_state(Type="Map", ItemProcessor=one_state(Type="Pass"))
    definition["States"] = {"Each": definition["States"]["Only"]}
    definition["StartAt"] = "Each"
    found = ended(states, start(states, create_machine(states, definition), list(range(5_000))))
    assert found["status"] in ("SUCCEEDED", "FAILED"), found
