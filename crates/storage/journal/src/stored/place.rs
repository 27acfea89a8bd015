use serde::{Deserialize, Serialize};
use windlass_value::Payload;

/// Where a payload is: the turn that stored it and its position there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Place(pub(crate) u64, pub(crate) u32);

impl Place {
    fn pack(self) -> u64 {
        (self.0 << 24) | u64::from(self.1)
    }

    fn unpack(packed: u64) -> Place {
        Place(packed >> 24, (packed & 0xff_ffff) as u32)
    }
}

/// Payloads one turn may store; the position has 24 bits.
pub(crate) const TURN_PAYLOADS_MAX: usize = 1 << 24;

/// Collects the payloads of one turn, each once.
pub(crate) struct PayloadWriter {
    owner: u128,
    turn: u64,
    pub(crate) payloads: Vec<Payload>,
    /// The largest text that a header holds, and the largest payload beside it.
    pub(crate) inline_bytes_max: usize,
}

impl PayloadWriter {
    pub(crate) fn new(owner: u128, turn: u64, inline_bytes_max: usize) -> PayloadWriter {
        PayloadWriter { owner, turn, payloads: Vec::new(), inline_bytes_max }
    }

    /// The place of a payload, new in this turn or known from before.
    pub(crate) fn place(&mut self, payload: &Payload) -> Place {
        if let Some(packed) = payload.place(self.owner) {
            return Place::unpack(packed);
        }
        let place = Place(self.turn, self.payloads.len() as u32);
        debug_assert!(self.payloads.len() < TURN_PAYLOADS_MAX);
        self.payloads.push(payload.clone());
        payload.set_place(self.owner, place.pack());
        place
    }
}

/// Notes on a payload read back where it came from.
pub(crate) fn mark(payload: &Payload, owner: u128, place: Place) {
    payload.set_place(owner, place.pack());
}
