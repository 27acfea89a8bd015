//! The workflow machine: `step(program, execution, event) -> (history, effects)`.
//!
//! It knows no clock, randomness, sockets or storage. Time and a seed come in
//! with each event; calls and timers go out as effects. A stale event changes
//! nothing. Standard, Express, tests of one state, simulation and replay all
//! run this one function.

mod budget;
mod changes;
mod effect;
mod event;
mod execution;
mod history;
mod limits;
mod quotas;
mod random;
mod retry;
mod states;
mod step;
mod surroundings;
mod turn;

pub use budget::Budget;
pub use changes::Changes;
pub use effect::{Effect, TaskCall, TimerKind};
pub use event::{Event, EventKind, TaskFailure};
pub use execution::{
    Entered, Execution, Frame, FrameId, Identity, MapRun, ParallelRun, Phase, Retries, Status, TaskId, TaskPhase,
    TaskRun, TimerId,
};
pub use history::{Details, EventType, History, HistoryEvent, epoch_seconds};
pub use limits::{EXPRESSION_BYTES_MAX_AWS, Limits, PAYLOAD_BYTES_MAX_AWS, PAYLOAD_BYTES_MAX_DEFAULT};
pub use quotas::{Bucket, EXPRESS_START, Quotas, RATES_AWS, Rate, TRANSITIONS_AWS};
pub use states::token_wanted;
pub use step::{World, step, step_within};
pub use turn::state_of;
