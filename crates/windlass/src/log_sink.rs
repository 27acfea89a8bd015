//! Where log lines go: gathered in memory and written by a thread, so that a
//! request waits for no write to a terminal or pipe.

use std::io::{self, Write};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Bytes that may wait to be written. Beyond it a writer waits: lines are late
/// rather than lost.
const WAITING_BYTES_MAX: usize = 1024 * 1024;

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The thread is writing what it took.
    writing: bool,
    /// The output is gone; lines are dropped from now on.
    broken: bool,
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

    /// Adds whole lines.
    pub(crate) fn push(&self, lines: &[u8]) {
        let mut waiting = self.0.waiting.lock();
        while waiting.bytes.len() > WAITING_BYTES_MAX && !waiting.broken {
            self.0.less.wait(&mut waiting);
        }
        if waiting.broken {
            return;
        }
        let asleep = waiting.bytes.is_empty() && !waiting.writing;
        waiting.bytes.extend_from_slice(lines);
        drop(waiting);
        if asleep {
            self.0.more.notify_one();
        }
    }

    /// Waits until everything pushed so far is written.
    pub fn flush(&self) {
        let mut waiting = self.0.waiting.lock();
        while (!waiting.bytes.is_empty() || waiting.writing) && !waiting.broken {
            self.0.less.wait(&mut waiting);
        }
    }
}

fn write_all(shared: &Shared, mut output: impl Write) {
    let mut taken = Vec::new();
    loop {
        let mut waiting = shared.waiting.lock();
        waiting.writing = false;
        shared.less.notify_all();
        while waiting.bytes.is_empty() {
            shared.more.wait(&mut waiting);
        }
        taken.clear();
        std::mem::swap(&mut taken, &mut waiting.bytes);
        waiting.writing = true;
        drop(waiting);
        // A log that nobody reads any more (a closed pipe) must not stop the server.
        if output.write_all(&taken).and_then(|()| output.flush()).is_err() {
            let mut waiting = shared.waiting.lock();
            waiting.broken = true;
            waiting.bytes = Vec::new();
            shared.less.notify_all();
            return;
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
