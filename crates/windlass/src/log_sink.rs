//! Where log lines go: gathered in memory and written by a thread, so that a
//! request waits for no write to a terminal or pipe.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait to be written. Beyond it a writer waits, at most
/// [`PUSH_TIMEOUT`]: lines are late rather than lost.
const WAITING_BYTES_MAX: usize = 1024 * 1024;
/// How long a writer waits for room. An output that takes nothing for so long
/// (a stopped terminal, a pipe nobody reads) has stalled: from then on lines
/// are dropped and counted until it moves, for a log must not stop the server.
const PUSH_TIMEOUT: Duration = Duration::from_secs(1);
/// How long nothing is written after a write failed.
const FAILED_PAUSE: Duration = Duration::from_millis(100);
/// How long [`LogSink::flush`] waits.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The thread is writing what it took.
    writing: bool,
    /// The output is gone; lines are dropped from now on.
    broken: bool,
    /// A writer has waited in vain; nobody waits until the output moves.
    stalled: bool,
    /// Lines dropped so far because the output had stalled.
    lines_dropped: u64,
}

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    more: Condvar,
    less: Condvar,
}

/// A cheap handle; clones write to the same place.
#[derive(Clone)]
pub struct LogSink(Arc<Shared>);

impl LogSink {
    /// A sink whose thread writes to `output` as long as the process lives.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn spawn(output: impl Write + Send + 'static) -> io::Result<LogSink> {
        let shared = Arc::new(Shared::default());
        let sink = LogSink(shared.clone());
        std::thread::Builder::new().name("windlass-log".to_owned()).spawn(move || write_all(&shared, output))?;
        Ok(sink)
    }

    /// Adds whole lines, or drops and counts them where the output has stalled.
    pub(crate) fn push(&self, lines: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        let deadline = Instant::now() + PUSH_TIMEOUT;
        while waiting.is_full() && !waiting.broken && !waiting.stalled {
            let waited = self.0.less.wait_until(&mut waiting, deadline);
            waiting.stalled |= waited.timed_out() && waiting.is_full();
        }
        if waiting.broken {
            return;
        }
        if waiting.is_full() {
            waiting.lines_dropped += lines.iter().filter(|byte| **byte == b'\n').count() as u64;
            return;
        }
        let asleep = waiting.bytes.is_empty() && !waiting.writing;
        waiting.bytes.extend_from_slice(lines);
        drop(waiting);
        if asleep {
            self.0.more.notify_one();
        }
    }

    /// Waits until everything pushed so far is written, at most a second: false
    /// when the output has not taken it by then.
    pub fn flush(&self) -> bool {
        let mut waiting = self.0.waiting.lock();
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        while (!waiting.bytes.is_empty() || waiting.writing) && !waiting.broken {
            if self.0.less.wait_until(&mut waiting, deadline).timed_out() {
                return false;
            }
        }
        true
    }

    /// Lines dropped so far because the output had stalled.
    pub fn lines_dropped(&self) -> u64 {
        self.0.waiting.lock().lines_dropped
    }
}

impl Waiting {
    fn is_full(&self) -> bool {
        self.bytes.len() > WAITING_BYTES_MAX
    }
}

fn write_all(shared: &Shared, mut output: impl Write) {
    let mut taken = Vec::new();
    let mut dropped_said = 0;
    loop {
        let mut waiting = shared.waiting.lock();
        waiting.writing = false;
        waiting.stalled = false;
        shared.less.notify_all();
        // What is said here comes back as a line, so only where there is room.
        if waiting.lines_dropped > dropped_said && !waiting.is_full() {
            let lines = waiting.lines_dropped - dropped_said;
            dropped_said = waiting.lines_dropped;
            drop(waiting);
            tracing::warn!(lines, "log lines were dropped while the output took none");
            waiting = shared.waiting.lock();
        }
        while waiting.bytes.is_empty() {
            shared.more.wait(&mut waiting);
        }
        taken.clear();
        std::mem::swap(&mut taken, &mut waiting.bytes);
        waiting.writing = true;
        drop(waiting);
        match output.write_all(&taken).and_then(|()| output.flush()) {
            Ok(()) => {}
            // A log that nobody reads any more (a closed pipe) must not stop the server.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                let mut waiting = shared.waiting.lock();
                waiting.broken = true;
                waiting.bytes = Vec::new();
                shared.less.notify_all();
                return;
            }
            // A full disk may have room again: these lines are lost, the next are not.
            Err(_) => {
                let lines = taken.iter().filter(|byte| **byte == b'\n').count() as u64;
                let mut waiting = shared.waiting.lock();
                waiting.lines_dropped += lines;
                // The last line may stand there by half.
                waiting.bytes.insert(0, b'\n');
                drop(waiting);
                std::thread::sleep(FAILED_PAUSE);
            }
        }
    }
}

/// One event of `tracing`, pushed whole.
pub struct EventWriter {
    sink: LogSink,
    line: Vec<u8>,
}

impl Write for EventWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for EventWriter {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.sink.push(&self.line);
        }
    }
}

impl<'a> MakeWriter<'a> for LogSink {
    type Writer = EventWriter;

    fn make_writer(&'a self) -> EventWriter {
        EventWriter { sink: self.clone(), line: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes nothing once, as a full disk, and then everything.
    struct FullOnce {
        failed: bool,
        taken: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for FullOnce {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !std::mem::replace(&mut self.failed, true) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.taken.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_its_lines_and_not_those_behind() {
        let taken = Arc::default();
        let sink = LogSink::spawn(FullOnce { failed: false, taken: Arc::clone(&taken) }).expect("a thread");
        sink.push(b"lost\n");
        while sink.lines_dropped() == 0 {
            std::thread::yield_now();
        }
        sink.push(b"kept\n");
        while !String::from_utf8_lossy(&taken.lock()).contains("kept\n") {
            std::thread::yield_now();
        }
        assert!(!String::from_utf8_lossy(&taken.lock()).contains("lost"));
    }
}
