//! Watches one execution.

use std::sync::Arc;

use parking_lot::Mutex;
use windlass_journal::{Observed, Prepared, Qualifiers, Watch};
use windlass_store::Batch;
use windlass_workflow::{EventType, HistoryEvent, Identity, Status};

use super::express_ends::ExpressMachine;
use super::log_delivery::{LogEvents, LogTarget};
use super::meters::MachineMeters;
use super::shared::Shared;
use super::span_worker::TracedEvents;
use super::status_events::Waiting;
use super::tasks::Tasks;
use super::traces::ExecutionTrace;

/// What is kept of an Express execution's events, at most.
const EXPRESS_EVENTS_MAX: usize = 5_000;

/// Tells logs, metrics, traces and the bus what an execution does.
pub(super) struct ExecutionWatch {
    pub(super) shared: Arc<Shared>,
    pub(super) identity: Arc<Identity>,
    pub(super) qualifiers: Arc<Qualifiers>,
    /// Set for Standard executions.
    pub(super) machine: Option<Arc<MachineMeters>>,
    /// Set for Express executions.
    pub(super) express: Option<Arc<ExpressMachine>>,
    pub(super) log: Option<Arc<LogTarget>>,
    pub(super) trace: Option<Arc<ExecutionTrace>>,
    pub(super) wants_history: bool,
    /// A customer's key seals its data, which nothing may store elsewhere.
    pub(super) is_sealed: bool,
    pub(super) tasks: Mutex<Tasks>,
    /// Of an Express execution, for the record of it.
    pub(super) kept: Mutex<Vec<HistoryEvent>>,
}

impl Watch for ExecutionWatch {
    fn wants_history(&self) -> bool {
        self.wants_history
    }

    fn prepare(&self, turn: Observed<'_>, batch: &mut Batch) -> Option<Prepared> {
        let waiting = self.shared.status_events.prepare(&turn, &self.qualifiers, self.is_sealed, batch);
        (!waiting.is_empty()).then(|| Box::new(waiting) as Prepared)
    }

    fn committed(&self, turn: Observed<'_>, prepared: Option<Prepared>) {
        if let Some(waiting) = prepared.and_then(|prepared| prepared.downcast::<Vec<Waiting>>().ok()) {
            self.shared.status_events.committed(*waiting);
        }
        self.count(&turn);
        self.log(&turn);
        self.trace(&turn);
        if let Some(machine) = &self.express {
            self.express(&turn, machine);
        }
    }
}

impl ExecutionWatch {
    fn count(&self, turn: &Observed<'_>) {
        if !turn.events.is_empty() {
            let mut tasks = self.tasks.lock();
            for event in turn.events {
                tasks.count(&self.shared.meters, event);
            }
        }
        let Some(machine) = &self.machine else { return };
        if turn.begins {
            machine.started();
            self.shared.minutes.started(turn.identity.started_at);
        }
        if turn.events.iter().any(|event| event.event_type == EventType::ExecutionRedriven) {
            machine.redriven();
        }
        if let Some(stopped_at) = turn.stopped_at.filter(|_| turn.status != Status::Running) {
            machine.ended(turn.status, turn.redrive_count > 0, turn.identity.started_at, stopped_at, 1);
            self.shared.minutes.ended(turn.status, turn.identity.started_at, stopped_at);
        }
    }

    fn log(&self, turn: &Observed<'_>) {
        let Some(target) = &self.log else { return };
        let events: Vec<HistoryEvent> =
            turn.events.iter().filter(|event| target.level.takes(event.event_type)).cloned().collect();
        if events.is_empty() {
            return;
        }
        self.shared.logs.add(LogEvents {
            target: target.clone(),
            execution_arn: turn.identity.arn.clone(),
            qualifiers: self.qualifiers.clone(),
            redrive_count: turn.redrive_count,
            events,
        });
    }

    fn trace(&self, turn: &Observed<'_>) {
        let Some(worker) = &self.shared.spans else { return };
        let Some(trace) = self.trace.as_ref().filter(|trace| trace.recorded && !turn.events.is_empty()) else {
            return;
        };
        worker.add(TracedEvents {
            identity: turn.identity.clone(),
            trace: trace.clone(),
            events: turn.events.to_vec(),
            is_last: turn.status != Status::Running,
        });
    }

    fn express(&self, turn: &Observed<'_>, machine: &ExpressMachine) {
        if self.is_sealed {
            if turn.status != Status::Running {
                machine.ended(&Observed { error: None, cause: None, ..*turn }, Vec::new());
            }
            return;
        }
        if self.shared.express.keeps() && !turn.events.is_empty() {
            let mut kept = self.kept.lock();
            let room = EXPRESS_EVENTS_MAX.saturating_sub(kept.len());
            kept.extend(turn.events.iter().take(room).cloned());
        }
        if turn.status != Status::Running {
            machine.ended(turn, std::mem::take(&mut *self.kept.lock()));
        }
    }
}

impl Drop for ExecutionWatch {
    /// The execution leaves memory: what is measured of its tasks waits for it to return.
    fn drop(&mut self) {
        if let Some(trace) = &self.trace {
            self.shared.traces.remove(&self.identity.arn, trace);
        }
        let tasks = std::mem::take(self.tasks.get_mut());
        if !tasks.is_empty() && self.express.is_none() {
            self.shared.park(self.identity.arn.clone(), tasks);
        }
    }
}
