//! ISO-8601 basic dates: `20261122T140614Z`.

use windlass_value::Timestamp;

/// Writes an instant; fractions of seconds are cut.
pub(crate) fn basic(instant: Timestamp) -> String {
    let text = instant.to_rfc3339();
    let seconds = text.split_once('.').map_or(text.as_str(), |(seconds, _)| seconds);
    let mut out: String = seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    out.push('Z');
    out
}

/// Reads one; `None` for anything else.
pub(crate) fn read_basic(text: &str) -> Option<Timestamp> {
    let shape = text.len() == 16
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !shape {
        return None;
    }
    let extended =
        format!("{}-{}-{}T{}:{}:{}Z", &text[..4], &text[4..6], &text[6..8], &text[9..11], &text[11..13], &text[13..15]);
    Timestamp::parse_rfc3339(&extended).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_dates_are_read_and_written() {
        for (text, expected) in [
            ("20261122T140614Z", Some(1_795_356_374_000)),
            ("20261322T140614Z", None),
            ("20261122T140614", None),
            ("2026-11-22T14:06", None),
            ("2026112٢T14061Z", None),
        ] {
            let found = read_basic(text);
            assert_eq!(found.map(Timestamp::as_ms), expected, "{text}");
            assert!(found.is_none_or(|instant| basic(instant.plus_ms(999)) == text));
        }
    }
}
