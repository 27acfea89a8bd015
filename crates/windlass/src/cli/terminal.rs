//! What a terminal can show: colours, widths, and text that cannot do harm.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// The width taken when a terminal does not tell its own.
const COLUMNS_DEFAULT: usize = 100;
/// The height taken when a terminal does not tell its own.
const ROWS_DEFAULT: usize = 24;

/// How text is set off.
#[derive(Clone, Copy)]
pub(super) enum Style {
    /// Success.
    Green,
    /// Failure.
    Red,
    /// A warning; something that went wrong and was dealt with.
    Yellow,
    /// What belongs to the frame, not to the picture.
    Blue,
    /// What is not looked at first.
    Dim,
    /// What is looked at first.
    Bold,
}

/// Sets text off, or leaves it as it is.
#[derive(Clone, Copy)]
pub(super) struct Palette {
    colours: bool,
}

impl Palette {
    /// Colours where `stream` is a terminal that has them and nobody asked for
    /// none (<https://no-color.org>).
    pub(super) fn of(stream: &impl IsTerminal) -> Palette {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Palette { colours: !refused && is_screen(stream) }
    }

    /// No colours.
    #[cfg(test)]
    pub(super) fn plain() -> Palette {
        Palette { colours: false }
    }

    pub(super) fn paint(self, style: Style, text: &str) -> String {
        if !self.colours || text.is_empty() {
            return text.to_owned();
        }
        let code = match style {
            Style::Green => "32",
            Style::Red => "1;31",
            Style::Yellow => "33",
            Style::Blue => "34",
            Style::Dim => "2",
            Style::Bold => "1",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Whether a stream is a terminal on which lines can be drawn anew.
pub(super) fn is_screen(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Columns and rows of a terminal.
pub(super) fn size(terminal: &impl AsFd) -> (usize, usize) {
    match rustix::termios::tcgetwinsize(terminal) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (COLUMNS_DEFAULT, ROWS_DEFAULT),
    }
}

/// Text on one line that cannot steer a terminal: control characters are shown,
/// not sent.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\t' | '\n' | '\r' => ' ',
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
            // Also what turns the direction of writing, and so hides what stands there.
            '\x7f'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// How many columns text takes; East Asian characters and emoji count two.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(character_width).sum()
}

fn character_width(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff | 0xfe30..=0xfe6f => 2,
        0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The beginning of text that fits in `columns`, ending in `…` when cut.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut left = columns.saturating_sub(1);
    let mut out = String::new();
    for character in text.chars() {
        let Some(rest) = left.checked_sub(character_width(character)) else { break };
        left = rest;
        out.push(character);
    }
    out.push('…');
    out
}

/// Text filled up with spaces to `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A duration as people say it: `7ms`, `1.4s`, `2m 05s`, `3h 20m`, `2d 4h`.
pub(super) fn duration(ms: i64) -> String {
    let ms = ms.max(0);
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms}ms"),
        1..60 => format!("{seconds}.{}s", ms % 1000 / 100),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// `10000` as `10,000`.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 item`, `3 items`.
pub(super) fn plural(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let cases = [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1.0s"),
            (59_999, "59.9s"),
            (65_000, "1m 05s"),
            (7_380_000, "2h 03m"),
            (183_600_000, "2d 3h"),
            (-5, "0ms"),
        ];
        for (ms, expected) in cases {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [(7, "7"), (1000, "1,000"), (123_456, "123,456"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), expected);
        }
    }

    #[test]
    fn text_is_cut_to_columns_and_cannot_steer_the_terminal() {
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!(width(&pad("漢", 4)), 4);
        assert_eq!(printable("a\x1b[31mb\u{202e}\n"), "a␛[31mb\u{fffd} ");
    }
}
