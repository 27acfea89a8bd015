use std::fmt;
use std::sync::Arc;

/// An instant in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// Where the time comes from, handed to whoever needs it: the machine's clock, or a
/// test's.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Text that is no RFC 3339 instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampError;

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an RFC 3339 timestamp")
    }
}
impl std::error::Error for TimestampError {}

impl Timestamp {
    /// Milliseconds since the epoch.
    pub fn as_ms(self) -> i64 {
        self.0
    }

    /// The instant some milliseconds later (or earlier), saturating.
    pub fn plus_ms(self, delta_ms: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(delta_ms))
    }

    /// Reads RFC 3339 with a capital `T`, seconds, an optional fraction of up to
    /// nine digits and a zone (`Z` or `±hh:mm`), as the States Language asks.
    ///
    /// # Errors
    /// Where the text is anything else or no real date.
    pub fn parse_rfc3339(text: &str) -> Result<Timestamp, TimestampError> {
        let bytes = text.as_bytes();
        let shape = bytes.len() >= 20
            && bytes[10] == b'T'
            && bytes[4] == b'-'
            && bytes[7] == b'-'
            && bytes[13] == b':'
            && bytes[16] == b':'
            && bytes.iter().all(u8::is_ascii)
            && bytes[..4].iter().all(u8::is_ascii_digit);
        if !shape {
            return Err(TimestampError);
        }
        let rest = &text[19..];
        let rest = match rest.strip_prefix('.') {
            Some(fraction) => {
                let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
                if digits == 0 || digits > 9 {
                    return Err(TimestampError);
                }
                &fraction[digits..]
            }
            None => rest,
        };
        let zone = rest.as_bytes();
        let zone_shape = rest == "Z" || (zone.len() == 6 && matches!(zone[0], b'+' | b'-') && zone[3] == b':');
        if !zone_shape {
            return Err(TimestampError);
        }
        let instant: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        Ok(Timestamp(instant.as_millisecond()))
    }

    /// `2026-11-22T13:50:00.123Z`, always with milliseconds.
    pub fn to_rfc3339(self) -> String {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => format!("{instant:.3}"),
            Err(_) => self.0.to_string(),
        }
    }

    /// Reads an HTTP date: `Sun, 22 Nov 2026 14:06:14 GMT`, or with another of RFC 822's
    /// words for UTC. The weekday is not checked.
    ///
    /// # Errors
    /// Where the text is anything else or no real date.
    pub fn parse_http_date(text: &str) -> Result<Timestamp, TimestampError> {
        let parts: Vec<&str> = text.split_once(", ").ok_or(TimestampError)?.1.split(' ').collect();
        let [day, month, year, time, "GMT" | "UTC" | "+0000" | "-0000"] = parts[..] else { return Err(TimestampError) };
        let month = MONTHS.iter().position(|name| *name == month).ok_or(TimestampError)? + 1;
        Timestamp::parse_rfc3339(&format!("{year:0>4}-{month:02}-{day:0>2}T{time}Z"))
    }

    /// `Sun, 22 Nov 2026 14:06:14 GMT`
    pub fn to_http_date(self) -> String {
        let text = self.to_rfc3339();
        let weekday = WEEKDAYS[self.0.div_euclid(DAY_MS).rem_euclid(7) as usize];
        let month = text.get(5..7).and_then(|month| month.parse::<usize>().ok());
        match (
            text.get(..4),
            month.and_then(|month| MONTHS.get(month.wrapping_sub(1))),
            text.get(8..10),
            text.get(11..19),
        ) {
            (Some(year), Some(month), Some(day), Some(time)) => format!("{weekday}, {day} {month} {year} {time} GMT"),
            // Beyond year 9999 there is no HTTP date.
            _ => text,
        }
    }
}

const DAY_MS: i64 = 86_400_000;
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// 1970-01-01 was a Thursday.
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}
