//! What is counted, and its Prometheus text.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use parking_lot::RwLock;

/// Different (service, operation, status) that are counted apart; the rest is
/// counted as `other`, so that no client can make the server's metrics grow.
const SERIES_MAX: usize = 4096;
const OTHER: &str = "other";

const REQUESTS: &str = "windlass_requests_total";
const DURATION: &str = "windlass_request_duration_seconds";
const CALLS_IN_FLIGHT: &str = "windlass_calls_in_flight";
const BODIES: &str = "windlass_bodies_bytes";
const CONNECTIONS: &str = "windlass_connections";
const REFUSED: &str = "windlass_requests_refused_total";
const READY: &str = "windlass_ready";

const DURATION_BUCKETS_SECONDS: [f64; 14] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// Executions and tasks take from a millisecond to months.
const EXECUTIONS: &str = "windlass_states_";
const EXECUTION_BUCKETS_SECONDS: [f64; 14] =
    [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 60.0, 300.0, 1_800.0, 10_800.0, 86_400.0, 2_592_000.0];

static METADATA: Metadata<'static> = Metadata::new("windlass", Level::INFO, Some(module_path!()));

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct SeriesKey {
    service: &'static str,
    operation: &'static str,
    status: u16,
}

struct Series {
    requests: Counter,
    duration: Histogram,
}

/// The server's own counters and the recorder everybody else's `metrics` calls
/// may go to.
pub struct Meters {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    series: RwLock<HashMap<SeriesKey, Arc<Series>, foldhash::fast::RandomState>>,
    refused: Counter,
    in_flight: Gauge,
    bodies: Gauge,
    connections: Gauge,
    ready: Gauge,
}

impl Meters {
    /// Fresh counters.
    ///
    /// # Errors
    /// When the exporter refuses the buckets.
    pub fn new() -> Result<Meters, BuildError> {
        let executions = Matcher::Prefix(EXECUTIONS.to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets(&DURATION_BUCKETS_SECONDS)?
            .set_buckets_for_metric(executions, &EXECUTION_BUCKETS_SECONDS)?
            .build_recorder();
        let describe = |name: &'static str| (KeyName::from_const_str(name), Some(Unit::Count));
        let (name, unit) = describe(REQUESTS);
        recorder.describe_counter(name, unit, text("Requests answered, by service, operation and HTTP status"));
        let (name, unit) = describe(REFUSED);
        recorder.describe_counter(name, unit, text("Requests refused before they became a call"));
        let name = KeyName::from_const_str(DURATION);
        recorder.describe_histogram(name, Some(Unit::Seconds), text("From a request's head to its answer"));
        let (name, unit) = describe(CALLS_IN_FLIGHT);
        recorder.describe_gauge(name, unit, text("Calls that run now"));
        let name = KeyName::from_const_str(BODIES);
        recorder.describe_gauge(name, Some(Unit::Bytes), text("Bodies being received or worked on"));
        let (name, unit) = describe(CONNECTIONS);
        recorder.describe_gauge(name, unit, text("Open connections"));
        let (name, unit) = describe(READY);
        recorder.describe_gauge(name, unit, text("1 when calls are taken"));
        Ok(Meters {
            refused: recorder.register_counter(&Key::from_static_name(REFUSED), &METADATA),
            in_flight: recorder.register_gauge(&Key::from_static_name(CALLS_IN_FLIGHT), &METADATA),
            bodies: recorder.register_gauge(&Key::from_static_name(BODIES), &METADATA),
            connections: recorder.register_gauge(&Key::from_static_name(CONNECTIONS), &METADATA),
            ready: recorder.register_gauge(&Key::from_static_name(READY), &METADATA),
            series: RwLock::default(),
            handle: recorder.handle(),
            recorder: Arc::new(recorder),
        })
    }

    /// Makes this the process's recorder, so that the `metrics` macros of every
    /// crate count here. False when another one is set already.
    pub fn install(&self) -> bool {
        metrics::set_global_recorder(self.recorder.clone()).is_ok()
    }

    /// Counts one answered request.
    pub(crate) fn answered(&self, service: &'static str, operation: &'static str, status: u16, took: Duration) {
        let key = SeriesKey { service, operation, status };
        let known = self.series.read().get(&key).cloned();
        let series = known.unwrap_or_else(|| self.new_series(key));
        series.requests.increment(1);
        series.duration.record(took.as_secs_f64());
    }

    fn new_series(&self, key: SeriesKey) -> Arc<Series> {
        let mut all = self.series.write();
        let key = if all.len() < SERIES_MAX || all.contains_key(&key) {
            key
        } else {
            SeriesKey { service: OTHER, operation: OTHER, status: key.status }
        };
        let make = |key: &SeriesKey| {
            let labels = vec![
                Label::new("service", key.service),
                Label::new("operation", key.operation),
                Label::new("status", key.status.to_string()),
            ];
            Arc::new(Series {
                requests: self.recorder.register_counter(&Key::from_parts(REQUESTS, labels.clone()), &METADATA),
                duration: self.recorder.register_histogram(&Key::from_parts(DURATION, labels), &METADATA),
            })
        };
        all.entry(key).or_insert_with(|| make(&key)).clone()
    }

    /// Counts one request that did not become a call.
    pub(crate) fn refused(&self) {
        self.refused.increment(1);
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.increment(1.0);
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.decrement(1.0);
    }

    /// Everything as Prometheus text. `bodies_bytes` is what all bodies take, `measured` are values read just now
    /// (name, help, value).
    pub(crate) fn render(
        &self,
        calls_in_flight: usize,
        bodies_bytes: usize,
        ready: bool,
        measured: &[Measurement],
    ) -> String {
        self.in_flight.set(calls_in_flight as f64);
        self.bodies.set(bodies_bytes as f64);
        self.ready.set(if ready { 1.0 } else { 0.0 });
        for measurement in measured {
            let name = KeyName::from_const_str(measurement.name);
            self.recorder.describe_gauge(name, None, text(measurement.help));
            self.recorder.register_gauge(&Key::from_static_name(measurement.name), &METADATA).set(measurement.value);
        }
        self.handle.render()
    }

    /// Folds what was recorded into the buckets; to be called every few
    /// seconds, for until then every observation takes memory.
    pub(crate) fn fold(&self) {
        self.handle.run_upkeep();
    }
}

fn text(help: &'static str) -> SharedString {
    SharedString::const_str(help)
}

/// A value read when metrics are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// Prometheus name, with `windlass_` in front and the unit at the end.
    pub name: &'static str,
    /// What it is, one line.
    pub help: &'static str,
    /// Its value now.
    pub value: f64,
}
