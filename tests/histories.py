"""What must hold of every history, whatever happened to the server meanwhile."""

from collections import Counter

ENDS = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
SCHEDULED = {"TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled"}
TASK_ENDS = {
    kind + end
    for kind in ("Task", "LambdaFunction", "Activity")
    for end in ("Succeeded", "Failed", "TimedOut", "StartFailed", "SubmitFailed", "ScheduleFailed")
}


def details(event):
    """The one member that depends on the event's type."""
    return next((value for key, value in event.items() if key.endswith("EventDetails")), {})


def led_to(event, events):
    """The events before this one, along previousEventId, the nearest first."""
    while event["previousEventId"]:
        event = events[event["previousEventId"] - 1]
        yield event


def nearest(event, events, kinds):
    return next((past for past in led_to(event, events) if past["type"] in kinds), None)


def check(events, execution="", closed=True):
    """Asserts that a history is whole, gapless and says nothing twice."""
    what = (execution, [(event["id"], event["previousEventId"], event["type"]) for event in events])
    assert [event["id"] for event in events] == list(range(1, len(events) + 1)), what
    assert events[0]["type"] == "ExecutionStarted" and events[0]["previousEventId"] == 0, what
    for event, after in zip(events, events[1:]):
        assert after["timestamp"] >= event["timestamp"], what
    for event in events[1:]:
        assert 0 <= event["previousEventId"] < event["id"], (event, what)
    # Behind each end but the last comes a redrive.
    ends = [event["id"] for event in events if event["type"] in ENDS]
    redriven = [event["id"] - 1 for event in events if event["type"] == "ExecutionRedriven"]
    assert ends == redriven + ([len(events)] if closed else []), what

    # Each task that was scheduled ends at most once, each state is left at most once.
    answered = Counter()
    left = Counter()
    for event in events:
        if event["type"] in TASK_ENDS:
            scheduled = nearest(event, events, SCHEDULED)
            assert scheduled is not None, (event, what)
            answered[scheduled["id"]] += 1
        if "stateExitedEventDetails" in event:
            name = details(event)["name"]
            entered = next(
                (
                    past
                    for past in led_to(event, events)
                    if "stateEnteredEventDetails" in past and details(past)["name"] == name
                ),
                None,
            )
            if entered is None and nearest(event, events, {"ExecutionRedriven"}):
                # Branches that go on behind a redrive chain to it, not to their own past.
                entered = next(
                    past
                    for past in reversed(events[: event["id"] - 1])
                    if "stateEnteredEventDetails" in past and details(past)["name"] == name
                )
            assert entered is not None, (event, what)
            left[entered["id"]] += 1
    assert all(count == 1 for count in answered.values()), (answered, what)
    assert all(count == 1 for count in left.values()), (left, what)
