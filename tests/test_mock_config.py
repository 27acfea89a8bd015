"""SFN_MOCK_CONFIG: executions started on MACHINE#CASE have their tasks answered by a file."""

import json
import time

import histories
from server import ACCOUNT, REGION
from workflows import chain, create_function, create_machine, ended, history, one_state, output, refusal, start, unique

FUNCTION = "arn:aws:lambda:%s:%s:function:nobody" % (REGION, ACCOUNT)
QUEUE = "https://sqs.%s.amazonaws.com/%s/nothing" % (REGION, ACCOUNT)
RETRY = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "BackoffRate": 1, "MaxAttempts": 2}]
SHOP = chain(
    ("Price", {"Type": "Task", "Resource": FUNCTION, "Retry": RETRY, "ResultPath": "$.price"}),
    ("Send", {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Parameters": {"QueueUrl": QUEUE, "MessageBody.$": "$.price"}}),
)
# As people have it for Step Functions Local.
LOCAL = {
    "StateMachines": {
        "shop": {
            "TestCases": {
                "HappyPath": {"Price": "PriceFound", "Send": "Sent"},
                "RetryOnServiceException": {"Price": "PriceLate", "Send": "Sent"},
                "NoMoreAnswers": {"Price": "PriceBusy", "Send": "Sent"},
            }
        }
    },
    "MockedResponses": {
        "PriceFound": {"0": {"Return": {"total": 150}}},
        "PriceLate": {
            "0": {"Throw": {"Error": "Lambda.ResourceNotReadyException", "Cause": "Not ready."}},
            "1-2": {"Return": {"total": 7}},
        },
        "PriceBusy": {"0": {"Throw": {"Error": "Lambda.TooManyRequestsException", "Cause": "Busy."}}},
        "Sent": {"0": {"Return": {"MD5OfMessageBody": "3bcb6e8e", "MessageId": "af4e4e1c"}}},
    },
}


def mocked(make_server, tmp_path, document, **settings):
    file = tmp_path / "MockConfigFile.json"
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    server = make_server(env={"SFN_MOCK_CONFIG": str(file)}, **settings).start()
    return server, server.states(), file


def one_case(states_to_responses, responses, machine="m"):
    return {"StateMachines": {machine: {"TestCases": {"Case": states_to_responses}}}, "MockedResponses": responses}


def test_a_file_of_step_functions_local(make_server, tmp_path):
    _, states, _ = mocked(make_server, tmp_path, LOCAL)
    machine = create_machine(states, SHOP, name="shop")

    execution = start(states, machine + "#HappyPath", {"id": 1})
    # Only the start names the case.
    assert execution.startswith(machine.replace(":stateMachine:", ":execution:") + ":")
    found = ended(states, execution)
    assert found["stateMachineArn"] == machine
    assert output(found) == {"MD5OfMessageBody": "3bcb6e8e", "MessageId": "af4e4e1c"}
    events = history(states, execution)
    histories.check(events)
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
        "TaskStateExited",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    parameters = json.loads(events[7]["taskScheduledEventDetails"]["parameters"])
    assert parameters == {"QueueUrl": QUEUE, "MessageBody": {"total": 150}}

    execution = start(states, machine + "#RetryOnServiceException")
    assert output(ended(states, execution))["MessageId"] == "af4e4e1c"
    failed = [event for event in history(states, execution) if event["type"] == "LambdaFunctionFailed"]
    assert [event["lambdaFunctionFailedEventDetails"] for event in failed] == [
        {"error": "Lambda.ResourceNotReadyException", "cause": "Not ready."}
    ]

    found = ended(states, start(states, machine + "#NoMoreAnswers"))
    assert (found["status"], found["error"]) == ("FAILED", "States.Runtime")
    assert "'Price': invocation 1 has no answer" in found["cause"]


def test_a_bare_hash_calls(make_server, tmp_path, awslambda):
    server, states, _ = mocked(make_server, tmp_path, LOCAL)
    name = unique("real")
    create_function(server.awslambda(), "def handler(event, context):\n    return event['a'] + 1\n", name=name)
    machine = create_machine(states, one_state(Type="Task", Resource=FUNCTION.replace("nobody", name)), name="shop")
    for suffix in ("", "#"):
        assert output(ended(states, start(states, machine + suffix, {"a": 1}))) == 2


def test_a_bad_file_refuses_only_the_starts_that_need_it(make_server, tmp_path):
    server, states, file = mocked(make_server, tmp_path, LOCAL)
    machine = create_machine(states, SHOP, name="shop")
    # Each is read anew.
    for written, code, part in [
        ("{", "ValidationException", "is wrong: it is no JSON"),
        (one_case({"Price": "None"}, {}, "shop"), "ValidationException", "there is no response 'None'"),
        (one_case({}, {"R": {"0": {"Return": 1}, "2": {"Return": 2}}}), "ValidationException", "without gaps"),
        (one_case({}, {"R": {"0": {"Return": 1, "Throw": {"Error": "E"}}}}), "ValidationException", "exactly one of"),
        (LOCAL, "InvalidName", "no test case 'Case'"),
    ]:
        file.write_text(written if isinstance(written, str) else json.dumps(written))
        found = refusal(states.start_execution, stateMachineArn=machine + "#Case")
        assert found[0] == code and part in found[1], found
        assert states.start_execution(stateMachineArn=machine + "#")["executionArn"]
    file.unlink()
    code, message = refusal(states.start_execution, stateMachineArn=machine + "#HappyPath")
    assert code == "ValidationException" and "cannot be read" in message
    file.write_text(json.dumps(LOCAL))
    assert output(ended(states, start(states, machine + "#HappyPath")))
    server.stop()


def test_a_file_that_only_lies_there_is_not_read(make_server, tmp_path):
    server = make_server()
    (server.folder / "MockConfigFile.json").write_text(json.dumps(LOCAL))
    states = server.start().states()
    machine = create_machine(states, SHOP, name="shop")
    for suffix in ("#HappyPath", "#"):
        code, message = refusal(states.start_execution, stateMachineArn=machine + suffix)
        assert code == "ValidationException" and "SFN_MOCK_CONFIG" in message
    assert states.list_executions(stateMachineArn=machine)["executions"] == []
    server.stop()
    # Beside the configuration that names it.
    server.config.write_text('[stepfunctions]\nmock_config = "MockConfigFile.json"\n')
    states = server.start().states()
    assert output(ended(states, start(states, machine + "#HappyPath")))
    # The variable wins.
    server.stop()
    states = server.start(SFN_MOCK_CONFIG=str(tmp_path / "elsewhere.json")).states()
    assert "elsewhere.json" in refusal(states.start_execution, stateMachineArn=machine + "#HappyPath")[1]


def test_express_executions(make_server, tmp_path):
    server, states, _ = mocked(make_server, tmp_path, LOCAL)
    machine = create_machine(states, SHOP, name="shop", type="EXPRESS")
    code, message = refusal(states.start_sync_execution, stateMachineArn=machine + "#HappyPath")
    assert code == "InvalidArn" and "test case" in message
    assert states.start_execution(stateMachineArn=machine + "#HappyPath")["executionArn"].split(":")[5] == "express"


def test_versions_and_aliases_have_cases_too(make_server, tmp_path):
    _, states, _ = mocked(make_server, tmp_path, LOCAL)
    machine = create_machine(states, SHOP, name="shop", publish=True)
    alias = states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": machine + ":1", "weight": 100}]
    )["stateMachineAliasArn"]
    for arn in (machine + ":1", alias):
        found = ended(states, start(states, arn + "#HappyPath"))
        assert output(found) and found["stateMachineVersionArn"] == machine + ":1"


def test_activities_callbacks_and_jobs(make_server, tmp_path):
    definition = chain(
        ("Worker", {"Type": "Task", "Resource": "arn:aws:states:%s:%s:activity:nobody" % (REGION, ACCOUNT)}),
        ("Callback", {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"QueueUrl": QUEUE, "MessageBody.$": "$$.Task.Token"}}),
        ("Job", {"Type": "Task", "Resource": "arn:aws:states:::batch:submitJob.sync", "Parameters": {"JobName": "j", "JobDefinition": "d", "JobQueue": "q"}}),
    )
    responses = {
        "Worked": {"0": {"Return": {"by": "mock"}}},
        "Called": {"0": {"Return": {"yes": True}, "Submitted": {"MessageId": "1"}}},
        "Ran": {"0": {"Throw": {"Error": "Batch.Failed", "Cause": "exit 1"}}},
    }
    _, states, _ = mocked(make_server, tmp_path, one_case({"Worker": "Worked", "Callback": "Called", "Job": "Ran"}, responses))
    execution = start(states, create_machine(states, definition, name="m") + "#Case")
    found = ended(states, execution)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Batch.Failed", "exit 1")
    events = history(states, execution)
    histories.check(events)
    assert [event["type"] for event in events if event["type"].startswith(("Task", "Activity")) and "State" not in event["type"]] == [
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskFailed",
    ]
    submitted = [event["taskSubmittedEventDetails"]["output"] for event in events if event["type"] == "TaskSubmitted"]
    assert json.loads(submitted[0]) == {"MessageId": "1"}


def test_iterations_inputs_and_scripts(make_server, tmp_path):
    item = {"Type": "Task", "Resource": FUNCTION, "End": True, "Retry": RETRY}
    definition = one_state(Type="Map", ItemProcessor={"StartAt": "Item", "States": {"Item": item}})
    responses = {
        "Items": {
            "Iterations": {
                "1": {"0": {"Throw": {"Error": "Busy"}}, "1": {"Return": "again"}},
                "*": {
                    "Match": [{"Input": {"sku": "gone"}, "Return": "gone"}],
                    "0": {"Script": "{% $states.input.count * 10 %}", "Delay": 0.2},
                },
            }
        }
    }
    _, states, _ = mocked(make_server, tmp_path, one_case({"Item": "Items"}, responses))
    machine = create_machine(states, definition, name="m")
    items = [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}, {"sku": "gone"}, {"sku": "d", "count": 4}]
    for _ in range(3):
        assert output(ended(states, start(states, machine + "#Case", items))) == [10, "again", "gone", 40]


def test_what_is_sent_is_asserted(make_server, tmp_path):
    definition = one_state(
        Type="Task",
        Resource=FUNCTION,
        Parameters={"order.$": "$.order"},
        Retry=RETRY,
        Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
    )
    definition["States"]["Caught"] = {"Type": "Succeed"}
    response = {"0": {"Return": 1, "Assert": {"order": {"id": 7}}}}
    server, states, _ = mocked(make_server, tmp_path, one_case({"Only": "R"}, {"R": response}))
    machine = create_machine(states, definition, name="m")
    assert output(ended(states, start(states, machine + "#Case", {"order": {"id": 7, "more": 1}}))) == 1
    execution = start(states, machine + "#Case", {"order": {"id": 8}})
    found = ended(states, execution)
    assert (found["status"], found["error"]) == ("FAILED", "Windlass.MockAssertionFailed")
    assert "$.order.id is 8, expected 7" in found["cause"]
    assert "LambdaFunctionFailed" in [event["type"] for event in history(states, execution)]
    lines = [json.loads(line) for line in (server.folder / "log").read_text().splitlines() if execution in line]
    assert any("$.order.id is 8, expected 7" in json.dumps(line) for line in lines)


def test_a_killed_server_goes_on_with_the_case(make_server, tmp_path):
    item = {"Type": "Task", "Resource": FUNCTION, "End": True, "Retry": [{**RETRY[0], "MaxAttempts": 9}]}
    definition = one_state(Type="Map", ItemProcessor={"StartAt": "Item", "States": {"Item": item}})
    busy = {"Throw": {"Error": "Busy"}, "Delay": 0.3}
    responses = {"R": {"Iterations": {"*": {"0-2": busy, "3": {"Return": "done", "Delay": 0.3}}}}}
    server, states, file = mocked(make_server, tmp_path, one_case({"Item": "R"}, responses))
    execution = start(states, create_machine(states, definition, name="m") + "#Case", [1, 2, 3])
    file.write_text("{}")
    for _ in range(4):
        time.sleep(0.7)
        server.kill()
        states = server.start().states()
    assert output(ended(states, execution)) == ["done"] * 3
    events = history(states, execution)
    histories.check(events)
    count = lambda kind: sum(event["type"] == kind for event in events)
    assert (count("LambdaFunctionScheduled"), count("LambdaFunctionFailed"), count("LambdaFunctionSucceeded")) == (12, 9, 3)


def test_a_backend_answers_with_a_response_of_a_file(make_server, tmp_path):
    (tmp_path / "mocks.json").write_text(json.dumps({"MockedResponses": {
        "Jobs": {"Match": [{"Input": {"JobName": "none"}, "Throw": {"Error": "EntityNotFoundException", "Cause": "No such job."}}],
                 "0": {"Return": {"JobRunId": "first"}}, "1-": {"Script": "{% {'JobRunId': $states.input.JobName} %}"}},
    }}))
    config = """
[[backend]]
service = "glue"
kind = "mock"
mock_file = "%s"
response = "Jobs"
""" % (tmp_path / "mocks.json")
    states = make_server(config=config).start().states()
    machine = create_machine(states, one_state(Type="Task", Resource="arn:aws:states:::glue:startJobRun", Parameters={"JobName.$": "$"}))
    assert [output(ended(states, start(states, machine, name)))["JobRunId"] for name in ("a", "b")] == ["first", "b"]
    assert ended(states, start(states, machine, "none"))["error"] == "Glue.EntityNotFoundException"
