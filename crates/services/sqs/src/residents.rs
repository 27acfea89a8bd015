use std::sync::atomic::{AtomicUsize, Ordering};

use crate::limits::{PAGE_ROWS, RESIDENT_MIN, RESIDENT_TOTAL_MAX};

/// Counts the messages of all queues that are indexed in memory, and bounds them.
#[derive(Debug)]
pub(crate) struct Residents {
    total: AtomicUsize,
    queue_max: usize,
}

impl Residents {
    /// At most `queue_max` of each queue, but at least two.
    pub(crate) fn new(queue_max: usize) -> Residents {
        Residents { total: AtomicUsize::new(0), queue_max: queue_max.max(2) }
    }

    pub(crate) fn add(&self, count: usize) {
        self.total.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, count: usize) {
        self.total.fetch_sub(count, Ordering::Relaxed);
    }

    /// How many messages that are not in flight a queue may have in memory now.
    pub(crate) fn queue_max(&self) -> usize {
        let is_full = self.total.load(Ordering::Relaxed) >= RESIDENT_TOTAL_MAX;
        if is_full { RESIDENT_MIN.min(self.queue_max) } else { self.queue_max }
    }

    /// How many rows to read at a time, so that two pages fit.
    pub(crate) fn page_rows(&self) -> usize {
        PAGE_ROWS.min(self.queue_max / 2)
    }
}
