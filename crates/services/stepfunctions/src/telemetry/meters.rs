//! AWS's metrics of executions, in Prometheus's names.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::LazyLock;

use metrics::{
    Counter, Histogram, Label, SharedString, Unit, counter, describe_counter, describe_histogram, histogram,
};
use parking_lot::RwLock;
use windlass_value::{Text, Timestamp};
use windlass_workflow::Status;

/// Machines, activities, functions and integrations that are counted apart, each;
/// further ones are counted together, so that metrics do not grow without end.
pub const METERED_ARNS_MAX: usize = 1_000;
/// The label of all further ones, and of what is not known any more.
pub(super) const OTHER: &str = "other";

const MACHINE: &str = "state_machine_arn";

/// (name, AWS's name of it)
const MACHINE_COUNTERS: [(&str, &str); 10] = [
    ("windlass_states_executions_started_total", "ExecutionsStarted"),
    ("windlass_states_executions_succeeded_total", "ExecutionsSucceeded"),
    ("windlass_states_executions_failed_total", "ExecutionsFailed"),
    ("windlass_states_executions_aborted_total", "ExecutionsAborted"),
    ("windlass_states_executions_timed_out_total", "ExecutionsTimedOut"),
    ("windlass_states_executions_redriven_total", "ExecutionsRedriven"),
    ("windlass_states_redriven_executions_succeeded_total", "RedrivenExecutionsSucceeded"),
    ("windlass_states_redriven_executions_failed_total", "RedrivenExecutionsFailed"),
    ("windlass_states_redriven_executions_aborted_total", "RedrivenExecutionsAborted"),
    ("windlass_states_redriven_executions_timed_out_total", "RedrivenExecutionsTimedOut"),
];
const THROTTLED: (&str, &str) = ("windlass_states_execution_throttled_total", "ExecutionThrottled");
const TIME: (&str, &str) = ("windlass_states_execution_time_seconds", "ExecutionTime");
const EXPRESS_BILLED: (&str, &str) =
    ("windlass_states_express_execution_billed_duration_seconds", "ExpressExecutionBilledDuration");
const EXPRESS_COUNTERS: [(&str, &str); 2] = [
    ("windlass_states_express_execution_billed_memory_bytes_total", "ExpressExecutionBilledMemory"),
    ("windlass_states_express_execution_memory_bytes_total", "ExpressExecutionMemory"),
];

/// What tasks are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum TaskKind {
    Activity,
    Function,
    Integration,
}

/// Names of a kind's metrics; the same for all kinds but for their beginning.
struct TaskNames {
    label: &'static str,
    scheduled: (&'static str, &'static str),
    started: (&'static str, &'static str),
    succeeded: (&'static str, &'static str),
    failed: (&'static str, &'static str),
    timed_out: (&'static str, &'static str),
    heartbeat_timed_out: (&'static str, &'static str),
    schedule_time: (&'static str, &'static str),
    run_time: (&'static str, &'static str),
    time: (&'static str, &'static str),
}

macro_rules! task_names {
    ($label:literal, $many:literal, $one:literal, $aws_many:literal, $aws_one:literal) => {
        TaskNames {
            label: $label,
            scheduled: (concat!("windlass_states_", $many, "_scheduled_total"), concat!($aws_many, "Scheduled")),
            started: (concat!("windlass_states_", $many, "_started_total"), concat!($aws_many, "Started")),
            succeeded: (concat!("windlass_states_", $many, "_succeeded_total"), concat!($aws_many, "Succeeded")),
            failed: (concat!("windlass_states_", $many, "_failed_total"), concat!($aws_many, "Failed")),
            timed_out: (concat!("windlass_states_", $many, "_timed_out_total"), concat!($aws_many, "TimedOut")),
            heartbeat_timed_out: (
                concat!("windlass_states_", $many, "_heartbeat_timed_out_total"),
                concat!($aws_many, "HeartbeatTimedOut"),
            ),
            schedule_time: (
                concat!("windlass_states_", $one, "_schedule_time_seconds"),
                concat!($aws_one, "ScheduleTime"),
            ),
            run_time: (concat!("windlass_states_", $one, "_run_time_seconds"), concat!($aws_one, "RunTime")),
            time: (concat!("windlass_states_", $one, "_time_seconds"), concat!($aws_one, "Time")),
        }
    };
}

static ACTIVITY: TaskNames = task_names!("activity_arn", "activities", "activity", "Activities", "Activity");
static FUNCTION: TaskNames =
    task_names!("lambda_function_arn", "lambda_functions", "lambda_function", "LambdaFunctions", "LambdaFunction");
static INTEGRATION: TaskNames = task_names!(
    "service_integration_resource_arn",
    "service_integrations",
    "service_integration",
    "ServiceIntegrations",
    "ServiceIntegration"
);

impl TaskKind {
    fn names(self) -> &'static TaskNames {
        match self {
            TaskKind::Activity => &ACTIVITY,
            TaskKind::Function => &FUNCTION,
            TaskKind::Integration => &INTEGRATION,
        }
    }
}

/// The meters of one machine.
pub(super) struct MachineMeters {
    started: Counter,
    ended: [Counter; 4],
    redriven: Counter,
    redriven_ended: [Counter; 4],
    time: Histogram,
    pub(super) arn: SharedString,
}

impl MachineMeters {
    fn new(arn: SharedString) -> MachineMeters {
        let labels = vec![Label::new(MACHINE, arn.clone())];
        let [started, succeeded, failed, aborted, timed_out, redriven, again @ ..] =
            MACHINE_COUNTERS.map(|(name, _)| counter!(name, labels.clone()));
        MachineMeters {
            started,
            ended: [succeeded, failed, aborted, timed_out],
            redriven,
            redriven_ended: again,
            time: histogram!(TIME.0, labels),
            arn,
        }
    }

    pub(super) fn started(&self) {
        self.started.increment(1);
    }

    pub(super) fn redriven(&self) {
        self.redriven.increment(1);
    }

    /// So many executions have ended, each after this time.
    pub(super) fn ended(
        &self,
        status: Status,
        was_redriven: bool,
        started_at: Timestamp,
        stopped_at: Timestamp,
        count: usize,
    ) {
        let at = match status {
            Status::Succeeded => 0,
            Status::Failed => 1,
            Status::Aborted => 2,
            Status::TimedOut => 3,
            Status::Running => return,
        };
        self.ended[at].increment(count as u64);
        if was_redriven {
            self.redriven_ended[at].increment(count as u64);
        }
        self.time.record_many(seconds(started_at, stopped_at), count);
    }
}

/// The meters of an Express machine beside [`MachineMeters`].
pub(super) struct ExpressMeters {
    billed_duration: Histogram,
    billed_memory: Counter,
    memory: Counter,
}

impl ExpressMeters {
    pub(super) fn new(arn: SharedString) -> ExpressMeters {
        let labels = vec![Label::new(MACHINE, arn)];
        let [billed_memory, memory] = EXPRESS_COUNTERS.map(|(name, _)| counter!(name, labels.clone()));
        ExpressMeters { billed_duration: histogram!(EXPRESS_BILLED.0, labels), billed_memory, memory }
    }

    /// So many executions ended that AWS would bill so, each.
    pub(super) fn ended(&self, billed_ms: u64, billed_bytes: u64, bytes: u64, count: usize) {
        self.billed_duration.record_many(billed_ms as f64 / 1000.0, count);
        self.billed_memory.increment(billed_bytes * count as u64);
        self.memory.increment(bytes * count as u64);
    }
}

/// The meters of one activity, function or integration.
pub(super) struct TaskMeters {
    pub(super) scheduled: Counter,
    pub(super) started: Counter,
    pub(super) succeeded: Counter,
    pub(super) failed: Counter,
    pub(super) timed_out: Counter,
    pub(super) heartbeat_timed_out: Counter,
    schedule_time: Histogram,
    run_time: Histogram,
    time: Histogram,
}

impl TaskMeters {
    fn new(kind: TaskKind, arn: SharedString) -> TaskMeters {
        let names = kind.names();
        let labels = vec![Label::new(names.label, arn)];
        let count = |name: (&'static str, &str)| counter!(name.0, labels.clone());
        let times = |name: (&'static str, &str)| histogram!(name.0, labels.clone());
        TaskMeters {
            scheduled: count(names.scheduled),
            started: count(names.started),
            succeeded: count(names.succeeded),
            failed: count(names.failed),
            timed_out: count(names.timed_out),
            heartbeat_timed_out: count(names.heartbeat_timed_out),
            schedule_time: times(names.schedule_time),
            run_time: times(names.run_time),
            time: times(names.time),
        }
    }

    pub(super) fn waited(&self, scheduled_at: Timestamp, started_at: Timestamp) {
        self.schedule_time.record(seconds(scheduled_at, started_at));
    }

    pub(super) fn took(&self, scheduled_at: Timestamp, started_at: Option<Timestamp>, ended_at: Timestamp) {
        self.time.record(seconds(scheduled_at, ended_at));
        if let Some(started_at) = started_at {
            self.run_time.record(seconds(started_at, ended_at));
        }
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.as_ms() - from.as_ms()).max(0) as f64 / 1000.0
}

/// Meters by ARN, at most [`METERED_ARNS_MAX`] of them.
struct ByArn<T>(RwLock<HashMap<Text, Arc<T>, foldhash::fast::RandomState>>);

impl<T> Default for ByArn<T> {
    fn default() -> Self {
        ByArn(RwLock::default())
    }
}

impl<T> ByArn<T> {
    fn get(&self, arn: &Text, make: impl FnOnce(SharedString) -> T) -> Arc<T> {
        if let Some(meters) = self.0.read().get(arn) {
            return meters.clone();
        }
        let mut all = self.0.write();
        if let Some(meters) = all.get(arn) {
            return meters.clone();
        }
        let label: Text = if all.len() < METERED_ARNS_MAX { arn.clone() } else { OTHER.into() };
        if let Some(meters) = all.get(&label) {
            return meters.clone();
        }
        let meters = Arc::new(make(SharedString::from(label.to_string())));
        all.insert(label, meters.clone());
        meters
    }
}

/// All meters.
#[derive(Default)]
pub(super) struct Meters {
    machines: ByArn<MachineMeters>,
    activities: ByArn<TaskMeters>,
    functions: ByArn<TaskMeters>,
    integrations: ByArn<TaskMeters>,
}

impl Meters {
    pub(super) fn new() -> Meters {
        LazyLock::force(&DESCRIBED);
        Meters::default()
    }

    pub(super) fn machine(&self, arn: &Text) -> Arc<MachineMeters> {
        self.machines.get(arn, MachineMeters::new)
    }

    pub(super) fn task(&self, kind: TaskKind, arn: &Text) -> Arc<TaskMeters> {
        let by_arn = match kind {
            TaskKind::Activity => &self.activities,
            TaskKind::Function => &self.functions,
            TaskKind::Integration => &self.integrations,
        };
        by_arn.get(arn, |arn| TaskMeters::new(kind, arn))
    }

    /// For a task whose ARN is not known any more.
    pub(super) fn other_task(&self, kind: TaskKind) -> Arc<TaskMeters> {
        static OTHERS: LazyLock<Text> = LazyLock::new(|| OTHER.into());
        self.task(kind, &OTHERS)
    }

    /// A transition or a start of a machine had to wait for a quota.
    pub(super) fn throttled(&self, machine_arn: &Text) {
        let label = self.machine(machine_arn).arn.clone();
        counter!(THROTTLED.0, vec![Label::new(MACHINE, label)]).increment(1);
    }
}

/// Help texts: each says AWS's own name.
static DESCRIBED: LazyLock<()> = LazyLock::new(|| {
    let mut counters: Vec<(&'static str, &'static str)> = MACHINE_COUNTERS.to_vec();
    counters.extend(EXPRESS_COUNTERS);
    counters.push(THROTTLED);
    let mut times = vec![TIME, EXPRESS_BILLED];
    for names in [&ACTIVITY, &FUNCTION, &INTEGRATION] {
        counters.extend([
            names.scheduled,
            names.started,
            names.succeeded,
            names.failed,
            names.timed_out,
            names.heartbeat_timed_out,
        ]);
        times.extend([names.schedule_time, names.run_time, names.time]);
    }
    for (name, aws) in counters {
        describe_counter!(name, Unit::Count, format!("AWS/States {aws}"));
    }
    for (name, aws) in times {
        describe_histogram!(name, Unit::Seconds, format!("AWS/States {aws}"));
    }
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_many_arns_are_counted_apart() {
        let by_arn = ByArn::<String>::default();
        for number in 0..METERED_ARNS_MAX + 10 {
            let label = by_arn.get(&number.to_string().into(), |label| label.to_string());
            let expected = if number < METERED_ARNS_MAX { number.to_string() } else { OTHER.to_owned() };
            assert_eq!(*label, expected);
        }
        assert_eq!(by_arn.0.read().len(), METERED_ARNS_MAX + 1);
    }
}
