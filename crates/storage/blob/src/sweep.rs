use std::collections::HashSet;
use std::fs;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use windlass_store::Scan;

use crate::blob_id::BlobId;
use crate::blob_store::Inner;
use crate::references::{REFERENCES, content_key};

/// How many contents wait to be looked at; more are left to the next whole sweep.
const SUSPECTS_MAX: usize = 100_000;

/// Contents that may have lost their last reference.
#[derive(Default)]
pub(crate) struct Suspects {
    waiting: Mutex<HashSet<BlobId>>,
    pub(crate) added: Notify,
}

impl Suspects {
    pub(crate) fn add(&self, id: BlobId) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < SUSPECTS_MAX {
            waiting.insert(id);
        }
        drop(waiting);
        self.added.notify_one();
    }

    fn take(&self) -> HashSet<BlobId> {
        std::mem::take(&mut self.waiting.lock())
    }
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Contents looked at.
    pub seen: u64,
    /// Contents removed, for nobody referred to them.
    pub removed: u64,
    /// Their bytes.
    pub removed_bytes: u64,
}

/// Looks at what may be in no use; blocks on the disk.
pub(crate) fn sweep_suspects(inner: &Arc<Inner>) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for id in inner.suspects.take() {
        look_at(inner, &id, &mut swept)?;
    }
    Ok(swept)
}

/// Looks at every content; blocks on the disk. `goes_on` is asked between contents.
pub(crate) fn sweep_all(inner: &Arc<Inner>, goes_on: &dyn Fn() -> bool) -> io::Result<Swept> {
    let mut swept = Swept::default();
    for folder in fs::read_dir(&inner.blobs)? {
        let folder = folder?;
        let name = folder.file_name();
        let Some(start) = name.to_str().filter(|name| name.len() == 2) else { continue };
        for file in fs::read_dir(folder.path())? {
            if !goes_on() {
                return Ok(swept);
            }
            let rest = file?.file_name();
            let Some(id) = rest.to_str().and_then(|rest| BlobId::parse(&format!("{start}{rest}"))) else { continue };
            look_at(inner, &id, &mut swept)?;
        }
    }
    Ok(swept)
}

fn look_at(inner: &Arc<Inner>, id: &BlobId, swept: &mut Swept) -> io::Result<()> {
    swept.seen += 1;
    // Held over the look and the removal: whoever wants the content pins it first,
    // and waits here for it to be gone or found.
    let stripe = inner.pins.stripe(id);
    if stripe.contains_key(id) {
        return Ok(());
    }
    let referred = inner
        .store
        .scan(&REFERENCES, Scan::prefix(&content_key(id), 1))
        .map_err(|error| io::Error::other(error.to_string()))?;
    if !referred.is_empty() {
        return Ok(());
    }
    let (_, path) = inner.path(id);
    let bytes = match fs::metadata(&path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    fs::remove_file(&path)?;
    swept.removed += 1;
    swept.removed_bytes += bytes;
    Ok(())
}
