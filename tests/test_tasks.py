"""Tasks: functions, activities with their workers, callbacks, retries."""

import json
import os
import shutil
import threading

import pytest

import histories
from workflows import (
    chain,
    create_function,
    create_machine,
    ended,
    eventually,
    history,
    one_state,
    output,
    refusal,
    run,
    start,
    unique,
)

INVOKE = "arn:aws:states:::lambda:invoke"


def activity_machine(activity, **fields):
    return one_state(Type="Task", Resource=activity, **fields)


def take(states, activity):
    """Polls until there is a task."""
    task = eventually(lambda: (found := states.get_activity_task(activityArn=activity, workerName="w")).get("taskToken") and found)
    return task["taskToken"], json.loads(task["input"])


def test_activity_life(states):
    name = unique("activity")
    made = states.create_activity(name=name, tags=[{"key": "a", "value": "b"}])
    arn = made["activityArn"]
    assert states.create_activity(name=name)["creationDate"] == made["creationDate"]
    assert states.describe_activity(activityArn=arn)["name"] == name
    assert states.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    others = {states.create_activity(name=unique("activity"))["activityArn"] for _ in range(3)}
    pages = states.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 2})
    listed = [activity["activityArn"] for page in pages for activity in page["activities"]]
    assert {arn, *others} <= set(listed) and len(listed) == len(set(listed))
    states.delete_activity(activityArn=arn)
    code, message = refusal(states.describe_activity, activityArn=arn)
    assert (code, message) == ("ActivityDoesNotExist", "Activity Does Not Exist: '%s'" % arn)


def test_activity_with_worker(states):
    activity = states.create_activity(name=unique("activity"))["activityArn"]
    executions = [start(states, create_machine(states, activity_machine(activity)), {"n": n}) for n in range(4)]
    done = threading.Event()
    seen = []

    def work():
        while not done.is_set():
            task = states.get_activity_task(activityArn=activity, workerName="adder")
            if not task.get("taskToken"):
                continue
            number = json.loads(task["input"])["n"]
            seen.append(number)
            states.send_task_heartbeat(taskToken=task["taskToken"])
            states.send_task_success(taskToken=task["taskToken"], output=json.dumps(number + 1))
            if len(seen) == len(executions):
                return

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    assert [output(ended(states, execution)) for execution in executions] == [1, 2, 3, 4]
    done.set()
    worker.join()
    assert sorted(seen) == [0, 1, 2, 3]
    events = history(states, executions[0])
    histories.check(events)
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert events[3]["activityStartedEventDetails"]["workerName"] == "adder"


def test_activity_failure_is_caught(states):
    activity = states.create_activity(name=unique("activity"))["activityArn"]
    definition = chain(
        (
            "Work",
            {
                "Type": "Task",
                "Resource": activity,
                "Catch": [{"ErrorEquals": ["Broken"], "Next": "Caught", "ResultPath": "$.error"}],
            },
        ),
        ("Caught", {"Type": "Pass"}),
    )
    execution = start(states, create_machine(states, definition))
    token, _ = take(states, activity)
    states.send_task_failure(taskToken=token, error="Broken", cause="by hand")
    assert output(ended(states, execution)) == {"error": {"Error": "Broken", "Cause": "by hand"}}
    # The task is over: a second answer changes nothing and says so.
    assert refusal(states.send_task_success, taskToken=token, output="{}")[0] in ("TaskTimedOut", "InvalidToken")


def test_heartbeats(states):
    activity = states.create_activity(name=unique("activity"))["activityArn"]
    machine = create_machine(states, activity_machine(activity, HeartbeatSeconds=1, TimeoutSeconds=600))
    execution = start(states, machine)
    token, _ = take(states, activity)
    states.send_task_heartbeat(taskToken=token)
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")
    assert history(states, execution)[-3]["type"] != "ActivitySucceeded"
    assert refusal(states.send_task_heartbeat, taskToken=token)[0] == "TaskTimedOut"


def test_bad_task_output(states):
    activity = states.create_activity(name=unique("activity"))["activityArn"]
    execution = start(states, create_machine(states, activity_machine(activity)))
    token, _ = take(states, activity)
    assert refusal(states.send_task_success, taskToken=token, output="{not json")[0] == "InvalidOutput"
    states.send_task_success(taskToken=token, output="[]")
    assert output(ended(states, execution)) == []


def test_callback(states, awslambda, tmp_path):
    source = """
import json, os

def handler(event, context):
    with open(event["file"] + ".part", "w") as file:
        file.write(event["token"])
    os.replace(event["file"] + ".part", event["file"])
    return "thrown away"
"""
    function = create_function(awslambda, source)["FunctionName"]
    definition = one_state(
        Type="Task",
        Resource=INVOKE + ".waitForTaskToken",
        Parameters={"FunctionName": function, "Payload": {"file.$": "$.file", "token.$": "$$.Task.Token"}},
    )
    machine = create_machine(states, definition)
    files = [tmp_path / ("token%d" % n) for n in range(3)]
    executions = [start(states, machine, {"file": str(file)}) for file in files]
    for n, file in enumerate(files):
        token = eventually(lambda: file.exists() and file.read_text())
        if n == 2:
            states.send_task_failure(taskToken=token, error="No", cause="not today")
        else:
            states.send_task_success(taskToken=token, output=json.dumps({"n": n}))
    assert output(ended(states, executions[0])) == {"n": 0}
    assert output(ended(states, executions[1])) == {"n": 1}
    failed = ended(states, executions[2])
    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "No", "not today")
    events = history(states, executions[0])
    histories.check(events)
    kinds = [event["type"] for event in events]
    assert kinds.index("TaskSubmitted") < kinds.index("TaskSucceeded")


def test_function_as_resource_and_retry(states, awslambda, tmp_path):
    source = """
class Flaky(Exception):
    pass

def handler(event, context):
    with open(event["file"], "a") as file:
        file.write("x")
    if open(event["file"]).read() != "xxx":
        raise Flaky("not yet")
    return {"calls": 3}
"""
    arn = create_function(awslambda, source)["FunctionArn"]
    definition = one_state(
        Type="Task",
        Resource=arn,
        Retry=[{"ErrorEquals": ["Flaky"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 5}],
    )
    execution = start(states, create_machine(states, definition), {"file": str(tmp_path / "calls")})
    assert output(ended(states, execution)) == {"calls": 3}
    events = history(states, execution)
    histories.check(events)
    assert [event["type"] for event in events].count("LambdaFunctionFailed") == 2


def test_function_errors_name_the_exception(states, awslambda):
    arn = create_function(awslambda, "def handler(event, context):\n    return 1 / event['by']\n")["FunctionArn"]
    found = run(states, one_state(Type="Task", Resource=arn), {"by": 0})
    assert (found["status"], found["error"]) == ("FAILED", "ZeroDivisionError")
    assert json.loads(found["cause"])["errorMessage"] == "division by zero"


def test_function_in_javascript(states, awslambda):
    if shutil.which("node") is None:
        pytest.skip("there is no node on this machine")
    source = "export const handler = async (event) => ({ sum: event.numbers.reduce((a, b) => a + b, 0) });\n"
    arn = create_function(awslambda, source, runtime="nodejs20.x")["FunctionArn"]
    assert output(run(states, one_state(Type="Task", Resource=arn), {"numbers": [1, 2, 3]})) == {"sum": 6}


def test_function_that_is_not_there(states, awslambda):
    arn = create_function(awslambda, "def handler(event, context):\n    pass\n")["FunctionArn"]
    found = run(states, one_state(Type="Task", Resource=INVOKE, Parameters={"FunctionName": arn + "x"}))
    assert (found["status"], found["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")


def test_function_that_takes_too_long(states, awslambda):
    arn = create_function(awslambda, "import time\ndef handler(event, context):\n    time.sleep(600)\n")["FunctionArn"]
    found = run(states, one_state(Type="Task", Resource=arn, TimeoutSeconds=1))
    assert (found["status"], found["error"]) == ("FAILED", "States.Timeout")


def test_function_that_crashes(states, awslambda):
    arn = create_function(awslambda, "import os\ndef handler(event, context):\n    os._exit(3)\n")["FunctionArn"]
    found = run(states, one_state(Type="Task", Resource=arn))
    assert (found["status"], found["error"]) == ("FAILED", "Runtime.ExitError")


def test_map_over_a_function(states, awslambda):
    arn = create_function(awslambda, "def handler(event, context):\n    return event * event\n")["FunctionArn"]
    definition = one_state(
        Type="Map", MaxConcurrency=4, ItemProcessor=one_state(Type="Task", Resource=arn)
    )
    # The states of a machine have different names.
    definition["States"] = {"Each": definition["States"]["Only"]}
    definition["StartAt"] = "Each"
    execution = start(states, create_machine(states, definition), list(range(20)))
    assert output(ended(states, execution)) == [n * n for n in range(20)]
    histories.check(history(states, execution))


def test_functions_call_back_into_the_server(states, awslambda):
    source = """
import os

def handler(event, context):
    names = ("AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_LAMBDA_FUNCTION_NAME")
    return {name: os.environ.get(name) for name in names}
"""
    made = create_function(awslambda, source)
    found = output(run(states, one_state(Type="Task", Resource=made["FunctionArn"])))
    assert found["AWS_ENDPOINT_URL"] == states.meta.endpoint_url
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == made["FunctionName"]
    assert found["AWS_REGION"] and found["AWS_ACCESS_KEY_ID"]


def test_a_workflow_starts_another(states):
    child = create_machine(states, one_state(Type="Pass"))
    definition = one_state(
        Type="Task",
        Resource="arn:aws:states:::states:startExecution",
        Parameters={"StateMachineArn": child, "Input": {"from": "parent"}},
    )
    found = output(run(states, definition))
    assert json.loads(ended(states, found["ExecutionArn"])["output"]) == {"from": "parent"}
