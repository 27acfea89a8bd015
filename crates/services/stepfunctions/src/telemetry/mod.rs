//! What executions tell the outside: status changes on the default bus, records in
//! logs, metrics, traces, and the list of Express executions.
//!
//! All of it hangs on one hook of the journal, which is called once a turn is durable.

mod escaped;
mod express_ends;
mod express_records;
mod log_delivery;
mod log_level;
mod log_record;
mod meters;
mod minutes;
mod operations;
mod shared;
mod span_worker;
mod spans;
mod status_event;
mod status_events;
mod tasks;
#[cfg(test)]
mod tests;
mod traces;
mod watch;

use std::sync::Arc;

use parking_lot::Mutex;
use windlass_journal::{Journal, Observer, Subject, Watch};
use windlass_protocol::{Dispatcher, Fault};
use windlass_store::{Store, Table};
use windlass_value::{Text, Timestamp, Value};

use self::express_records::ExpressRecords;
pub use self::express_records::{ExpressPage, ExpressQuery, ExpressRetention};
use self::log_delivery::{LogDelivery, LogTarget};
pub use self::meters::METERED_ARNS_MAX;
use self::meters::Meters;
pub(crate) use self::minutes::Minute;
use self::minutes::Minutes;
pub(crate) use self::operations::{describe_express, list_express};
use self::shared::Shared;
use self::span_worker::SpanWorker;
pub use self::spans::{Span, SpanKind, SpanSink, SpanValue};
use self::status_events::StatusEvents;
use self::traces::ExecutionTrace;
pub(crate) use self::traces::Traces;
use self::watch::ExecutionWatch;
use crate::environment::Environment;
use crate::execution::{UPDATED_AT_MS, trace_header_of};
use crate::integration::Integrations;

/// The tables of this part.
pub(crate) static TABLES: [&Table; 2] = [&status_events::STATUS_EVENTS, &express_records::EXPRESS_EXECUTIONS];

/// Where traces go, and which are made.
#[derive(Clone)]
pub struct Tracing {
    /// Takes the spans.
    pub sink: Arc<dyn SpanSink>,
    /// The share of traces that is recorded where whoever starts an execution does
    /// not say; from 0 to 1.
    pub sample_ratio: f64,
}

/// How executions tell of themselves.
#[derive(Clone, Default)]
pub struct TelemetryOptions {
    /// Which Express executions are kept for lists.
    pub express: ExpressRetention,
    /// `None`: nothing is traced.
    pub tracing: Option<Tracing>,
}

/// Tells the outside what executions do. A handle; clones share it.
#[derive(Clone)]
pub struct Telemetry(Arc<Shared>);

impl Telemetry {
    /// Observes a journal over a store opened with [`crate::TABLES`]; it tells what it
    /// sees through the dispatcher. Call before the journal recovers.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(
        store: &Store,
        journal: &Journal,
        integrations: &Integrations,
        dispatcher: &Dispatcher,
        environment: &Environment,
        options: TelemetryOptions,
    ) -> Result<Telemetry, Fault> {
        let TelemetryOptions { express, tracing } = options;
        let sample_ratio = tracing.as_ref().map_or(0.0, |tracing| tracing.sample_ratio);
        let express = ExpressRecords::open(store.clone(), environment.clone(), express).map_err(Fault::internal)?;
        let status_events = StatusEvents::new(store.clone(), journal.clone(), dispatcher.clone(), environment.clone());
        let telemetry = Telemetry(Arc::new(Shared {
            meters: Meters::new(),
            minutes: Minutes::new(),
            status_events: Arc::new(status_events),
            logs: Arc::new(LogDelivery::new(dispatcher.clone(), environment.clone())),
            express: Arc::new(express),
            spans: tracing.map(|tracing| Arc::new(SpanWorker::new(journal.clone(), tracing.sink))),
            sample_ratio,
            traces: integrations.traces().clone(),
            parked: Mutex::default(),
        }));
        journal.observe(Arc::new(telemetry.clone()));
        Ok(telemetry)
    }

    /// Begins to deliver, with what an earlier run left. Call within a runtime, once
    /// the dispatcher is wired.
    pub fn start(&self) {
        self.0.status_events.start();
        self.0.logs.start();
        self.0.express.start();
        if let Some(spans) = &self.0.spans {
            spans.start();
        }
    }

    /// Delivers what is in memory only, and ends. What was not told of status changes
    /// is told at the next start.
    pub async fn stop(&self) {
        self.0.status_events.stop().await;
        self.0.logs.stop().await;
        self.0.express.stop().await;
        if let Some(spans) = &self.0.spans {
            spans.stop().await;
        }
    }

    /// What Standard executions did in the last hour, since this server started.
    pub(crate) fn last_hour(&self, now: Timestamp) -> Vec<Minute> {
        self.0.minutes.last_hour(now)
    }

    /// Express executions, the last ended first.
    pub fn express_executions(&self, query: &ExpressQuery) -> ExpressPage {
        self.0.express.list(query)
    }

    /// An Express execution with its events, as far as they are kept.
    pub fn express_execution(&self, arn: &str) -> Option<Value> {
        self.0.express.find(arn)
    }

    /// A transition or a start of a machine had to wait for a quota.
    pub fn throttled(&self, machine_arn: &Text) {
        self.0.meters.throttled(machine_arn);
    }

    /// Values for metrics: name, help, value.
    pub fn measure(&self) -> Vec<(&'static str, &'static str, f64)> {
        let (events_sent, events_given_up, events_waiting) = self.0.status_events.counts();
        let (records_delivered, records_dropped, records_waiting) = self.0.logs.counts();
        // Counters of Express executions are made anew here too, to be as new as these.
        self.0.express.take_up();
        let (express_kept, express_unwritten, express_unlisted) = self.0.express.counts();
        let spans_dropped = self.0.spans.as_ref().map_or(0, |spans| spans.dropped());
        vec![
            ("windlass_states_status_events_sent", "Status changes told the bus since the start", events_sent as f64),
            (
                "windlass_states_status_events_given_up",
                "Status changes the bus refused for good",
                events_given_up as f64,
            ),
            (
                "windlass_states_status_events_waiting",
                "Status changes in memory that wait for the bus",
                events_waiting as f64,
            ),
            (
                "windlass_states_log_records_delivered",
                "Log records delivered since the start",
                records_delivered as f64,
            ),
            ("windlass_states_log_records_dropped", "Log records dropped since the start", records_dropped as f64),
            ("windlass_states_log_records_waiting", "Events that wait to become log records", records_waiting as f64),
            ("windlass_states_express_kept", "Ended Express executions kept for lists", express_kept as f64),
            (
                "windlass_states_express_unwritten",
                "Ended Express executions kept in memory only",
                express_unwritten as f64,
            ),
            (
                "windlass_states_express_unlisted",
                "Ended Express executions that were only counted",
                express_unlisted as f64,
            ),
            (
                "windlass_states_trace_events_dropped",
                "Events no span was made of, for too many waited",
                spans_dropped as f64,
            ),
        ]
    }
}

impl Observer for Telemetry {
    fn watch(&self, subject: Subject<'_>) -> Option<Arc<dyn Watch>> {
        let shared = &self.0;
        let identity = subject.identity;
        let express = identity.express.then(|| shared.express.machine(&shared.meters, &identity.machine_arn));
        if let Some(machine) = &express {
            machine.machine.started();
        }
        let details = subject.details();
        // Most executions have nothing but the instant of their machine there.
        let is_plain = details.len() == 1 && details.get_index(0).is_some_and(|(name, _)| **name == *UPDATED_AT_MS);
        let member = |name: &str| if is_plain { None } else { details.get(name) };
        let log = member("loggingConfiguration")
            .and_then(|logging| LogTarget::of(logging, &identity.machine_arn, &identity.machine_name));
        let header = if is_plain { None } else { trace_header_of(&details).and_then(Value::as_str) };
        let is_traced = shared.spans.is_some()
            && member("tracingConfiguration").is_some_and(|tracing| tracing["enabled"].as_bool() == Some(true));
        let trace = (is_traced || header.is_some()).then(|| {
            let ratio = is_traced.then_some(shared.sample_ratio);
            Arc::new(ExecutionTrace::of(&identity.arn, identity.started_at, header, ratio))
        });
        let wants_history =
            log.is_some() || trace.as_ref().is_some_and(|trace| trace.recorded) || shared.express.wants_events();
        let is_sealed =
            member("encryptionConfiguration").is_some_and(|encryption| encryption["kmsKeyId"].as_str().is_some());
        if let Some(machine) = &express
            && !wants_history
            && !is_sealed
            && trace.is_none()
        {
            return Some(machine.clone());
        }
        if let Some(trace) = &trace {
            shared.traces.add(identity.arn.clone(), trace.clone());
        }
        Some(Arc::new(ExecutionWatch {
            shared: shared.clone(),
            identity: identity.clone(),
            qualifiers: Arc::new(subject.qualifiers.clone()),
            machine: express.is_none().then(|| shared.meters.machine(&identity.machine_arn)),
            tasks: Mutex::new(if express.is_some() { tasks::Tasks::default() } else { shared.unpark(&identity.arn) }),
            express,
            log: log.map(Arc::new),
            trace,
            wants_history,
            is_sealed,
            kept: Mutex::default(),
        }))
    }
}
