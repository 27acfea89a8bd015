"""Status changes of executions on the default event bus."""

import json

import pytest

from messages import bodies, create_queue, no_more
from server import ACCOUNT, REGION, client
from test_redrive import ask
from workflows import PASS, create_machine, ended, eventually, one_state, start, unique

DETAIL_TYPE = "Step Functions Execution Status Change"


def listening(server, machine, **pattern):
    """A queue that gets the status changes of a machine's executions."""
    events, sqs = client("events", server.endpoint), client("sqs", server.endpoint)
    url, arn = create_queue(sqs)
    name = unique("rule")
    pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [machine], **pattern}}
    events.put_rule(Name=name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    return sqs, url


def of_status(events):
    return {event["detail"]["status"]: event for event in events}


def ms(instant):
    return round(instant.timestamp() * 1000)


def test_the_shape_of_a_success(server, states):
    machine = create_machine(states, one_state(Type="Pass", Result={"r": 1}))
    sqs, url = listening(server, machine)
    execution = start(states, machine, {"a": "ä"}, name=unique("named"))
    described = ended(states, execution)
    found = of_status(bodies(sqs, url, 2))
    running, succeeded = found["RUNNING"], found["SUCCEEDED"]
    detail = {
        "executionArn": execution,
        "stateMachineArn": machine,
        "name": described["name"],
        "status": "RUNNING",
        "startDate": ms(described["startDate"]),
        "stopDate": None,
        "input": described["input"],
        "output": None,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
        "redriveStatus": "NOT_REDRIVABLE",
        "redriveStatusReason": "Execution is RUNNING and cannot be redriven",
        "inputDetails": {"included": True},
        "outputDetails": None,
        "error": None,
        "cause": None,
    }
    assert running["detail"] == detail
    assert succeeded["detail"] == {
        **detail,
        "status": "SUCCEEDED",
        "stopDate": ms(described["stopDate"]),
        "output": '{"r":1}',
        "outputDetails": {"included": True},
        "redriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
    }
    for event in (running, succeeded):
        assert {name: event[name] for name in ("source", "detail-type", "account", "region", "resources")} == {
            "source": "aws.states",
            "detail-type": DETAIL_TYPE,
            "account": ACCOUNT,
            "region": REGION,
            "resources": [execution],
        }
    assert running["id"] != succeeded["id"]
    no_more(sqs, url)


def test_other_ends(server, states):
    fails = create_machine(states, one_state(Type="Fail", Error="E", Cause="c"))
    waits = create_machine(states, {**one_state(Type="Wait", Seconds=600), "TimeoutSeconds": 1})
    stops = create_machine(states, one_state(Type="Wait", Seconds=600))
    queues = {machine: listening(server, machine, status=[{"anything-but": "RUNNING"}]) for machine in (fails, waits, stops)}
    for machine in queues:
        execution = start(states, machine)
        if machine == stops:
            states.stop_execution(executionArn=execution, error="S", cause="told to")
    expected = {
        fails: ("FAILED", "E", "c"),
        waits: ("TIMED_OUT", None, None),
        stops: ("ABORTED", "S", "told to"),
    }
    for machine, (sqs, url) in queues.items():
        [event] = bodies(sqs, url, 1)
        detail = event["detail"]
        assert (detail["status"], detail["error"], detail["cause"]) == expected[machine]
        assert (detail["output"], detail["outputDetails"], detail["input"]) == (None, None, "{}")
        assert detail["redriveStatus"] == "REDRIVABLE" and detail["redriveStatusReason"] is None
        assert detail["stopDate"] >= detail["startDate"]


def test_large_data_is_left_out(server, states):
    machine = create_machine(states, PASS)
    sqs, url = listening(server, machine)
    start(states, machine, "x" * 150_000)
    found = of_status(bodies(sqs, url, 2))
    assert len(found["RUNNING"]["detail"]["input"]) == 150_002
    detail = found["SUCCEEDED"]["detail"]
    assert (detail["input"], detail["inputDetails"]) == (None, {"included": False})
    assert (len(detail["output"]), detail["outputDetails"]) == (150_002, {"included": True})
    start(states, machine, '"' * 126_000)
    found = of_status(bodies(sqs, url, 2))
    detail = found["SUCCEEDED"]["detail"]
    assert [detail[name] for name in ("input", "output")] == [None, None]
    assert [detail[name]["included"] for name in ("inputDetails", "outputDetails")] == [False, False]


def test_versions_aliases_and_express(server, states):
    machine = create_machine(states, PASS)
    sqs, url = listening(server, machine)
    version = states.publish_state_machine_version(stateMachineArn=machine)["stateMachineVersionArn"]
    routes = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = states.create_state_machine_alias(name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    start(states, alias)
    for event in bodies(sqs, url, 2):
        detail = event["detail"]
        assert (detail["stateMachineVersionArn"], detail["stateMachineAliasArn"]) == (version, alias)
    express = create_machine(states, PASS, type="EXPRESS")
    sqs, url = listening(server, express)
    states.start_sync_execution(stateMachineArn=express)
    no_more(sqs, url)


def test_nothing_is_made_for_nobody(make_server):
    server = make_server().start()
    states = server.states()
    machine = create_machine(states, PASS)
    for _ in range(5):
        ended(states, start(states, machine))
    assert measured(server, "windlass_states_status_events_sent") == 0
    sqs, url = listening(server, machine)
    ended(states, start(states, machine))
    assert len(bodies(sqs, url, 2)) == 2
    eventually(lambda: measured(server, "windlass_states_status_events_sent") == 2)


def measured(server, name):
    import urllib.request

    with urllib.request.urlopen(server.endpoint + "/_windlass/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = [line for line in lines if line.startswith(name + " ")]
    return float(found[0].split()[1]) if found else None


def test_no_acknowledged_change_is_lost_by_kills(make_server):
    server = make_server().start()
    states = server.states()
    machine = create_machine(states, PASS)
    waits = create_machine(states, one_state(Type="Wait", Seconds=1))
    events, sqs = client("events", server.endpoint), client("sqs", server.endpoint)
    url, arn = create_queue(sqs)
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.states"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "q", "Arn": arn}])
    executions = set()
    for _ in range(4):
        states = server.states()
        for number in range(30):
            executions.add(start(states, waits if number % 3 == 0 else machine, {"n": number}))
        # At once: most of what was acknowledged has not been told.
        server.kill()
        server.start()
    states, sqs = server.states(), client("sqs", server.endpoint)
    for execution in executions:
        ended(states, execution)
    told, ids = set(), {}
    wanted = {(execution, status) for execution in executions for status in ("RUNNING", "SUCCEEDED")}

    def check():
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            event = json.loads(message["Body"])
            change = (event["detail"]["executionArn"], event["detail"]["status"])
            told.add(change)
            # A change that is told twice is told under the same id.
            assert ids.setdefault(change, event["id"]) == event["id"]
        return wanted <= told

    eventually(check)
    assert told == wanted


@pytest.mark.parametrize("mode", ["enforced"])
def test_where_permissions_are_enforced(make_server, mode):
    config = (
        "[authorization]\nmode = \"%s\"\n\n[[credentials]]\naccess_key_id = \"AKIAOPERATOR\"\n"
        "secret_access_key = \"operators-own-secret\"\n" % mode
    )
    server = make_server(config=config).start()

    def of(service):
        return client(service, server.endpoint, key="AKIAOPERATOR", secret="operators-own-secret")

    states, iam, events, sqs, logs = (of(name) for name in ("stepfunctions", "iam", "events", "sqs", "logs"))
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    url, arn = create_queue(sqs)
    leave = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(leave)})
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["aws.states"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "q", "Arn": arn}])
    logs.create_log_group(logGroupName="g")
    group = "arn:aws:logs:%s:%s:log-group:g:*" % (REGION, ACCOUNT)
    made = states.create_state_machine(
        name="m",
        definition=json.dumps(PASS),
        roleArn=role,
        loggingConfiguration={"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}]},
    )
    states.start_execution(stateMachineArn=made["stateMachineArn"])
    assert sorted(event["detail"]["status"] for event in bodies(sqs, url, 2)) == ["RUNNING", "SUCCEEDED"]
    eventually(lambda: len(logs.filter_log_events(logGroupName="g")["events"]) == 4)


def test_nobody_else_speaks_for_the_service(server):
    events = client("events", server.endpoint)
    entry = {"Source": "aws.states", "DetailType": DETAIL_TYPE, "Detail": "{}"}
    answer = events.put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


def test_redrives_and_forks(server, states):
    waits = one_state(Type="Wait", SecondsPath="$.seconds")
    machine = create_machine(states, {**waits, "TimeoutSeconds": 1})
    sqs, url = listening(server, machine)
    execution = start(states, machine, {"seconds": 600})
    ended(states, execution)
    bodies(sqs, url, 2)
    states.redrive_execution(executionArn=execution)
    found = of_status(bodies(sqs, url, 2))
    running, timed_out = found["RUNNING"]["detail"], found["TIMED_OUT"]["detail"]
    described = ended(states, execution)
    assert (running["redriveCount"], timed_out["redriveCount"]) == (1, 1)
    assert running["redriveDate"] == timed_out["redriveDate"] == ms(described["redriveDate"])
    assert (running["stopDate"], timed_out["stopDate"]) == (None, ms(described["stopDate"]))
    status, forked = ask(server, "executions/fork", {"executionArn": execution, "eventId": 2, "input": {"seconds": 0}})
    assert status == 200, forked
    found = of_status(bodies(sqs, url, 2))
    assert {event["detail"]["executionArn"] for event in found.values()} == {forked["executionArn"]}
    assert sorted(found) == ["RUNNING", "SUCCEEDED"]
