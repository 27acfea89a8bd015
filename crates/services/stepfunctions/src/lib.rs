//! AWS Step Functions: state machines, executions, activities and tags as the
//! service `states`, and the tasks that executions perform.
//!
//! [`StepFunctions`] answers API calls over the store and the journal;
//! [`Integrations`] performs the journal's task calls through the dispatcher.
//! This crate knows no socket and imports no other service: what a task calls,
//! it reaches as an AWS API call.

mod activity;
mod arn;
mod environment;
mod execution;
mod fault;
mod integration;
mod keys;
mod machine;
mod map_run;
mod mock_config;
mod name;
mod page;
mod request;
mod service;
mod stored_document;
mod tag;
mod task_answer;
mod telemetry;
mod test_state;
mod throttle;

pub use activity::{ACTIVITIES, PENDING_TASKS_MAX};
pub use environment::Environment;
pub use integration::{Integrations, OUTGOING_CALLS_MAX, Outside, RequestSigner, mocked_result_problem};
pub use machine::{MACHINES_CACHED_MAX, STATE_MACHINE_VERSIONS, STATE_MACHINES};
pub use mock_config::MockConfig;
pub use page::FACTS;
pub use service::StepFunctions;
pub use tag::{AWS_LIMITS_TAG, TAGS_MAX};
pub use telemetry::{
    ExpressPage, ExpressQuery, ExpressRetention, METERED_ARNS_MAX, Span, SpanKind, SpanSink, SpanValue, Telemetry,
    TelemetryOptions, Tracing,
};
pub use test_state::test_state_alone;

/// The tables of this crate, to open the store with.
pub static TABLES: &[&windlass_store::Table] =
    &[&STATE_MACHINES, &STATE_MACHINE_VERSIONS, &ACTIVITIES, &FACTS, telemetry::TABLES[0], telemetry::TABLES[1]];
