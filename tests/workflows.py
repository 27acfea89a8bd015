"""What tests do with state machines and functions, in few words."""

import io
import itertools
import json
import os
import time
import zipfile

import pytest
from botocore.exceptions import ClientError

from server import ROLE

# A bound against hanging only.
END_SECONDS_MAX = 120
CLOSED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")

_numbers = itertools.count(1)


def unique(prefix):
    return "%s-%d-%d" % (prefix, os.getpid(), next(_numbers))


def one_state(**state):
    """A machine of a single state, which ends it unless its type does."""
    if state["Type"] not in ("Choice", "Succeed", "Fail") and "Next" not in state:
        state["End"] = True
    return {"StartAt": "Only", "States": {"Only": state}}


def chain(*states):
    """A machine of states in a row; each is (name, state)."""
    machine = {"StartAt": states[0][0], "States": {}}
    for (name, state), after in zip(states, [*states[1:], None]):
        ending = {"Next": after[0]} if after else {} if state["Type"] in ("Succeed", "Fail") else {"End": True}
        machine["States"][name] = {**state, **ending}
    return machine


PASS = one_state(Type="Pass")


def create_machine(states, definition, name=None, **settings):
    text = definition if isinstance(definition, str) else json.dumps(definition)
    made = states.create_state_machine(name=name or unique("machine"), definition=text, roleArn=ROLE, **settings)
    return made["stateMachineArn"]


def start(states, machine, document=None, **settings):
    text = json.dumps({} if document is None else document)
    return states.start_execution(stateMachineArn=machine, input=text, **settings)["executionArn"]


def ended(states, execution, seconds_max=END_SECONDS_MAX):
    """Waits for an execution's end; the answer of DescribeExecution."""
    until = time.monotonic() + seconds_max
    while True:
        found = states.describe_execution(executionArn=execution)
        if found["status"] in CLOSED:
            return found
        assert time.monotonic() < until, "%s does not end" % execution
        time.sleep(0.01)


def run(states, definition, document=None):
    """Runs a new Standard machine to its end."""
    return ended(states, start(states, create_machine(states, definition), document))


def output(found):
    assert found["status"] == "SUCCEEDED", found
    return json.loads(found["output"])


def history(states, execution):
    pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event for page in pages for event in page["events"]]


def eventually(check, seconds_max=END_SECONDS_MAX):
    """Repeats a check until it yields something."""
    until = time.monotonic() + seconds_max
    while not (found := check()):
        assert time.monotonic() < until, "it never came about"
        time.sleep(0.01)
    return found


def refusal(call, **arguments):
    """The error code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def zipped(**files):
    """A zip of files; `handler_py="..."` is handler.py."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(".".join(name.rsplit("_", 1)))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text)
    return buffer.getvalue()


def create_function(awslambda, source, name=None, runtime="python3.12", variables=None, **settings):
    file = {"handler_py": source} if runtime.startswith("python") else {"handler_mjs": source}
    return awslambda.create_function(
        FunctionName=name or unique("function"),
        Runtime=runtime,
        Handler="handler.handler",
        Role=ROLE,
        Code={"ZipFile": zipped(**file)},
        Environment={"Variables": variables or {}},
        **{"Timeout": 30, **settings},
    )
