use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use windlass_value::Timestamp;

/// A time zone of the IANA database, or UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub fn utc() -> Zone {
        Zone(TimeZone::UTC)
    }

    /// The zone of that IANA name (`Europe/Berlin`); `None` where there is none.
    pub fn named(name: &str) -> Option<Zone> {
        // The database also answers to any case; AWS does not.
        let zone = TimeZone::get(name).ok()?;
        (name == "UTC" || zone.iana_name() == Some(name)).then_some(Zone(zone))
    }

    /// What clocks show at an instant; `None` beyond the calendar.
    pub(crate) fn civil(&self, instant: Timestamp) -> Option<DateTime> {
        Some(self.0.to_datetime(jiff::Timestamp::from_millisecond(instant.as_ms()).ok()?))
    }

    /// When clocks show that time: the first of two moments where they are set
    /// back, `None` where they are set forward over it.
    pub(crate) fn instant(&self, civil: DateTime) -> Option<Timestamp> {
        let ambiguous = self.0.to_ambiguous_timestamp(civil);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            _ => Some(Timestamp(ambiguous.earlier().ok()?.as_millisecond())),
        }
    }

    /// The same, but a time that clocks skip is as much later as they are set forward.
    pub(crate) fn instant_or_later(&self, civil: DateTime) -> Option<Timestamp> {
        Some(Timestamp(self.0.to_ambiguous_timestamp(civil).compatible().ok()?.as_millisecond()))
    }
}
