use crate::limits::Limits;

/// What an account may have and do: the quotas of the service, beside the
/// [`Limits`] that each execution runs under. `None` stands for no bound.
#[derive(Clone, Debug, PartialEq)]
pub struct Quotas {
    /// What executions run under.
    pub limits: Limits,
    /// State machines in a region. AWS: 100,000.
    pub state_machines_max: Option<usize>,
    /// Activities in a region. AWS: 100,000.
    pub activities_max: Option<usize>,
    /// Published versions of one machine. AWS: 1,000.
    pub versions_max: usize,
    /// Aliases of one machine. AWS: 100.
    pub aliases_max: usize,
    /// Standard executions open at once on this server. AWS: 1,000,000 in a region.
    pub open_executions_max: usize,
    /// Map Runs open at once in a region. AWS: 1,000.
    pub open_map_runs_max: usize,
    /// Child executions of a Map Run that run at once. AWS: 10,000.
    pub map_children_max: u32,
    /// Items of a distributed Map. AWS: 100,000,000.
    pub map_items_max: u64,
    /// Workers that may poll one activity at once. AWS: 1,000.
    pub pollers_max: usize,
    /// How long after its close an execution can be redriven. AWS: 14 days.
    pub redrive_ms_max: Option<i64>,
    /// Redrives of one Map Run. AWS: 1,000.
    pub redrives_max: Option<u32>,
    /// How often operations may be called; empty: as often as they like.
    pub rates: &'static [Rate],
    /// How many state transitions an account makes in a region; further ones wait.
    pub transitions: Option<Bucket>,
}

/// A bucket of tokens: so many at once, and so many more each second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Tokens in a full bucket.
    pub size: u32,
    /// Tokens that come back each second.
    pub refill_per_second: u32,
}

/// A bucket that each account has in each region for each of some operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The operations, each with a bucket of its own. `StartExecution` is that of
    /// Standard machines, [`EXPRESS_START`] that of Express ones.
    pub operations: &'static [&'static str],
    /// The bucket.
    pub bucket: Bucket,
}

/// The name of the bucket that starts of Express machines take from.
pub const EXPRESS_START: &str = "StartExecution (Express)";

const fn rate(operations: &'static [&'static str], size: u32, refill_per_second: u32) -> Rate {
    Rate { operations, bucket: Bucket { size, refill_per_second } }
}

/// AWS's buckets, of its large regions where these differ.
pub const RATES_AWS: &[Rate] = &[
    rate(&["StartExecution", "RedriveExecution"], 1_300, 300),
    rate(&[EXPRESS_START], 6_000, 6_000),
    rate(&["StopExecution"], 1_000, 200),
    rate(&["DescribeExecution"], 300, 15),
    rate(&["GetExecutionHistory"], 400, 20),
    rate(&["ListExecutions"], 200, 5),
    rate(&["SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat", "GetActivityTask"], 3_000, 500),
    rate(
        &[
            "CreateActivity",
            "CreateStateMachine",
            "CreateStateMachineAlias",
            "DeleteActivity",
            "DeleteStateMachine",
            "DeleteStateMachineAlias",
            "DeleteStateMachineVersion",
            "PublishStateMachineVersion",
            "UpdateStateMachine",
            "UpdateStateMachineAlias",
        ],
        100,
        1,
    ),
    rate(&["ListStateMachines"], 100, 5),
];

/// AWS's bucket of state transitions of Standard executions, in its large regions.
pub const TRANSITIONS_AWS: Bucket = Bucket { size: 5_000, refill_per_second: 5_000 };

const DAY_MS: i64 = 86_400_000;

impl Default for Quotas {
    /// This server's own.
    fn default() -> Quotas {
        Quotas {
            limits: Limits::default(),
            state_machines_max: None,
            activities_max: None,
            versions_max: 10_000,
            aliases_max: 1_000,
            open_executions_max: 10_000_000,
            open_map_runs_max: 100_000,
            map_children_max: 10_000,
            map_items_max: 10_000_000_000,
            pollers_max: 10_000,
            redrive_ms_max: None,
            redrives_max: None,
            rates: &[],
            transitions: None,
        }
    }
}

impl Quotas {
    /// AWS's, without its rates: those only delay and refuse.
    pub fn aws() -> Quotas {
        Quotas {
            limits: Limits::aws(),
            state_machines_max: Some(100_000),
            activities_max: Some(100_000),
            versions_max: 1_000,
            aliases_max: 100,
            open_executions_max: 1_000_000,
            open_map_runs_max: 1_000,
            map_children_max: 10_000,
            map_items_max: 100_000_000,
            pollers_max: 1_000,
            redrive_ms_max: Some(14 * DAY_MS),
            redrives_max: Some(1_000),
            rates: &[],
            transitions: None,
        }
    }

    /// The same with AWS's rates.
    #[must_use]
    pub fn with_aws_rates(self) -> Quotas {
        Quotas { rates: RATES_AWS, transitions: Some(TRANSITIONS_AWS), ..self }
    }
}

impl Bucket {
    /// The tokens after some time.
    pub fn filled(&self, tokens: f64, elapsed_ms: i64) -> f64 {
        let seconds = elapsed_ms.max(0) as f64 / 1_000.0;
        (tokens + seconds * f64::from(self.refill_per_second)).min(f64::from(self.size))
    }

    /// How long until a bucket that owes tokens owes none, in milliseconds.
    pub fn wait_ms(&self, tokens: f64) -> i64 {
        if tokens >= 0.0 {
            return 0;
        }
        (-tokens * 1_000.0 / f64::from(self.refill_per_second.max(1))).ceil() as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_fills_up_to_its_size() {
        let bucket = Bucket { size: 10, refill_per_second: 4 };
        for (tokens, elapsed_ms, filled) in
            [(0.0, 0, 0.0), (0.0, 500, 2.0), (9.0, 500, 10.0), (-6.0, 1_000, -2.0), (3.0, -500, 3.0)]
        {
            assert!((bucket.filled(tokens, elapsed_ms) - filled).abs() < 1e-9, "{tokens} after {elapsed_ms}");
        }
        for (tokens, wait_ms) in [(0.0, 0), (5.0, 0), (-1.0, 250), (-6.0, 1_500)] {
            assert_eq!(bucket.wait_ms(tokens), wait_ms, "{tokens}");
        }
    }

    #[test]
    fn an_operation_has_one_bucket() {
        let mut seen = std::collections::HashSet::new();
        for operation in RATES_AWS.iter().flat_map(|rate| rate.operations) {
            assert!(seen.insert(operation), "{operation} has two");
        }
    }
}
