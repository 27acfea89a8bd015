"""Redrives, and what our own API can do with an execution's past."""

import json
import random
import threading
import time
import urllib.error
import urllib.request

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

import histories
from server import REGION
from workflows import chain, create_function, create_machine, ended, history, one_state, output, refusal, start, unique

# Fails until it has been redriven as often as its input says.
FLAKY = {
    "Type": "Pass",
    "QueryLanguage": "JSONata",
    "Output": "{% $states.context.Execution.RedriveCount < $states.input.times ? $error('not yet') : $states.input %}",
}


def ask(server, path, document, service="states", key="test", secret="test", **headers):
    """(status, answer) of an endpoint of our own, signed as an SDK would."""
    body = json.dumps(document) if not isinstance(document, bytes) else document
    url = server.endpoint + "/_windlass/" + path
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "application/json", **headers})
    if key:
        SigV4Auth(Credentials(key, secret), service, REGION).add_auth(request)
    prepared = request.prepare()
    data = prepared.body if isinstance(prepared.body, bytes) else prepared.body.encode()
    made = urllib.request.Request(url, data=data, headers=dict(prepared.headers), method="POST")
    try:
        with urllib.request.urlopen(made, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_redrive(states):
    machine = create_machine(states, chain(("First", {"Type": "Pass"}), ("Flaky", FLAKY)))
    execution = start(states, machine, {"times": 2})
    assert ended(states, execution)["redriveStatus"] == "REDRIVABLE"
    for count in (1, 2):
        answer = states.redrive_execution(executionArn=execution)
        found = ended(states, execution)
        assert (found["redriveCount"], found["redriveDate"]) == (count, answer["redriveDate"])
    assert output(found) == {"times": 2}
    assert found["redriveStatus"] == "NOT_REDRIVABLE"
    listed = states.list_executions(stateMachineArn=machine)["executions"][0]
    assert (listed["redriveCount"], listed["redriveDate"]) == (2, found["redriveDate"])
    events = history(states, execution)
    histories.check(events)
    redriven = [event for event in events if event["type"] == "ExecutionRedriven"]
    assert [event["executionRedrivenEventDetails"]["redriveCount"] for event in redriven] == [1, 2]
    assert refusal(states.redrive_execution, executionArn=execution) == (
        "ExecutionNotRedrivable",
        "Execution is SUCCEEDED and cannot be redriven",
    )


def test_redrive_of_branches_and_iterations(states, awslambda):
    source = """
import os
def handler(event, context):
    seen = os.path.join(os.environ["TMPDIR"] if "TMPDIR" in os.environ else "/tmp", event["key"])
    if event["n"] == 2 and not os.path.exists(seen):
        open(seen, "w").close()
        raise ValueError("first time")
    return event["n"] * 10
"""
    function = create_function(awslambda, source)["FunctionArn"]
    key = unique("redrive-seen")
    item = {
        "Type": "Task",
        "Resource": function,
        "Parameters": {"n.$": "$", "key": key},
    }
    branches = [
        {"StartAt": "Done", "States": {"Done": {"Type": "Pass", "Result": "done", "End": True}}},
        one_state(
            Type="Map",
            ItemsPath="$.items",
            MaxConcurrency=1,
            ItemProcessor={"StartAt": "Call", "States": {"Call": {**item, "End": True}}},
        ),
    ]
    machine = create_machine(states, {"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": branches, "End": True}}})
    execution = start(states, machine, {"items": [1, 2, 3]})
    assert ended(states, execution)["status"] == "FAILED"
    states.redrive_execution(executionArn=execution)
    assert output(ended(states, execution)) == ["done", [10, 20, 30]]
    events = history(states, execution)
    histories.check(events)
    calls = [event for event in events if event["type"] == "LambdaFunctionScheduled"]
    assert len(calls) == 4, "only the iteration that failed and the one after it were run"


def test_a_client_token_redrives_once(states):
    execution = start(states, create_machine(states, one_state(Type="Fail")))
    ended(states, execution)
    token = unique("token")
    first = states.redrive_execution(executionArn=execution, clientToken=token)
    assert states.redrive_execution(executionArn=execution, clientToken=token)["redriveDate"] == first["redriveDate"]
    assert ended(states, execution)["redriveCount"] == 1


def test_redrive_under_kill(make_server):
    """Whenever the server dies: a redrive that was acknowledged is there, and none is made twice."""
    server = make_server().start()
    machine = create_machine(server.states(), chain(("Wait", {"Type": "Wait", "Seconds": 1}), ("Flaky", FLAKY)))
    executions = [start(server.states(), machine, {"times": 3}) for _ in range(8)]
    acknowledged = {execution: 0 for execution in executions}
    done = threading.Event()

    def redrive(execution):
        while not done.is_set():
            try:
                states = server.states(connect_timeout=2, read_timeout=5)
                found = states.describe_execution(executionArn=execution)
                if found["status"] == "SUCCEEDED":
                    return
                if found["status"] == "FAILED" or found["redriveCount"] > acknowledged[execution]:
                    token = "redrive-%d" % acknowledged[execution]
                    states.redrive_execution(executionArn=execution, clientToken=token)
                    acknowledged[execution] += 1
            except (BotoCoreError, ClientError, OSError):
                pass
            time.sleep(0.02)

    threads = [threading.Thread(target=redrive, args=(execution,)) for execution in executions]
    for thread in threads:
        thread.start()
    try:
        for _ in range(6):
            time.sleep(0.3 + random.random())
            server.kill()
            server.start()
        for thread in threads:
            thread.join(90)
        assert not any(thread.is_alive() for thread in threads), acknowledged
    finally:
        done.set()
    states = server.states()
    for execution in executions:
        found = ended(states, execution)
        assert output(found) == {"times": 3}
        assert found["redriveCount"] == acknowledged[execution] == 3
        histories.check(history(states, execution), execution)
    server.stop()


def test_redrive_from_a_state(server, states):
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "B"},
            "B": {"Type": "Choice", "Choices": [{"Condition": "{% $x = 2 and $states.input.ok %}", "Next": "C"}], "Default": "D"},
            "C": {"Type": "Succeed"},
            "D": {"Type": "Fail", "Error": "E"},
        },
    }
    execution = start(states, create_machine(states, definition), {"ok": False})
    assert ended(states, execution)["error"] == "E"
    status, answer = ask(
        server,
        "executions/redrive",
        {"executionArn": execution, "from": {"state": "B", "input": {"ok": True}, "variables": {"x": 2}}},
    )
    assert (status, answer["redriveCount"]) == (200, 1), answer
    assert output(ended(states, execution)) == {"ok": True}
    status, answer = ask(server, "executions/redrive", {"executionArn": execution})
    assert (status, answer["code"]) == (400, "ExecutionNotRedrivable")


def test_many_redrives_at_once(server, states):
    machine = create_machine(states, one_state(**FLAKY))
    executions = [start(states, machine, {"times": 1}) for _ in range(3)]
    for execution in executions:
        ended(states, execution)
    missing = executions[0] + "x"
    status, answer = ask(server, "executions/redrive", {"executionArns": [*executions, missing]})
    assert status == 200
    assert [result["executionArn"] for result in answer["results"]] == [*executions, missing]
    assert answer["results"][3]["error"]["code"] == "ExecutionDoesNotExist"
    for execution in executions:
        assert output(ended(states, execution)) == {"times": 1}


def test_forks_and_moments(server, states):
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Assign": {"x": "{% $states.input.n + 1 %}"}, "Next": "B"},
            "B": {"Type": "Pass", "Output": "{% {'sum': $states.input.n + $x} %}", "Next": "C"},
            "C": {"Type": "Pass", "Output": "{% $states.input.sum %}", "End": True},
        },
    }
    execution = start(states, create_machine(states, definition), {"n": 1})
    assert output(ended(states, execution)) == 3
    events = history(states, execution)
    entered = next(event["id"] for event in events if histories.details(event).get("name") == "B")

    status, moment = ask(server, "executions/moment", {"executionArn": execution, "eventId": entered + 1})
    assert status == 200, moment
    state = moment["state"]
    assert (state["name"], state["input"], state["variables"]) == ("B", {"n": 1}, {"x": 2})
    assert state["context"]["Execution"]["Id"] == execution
    assert {"field": "Output", "value": {"sum": 3}, "afterEventId": entered} in state["evaluated"]

    definition["States"]["B"]["Output"] = "{% {'sum': $states.input.n * $x} %}"
    name = unique("fork")
    status, forked = ask(
        server,
        "executions/fork",
        {
            "executionArn": execution,
            "eventId": entered,
            "name": name,
            "input": {"n": 10},
            "variables": {"x": 5},
            "definition": definition,
        },
    )
    assert status == 200, forked
    assert (forked["state"], forked["copiedEvents"]) == ("B", entered - 1)
    assert output(ended(states, forked["executionArn"])) == 50
    copies = history(states, forked["executionArn"])
    histories.check(copies)
    assert copies[: entered - 1] == events[: entered - 1]
    status, described = ask(server, "executions/describe", {"executionArn": forked["executionArn"]})
    assert described["forkedFrom"] == {"executionArn": execution, "eventId": entered}
    assert described["eventCount"] == len(copies)


def test_who_may_ask(server, states):
    execution = start(states, create_machine(states, one_state(Type="Fail")))
    ended(states, execution)
    document = {"executionArn": execution}
    assert ask(server, "executions/describe", document)[0] == 200
    assert ask(server, "executions/describe", document, key=None)[0] == 403
    assert ask(server, "executions/describe", document, service="lambda")[0] == 403
    assert ask(server, "executions/describe", document, Origin="http://evil.example")[0] == 403
    assert ask(server, "executions/describe", b"[]")[0] == 400
    assert ask(server, "executions/describe", b"{")[0] == 400
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.endpoint + "/_windlass/executions/describe", timeout=10)
    assert caught.value.code == 405


def test_leave_is_asked_for(make_server):
    account = "111111111111"
    credentials = "".join(
        '[[credentials]]\naccess_key_id = "%s"\nsecret_access_key = "the secret"\naccount_id = "%s"\n%s\n'
        % (key, account, more)
        for key, more in (("AKIAOWNER", ""), ("AKIANOBODY", 'user = "nobody"'))
    )
    server = make_server(config=credentials).start()
    from server import client

    owner = client("stepfunctions", server.endpoint, key="AKIAOWNER", secret="the secret")
    role = client("iam", server.endpoint, key="AKIAOWNER", secret="the secret").create_role(
        RoleName="r",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
    )["Role"]["Arn"]
    machine = owner.create_state_machine(name="m", definition=json.dumps(one_state(Type="Fail")), roleArn=role)
    execution = start(owner, machine["stateMachineArn"])
    ended(owner, execution)
    for path, more in (
        ("describe", {}),
        ("redrive", {}),
        ("moment", {"eventId": 2}),
        ("fork", {"eventId": 2}),
        ("fork", {"eventId": 2, "definition": one_state(Type="Pass")}),
    ):
        document = {"executionArn": execution, **more}
        status, answer = ask(server, "executions/" + path, document, key="AKIANOBODY", secret="the secret")
        assert (status, answer["code"]) == (400, "AccessDeniedException"), (path, answer)
        status, answer = ask(server, "executions/" + path, document, key="AKIAOWNER", secret="wrong")
        assert status == 403, (path, answer)
        status, answer = ask(server, "executions/" + path, document, key="AKIAOWNER", secret="the secret")
        assert status == 200, (path, answer)
    server.stop()
