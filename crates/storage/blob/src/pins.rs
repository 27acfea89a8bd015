use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::blob_id::BlobId;
use crate::blob_store::Inner;

const STRIPES: usize = 64;

/// Which contents are in use by someone who has no reference in the store (yet).
pub(crate) struct Pins {
    stripes: [Mutex<HashMap<BlobId, usize>>; STRIPES],
}

impl Pins {
    pub(crate) fn new() -> Pins {
        Pins { stripes: std::array::from_fn(|_| Mutex::default()) }
    }

    /// While it is held, nobody pins a content that shares its stripe.
    pub(crate) fn stripe(&self, id: &BlobId) -> MutexGuard<'_, HashMap<BlobId, usize>> {
        self.stripes[usize::from(id.as_bytes()[31]) % STRIPES].lock()
    }
}

/// A content that stays while this lives, referred to or not. Hold it until the
/// batch with the reference is durable, or while the content is read by name.
pub struct Pinned {
    inner: Arc<Inner>,
    id: BlobId,
    bytes: u64,
    kept: bool,
}

impl Pinned {
    /// Pins without asking whether there is such a content.
    pub(crate) fn new(inner: &Arc<Inner>, id: BlobId) -> Pinned {
        *inner.pins.stripe(&id).entry(id).or_insert(0) += 1;
        Pinned { inner: inner.clone(), id, bytes: 0, kept: false }
    }

    pub(crate) fn with_bytes(mut self, bytes: u64) -> Pinned {
        self.bytes = bytes;
        self
    }

    /// The content's name.
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Its length in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Says that a reference is durable now (or was before), which spares looking.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut stripe = self.inner.pins.stripe(&self.id);
        if let Some(count) = stripe.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                stripe.remove(&self.id);
            }
        }
        drop(stripe);
        if !self.kept {
            self.inner.suspects.add(self.id);
        }
    }
}

impl std::fmt::Debug for Pinned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pinned({}, {} bytes)", self.id, self.bytes)
    }
}
