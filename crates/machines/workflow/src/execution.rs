use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use windlass_asl::Items;
use windlass_value::{Payload, Text, Timestamp, Value};

use crate::calls::Calls;
use crate::changes::Changes;

/// Names a frame within its execution; never used twice. The root is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u64);

impl FrameId {
    /// The frame of the definition itself.
    pub const ROOT: FrameId = FrameId(0);
}

/// One attempt of a task: the frame and the id of its Scheduled event, so that
/// a late answer to an earlier attempt is known as stale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The frame that waits.
    pub frame: FrameId,
    /// Id of the Scheduled event.
    pub event_id: u64,
}

/// A timer: the frame and a number that is never used twice in the execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    /// The frame that waits; the root also for the execution's own time-out.
    pub frame: FrameId,
    /// Distinguishes a frame's timers.
    pub serial: u64,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.frame.0, self.event_id)
    }
}

/// Where an execution stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "AWS's own words")]
pub enum Status {
    #[default]
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Status {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Running => "RUNNING",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
            Status::Aborted => "ABORTED",
        }
    }

    /// From AWS's word.
    pub fn parse(text: &str) -> Option<Status> {
        [Status::Running, Status::Succeeded, Status::Failed, Status::TimedOut, Status::Aborted]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// What never changes about an execution.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its ARN.
    pub arn: Text,
    /// Its name.
    pub name: Text,
    /// ARN of its state machine.
    pub machine_arn: Text,
    /// Name of its state machine.
    pub machine_name: Text,
    /// The role it runs under.
    pub role_arn: Text,
    /// Region, for history.
    pub region: Text,
    /// When it started.
    pub started_at: Timestamp,
    /// Its input, in the caller's own text.
    pub input: Payload,
    /// Express executions have no redrive count in their context.
    pub express: bool,
    /// What answers tasks in place of the services they call, for whoever performs
    /// them to read; the machine only counts calls where it is set.
    pub mocks: Option<Text>,
}

/// An execution: a tree of frames, of which each runs one machine.
#[derive(Clone, Debug)]
pub struct Execution {
    /// What never changes.
    pub identity: Arc<Identity>,
    /// Where it stands.
    pub status: Status,
    /// The output of a successful execution.
    pub output: Option<Payload>,
    /// The error of a failed one.
    pub error: Option<Text>,
    /// The cause of a failed one.
    pub cause: Option<Text>,
    /// When it closed.
    pub stopped_at: Option<Timestamp>,
    /// The running frames. Of an execution that closed without success, those
    /// that were not done, halted: what a redrive takes up.
    pub frames: BTreeMap<FrameId, Frame>,
    /// Next frame id.
    pub next_frame: u64,
    /// Next event id, from 1.
    pub next_event_id: u64,
    /// Next timer serial.
    pub next_timer: u64,
    /// The execution's own time-out.
    pub timeout: Option<TimerId>,
    /// Calls of each state so far; empty without mocks.
    pub calls: Calls,
    /// How often it was redriven, and when last.
    pub redrives: Redrives,
    /// Frames that have a state to enter, in order. Derived: phase `Enter`.
    pub(crate) ready: VecDeque<FrameId>,
    /// What changed since the last [`Execution::take_changes`].
    pub(crate) changes: Changes,
}

/// How often an execution was brought back after it had closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redrives {
    /// How often.
    pub count: u32,
    /// When last.
    pub at: Option<Timestamp>,
}

/// One machine at work: the root, a Parallel branch or a Map iteration.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its id.
    pub id: FrameId,
    /// The container it belongs to.
    pub parent: Option<FrameId>,
    /// Branch or iteration number.
    pub index: u32,
    /// The current state, by name.
    pub state: Text,
    /// The current state's raw input.
    pub input: Payload,
    /// Variables of this frame's own scope, an object; `None` for none.
    pub variables: Option<Payload>,
    /// The event the next one chains to.
    pub previous_event_id: u64,
    /// How the current state was entered; `None` before it is.
    pub entered: Option<Entered>,
    /// Retries of the current state.
    pub retries: Retries,
    /// What it waits for.
    pub phase: Phase,
}

/// How a state was entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Id of the Entered event.
    pub event_id: u64,
    /// What that event chained to.
    pub previous_event_id: u64,
    /// When.
    pub at: Timestamp,
}

/// Retries of a state since it was entered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retries {
    /// All of them.
    pub count: u32,
    /// By retrier.
    pub by_retrier: Vec<u32>,
}

/// What a frame waits for.
#[derive(Clone, Debug)]
pub enum Phase {
    /// Nothing: its state is to be entered.
    Enter,
    /// Nothing: its state is to be tried again (the delay is over).
    Work,
    /// A Wait state's instant.
    Wait {
        /// Fires then.
        timer: TimerId,
        /// Then.
        until: Timestamp,
    },
    /// A retry's delay.
    Retry {
        /// Fires then.
        timer: TimerId,
        /// Then.
        until: Timestamp,
    },
    /// A task's answer.
    Task(TaskRun),
    /// Branches.
    Parallel(ParallelRun),
    /// Iterations.
    Map(MapRun),
}

/// How far a task's attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the history's events")]
pub enum TaskPhase {
    Scheduled,
    Started,
    Submitted,
}

/// A task's attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskRun {
    /// Which.
    pub task: TaskId,
    /// How far.
    pub phase: TaskPhase,
    /// Time-out.
    pub timeout: Option<TimerId>,
    /// Heartbeat.
    pub heartbeat: Option<TimerId>,
    /// Interval of the heartbeat in milliseconds.
    pub heartbeat_ms: Option<i64>,
}

/// A Parallel state's branches.
#[derive(Clone, Debug)]
pub struct ParallelRun {
    /// By branch.
    pub results: Vec<Option<Payload>>,
    /// Branches still running.
    pub running: u32,
}

/// A Map state's iterations.
#[derive(Clone, Debug)]
pub struct MapRun {
    /// The items: an array, or an object whose members are gone through.
    pub items: Payload,
    /// How many there are.
    pub length: u32,
    /// By iteration.
    pub results: Vec<Option<Payload>>,
    /// The next item to start.
    pub next_index: u32,
    /// Iterations running.
    pub running: u32,
    /// Bound of those.
    pub concurrency_max: u32,
    /// The event that the next iteration's first one chains to.
    pub chain_event_id: u64,
}

impl Frame {
    /// Whether a turn can do something for it without an event from outside.
    pub(crate) fn has_work(&self) -> bool {
        match &self.phase {
            Phase::Enter | Phase::Work => true,
            // Its turn had no room for more iterations; or a redrive found all of them
            // done, and nobody else would end the Map.
            Phase::Map(run) => run.running == 0 || (run.running < run.concurrency_max && run.next_index < run.length),
            Phase::Parallel(run) => run.running == 0,
            _ => false,
        }
    }
}

impl MapRun {
    /// An item's value and, of an object's member, its key.
    pub fn item(&self, index: u32) -> (Value, Option<Text>) {
        let items = match self.items.value() {
            Value::Array(items) => Items::Array(items.clone()),
            Value::Object(object) => Items::Object(object.clone()),
            _ => return (Value::Null, None),
        };
        (items.item(index as usize).unwrap_or_default(), items.key(index as usize).cloned())
    }
}

impl Execution {
    /// An execution that has not begun: deliver `Start`.
    pub fn new(identity: Identity) -> Execution {
        Execution::new_with(Arc::new(identity))
    }

    /// As [`Execution::new`], of a shared identity.
    pub fn new_with(identity: Arc<Identity>) -> Execution {
        Execution {
            identity,
            status: Status::Running,
            output: None,
            error: None,
            cause: None,
            stopped_at: None,
            frames: BTreeMap::new(),
            next_frame: 0,
            next_event_id: 1,
            next_timer: 1,
            timeout: None,
            calls: Calls::default(),
            redrives: Redrives::default(),
            ready: VecDeque::new(),
            changes: Changes::default(),
        }
    }

    /// Whether it is still running.
    pub fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    /// Whether it has entered its first state, or is about to.
    pub fn has_begun(&self) -> bool {
        self.next_frame > 0
    }

    /// Hands over what changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// Finds the frames that have work after the execution was read from
    /// storage, where the queue is not kept.
    pub fn rebuild_ready(&mut self) {
        self.ready = self.frames.values().filter(|frame| frame.has_work()).map(|frame| frame.id).collect();
    }

    /// Whether a frame waits for nothing but a turn: `Continue` must come.
    pub fn has_work(&self) -> bool {
        self.is_running() && self.ready.iter().any(|id| self.frames.get(id).is_some_and(Frame::has_work))
    }

    /// The timers that are set, as the frames know them.
    pub fn timers(&self) -> Vec<TimerId> {
        let of_frame = |frame: &Frame| match &frame.phase {
            Phase::Wait { timer, .. } | Phase::Retry { timer, .. } => vec![*timer],
            Phase::Task(run) => run.timeout.into_iter().chain(run.heartbeat).collect(),
            _ => Vec::new(),
        };
        self.timeout.into_iter().chain(self.frames.values().flat_map(of_frame)).collect()
    }

    /// The task a frame waits for, if the id is that of its current attempt.
    pub fn task(&self, task: TaskId) -> Option<&TaskRun> {
        match &self.frames.get(&task.frame)?.phase {
            Phase::Task(run) if run.task == task => Some(run),
            _ => None,
        }
    }
}
