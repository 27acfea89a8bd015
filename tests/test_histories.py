"""The checker that other tests rely on: it must see what is wrong."""

import copy

import pytest

import histories
from workflows import chain, create_machine, ended, history, one_state, start


@pytest.fixture(scope="module")
def events(states):
    activity = states.create_activity(name="histories")["activityArn"]
    definition = chain(
        ("Pass", {"Type": "Pass"}),
        ("Work", {"Type": "Task", "Resource": activity}),
        ("Map", {"Type": "Map", "ItemProcessor": one_state(Type="Pass")}),
    )
    execution = start(states, create_machine(states, definition))
    token = states.get_activity_task(activityArn=activity)["taskToken"]
    states.send_task_success(taskToken=token, output="[1, 2]")
    ended(states, execution)
    return history(states, execution)


def index(events, kind):
    return next(n for n, event in enumerate(events) if event["type"] == kind)


def without(events, kind):
    del events[index(events, kind)]


def repeated(events, kind):
    """The event happens once more, with everything after it numbered anew."""
    at = index(events, kind)
    twin = {**events[at], "id": events[at]["id"] + 1}
    for event in events[at + 1 :]:
        event["id"] += 1
        if event["previousEventId"] > at + 1:
            event["previousEventId"] += 1
    events.insert(at + 1, twin)


WRONG = {
    "an event is missing": lambda events: without(events, "ActivityStarted"),
    "the end is missing": lambda events: without(events, "ExecutionSucceeded"),
    "two ends": lambda events: repeated(events, "ExecutionSucceeded"),
    "a result twice": lambda events: repeated(events, "ActivitySucceeded"),
    "a state left twice": lambda events: repeated(events, "PassStateExited"),
    "a cause that comes later": lambda events: events[3].update(previousEventId=5),
    "a start that is none": lambda events: events[0].update(type="PassStateEntered"),
    "time that goes back": lambda events: events[3].update(timestamp=events[0]["timestamp"].replace(year=2001)),
}


def test_a_good_history(events):
    histories.check(events)


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_history(events, case):
    wrong = copy.deepcopy(events)
    WRONG[case](wrong)
    with pytest.raises(AssertionError):
        histories.check(wrong)
