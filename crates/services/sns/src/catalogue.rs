//! Topics with their subscriptions, read once and kept while nothing changes: a publish
//! looks up one pointer.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use windlass_protocol::Fault;
use windlass_store::{Key, Scan, Store};
use windlass_value::Text;

use crate::faults;
use crate::subscription::{State, Subscription};
use crate::tables::{SUBSCRIPTIONS, TOPICS, topic_key};
use crate::topic::Topic;
use crate::topic_name::TopicName;

/// How many subscriptions a topic may have.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 10_000;
/// How many topics are kept in memory.
const TOPICS_KEPT_MAX: usize = 2_000;

/// A topic and all its subscriptions.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) topic: Topic,
    pub(crate) subscriptions: Vec<Arc<Subscription>>,
    by_id: HashMap<Text, usize>,
}

impl View {
    /// The subscription of that id.
    pub(crate) fn subscription(&self, id: &str) -> Option<&Arc<Subscription>> {
        self.subscriptions.get(*self.by_id.get(id)?)
    }

    /// How many are confirmed, and how many are pending.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let count = |state| self.subscriptions.iter().filter(|subscription| subscription.state == state).count();
        (count(State::Confirmed), count(State::Pending))
    }
}

#[derive(Default)]
struct Kept {
    views: HashMap<TopicName, Arc<View>>,
    /// Counts the changes, so that what was read before one is not kept after it.
    changes: u64,
}

pub(crate) struct Catalogue {
    store: Store,
    kept: RwLock<Kept>,
}

impl Catalogue {
    pub(crate) fn new(store: Store) -> Catalogue {
        Catalogue { store, kept: RwLock::default() }
    }

    /// A topic, if it is there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn find(&self, name: &TopicName) -> Result<Option<Arc<View>>, Fault> {
        let changes = {
            let kept = self.kept.read();
            if let Some(view) = kept.views.get(name) {
                return Ok(Some(view.clone()));
            }
            kept.changes
        };
        let Some(view) = self.read(name)? else { return Ok(None) };
        let view = Arc::new(view);
        let mut kept = self.kept.write();
        if kept.changes == changes {
            if kept.views.len() >= TOPICS_KEPT_MAX {
                kept.views.clear();
            }
            kept.views.insert(name.clone(), view.clone());
        }
        Ok(Some(view))
    }

    /// A topic.
    ///
    /// # Errors
    /// `NotFound`; the store cannot be read.
    pub(crate) fn get(&self, name: &TopicName) -> Result<Arc<View>, Fault> {
        self.find(name)?.ok_or_else(faults::no_topic)
    }

    /// To be called after every commit that changes a topic or its subscriptions.
    pub(crate) fn forget(&self, name: &TopicName) {
        let mut kept = self.kept.write();
        kept.changes += 1;
        kept.views.remove(name);
    }

    fn read(&self, name: &TopicName) -> Result<Option<View>, Fault> {
        let key = topic_key(name);
        let Some(row) = self.store.get(&TOPICS, &key).map_err(|error| faults::of_store(&error))? else {
            return Ok(None);
        };
        let topic =
            Topic::from_text(&row.value).ok_or_else(|| Fault::internal(format!("the topic {name} is broken")))?;
        let scan = Scan::prefix(&key, 2 * SUBSCRIPTIONS_MAX);
        let rows = self.store.scan(&SUBSCRIPTIONS, scan).map_err(|error| faults::of_store(&error))?;
        let mut subscriptions = Vec::with_capacity(rows.len());
        for row in rows {
            let subscription = Subscription::from_text(&row.value)
                .ok_or_else(|| Fault::internal(format!("a subscription of {name} is broken")))?;
            subscriptions.push(Arc::new(subscription));
        }
        let by_id = subscriptions.iter().enumerate().map(|(at, one)| (one.id.clone(), at)).collect();
        Ok(Some(View { topic, subscriptions, by_id }))
    }
}

/// The key of a subscription.
pub(crate) fn subscription_key(topic: &TopicName, id: &str) -> Key {
    topic_key(topic).text(id)
}
