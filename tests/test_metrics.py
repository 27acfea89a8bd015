"""AWS's metrics of executions and tasks, on the Prometheus endpoint."""

import re
import urllib.request

from workflows import create_function, create_machine, ended, eventually, one_state, start, unique


def series(server):
    """(name, labels) to value."""
    with urllib.request.urlopen(server.endpoint + "/_windlass/metrics") as answer:
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        if not line.startswith("#") and (parts := re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)):
            found[(parts[1], parts[2] or "")] = float(parts[3])
    return found


def counted(server, prefix, label):
    """The metrics of one ARN, by what follows the prefix."""
    return {
        name.removeprefix(prefix): value
        for (name, labels), value in series(server).items()
        if name.startswith(prefix) and labels == label
    }


def test_executions_by_machine(make_server):
    server = make_server().start()
    states = server.states()
    succeeds, fails = create_machine(states, one_state(Type="Pass")), create_machine(states, one_state(Type="Fail"))
    times_out = create_machine(states, {**one_state(Type="Wait", Seconds=600), "TimeoutSeconds": 1})
    waits = create_machine(states, one_state(Type="Wait", Seconds=600))
    executions = [start(states, machine) for machine in (succeeds, succeeds, fails, times_out, waits)]
    states.stop_execution(executionArn=executions[-1])
    for execution in executions:
        ended(states, execution)
    express = create_machine(states, one_state(Type="Pass"), type="EXPRESS")
    for _ in range(3):
        states.start_sync_execution(stateMachineArn=express)
    ends = ["succeeded", "failed", "aborted", "timed_out"]

    def of(machine):
        found = counted(server, "windlass_states_execution", 'state_machine_arn="%s"' % machine)
        return found["s_started_total"], [found["s_%s_total" % end] for end in ends], found["_time_seconds_count"]

    assert of(succeeds) == (2, [2, 0, 0, 0], 2)
    assert of(fails) == (1, [0, 1, 0, 0], 1)
    assert of(times_out) == (1, [0, 0, 0, 1], 1)
    assert of(waits) == (1, [0, 0, 1, 0], 1)
    assert of(express) == (3, [3, 0, 0, 0], 3)
    found = counted(server, "windlass_states_express_execution_", 'state_machine_arn="%s"' % express)
    assert found["billed_memory_bytes_total"] == 3 * 64 * 2**20
    assert found["billed_duration_seconds_count"] == 3 and found["billed_duration_seconds_sum"] >= 0.3


def test_tasks_by_what_they_call(make_server):
    server = make_server().start()
    states, functions = server.states(), server.awslambda()
    source = "def handler(event, context):\n    return 1 / event['n']"
    function = create_function(functions, source)["FunctionArn"]
    by_arn = create_machine(states, one_state(Type="Task", Resource=function))
    for number in (1, 1, 0):
        ended(states, start(states, by_arn, {"n": number}))
    found = counted(server, "windlass_states_lambda_function", 'lambda_function_arn="%s"' % function)
    assert [found["s_%s_total" % step] for step in ("scheduled", "started", "succeeded", "failed")] == [3, 3, 2, 1]
    assert [found["_%s_seconds_count" % time] for time in ("schedule_time", "run_time", "time")] == [3, 3, 3]
    invoke = one_state(
        Type="Task", Resource="arn:aws:states:::lambda:invoke", Parameters={"FunctionName": function, "Payload": {"n": 1}}
    )
    ended(states, start(states, create_machine(states, invoke)))
    label = 'service_integration_resource_arn="arn:aws:states:::lambda:invoke"'
    found = counted(server, "windlass_states_service_integration", label)
    assert (found["s_succeeded_total"], found["_time_seconds_count"]) == (1, 1)
    activity = states.create_activity(name=unique("activity"))["activityArn"]
    machine = create_machine(states, one_state(Type="Task", Resource=activity, HeartbeatSeconds=1))
    execution = start(states, machine)
    token = states.get_activity_task(activityArn=activity)["taskToken"]
    states.send_task_success(taskToken=token, output="1")
    ended(states, execution)
    execution = start(states, machine)
    states.get_activity_task(activityArn=activity)
    ended(states, execution)
    label = 'activity_arn="%s"' % activity
    found = eventually(lambda: counted(server, "windlass_states_activit", label))
    steps = ("scheduled", "started", "succeeded", "timed_out", "heartbeat_timed_out")
    assert [found["ies_%s_total" % step] for step in steps] == [2, 2, 1, 1, 1]
    # The execution left memory while it waited for the worker.
    assert [found["y_%s_seconds_count" % time] for time in ("schedule_time", "run_time", "time")] == [2, 2, 2]
