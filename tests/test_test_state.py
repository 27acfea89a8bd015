"""TestState: one state by itself, with a mock or with what it calls."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from server import ROLE
from test_iam import allowing, as_root, denied, keyed, trusting, with_keys  # noqa: F401
from workflows import create_function, one_state, refusal

INVOKE = "arn:aws:states:::lambda:invoke"


def outcome(states, definition, document=None, **settings):
    text = json.dumps({} if document is None else document)
    found = states.test_state(definition=json.dumps(definition), input=text, **settings)
    del found["ResponseMetadata"]
    return found


def inspected(found):
    """The inspection's JSON texts as documents."""

    def parsed(value):
        return json.loads(value) if isinstance(value, str) else value

    return {name: parsed(value) for name, value in found["inspectionData"].items()}


def test_a_state_without_a_machine(states):
    state = {"Type": "Pass", "Parameters": {"b.$": "$.a"}, "ResultPath": "$.r", "Next": "Then"}
    assert outcome(states, state, {"a": 1}) == {
        "status": "SUCCEEDED",
        "output": '{"a":1,"r":{"b":1}}',
        "nextState": "Then",
    }
    found = outcome(states, state, {"a": 1}, inspectionLevel="DEBUG")
    assert inspected(found) == {
        "input": {"a": 1},
        "afterInputPath": {"a": 1},
        "afterParameters": {"b": 1},
        "afterResultSelector": {"b": 1},
        "afterResultPath": {"a": 1, "r": {"b": 1}},
    }


def test_a_state_of_a_machine_and_its_variables(states):
    machine = {
        "QueryLanguage": "JSONata",
        "StartAt": "Each",
        "States": {
            "Each": {
                "Type": "Map",
                "ItemProcessor": {
                    "StartAt": "Inner",
                    "States": {
                        "Inner": {"Type": "Pass", "Assign": {"w": "{% $v + 1 %}"}, "Output": "{% $v %}", "Next": "Last"},
                        "Last": {"Type": "Succeed"},
                    },
                },
                "End": True,
            }
        },
    }
    found = outcome(states, machine, stateName="Inner", variables='{"v": 4}', inspectionLevel="TRACE")
    assert (found["status"], found["output"], found["nextState"]) == ("SUCCEEDED", "4", "Last")
    assert inspected(found)["variables"] == {"v": 4, "w": 5}
    code, message = refusal(states.test_state, definition=json.dumps(machine), stateName="Outer")
    assert (code, message) == ("ValidationException", "State not found in definition")


def test_a_function_is_really_called(states, awslambda):
    function = create_function(awslambda, "def handler(event, context):\n    return {'twice': event['n'] * 2}\n")
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": function["FunctionName"], "Payload.$": "$"},
        "ResultSelector": {"twice.$": "$.Payload.twice"},
        "End": True,
    }
    found = outcome(states, state, {"n": 21}, roleArn=ROLE, inspectionLevel="DEBUG")
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"twice": 42})
    assert inspected(found)["result"]["Payload"] == {"twice": 42}
    code, _ = refusal(states.test_state, definition=json.dumps(state), input="{}")
    assert code == "ValidationException", "a role is asked for"
    failed = outcome(states, {**state, "Retry": [{"ErrorEquals": ["KeyError"]}]}, {}, roleArn=ROLE)
    assert (failed["status"], failed["error"]) == ("RETRIABLE", "KeyError")


def test_a_mock_stands_for_the_call(states):
    state = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Parameters": {"Message": "m"}, "End": True}
    found = outcome(states, state, mock={"result": '{"MessageId": "1"}'})
    assert json.loads(found["output"]) == {"MessageId": "1"}
    with pytest.raises(ClientError) as caught:
        outcome(states, state, mock={"result": '{"MessageId": 1}'})
    text = "Mock result schema validation error: Field 'MessageId' must be a string"
    assert caught.value.response["Error"] == {"Code": "ValidationException", "Message": text}
    found = outcome(states, state, mock={"result": '{"MessageId": 1}', "fieldValidationMode": "NONE"})
    assert json.loads(found["output"]) == {"MessageId": 1}


def test_retries_and_catchers_are_told_by_their_index(states):
    state = {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": "f"},
        "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2, "BackoffRate": 2}],
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Sorry"}],
        "End": True,
    }
    mock = {"errorOutput": {"error": "Busy", "cause": "later"}}

    def after(retries):
        return outcome(
            states,
            state,
            mock=mock,
            stateConfiguration={"retrierRetryCount": retries},
            inspectionLevel="DEBUG",
        )

    again = after(1)
    assert again["status"] == "RETRIABLE"
    assert again["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 6}
    caught = after(2)
    assert (caught["status"], caught["nextState"]) == ("CAUGHT_ERROR", "Sorry")
    assert json.loads(caught["output"]) == {"error": {"Error": "Busy", "Cause": "later"}}
    assert caught["inspectionData"]["errorDetails"] == {"retryIndex": 0, "catchIndex": 0}


def test_maps_and_parallels_need_a_mock(states):
    each = {
        "Type": "Map",
        "ItemsPath": "$.items",
        "ItemSelector": {"value.$": "$$.Map.Item.Value"},
        "ToleratedFailureCount": 1,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "One",
            "States": {"One": {"Type": "Pass", "End": True}},
        },
        "End": True,
    }
    items = {"items": [1, 2, 3]}
    code, _ = refusal(states.test_state, definition=json.dumps(each), input=json.dumps(items), roleArn=ROLE)
    assert code == "InvalidDefinition"
    found = outcome(states, each, items, mock={"result": "[1, 4, 9]"}, inspectionLevel="DEBUG")
    assert json.loads(found["output"]) == [1, 4, 9]
    data = inspected(found)
    assert data["afterItemSelector"] == [{"value": 1}, {"value": 2}, {"value": 3}]
    assert (data["maxConcurrency"], data["toleratedFailureCount"]) == (0, 1)
    found = outcome(
        states, each, items, mock={"result": "[1, 4, 9]"}, stateConfiguration={"mapIterationFailureCount": 2}
    )
    assert (found["status"], found["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


def test_a_wait_is_waited(states):
    began = time.monotonic()
    found = outcome(states, {"Type": "Wait", "Seconds": 2, "End": True}, {"a": 1})
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"a": 1})
    assert time.monotonic() - began >= 2


def test_nothing_is_left_of_a_test(states):
    before = states.list_state_machines()["stateMachines"]
    outcome(states, {"Type": "Pass", "End": True})
    assert states.list_state_machines()["stateMachines"] == before


def test_a_test_needs_leave_and_runs_under_its_role(keyed):  # noqa: F811
    iam = as_root(keyed, "iam")
    role = iam.create_role(RoleName="tested", AssumeRolePolicyDocument=trusting(service="states.amazonaws.com"))["Role"]
    iam.create_user(UserName="tester")
    keys = iam.create_access_key(UserName="tester")["AccessKey"]
    states = with_keys(keyed, "stepfunctions", {**keys, "SessionToken": None})
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sfn:listActivities",
        "Parameters": {},
        "End": True,
    }
    ask = {"definition": json.dumps(task), "input": "{}", "roleArn": role["Arn"]}
    denied(states.test_state, **ask)
    iam.put_user_policy(UserName="tester", PolicyName="p", PolicyDocument=allowing("states:TestState"))
    denied(states.test_state, **ask)
    iam.put_user_policy(UserName="tester", PolicyName="p", PolicyDocument=allowing("states:TestState", "iam:PassRole"))
    denied(states.test_state, **ask, revealSecrets=True)
    found = states.test_state(**ask)
    assert found["status"] == "FAILED", "the role may nothing yet"
    iam.put_role_policy(RoleName="tested", PolicyName="p", PolicyDocument=allowing("states:ListActivities"))
    found = states.test_state(**ask)
    assert (found["status"], json.loads(found["output"])) == ("SUCCEEDED", {"Activities": []})


def test_a_whole_machine_is_no_state(states):
    code, message = refusal(states.test_state, definition=json.dumps(one_state(Type="Pass")))
    assert code == "InvalidDefinition", message
