//! A log whose reader has stopped reading.

use std::io::Write;
use std::sync::mpsc::{Receiver, channel};

use tracing_subscriber::fmt::MakeWriter;
use windlass::log_sink::LogSink;

use super::harness::Lines;

/// Takes nothing until its gate's other end is gone.
struct Stalled {
    gate: Receiver<()>,
    lines: Lines,
}

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let _ = self.gate.recv();
        self.lines.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stalled_output_costs_lines_and_not_the_server() {
    const PUSHED: u64 = 4096;
    let (open, gate) = channel();
    let lines = Lines::default();
    let sink = LogSink::spawn(Stalled { gate, lines: lines.clone() }).unwrap();
    let line = format!("{}\n", "x".repeat(1023));
    for _ in 0..PUSHED {
        sink.make_writer().write_all(line.as_bytes()).unwrap();
    }
    let dropped = sink.lines_dropped();
    assert!(dropped > 0 && dropped < PUSHED, "{dropped}");
    assert!(!sink.flush(), "nothing was taken");
    // It flows again.
    drop(open);
    while !sink.flush() {}
    sink.make_writer().write_all(b"last\n").unwrap();
    while !sink.flush() {}
    let text = lines.text();
    assert_eq!(sink.lines_dropped(), dropped);
    assert_eq!(text.lines().count() as u64, PUSHED - dropped + 1, "what was not dropped is there, whole");
    assert!(text.ends_with("x\nlast\n"));
}
