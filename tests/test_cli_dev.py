"""windlass dev: a folder that is edited while it is served."""

import json
import os
import re
import signal
import subprocess
import threading

import pytest

from server import ROLE, STOP_SECONDS_MAX, binary, client, environment, free_port
from workflows import ended, eventually, one_state, output, start

CALL = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Parameters": {"FunctionName": "${function:greet}", "Payload.$": "$"},
    "OutputPath": "$.Payload",
}
GREET = "def handler(event, context):\n    print('greeting', event)\n    return {'said': %r}\n"


class Dev:
    """A folder and the process that serves it."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.text = ""
        self.endpoint = None

    def write(self, name, content):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))

    def start(self, *arguments):
        self.text = ""
        self.process = subprocess.Popen(
            [binary(), "dev", self.folder, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(HOME=str(self.folder)),
        )
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()
        return self

    def read(self, stream):
        for line in stream:
            self.text += line

    def says(self, pattern):
        """Waits until it has said it, from the last such place on."""

        def found():
            match = re.search(pattern, self.text)
            assert match or self.process.poll() is None, "it ended:\n%s" % self.text
            return match

        try:
            return eventually(found)
        except AssertionError:
            raise AssertionError("it did not say %r:\n%s" % (pattern, self.text)) from None

    def forget(self):
        self.text = ""

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(STOP_SECONDS_MAX)
        assert status == 0, self.text


@pytest.fixture
def dev(tmp_path):
    made = Dev(tmp_path / "app")
    made.folder.mkdir()
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()


def machine(name):
    return "arn:aws:states:us-east-1:000000000000:stateMachine:" + name


def test_a_folder_is_deployed_and_deployed_again_when_it_changes(dev):
    dev.write("hello.asl.json", one_state(**CALL))
    dev.write("functions/greet/main.py", GREET % "one")
    dev.start("--listen", "127.0.0.1:%d" % free_port())
    endpoint = dev.says(r"listens on +(\S+)")[1]
    dev.says(r"✓ function +greet +created")
    dev.says(r"✓ machine +hello +created +STANDARD")
    dev.says("watching 1 state machine and 1 function")
    states = client("stepfunctions", endpoint)

    assert output(ended(states, start(states, machine("hello"), {"a": 1}, name="first"))) == {"said": "one"}
    # What happens is told: the states, and what the function prints.
    dev.says(r"hello:first +▸ started")
    dev.says(r"hello:first +✓ Only")
    dev.says(r"greet +greeting")
    dev.says(r"hello:first +✓ succeeded")

    # A function that changes.
    dev.write("functions/greet/main.py", GREET % "another")
    dev.says(r"✓ function +greet +updated")
    assert output(ended(states, start(states, machine("hello")))) == {"said": "another"}

    # A definition that is broken does not go out, and says what is wrong.
    dev.forget()
    dev.write("hello.asl.json", one_state(Type="Pas"))
    dev.says(r"✗ machine +hello +not deployed; the version before stays deployed")
    dev.says(r"error\[")
    assert output(ended(states, start(states, machine("hello")))) == {"said": "another"}
    dev.write("hello.asl.json", one_state(Type="Task", Resource="${function:nobody}"))
    dev.says("There is no function nobody in this folder")
    dev.says("There are: greet")

    # And goes out once it is mended.
    dev.write("hello.asl.json", one_state(Type="Pass", Result=7))
    dev.says(r"✓ machine +hello +updated")
    assert output(ended(states, start(states, machine("hello")))) == 7

    # New files, settings beside them, and a machine that starts another.
    dev.forget()
    dev.write("quick.toml", 'express = true\ntags = { team = "a" }\n')
    dev.write("quick.asl.json", one_state(Type="Pass"))
    nested = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": "${machine:hello}"},
        "OutputPath": "$.Output",
    }
    dev.write("outer.asl.json", one_state(**nested))
    dev.says(r"✓ machine +quick +created +EXPRESS")
    dev.says(r"✓ machine +outer +created")
    assert states.describe_state_machine(stateMachineArn=machine("quick"))["type"] == "EXPRESS"
    tags = states.list_tags_for_resource(resourceArn=machine("quick"))["tags"]
    assert tags == [{"key": "team", "value": "a"}]
    assert output(ended(states, start(states, machine("outer")))) == 7
    dev.stop()

    # What was deployed is still there; nothing is deployed again.
    dev.start("--listen", "127.0.0.1:%d" % free_port())
    dev.says(r"✓ machine +hello +unchanged")
    dev.says(r"✓ function +greet +unchanged")
    dev.says("watching")
    assert "updated" not in dev.text and "created" not in dev.text
    dev.stop()
    assert (dev.folder / ".windlass/.gitignore").read_text() == "*\n"


def test_a_server_that_runs_already(dev, server, states):
    dev.write("elsewhere.asl.json", one_state(Type="Pass", Result=1))
    dev.write("windlass.toml", "[machine.elsewhere]\ntype = 'STANDARD'\nrole = '%s'\n" % ROLE)
    done = subprocess.run(
        [binary(), "dev", dev.folder, "--once", "--endpoint", server.endpoint],
        capture_output=True,
        text=True,
        env=environment(HOME=str(dev.folder)),
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert output(ended(states, start(states, machine("elsewhere")))) == 1
    assert states.describe_state_machine(stateMachineArn=machine("elsewhere"))["roleArn"] == ROLE
    assert not os.path.exists(dev.folder / ".windlass")
    dev.write("elsewhere.asl.json", "{")
    done = subprocess.run(
        [binary(), "dev", dev.folder, "--once", "--endpoint", server.endpoint],
        capture_output=True,
        text=True,
        env=environment(HOME=str(dev.folder)),
    )
    assert done.returncode == 1 and "not deployed" in done.stdout, (done.stdout, done.stderr)
    assert output(ended(states, start(states, machine("elsewhere")))) == 1
