//! How long a text is as a JSON string, by which AWS measures what it passes on.

/// What AWS passes on of one payload: 248 KB of it as a JSON string.
pub(super) const ESCAPED_BYTES_MAX: usize = 248 * 1024;

/// Bytes that a character takes within a JSON string.
fn escaped_len(character: char) -> usize {
    match character {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        control if (control as u32) < 0x20 => 6,
        other => other.len_utf8(),
    }
}

/// Bytes that a text takes within a JSON string, without its quotes.
pub(super) fn escaped_bytes(text: &str) -> usize {
    text.bytes()
        .map(|byte| match byte {
            b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 2,
            0..0x20 => 6,
            _ => 1,
        })
        .sum()
}

/// The longest beginning of a text that takes at most `max` bytes within a JSON string.
pub(super) fn cut(text: &str, max: usize) -> &str {
    // No character takes more than six times its own bytes.
    if text.len() <= max / 6 || escaped_bytes(text) <= max {
        return text;
    }
    let mut bytes = 0;
    for (at, character) in text.char_indices() {
        bytes += escaped_len(character);
        if bytes > max {
            return &text[..at];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_value::Value;

    #[test]
    fn lengths_are_those_of_what_is_written() {
        for text in ["", "abc", "\"{}\"", "a\\b\n\t\r\u{8}\u{c}\u{1}\u{1f}", "äö€😀"] {
            assert_eq!(escaped_bytes(text), Value::from(text).to_text().len() - 2, "{text:?}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, max, expected) in [
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("a\"b", 2, "a"),
            ("a\"b", 3, "a\""),
            ("a€b", 3, "a"),
            ("\u{1}x", 5, ""),
        ] {
            assert_eq!(cut(text, max), expected, "{text:?} {max}");
        }
    }
}
