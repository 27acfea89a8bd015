"""Versions and aliases: publish, route, update, refuse, restart."""

import json
from collections import Counter

from server import ROLE
from workflows import create_machine, ended, history, one_state, output, refusal, start, unique


def saying(text):
    return json.dumps(one_state(Type="Pass", Result=text))


def published(states, *texts):
    """A machine with a version for each text; its ARN and theirs."""
    arn, versions = None, []
    for text in texts:
        if arn is None:
            made = states.create_state_machine(name=unique("versions"), definition=saying(text), roleArn=ROLE, publish=True)
            arn = made["stateMachineArn"]
        else:
            made = states.update_state_machine(stateMachineArn=arn, definition=saying(text), publish=True)
        versions.append(made["stateMachineVersionArn"])
    return arn, versions


def routes(*pairs):
    return [{"stateMachineVersionArn": version, "weight": weight} for version, weight in pairs]


def listed(states, arn):
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=arn, PaginationConfig={"PageSize": 7})
    return [one for page in pages for one in page["executions"]]


def test_a_version_stays_as_it_was_published(states):
    arn = create_machine(states, saying("one"))
    assert states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
    first = states.publish_state_machine_version(stateMachineArn=arn, description="the first")
    assert first["stateMachineVersionArn"] == arn + ":1"
    again = states.publish_state_machine_version(stateMachineArn=arn)
    assert (again["stateMachineVersionArn"], again["creationDate"]) == (arn + ":1", first["creationDate"])
    revision = states.update_state_machine(stateMachineArn=arn, definition=saying("two"))["revisionId"]
    code, _ = refusal(states.publish_state_machine_version, stateMachineArn=arn, revisionId="INITIAL")
    assert code == "ConflictException"
    second = states.publish_state_machine_version(stateMachineArn=arn, revisionId=revision)["stateMachineVersionArn"]
    assert second == arn + ":2"

    found = states.describe_state_machine(stateMachineArn=arn + ":1")
    assert (found["stateMachineArn"], found["description"]) == (arn + ":1", "the first")
    assert (found["definition"], found["creationDate"]) == (saying("one"), first["creationDate"])
    execution = start(states, arn + ":1")
    ending = ended(states, execution)
    assert output(ending) == "one"
    assert (ending["stateMachineArn"], ending["stateMachineVersionArn"]) == (arn, arn + ":1")
    assert "stateMachineAliasArn" not in ending
    assert history(states, execution)[0]["executionStartedEventDetails"]["stateMachineVersionArn"] == arn + ":1"
    assert [one["executionArn"] for one in listed(states, arn + ":1")] == [execution]

    states.delete_state_machine_version(stateMachineVersionArn=second)
    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == arn + ":3"
    versions = states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"]
    assert [version["stateMachineVersionArn"] for version in versions] == [arn + ":3", arn + ":1"]
    code, _ = refusal(states.start_execution, stateMachineArn=second)
    assert code == "StateMachineDoesNotExist"


def test_an_alias_routes_starts(states):
    arn, (one, two) = published(states, "one", "two")
    alias = states.create_state_machine_alias(name="live", routingConfiguration=routes((one, 100), (two, 0)))
    alias = alias["stateMachineAliasArn"]
    assert alias == arn + ":live"

    def said(count):
        executions = [start(states, alias) for _ in range(count)]
        found = [ended(states, execution) for execution in executions]
        assert all(ending["stateMachineAliasArn"] == alias for ending in found)
        assert all(ending["stateMachineVersionArn"] == {"one": one, "two": two}[output(ending)] for ending in found)
        return Counter(output(ending) for ending in found)

    # A weight of 100 is every start, one of 0 none.
    assert said(20) == {"one": 20}
    states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes((one, 0), (two, 100)))
    assert said(20) == {"two": 20}
    states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes((one, 50), (two, 50)))
    # That one of them gets none of 60 happens once in 10^18 runs.
    assert set(said(60)) == {"one", "two"}
    assert len(listed(states, alias)) == 100
    assert len(listed(states, one)) + len(listed(states, two)) == 100

    described = states.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert described["routingConfiguration"] == routes((one, 50), (two, 50))
    assert described["updateDate"] > described["creationDate"]
    wrong = routes((one, 50), (two, 49))
    code, message = refusal(states.update_state_machine_alias, stateMachineAliasArn=alias, routingConfiguration=wrong)
    assert (code, message) == ("ValidationException", "Sum of routing configuration weights must equal 100. Received: [50, 49]")


def test_a_version_in_use_is_kept(states):
    arn, (one, two) = published(states, "one", "two")
    for name in ("a", "b"):
        states.create_state_machine_alias(name=name, routingConfiguration=routes((one, 100)))
    code, message = refusal(states.delete_state_machine_version, stateMachineVersionArn=one)
    assert code == "ConflictException"
    assert message.endswith("[a, b]")
    pages = states.list_state_machine_aliases(stateMachineArn=one, maxResults=1)
    assert [alias["stateMachineAliasArn"] for alias in pages["stateMachineAliases"]] == [arn + ":a"]
    states.update_state_machine_alias(stateMachineAliasArn=arn + ":a", routingConfiguration=routes((two, 100)))
    states.delete_state_machine_alias(stateMachineAliasArn=arn + ":b")
    states.delete_state_machine_version(stateMachineVersionArn=one)
    code, _ = refusal(states.describe_state_machine, stateMachineArn=one)
    assert code == "StateMachineDoesNotExist"
    states.delete_state_machine(stateMachineArn=arn)
    code, _ = refusal(states.describe_state_machine_alias, stateMachineAliasArn=arn + ":a")
    assert code == "ResourceNotFound"


def test_they_survive_a_kill(make_server):
    server = make_server().start()
    states = server.states()
    arn, (one, two, three) = published(states, "one", "two", "three")
    alias = states.create_state_machine_alias(
        name="live", description="what users get", routingConfiguration=routes((one, 0), (two, 100))
    )["stateMachineAliasArn"]
    states.delete_state_machine_version(stateMachineVersionArn=three)
    described = states.describe_state_machine_alias(stateMachineAliasArn=alias)
    described.pop("ResponseMetadata")
    before = ended(states, start(states, alias))
    server.kill()

    server.start()
    states = server.states()
    again = states.describe_state_machine_alias(stateMachineAliasArn=alias)
    again.pop("ResponseMetadata")
    assert again == described
    after = ended(states, start(states, alias))
    assert (output(before), output(after)) == ("two", "two")
    assert {one["executionArn"] for one in listed(states, alias)} == {before["executionArn"], after["executionArn"]}
    assert refusal(states.delete_state_machine_version, stateMachineVersionArn=one)[0] == "ConflictException"
    # The number of the deleted version is not given again.
    assert states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"] == arn + ":4"
    server.stop()
