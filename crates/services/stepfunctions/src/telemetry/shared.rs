use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_value::Text;

use super::express_records::ExpressRecords;
use super::log_delivery::LogDelivery;
use super::meters::Meters;
use super::minutes::Minutes;
use super::span_worker::SpanWorker;
use super::status_events::StatusEvents;
use super::tasks::Tasks;
use super::traces::Traces;

/// Executions out of memory whose tasks are still measured.
const PARKED_MAX: usize = 100_000;

/// What all watches share.
pub(super) struct Shared {
    pub(super) meters: Meters,
    pub(super) minutes: Minutes,
    pub(super) status_events: Arc<StatusEvents>,
    pub(super) logs: Arc<LogDelivery>,
    pub(super) express: Arc<ExpressRecords>,
    /// `None`: nothing is traced.
    pub(super) spans: Option<Arc<SpanWorker>>,
    pub(super) sample_ratio: f64,
    pub(super) traces: Traces,
    pub(super) parked: Mutex<HashMap<Text, Tasks>>,
}

impl Shared {
    /// Keeps what is measured of an execution that leaves memory; where too many do,
    /// its tasks are only counted.
    pub(super) fn park(&self, arn: Text, tasks: Tasks) {
        let mut parked = self.parked.lock();
        if parked.len() < PARKED_MAX {
            parked.insert(arn, tasks);
        }
    }

    pub(super) fn unpark(&self, arn: &Text) -> Tasks {
        self.parked.lock().remove(arn).unwrap_or_default()
    }
}
