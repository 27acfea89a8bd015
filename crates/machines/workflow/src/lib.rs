//! The workflow machine: `step(program, execution, event) -> (history, effects)`.
//!
//! It knows no clock, randomness, sockets or storage. Time and a seed come in
//! with each event; calls and timers go out as effects. A stale event changes
//! nothing. Standard, Express, tests of one state, simulation and replay all
//! run this one function.

mod budget;
mod calls;
mod capture;
mod changes;
mod effect;
mod event;
mod execution;
mod history;
mod limits;
mod map_run;
mod probe;
mod quotas;
mod random;
mod redrive;
mod retry;
mod states;
mod step;
mod surroundings;
mod trace;
mod turn;

pub use budget::Budget;
pub use calls::{CallOfIteration, Calls, MockedCall};
pub use capture::{Capture, Sight, step_until};
pub use changes::Changes;
pub use effect::{Effect, TaskCall, TimerKind};
pub use event::{Event, EventKind, RestartPoint, TaskFailure};
pub use execution::{
    Entered, Execution, Frame, FrameId, Identity, MapRun, ParallelRun, Phase, Redrives, Retries, Status, TaskId,
    TaskPhase, TaskRun, TimerId,
};
pub use history::{Details, EventType, History, HistoryEvent, epoch_seconds};
pub use limits::{EXPRESSION_BYTES_MAX_AWS, Limits, PAYLOAD_BYTES_MAX_AWS, PAYLOAD_BYTES_MAX_DEFAULT};
pub use map_run::{
    ChildOffer, Ending, ItemBatching, ItemOf, MapRunCounts, MapRunEffect, MapRunEvent, MapRunFailure, MapRunPhase,
    MapRunPlan, MapRunSettings, MapRunState, MapRunStatus, MapSource, ResultWriting, Standing, Window, batch_input,
    item_input, label_of,
};
pub use probe::{Probe, ProbeAnswer, ReadItem};
pub use quotas::{Bucket, EXPRESS_START, Quotas, RATES_AWS, Rate, TRANSITIONS_AWS};
pub use redrive::{RestartError, find_frame};
pub use retry::MOCK_ASSERTION_FAILED;
pub use states::token_wanted;
pub use step::{World, step, step_probed, step_traced, step_within};
pub use trace::{Trace, Traced};
pub use turn::state_of;
