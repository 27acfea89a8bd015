//! The tasks of one execution that are under way, for how long they take.

use std::collections::HashMap;
use std::sync::Arc;

use windlass_value::{Text, Timestamp};
use windlass_workflow::{Details, EventType, HistoryEvent};

use super::meters::{Meters, TaskKind, TaskMeters};

/// Tasks under way in one execution whose times are measured; further ones are only counted.
const TASKS_MAX: usize = 10_000;

struct Task {
    meters: Arc<TaskMeters>,
    scheduled_at: Timestamp,
    started_at: Option<Timestamp>,
    /// What the Scheduled event says of its time-out, in seconds.
    timeout_seconds: Option<i64>,
    has_heartbeat: bool,
}

impl Task {
    /// Whether a time-out was a missed heartbeat. The event does not say: it was if the
    /// time-out itself was not over.
    fn missed_heartbeat(&self, at: Timestamp) -> bool {
        let elapsed_ms = at.as_ms() - self.scheduled_at.as_ms();
        self.has_heartbeat && self.timeout_seconds.is_none_or(|seconds| elapsed_ms < seconds.saturating_mul(1000))
    }
}

/// By the last event of each.
#[derive(Default)]
pub(super) struct Tasks(HashMap<u64, Task>);

enum Step {
    Started,
    Submitted,
    Succeeded,
    Failed,
    TimedOut,
}

impl Tasks {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts what an event says of a task.
    pub(super) fn count(&mut self, meters: &Meters, event: &HistoryEvent) {
        if let Some((kind, arn)) = scheduled(&event.details) {
            let meters = meters.task(kind, &arn);
            meters.scheduled.increment(1);
            if self.0.len() < TASKS_MAX {
                let (timeout_seconds, has_heartbeat) = limits(&event.details);
                let scheduled_at = event.at;
                self.0
                    .insert(event.id, Task { meters, scheduled_at, started_at: None, timeout_seconds, has_heartbeat });
            }
            return;
        }
        let Some((kind, step)) = step_of(event.event_type) else { return };
        let mut task = self.0.remove(&event.previous_event_id);
        // What was scheduled before a restart is known by its kind only.
        let of_task = task.as_ref().map_or_else(|| unknown(meters, kind, &event.details), |task| task.meters.clone());
        match step {
            Step::Started => {
                of_task.started.increment(1);
                if let Some(task) = &mut task {
                    of_task.waited(task.scheduled_at, event.at);
                    task.started_at = Some(event.at);
                }
            }
            Step::Submitted => {}
            Step::Succeeded => of_task.succeeded.increment(1),
            Step::Failed => of_task.failed.increment(1),
            Step::TimedOut => {
                of_task.timed_out.increment(1);
                if task.as_ref().is_some_and(|task| task.missed_heartbeat(event.at)) {
                    of_task.heartbeat_timed_out.increment(1);
                }
            }
        }
        match (step, task) {
            (Step::Started | Step::Submitted, Some(task)) => {
                self.0.insert(event.id, task);
            }
            (_, Some(task)) => of_task.took(task.scheduled_at, task.started_at, event.at),
            (_, None) => {}
        }
    }
}

/// The kind and the ARN of what a Scheduled event schedules.
fn scheduled(details: &Details) -> Option<(TaskKind, Text)> {
    match details {
        Details::ActivityScheduled { resource, .. } => Some((TaskKind::Activity, resource.clone())),
        Details::LambdaScheduled { resource, .. } => Some((TaskKind::Function, resource.clone())),
        Details::TaskScheduled { resource_type, resource, .. } => {
            Some((TaskKind::Integration, integration_arn(resource_type, resource)))
        }
        _ => None,
    }
}

fn integration_arn(resource_type: &str, resource: &str) -> Text {
    format!("arn:aws:states:::{resource_type}:{resource}").into()
}

fn unknown(meters: &Meters, kind: TaskKind, details: &Details) -> Arc<TaskMeters> {
    match details {
        Details::TaskStarted { resource_type, resource }
        | Details::TaskOutput { resource_type, resource, .. }
        | Details::TaskFailure { resource_type, resource, .. } => {
            meters.task(TaskKind::Integration, &integration_arn(resource_type, resource))
        }
        _ => meters.other_task(kind),
    }
}

/// The time-out, and whether heartbeats are expected.
fn limits(details: &Details) -> (Option<i64>, bool) {
    match details {
        Details::ActivityScheduled { timeout_seconds, heartbeat_seconds, .. }
        | Details::TaskScheduled { timeout_seconds, heartbeat_seconds, .. } => {
            (*timeout_seconds, heartbeat_seconds.is_some())
        }
        Details::LambdaScheduled { timeout_seconds, .. } => (*timeout_seconds, false),
        _ => (None, false),
    }
}

fn step_of(event: EventType) -> Option<(TaskKind, Step)> {
    use EventType as E;
    Some(match event {
        E::ActivityStarted => (TaskKind::Activity, Step::Started),
        E::ActivitySucceeded => (TaskKind::Activity, Step::Succeeded),
        E::ActivityFailed | E::ActivityScheduleFailed => (TaskKind::Activity, Step::Failed),
        E::ActivityTimedOut => (TaskKind::Activity, Step::TimedOut),
        E::LambdaFunctionStarted => (TaskKind::Function, Step::Started),
        E::LambdaFunctionSucceeded => (TaskKind::Function, Step::Succeeded),
        E::LambdaFunctionFailed | E::LambdaFunctionScheduleFailed | E::LambdaFunctionStartFailed => {
            (TaskKind::Function, Step::Failed)
        }
        E::LambdaFunctionTimedOut => (TaskKind::Function, Step::TimedOut),
        E::TaskStarted => (TaskKind::Integration, Step::Started),
        E::TaskSubmitted => (TaskKind::Integration, Step::Submitted),
        E::TaskSucceeded => (TaskKind::Integration, Step::Succeeded),
        E::TaskFailed | E::TaskStartFailed | E::TaskSubmitFailed => (TaskKind::Integration, Step::Failed),
        E::TaskTimedOut => (TaskKind::Integration, Step::TimedOut),
        _ => return None,
    })
}
