use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

/// Where a server is in its life. It only moves forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Recovering what an earlier run left; answers nothing but health.
    Starting = 0,
    /// Takes calls.
    Ready = 1,
    /// Lets running calls finish and takes no new ones.
    Draining = 2,
    /// Finishes answers that are being written and closes idle connections.
    Closing = 3,
    /// Drops every connection.
    Stopped = 4,
}

impl Phase {
    /// Why no call is taken in this phase; `None` when calls are taken.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Phase::Starting => Some("starting: recovering executions"),
            Phase::Ready => None,
            Phase::Draining | Phase::Closing | Phase::Stopped => Some("draining: the server is stopping"),
        }
    }
}

/// The phase, cheap to read for every request and possible to wait for.
pub(crate) struct Lifecycle {
    now: AtomicU8,
    changes: watch::Sender<Phase>,
}

impl Lifecycle {
    pub(crate) fn new() -> Lifecycle {
        Lifecycle { now: AtomicU8::new(Phase::Starting as u8), changes: watch::Sender::new(Phase::Starting) }
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.now.load(Ordering::SeqCst) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            2 => Phase::Draining,
            3 => Phase::Closing,
            _ => Phase::Stopped,
        }
    }

    /// Moves to a later phase; an earlier one changes nothing.
    pub(crate) fn advance(&self, phase: Phase) {
        self.now.fetch_max(phase as u8, Ordering::SeqCst);
        self.changes.send_if_modified(|current| {
            let later = phase > *current;
            if later {
                *current = phase;
            }
            later
        });
    }

    /// A view of the changes, for a connection to watch.
    pub(crate) fn watch(&self) -> watch::Receiver<Phase> {
        self.changes.subscribe()
    }

    /// Waits until the phase is at least this one.
    pub(crate) async fn reached(&self, phase: Phase) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.changes.subscribe().wait_for(|current| *current >= phase).await;
    }
}
