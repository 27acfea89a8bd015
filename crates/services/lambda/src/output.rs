use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::unix::pipe;

use crate::logs::FunctionLog;

/// How much of an invocation's output `LogType: Tail` answers.
const TAIL_BYTES_MAX: usize = 4096;
/// A longer line is cut into several.
const LINE_BYTES_MAX: usize = 256 * 1024;
const READ_BYTES_MAX: usize = 16 * 1024;
/// What a pipe holds. Taking more at once would wait for what is printed
/// meanwhile, and a process can print for ever.
const DRAIN_BYTES_MAX: usize = 64 * 1024;

/// What a process prints, on both streams: into its function's log, and the end
/// of it kept for the answer.
pub(crate) struct Output {
    receiver: pipe::Receiver,
    stream: String,
    log: Arc<FunctionLog>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Read but not ended by a line end yet.
    partial: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Output {
    pub(crate) fn new(receiver: pipe::Receiver, stream: String, log: Arc<FunctionLog>) -> Output {
        Output { receiver, stream, log, state: Mutex::default() }
    }

    /// Reads until the process and all it started have closed their ends.
    pub(crate) async fn read_until_closed(self: Arc<Output>) {
        let mut buffer = vec![0; READ_BYTES_MAX];
        loop {
            if self.receiver.readable().await.is_err() {
                return;
            }
            let mut state = self.state.lock();
            match self.receiver.try_read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => self.take(&mut state, &buffer[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    tracing::debug!(%error, "a function's output cannot be read");
                    return;
                }
            }
        }
    }

    /// Takes what has been printed by now, without waiting for the reader's turn:
    /// what a process prints before it answers belongs to that invocation. Takes
    /// no more than a pipe holds.
    pub(crate) fn drain(&self) {
        let mut buffer = vec![0; READ_BYTES_MAX];
        let mut state = self.state.lock();
        let mut left = DRAIN_BYTES_MAX;
        while left > 0
            && let Ok(read @ 1..) = rustix::io::read(&self.receiver, &mut buffer[..left.min(READ_BYTES_MAX)])
        {
            self.take(&mut state, &buffer[..read]);
            left -= read;
        }
    }

    /// Adds lines of our own (START, END, REPORT).
    pub(crate) fn note(&self, lines: &str) {
        let mut state = self.state.lock();
        self.end_line(&mut state);
        keep_tail(&mut state.tail, lines.as_bytes());
        self.log.write(&self.stream, lines);
    }

    /// Begins a new tail.
    pub(crate) fn clear_tail(&self) {
        self.state.lock().tail.clear();
    }

    /// The end of what was printed since [`Output::clear_tail`].
    pub(crate) fn tail(&self) -> Vec<u8> {
        self.state.lock().tail.iter().copied().collect()
    }

    fn take(&self, state: &mut State, bytes: &[u8]) {
        keep_tail(&mut state.tail, bytes);
        state.partial.extend_from_slice(bytes);
        let end = match state.partial.iter().rposition(|byte| *byte == b'\n') {
            Some(at) => at + 1,
            None if state.partial.len() >= LINE_BYTES_MAX => state.partial.len(),
            None => return,
        };
        let rest = state.partial.split_off(end);
        let lines = std::mem::replace(&mut state.partial, rest);
        self.log.write(&self.stream, &String::from_utf8_lossy(&lines));
    }

    fn end_line(&self, state: &mut State) {
        if !state.partial.is_empty() {
            let line = std::mem::take(&mut state.partial);
            keep_tail(&mut state.tail, b"\n");
            self.log.write(&self.stream, &String::from_utf8_lossy(&line));
        }
    }
}

fn keep_tail(tail: &mut VecDeque<u8>, bytes: &[u8]) {
    let bytes = &bytes[bytes.len().saturating_sub(TAIL_BYTES_MAX)..];
    tail.extend(bytes);
    let excess = tail.len().saturating_sub(TAIL_BYTES_MAX);
    tail.drain(..excess);
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::function_name::FunctionName;
    use crate::logs::Logs;

    #[tokio::test]
    async fn a_drain_takes_no_more_than_a_pipe_holds() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let function = FunctionName { account: "000000000000".into(), region: "us-east-1".into(), name: "f".into() };
        // A socket holds more than a pipe, as one does that is filled while it is read.
        let (mut process_end, output_end) = UnixStream::pair().expect("a pair");
        for end in [&process_end, &output_end] {
            end.set_nonblocking(true).expect("it does not block");
        }
        let mut printed = 0;
        while let Ok(written) = process_end.write(&[b'y'; 1000]) {
            printed += written;
        }
        assert!(printed > DRAIN_BYTES_MAX, "{printed}");
        let receiver = pipe::Receiver::from_owned_fd_unchecked(OwnedFd::from(output_end)).expect("a receiver");
        let output = Output::new(receiver, "stream".into(), Logs::new(folder.path()).of(&function));
        output.drain();
        assert_eq!(output.state.lock().partial.len(), DRAIN_BYTES_MAX);
    }
}
