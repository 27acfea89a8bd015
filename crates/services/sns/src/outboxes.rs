use std::sync::Arc;

use windlass_outbox::{Deliver, Entry, Outbox, OutboxOptions};
use windlass_store::{Batch, Store, StoreError};
use windlass_value::Now;

use crate::endpoint::Protocol;
use crate::topic_name::TopicName;

/// Deliveries to the outside wait on the network, so more of them are under way.
const OUTSIDE_FACTOR: usize = 4;

/// Two outboxes, so that slow endpoints outside hold no queue or function up.
pub(crate) struct Outboxes {
    inside: Outbox,
    outside: Outbox,
}

/// Entries that were added to a batch.
#[derive(Default)]
pub(crate) struct Added {
    inside: Vec<Entry>,
    outside: Vec<Entry>,
}

/// Whether a protocol's deliveries stay among the services.
fn is_inside(protocol: Protocol) -> bool {
    match protocol {
        Protocol::Sqs | Protocol::Lambda => true,
        Protocol::Http | Protocol::Https | Protocol::Email | Protocol::EmailJson => false,
    }
}

impl Outboxes {
    /// Opens both.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn open(store: &Store, now: &Now, deliveries_max: usize) -> Result<Outboxes, StoreError> {
        let open = |name, concurrency_max| Outbox::open(store, name, now.clone(), OutboxOptions { concurrency_max });
        Ok(Outboxes {
            inside: open("sns", deliveries_max)?,
            outside: open("sns-outside", deliveries_max.saturating_mul(OUTSIDE_FACTOR))?,
        })
    }

    /// The outbox of a protocol's deliveries.
    pub(crate) fn of(&self, protocol: Protocol) -> &Outbox {
        if is_inside(protocol) { &self.inside } else { &self.outside }
    }

    /// Adds an entry to the batch of its effect, and notes it.
    pub(crate) fn add(
        &self,
        batch: &mut Batch,
        added: &mut Added,
        protocol: Protocol,
        topic: &TopicName,
        entry: Entry,
    ) {
        self.of(protocol).add(batch, &topic.account, &topic.region, &entry);
        if is_inside(protocol) { added.inside.push(entry) } else { added.outside.push(entry) }
    }

    /// The batch of these entries is committed.
    pub(crate) fn committed(&self, added: &Added) {
        self.inside.committed(&added.inside);
        self.outside.committed(&added.outside);
    }

    /// The batch of these entries was refused.
    pub(crate) fn refused(&self, added: &Added) {
        self.inside.refused(&added.inside);
        self.outside.refused(&added.outside);
    }

    /// Whether the store holds an entry of a topic.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn contain(&self, topic: &TopicName, id: &str) -> Result<bool, StoreError> {
        Ok(self.inside.contains(&topic.account, &topic.region, id)?
            || self.outside.contains(&topic.account, &topic.region, id)?)
    }

    pub(crate) fn start(&self, deliver: Arc<dyn Deliver>) {
        self.inside.start(deliver.clone());
        self.outside.start(deliver);
    }

    pub(crate) async fn stop(&self) {
        tokio::join!(self.inside.stop(), self.outside.stop());
    }

    pub(crate) fn under_way(&self) -> usize {
        self.inside.under_way() + self.outside.under_way()
    }
}
