//! Payloads that are too large for a turn: files named by what they hold, with a
//! reference that is written in the turn's own batch.

use std::io::Read;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use windlass_blob::{BlobId, Pinned};
use windlass_store::{Batch, CommitError, Key, Scan, StoreError};

use crate::error::JournalError;
use crate::journal::Journal;
use crate::stored::TurnError;
use crate::tables::CONTENTS;

/// References removed in one batch.
const REMOVE_MAX: usize = 100;

/// A content on its way to its file.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) id: BlobId,
    pub(crate) bytes: Bytes,
}

impl Content {
    pub(crate) fn new(bytes: Bytes) -> Content {
        Content { id: BlobId::new(Sha256::digest(&bytes).into()), bytes }
    }
}

/// Who needs a content: an execution, by the key of its rows.
fn owner(row: &Key) -> Vec<u8> {
    [b"execution\0", row.as_bytes()].concat()
}

fn content_key(row: &Key, id: &BlobId) -> Key {
    row.clone().fixed(id.as_bytes())
}

impl Journal {
    /// The largest payload that stays in its turn.
    pub(crate) fn inline_bytes_max(&self) -> usize {
        if self.config().contents.is_some() { self.config().inline_bytes_max } else { usize::MAX }
    }

    /// Adds to a batch that an execution needs contents, which must be written first.
    pub(crate) fn refer_to(&self, batch: &mut Batch, row: &Key, contents: &[Content]) {
        contents.iter().for_each(|content| self.refer_to_content(batch, row, &content.id));
    }

    /// The same of a content that is there and pinned.
    pub(crate) fn refer_to_content(&self, batch: &mut Batch, row: &Key, id: &BlobId) {
        let Some(blobs) = &self.config().contents else { return };
        blobs.add_reference(batch, id, &owner(row));
        batch.put(&CONTENTS, content_key(row, id), Vec::new(), Bytes::new());
    }

    /// Keeps a content that is there from being removed.
    ///
    /// # Errors
    /// It is not there; the disk refuses.
    pub(crate) fn pin_content(&self, arn: &str, id: &str) -> Result<Pinned, JournalError> {
        let missing = || JournalError::Turn { arn: arn.to_owned(), error: TurnError::NoContent(id.to_owned()) };
        let blobs = self.config().contents.as_ref().ok_or_else(missing)?;
        let pinned = blobs.pin(BlobId::parse(id).ok_or_else(missing)?);
        let pinned = pinned.map_err(|error| JournalError::Read(StoreError::Storage(error.to_string())))?;
        pinned.ok_or_else(missing)
    }

    /// Writes contents to their files. They stay while the answer lives, and from
    /// then on if a batch refers to them.
    ///
    /// # Errors
    /// The disk refuses, which may pass.
    pub(crate) async fn write_contents(&self, contents: Vec<Content>) -> Result<Vec<Pinned>, JournalError> {
        let Some(blobs) = &self.config().contents else { return Ok(Vec::new()) };
        let mut pinned = Vec::with_capacity(contents.len());
        for content in contents {
            let written = blobs.put(content.bytes).await;
            let written = written.map_err(|error| {
                JournalError::Write(CommitError::Storage(format!("a payload could not be written: {error}")))
            })?;
            pinned.push(written.blob);
        }
        Ok(pinned)
    }

    /// A content's bytes.
    ///
    /// # Errors
    /// It is not there, which is damage; the disk refuses.
    pub(crate) fn read_content(&self, arn: &str, id: &str, stored_bytes: u64) -> Result<Bytes, JournalError> {
        let failed = |reason: String| JournalError::Read(StoreError::Storage(reason));
        let missing = || JournalError::Turn { arn: arn.to_owned(), error: TurnError::NoContent(id.to_owned()) };
        let blobs = self.config().contents.as_ref().ok_or_else(missing)?;
        let id = BlobId::parse(id).ok_or_else(missing)?;
        let found = blobs.get(&id).map_err(|error| failed(format!("a payload cannot be read: {error}")))?;
        let (mut file, bytes) = found.filter(|(_, bytes)| *bytes == stored_bytes).ok_or_else(missing)?;
        let mut whole = Vec::with_capacity(bytes as usize);
        file.read_to_end(&mut whole).map_err(|error| failed(format!("a payload cannot be read: {error}")))?;
        // As rows have a checksum: what the disk lost or changed is found out.
        if Content::new(whole.clone().into()).id != id {
            return Err(JournalError::Turn { arn: arn.to_owned(), error: TurnError::NoContent(id.to_string()) });
        }
        Ok(whole.into())
    }

    /// Adds to a batch that an execution needs none of its contents any more; to be
    /// told to [`Journal::released`] when it is durable. `None` where there are more
    /// than one batch takes: those were removed in batches of their own first.
    ///
    /// # Errors
    /// Where storage fails.
    pub(crate) async fn let_go(&self, batch: &mut Batch, row: &Key) -> Result<Vec<BlobId>, JournalError> {
        let Some(blobs) = &self.config().contents else { return Ok(Vec::new()) };
        loop {
            let rows = self.store().scan(&CONTENTS, Scan::prefix(row, REMOVE_MAX))?;
            let whole = rows.len() < REMOVE_MAX;
            let mut own = Batch::default();
            let into = if whole { &mut *batch } else { &mut own };
            let mut ids = Vec::with_capacity(rows.len());
            for found in rows {
                let id = found.key.as_bytes().last_chunk::<32>().map(|id| BlobId::new(*id));
                if let Some(id) = id {
                    blobs.remove_reference(into, &id, &owner(row));
                    ids.push(id);
                }
                into.delete(&CONTENTS, found.key);
            }
            if whole {
                return Ok(ids);
            }
            self.store().commit(own).await?;
            self.released(ids);
        }
    }

    /// Says that contents may have lost their last reference, durably.
    pub(crate) fn released(&self, ids: Vec<BlobId>) {
        if let Some(blobs) = &self.config().contents {
            ids.into_iter().for_each(|id| blobs.released(id));
        }
    }
}
