"""What survives a restart: waits of a year, callbacks, functions, what is queued."""

import json
from datetime import timedelta

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
    start,
)

DAY_MS = 86_400_000


def test_a_wait_of_a_year(make_server):
    server = make_server().start()
    states = server.states()
    definition = chain(("Before", {"Type": "Pass", "Result": {"kept": True}}), ("Year", {"Type": "Wait", "Seconds": 365 * 86_400}))
    execution = start(states, create_machine(states, definition))
    started = states.describe_execution(executionArn=execution)["startDate"]
    server.stop()

    server.start(WINDLASS_TEST_CLOCK_OFFSET_MS=str(364 * DAY_MS))
    states = server.states()
    other = start(states, create_machine(states, one_state(Type="Pass")))
    if states.describe_execution(executionArn=other)["startDate"] - started < timedelta(days=300):
        pytest.skip("this windlass was built without the cargo feature test-clock")
    # A day is missing; what is due later is not done sooner.
    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    server.kill()

    server.start(WINDLASS_TEST_CLOCK_OFFSET_MS=str(366 * DAY_MS))
    states = server.states()
    found = ended(states, execution)
    assert output(found) == {"kept": True}
    assert found["stopDate"] - found["startDate"] >= timedelta(days=365)
    events = history(states, execution)
    histories.check(events)
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "WaitStateEntered",
        "WaitStateExited",
        "ExecutionSucceeded",
    ]
    server.stop()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_waits_goes_on(make_server, tmp_path, how):
    server = make_server(config="drain_ms = 500\n").start()
    states = server.states()
    source = "def handler(event, context):\n    open(event['file'], 'w').write(event['token'] + '.')\n"
    function = create_function(server.awslambda(), source)["FunctionName"]
    activity = states.create_activity(name="work")["activityArn"]
    file = tmp_path / "token"
    callback = one_state(
        Type="Task",
        Resource="arn:aws:states:::lambda:invoke.waitForTaskToken",
        Parameters={"FunctionName": function, "Payload": {"file": str(file), "token.$": "$$.Task.Token"}},
    )
    executions = {
        "wait": start(states, create_machine(states, one_state(Type="Wait", Seconds=1))),
        "callback": start(states, create_machine(states, callback)),
        "queued": start(states, create_machine(states, one_state(Type="Task", Resource=activity)), "queued"),
    }
    token = eventually(lambda: file.exists() and (text := file.read_text()).endswith(".") and text[:-1])
    eventually(lambda: any(event["type"] == "TaskSubmitted" for event in history(states, executions["callback"])))
    taken = start(states, create_machine(states, one_state(Type="Task", Resource=activity)), "taken")
    tasks = {}
    while "taken" not in tasks:
        task = states.get_activity_task(activityArn=activity)
        tasks[json.loads(task["input"])] = task["taskToken"]
    queued = tasks.pop("queued", None)
    getattr(server, how)()

    server.start()
    states = server.states()
    # A token from before the restart is still good.
    states.send_task_success(taskToken=token, output='"called back"')
    states.send_task_success(taskToken=tasks["taken"], output='"answered"')
    if queued is None:
        queued = states.get_activity_task(activityArn=activity)["taskToken"]
    states.send_task_success(taskToken=queued, output='"worked"')
    assert output(ended(states, executions["wait"])) == {}
    assert output(ended(states, executions["callback"])) == "called back"
    assert output(ended(states, taken)) == "answered"
    assert output(ended(states, executions["queued"])) == "worked"
    for execution in [*executions.values(), taken]:
        histories.check(history(states, execution))
    # Functions and their code are still there.
    definition = one_state(
        Type="Task", Resource=server.awslambda().get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    )
    again = start(states, create_machine(states, definition), {"file": str(tmp_path / "again"), "token": "x"})
    assert output(ended(states, again)) is None
    server.stop()


def test_a_call_that_was_cut_off(make_server, tmp_path):
    """Fails with an error that AWS's usual Retry names, and is taken up by it."""
    server = make_server().start()
    states = server.states()
    source = """
import os, time

def handler(event, context):
    with open(event["file"], "a") as file:
        file.write("x")
    while os.path.exists(event["hold"]):
        time.sleep(0.01)
    return "done"
"""
    arn = create_function(server.awslambda(), source)["FunctionArn"]
    retry = [{"ErrorEquals": ["Lambda.SdkClientException"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    made = {
        "with": create_machine(states, one_state(Type="Task", Resource=arn, Retry=retry)),
        "without": create_machine(states, one_state(Type="Task", Resource=arn)),
    }
    hold = tmp_path / "hold"
    hold.touch()
    executions = {
        kind: start(states, machine, {"file": str(tmp_path / kind), "hold": str(hold)}) for kind, machine in made.items()
    }
    eventually(lambda: all((tmp_path / kind).exists() and (tmp_path / kind).read_text() == "x" for kind in made))
    server.kill()
    hold.unlink()

    server.start()
    states = server.states()
    assert output(ended(states, executions["with"])) == "done"
    assert (tmp_path / "with").read_text() == "xx"
    found = ended(states, executions["without"])
    assert (found["status"], found["error"]) == ("FAILED", "Lambda.SdkClientException")
    assert "restarted" in found["cause"]
    assert (tmp_path / "without").read_text() == "x"
    for execution in executions.values():
        histories.check(history(states, execution))
    server.stop()


def test_accepted_express_executions_run(make_server):
    """Each accepted one runs at least once, killed or not."""
    server = make_server().start()
    states = server.states()
    child = create_machine(states, one_state(Type="Pass"))
    parent = chain(
        ("Wait", {"Type": "Wait", "Seconds": 1}),
        (
            "Start",
            {
                "Type": "Task",
                "Resource": "arn:aws:states:::states:startExecution",
                "Parameters": {"StateMachineArn": child, "Name.$": "$.name", "Input": {}},
                # The child of a run that was cut off may be there already.
                "Catch": [{"ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"], "Next": "Start again"}],
            },
        ),
        ("Start again", {"Type": "Pass"}),
    )
    machine = create_machine(states, parent, type="EXPRESS")
    names = ["child-%d" % number for number in range(20)]
    for name in names:
        states.start_execution(stateMachineArn=machine, input=json.dumps({"name": name}))
    server.kill()

    server.start()
    states = server.states()

    def children():
        pages = states.get_paginator("list_executions").paginate(stateMachineArn=child, statusFilter="SUCCEEDED")
        return {one["name"] for page in pages for one in page["executions"]}

    eventually(lambda: children() == set(names))
    server.stop()


def test_accepted_invocations_run(make_server, tmp_path):
    server = make_server().start()
    source = "def handler(event, context):\n    open(event, 'a').write('x')\n"
    name = create_function(server.awslambda(), source)["FunctionName"]
    files = [tmp_path / ("event%d" % number) for number in range(10)]
    for file in files:
        server.awslambda().invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(str(file)))
    server.kill()
    server.start()
    eventually(lambda: all(file.exists() and file.read_text() for file in files))
    server.stop()


def test_one_folder_has_one_server(make_server):
    first = make_server().start()
    second = make_server()
    second.data = first.data
    second.launch()
    assert second.process.wait(60) == 1
    assert str(first.data) in second.notices.read_text()
    second.process = None
    assert first.states().list_state_machines()["stateMachines"] == []
    first.stop()


def test_functions_end_with_the_server(make_server, tmp_path):
    server = make_server().start()
    source = "import os, time\ndef handler(event, context):\n    open(event, 'w').write('%d.' % os.getpid())\n    time.sleep(600)\n"
    arn = create_function(server.awslambda(), source, Timeout=900)["FunctionArn"]
    states = server.states()
    file = tmp_path / "pid"
    start(states, create_machine(states, one_state(Type="Task", Resource=arn)), str(file))
    pid = int(eventually(lambda: file.exists() and (text := file.read_text()).endswith(".") and text[:-1]))
    server.kill()

    def gone():
        try:
            with open("/proc/%d/stat" % pid) as stat:
                return stat.read().split(")")[-1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    eventually(gone)
