"""windlass executions, asked of the real server."""

import json
import subprocess

import pytest

from server import binary, environment
from workflows import chain, create_machine, ended, eventually, one_state, output, start, unique

WAIT = one_state(Type="Wait", Seconds=3600)
# Fails until it has been redriven as often as its input says.
FLAKY = {
    "Type": "Pass",
    "QueryLanguage": "JSONata",
    "Output": "{% $states.context.Execution.RedriveCount < $states.input.times ? $error('not yet') : $states.input %}",
}
EACH = {
    "Type": "Map",
    "ItemsPath": "$.items",
    "ResultPath": None,
    "ItemProcessor": one_state(Type="Pass"),
}


@pytest.fixture
def cli(server, tmp_path):
    """Runs `windlass executions`; what it ended with and printed. `exit=None` takes any end."""

    def run(*arguments, exit=0, stdin=None, **env):
        done = subprocess.run(
            [binary(), "executions", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
            env=environment(AWS_ENDPOINT_URL=server.endpoint, HOME=str(tmp_path), **env),
        )
        assert exit is None or done.returncode == exit, (done.stdout, done.stderr)
        return done

    return run


@pytest.fixture
def follow(server, tmp_path):
    """Starts `windlass executions follow`."""
    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [binary(), "executions", "follow", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(AWS_ENDPOINT_URL=server.endpoint, HOME=str(tmp_path)),
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def name_of(execution):
    return execution.rsplit(":", 1)[1]


def test_list(cli, states):
    machine = create_machine(states, chain(("A", {"Type": "Pass"}), ("B", {"Type": "Fail", "Error": "E"})))
    running = create_machine(states, WAIT)
    failed = [start(states, machine, name=unique("failed")) for _ in range(3)]
    for execution in failed:
        ended(states, execution)
    waiting = start(states, running, name=unique("waiting"))
    name = name_of(machine)
    lines = cli("list", "--machine", name).stdout.splitlines()
    assert lines[0].split() == ["STATUS", "NAME", "MACHINE", "STARTED", "DURATION"]
    assert [line.split()[1:4] for line in lines[1:]] == [["FAILED", name_of(one), name] for one in reversed(failed)]
    assert cli("list", "--machine", machine, "--status", "running").stderr == "no executions\n"
    everything = json.loads(cli("list", "--json", "--limit", 5).stdout)["executions"]
    assert everything[0]["executionArn"] == waiting and everything[0]["startDate"].endswith("Z")
    assert [one["executionArn"] for one in everything[1:4]] == failed[::-1]
    assert len(json.loads(cli("list", "--json", "--limit", 2).stdout)["executions"]) == 2
    assert "there is no state machine nobody" in cli("list", "--machine", "nobody", exit=2).stderr


def test_show(cli, states):
    definition = chain(("Each", EACH), ("Then", {"Type": "Pass"}), ("No", {"Type": "Fail", "Error": "Boom", "Cause": "so it is"}))
    execution = start(states, create_machine(states, definition), {"items": list(range(12))}, name=unique("show"))
    ended(states, execution)
    text = cli("show", execution).stdout
    assert text.splitlines()[0].startswith("✗ FAILED %s of " % name_of(execution))
    # What failed stands before the tree.
    assert text.index("✗ No: Boom\n    so it is\n") < text.index("✓ Each")
    assert "12 items" in text and "[9] Only" in text and "[10] Only" not in text
    assert "2 more iterations: 2 succeeded" in text
    assert "[11] Only" in cli("show", execution, "--all").stdout
    assert cli("show", name_of(execution)).stdout == text
    shown = json.loads(cli("show", execution, "--json", "--history").stdout)
    assert [one["state"] for one in shown["states"]] == ["Each", "Then", "No"]
    assert [one["index"] for one in shown["states"][0]["iterations"]] == list(range(12))
    assert shown["failures"] == [
        {"state": "No", "enteredEventId": shown["states"][2]["enteredEventId"], "within": [], "error": "Boom", "cause": "so it is"}
    ]
    assert shown["input"] == {"items": list(range(12))}
    assert [event["id"] for event in shown["events"]] == list(range(1, len(shown["events"]) + 1))
    history = cli("show", execution, "--history").stdout
    assert "MapIterationStarted" in history and "ExecutionFailed" in history


def test_a_failure_within_an_iteration_and_a_nested_execution(cli, states):
    inner = create_machine(states, one_state(Type="Fail", Error="Inner", Cause="deep"))
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": inner},
    }
    each = {**EACH, "ItemProcessor": chain(("Before", {"Type": "Pass"}), ("Nested", task))}
    execution = start(states, create_machine(states, chain(("Each", each))), {"items": [1]})
    ended(states, execution)
    shown = json.loads(cli("show", execution, "--json").stdout)
    failure = shown["failures"][0]
    assert (failure["state"], failure["within"]) == ("Nested", [{"state": "Each", "index": 0}])
    nested = shown["states"][0]["iterations"][0]["states"][1]["executions"][0]
    assert nested["stateMachineArn"] == inner
    assert [(one["state"], one["status"]) for one in nested["states"]] == [("Only", "FAILED")]
    text = cli("show", execution).stdout
    assert "✗ Nested (iteration 0 of Each): States.TaskFailed" in text
    assert "→ %s:" % name_of(inner) in text


def test_a_name_that_two_executions_have(cli, states):
    name = unique("twice")
    machines = [create_machine(states, WAIT) for _ in range(2)]
    executions = [start(states, machine, name=name) for machine in machines]
    told = cli("show", name, exit=2).stderr
    assert "2 executions are called %s" % name in told
    assert all(execution in told for execution in executions)
    shown = json.loads(cli("show", "%s:%s" % (name_of(machines[1]), name), "--json").stdout)
    assert shown["executionArn"] == executions[1]
    assert "there is no execution" in cli("show", unique("nobody"), exit=2).stderr
    for execution in executions:
        states.stop_execution(executionArn=execution)


def test_follow_and_stop(cli, follow, states):
    machine = create_machine(states, chain(("First", {"Type": "Pass"}), ("Long", {"Type": "Wait", "Seconds": 3600})))
    execution = start(states, machine, name=unique("follow"))
    process = follow(execution)
    said = ""
    while "▸ Long" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    assert "✓ First" in said
    assert "■ stopped  %s" % execution in cli("stop", name_of(execution), "--error", "E", "--cause", "enough").stdout
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 3 and stdout == ""
    assert "■ Long" in stderr and "enough" in stderr
    refused = cli("stop", execution + "-nobody", exit=1).stderr
    assert "ExecutionDoesNotExist" in refused


def test_follow_prints_the_output_and_the_end_in_the_exit_code(cli, states):
    good = start(states, create_machine(states, one_state(Type="Pass", Result={"a": [1]})))
    assert json.loads(cli("follow", good).stdout) == {"a": [1]}
    bad = start(states, create_machine(states, one_state(Type="Fail", Error="E")))
    done = cli("follow", bad, "--json", exit=1)
    assert "✗ failed in state Only" in done.stderr
    assert json.loads(done.stdout)["error"] == "E"


def test_redrive(cli, states, tmp_path):
    machine = create_machine(states, chain(("First", {"Type": "Pass"}), ("Flaky", FLAKY)))
    executions = [start(states, machine, {"times": 1}) for _ in range(3)]
    for execution in executions:
        ended(states, execution)
    cli("redrive", executions[0])
    assert output(ended(states, executions[0])) == {"times": 1}
    told = cli("redrive", "--failed-of", name_of(machine))
    assert told.stdout.count("redriven (1)") == 2 and "2 executions redriven" in told.stderr
    for execution in executions[1:]:
        assert output(ended(states, execution)) == {"times": 1}
    # From a state, with another input.
    (tmp_path / "input.json").write_text('{"times": 1, "from": "a file"}')
    hopeless = start(states, machine, {"times": 99})
    ended(states, hopeless)
    cli("redrive", hopeless, "--from", "Flaky", "--input", "input.json")
    assert output(ended(states, hopeless)) == {"times": 1, "from": "a file"}
    refused = cli("redrive", executions[0], "--json", exit=1)
    assert json.loads(refused.stdout)["results"][0]["error"]["code"] == "ExecutionNotRedrivable"


def test_fork(cli, states, tmp_path):
    definition = chain(("First", {"Type": "Pass"}), ("Second", {"Type": "Pass"}))
    execution = start(states, create_machine(states, definition), {"n": 1})
    ended(states, execution)
    new = cli("fork", execution, "--state", "Second").stdout.strip()
    assert output(ended(states, new)) == {"n": 1}
    shown = json.loads(cli("show", new, "--json").stdout)
    assert shown["forkedFrom"]["executionArn"] == execution
    done = cli("fork", execution, "--state", "Second", "--input", "-", "--follow", "--name", unique("fork"), stdin='{"n": 2}')
    assert json.loads(done.stdout) == {"n": 2}
    changed = {**definition, "States": {**definition["States"], "Second": {"Type": "Fail", "Error": "Changed"}}}
    (tmp_path / "changed.asl.json").write_text(json.dumps(changed))
    entered = shown["states"][1]["enteredEventId"]
    done = cli("fork", execution, "--event", entered, "--definition", "changed.asl.json", "--follow", exit=1)
    assert "Changed" in done.stderr
    assert "has not been in a state Nowhere" in cli("fork", execution, "--state", "Nowhere", exit=2).stderr


def test_profiles(cli, server, states, tmp_path):
    execution = start(states, create_machine(states, one_state(Type="Pass")))
    ended(states, execution)
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[profile local]\nendpoint_url = %s\nregion = us-east-1\n" % server.endpoint)
    (tmp_path / ".aws/credentials").write_text("[local]\naws_access_key_id = any\naws_secret_access_key = one\n")
    done = subprocess.run(
        [binary(), "executions", "show", execution, "--profile", "local", "--json"],
        capture_output=True,
        text=True,
        env=environment(HOME=str(tmp_path)),
    )
    assert json.loads(done.stdout)["executionArn"] == execution, done.stderr


def test_doctor_of_a_server_that_runs(server, tmp_path):
    def doctor(*arguments):
        return subprocess.run(
            [binary(), "doctor", "--json", "--data", server.data, "--config", server.config, *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(AWS_ENDPOINT_URL=server.endpoint, HOME=str(tmp_path)),
        )

    done = doctor()
    found = json.loads(done.stdout)["findings"]
    levels = {}
    for one in found:
        levels.setdefault(one["check"], []).append(one["level"])
    assert done.returncode == 0, done.stdout
    assert levels["server"] == ["OK"] and levels["credentials"] == ["OK"] and levels["master key"] == ["OK"]
    (server.data / "master.key").chmod(0o644)
    try:
        found = {one["check"]: one for one in json.loads(doctor().stdout)["findings"]}
    finally:
        (server.data / "master.key").chmod(0o600)
    assert found["master key"]["level"] == "WARNING" and "chmod 600" in found["master key"]["advice"]
    assert eventually(lambda: not list(server.data.glob(".windlass-doctor*")))


def test_show_of_an_express_execution(cli, states):
    definition = chain(("A", {"Type": "Pass"}), ("B", {"Type": "Fail", "Error": "E"}))
    machine = create_machine(states, definition, type="EXPRESS")
    execution = states.start_sync_execution(stateMachineArn=machine, input="{}")["executionArn"]
    # It is kept a moment after it was answered.
    shown = json.loads(eventually(lambda: cli("show", execution, "--json", exit=None).stdout))
    assert (shown["status"], shown["error"]) == ("FAILED", "E")
    assert "FAILED" in cli("show", execution).stdout
