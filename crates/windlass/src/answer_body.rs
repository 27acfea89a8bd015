use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use windlass_protocol::{FileBody, Pieces};

/// What is read from a file at once.
const READ_BYTES: usize = 256 * 1024;

/// The body of an answer: in memory, or read from files as the client takes it.
pub(crate) enum AnswerBody {
    Full(Full<Bytes>),
    Files(FileReader),
}

/// Reads files piece by piece, off the runtime's threads.
pub(crate) struct FileReader {
    /// Bytes that were not handed on yet.
    left: u64,
    at: Option<Place>,
    reading: Option<JoinHandle<io::Result<(Bytes, Place)>>>,
}

/// How far the reading has come.
struct Place {
    /// The file being read; `None`: the next piece is opened.
    file: Option<FileBody>,
    offset: u64,
    pieces: Option<Arc<dyn Pieces>>,
    next_piece: usize,
}

impl AnswerBody {
    pub(crate) fn of(body: windlass_protocol::Body) -> AnswerBody {
        if let Some(bytes) = body.in_memory() {
            return AnswerBody::Full(Full::new(bytes.clone()));
        }
        let place =
            Place { file: body.in_file().cloned(), offset: 0, pieces: body.in_pieces().cloned(), next_piece: 0 };
        AnswerBody::Files(FileReader { left: body.len(), at: Some(place), reading: None })
    }
}

impl From<Bytes> for AnswerBody {
    fn from(bytes: Bytes) -> AnswerBody {
        AnswerBody::Full(Full::new(bytes))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            AnswerBody::Full(full) => Pin::new(full).poll_frame(context).map_err(|never: Infallible| match never {}),
            AnswerBody::Files(reader) => reader.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Full(full) => full.is_end_stream(),
            AnswerBody::Files(reader) => reader.left == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Full(full) => full.size_hint(),
            AnswerBody::Files(reader) => SizeHint::with_exact(reader.left),
        }
    }
}

impl FileReader {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let place = self.at.take();
        let reading = self.reading.get_or_insert_with(|| {
            tokio::task::spawn_blocking(move || match place {
                Some(place) => place.read(),
                None => Err(io::Error::other("an earlier read failed")),
            })
        });
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        let read = read.unwrap_or_else(|error| Err(io::Error::other(error)));
        Poll::Ready(Some(match read {
            Ok((bytes, place)) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                self.at = Some(place);
                Ok(Frame::data(bytes))
            }
            Err(error) => {
                tracing::error!(%error, "an object's file cannot be read");
                Err(error)
            }
        }))
    }
}

impl Place {
    /// The next bytes, and where the reading stands behind them; blocks.
    fn read(mut self) -> io::Result<(Bytes, Place)> {
        loop {
            if let Some(file) = &self.file {
                if self.offset < file.len {
                    let bytes = file.read_at(self.offset, READ_BYTES)?;
                    self.offset += bytes.len() as u64;
                    return Ok((bytes, self));
                }
                self.file = None;
            }
            let pieces = self.pieces.as_ref().filter(|pieces| self.next_piece < pieces.count());
            let pieces = pieces.ok_or_else(|| io::Error::other("the body is shorter than it was said to be"))?;
            let piece = pieces.open(self.next_piece)?;
            self.next_piece += 1;
            match (piece.in_memory(), piece.in_file()) {
                (Some(bytes), _) if !bytes.is_empty() => return Ok((bytes.clone(), self)),
                (_, Some(file)) => {
                    self.file = Some(file.clone());
                    self.offset = 0;
                }
                _ => {}
            }
        }
    }
}
