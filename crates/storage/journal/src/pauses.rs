use std::time::Duration;

/// Pauses before something is stored again that the store could not write.
const PAUSE_MS_MIN: u64 = 100;
/// The longest of them.
pub(crate) const PAUSE_MS_MAX: u64 = 5_000;

/// Pauses that double from one try to the next.
pub(crate) struct Pauses {
    next_ms: u64,
}

impl Pauses {
    pub(crate) fn new() -> Pauses {
        Pauses { next_ms: PAUSE_MS_MIN }
    }

    /// Waits for the next pause.
    pub(crate) async fn pause(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.next_ms)).await;
        self.next_ms = (self.next_ms * 2).min(PAUSE_MS_MAX);
    }
}
