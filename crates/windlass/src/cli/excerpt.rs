//! A finding about a definition, with the line of source it is about.

use windlass_asl::{Diagnostic, Severity};

use super::terminal::{Palette, Style, printable, width};

/// Most columns of source that are shown of one line; of a longer line (a
/// definition without line breaks) a window around the place.
const WINDOW_COLUMNS_MAX: usize = 100;
/// Fewest, however narrow the terminal.
const WINDOW_COLUMNS_MIN: usize = 40;
/// What a tab is shown as.
const TAB: &str = "    ";

/// The lines that show a finding, each ended, for a terminal of some `columns`.
pub(super) fn render(finding: &Diagnostic, file: &str, source: &str, palette: Palette, columns: usize) -> String {
    let (word, style) = match finding.severity {
        Severity::Error => ("error", Style::Red),
        Severity::Warning => ("warning", Style::Yellow),
    };
    // The parser's texts end in AWS's excerpt of the source, which is shown below anyway.
    let message = match finding.code {
        "INVALID_JSON_DESCRIPTION" => finding.message.lines().next().unwrap_or_default(),
        _ => &finding.message,
    };
    let margin = finding.start.line.to_string().len();
    // Beside it stand the number, the bar and the signs of what was cut.
    let window = columns.saturating_sub(margin + 5).clamp(WINDOW_COLUMNS_MIN, WINDOW_COLUMNS_MAX);
    let bar = |text: &str| palette.paint(Style::Blue, &format!("{:margin$} {text}", ""));
    let mut out = format!(
        "{}{} {}\n",
        palette.paint(style, &format!("{word}[{}]", finding.code)),
        palette.paint(Style::Bold, ":"),
        palette.paint(Style::Bold, &printable(message)),
    );
    let place = format!("{file}:{}:{}", finding.start.line, finding.start.column);
    out += &format!("{}{} {place}\n", " ".repeat(margin), palette.paint(Style::Blue, "-->"));
    if let Some(Excerpt { before, marked, after, lines_more }) = Excerpt::of(finding, source, window) {
        let number = palette.paint(Style::Blue, &format!("{} |", finding.start.line));
        let carets = palette.paint(style, &"^".repeat(width(&marked).max(1)));
        let more = match lines_more {
            0 => String::new(),
            _ => palette.paint(style, &format!(" … to line {}", finding.end.line)),
        };
        out += &format!("{}\n", bar("|"));
        out += &format!("{number} {before}{marked}{after}\n");
        out += &format!("{} {}{carets}{more}\n", bar("|"), " ".repeat(width(&before)));
        out += &format!("{}\n", bar("|"));
    }
    let mut note = |label: &str, text: &str| {
        out += &format!("{} {} {}\n", bar("="), palette.paint(Style::Bold, label), printable(text));
    };
    if let Some(location) = finding.location.as_deref()
        && finding.code != "INVALID_JSON_DESCRIPTION"
        && location != finding.pointer
    {
        note("location:", location);
    }
    if !finding.pointer.is_empty() {
        note("pointer:", &finding.pointer);
    }
    if let Some(help) = &finding.help {
        note("help:", help);
    }
    out
}

/// One line of source in three parts.
struct Excerpt {
    before: String,
    marked: String,
    after: String,
    /// Lines the place goes on for.
    lines_more: usize,
}

impl Excerpt {
    fn of(finding: &Diagnostic, source: &str, window: usize) -> Option<Excerpt> {
        let (start, end) = (finding.span.start, finding.span.end.max(finding.span.start));
        let line_start = source.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
        let line_end = source.get(start..)?.find('\n').map_or(source.len(), |at| start + at);
        let line_end = line_start + source.get(line_start..line_end)?.trim_end().len();
        let before: Vec<char> = source.get(line_start..start.min(line_end))?.chars().collect();
        let marked: Vec<char> = source.get(start.min(line_end)..end.min(line_end))?.chars().collect();
        let after: Vec<char> = source.get(end.min(line_end)..line_end)?.chars().collect();
        let whole = before.len() + marked.len() + after.len() <= window;
        let (mut lead, mut tail) = (before.as_slice(), after.as_slice());
        let mut middle = marked.as_slice();
        let (mut cut_lead, mut cut_tail) = ("", "");
        if !whole {
            // A third of it stands before the place.
            if lead.len() > window / 3 {
                lead = &lead[lead.len() - window / 3..];
                cut_lead = "…";
            }
            let room = window - lead.len();
            if middle.len() > room {
                middle = &middle[..room];
                tail = &[];
                cut_tail = "…";
            } else if tail.len() > room - middle.len() {
                tail = &tail[..room - middle.len()];
                cut_tail = "…";
            }
        }
        Some(Excerpt {
            before: format!("{cut_lead}{}", shown(lead)),
            marked: shown(middle),
            after: format!("{}{cut_tail}", shown(tail)),
            lines_more: finding.end.line.saturating_sub(finding.start.line),
        })
    }
}

fn shown(characters: &[char]) -> String {
    let text: String = characters.iter().collect();
    printable(&text.replace('\t', TAB))
}
