use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start.
#[derive(Default)]
pub(crate) struct Counters {
    fired: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(crate) fn fired(&self) {
        self.fired.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Instants that fired; invocations that arrived, and that were given up.
    pub(crate) fn read(&self) -> [u64; 3] {
        [&self.fired, &self.delivered, &self.failed].map(|counter| counter.load(Ordering::Relaxed))
    }
}
