use windlass_asl::Resource;
use windlass_value::{Payload, Text, Timestamp};

use crate::calls::MockedCall;
use crate::execution::{Status, TaskId, TimerId};

/// What the world must do, after the turn is durable.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Perform a task: call a service or offer it to an activity's workers.
    Call(TaskCall),
    /// Nobody waits for this task any more.
    CancelTask(TaskId),
    /// Fire `timer` at `at`.
    SetTimer {
        /// Which.
        timer: TimerId,
        /// When.
        at: Timestamp,
        /// What for.
        kind: TimerKind,
    },
    /// That timer is not wanted any more.
    CancelTimer(TimerId),
    /// The turn's budget is spent; deliver `Continue`.
    Continue,
    /// The execution is closed.
    Finished(Status),
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerKind {
    /// Wait states, retries, time-outs: fires once at its instant.
    Deadline,
    /// A heartbeat: before it fires, the holder checks whether a heartbeat has
    /// moved the deadline, and sets it anew if so.
    Heartbeat {
        /// The task that must beat.
        task: TaskId,
        /// How often, in milliseconds.
        interval_ms: i64,
    },
}

/// A task to perform.
#[derive(Clone, Debug)]
pub struct TaskCall {
    /// Which task; answers carry it.
    pub task: TaskId,
    /// The state's name, for logs and mocks.
    pub state: Text,
    /// What the ARN names.
    pub resource: Resource,
    /// The ARN as written.
    pub arn: Text,
    /// Parameters or input.
    pub parameters: Payload,
    /// The role to assume, from `Credentials`.
    pub role_arn: Option<Text>,
    /// When the attempt times out.
    pub deadline: Option<Timestamp>,
    /// The token that answers the task, for callbacks and activities.
    pub token: Option<Text>,
    /// Retries of this state so far.
    pub retry_count: u32,
    /// Which call it is of an execution with mocks; `None` without.
    pub mocked: Option<MockedCall>,
}
