use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::queue::Queue;
use crate::queue_name::QueueName;

/// Every queue by (account, region, name).
#[derive(Default)]
pub(crate) struct Catalogue {
    queues: RwLock<BTreeMap<QueueName, Arc<Queue>>>,
}

impl Catalogue {
    pub(crate) fn get(&self, name: &QueueName) -> Option<Arc<Queue>> {
        self.queues.read().get(name).cloned()
    }

    pub(crate) fn insert(&self, queue: Arc<Queue>) {
        self.queues.write().insert(queue.name.clone(), queue);
    }

    pub(crate) fn remove(&self, name: &QueueName) {
        self.queues.write().remove(name);
    }

    pub(crate) fn len(&self) -> usize {
        self.queues.read().len()
    }

    /// Every queue of the server.
    pub(crate) fn all(&self) -> Vec<Arc<Queue>> {
        self.queues.read().values().cloned().collect()
    }

    /// The queues of an account and region behind a name, by name; the first
    /// `limit` that satisfy `is_wanted`.
    pub(crate) fn page(
        &self,
        account: &str,
        region: &str,
        after: &str,
        limit: usize,
        is_wanted: impl Fn(&Queue) -> bool,
    ) -> Vec<Arc<Queue>> {
        let start = QueueName { account: account.to_owned(), region: region.to_owned(), name: after.to_owned() };
        let queues = self.queues.read();
        let behind = queues.range((Bound::Excluded(&start), Bound::Unbounded));
        behind
            .map(|(_, queue)| queue)
            .take_while(|queue| queue.name.account == account && queue.name.region == region)
            .filter(|queue| is_wanted(queue))
            .take(limit)
            .cloned()
            .collect()
    }
}
