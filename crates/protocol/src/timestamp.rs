//! Timestamps as headers and query strings write them. In documents they are
//! numbers of epoch seconds.

use windlass_value::{Number, Timestamp, Value};

use crate::model::TimestampFormat;

/// Reads RFC 3339, an HTTP date or epoch seconds into epoch seconds.
pub(crate) fn read(text: &str) -> Option<Value> {
    if let Ok(instant) = Timestamp::parse_rfc3339(text) {
        return Some(epoch_seconds(instant));
    }
    if let Ok(instant) = Timestamp::parse_http_date(text) {
        return Some(epoch_seconds(instant));
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::from)
}

fn epoch_seconds(instant: Timestamp) -> Value {
    Number::from_f64(instant.as_ms() as f64 / 1000.0).map_or(Value::Null, Value::from)
}

/// Writes epoch seconds in a format; RFC 3339 with milliseconds where there are some.
pub(crate) fn write(seconds: &Number, format: TimestampFormat) -> String {
    let instant = Timestamp((seconds.as_f64() * 1000.0).round() as i64);
    match format {
        TimestampFormat::EpochSeconds => Value::Number(seconds.clone()).to_text(),
        TimestampFormat::Rfc3339 => {
            let text = instant.to_rfc3339();
            text.strip_suffix(".000Z").map(|whole| format!("{whole}Z")).unwrap_or(text)
        }
        TimestampFormat::HttpDate => instant.to_http_date(),
    }
}

/// Writes epoch seconds as S3 does: RFC 3339, always with milliseconds.
pub(crate) fn write_with_ms(seconds: &Number) -> String {
    Timestamp((seconds.as_f64() * 1000.0).round() as i64).to_rfc3339()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_read_and_written() {
        let texts = ["2026-11-22T14:06:14Z", "Sun, 22 Nov 2026 14:06:14 GMT", "1795356374"];
        let formats = [TimestampFormat::Rfc3339, TimestampFormat::HttpDate, TimestampFormat::EpochSeconds];
        for (text, format) in texts.iter().zip(formats) {
            let value = read(text).expect(text);
            assert_eq!(value.as_i64(), Some(1_795_356_374), "{text}");
            assert_eq!(value.as_number().map(|number| write(number, format)).as_deref(), Some(*text));
        }
        let written = read("2026-11-22T14:06:14.050Z")
            .and_then(|value| value.as_number().map(|number| write(number, TimestampFormat::Rfc3339)));
        assert_eq!(written.as_deref(), Some("2026-11-22T14:06:14.050Z"));
        assert_eq!(read("yesterday"), None);
        assert_eq!(read("Sun, 22 Nov 2026 14:06:14 CET"), None);
    }
}
