use std::fmt;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;

/// The payload of a call or an answer: in memory, or a part of a file or of
/// several where it may be larger than memory should hold (S3 objects).
#[derive(Clone, Default)]
pub struct Body(Content);

#[derive(Clone)]
enum Content {
    Bytes(Bytes),
    File(FileBody),
    Pieces { len: u64, pieces: Arc<dyn Pieces> },
}

/// What a body consists of that lies in several files, one after another. They are
/// opened when their turn comes: there may be more than a process may have open.
pub trait Pieces: Send + Sync + 'static {
    /// How many there are.
    fn count(&self) -> usize;

    /// The piece of that index, below [`Pieces::count`]; blocks.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&self, index: usize) -> std::io::Result<Body>;
}

/// A part of an open file. The file keeps its bytes even if its name goes away.
#[derive(Clone)]
pub struct FileBody {
    /// The file, opened for reading. Read it by position: clones share its cursor.
    pub file: Arc<File>,
    /// Where the part begins.
    pub offset: u64,
    /// How many bytes it has.
    pub len: u64,
    /// What the receiver computed while the bytes came; `None` for files that
    /// were not received just now.
    pub received: Option<Arc<Received>>,
}

/// A body that was written to a file while it came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// Where it lies. Whoever takes it renames the file away; else it is removed
    /// when the last clone of the body is dropped.
    pub path: std::path::PathBuf,
    /// Of the whole body.
    pub sha256: [u8; 32],
    /// Of the whole body.
    pub md5: [u8; 16],
}

impl Drop for Received {
    fn drop(&mut self) {
        // Gone already where its taker renamed it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Default for Content {
    fn default() -> Content {
        Content::Bytes(Bytes::new())
    }
}

impl Body {
    /// No bytes.
    pub fn empty() -> Body {
        Body::default()
    }

    /// A part of a file.
    pub fn file(file: FileBody) -> Body {
        Body(Content::File(file))
    }

    /// Pieces that have `len` bytes together.
    pub fn pieces(len: u64, pieces: Arc<dyn Pieces>) -> Body {
        Body(Content::Pieces { len, pieces })
    }

    /// How many bytes it has.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::File(file) => file.len,
            Content::Pieces { len, .. } => *len,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if they are in memory.
    pub fn in_memory(&self) -> Option<&Bytes> {
        match &self.0 {
            Content::Bytes(bytes) => Some(bytes),
            Content::File(_) | Content::Pieces { .. } => None,
        }
    }

    /// The file, if they are in one.
    pub fn in_file(&self) -> Option<&FileBody> {
        match &self.0 {
            Content::File(file) => Some(file),
            Content::Bytes(_) | Content::Pieces { .. } => None,
        }
    }

    /// The pieces, if it lies in several.
    pub fn in_pieces(&self) -> Option<&Arc<dyn Pieces>> {
        match &self.0 {
            Content::Pieces { pieces, .. } => Some(pieces),
            Content::Bytes(_) | Content::File(_) => None,
        }
    }

    /// All bytes in memory; blocks while a file is read.
    ///
    /// # Errors
    /// More than `bytes_max`, or the file cannot be read.
    pub fn read(&self, bytes_max: u64) -> std::io::Result<Bytes> {
        if self.len() > bytes_max {
            return Err(std::io::Error::other(format!("the body has {} bytes, at most {bytes_max} fit", self.len())));
        }
        match &self.0 {
            Content::Bytes(bytes) => Ok(bytes.clone()),
            Content::File(file) => file.read_at(0, file.len as usize),
            Content::Pieces { len, pieces } => {
                let mut whole = Vec::with_capacity(*len as usize);
                for index in 0..pieces.count() {
                    whole.extend_from_slice(&pieces.open(index)?.read(bytes_max)?);
                }
                Ok(whole.into())
            }
        }
    }
}

impl FileBody {
    /// The bytes from `at` within the part, at most `len`; blocks.
    ///
    /// # Errors
    /// The file cannot be read or is shorter than it was.
    pub fn read_at(&self, at: u64, len: usize) -> std::io::Result<Bytes> {
        use std::os::unix::fs::FileExt;
        let len = (len as u64).min(self.len.saturating_sub(at)) as usize;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, self.offset + at)?;
        Ok(bytes.into())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Body {
        Body(Content::Bytes(bytes))
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Body {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Body {
        Bytes::from(text).into()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Body {
        Bytes::from(bytes).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Bytes(bytes) => write!(f, "Body({} bytes)", bytes.len()),
            Content::File(file) => write!(f, "Body({} bytes in a file)", file.len),
            Content::Pieces { len, pieces } => write!(f, "Body({len} bytes in {} pieces)", pieces.count()),
        }
    }
}
