"""The AWS CLI, as people type it."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server import REGION, ROLE, environment
from workflows import CLOSED, PASS, one_state, unique, zipped

AWS = Path(sys.executable).parent / "aws"


@pytest.fixture
def aws(server, tmp_path):
    """Runs the AWS CLI; its answer, or its complaint where it must fail."""

    def run(*arguments, fails=False):
        done = subprocess.run(
            [AWS, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=environment(
                AWS_ENDPOINT_URL=server.endpoint,
                AWS_DEFAULT_REGION=REGION,
                AWS_ACCESS_KEY_ID="test",
                AWS_SECRET_ACCESS_KEY="test",
                AWS_DISABLE_HOST_PREFIX_INJECTION="true",
                AWS_CONFIG_FILE=str(tmp_path / "config"),
                AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "credentials"),
                AWS_PAGER="",
            ),
        )
        if fails:
            assert done.returncode != 0, done.stdout
            return done.stderr
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return run


def test_a_session(aws):
    assert aws("sts", "get-caller-identity")["Account"] == "000000000000"
    name = unique("cli")
    made = aws(
        "stepfunctions", "create-state-machine", "--name", name, "--definition", json.dumps(PASS), "--role-arn", ROLE,
        "--tags", "key=a,value=b",
    )  # fmt: skip
    machine = made["stateMachineArn"]
    started = aws("stepfunctions", "start-execution", "--state-machine-arn", machine, "--input", '{"hello": "world"}')
    execution = started["executionArn"]
    while True:
        found = aws("stepfunctions", "describe-execution", "--execution-arn", execution)
        if found["status"] in CLOSED:
            break
        time.sleep(0.1)
    assert json.loads(found["output"]) == {"hello": "world"}
    # The CLI walks the pages by itself.
    events = aws("stepfunctions", "get-execution-history", "--execution-arn", execution, "--page-size", 1)["events"]
    assert [event["id"] for event in events] == [1, 2, 3, 4]
    listed = aws("stepfunctions", "list-executions", "--state-machine-arn", machine, "--status-filter", "SUCCEEDED")
    assert [one["executionArn"] for one in listed["executions"]] == [execution]
    tags = aws("stepfunctions", "list-tags-for-resource", "--resource-arn", machine)
    assert tags["tags"] == [{"key": "a", "value": "b"}]
    definition = json.dumps(one_state(Type="Fail", Error="E"))
    aws("stepfunctions", "update-state-machine", "--state-machine-arn", machine, "--definition", definition)
    found = aws("stepfunctions", "describe-state-machine", "--state-machine-arn", machine)
    assert json.loads(found["definition"])["States"]["Only"]["Error"] == "E"
    aws("stepfunctions", "delete-state-machine", "--state-machine-arn", machine)
    error = aws("stepfunctions", "describe-state-machine", "--state-machine-arn", machine, fails=True)
    assert "(StateMachineDoesNotExist)" in error and machine in error


def test_the_other_operations(aws):
    machine = aws(
        "stepfunctions", "create-state-machine", "--name", unique("cli"), "--role-arn", ROLE,
        "--definition", json.dumps(one_state(Type="Wait", Seconds=3600)),
    )["stateMachineArn"]  # fmt: skip
    listed = aws("stepfunctions", "list-state-machines", "--page-size", 1)["stateMachines"]
    assert machine in [one["stateMachineArn"] for one in listed]
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", machine)["executionArn"]
    used = aws("stepfunctions", "describe-state-machine-for-execution", "--execution-arn", execution)
    assert used["stateMachineArn"] == machine
    aws("stepfunctions", "stop-execution", "--execution-arn", execution, "--error", "E", "--cause", "C")
    found = aws("stepfunctions", "describe-execution", "--execution-arn", execution)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "E", "C")

    activity = aws("stepfunctions", "create-activity", "--name", unique("cli"))["activityArn"]
    assert aws("stepfunctions", "describe-activity", "--activity-arn", activity)["activityArn"] == activity
    assert activity in [one["activityArn"] for one in aws("stepfunctions", "list-activities")["activities"]]
    aws("stepfunctions", "tag-resource", "--resource-arn", activity, "--tags", "key=a,value=b", "key=c,value=d")
    aws("stepfunctions", "untag-resource", "--resource-arn", activity, "--tag-keys", "a")
    tags = aws("stepfunctions", "list-tags-for-resource", "--resource-arn", activity)["tags"]
    assert tags == [{"key": "c", "value": "d"}]
    failing = aws(
        "stepfunctions", "create-state-machine", "--name", unique("cli"), "--role-arn", ROLE,
        "--definition", json.dumps(one_state(Type="Task", Resource=activity)),
    )["stateMachineArn"]  # fmt: skip
    execution = aws("stepfunctions", "start-execution", "--state-machine-arn", failing)["executionArn"]
    token = aws("stepfunctions", "get-activity-task", "--activity-arn", activity, "--worker-name", "w")["taskToken"]
    aws("stepfunctions", "send-task-failure", "--task-token", token, "--error", "Bad", "--cause", "luck")
    while (found := aws("stepfunctions", "describe-execution", "--execution-arn", execution))["status"] not in CLOSED:
        time.sleep(0.1)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Bad", "luck")
    aws("stepfunctions", "delete-activity", "--activity-arn", activity)
    error = aws("stepfunctions", "describe-activity", "--activity-arn", activity, fails=True)
    assert "(ActivityDoesNotExist)" in error


def test_functions(aws, tmp_path):
    def archive(word):
        (tmp_path / "code.zip").write_bytes(zipped(handler_py="def handler(e, c):\n    return %r\n" % word))

    def invoke(*more):
        aws("lambda", "invoke", "--function-name", name, *more, "answer.json")
        return json.loads((tmp_path / "answer.json").read_text())

    name = unique("cli")
    archive("one")
    aws(
        "lambda", "create-function", "--function-name", name, "--runtime", "python3.12", "--handler",
        "handler.handler", "--role", ROLE, "--zip-file", "fileb://code.zip", "--publish",
    )  # fmt: skip
    aws("lambda", "wait", "function-active-v2", "--function-name", name)
    archive("two")
    aws("lambda", "update-function-code", "--function-name", name, "--zip-file", "fileb://code.zip")
    aws("lambda", "update-function-configuration", "--function-name", name, "--timeout", 7)
    assert aws("lambda", "get-function-configuration", "--function-name", name)["Timeout"] == 7
    assert (invoke(), invoke("--qualifier", "1")) == ("two", "one")
    assert aws("lambda", "publish-version", "--function-name", name)["Version"] == "2"
    aws("lambda", "create-alias", "--function-name", name, "--name", "live", "--function-version", "1")
    assert invoke("--qualifier", "live") == "one"
    aws("lambda", "update-alias", "--function-name", name, "--name", "live", "--function-version", "2")
    assert invoke("--qualifier", "live") == "two"
    versions = aws("lambda", "list-versions-by-function", "--function-name", name)["Versions"]
    assert [version["Version"] for version in versions] == ["$LATEST", "1", "2"]
    assert name in [one["FunctionName"] for one in aws("lambda", "list-functions", "--page-size", 1)["Functions"]]
    aws("lambda", "delete-function", "--function-name", name)
    assert "(ResourceNotFoundException)" in aws("lambda", "get-function", "--function-name", name, fails=True)


def test_express_and_validate(aws):
    made = aws(
        "stepfunctions", "create-state-machine", "--name", unique("cli"), "--type", "EXPRESS",
        "--definition", json.dumps(PASS), "--role-arn", ROLE,
    )  # fmt: skip
    found = aws("stepfunctions", "start-sync-execution", "--state-machine-arn", made["stateMachineArn"], "--input", "[1]")
    assert (found["status"], found["output"]) == ("SUCCEEDED", "[1]")
    bad = json.dumps(one_state(Type="Pass", Next="Nowhere"))
    found = aws("stepfunctions", "validate-state-machine-definition", "--definition", bad)
    assert found["result"] == "FAIL" and found["diagnostics"]


def test_activity_and_function(aws, tmp_path):
    activity = aws("stepfunctions", "create-activity", "--name", unique("cli"))["activityArn"]
    machine = aws(
        "stepfunctions", "create-state-machine", "--name", unique("cli"), "--role-arn", ROLE,
        "--definition", json.dumps(one_state(Type="Task", Resource=activity)),
    )["stateMachineArn"]  # fmt: skip
    aws("stepfunctions", "start-execution", "--state-machine-arn", machine)
    token = aws("stepfunctions", "get-activity-task", "--activity-arn", activity)["taskToken"]
    aws("stepfunctions", "send-task-heartbeat", "--task-token", token)
    aws("stepfunctions", "send-task-success", "--task-token", token, "--task-output", '"done"')
    error = aws("stepfunctions", "send-task-success", "--task-token", "x", "--task-output", "{}", fails=True)
    assert "(InvalidToken)" in error

    (tmp_path / "code.zip").write_bytes(zipped(handler_py="def handler(e, c):\n    return {'got': e}\n"))
    name = unique("cli")
    aws(
        "lambda", "create-function", "--function-name", name, "--runtime", "python3.12", "--handler",
        "handler.handler", "--role", ROLE, "--zip-file", "fileb://code.zip",
    )  # fmt: skip
    answer = aws("lambda", "invoke", "--function-name", name, "--payload", '{"n": 1}', "answer.json")
    assert answer["StatusCode"] == 200
    assert json.loads((tmp_path / "answer.json").read_text()) == {"got": {"n": 1}}
    aws("lambda", "delete-function", "--function-name", name)
