use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use windlass_value::Timestamp;

/// Where time and seeds come from.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// A fresh seed for a turn.
    fn seed(&self) -> u64;
}

/// The machine's clock, shifted by a fixed offset (0 outside tests), and seeds
/// from the process's random keys.
#[derive(Debug)]
pub struct SystemClock {
    offset_ms: i64,
    keys: RandomState,
    drawn: AtomicU64,
}

impl SystemClock {
    /// The clock, `offset_ms` ahead.
    pub fn new(offset_ms: i64) -> SystemClock {
        SystemClock { offset_ms, keys: RandomState::new(), drawn: AtomicU64::new(0) }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(self.offset_ms))
    }

    fn seed(&self) -> u64 {
        // The keys are random per process; the counter makes every draw another.
        let mut hasher = self.keys.build_hasher();
        hasher.write_u64(self.drawn.fetch_add(1, Ordering::Relaxed));
        hasher.write_u128(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos());
        hasher.finish()
    }
}
