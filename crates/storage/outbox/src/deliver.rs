use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use windlass_store::Batch;
use windlass_value::{Text, Timestamp};

/// A future that a trait's method answers with.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Something to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique within the outbox; the call's idempotency key. Adding an id again
    /// replaces the entry of that id.
    pub id: Text,
    /// Entries of one lane are delivered one at a time, in the order they were
    /// added; `None`: no order.
    pub lane: Option<Text>,
    /// Not delivered earlier; an instant that is over means now.
    pub due: Timestamp,
    /// What the deliverer needs.
    pub body: Bytes,
}

/// An entry whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The entry's id.
    pub id: Text,
    /// The entry's lane.
    pub lane: Option<Text>,
    /// The entry's body.
    pub body: Bytes,
    /// Which attempt this is, from 1. An attempt that a crash cut off, or whose
    /// removal failed, may have had the same number.
    pub attempt: u32,
    /// When the entry was added.
    pub added: Timestamp,
}

/// How a delivery ended.
#[derive(Debug)]
pub enum Verdict {
    /// It is over, well or not: the entry is removed in one batch with these
    /// further changes. They may add entries to this outbox (under the same id
    /// too), which are then delivered without a call of `committed`.
    Done(Batch),
    /// Once more at that instant.
    Retry {
        /// When.
        at: Timestamp,
    },
}

/// Who delivers.
pub trait Deliver: Send + Sync + 'static {
    /// Delivers one entry. A panic counts as a delivery to be tried again soon.
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict>;
}

/// How an outbox works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxOptions {
    /// How many deliveries are under way at once; at least 1.
    pub concurrency_max: usize,
}
