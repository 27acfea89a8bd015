//! The rate of state transitions: an account that makes more than its bucket holds
//! waits; nothing fails.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use windlass_value::Text;
use windlass_workflow::Bucket;

use crate::journal::Journal;
use crate::key::ExecutionKey;

/// Accounts and regions whose buckets are remembered; a full bucket is forgotten.
const BUCKETS_MAX: usize = 10_000;
/// The longest pause before the bucket is looked at again.
const PAUSE_MS_MAX: i64 = 1_000;

/// What is left in each account's bucket, and as of when.
#[derive(Default)]
pub(crate) struct Transitions(Mutex<HashMap<(Text, Text), (f64, i64)>>);

impl Transitions {
    /// Takes transitions that were made; the bucket may owe some then.
    fn take(&self, bucket: Bucket, owner: (Text, Text), count: u32, now_ms: i64) {
        let mut buckets = self.0.lock();
        if buckets.len() >= BUCKETS_MAX {
            buckets.retain(|_, (tokens, at)| bucket.filled(*tokens, now_ms - *at) < f64::from(bucket.size));
        }
        let (tokens, at) = buckets.entry(owner).or_insert((f64::from(bucket.size), now_ms));
        *tokens = bucket.filled(*tokens, now_ms - *at) - f64::from(count);
        *at = now_ms;
    }

    /// How long the next turn waits.
    fn wait_ms(&self, bucket: Bucket, owner: &(Text, Text), now_ms: i64) -> i64 {
        let buckets = self.0.lock();
        let Some((tokens, at)) = buckets.get(owner) else { return 0 };
        bucket.wait_ms(bucket.filled(*tokens, now_ms - *at))
    }
}

impl Journal {
    /// Counts the transitions of a turn.
    pub(crate) fn count_transitions(&self, key: &ExecutionKey, count: u32) {
        if let Some(bucket) = self.config().transitions
            && count > 0
        {
            self.0.transitions.take(bucket, key.owner(), count, self.clock().now().as_ms());
        }
    }

    /// Waits until the execution's account may make transitions again.
    pub(crate) async fn pace(&self, key: &ExecutionKey) {
        let Some(bucket) = self.config().transitions else { return };
        let owner = key.owner();
        let mut counted = false;
        while !self.is_stopping() {
            let wait_ms = self.0.transitions.wait_ms(bucket, &owner, self.clock().now().as_ms());
            if wait_ms <= 0 {
                return;
            }
            if !counted {
                counted = true;
                self.count_throttled();
            }
            tokio::time::sleep(Duration::from_millis(wait_ms.min(PAUSE_MS_MAX) as u64)).await;
        }
    }
}
