use std::cell::Cell;

use crate::limits::Limits;

/// What one turn has spent. A turn may be made of many events: they share one.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    /// State transitions.
    pub(crate) transitions: u32,
    /// Bytes that the turn will store.
    pub(crate) bytes: usize,
    /// Fuel of expressions; a cell, for evaluations only borrow the turn.
    pub(crate) fuel: Cell<u64>,
}

impl Budget {
    /// How many state transitions were made.
    pub fn transitions(&self) -> u32 {
        self.transitions
    }

    /// Whether the turn must end.
    pub fn is_spent(&self, limits: &Limits) -> bool {
        self.transitions >= limits.turn_transitions_max || self.is_heavy(limits)
    }

    /// Whether what was stored or evaluated alone ends the turn.
    pub(crate) fn is_heavy(&self, limits: &Limits) -> bool {
        self.holds_bytes_max(limits) || self.fuel.get() >= limits.turn_fuel_max
    }

    /// Whether the turn stores as many bytes as it may.
    pub fn holds_bytes_max(&self, limits: &Limits) -> bool {
        self.bytes >= limits.turn_bytes_max
    }

    pub(crate) fn add_bytes(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }
}
