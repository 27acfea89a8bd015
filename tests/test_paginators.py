"""Every paginator that boto3 has for Step Functions, over more than one page, and every waiter."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from server import ACCOUNT, REGION
from workflows import PASS, chain, create_function, create_machine, ended, one_state, start

MANY = 130


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A server with many of everything."""
    from server import Server

    server = Server(tmp_path_factory.mktemp("crowd"), config="drain_ms = 1000\n").start()
    yield server, server.states()
    server.stop()


def pages_of(states, operation, member, **arguments):
    """The pages of a paginator; each but the last is full, and none is empty but an only one."""
    size = arguments.pop("page_size")
    paginator = states.get_paginator(operation)
    pages = [page[member] for page in paginator.paginate(**arguments, PaginationConfig={"PageSize": size})]
    assert all(len(page) == size for page in pages[:-1]) and pages[-1], [len(page) for page in pages]
    return [item for page in pages for item in page]


def by_hand(call, member, **arguments):
    """The same for operations without a paginator in boto3."""
    items, token = [], {}
    while True:
        page = call(**arguments, **token)
        items += page[member]
        if "nextToken" not in page:
            return items
        token = {"nextToken": page["nextToken"]}


def each(count, make):
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(make, range(count)))


def test_every_paginator_is_here(states):
    operations = states.meta.service_model.operation_names
    assert {name for name in operations if states.can_paginate(xform_name(name))} == {
        "GetExecutionHistory",
        "ListActivities",
        "ListExecutions",
        "ListMapRuns",
        "ListStateMachines",
    }
    assert states.waiter_names == []


def test_activities(crowd):
    _, states = crowd
    made = {states.create_activity(name="activity-%03d" % n)["activityArn"] for n in range(MANY)}
    for size in (7, 100, 1000):
        found = pages_of(states, "list_activities", "activities", page_size=size)
        assert len(found) == MANY and {item["activityArn"] for item in found} == made
    limited = states.get_paginator("list_activities").paginate(PaginationConfig={"MaxItems": 50, "PageSize": 20})
    first = limited.build_full_result()
    assert len(first["activities"]) == 50
    rest = states.get_paginator("list_activities").paginate(PaginationConfig={"StartingToken": first["NextToken"]})
    assert len(rest.build_full_result()["activities"]) == MANY - 50


def test_state_machines(crowd):
    _, states = crowd
    made = set(each(MANY, lambda n: create_machine(states, PASS, name="machine-%03d" % n)))
    for size in (13, 100, 1000):
        found = [item["stateMachineArn"] for item in pages_of(states, "list_state_machines", "stateMachines", page_size=size)]
        assert len(found) == len(set(found)) and made <= set(found)


def test_executions(crowd):
    _, states = crowd
    machine = create_machine(states, PASS, name="busy")
    waiting = create_machine(states, one_state(Type="Wait", Seconds=3600), name="waiting")
    made = set(each(MANY, lambda n: start(states, machine, name="run-%03d" % n)))
    open_ = set(each(20, lambda n: start(states, waiting, name="run-%03d" % n)))
    for execution in made:
        ended(states, execution)
    for size in (9, 100, 1000):
        found = pages_of(states, "list_executions", "executions", stateMachineArn=machine, page_size=size)
        assert len(found) == MANY and {item["executionArn"] for item in found} == made
        started = [item["startDate"] for item in found]
        assert started == sorted(started, reverse=True)
    for status, expected in (("SUCCEEDED", made), ("FAILED", set())):
        paginator = states.get_paginator("list_executions")
        pages = paginator.paginate(stateMachineArn=machine, statusFilter=status, PaginationConfig={"PageSize": 11})
        assert {item["executionArn"] for page in pages for item in page["executions"]} == expected
    found = pages_of(states, "list_executions", "executions", stateMachineArn=waiting, statusFilter="RUNNING", page_size=6)
    assert {item["executionArn"] for item in found} == open_
    each(20, lambda n: states.stop_execution(executionArn=sorted(open_)[n]))


def test_history(crowd):
    _, states = crowd
    machine = create_machine(states, chain(*[("S%03d" % n, {"Type": "Pass"}) for n in range(MANY)]), name="long")
    execution = start(states, machine)
    ended(states, execution)
    ids = list(range(1, 2 * MANY + 3))
    for size in (9, 100, 1000):
        for reverse in (False, True):
            found = pages_of(states, "get_execution_history", "events", executionArn=execution, reverseOrder=reverse, page_size=size)
            assert [event["id"] for event in found] == (ids[::-1] if reverse else ids)


def test_versions_and_aliases(crowd):
    _, states = crowd
    machine = create_machine(states, PASS, name="versioned")
    versions = []
    for n in range(MANY):
        definition = json.dumps(one_state(Type="Pass", Result=n))
        answer = states.update_state_machine(stateMachineArn=machine, definition=definition, publish=True)
        versions.append(answer["stateMachineVersionArn"])
    for size in (17, 100, 1000):
        found = by_hand(states.list_state_machine_versions, "stateMachineVersions", stateMachineArn=machine, maxResults=size)
        assert [item["stateMachineVersionArn"] for item in found] == versions[::-1]
    aliases = {
        states.create_state_machine_alias(
            name="alias-%03d" % n, routingConfiguration=[{"stateMachineVersionArn": versions[n], "weight": 100}]
        )["stateMachineAliasArn"]
        for n in range(100)
    }
    for size in (17, 1000):
        found = by_hand(states.list_state_machine_aliases, "stateMachineAliases", stateMachineArn=machine, maxResults=size)
        assert len(found) == 100 and {item["stateMachineAliasArn"] for item in found} == aliases
    found = pages_of(states, "list_executions", "executions", stateMachineArn=start_many(states, versions[3]), page_size=10)
    assert {item["stateMachineVersionArn"] for item in found} == {versions[3]}


def start_many(states, version):
    each(25, lambda n: start(states, version))
    return version


def test_map_runs(crowd):
    _, states = crowd

    def branch(n):
        name = "Item%02d" % n
        processor = {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": name,
            "States": {name: {"Type": "Pass", "End": True}},
        }
        return chain(("Each%02d" % n, {"Type": "Map", "Label": "l%02d" % n, "ItemProcessor": processor}))

    machine = create_machine(states, one_state(Type="Parallel", Branches=[branch(n) for n in range(23)]), name="spread")
    execution = start(states, machine, [1])
    ended(states, execution)
    try:
        states.list_map_runs(executionArn=execution)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NotImplementedException":
            raise
        pytest.skip("ListMapRuns is not built")
    for size in (5, 1000):
        found = pages_of(states, "list_map_runs", "mapRuns", executionArn=execution, page_size=size)
        assert len({item["mapRunArn"] for item in found}) == len(found) == 23
    run = found[0]["mapRunArn"]
    children = pages_of(states, "list_executions", "executions", mapRunArn=run, page_size=1)
    assert [child["mapRunArn"] for child in children] == [run]


@pytest.mark.parametrize("operation, arguments", [
    ("list_activities", {}),
    ("list_state_machines", {}),
    ("list_executions", {"stateMachineArn": "arn:aws:states:%s:%s:stateMachine:paged" % (REGION, ACCOUNT)}),
])
def test_tokens_of_others_are_refused(crowd, operation, arguments):
    _, states = crowd
    if arguments:
        create_machine(states, PASS, name="paged")
    with pytest.raises(ClientError) as caught:
        getattr(states, operation)(nextToken="bm9uZQ==", **arguments)
    assert caught.value.response["Error"]["Code"] == "InvalidToken"


def test_waiters_of_what_workflows_need(crowd):
    """Step Functions has none; machines wait for functions, buckets and objects to be there."""
    server, _ = crowd
    awslambda = server.awslambda()
    create_function(awslambda, "def handler(event, context):\n    return 1\n", name="waited")
    for waiter in ("function_exists", "function_active_v2", "function_updated_v2"):
        awslambda.get_waiter(waiter).wait(FunctionName="waited", WaiterConfig={"Delay": 1, "MaxAttempts": 30})
