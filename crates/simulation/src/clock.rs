use windlass_journal::Clock;
use windlass_value::Timestamp;

use crate::random::Random;

/// When every world begins: 2025-01-01T00:00:00Z.
const BEGIN_MS: i64 = 1_735_689_600_000;

/// Tokio's paused time. Seeds follow from the time alone: the order in which
/// executions draw them must not matter.
pub(crate) struct VirtualClock {
    began: tokio::time::Instant,
    seed: u64,
}

impl VirtualClock {
    pub(crate) fn new(seed: u64) -> VirtualClock {
        VirtualClock { began: tokio::time::Instant::now(), seed }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp(BEGIN_MS + i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    fn seed(&self) -> u64 {
        Random::new(self.seed ^ self.now().as_ms().cast_unsigned()).draw()
    }
}
