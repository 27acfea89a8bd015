use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start.
#[derive(Default)]
pub(crate) struct Counters {
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Deliveries that arrived, and that were given up.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.delivered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}
