"""EventBridge Scheduler: schedules, groups, targets, kills."""

import datetime
import json
import time

import pytest

from messages import bodies, clients, create_queue, no_more, received
from server import ACCOUNT, REGION, ROLE, client
from workflows import PASS, create_machine, ended, eventually, refusal, unique

OFF = {"Mode": "OFF"}


@pytest.fixture(scope="session")
def scheduler(server):
    return client("scheduler", server.endpoint)


@pytest.fixture(scope="session")
def sqs(server):
    return client("sqs", server.endpoint)


def at(seconds_from_now):
    instant = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds_from_now)
    return instant.strftime("at(%Y-%m-%dT%H:%M:%S)")


def create_schedule(scheduler, expression, target, **settings):
    name = settings.pop("Name", None) or unique("schedule")
    target = {"RoleArn": ROLE, **target}
    scheduler.create_schedule(
        Name=name, ScheduleExpression=expression, Target=target, FlexibleTimeWindow=OFF, **settings
    )
    return name


def test_life(scheduler):
    group = unique("group")
    scheduler.create_schedule_group(Name=group, Tags=[{"Key": "a", "Value": "1"}])
    arn = "arn:aws:sqs:%s:%s:q" % (REGION, ACCOUNT)
    name = create_schedule(
        scheduler,
        "cron(0 12 ? * MON-FRI *)",
        {"Arn": arn, "Input": "x"},
        GroupName=group,
        ScheduleExpressionTimezone="Europe/Berlin",
        Description="at noon",
    )
    got = scheduler.get_schedule(Name=name, GroupName=group)
    assert got["Arn"] == "arn:aws:scheduler:%s:%s:schedule/%s/%s" % (REGION, ACCOUNT, group, name)
    assert (got["State"], got["ScheduleExpressionTimezone"]) == ("ENABLED", "Europe/Berlin")
    assert got["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert isinstance(got["CreationDate"], datetime.datetime)
    assert refusal(scheduler.get_schedule, Name=name)[0] == "ResourceNotFoundException"
    with pytest.raises(scheduler.exceptions.ConflictException):
        create_schedule(scheduler, "rate(1 hours)", {"Arn": arn}, GroupName=group, Name=name)
    with pytest.raises(scheduler.exceptions.ValidationException):
        create_schedule(scheduler, "rate(1 parsec)", {"Arn": arn})
    scheduler.update_schedule(
        Name=name,
        GroupName=group,
        ScheduleExpression="rate(1 hours)",
        State="DISABLED",
        FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5},
        Target={"Arn": arn, "RoleArn": ROLE},
    )
    got = scheduler.get_schedule(Name=name, GroupName=group)
    assert (got["State"], got["FlexibleTimeWindow"]["MaximumWindowInMinutes"]) == ("DISABLED", 5)
    assert "Description" not in got
    listed = scheduler.get_paginator("list_schedules").paginate(GroupName=group).build_full_result()["Schedules"]
    assert [one["Name"] for one in listed] == [name]
    scheduler.delete_schedule_group(Name=group)
    eventually(lambda: group not in [one["Name"] for one in scheduler.list_schedule_groups()["ScheduleGroups"]])
    assert refusal(scheduler.get_schedule, Name=name, GroupName=group)[0] == "ResourceNotFoundException"


def test_once_to_a_queue(scheduler, sqs):
    url, arn = create_queue(sqs)
    text = json.dumps({"arn": "<aws.scheduler.schedule-arn>", "attempt": "<aws.scheduler.attempt-number>"})
    name = create_schedule(scheduler, at(2), {"Arn": arn, "Input": text}, ActionAfterCompletion="DELETE")
    started = time.monotonic()
    [told] = bodies(sqs, url, 1)
    assert time.monotonic() - started > 0.5, "it came too early"
    assert told == {"arn": "arn:aws:scheduler:%s:%s:schedule/default/%s" % (REGION, ACCOUNT, name), "attempt": "1"}
    eventually(lambda: refusal(scheduler.get_schedule, Name=name)[0] == "ResourceNotFoundException")
    no_more(sqs, url)


def test_a_rate_begins_at_once_and_starts_executions(scheduler, states):
    machine = create_machine(states, PASS)
    create_schedule(scheduler, "rate(1 hours)", {"Arn": machine, "Input": json.dumps({"n": 1})})
    # Well within the hour after which it would come otherwise.
    [execution] = eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])
    assert json.loads(ended(states, execution["executionArn"])["input"]) == {"n": 1}


def test_any_operation_can_be_called(scheduler, sqs):
    url, _ = create_queue(sqs)
    document = json.dumps({"QueueUrl": url, "MessageBody": "universal"})
    create_schedule(scheduler, at(1), {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "Input": document})
    assert received(sqs, url, 1)[0]["Body"] == "universal"


def test_no_instant_is_missed_or_doubled_by_kills(make_server):
    """A schedule for every half second of some time, and kills in between."""
    server = make_server().start()
    scheduler, sqs = clients(server, "scheduler", "sqs")
    url, arn = create_queue(sqs)
    count = 40
    for number in range(count):
        create_schedule(scheduler, at(4 + number // 2), {"Arn": arn, "Input": str(number)})
    until = time.monotonic() + 4 + count // 2
    while time.monotonic() < until:
        time.sleep(1.3)
        server.kill()
        server.start()
    [sqs] = clients(server, "sqs")
    found = [int(message["Body"]) for message in received(sqs, url, count)]
    assert sorted(found) == list(range(count))
    no_more(sqs, url, 2)


def test_what_was_missed_fires_once(make_server):
    server = make_server()
    scheduler, sqs = clients(server.start(WINDLASS_TEST_CLOCK_OFFSET_MS="0"), "scheduler", "sqs")
    url, arn = create_queue(sqs)
    create_schedule(scheduler, "rate(1 minutes)", {"Arn": arn, "Input": "<aws.scheduler.scheduled-time>"})
    [first] = received(sqs, url, 1)
    server.kill()
    [sqs] = clients(server.start(WINDLASS_TEST_CLOCK_OFFSET_MS=str(10 * 60_000)), "sqs")
    [second] = received(sqs, url, 1)
    first, second = (datetime.datetime.fromisoformat(message["Body"]) for message in (first, second))
    assert second - first == datetime.timedelta(minutes=1)
    no_more(sqs, url, 3)
