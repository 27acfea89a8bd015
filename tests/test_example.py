"""The example that the README shows, as a newcomer runs it."""

import json
import os
import signal
import subprocess
import time

import pytest

from server import ROOT, binary, client, environment, free_port

# A bound against hanging only.
RUN_SECONDS_MAX = 300
EXAMPLE = ROOT / "examples" / "order-fulfillment"


def example_environment(tmp_path, **more):
    listen = "127.0.0.1:%d" % free_port()
    return listen, environment(WINDLASS_BIN=str(binary()), WINDLASS_LISTEN=listen, PYTHONDONTWRITEBYTECODE="1", **more)


def test_order_fulfillment(tmp_path):
    listen, env = example_environment(tmp_path)
    with open(tmp_path / "said", "wb") as said:
        process = subprocess.Popen(
            [EXAMPLE / "run.sh"], cwd=tmp_path, env=env, stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        until = time.monotonic() + RUN_SECONDS_MAX
        while "Ctrl-C stops the server" not in (text := (tmp_path / "said").read_text()):
            assert process.poll() is None and time.monotonic() < until, text
            time.sleep(0.05)
        for part in [
            "Charge the card failed: BankTimeout",
            "aws stepfunctions send-task-success --endpoint-url http://%s" % listen,
            '"approvedBy":"nobody had to"',
            '"approvedBy":"ada"',
            "FAILED OrderRefused: Order o-1003 was refused: the card was declined",
            "aws stepfunctions get-execution-history --execution-arn",
        ]:
            assert part in text, text
        # What it says is what the server has.
        states = client("stepfunctions", "http://" + listen)
        machine = next(m for m in states.list_state_machines()["stateMachines"] if m["name"] == "order-fulfillment")
        executions = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
        assert [one["status"] for one in executions] == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
        approved = states.describe_execution(executionArn=executions[1]["executionArn"])
        assert json.loads(approved["output"])["parcels"] == ["3x winch", "2x rope", "40x bolt"]
    finally:
        # As Ctrl-C does: to everything that belongs to the script.
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    assert process.returncode == 130, (tmp_path / "said").read_text()
    assert '"message":"stopped"' in (tmp_path / "data" / "windlass.log").read_text()
    with pytest.raises(Exception, match="Could not connect"):
        states.list_state_machines()


def test_again_in_the_same_folder(tmp_path):
    for _ in range(2):
        _, env = example_environment(tmp_path, EXAMPLE_ONCE="1")
        done = subprocess.run(
            [EXAMPLE / "run.sh"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "OrderRefused" in done.stdout


def test_a_port_that_is_taken(tmp_path, server):
    _, env = example_environment(tmp_path)
    env["WINDLASS_LISTEN"] = server.listen
    done = subprocess.run(
        [EXAMPLE / "run.sh"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=RUN_SECONDS_MAX
    )
    assert done.returncode != 0
    assert server.listen in done.stderr and "Deploying" not in done.stdout


def test_the_workflow_is_valid(states):
    definition = (EXAMPLE / "workflow.asl.json").read_text()
    found = states.validate_state_machine_definition(definition=definition)
    assert found["result"] == "OK", found["diagnostics"]
    assert found["diagnostics"] == []
