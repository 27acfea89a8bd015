use std::sync::atomic::{AtomicU64, Ordering};

/// Messages counted since the start.
#[derive(Default)]
pub(crate) struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    deleted: AtomicU64,
}

/// What the service holds and has done, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SqsStats {
    /// Queues of all accounts and regions.
    pub queues: u64,
    /// Messages that may be received.
    pub visible: u64,
    /// Messages that were received and not deleted.
    pub in_flight: u64,
    /// Messages whose delay is not over.
    pub delayed: u64,
    /// Messages indexed in memory.
    pub resident: u64,
    /// Receivers that wait.
    pub waiters: u64,
    /// Messages sent since the start.
    pub sent: u64,
    /// Messages received since the start; a repeated receive counts again.
    pub received: u64,
    /// Messages deleted by their receivers since the start.
    pub deleted: u64,
}

impl Counters {
    pub(crate) fn sent(&self, count: usize) {
        self.sent.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, count: usize) {
        self.received.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn deleted(&self, count: usize) {
        self.deleted.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Only what is counted here.
    pub(crate) fn stats(&self) -> SqsStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SqsStats {
            sent: read(&self.sent),
            received: read(&self.received),
            deleted: read(&self.deleted),
            ..SqsStats::default()
        }
    }
}
