//! Shows a run on standard error: lines that stay, and on a terminal below them
//! what runs now.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use windlass_asl::Machine;
use windlass_value::Timestamp;
use windlass_workflow::{Execution, HistoryEvent};

use super::super::terminal::{self, Palette, Style, cut, duration, pad, printable};
use super::drive::Watcher;
use super::progress::{Line, Progress, Sign};

/// How often the screen is drawn anew at most.
const DRAW_INTERVAL: Duration = Duration::from_millis(100);
/// How often a Map's progress is told where nothing is drawn anew.
const TELL_INTERVAL: Duration = Duration::from_secs(5);
/// Lines that are told of one run; a loop of states may have no end.
const LINES_MAX: usize = 1_000;
/// Widest column of names.
const NAME_COLUMNS_MAX: usize = 44;
const KIND_COLUMNS: usize = 8;
const DURATION_COLUMNS: usize = 7;
/// Columns of a line beside the name and the note.
const FRAME_COLUMNS: usize = 2 + 2 + 2 + KIND_COLUMNS + 1 + DURATION_COLUMNS + 2;
/// Columns kept for a note where a terminal is narrow.
const NOTE_COLUMNS_MIN: usize = 18;
/// Narrowest column of names.
const NAME_COLUMNS_MIN: usize = 12;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Nothing.
    Nothing,
    /// A line a state.
    States,
    /// A line an event of the history.
    Events,
}

/// The display of one run.
pub(super) struct Screen {
    pub(super) progress: Progress,
    /// The history, if it was asked for.
    pub(super) kept: Option<Vec<HistoryEvent>>,
    show: Show,
    live: bool,
    palette: Palette,
    name_columns: usize,
    /// Rows drawn that do not stay.
    rows_drawn: usize,
    drawn_at: Instant,
    told_at: Instant,
    lines_told: usize,
    frame: usize,
    started_at: Timestamp,
}

impl Screen {
    pub(super) fn new(machine: &Machine, show: Show, keep: bool, started_at: Timestamp) -> Screen {
        // What does not fit on a line cannot be taken away again.
        let fits = terminal::size(&io::stderr()).0 > FRAME_COLUMNS + NAME_COLUMNS_MIN + NOTE_COLUMNS_MIN;
        let live = show == Show::States && fits && terminal::is_screen(&io::stderr());
        let progress = Progress::new(machine, live);
        let widest = progress.names().map(|(depth, name)| depth * 2 + terminal::width(name)).max().unwrap_or(0);
        Screen {
            progress,
            kept: keep.then(Vec::new),
            show,
            live,
            palette: Palette::of(&io::stderr()),
            name_columns: widest.min(NAME_COLUMNS_MAX),
            rows_drawn: 0,
            drawn_at: Instant::now(),
            told_at: Instant::now(),
            lines_told: 0,
            frame: 0,
            started_at,
        }
    }

    /// Takes away what does not stay.
    pub(super) fn finish(&mut self) {
        let mut out = String::new();
        self.erase(&mut out);
        send(&out);
    }

    fn erase(&mut self, out: &mut String) {
        if self.rows_drawn > 0 {
            let _ = write!(out, "\r\x1b[{}A\x1b[J", self.rows_drawn);
            self.rows_drawn = 0;
        }
    }

    /// Prints what was said; draws what runs.
    fn draw(&mut self, execution: &Execution, now: Timestamp, at_once: bool) {
        let lines = self.progress.take_lines();
        if self.show != Show::States {
            return;
        }
        let due = self.live && (at_once || self.drawn_at.elapsed() >= DRAW_INTERVAL);
        if lines.is_empty() && !due {
            return;
        }
        let mut out = String::new();
        self.erase(&mut out);
        if !lines.is_empty() {
            self.told_at = Instant::now();
        }
        for line in lines {
            self.lines_told += 1;
            // How it ended is told in any case.
            if self.lines_told <= LINES_MAX || matches!(line.sign, Sign::Failed | Sign::CutOff) {
                let _ = writeln!(out, "{}", self.render(&line));
            } else if self.lines_told == LINES_MAX + 1 {
                let text = format!(
                    "… more than {} lines; the rest is not shown (--trace shows every event)",
                    terminal::count(LINES_MAX)
                );
                let _ = writeln!(out, "  {}", self.palette.paint(Style::Dim, &text));
            }
        }
        if self.live && execution.is_running() {
            self.draw_running(execution, now, &mut out);
        }
        send(&out);
    }

    fn draw_running(&mut self, execution: &Execution, now: Timestamp, out: &mut String) {
        if self.drawn_at.elapsed() >= DRAW_INTERVAL {
            self.frame += 1;
            self.drawn_at = Instant::now();
        }
        let (_, rows) = terminal::size(&io::stderr());
        let rows_max = (rows / 2).max(1);
        let running = self.progress.running(execution, now);
        let hidden = running.len().saturating_sub(rows_max);
        for line in &running[..running.len() - hidden] {
            let _ = writeln!(out, "{}", self.render(line));
        }
        self.rows_drawn = running.len() - hidden;
        if hidden > 0 {
            let _ = writeln!(out, "  {}", self.palette.paint(Style::Dim, &format!("… {hidden} more")));
            self.rows_drawn += 1;
        }
    }

    fn render(&self, line: &Line) -> String {
        let (glyph, style) = match line.sign {
            Sign::Began => ("▸", Style::Blue),
            Sign::Done => ("✓", Style::Green),
            Sign::Caught => ("!", Style::Yellow),
            Sign::Retried => ("↻", Style::Yellow),
            Sign::Failed => ("✗", Style::Red),
            Sign::CutOff => ("■", Style::Yellow),
            Sign::Running if self.live => (SPINNER[self.frame % SPINNER.len()], Style::Blue),
            Sign::Running => ("…", Style::Blue),
            Sign::Share => (" ", Style::Dim),
        };
        let columns = if self.live { terminal::size(&io::stderr()).0 } else { usize::MAX };
        let room = columns.saturating_sub(FRAME_COLUMNS + NOTE_COLUMNS_MIN + 1).max(NAME_COLUMNS_MIN);
        let name_columns = self.name_columns.min(room);
        let depth = line.depth.min(name_columns / 4);
        let guide = "│ ".repeat(depth);
        let name = cut(&printable(&line.name), name_columns - depth * 2);
        let name = pad(&name, name_columns - depth * 2);
        let took = line.duration_ms.map(duration).unwrap_or_default();
        let note = cut(&printable(&line.note), columns.saturating_sub(FRAME_COLUMNS + name_columns + 1));
        let note = match line.sign {
            Sign::Failed => self.palette.paint(Style::Red, &note),
            Sign::Caught | Sign::Retried => self.palette.paint(Style::Yellow, &note),
            _ => self.palette.paint(Style::Dim, &note),
        };
        let text = format!(
            "  {}{} {name}  {} {}  {note}",
            self.palette.paint(Style::Dim, &guide),
            self.palette.paint(style, glyph),
            self.palette.paint(Style::Dim, &pad(line.kind, KIND_COLUMNS)),
            self.palette.paint(Style::Dim, &format!("{took:>DURATION_COLUMNS$}")),
        );
        text.trim_end().to_owned()
    }

    fn trace(&self, events: &[HistoryEvent]) {
        let mut out = String::new();
        for event in events {
            let value = event.to_value(true);
            let details =
                value.get(event.event_type.details_member()).map(|details| details.to_text()).unwrap_or_default();
            let seconds = (event.at.as_ms() - self.started_at.as_ms()).max(0);
            let head =
                format!("{:>5} ←{:<5} +{}.{:03}s", event.id, event.previous_event_id, seconds / 1000, seconds % 1000);
            let line = format!(
                "{}  {:<24} {}",
                self.palette.paint(Style::Dim, &head),
                event.event_type.name(),
                self.palette.paint(Style::Dim, &printable(&details))
            );
            let _ = writeln!(out, "{}", line.trim_end());
        }
        send(&out);
    }
}

impl Watcher for Screen {
    fn turn(&mut self, execution: &Execution, events: Vec<HistoryEvent>) {
        for event in &events {
            self.progress.observe(event);
        }
        self.progress.settle(execution);
        if self.show == Show::Events {
            self.trace(&events);
        }
        if !self.live && self.told_at.elapsed() >= TELL_INTERVAL {
            self.progress.announce_maps();
        }
        let now = events.last().map(|event| event.at);
        if let Some(kept) = &mut self.kept {
            kept.extend(events);
        }
        self.draw(execution, now.unwrap_or(self.started_at), false);
    }

    fn idle(&mut self, execution: &Execution, now: Timestamp) {
        if !self.live {
            self.progress.announce_waits(execution);
        }
        self.draw(execution, now, self.rows_drawn == 0);
    }
}

/// Writes to standard error in one piece, so that nothing flickers. A reader
/// that went away is no failure of ours.
fn send(text: &str) {
    if !text.is_empty() {
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    }
}
