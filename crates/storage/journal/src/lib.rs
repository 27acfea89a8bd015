//! Executions on the store: one turn of the machine is one batch, committed
//! before any effect leaves; timers, outbox, history pages and recovery.
//!
//! Recovery folds stored deltas into state; it never runs history or program
//! again. This crate knows no AWS service and no wire format: what performs a
//! task comes in as [`Tasks`].

mod answer;
mod clock;
mod concurrency;
mod contents;
mod data_key;
mod definition;
mod drive;
mod error;
mod express;
mod fork;
mod heartbeats;
mod history;
mod journal;
mod key;
mod live;
mod load;
mod locked;
mod map_run;
mod moment;
mod observer;
mod options;
mod pauses;
mod query;
mod record;
mod recovery;
mod redrive;
mod replay;
mod retention;
mod search;
mod slot;
mod start;
mod stored;
mod tables;
mod tasks;
mod timers;
mod token;
mod transitions;
mod turn;
mod waiting;

pub use answer::Answer;
pub use clock::{Clock, SystemClock};
pub use concurrency::{ConcurrencyLimit, WAITING_MAX};
pub use data_key::{DataKey, DataKeyError};
pub use definition::JournalDefinition;
pub use error::{JournalError, StartError, TokenError};
pub use express::ExpressOutcome;
pub use fork::{ForkError, ForkPoint, Forked};
pub use history::HistoryQuery;
pub use journal::{Journal, JournalConfig, JournalStats, NewExecution, Qualifiers};
pub use key::ExecutionKey;
pub use map_run::{
    ChildOf, ExpressChild, MapRunChild, MapRunChildQuery, MapRunRecord, MapRunTally, MapRunUpdate, ObjectBytes,
    ObjectPlace, Objects, ObjectsFuture,
};
pub use moment::{Evaluated, Moment, MomentState};
pub use observer::{Observed, Observer, Prepared, Subject, Watch};
pub use options::ExecutionOptions;
pub use query::{ExecutionQuery, ExecutionsOf};
pub use record::Record;
pub use redrive::{Redrive, RedriveError, Redriven, RestartState};
pub use replay::ReplayError;
pub use search::{ExecutionSearch, FoundExecutions};
pub use stored::TurnError;
pub use tables::TABLES;
pub use tasks::{Answers, CutOff, Permit, TaskJob, Tasks};
pub use waiting::WaitingTask;
