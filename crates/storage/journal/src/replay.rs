//! A stored turn once more, in memory: what came in is known from its inputs and
//! events, so the machine comes to the same. Nothing that runs depends on this:
//! it serves people who look back, and copies of an execution's past.

use std::collections::BTreeMap;

use windlass_asl::Machine;
use windlass_value::{Payload, Text};
use windlass_workflow::{
    Budget, Capture, Details, Event, EventKind, EventType, Execution, FrameId, History, HistoryEvent, Phase,
    RestartPoint, TaskCall, TaskFailure, TaskId, TimerId, Trace, World, step_until,
};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::load::PayloadReader;
use crate::stored::{StoredRestart, StoredTurn};

/// Why a turn could not be made once more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// Storage failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// This release comes to other events than are stored, or the turn does not
    /// say what came in.
    #[error("turn {turn} cannot be recomputed: {reason}")]
    Differs {
        /// Which turn.
        turn: u64,
        /// Why.
        reason: String,
    },
}

/// What came of a turn.
pub(crate) struct Replayed {
    pub(crate) execution: Execution,
    pub(crate) events: Vec<HistoryEvent>,
    pub(crate) captured: Option<Capture>,
}

impl Journal {
    /// Makes a stored turn once more on the execution as it stood before it.
    pub(crate) fn replay(
        &self,
        program: &Machine,
        mut execution: Execution,
        turn: &StoredTurn,
        reader: &mut PayloadReader<'_>,
        trace: Option<&Trace>,
        capture_at: Option<u64>,
    ) -> Result<Replayed, ReplayError> {
        let differs = |reason: String| ReplayError::Differs { turn: turn.turn, reason };
        let mut stored: BTreeMap<u64, HistoryEvent> = BTreeMap::new();
        for event in &turn.events {
            let payload = event.place().map(|place| reader.read(place)).transpose()?;
            let id = event.id();
            let live = event.clone().into_live(turn.at, payload);
            stored.insert(id, live.ok_or_else(|| differs(format!("event {id} is of a type that is not known here")))?);
        }
        let arn = execution.identity.arn.clone();
        let token = |task: TaskId| self.seal(&arn, task);
        // What was refused then is told by the event that came instead of Scheduled.
        let refusal = |call: &TaskCall| {
            let event = stored.get(&call.task.event_id)?;
            (!event.event_type.name().ends_with("Scheduled")).then(String::new)
        };
        let world = World { limits: self.limits(), refusal: &refusal, token: &token };
        let mut budget = Budget::default();
        let mut events = Vec::new();
        let mut captured = None;
        let mut run = |execution: &mut Execution, serial: usize, kind: EventKind| {
            let mut history = History::On(Vec::new());
            let event = Event { at: turn.at, seed: turn.seed.wrapping_add(serial as u64), kind };
            let (_, found) =
                step_until(program, execution, &event, &world, &mut history, &mut budget, trace, capture_at);
            captured = captured.take().or(found);
            events.extend(history.take());
        };
        let (inputs, is_cut) = turn.inputs();
        let end = stored.last_key_value().map(|(id, _)| id + 1);
        for (serial, input) in inputs.iter().enumerate() {
            if is_cut && end.is_none_or(|end| execution.next_event_id >= end) {
                break;
            }
            let restart = match &turn.restart {
                Some(restart) if input == "redrive" || input == "fork" => Some(restart_point(restart, reader)?),
                _ => None,
            };
            let kind = event_of(input, restart, &execution, &stored).map_err(&differs)?;
            run(&mut execution, serial, kind);
        }
        // Starts that went into the turn that scheduled their tasks are no inputs.
        while let Some(event) = stored.get(&execution.next_event_id)
            && matches!(
                event.event_type,
                EventType::LambdaFunctionStarted | EventType::TaskStarted | EventType::ActivityStarted
            )
            && let Some(task) = task_scheduled_as(&execution, event.previous_event_id)
        {
            run(&mut execution, 0, EventKind::TaskStarted { task, worker: None });
        }
        if is_cut {
            // The machine does not know where the turn was cut off.
            events.truncate(stored.len());
        }
        let picture = |event: &HistoryEvent| {
            let texts: Vec<String> = event.details.payloads().map(|payload| payload.text().to_string()).collect();
            (event.id, event.previous_event_id, event.event_type, texts)
        };
        if !events.iter().map(picture).eq(stored.values().map(picture)) {
            let first = events.iter().zip(stored.values()).find(|(now, then)| picture(now) != picture(then));
            let reason = match first {
                Some((now, then)) => {
                    format!("it would write {} where {} is", now.event_type.name(), then.event_type.name())
                }
                None => format!("it would write {} events where {} are", events.len(), stored.len()),
            };
            return Err(differs(reason));
        }
        Ok(Replayed { execution, events: stored.into_values().collect(), captured })
    }
}

pub(crate) fn restart_point(
    stored: &StoredRestart,
    reader: &mut PayloadReader<'_>,
) -> Result<RestartPoint, JournalError> {
    let StoredRestart { frame, state, input, variables } = stored;
    Ok(RestartPoint {
        frame: FrameId(*frame),
        state: state.as_str().into(),
        input: input.map(|place| reader.read(place)).transpose()?,
        variables: variables.map(|place| reader.read(place)).transpose()?,
    })
}

/// The task whose Scheduled event has that id.
fn task_scheduled_as(execution: &Execution, event_id: u64) -> Option<TaskId> {
    execution.frames.values().find_map(|frame| match &frame.phase {
        Phase::Task(run) if run.task.event_id == event_id => Some(run.task),
        _ => None,
    })
}

/// What a turn's input was, from the words that are stored of it and the events
/// that came of it.
fn event_of(
    input: &str,
    restart: Option<RestartPoint>,
    execution: &Execution,
    events: &BTreeMap<u64, HistoryEvent>,
) -> Result<EventKind, String> {
    let unknown = || format!("its input '{input}' is not known here");
    let closing = |wanted: EventType| {
        let event = events.range(execution.next_event_id..).map(|(_, event)| event);
        let mut found = event.filter(|event| event.event_type == wanted);
        match found.next().map(|event| &event.details) {
            Some(Details::Failure { error, cause }) => Ok((error.clone(), cause.clone())),
            _ => Err(format!("what came of its input '{input}' is not there")),
        }
    };
    match input {
        "accept" => return Ok(EventKind::Accept),
        "start" => return Ok(EventKind::Start),
        "continue" => return Ok(EventKind::Continue),
        "redrive" => return Ok(EventKind::Redrive { from: restart }),
        "fork" => return Ok(EventKind::Fork { from: restart }),
        "stop" => {
            let (error, cause) = closing(EventType::ExecutionAborted)?;
            return Ok(EventKind::Stop { error, cause });
        }
        "fail" => {
            let (error, cause) = closing(EventType::ExecutionFailed)?;
            return Ok(EventKind::Fail { error: error.unwrap_or_default(), cause: cause.unwrap_or_default() });
        }
        _ => {}
    }
    let mut words = input.split(' ');
    let (what, pair, how) = (words.next(), words.next().and_then(pair), words.next());
    let (Some((frame, number)), Some(what), Some(how)) = (pair, what, how) else { return Err(unknown()) };
    let frame = FrameId(frame);
    if (what, how) == ("timer", "fired") {
        return Ok(EventKind::TimerFired { timer: TimerId { frame, serial: number } });
    }
    let task = TaskId { frame, event_id: number };
    let event = events.get(&execution.next_event_id).ok_or_else(|| format!("what came of '{input}' is not there"))?;
    let failed = |error: &Option<Text>, cause: &Option<Text>| {
        let name = event.event_type.name();
        let failure = match () {
            () if name.ends_with("ScheduleFailed") => TaskFailure::Schedule,
            () if name.ends_with("StartFailed") => TaskFailure::Start,
            () if name.ends_with("SubmitFailed") => TaskFailure::Submit,
            () => TaskFailure::Run,
        };
        EventKind::TaskFailed { task, error: error.clone(), cause: cause.clone(), failure }
    };
    let output_of = |details: &Details| -> Option<Payload> {
        match details {
            Details::Output { output } | Details::TaskOutput { output, .. } => Some(output.clone()),
            _ => None,
        }
    };
    match (what, how, &event.details) {
        ("task", "started", Details::ActivityStarted { worker }) => {
            Ok(EventKind::TaskStarted { task, worker: worker.clone() })
        }
        ("task", "started", _) => Ok(EventKind::TaskStarted { task, worker: None }),
        // A result that was too large is stored as the failure it became.
        (
            "task",
            "failed" | "succeeded",
            Details::Failure { error, cause } | Details::TaskFailure { error, cause, .. },
        ) => Ok(failed(error, cause)),
        ("task", "submitted", details) => {
            output_of(details).map(|output| EventKind::TaskSubmitted { task, output }).ok_or_else(unknown)
        }
        ("task", "succeeded", details) => {
            output_of(details).map(|output| EventKind::TaskSucceeded { task, output }).ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}

/// `12.34`
fn pair(text: &str) -> Option<(u64, u64)> {
    let (first, second) = text.split_once('.')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}
