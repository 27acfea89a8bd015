"""State machines: create, update, describe, list, delete, validate, tag."""

import json

import pytest

from server import ACCOUNT, REGION, ROLE
from workflows import PASS, chain, create_machine, ended, eventually, one_state, refusal, run, start, unique


def test_create_describe_delete(states):
    name = unique("life")
    made = states.create_state_machine(name=name, definition=json.dumps(PASS), roleArn=ROLE)
    arn = made["stateMachineArn"]
    assert arn == "arn:aws:states:%s:%s:stateMachine:%s" % (REGION, ACCOUNT, name)
    found = states.describe_state_machine(stateMachineArn=arn)
    assert (found["name"], found["status"], found["type"], found["roleArn"]) == (name, "ACTIVE", "STANDARD", ROLE)
    assert json.loads(found["definition"]) == PASS
    assert found["loggingConfiguration"]["level"] == "OFF"
    assert found["tracingConfiguration"] == {"enabled": False}
    assert found["creationDate"] == made["creationDate"]
    assert "revisionId" not in found

    states.delete_state_machine(stateMachineArn=arn)
    code, message = refusal(states.describe_state_machine, stateMachineArn=arn)
    assert (code, message) == ("StateMachineDoesNotExist", "State Machine Does Not Exist: '%s'" % arn)
    # Deleting what is not there is no error.
    states.delete_state_machine(stateMachineArn=arn)


def test_creating_twice(states):
    name, text = unique("twice"), json.dumps(PASS)
    first = states.create_state_machine(name=name, definition=text, roleArn=ROLE)
    again = states.create_state_machine(name=name, definition=text, roleArn=ROLE)
    assert again["stateMachineArn"] == first["stateMachineArn"]
    assert again["creationDate"] == first["creationDate"]
    code, message = refusal(states.create_state_machine, name=name, definition=text + " ", roleArn=ROLE)
    assert code == "StateMachineAlreadyExists"
    assert message == "State Machine Already Exists: '%s'" % first["stateMachineArn"]


def test_update(states):
    arn = create_machine(states, one_state(Type="Wait", Seconds=1, Comment="old"))
    old = start(states, arn)
    definition = json.dumps(one_state(Type="Pass", Result="new"))
    first = states.update_state_machine(stateMachineArn=arn, definition=definition)
    second = states.update_state_machine(stateMachineArn=arn, definition=definition)
    assert first["revisionId"] == second["revisionId"]
    assert states.describe_state_machine(stateMachineArn=arn)["revisionId"] == first["revisionId"]
    assert json.loads(ended(states, start(states, arn))["output"]) == "new"
    # What runs keeps the definition it was started with.
    used = states.describe_state_machine_for_execution(executionArn=old)
    assert json.loads(used["definition"])["States"]["Only"]["Comment"] == "old"
    assert ended(states, old)["output"] == "{}"
    assert refusal(states.update_state_machine, stateMachineArn=arn)[0] == "MissingRequiredParameter"


def test_list_in_pages(states):
    made = {create_machine(states, PASS) for _ in range(5)}
    pages = list(states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 2}))
    assert all(len(page["stateMachines"]) <= 2 for page in pages)
    listed = [machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))
    assert refusal(states.list_state_machines, nextToken="nonsense")[0] == "InvalidToken"


def test_deleting_ends_what_runs(states):
    arn = create_machine(states, one_state(Type="Wait", Seconds=3600))
    execution = start(states, arn)
    states.delete_state_machine(stateMachineArn=arn)
    assert ended(states, execution)["status"] == "ABORTED"
    eventually(lambda: not any(
        machine["stateMachineArn"] == arn
        for page in states.get_paginator("list_state_machines").paginate()
        for machine in page["stateMachines"]
    ))


BAD_DEFINITIONS = {
    "no JSON": '{"StartAt"',
    "no states": '{"StartAt": "A", "States": {}}',
    "a start that is not there": json.dumps({"StartAt": "B", "States": PASS["States"]}),
    "a next that is not there": json.dumps(one_state(Type="Pass", Next="Nowhere")),
    "a type that is none": json.dumps(one_state(Type="Sleep")),
    "a path that is none": json.dumps(one_state(Type="Pass", InputPath="x")),
    "an expression that is none": json.dumps(
        {"QueryLanguage": "JSONata", **one_state(Type="Pass", Output="{% 1 + %}")}
    ),
}


@pytest.mark.parametrize("case", BAD_DEFINITIONS)
def test_bad_definitions(states, case):
    text = BAD_DEFINITIONS[case]
    code, message = refusal(states.create_state_machine, name=unique("bad"), definition=text, roleArn=ROLE)
    assert code == "InvalidDefinition"
    assert message.startswith("Invalid State Machine Definition: '"), message
    found = states.validate_state_machine_definition(definition=text)
    assert found["result"] == "FAIL"
    assert {diagnostic["severity"] for diagnostic in found["diagnostics"]} >= {"ERROR"}
    assert all(diagnostic["code"] and diagnostic["message"] for diagnostic in found["diagnostics"])


def test_validate(states):
    assert states.validate_state_machine_definition(definition=json.dumps(PASS))["result"] == "OK"


def test_tags(states):
    arn = create_machine(states, PASS, tags=[{"key": "team", "value": "red"}])
    states.tag_resource(resourceArn=arn, tags=[{"key": "team", "value": "blue"}, {"key": "stage", "value": "test"}])
    tags = states.list_tags_for_resource(resourceArn=arn)["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == {"team": "blue", "stage": "test"}
    states.untag_resource(resourceArn=arn, tagKeys=["team", "never there"])
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "stage", "value": "test"}]
    unknown = arn + "x"
    for call, more in [
        (states.list_tags_for_resource, {}),
        (states.tag_resource, {"tags": []}),
        (states.untag_resource, {"tagKeys": ["a"]}),
    ]:
        assert refusal(call, resourceArn=unknown, **more)[0] == "ResourceNotFound"


@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "a\n", "a\u0085", "x" * 81])
def test_bad_names(states, name):
    code, _ = refusal(states.create_state_machine, name=name, definition=json.dumps(PASS), roleArn=ROLE)
    # What the service model forbids is refused before the name is looked at.
    assert code == ("InvalidName" if len(name) <= 80 else "ValidationException")


def test_every_state_type(states):
    definition = chain(
        ("Pass", {"Type": "Pass", "Result": {"n": [1, 2, 3]}, "ResultPath": "$.given"}),
        ("Wait", {"Type": "Wait", "Seconds": 0}),
        (
            "Map",
            {
                "Type": "Map",
                "ItemsPath": "$.given.n",
                "ItemProcessor": one_state(Type="Pass", Parameters={"double.$": "States.MathAdd($, $)"}),
                "ResultPath": "$.mapped",
            },
        ),
        (
            "Parallel",
            {
                "Type": "Parallel",
                "Branches": [
                    {"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "a", "End": True}}},
                    {"StartAt": "B", "States": {"B": {"Type": "Pass", "Result": "b", "End": True}}},
                ],
                "ResultPath": "$.both",
            },
        ),
    )
    definition["States"]["Parallel"].pop("End")
    definition["States"]["Parallel"]["Next"] = "Choice"
    definition["States"]["Choice"] = {
        "Type": "Choice",
        "Choices": [{"Variable": "$.both[1]", "StringEquals": "b", "Next": "Done"}],
        "Default": "Failed",
    }
    definition["States"]["Done"] = {"Type": "Succeed"}
    definition["States"]["Failed"] = {"Type": "Fail", "Error": "Wrong"}
    found = run(states, definition)
    assert found["status"] == "SUCCEEDED", found
    assert json.loads(found["output"]) == {
        "given": {"n": [1, 2, 3]},
        "mapped": [{"double": 2}, {"double": 4}, {"double": 6}],
        "both": ["a", "b"],
    }
