/// The quotas an execution runs under and the budget of one turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Largest input, output or result of a state, in UTF-8 bytes.
    pub payload_bytes_max: usize,
    /// Largest sum of the variables of one scope, in UTF-8 bytes of JSON text.
    pub variables_bytes_max: usize,
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
    /// Longest run of an Express execution, in seconds.
    pub express_seconds_max: u64,
    /// Machines nested in machines (branches, iterations).
    pub depth_max: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            payload_bytes_max: 262_144,
            variables_bytes_max: 10 << 20,
            history_events_max: None,
            map_concurrency_default: 40,
            turn_transitions_max: 1_000,
            turn_bytes_max: 1 << 20,
            turn_fuel_max: 30_000_000,
            error_chars_max: 256,
            cause_chars_max: 32_768,
            express_seconds_max: 300,
            depth_max: 64,
        }
    }
}

impl Limits {
    /// AWS's quotas.
    pub fn aws() -> Limits {
        Limits { history_events_max: Some(25_000), ..Limits::default() }
    }
}
