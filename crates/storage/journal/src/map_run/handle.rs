use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, oneshot};
use windlass_value::Timestamp;
use windlass_workflow::{Ending, MapRunEvent, MapRunFailure};

use super::child::ExpressChild;
use super::read::Page;
use super::record::MapRunRecord;
use crate::error::JournalError;

/// What a Map Run's driver is told.
pub(crate) enum Told {
    /// A Standard child ended; its message is stored.
    Ended { index: u64, ending: Ending },
    /// An Express child ended.
    ExpressEnded(Box<ExpressChild>),
    /// A child that is to run again cannot.
    NotRedriven { index: u64 },
    /// A child was not started, for the Map Run stops.
    NotStarted { index: u64 },
    /// A page was read.
    Read(Result<Page, MapRunFailure>),
    /// The results are collected or written.
    Written(Result<super::results::Written, MapRunFailure>),
    /// UpdateMapRun, answered when it is durable: false where it came too late.
    Update(MapRunEvent, oneshot::Sender<Result<bool, JournalError>>),
    /// Nobody waits any more.
    Abort,
}

/// A Map Run that is driven.
pub(crate) struct Handle {
    pub(crate) told: mpsc::UnboundedSender<Told>,
    /// How it stands, newer than what is stored.
    pub(crate) record: Mutex<MapRunRecord>,
    /// Express children that run, by number: when they started.
    pub(crate) express: Mutex<HashMap<u64, Timestamp>>,
}

/// The Map Runs that are driven.
pub(crate) struct MapRuns {
    handles: Mutex<HashMap<u128, Arc<Handle>>>,
    /// Those that may run at once; the others wait where they began, as on AWS.
    pub(crate) open: Arc<Semaphore>,
}

impl MapRuns {
    pub(crate) fn new(open_max: usize) -> MapRuns {
        MapRuns { handles: Mutex::default(), open: Arc::new(Semaphore::new(open_max)) }
    }

    pub(crate) fn get(&self, uid: u128) -> Option<Arc<Handle>> {
        self.handles.lock().get(&uid).cloned()
    }

    /// Takes a Map Run under its wing; false where it is already.
    pub(super) fn insert(&self, uid: u128, handle: Arc<Handle>) -> bool {
        let mut handles = self.handles.lock();
        if handles.contains_key(&uid) {
            return false;
        }
        handles.insert(uid, handle);
        true
    }

    pub(super) fn remove(&self, uid: u128) {
        self.handles.lock().remove(&uid);
    }

    /// Tells a Map Run's driver something; nobody is told where there is none.
    pub(crate) fn tell(&self, uid: u128, told: Told) {
        if let Some(handle) = self.get(uid) {
            // A driver that has just ended needs to know nothing.
            let _ = handle.told.send(told);
        }
    }
}
