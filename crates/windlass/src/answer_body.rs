use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;
use windlass_protocol::FileBody;

/// What is read from a file at once.
const READ_BYTES: usize = 256 * 1024;

/// The body of an answer: in memory, or read from a file as the client takes it.
pub(crate) enum AnswerBody {
    Full(Full<Bytes>),
    File(FileReader),
}

/// Reads a part of a file piece by piece, off the runtime's threads.
pub(crate) struct FileReader {
    file: FileBody,
    at: u64,
    reading: Option<JoinHandle<std::io::Result<Bytes>>>,
}

impl AnswerBody {
    pub(crate) fn of(body: windlass_protocol::Body) -> AnswerBody {
        match body.in_file() {
            Some(file) => AnswerBody::File(FileReader { file: file.clone(), at: 0, reading: None }),
            None => AnswerBody::Full(Full::new(body.in_memory().cloned().unwrap_or_default())),
        }
    }
}

impl From<Bytes> for AnswerBody {
    fn from(bytes: Bytes) -> AnswerBody {
        AnswerBody::Full(Full::new(bytes))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.get_mut() {
            AnswerBody::Full(full) => Pin::new(full).poll_frame(context).map_err(|never: Infallible| match never {}),
            AnswerBody::File(reader) => reader.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Full(full) => full.is_end_stream(),
            AnswerBody::File(reader) => reader.at >= reader.file.len && reader.reading.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Full(full) => full.size_hint(),
            AnswerBody::File(reader) => SizeHint::with_exact(reader.file.len - reader.at),
        }
    }
}

impl FileReader {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.reading.is_none() {
            if self.at >= self.file.len {
                return Poll::Ready(None);
            }
            let (file, at) = (self.file.clone(), self.at);
            self.reading = Some(tokio::task::spawn_blocking(move || file.read_at(at, READ_BYTES)));
        }
        let Some(reading) = &mut self.reading else { return Poll::Ready(None) };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        match read {
            Ok(Ok(bytes)) => {
                self.at += bytes.len() as u64;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "an object's file cannot be read");
                Poll::Ready(Some(Err(error)))
            }
            Err(error) => Poll::Ready(Some(Err(std::io::Error::other(error)))),
        }
    }
}
