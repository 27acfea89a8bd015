"""x-concurrency: how many executions of one key run at once, over kills."""

import json
import time

import histories
from workflows import create_machine, ended, eventually, history, one_state, refusal, start, unique


def limited(states, state, **concurrency):
    return create_machine(states, {**one_state(**state), "x-concurrency": concurrency})


def begun(states, execution):
    return len(history(states, execution)) > 1


def test_one_at_a_time_of_each_key_in_their_order(states):
    machine = limited(states, {"Type": "Wait", "Seconds": 1}, Key="$.customer", Limit=1, Policy="queue")
    mine = [start(states, machine, {"customer": "ada"}) for _ in range(3)]
    other = start(states, machine, {"customer": "bob"})
    assert begun(states, mine[0]) and begun(states, other)
    waiting = states.describe_execution(executionArn=mine[2])
    assert waiting["status"] == "RUNNING" and json.loads(waiting["input"]) == {"customer": "ada"}
    assert [event["type"] for event in history(states, mine[2])] == ["ExecutionStarted"]
    spans = []
    for execution in mine:
        found = ended(states, execution)
        events = history(states, execution)
        histories.check(events)
        assert found["status"] == "SUCCEEDED"
        spans.append((events[1]["timestamp"], found["stopDate"]))
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:])), spans


def test_one_too_many(states):
    long = {"Type": "Wait", "Seconds": 3600}
    machine = limited(states, long, Key="k", Policy="reject")
    first = start(states, machine)
    code, message = refusal(states.start_execution, stateMachineArn=machine)
    assert code == "ExecutionLimitExceeded" and "concurrency key" in message
    states.stop_execution(executionArn=first)
    assert begun(states, start(states, machine))

    machine = limited(states, long, Key="k", Policy="skip")
    first = start(states, machine)
    assert start(states, machine) == first
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1

    machine = limited(states, long, Key="k", Policy="cancel-running")
    first, second = start(states, machine), start(states, machine)
    found = ended(states, first)
    assert (found["status"], found["error"]) == ("ABORTED", "Windlass.Superseded") and second in found["cause"]
    eventually(lambda: begun(states, second))


def test_aws_fields_and_ours(states):
    definition = {**one_state(Type="Pass"), "x-concurrency": {"Limit": "many"}}
    answer = states.validate_state_machine_definition(definition=json.dumps(definition), severity="WARNING")
    assert answer["result"] == "OK"
    assert {found["severity"] for found in answer["diagnostics"]} == {"WARNING"}
    assert any("has no effect: Limit must be a whole number" in found["message"] for found in answer["diagnostics"])
    machine = create_machine(states, definition)
    assert json.loads(states.describe_state_machine(stateMachineArn=machine)["definition"]) == definition


def test_kills_lose_no_place_and_give_none_twice(make_server):
    server = make_server().start()
    states = server.states()
    state = {"Type": "Wait", "Seconds": 1}
    machine = limited(states, state, Key="$.key", Limit=2)
    names = [unique("line") for _ in range(10)]
    executions = [start(states, machine, {"key": n % 2}, name=name) for n, name in enumerate(names)]
    for pause in (0.2, 0.9, 1.3, 0.6):
        time.sleep(pause)
        server.kill()
        states = server.start().states()
    spans = {0: [], 1: []}
    for n, execution in enumerate(executions):
        found = ended(states, execution)
        assert found["status"] == "SUCCEEDED"
        events = history(states, execution)
        histories.check(events)
        assert [event["type"] for event in events].count("ExecutionStarted") == 1
        spans[n % 2].append((events[1]["timestamp"], found["stopDate"]))
    for line in spans.values():
        starts = [begin for begin, _ in line]
        assert starts == sorted(starts)
        for begin, _ in line:
            assert sum(other <= begin < end for other, end in line) <= 2, line
    # The places are free again.
    assert all(begun(states, start(states, machine, {"key": 0})) for _ in range(2))
    server.stop()
