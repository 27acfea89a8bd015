/// What an execution runs under and the budget of one turn.
///
/// [`Limits::default`] is what this server allows; [`Limits::aws`] is the profile
/// with AWS's figures, for a server or for one state machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest input, output or result of a state, in UTF-8 bytes. AWS: 262,144.
    pub payload_bytes_max: usize,
    /// Largest sum of what one `Assign` sets, in UTF-8 bytes of JSON text. AWS:
    /// 262,144, which is also its bound of one value.
    pub assign_bytes_max: usize,
    /// Largest sum of the variables of one scope, in UTF-8 bytes of JSON text.
    /// AWS: 10 MiB.
    pub variables_bytes_max: usize,
    /// Size of any value in an expression, counted as JSONata's limits count it. AWS
    /// was measured at [`EXPRESSION_BYTES_MAX_AWS`].
    pub expression_bytes_max: usize,
    /// Events after which the execution fails; AWS: 25,000. `None`: no bound.
    pub history_events_max: Option<u64>,
    /// Iterations of an inline Map that run at once when its author set no
    /// bound; AWS runs about 40.
    pub map_concurrency_default: u32,
    /// State transitions after which a turn ends and the execution continues
    /// in the next, so that a loop cannot hold its shard.
    pub turn_transitions_max: u32,
    /// Bytes of history and variables after which a turn ends.
    pub turn_bytes_max: usize,
    /// Fuel of expressions after which a turn ends, so that heavy ones cannot
    /// hold their thread; one expression burns 10,000,000 at most.
    pub turn_fuel_max: u64,
    /// Characters of an error's name; the rest is cut off. AWS: 256.
    pub error_chars_max: usize,
    /// Characters of a cause; the rest is cut off. AWS: 32,768.
    pub cause_chars_max: usize,
    /// Longest run of a Standard execution, in seconds. AWS: one year, also for one
    /// that idles. `None`: its own `TimeoutSeconds` alone.
    pub standard_seconds_max: Option<u64>,
    /// Longest run of an Express execution, in seconds. AWS: 300.
    pub express_seconds_max: u64,
    /// Machines nested in machines (branches, iterations).
    pub depth_max: u32,
}

/// AWS's largest input, output or result.
pub const PAYLOAD_BYTES_MAX_AWS: usize = 262_144;
/// What AWS was measured to let an expression hold.
pub const EXPRESSION_BYTES_MAX_AWS: usize = 6_990_256;
/// The largest input, output or result when nothing is configured: 64 MiB.
pub const PAYLOAD_BYTES_MAX_DEFAULT: usize = 64 << 20;

const YEAR_SECONDS: u64 = 365 * 86_400;

impl Default for Limits {
    fn default() -> Limits {
        Limits::with_payloads(PAYLOAD_BYTES_MAX_DEFAULT)
    }
}

impl Limits {
    /// This server's own, with another bound of payloads: what is measured by it
    /// grows with it.
    pub fn with_payloads(payload_bytes_max: usize) -> Limits {
        // An expression may hold its input, its result and what it makes of both.
        const EXPRESSION_PAYLOADS: usize = 4;
        let aws = Limits::aws();
        Limits {
            payload_bytes_max,
            assign_bytes_max: payload_bytes_max,
            variables_bytes_max: payload_bytes_max.max(aws.variables_bytes_max),
            expression_bytes_max: payload_bytes_max.saturating_mul(EXPRESSION_PAYLOADS).max(aws.expression_bytes_max),
            history_events_max: None,
            standard_seconds_max: None,
            ..aws
        }
    }

    /// AWS's quotas.
    pub fn aws() -> Limits {
        Limits {
            payload_bytes_max: PAYLOAD_BYTES_MAX_AWS,
            assign_bytes_max: PAYLOAD_BYTES_MAX_AWS,
            variables_bytes_max: 10 << 20,
            expression_bytes_max: EXPRESSION_BYTES_MAX_AWS,
            history_events_max: Some(25_000),
            map_concurrency_default: 40,
            turn_transitions_max: 1_000,
            turn_bytes_max: 1 << 20,
            turn_fuel_max: 30_000_000,
            error_chars_max: 256,
            cause_chars_max: 32_768,
            standard_seconds_max: Some(YEAR_SECONDS),
            express_seconds_max: 300,
            depth_max: 64,
        }
    }
}
