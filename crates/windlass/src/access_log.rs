//! One line a request: who answered what, how it ended and how long it took.
//! Never a header, a payload or a secret.

use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use windlass_value::Timestamp;

use crate::log_sink::LogSink;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For a person at a terminal.
    Human,
}

/// What is written about a request.
pub(crate) struct Access<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) service: &'a str,
    pub(crate) operation: &'a str,
    pub(crate) status: u16,
    /// The fault's code, if the answer is one.
    pub(crate) error: Option<&'a str>,
    pub(crate) peer: &'a str,
    pub(crate) took: Duration,
}

/// Writes access lines; without a sink it writes none.
#[derive(Clone)]
pub struct AccessLog {
    sink: Option<LogSink>,
    format: LogFormat,
}

impl AccessLog {
    /// Lines of that format to that sink.
    pub fn new(sink: LogSink, format: LogFormat) -> AccessLog {
        AccessLog { sink: Some(sink), format }
    }

    /// No lines.
    pub fn off() -> AccessLog {
        AccessLog { sink: None, format: LogFormat::Human }
    }

    // Written by hand: it runs for every request, where `tracing`'s JSON layer
    // would cost more than the call.
    pub(crate) fn write(&self, access: &Access<'_>) {
        let Some(sink) = &self.sink else { return };
        let mut line = String::with_capacity(256);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX)).to_rfc3339();
        let took_us = access.took.as_micros();
        // Writing to a string cannot fail.
        let _ = match self.format {
            LogFormat::Json => write_json(&mut line, access, &now, took_us),
            LogFormat::Human => write_human(&mut line, access, &now, took_us),
        };
        sink.push(line.as_bytes());
    }
}

fn write_json(line: &mut String, access: &Access<'_>, now: &str, took_us: u128) -> std::fmt::Result {
    write!(line, r#"{{"timestamp":"{now}","level":"INFO","target":"access","request_id":""#)?;
    json_text(line, access.request_id)?;
    line.push_str(r#"","service":""#);
    json_text(line, access.service)?;
    line.push_str(r#"","operation":""#);
    json_text(line, access.operation)?;
    write!(line, r#"","status":{},"duration_us":{took_us}"#, access.status)?;
    if let Some(error) = access.error {
        line.push_str(r#","error":""#);
        json_text(line, error)?;
        line.push('"');
    }
    line.push_str(r#","peer":""#);
    json_text(line, access.peer)?;
    line.push_str("\"}\n");
    Ok(())
}

fn write_human(line: &mut String, access: &Access<'_>, now: &str, took_us: u128) -> std::fmt::Result {
    write!(line, "{now} {} ", access.status)?;
    json_text(line, access.service)?;
    line.push('.');
    json_text(line, access.operation)?;
    write!(line, " {}.{:03} ms", took_us / 1000, took_us % 1000)?;
    if let Some(error) = access.error {
        line.push(' ');
        json_text(line, error)?;
    }
    line.push_str(" request_id=");
    json_text(line, access.request_id)?;
    line.push('\n');
    Ok(())
}

/// Escaped, so that no name a client sends can forge a line or a member.
fn json_text(line: &mut String, text: &str) -> std::fmt::Result {
    let plain = |byte: &u8| *byte >= 0x20 && *byte != b'"' && *byte != b'\\' && *byte != 0x7f;
    if text.as_bytes().iter().all(plain) {
        line.push_str(text);
        return Ok(());
    }
    for character in text.chars() {
        match character {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            control if control.is_control() => write!(line, "\\u{:04x}", u32::from(control))?,
            other => line.push(other),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_is_one_object_whatever_the_names_hold() {
        let mut line = String::new();
        let access = Access {
            request_id: "id",
            service: "states",
            operation: "a\"b\\c\nd",
            status: 400,
            error: Some("ValidationException"),
            peer: "127.0.0.1:1",
            took: Duration::ZERO,
        };
        write_json(&mut line, &access, "now", 12).unwrap();
        let value = windlass_value::parse(line.trim_end()).unwrap();
        assert_eq!(value.get("operation").and_then(|name| name.as_str()), Some("a\"b\\c\nd"));
        assert_eq!(value.get("duration_us").and_then(|took| took.as_i64()), Some(12));
        assert_eq!(value.get("error").and_then(|code| code.as_str()), Some("ValidationException"));
        assert_eq!(line.matches('\n').count(), 1);
    }
}
