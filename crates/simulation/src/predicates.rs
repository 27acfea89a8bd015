//! What holds of every execution, whatever happened to the server.

use std::collections::BTreeMap;

use windlass_journal::Record;
use windlass_workflow::{Details, EventType, HistoryEvent, Status, TaskId};

use crate::outside::Outside;

/// What is wrong, in words.
pub(crate) type Checked = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// A history at any moment: dense ids, chains into the past, time forwards, one
/// end an attempt. Answers the ends by attempt.
pub(crate) fn history(events: &[HistoryEvent]) -> Result<BTreeMap<u64, EventType>, String> {
    let mut ends = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        ensure(event.id == index as u64 + 1, || format!("event {} stands at place {}", event.id, index + 1))?;
        ensure(event.previous_event_id < event.id, || format!("event {} follows a later one", event.id))?;
        ensure(index == 0 || events[index - 1].at <= event.at, || {
            format!("time runs backwards at event {}", event.id)
        })?;
        if !ends_attempt(event.event_type) {
            continue;
        }
        let mut at = event;
        while !at.event_type.name().ends_with("Scheduled") {
            let previous = at.previous_event_id.checked_sub(1).and_then(|at| events.get(at as usize));
            at = previous.ok_or_else(|| format!("event {} has no Scheduled event", event.id))?;
        }
        let before = ends.insert(at.id, event.event_type);
        ensure(before.is_none(), || format!("attempt {} ends twice, the second time at event {}", at.id, event.id))?;
    }
    Ok(ends)
}

fn ends_attempt(event_type: EventType) -> bool {
    let name = event_type.name();
    let task = ["LambdaFunction", "Task", "Activity"].iter().any(|kind| name.starts_with(kind));
    task && !name.contains("State") && ["Failed", "Succeeded", "TimedOut"].iter().any(|end| name.ends_with(end))
}

/// A closed execution: its record, history and the world outside agree.
pub(crate) fn closed(record: &Record, events: &[HistoryEvent], outside: &Outside) -> Checked {
    let ends = history(events)?;
    let last = events.last().map(|event| event.event_type);
    let expected = match record.status {
        Status::Succeeded => EventType::ExecutionSucceeded,
        Status::Failed => EventType::ExecutionFailed,
        Status::TimedOut => EventType::ExecutionTimedOut,
        Status::Aborted => EventType::ExecutionAborted,
        Status::Running => return Err("the execution does not end".to_owned()),
    };
    ensure(last == Some(expected), || format!("{} ends with {last:?}", record.status.as_str()))?;
    ensure(record.stopped_at == events.last().map(|event| event.at), || {
        "it stopped at another time than its last event".to_owned()
    })?;
    let mine = |(arn, _): &(String, TaskId)| **arn == *record.arn;
    for ((_, task), sent) in outside.sent.iter().filter(|(key, _)| mine(key)) {
        ensure(*sent == 1, || format!("attempt {task} was sent {sent} times"))?;
        let scheduled = events.get(task.event_id as usize - 1).map(|event| event.event_type.name());
        ensure(scheduled.is_some_and(|name| name.ends_with("Scheduled")), || {
            format!("attempt {task} was sent, but its event is {scheduled:?}")
        })?;
    }
    for ((_, task), succeeded) in outside.taken.iter().filter(|(key, _)| mine(key)) {
        let end = ends.get(&task.event_id).map(|end| end.name());
        let wanted = if *succeeded { "Succeeded" } else { "Failed" };
        ensure(end.is_some_and(|end| end.ends_with(wanted)), || {
            format!("the answer to attempt {task} was taken, but its end is {end:?}")
        })?;
    }
    attempts(events)
}

/// No state is scheduled more often than its retriers allow, which the
/// generator bounds by three; a redrive lets it begin anew.
fn attempts(events: &[HistoryEvent]) -> Checked {
    let mut of_state: BTreeMap<(u64, u64), u32> = BTreeMap::new();
    for event in events.iter().filter(|event| {
        matches!(
            event.details,
            Details::TaskScheduled { .. } | Details::LambdaScheduled { .. } | Details::ActivityScheduled { .. }
        )
    }) {
        let (mut at, mut behind) = (event, 0);
        while !at.event_type.name().ends_with("StateEntered") && at.event_type != EventType::ExecutionRedriven {
            let previous = at.previous_event_id.checked_sub(1).and_then(|at| events.get(at as usize));
            behind = at.id;
            at = previous.ok_or_else(|| format!("event {} is in no state", event.id))?;
        }
        // Many branches may go on behind one redrive.
        let of_redrive = at.event_type == EventType::ExecutionRedriven;
        let count = of_state.entry((at.id, if of_redrive { behind } else { 0 })).or_default();
        *count += 1;
        ensure(*count <= 4, || format!("the state entered at event {} is tried {count} times", at.id))?;
    }
    Ok(())
}
