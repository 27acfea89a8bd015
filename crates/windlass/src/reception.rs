//! Bodies of S3 requests: perhaps in chunks, perhaps signed chunk by chunk, perhaps
//! larger than memory should hold.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use md5::Md5;
use sha2::{Digest, Sha256};
use windlass_identity::{ChunkError, ChunkedBody};
use windlass_protocol::{Body, Fault, FileBody, Received};

use crate::body::BodyShare;

/// A body of more bytes goes to a file while it comes in.
const IN_MEMORY_BYTES_MAX: usize = 256 * 1024;
/// What is gathered before it is hashed and written, off the runtime's threads.
const WRITE_BYTES: usize = 1024 * 1024;
/// How long a client may pause in its body.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// What a body must be for the request to be its sender's word.
pub(crate) enum PayloadProof {
    /// The sender left it out of the signature.
    Anything,
    /// Its SHA-256 in hexadecimal digits.
    Sha256(String),
    /// Chunks, perhaps with signatures.
    Chunks(Box<ChunkedBody>),
}

/// How one body is taken.
pub(crate) struct Reception<'a> {
    /// Of the decoded body.
    pub(crate) bytes_max: u64,
    /// Where large bodies are written; `None`: they are refused.
    pub(crate) folder: Option<&'a Path>,
    pub(crate) proof: PayloadProof,
    /// What the sender says that the decoded body has.
    pub(crate) decoded_len: Option<u64>,
}

/// A body that came in.
pub(crate) struct Whole {
    pub(crate) body: Body,
    /// The headers behind a chunked body, names in lower case.
    pub(crate) trailers: Vec<(String, String)>,
}

impl Reception<'_> {
    /// Receives the whole body.
    ///
    /// # Errors
    /// It is too large, breaks off, or is not what was signed; the disk cannot
    /// take it. The connection must be closed.
    pub(crate) async fn receive(self, mut incoming: Incoming, share: &mut BodyShare) -> Result<Whole, Fault> {
        let Reception { bytes_max, folder, proof, decoded_len } = self;
        let declared = decoded_len.or_else(|| incoming.size_hint().exact());
        if declared.is_some_and(|declared| declared > bytes_max) {
            return Err(too_large(bytes_max));
        }
        let (expected, mut chunks) = match proof {
            PayloadProof::Anything => (None, None),
            PayloadProof::Sha256(hash) => (Some(hash), None),
            PayloadProof::Chunks(chunks) => (None, Some(chunks)),
        };
        let mut gathered = BytesMut::new();
        let mut spool: Option<Spool> = None;
        let mut len = 0_u64;
        loop {
            let frame = tokio::time::timeout(PAUSE_MAX, incoming.frame()).await.map_err(|_| {
                Fault::new(
                    "RequestTimeout",
                    "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
                )
            })?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| broken_off().explained(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            let before = gathered.len();
            match &mut chunks {
                None => gathered.extend_from_slice(&data),
                Some(chunks) => {
                    chunks.feed(&data, &mut |bytes| gathered.extend_from_slice(bytes)).map_err(chunk_fault)?;
                }
            }
            len += (gathered.len() - before) as u64;
            if len > bytes_max {
                return Err(too_large(bytes_max));
            }
            if spool.is_none() {
                if gathered.len() <= IN_MEMORY_BYTES_MAX {
                    share.grow(data.len())?;
                    continue;
                }
                let folder = folder.ok_or_else(|| too_large(IN_MEMORY_BYTES_MAX as u64))?;
                spool = Some(Spool::create(folder)?);
            }
            if gathered.len() >= WRITE_BYTES {
                spool = Some(written(spool, gathered.split().freeze()).await?);
            }
        }
        let trailers = match chunks {
            Some(chunks) => chunks.finish().map_err(chunk_fault)?,
            None => Vec::new(),
        };
        if decoded_len.is_some_and(|decoded_len| decoded_len != len) {
            return Err(broken_off());
        }
        let (body, hash) = match spool {
            None => {
                let hash = expected.as_ref().map(|_| hex(&Sha256::digest(&gathered)));
                (Body::from(gathered.freeze()), hash)
            }
            Some(spool) => {
                let spool = written(Some(spool), gathered.freeze()).await?;
                let (body, hash) = spool.finish(len)?;
                (body, Some(hash))
            }
        };
        match (expected, hash) {
            (Some(expected), Some(hash)) if !expected.eq_ignore_ascii_case(&hash) => Err(Fault::new(
                "XAmzContentSHA256Mismatch",
                "The provided 'x-amz-content-sha256' header does not match what was computed.",
            )
            .with_member("ClientComputedContentSHA256", expected)
            .with_member("S3ComputedContentSHA256", hash)),
            _ => Ok(Whole { body, trailers }),
        }
    }
}

/// A file that a body is written to.
struct Spool {
    file: File,
    /// Removes the file unless somebody takes it.
    received: Received,
    sha256: Sha256,
    md5: Md5,
}

impl Spool {
    fn create(folder: &Path) -> Result<Spool, Fault> {
        let mut name = [0; 16];
        getrandom::fill(&mut name).map_err(|error| Fault::internal(error.to_string()))?;
        let path: PathBuf = folder.join(hex(&name));
        let file = File::options().read(true).write(true).create_new(true).open(&path);
        let file = file.map_err(|error| unwritable(&path, &error))?;
        let received = Received { path, sha256: [0; 32], md5: [0; 16] };
        Ok(Spool { file, received, sha256: Sha256::new(), md5: Md5::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.sha256.update(bytes);
        self.md5.update(bytes);
        self.file.write_all(bytes).map_err(|error| unwritable(&self.received.path, &error))
    }

    fn finish(self, len: u64) -> Result<(Body, String), Fault> {
        let Spool { file, mut received, sha256, md5 } = self;
        received.sha256 = sha256.finalize().into();
        received.md5 = md5.finalize().into();
        let hash = hex(&received.sha256);
        let body = FileBody { file: Arc::new(file), offset: 0, len, received: Some(Arc::new(received)) };
        Ok((Body::file(body), hash))
    }
}

/// Hashing and writing take a thread for a while, so they do it off the runtime.
async fn written(spool: Option<Spool>, bytes: Bytes) -> Result<Spool, Fault> {
    let mut spool = spool.ok_or_else(|| Fault::internal("a body has no file"))?;
    tokio::task::spawn_blocking(move || spool.write(&bytes).map(|()| spool))
        .await
        .map_err(|error| Fault::internal(format!("a body was not written: {error}")))?
}

fn too_large(bytes_max: u64) -> Fault {
    Fault::new("EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")
        .with_member("MaxSizeAllowed", bytes_max.to_string())
}

fn broken_off() -> Fault {
    Fault::new("IncompleteBody", "The request body terminated unexpectedly")
}

fn chunk_fault(error: ChunkError) -> Fault {
    const FORBIDDEN: u16 = 403;
    match error {
        ChunkError::Malformed => broken_off().explained("the body is not written in aws-chunked encoding"),
        ChunkError::Signature => Fault::new(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        )
        .with_status(FORBIDDEN)
        .explained("the signature of a chunk is another"),
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::internal(format!("a body could not be written to {}: {error}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
