use windlass_value::{Payload, Text, Timestamp};

use crate::execution::{FrameId, TaskId, TimerId};

/// Something that happened to an execution, with its time and seed.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// Source of all randomness of the turn.
    pub seed: u64,
    /// What.
    pub kind: EventKind,
}

/// A state that a frame is sent to, whatever it was doing.
#[derive(Clone, Debug)]
pub struct RestartPoint {
    /// The frame; what ran within it is given up.
    pub frame: FrameId,
    /// A state of the frame's machine.
    pub state: Text,
    /// The state's input; `None`: the frame's own, as it stands.
    pub input: Option<Payload>,
    /// The variables of the frame's own scope, an object; `None`: as they stand.
    pub variables: Option<Payload>,
}

/// How an attempt of a task failed, which names the history event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskFailure {
    /// It could not be scheduled: `…ScheduleFailed`.
    Schedule,
    /// It could not be started: `…StartFailed`.
    Start,
    /// The job or callback request was refused: `TaskSubmitFailed`.
    Submit,
    /// It ran and failed: `…Failed`.
    Run,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum EventKind {
    /// The execution is taken, to begin later: its first event is written.
    Accept,
    /// The execution begins.
    Start,
    /// A turn ended on its budget and goes on.
    Continue,
    /// A task's call is about to be sent, or a worker took the activity.
    TaskStarted {
        /// Which.
        task: TaskId,
        /// The activity worker's name.
        worker: Option<Text>,
    },
    /// A job or callback request was accepted.
    TaskSubmitted {
        /// Which.
        task: TaskId,
        /// The service's answer.
        output: Payload,
    },
    /// A task's result.
    TaskSucceeded {
        /// Which.
        task: TaskId,
        /// The result.
        output: Payload,
    },
    /// A task's failure.
    TaskFailed {
        /// Which.
        task: TaskId,
        /// Error name; may be absent for `SendTaskFailure`.
        error: Option<Text>,
        /// Cause.
        cause: Option<Text>,
        /// How.
        failure: TaskFailure,
    },
    /// A timer's instant has come.
    TimerFired {
        /// Which.
        timer: TimerId,
    },
    /// `StopExecution`.
    Stop {
        /// The caller's error.
        error: Option<Text>,
        /// The caller's cause.
        cause: Option<Text>,
    },
    /// `RedriveExecution`: a closed execution goes on where it stopped, or from
    /// a chosen state.
    Redrive {
        /// From there instead of where its frame stopped.
        from: Option<RestartPoint>,
    },
    /// An execution that was copied from another's past goes on, in the copy.
    Fork {
        /// From there instead of where its frame stood.
        from: Option<RestartPoint>,
    },
    /// The server cannot go on with the execution: it fails.
    Fail {
        /// Error name.
        error: Text,
        /// Cause.
        cause: Text,
    },
}
