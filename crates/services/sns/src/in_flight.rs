//! Messages that are on their way to more than one subscription: kept in memory while
//! they are, with the subscriptions that have not got them, so that the last delivery
//! removes the stored one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_value::Text;

use crate::message::Message;

/// How many bytes of messages are kept in memory; others are read again for each delivery.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

struct Flight {
    message: Option<Arc<Message>>,
    bytes: usize,
    /// Subscriptions, not a count: a delivery whose end could not be stored is made
    /// and ended again.
    left: HashSet<Text>,
}

#[derive(Default)]
struct Flights {
    by_id: HashMap<Text, Flight>,
    bytes: usize,
}

impl Flights {
    fn begin(&mut self, message: &Arc<Message>, bytes: usize, left: HashSet<Text>) {
        let fits = self.bytes + bytes <= KEPT_BYTES_MAX;
        let bytes = if fits { bytes } else { 0 };
        self.bytes += bytes;
        self.by_id.insert(message.id.clone(), Flight { message: fits.then(|| message.clone()), bytes, left });
    }

    fn remove(&mut self, id: &str) {
        if let Some(flight) = self.by_id.remove(id) {
            self.bytes -= flight.bytes;
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct InFlight {
    flights: Mutex<Flights>,
}

impl InFlight {
    /// Takes up a message to those subscriptions.
    pub(crate) fn begin(&self, message: &Arc<Message>, bytes: usize, subscriptions: impl Iterator<Item = Text>) {
        self.flights.lock().begin(message, bytes, subscriptions.collect());
    }

    /// Takes up a message that an earlier run left, unless someone was faster.
    pub(crate) fn resume(&self, message: &Arc<Message>, bytes: usize, left: HashSet<Text>) {
        let mut flights = self.flights.lock();
        if !flights.by_id.contains_key(&message.id) {
            flights.begin(message, bytes, left);
        }
    }

    /// Forgets a message that was not committed.
    pub(crate) fn withdraw(&self, id: &str) {
        self.flights.lock().remove(id);
    }

    /// The message, if it is kept in memory.
    pub(crate) fn message(&self, id: &str) -> Option<Arc<Message>> {
        self.flights.lock().by_id.get(id)?.message.clone()
    }

    /// Whether it is known who still has to get the message.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.flights.lock().by_id.contains_key(id)
    }

    /// The delivery to a subscription is over; whether it was the last.
    pub(crate) fn end(&self, id: &str, subscription: &str) -> bool {
        let mut flights = self.flights.lock();
        let Some(flight) = flights.by_id.get_mut(id) else { return false };
        flight.left.remove(subscription);
        let is_last = flight.left.is_empty();
        if is_last {
            flights.remove(id);
        }
        is_last
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.flights.lock().by_id.len()
    }
}
