//! Where the bytes of objects lie: small ones in the store, larger ones in files,
//! those uploaded in parts as the list of their parts.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_blob::{BlobId, BlobStore, Pinned};
use windlass_protocol::{Body, Fault, FileBody, Pieces};
use windlass_store::Key;

use crate::bucket::Bucket;
use crate::change::Change;
use crate::faults;
use crate::random;
use crate::s3::S3;
use crate::stored;
use crate::tables::CONTENTS;

/// Contents up to here lie in the store: one commit is cheaper than a file that
/// must be synced with its folder.
pub(crate) const INLINE_BYTES_MAX: u64 = 32 * 1024;

/// How much of a file is read at once where its bytes are computed with.
const READ_BYTES: u64 = 1024 * 1024;

/// Where a content lies. A stored type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// There are no bytes.
    #[default]
    None,
    /// In a row of that id.
    Inline { id: String },
    /// In the file named by its SHA-256; `id` is the owner of the reference to it.
    Blob { id: String, sha256: String },
    /// In parts, listed in a row of that id.
    Parts { id: String },
}

/// A part of a content that was uploaded in parts. A stored type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: u32,
    pub(crate) bytes: u64,
    pub(crate) content: Content,
    /// Of the algorithm that the object's checksum names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checksum: Option<String>,
}

/// A content that has been received, not yet part of a change.
pub(crate) struct Held {
    pub(crate) bytes: u64,
    id: String,
    kept: Kept,
}

enum Kept {
    Nothing,
    Inline(Bytes),
    File(Pinned),
}

impl Content {
    pub(crate) fn is_none(&self) -> bool {
        *self == Content::None
    }

    /// The content in a file, if it is in one.
    pub(crate) fn blob(&self) -> Result<Option<BlobId>, Fault> {
        match self {
            Content::Blob { sha256, .. } => Ok(Some(blob_id(sha256)?)),
            _ => Ok(None),
        }
    }
}

impl Held {
    /// Bytes in memory that are few.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn inline(bytes: Bytes) -> Result<Held, Fault> {
        let kept = if bytes.is_empty() { Kept::Nothing } else { Kept::Inline(bytes.clone()) };
        Ok(Held { bytes: bytes.len() as u64, id: new_id()?, kept })
    }

    /// A content in a file.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn file(blob: Pinned) -> Result<Held, Fault> {
        Ok(Held { bytes: blob.bytes(), id: new_id()?, kept: Kept::File(blob) })
    }

    /// Adds it to a change.
    pub(crate) fn put(&self, blobs: &BlobStore, change: &mut Change, bucket: &Bucket) -> Content {
        match &self.kept {
            Kept::Nothing => Content::None,
            Kept::Inline(bytes) => {
                change.batch.put(&CONTENTS, content_key(bucket, &self.id), Vec::new(), bytes.clone());
                Content::Inline { id: self.id.clone() }
            }
            Kept::File(blob) => {
                blobs.add_reference(&mut change.batch, &blob.id(), self.id.as_bytes());
                Content::Blob { id: self.id.clone(), sha256: blob.id().to_string() }
            }
        }
    }

    /// Says that the change is durable.
    pub(crate) fn keep(self) {
        if let Kept::File(blob) = self.kept {
            blob.keep();
        }
    }
}

/// A new id of a content.
///
/// # Errors
/// The system has no randomness.
pub(crate) fn new_id() -> Result<String, Fault> {
    Ok(format!("{:032x}", u128::from_be_bytes(random::bytes()?)))
}

fn content_key(bucket: &Bucket, id: &str) -> Key {
    bucket.rows().text(id)
}

fn blob_id(sha256: &str) -> Result<BlobId, Fault> {
    BlobId::parse(sha256).ok_or_else(|| faults::internal(format!("'{sha256}' names no content")))
}

/// Work on files, off the async threads.
///
/// # Errors
/// The work's own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(unreadable(&error)),
        Err(error) => Err(faults::internal(format!("work on a file ended early: {error}"))),
    }
}

/// The disk's error as an answer.
pub(crate) fn unreadable(error: &io::Error) -> Fault {
    faults::internal(format!("a content cannot be read or written: {error}"))
}

/// Hands all bytes of a body to a function, a part of a file at a time; blocks.
///
/// # Errors
/// The body cannot be read, or the function's own.
pub(crate) fn each_piece(body: &Body, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    fn of(body: &Body, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        if let Some(bytes) = body.in_memory() {
            return take(bytes);
        }
        if let Some(pieces) = body.in_pieces() {
            for index in 0..pieces.count() {
                of(&pieces.open(index)?, take)?;
            }
            return Ok(());
        }
        let Some(file) = body.in_file() else { return Ok(()) };
        let mut at = 0;
        while at < file.len {
            let bytes = file.read_at(at, READ_BYTES as usize)?;
            take(&bytes)?;
            at += bytes.len() as u64;
        }
        Ok(())
    }
    of(body, &mut take)
}

impl S3 {
    /// Adds to a change that a content is needed no more.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn forget_content(&self, change: &mut Change, bucket: &Bucket, content: &Content) -> Result<(), Fault> {
        match content {
            Content::None => {}
            Content::Inline { id } => change.batch.delete(&CONTENTS, content_key(bucket, id)),
            Content::Blob { id, sha256 } => {
                let blob = blob_id(sha256)?;
                self.blobs.remove_reference(&mut change.batch, &blob, id.as_bytes());
                change.released.push(blob);
            }
            Content::Parts { id } => {
                for part in self.parts(bucket, content)? {
                    self.forget_content(change, bucket, &part.content)?;
                }
                change.batch.delete(&CONTENTS, content_key(bucket, id));
            }
        }
        Ok(())
    }

    /// Adds the list of an object's parts to a change.
    pub(crate) fn put_parts(&self, change: &mut Change, bucket: &Bucket, id: &str, parts: &[Part]) -> Content {
        change.batch.put(&CONTENTS, content_key(bucket, id), Vec::new(), stored::encode(&parts));
        Content::Parts { id: id.to_owned() }
    }

    /// The parts of a content; none where it was not uploaded in parts.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn parts(&self, bucket: &Bucket, content: &Content) -> Result<Vec<Part>, Fault> {
        let Content::Parts { id } = content else { return Ok(Vec::new()) };
        let found = stored::get(&self.store, &CONTENTS, &content_key(bucket, id))?;
        found.map(|found| found.value).ok_or_else(|| faults::internal("the list of an object's parts is gone"))
    }

    /// `len` bytes of a content from `offset` on. `None` if the content is gone,
    /// which it may be where its object was replaced since it was looked at.
    ///
    /// # Errors
    /// Store or disk cannot be read.
    pub(crate) fn body(
        &self,
        bucket: &Bucket,
        content: &Content,
        offset: u64,
        len: u64,
    ) -> Result<Option<Body>, Fault> {
        if len == 0 {
            return Ok(Some(Body::empty()));
        }
        match content {
            Content::None => Ok(Some(Body::empty())),
            Content::Inline { id } => {
                let row = self.store.get(&CONTENTS, &content_key(bucket, id)).map_err(stored::unreadable)?;
                let Some(row) = row else { return Ok(None) };
                let end = offset.saturating_add(len).min(row.value.len() as u64);
                let start = offset.min(end);
                Ok(Some(row.value.slice(start as usize..end as usize).into()))
            }
            Content::Blob { sha256, .. } => {
                let found = self.blobs.get(&blob_id(sha256)?).map_err(|error| unreadable(&error))?;
                let file = |(file, _)| FileBody { file: Arc::new(file), offset, len, received: None };
                Ok(found.map(file).map(Body::file))
            }
            Content::Parts { id } => {
                let found = stored::get::<Vec<Part>>(&self.store, &CONTENTS, &content_key(bucket, id))?;
                let Some(parts) = found else { return Ok(None) };
                self.body_of_parts(bucket, &parts.value, offset, len)
            }
        }
    }

    fn body_of_parts(&self, bucket: &Bucket, parts: &[Part], offset: u64, len: u64) -> Result<Option<Body>, Fault> {
        let end = offset.saturating_add(len);
        let mut slices = Vec::new();
        let mut start = 0;
        for part in parts {
            let (from, to) = (offset.max(start), end.min(start + part.bytes));
            if from < to {
                slices.push((part.content.clone(), from - start, to - from));
            }
            start += part.bytes;
        }
        if let [(content, offset, len)] = &slices[..] {
            return self.body(bucket, content, *offset, *len);
        }
        let mut pieces = Vec::with_capacity(slices.len());
        for (content, offset, len) in slices {
            pieces.push(match content.blob()? {
                None => match self.body(bucket, &content, offset, len)? {
                    Some(body) => Piece::Open(body),
                    None => return Ok(None),
                },
                // Opened when its turn comes, and kept from the sweep until then:
                // there may be 10,000, more than a process may have files open.
                Some(blob) => match self.blobs.pin(blob).map_err(|error| unreadable(&error))? {
                    Some(pinned) => Piece::File { pinned, offset, len },
                    None => return Ok(None),
                },
            });
        }
        let len = end.min(start).saturating_sub(offset);
        Ok(Some(Body::pieces(len, Arc::new(PiecesOfObject { blobs: self.blobs.clone(), pieces }))))
    }
}

struct PiecesOfObject {
    blobs: BlobStore,
    pieces: Vec<Piece>,
}

enum Piece {
    Open(Body),
    File { pinned: Pinned, offset: u64, len: u64 },
}

impl Pieces for PiecesOfObject {
    fn count(&self) -> usize {
        self.pieces.len()
    }

    fn open(&self, index: usize) -> io::Result<Body> {
        match &self.pieces[index] {
            Piece::Open(body) => Ok(body.clone()),
            Piece::File { pinned, offset, len } => match self.blobs.get(&pinned.id())? {
                Some((file, _)) => {
                    Ok(Body::file(FileBody { file: Arc::new(file), offset: *offset, len: *len, received: None }))
                }
                None => Err(io::Error::new(io::ErrorKind::NotFound, "a pinned content is gone")),
            },
        }
    }
}
