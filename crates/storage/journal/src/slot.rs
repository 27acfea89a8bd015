//! Where events for one execution queue up while a turn of it runs.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use windlass_workflow::{EventKind, TaskId};

use crate::error::JournalError;
use crate::live::Live;

/// Whether an event was applied; false when it came too late.
pub(crate) type Applied = Result<bool, JournalError>;

/// What waits for an execution's next turn.
pub(crate) struct Delivery {
    pub(crate) what: What,
    pub(crate) reply: Option<oneshot::Sender<Applied>>,
}

#[derive(Clone)]
pub(crate) enum What {
    Event(EventKind),
    /// After a restart: tasks the outbox names.
    Recover(Vec<TaskId>),
}

/// One execution's place in memory.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) state: Mutex<SlotState>,
}

#[derive(Default)]
pub(crate) struct SlotState {
    pub(crate) queue: VecDeque<Delivery>,
    /// A turn is running: whoever runs it takes what is queued afterwards.
    pub(crate) running: bool,
    /// The execution between turns, while it is kept.
    pub(crate) live: Option<Box<Live>>,
    /// The slot has left the table: look it up again.
    pub(crate) gone: bool,
}

const STRIPES: usize = 64;

/// The slots by execution, striped so that threads seldom meet.
pub(crate) struct Slots(Vec<Mutex<HashMap<u128, Arc<Slot>>>>);

impl Slots {
    pub(crate) fn new() -> Slots {
        Slots((0..STRIPES).map(|_| Mutex::default()).collect())
    }

    fn stripe(&self, uid: u128) -> &Mutex<HashMap<u128, Arc<Slot>>> {
        &self.0[(uid % STRIPES as u128) as usize]
    }

    /// The slot of an execution, made where there is none.
    pub(crate) fn get_or_insert(&self, uid: u128) -> Arc<Slot> {
        self.stripe(uid).lock().entry(uid).or_default().clone()
    }

    /// A new slot whose turn is running; `None` when there is one already.
    pub(crate) fn claim(&self, uid: u128) -> Option<Arc<Slot>> {
        let mut stripe = self.stripe(uid).lock();
        if stripe.contains_key(&uid) {
            return None;
        }
        let slot = Arc::new(Slot { state: Mutex::new(SlotState { running: true, ..SlotState::default() }) });
        stripe.insert(uid, slot.clone());
        Some(slot)
    }

    pub(crate) fn remove(&self, uid: u128, slot: &Arc<Slot>) {
        let mut stripe = self.stripe(uid).lock();
        if stripe.get(&uid).is_some_and(|held| Arc::ptr_eq(held, slot)) {
            stripe.remove(&uid);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|stripe| stripe.lock().len()).sum()
    }
}
