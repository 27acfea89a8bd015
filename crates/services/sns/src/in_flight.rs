//! Messages that are on their way to more than one subscription: kept in memory while
//! they are, counted so that the last delivery removes the stored one.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_value::Text;

use crate::message::Message;

/// How many bytes of messages are kept in memory; others are read again for each delivery.
const KEPT_BYTES_MAX: usize = 64 * 1024 * 1024;

struct Flight {
    message: Option<Arc<Message>>,
    bytes: usize,
    left: usize,
}

#[derive(Default)]
struct Flights {
    by_id: HashMap<Text, Flight>,
    bytes: usize,
}

/// See the module.
#[derive(Default)]
pub(crate) struct InFlight {
    flights: Mutex<Flights>,
}

impl InFlight {
    /// Takes up a message with so many deliveries.
    pub(crate) fn begin(&self, message: &Arc<Message>, bytes: usize, deliveries: usize) {
        let mut flights = self.flights.lock();
        let fits = flights.bytes + bytes <= KEPT_BYTES_MAX;
        let bytes = if fits { bytes } else { 0 };
        let flight = Flight { message: fits.then(|| message.clone()), bytes, left: deliveries };
        if let Some(before) = flights.by_id.insert(message.id.clone(), flight) {
            flights.bytes -= before.bytes;
        }
        flights.bytes += bytes;
    }

    /// Takes up a message that an earlier run left, unless someone was faster.
    pub(crate) fn resume(&self, message: &Arc<Message>, bytes: usize, deliveries: usize) {
        if !self.knows(&message.id) {
            self.begin(message, bytes, deliveries);
        }
    }

    /// Forgets a message that was not committed.
    pub(crate) fn withdraw(&self, id: &str) {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.by_id.remove(id) {
            flights.bytes -= flight.bytes;
        }
    }

    /// The message, if it is kept in memory.
    pub(crate) fn message(&self, id: &str) -> Option<Arc<Message>> {
        self.flights.lock().by_id.get(id)?.message.clone()
    }

    /// Whether the message is counted.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.flights.lock().by_id.contains_key(id)
    }

    /// Counts one delivery off; whether it was the last. `None` for a message that is
    /// not counted.
    pub(crate) fn end_one(&self, id: &str) -> Option<bool> {
        let mut flights = self.flights.lock();
        let flight = flights.by_id.get_mut(id)?;
        flight.left = flight.left.saturating_sub(1);
        if flight.left > 0 {
            return Some(false);
        }
        let bytes = flight.bytes;
        flights.by_id.remove(id);
        flights.bytes -= bytes;
        Some(true)
    }

    /// How many messages there are.
    pub(crate) fn len(&self) -> usize {
        self.flights.lock().by_id.len()
    }
}
