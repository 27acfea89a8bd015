//! Lines about runs of states, as `show`, `follow` and `dev` print them.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use super::super::terminal::{self, Palette, Style, cut, duration, pad, printable};
use super::story::RunStatus;

/// Widest column of names.
const NAME_COLUMNS_MAX: usize = 44;
const NAME_COLUMNS_MIN: usize = 12;
const KIND_COLUMNS: usize = 8;
const DURATION_COLUMNS: usize = 7;
const BAR_COLUMNS: usize = 20;
/// Columns kept for a note; where a terminal has fewer, the bar is left out.
const NOTE_COLUMNS_MIN: usize = 24;
/// The width taken where there is no terminal.
const PIPE_COLUMNS: usize = 240;
/// Columns beside the name, the bar and the note.
const FRAME_COLUMNS: usize = 2 + 2 + 2 + KIND_COLUMNS + 1 + DURATION_COLUMNS + 2;

/// What a line's sign says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Sign {
    /// It began.
    Began,
    /// It stands so.
    Is(RunStatus),
    /// An attempt failed, and there is another.
    Retried,
    /// A line about others.
    None,
}

/// One line.
#[derive(Clone, Debug)]
pub(in super::super) struct Row {
    pub(in super::super) depth: usize,
    pub(in super::super) sign: Sign,
    pub(in super::super) name: String,
    /// `Task`, `Map`, …
    pub(in super::super) kind: String,
    pub(in super::super) took_ms: Option<i64>,
    /// When it ran, in milliseconds since 1970.
    pub(in super::super) span: Option<(i64, i64)>,
    pub(in super::super) note: String,
}

/// How rows are laid out.
pub(in super::super) struct Layout {
    palette: Palette,
    columns: usize,
    name_columns: usize,
    /// What the bars are drawn in; `None`: there are none.
    scale: Option<(i64, i64)>,
}

impl Layout {
    /// For rows whose widest name is known; bars where a `scale` is given and there is room.
    pub(in super::super) fn new(palette: Palette, columns: usize, widest: usize, scale: Option<(i64, i64)>) -> Layout {
        let room = columns.saturating_sub(FRAME_COLUMNS + NOTE_COLUMNS_MIN).max(NAME_COLUMNS_MIN);
        let name_columns = widest.clamp(NAME_COLUMNS_MIN, NAME_COLUMNS_MAX).min(room);
        let needed = FRAME_COLUMNS + name_columns + BAR_COLUMNS + 2 + NOTE_COLUMNS_MIN;
        Layout { palette, columns, name_columns, scale: scale.filter(|_| columns >= needed) }
    }

    /// For rows that are printed as they come.
    pub(in super::super) fn live(palette: Palette, columns: usize) -> Layout {
        Layout::new(palette, columns, NAME_COLUMNS_MAX / 2, None)
    }

    /// The line of a row, without its end.
    pub(in super::super) fn render(&self, row: &Row) -> String {
        let paint = |style, text: &str| self.palette.paint(style, text);
        let (glyph, style) = match row.sign {
            Sign::Began => ("▸", Style::Blue),
            Sign::Is(status) => glyph(status),
            Sign::Retried => ("↻", Style::Yellow),
            Sign::None => ("…", Style::Dim),
        };
        let depth = row.depth.min(self.name_columns / 4);
        let name = cut(&printable(&row.name), self.name_columns - depth * 2);
        let name = pad(&name, self.name_columns - depth * 2);
        let took = row.took_ms.map(duration).unwrap_or_default();
        let bar = match (self.scale, row.span) {
            (Some(scale), Some(span)) => format!("{}  ", paint(style, &bar(scale, span))),
            (Some(_), None) => " ".repeat(BAR_COLUMNS + 2),
            (None, _) => String::new(),
        };
        let bar_columns = if self.scale.is_some() { BAR_COLUMNS + 2 } else { 0 };
        let room = self.columns.saturating_sub(FRAME_COLUMNS + self.name_columns + bar_columns);
        let note = cut(&printable(&row.note), room.max(NOTE_COLUMNS_MIN));
        let note = match row.sign {
            Sign::Is(RunStatus::Failed) => paint(Style::Red, &note),
            Sign::Is(RunStatus::Caught) | Sign::Retried => paint(Style::Yellow, &note),
            _ => paint(Style::Dim, &note),
        };
        let text = format!(
            "  {}{} {name}  {} {}  {bar}{note}",
            paint(Style::Dim, &"│ ".repeat(depth)),
            paint(style, glyph),
            paint(Style::Dim, &pad(&cut(&row.kind, KIND_COLUMNS), KIND_COLUMNS)),
            paint(Style::Dim, &format!("{took:>DURATION_COLUMNS$}")),
        );
        text.trim_end().to_owned()
    }
}

/// Columns for rows: a terminal's own; a file or a pipe has room.
pub(in super::super) fn columns(stream: &(impl IsTerminal + AsFd)) -> usize {
    if stream.is_terminal() { terminal::size(stream).0 } else { PIPE_COLUMNS }
}

/// Columns that a row's name takes.
pub(in super::super) fn name_width(row: &Row) -> usize {
    row.depth * 2 + terminal::width(&printable(&row.name))
}

/// The sign of a status and its colour.
pub(in super::super) fn glyph(status: RunStatus) -> (&'static str, Style) {
    match status {
        RunStatus::Running => ("▸", Style::Blue),
        RunStatus::Succeeded => ("✓", Style::Green),
        RunStatus::Failed => ("✗", Style::Red),
        RunStatus::Caught => ("!", Style::Yellow),
        RunStatus::Aborted => ("■", Style::Yellow),
    }
}

/// The sign and colour of an execution's status.
pub(in super::super) fn status_glyph(status: &str) -> (&'static str, Style) {
    match status {
        "SUCCEEDED" => glyph(RunStatus::Succeeded),
        "FAILED" | "TIMED_OUT" => glyph(RunStatus::Failed),
        "ABORTED" => glyph(RunStatus::Aborted),
        _ => glyph(RunStatus::Running),
    }
}

/// A span within a scale, in eighths of columns: what is short is seen too.
fn bar((from, to): (i64, i64), (began, ended): (i64, i64)) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let length = (to - from).max(1);
    let cells = BAR_COLUMNS as i64;
    // Wide numbers, for an execution may last a year.
    let scaled = |at: i64, units: i64| {
        i64::try_from(i128::from((at - from).clamp(0, length)) * i128::from(units) / i128::from(length)).unwrap_or(0)
    };
    let start = scaled(began, cells).min(cells - 1);
    let end = scaled(ended, cells * 8).max(start * 8 + 1);
    let (full, rest) = ((end - start * 8) / 8, (end - start * 8) % 8);
    let column = |number: i64| usize::try_from(number).unwrap_or(0);
    let text = format!("{}{}{}", " ".repeat(column(start)), "█".repeat(column(full)), PARTS[column(rest)]);
    pad(&text, BAR_COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_lie_where_and_as_long_as_the_time_was() {
        let cases = [
            ((0, 100), (0, 100), "████████████████████"),
            ((0, 100), (50, 100), "          ██████████"),
            ((0, 100), (0, 0), "▏                   "),
            ((0, 100), (100, 100), "                   █"),
            ((0, 1000), (500, 506), "          ▏         "),
            ((0, 0), (0, 0), "▏                   "),
            ((10, 20), (0, 99), "████████████████████"),
        ];
        for (scale, span, expected) in cases {
            assert_eq!(bar(scale, span).trim_end(), expected.trim_end(), "{scale:?} {span:?}");
        }
    }

    #[test]
    fn a_narrow_terminal_has_no_bars_and_no_line_is_longer_than_it() {
        let row = Row {
            depth: 9,
            sign: Sign::Is(RunStatus::Failed),
            name: "A state with a long name that goes on and on and on".to_owned(),
            kind: "Parallel".to_owned(),
            took_ms: Some(123_456),
            span: Some((0, 5)),
            note: "an error that says very much about what happened, more than fits".repeat(4),
        };
        for columns in [60, 80, 120, 200] {
            let palette = Palette::plain();
            let line = Layout::new(palette, columns, name_width(&row), Some((0, 10))).render(&row);
            assert!(terminal::width(&line) <= columns, "{columns}: {line}");
            assert_eq!(line.contains('█'), columns >= 120, "{columns}: {line}");
        }
    }
}
