"""Distributed Maps: items from the state and from S3, batches, results, failures that
are tolerated, changes while they run, stops, and a kill in the middle."""

import json
import random

import pytest

from server import client
from workflows import create_machine, ended, eventually, history, output, refusal, start, unique

READ = "arn:aws:states:::s3:getObject"
LIST = "arn:aws:states:::s3:listObjectsV2"
WRITE = "arn:aws:states:::s3:putObject"
PASS = {"StartAt": "I", "States": {"I": {"Type": "Pass", "End": True}}}


@pytest.fixture
def s3(server):
    return client("s3", server.endpoint, signature_version="s3v4")


@pytest.fixture
def bucket(s3):
    name = unique("items").lower()
    s3.create_bucket(Bucket=name)
    return name


def distributed(processor=PASS, kind="STANDARD", **fields):
    """A machine of one distributed Map."""
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": kind}, **processor}
    return {"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True, **fields}}}


def reader(bucket, key=None, resource=READ, prefix=None, **config):
    place = {"Bucket": bucket, **({"Key": key} if key else {}), **({"Prefix": prefix} if prefix is not None else {})}
    return {"Resource": resource, "Parameters": place, "ReaderConfig": config}


def map_run(states, execution):
    listed = states.list_map_runs(executionArn=execution)["mapRuns"]
    assert len(listed) == 1
    return states.describe_map_run(mapRunArn=listed[0]["mapRunArn"])


def counts(found, which="executionCounts"):
    """The counts that are not zero."""
    return {name: count for name, count in found[which].items() if count}


def children(states, arn, **filters):
    found, token = [], {}
    while True:
        page = states.list_executions(mapRunArn=arn, maxResults=7, **filters, **token)
        found += page["executions"]
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_items_of_the_state(states, kind):
    definition = distributed(kind=kind, Label="Items", ItemSelector={"n.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value"})
    machine = create_machine(states, definition)
    execution = start(states, machine, list("abcdefghijklmnopqrst"))
    items = [{"n": index, "v": letter} for index, letter in enumerate("abcdefghijklmnopqrst")]
    assert output(ended(states, execution)) == items
    listed = states.list_map_runs(executionArn=execution)["mapRuns"][0]
    assert listed["executionArn"] == execution
    assert listed["stateMachineArn"] == machine + "/Items"
    found = map_run(states, execution)
    assert found["status"] == "SUCCEEDED"
    assert found["mapRunArn"].startswith(machine.replace(":stateMachine:", ":mapRun:") + "/Items:")
    assert counts(found) == counts(found, "itemCounts") == {"succeeded": 20, "total": 20}
    ran = children(states, found["mapRunArn"])
    assert len({child["executionArn"] for child in ran}) == 20
    assert children(states, found["mapRunArn"], statusFilter="SUCCEEDED") == ran
    assert children(states, found["mapRunArn"], statusFilter="FAILED") == []
    assert {child["itemCount"] for child in ran} == {1}
    # The newest come first.
    last = states.describe_execution(executionArn=ran[0]["executionArn"])
    assert (json.loads(last["input"]), json.loads(last["output"])) == (items[19], items[19])
    assert last["mapRunArn"] == found["mapRunArn"]
    assert last["stateMachineArn"] == machine + "/Items"
    assert states.list_executions(stateMachineArn=machine)["executions"][0]["executionArn"] == execution
    if kind == "STANDARD":
        assert [event["type"] for event in history(states, ran[0]["executionArn"])][1:3] == ["PassStateEntered", "PassStateExited"]
        its = states.describe_state_machine_for_execution(executionArn=ran[0]["executionArn"])
        assert (its["label"], its["mapRunArn"]) == ("Items", found["mapRunArn"])
        assert json.loads(its["definition"])["States"] == PASS["States"]
    labelled = states.describe_state_machine(stateMachineArn=machine + "/Items")
    assert (labelled["label"], json.loads(labelled["definition"])["StartAt"]) == ("Items", "I")


def test_csv_rows_from_s3(states, s3, bucket):
    rows = [{"id": str(n), "name": "n%d" % n} for n in range(2_500)]
    body = "id,name\n" + "".join("%(id)s,%(name)s\n" % row for row in rows)
    s3.put_object(Bucket=bucket, Key="rows.csv", Body=body)
    definition = distributed(
        kind="EXPRESS", ItemReader=reader(bucket, "rows.csv", InputType="CSV", CSVHeaderLocation="FIRST_ROW"),
        ItemSelector={"id.$": "$$.Map.Item.Value.id"})
    execution = start(states, create_machine(states, definition))
    assert output(ended(states, execution)) == [{"id": row["id"]} for row in rows]
    assert counts(map_run(states, execution)) == {"succeeded": 2_500, "total": 2_500}
    started = [event for event in history(states, execution) if event["type"] == "MapStateStarted"]
    assert started[0]["mapStateStartedEventDetails"]["length"] == 0


@pytest.mark.parametrize("case", ["json", "pointer", "lines", "missing", "object", "duplicates"])
def test_other_objects(states, s3, bucket, case):
    items = [{"n": n} for n in range(9)]
    bodies = {
        "json": json.dumps(items),
        "pointer": json.dumps({"deep": {"list": items}}),
        "lines": "\n".join(map(json.dumps, items)),
        "object": "{}",
        "duplicates": "a,a\n1,2\n",
    }
    configs = {
        "lines": {"InputType": "JSONL"},
        "pointer": {"InputType": "JSON", "ItemsPointer": "/deep/list"},
        "duplicates": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
    }
    if case in bodies:
        s3.put_object(Bucket=bucket, Key=case, Body=bodies[case])
    definition = distributed(ItemReader=reader(bucket, case, **configs.get(case, {"InputType": "JSON"})))
    execution = start(states, create_machine(states, definition))
    found = ended(states, execution)
    if case in ("json", "pointer", "lines"):
        assert output(found) == items
        return
    assert (found["status"], found["error"]) == ("FAILED", "States.ItemReaderFailed")
    causes = {"missing": "The specified key does not exist.", "duplicates": "CSV headers cannot contain duplicates.",
              "object": "Attempting to map over non-iterable node."}
    assert causes[case] in found["cause"]
    assert [event["type"] for event in history(states, execution)][-4:] == [
        "MapRunStarted", "MapRunFailed", "MapStateFailed", "ExecutionFailed"]
    assert map_run(states, execution)["status"] == "FAILED"


def test_a_listing(states, s3, bucket):
    for n in range(7):
        s3.put_object(Bucket=bucket, Key="in/%d" % n, Body=b"x" * n)
    s3.put_object(Bucket=bucket, Key="out/0", Body=b"")
    definition = distributed(ItemReader=reader(bucket, resource=LIST, prefix="in/"))
    listed = output(ended(states, start(states, create_machine(states, definition))))
    assert [(item["Key"], item["Size"]) for item in listed] == [("in/%d" % n, n) for n in range(7)]
    assert list(listed[0]) == ["Etag", "LastModified", "Key", "Size", "StorageClass"]


def test_max_items(states, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=json.dumps(list(range(50))))
    definition = distributed(ItemReader=reader(bucket, "k", InputType="JSON", MaxItems=3))
    assert output(ended(states, start(states, create_machine(states, definition)))) == [0, 1, 2]


def test_batches(states):
    definition = distributed(
        Label="B", ItemBatcher={"MaxItemsPerBatch": 4, "BatchInput": {"b.$": "$.b"}}, ItemsPath="$.list")
    execution = start(states, create_machine(states, definition), {"b": 1, "list": list(range(10))})
    assert output(ended(states, execution)) == [
        {"BatchInput": {"b": 1}, "Items": [0, 1, 2, 3]},
        {"BatchInput": {"b": 1}, "Items": [4, 5, 6, 7]},
        {"BatchInput": {"b": 1}, "Items": [8, 9]},
    ]
    found = map_run(states, execution)
    assert counts(found) == {"succeeded": 3, "total": 3}
    assert counts(found, "itemCounts") == {"succeeded": 10, "total": 10}
    assert [child["itemCount"] for child in children(states, found["mapRunArn"])] == [2, 4, 4]


@pytest.mark.parametrize("source", ["state", "s3"])
def test_batches_by_bytes(states, s3, bucket, source):
    items = ["x" * random.Random(n).randrange(200) for n in range(300)]
    s3.put_object(Bucket=bucket, Key="k", Body=json.dumps(items))
    given = {"ItemReader": reader(bucket, "k", InputType="JSON")} if source == "s3" else {}
    definition = distributed(ItemBatcher={"MaxInputBytesPerBatch": 1000}, kind="EXPRESS", **given)
    batches = output(ended(states, start(states, create_machine(states, definition), items)))
    assert [item for batch in batches for item in batch["Items"]] == items
    sizes = [len(json.dumps(batch, separators=(",", ":"))) for batch in batches]
    assert max(sizes) <= 1000
    # None had room for the next one's first item.
    for batch, size, after in zip(batches, sizes, batches[1:]):
        assert size + 1 + len(json.dumps(after["Items"][0])) > 1000


FAILS_ODD = {
    "StartAt": "C",
    "States": {
        "C": {"Type": "Choice", "Choices": [{"Variable": "$.odd", "BooleanEquals": True, "Next": "F"}], "Default": "S"},
        "F": {"Type": "Fail", "Error": "Odd", "Cause": "an odd one"},
        "S": {"Type": "Succeed"},
    },
}


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_results_written_to_s3(states, s3, bucket, kind):
    definition = distributed(
        FAILS_ODD, kind, ToleratedFailureCount=5,
        ResultWriter={"Resource": WRITE, "Parameters": {"Bucket": bucket, "Prefix": "results"}})
    execution = start(states, create_machine(states, definition), [{"n": n, "odd": n % 2 == 1} for n in range(10)])
    result = output(ended(states, execution))
    found = map_run(states, execution)
    run_id = found["mapRunArn"].rsplit(":", 1)[1]
    assert result == {
        "MapRunArn": found["mapRunArn"],
        "ResultWriterDetails": {"Bucket": bucket, "Key": "results/%s/manifest.json" % run_id},
    }
    read = lambda key: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    manifest = read(result["ResultWriterDetails"]["Key"])
    assert (manifest["DestinationBucket"], manifest["MapRunArn"]) == (bucket, found["mapRunArn"])
    files = {name: [entry["Key"] for entry in entries] for name, entries in manifest["ResultFiles"].items()}
    assert files == {"FAILED": ["results/%s/FAILED_0.json" % run_id], "PENDING": [],
                     "SUCCEEDED": ["results/%s/SUCCEEDED_0.json" % run_id]}
    succeeded, failed = read(files["SUCCEEDED"][0]), read(files["FAILED"][0])
    assert [json.loads(entry["Output"])["n"] for entry in succeeded] == [0, 2, 4, 6, 8]
    assert [(json.loads(entry["Input"])["n"], entry["Error"], entry["Cause"]) for entry in failed] == [
        (n, "Odd", "an odd one") for n in (1, 3, 5, 7, 9)]
    assert counts(found) == {"succeeded": 5, "failed": 5, "total": 10, "resultsWritten": 10}
    assert {entry["ExecutionArn"] for entry in succeeded + failed} == {
        child["executionArn"] for child in children(states, found["mapRunArn"])}


def test_results_that_do_not_fit(make_server):
    states = make_server(config="[executions]\naws_limits = true\n").start().states()
    definition = distributed(kind="EXPRESS", ItemsPath="$.list", ItemSelector={"x.$": "$.x"})
    execution = start(states, create_machine(states, definition), {"x": "y" * 50_000, "list": list(range(7))})
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "States.DataLimitExceeded")
    assert counts(map_run(states, execution)) == {"succeeded": 7, "total": 7}


@pytest.mark.parametrize("tolerated,fails", [
    ({}, True), ({"ToleratedFailureCount": 2}, True), ({"ToleratedFailureCount": 3}, False),
    ({"ToleratedFailurePercentage": 29}, True), ({"ToleratedFailurePercentage": 30}, False)])
def test_failures_that_are_tolerated(states, tolerated, fails):
    definition = distributed(FAILS_ODD, MaxConcurrency=1, Catch=[{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Z"}], **tolerated)
    definition["States"]["Z"] = {"Type": "Pass", "Result": "caught", "End": True}
    items = [{"n": n, "odd": n in (1, 4, 6)} for n in range(10)]
    execution = start(states, create_machine(states, definition), items)
    found = output(ended(states, execution))
    run = map_run(states, execution)
    if fails:
        assert found == "caught"
        failed = [event for event in history(states, execution) if event["type"] == "MapRunFailed"]
        assert failed[0]["mapRunFailedEventDetails"] == {
            "error": "States.ExceedToleratedFailureThreshold",
            "cause": "The specified tolerated failure threshold was exceeded"}
        assert run["status"] == "FAILED"
        return
    assert run["status"] == "SUCCEEDED"
    assert counts(run) == {"succeeded": 7, "failed": 3, "total": 10}
    # Those that failed are shown with what is known of them.
    assert [entry.get("Error", entry.get("n")) for entry in found] == [0, "Odd", 2, 3, "Odd", 5, "Odd", 7, 8, 9]


WAITS = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}


def test_concurrency_is_held_and_changed(states):
    definition = distributed(WAITS, MaxConcurrency=2)
    execution = start(states, create_machine(states, definition), list(range(9)))
    running = lambda count: lambda: map_run(states, execution)["executionCounts"]["running"] == count
    eventually(running(2))
    arn = map_run(states, execution)["mapRunArn"]
    assert states.update_map_run(mapRunArn=arn, maxConcurrency=5, toleratedFailurePercentage=12.5) is not None
    eventually(running(5))
    eventually(lambda: len(children(states, arn, statusFilter="RUNNING")) == 5)
    found = states.describe_map_run(mapRunArn=arn)
    assert (found["maxConcurrency"], found["toleratedFailurePercentage"], found["toleratedFailureCount"]) == (5, 12.5, 0)
    assert counts(found) == {"running": 5, "pending": 4, "total": 9}
    states.stop_execution(executionArn=execution, error="E")
    assert ended(states, execution)["status"] == "ABORTED"
    assert [event["type"] for event in history(states, execution)][-2:] == ["MapRunAborted", "ExecutionAborted"]
    found = eventually(lambda: (run := map_run(states, execution))["status"] == "ABORTED" and run)
    assert counts(found) == {"aborted": 5, "pending": 4, "total": 9}
    assert {child["status"] for child in children(states, arn)} == {"ABORTED"}
    code, _ = refusal(states.update_map_run, mapRunArn=arn, maxConcurrency=1)
    assert code == "ValidationException"
    missing = arn[:-4] + "0000"
    for call in (states.describe_map_run, states.update_map_run, lambda **a: states.list_executions(**a)):
        assert refusal(call, mapRunArn=missing)[0] == "ResourceNotFound"


def test_stopping_a_child_counts(states):
    definition = distributed(WAITS)
    execution = start(states, create_machine(states, definition), [1])
    listed = lambda: states.list_map_runs(executionArn=execution)["mapRuns"]
    arn = eventually(listed)[0]["mapRunArn"]
    child = eventually(lambda: children(states, arn))[0]["executionArn"]
    states.stop_execution(executionArn=child)
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert counts(map_run(states, execution)) == {"aborted": 1, "total": 1}


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_redrive_runs_again_what_did_not_succeed(states, s3, bucket, kind):
    """Children look for an object; those that do not find it fail, until it is there."""
    look = {"StartAt": "H", "States": {"H": {
        "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:headObject", "ResultPath": None, "End": True,
        "Parameters": {"Bucket": bucket, "Key.$": "$.key"}}}}
    for n in (0, 2, 4, 6):
        s3.put_object(Bucket=bucket, Key="k%d" % n, Body=b"")
    definition = distributed(look, kind, ToleratedFailureCount=2, MaxConcurrency=1)
    items = [{"key": "k%d" % n} for n in range(8)]
    execution = start(states, create_machine(states, definition), items)
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    run = map_run(states, execution)
    assert counts(run) == {"succeeded": 3, "failed": 3, "pending": 2, "total": 8}
    failed = children(states, run["mapRunArn"], statusFilter="FAILED")
    described = states.describe_execution(executionArn=failed[0]["executionArn"])
    assert described["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    for n in (1, 3, 5):
        s3.put_object(Bucket=bucket, Key="k%d" % n, Body=b"")
    states.redrive_execution(executionArn=execution)
    found = ended(states, execution)
    result = output(found)
    assert [entry.get("key", entry.get("Status")) for entry in result] == ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "FAILED"]
    run = map_run(states, execution)
    assert (run["status"], run["redriveCount"]) == ("SUCCEEDED", 1)
    assert counts(run) == {"succeeded": 7, "failed": 1, "total": 8}
    redriven = children(states, run["mapRunArn"], redriveFilter="REDRIVEN")
    assert {child["executionArn"] for child in redriven} == {child["executionArn"] for child in failed}
    events = history(states, execution)
    assert [event["type"] for event in events][7:] == [
        "ExecutionRedriven", "MapRunRedriven", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited", "ExecutionSucceeded"]
    assert events[8]["mapRunRedrivenEventDetails"] == {"mapRunArn": run["mapRunArn"], "redriveCount": 1}


def test_a_redrive_of_what_was_stopped(states):
    definition = distributed({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 2, "End": True}}}, MaxConcurrency=3)
    execution = start(states, create_machine(states, definition), list(range(7)))
    eventually(lambda: states.list_map_runs(executionArn=execution)["mapRuns"] and map_run(states, execution)["executionCounts"]["running"] == 3)
    states.stop_execution(executionArn=execution)
    states.redrive_execution(executionArn=execution)
    assert output(ended(states, execution)) == list(range(7))
    run = map_run(states, execution)
    assert (counts(run), run["redriveCount"]) == ({"succeeded": 7, "total": 7}, 1)


@pytest.mark.parametrize("kind", ["STANDARD", "EXPRESS"])
def test_a_kill_in_the_middle(make_server, kind):
    """Every item once in the results and in the counts, however often the server dies."""
    server = make_server().start()
    s3 = client("s3", server.endpoint, signature_version="s3v4")
    s3.create_bucket(Bucket="items")
    rows = 3_000
    s3.put_object(Bucket="items", Key="k", Body="id\n" + "".join("%d\n" % n for n in range(rows)))
    definition = distributed(
        kind=kind, ItemReader=reader("items", "k", InputType="CSV", CSVHeaderLocation="FIRST_ROW"), MaxConcurrency=50,
        ResultWriter={"Resource": WRITE, "Parameters": {"Bucket": "items", "Prefix": "r"}, "WriterConfig": {"Transformation": "COMPACT"}})
    states = server.states()
    execution = start(states, create_machine(states, definition))
    for part in (1, 2, 3):
        eventually(lambda: counts(map_run(states, execution)).get("succeeded", 0) >= rows * part / 5)
        server.kill()
        server.start()
        states = server.states()
    found = output(ended(states, execution))
    s3 = client("s3", server.endpoint, signature_version="s3v4")
    manifest = json.loads(s3.get_object(Bucket="items", Key=found["ResultWriterDetails"]["Key"])["Body"].read())
    entries = manifest["ResultFiles"]["SUCCEEDED"]
    written = json.loads(s3.get_object(Bucket="items", Key=entries[0]["Key"])["Body"].read())
    assert [int(row["id"]) for row in written] == list(range(rows))
    run = map_run(states, execution)
    assert counts(run) == {"succeeded": rows, "total": rows, "resultsWritten": rows}
    ran = states.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
    assert len({child["executionArn"] for page in ran for child in page["executions"]}) == rows
    server.stop()
