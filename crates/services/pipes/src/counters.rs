use std::sync::atomic::{AtomicU64, Ordering};

/// What happened since the start.
#[derive(Default)]
pub(crate) struct Counters {
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(crate) fn delivered(&self, messages: usize) {
        self.delivered.fetch_add(messages as u64, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, messages: usize) {
        self.failed.fetch_add(messages as u64, Ordering::Relaxed);
    }

    /// Messages that reached their target, and attempts that did not.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.delivered.load(Ordering::Relaxed), self.failed.load(Ordering::Relaxed))
    }
}
