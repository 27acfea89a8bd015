use jiff::civil::{Date, DateTime};
use windlass_value::Timestamp;

use crate::expression::ExpressionError;
use crate::field::{DAYS_OF_MONTH, DAYS_OF_WEEK, Field, HOURS, MINUTES, MONTHS, YEARS, number, value};
use crate::zone::Zone;

/// `cron(minutes hours day-of-month month day-of-week year)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    minutes: Field,
    hours: Field,
    days: Days,
    months: Field,
    years: Field,
}

/// Which days of a month are due. One of the two day fields says so, the other is `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<DayOfWeek>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum DayOfMonth {
    /// `1`, `1-5`, `*/2`
    In(Box<Field>),
    /// `L`
    Last,
    /// `LW`: the last Monday to Friday.
    LastWeekday,
    /// `15W`: the Monday to Friday nearest to that day, within the month.
    NearestWeekday(i8),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum DayOfWeek {
    /// `2`, `MON-FRI`; 1 is Sunday.
    In(Box<Field>),
    /// `6L`: the month's last one.
    Last(u32),
    /// `3#2`: the month's second one.
    Nth(u32, i8),
}

impl Cron {
    /// Reads the six fields.
    ///
    /// # Errors
    /// Which field is wrong.
    pub(crate) fn parse(text: &str) -> Result<Cron, ExpressionError> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minutes, hours, day_of_month, month, day_of_week, year] = fields[..] else {
            return Err(ExpressionError(format!("a cron expression has six fields, not {}", fields.len())));
        };
        let days = match (day_of_month, day_of_week) {
            ("?", "?") => return Err(ExpressionError("only one of the day fields can be '?'".into())),
            (text, "?") => Days::OfMonth(text.split(',').map(parse_day_of_month).collect::<Result<_, _>>()?),
            ("?", text) => Days::OfWeek(text.split(',').map(parse_day_of_week).collect::<Result<_, _>>()?),
            _ => return Err(ExpressionError("one of day-of-month and day-of-week must be '?'".into())),
        };
        Ok(Cron {
            minutes: Field::parse(MINUTES, minutes)?,
            hours: Field::parse(HOURS, hours)?,
            days,
            months: Field::parse(MONTHS, month)?,
            years: Field::parse(YEARS, year)?,
        })
    }

    /// The first instant later than `after` that is due.
    pub fn next(&self, zone: &Zone, after: Timestamp) -> Option<Timestamp> {
        let mut civil = zone.civil(after)?;
        loop {
            civil = self.next_civil(civil)?;
            // Skipped by the clocks, or shown a second time: not due.
            if let Some(instant) = zone.instant(civil)
                && instant > after
            {
                return Some(instant);
            }
        }
    }

    /// The first minute later than `after` that the fields allow.
    fn next_civil(&self, after: DateTime) -> Option<DateTime> {
        let today = after.date();
        if self.is_due_on(today)
            && let Some((hour, minute)) = self.time_after(after.hour() as u32, after.minute() as u32)
        {
            return Some(today.at(hour, minute, 0, 0));
        }
        let date = self.date_after(today)?;
        let hour = self.hours.at_least(0)?;
        let minute = self.minutes.at_least(0)?;
        Some(date.at(hour as i8, minute as i8, 0, 0))
    }

    fn time_after(&self, hour: u32, minute: u32) -> Option<(i8, i8)> {
        if self.hours.has(hour)
            && let Some(minute) = self.minutes.at_least(minute + 1)
        {
            return Some((hour as i8, minute as i8));
        }
        let hour = self.hours.at_least(hour + 1)?;
        Some((hour as i8, self.minutes.at_least(0)? as i8))
    }

    fn is_due_on(&self, date: Date) -> bool {
        self.years.has(date.year() as u32) && self.months.has(date.month() as u32) && self.days.have(date)
    }

    /// The first due day later than `after`.
    fn date_after(&self, after: Date) -> Option<Date> {
        let mut year = self.years.at_least(u32::try_from(after.year()).unwrap_or(0))?;
        loop {
            let mut month = Some(1);
            while let Some(found) = month.and_then(|month| self.months.at_least(month)) {
                let first = Date::new(year as i16, found as i8, 1).ok()?;
                if first.last_of_month() > after {
                    let days =
                        (1..=first.days_in_month()).filter_map(|day| Date::new(first.year(), first.month(), day).ok());
                    if let Some(date) = days.into_iter().find(|date| *date > after && self.days.have(*date)) {
                        return Some(date);
                    }
                }
                month = Some(found + 1);
            }
            year = self.years.at_least(year + 1)?;
        }
    }
}

impl Days {
    fn have(&self, date: Date) -> bool {
        match self {
            Days::OfMonth(days) => days.iter().any(|day| match day {
                DayOfMonth::In(field) => field.has(date.day() as u32),
                DayOfMonth::Last => date == date.last_of_month(),
                DayOfMonth::LastWeekday => nearest_weekday(date.last_of_month()) == date,
                // A month without that day has none that is near it.
                DayOfMonth::NearestWeekday(day) => {
                    Date::new(date.year(), date.month(), *day).is_ok_and(|day| nearest_weekday(day) == date)
                }
            }),
            Days::OfWeek(days) => {
                let weekday = weekday(date);
                days.iter().any(|day| match day {
                    DayOfWeek::In(field) => field.has(weekday),
                    DayOfWeek::Last(day) => *day == weekday && date.day() + 7 > date.days_in_month(),
                    DayOfWeek::Nth(day, nth) => *day == weekday && (date.day() - 1) / 7 + 1 == *nth,
                })
            }
        }
    }
}

/// 1 is Sunday.
fn weekday(date: Date) -> u32 {
    date.weekday().to_sunday_one_offset() as u32
}

/// The Monday to Friday nearest to a day that lies in the same month.
fn nearest_weekday(day: Date) -> Date {
    const SUNDAY: u32 = 1;
    const SATURDAY: u32 = 7;
    let moved = |by: i8| Date::new(day.year(), day.month(), day.day() + by).unwrap_or(day);
    match weekday(day) {
        SATURDAY if day.day() == 1 => moved(2),
        SATURDAY => moved(-1),
        SUNDAY if day.day() == day.days_in_month() => moved(-2),
        SUNDAY => moved(1),
        _ => day,
    }
}

fn parse_day_of_month(text: &str) -> Result<DayOfMonth, ExpressionError> {
    match text {
        "L" => return Ok(DayOfMonth::Last),
        "LW" => return Ok(DayOfMonth::LastWeekday),
        _ => {}
    }
    let nearest = text.strip_suffix('W').and_then(number).filter(|day| (1..=31).contains(day));
    match nearest {
        Some(day) => Ok(DayOfMonth::NearestWeekday(day as i8)),
        None => Ok(DayOfMonth::In(Box::new(Field::parse(DAYS_OF_MONTH, text)?))),
    }
}

fn parse_day_of_week(text: &str) -> Result<DayOfWeek, ExpressionError> {
    const LAST_OF_WEEK: &str = "7";
    if let Some((day, nth)) = text.split_once('#') {
        let day = value(DAYS_OF_WEEK, day);
        let nth = number(nth).filter(|nth| (1..=5).contains(nth));
        if let (Some(day), Some(nth)) = (day, nth) {
            return Ok(DayOfWeek::Nth(day, nth as i8));
        }
    }
    if text == "L" {
        return Ok(DayOfWeek::In(Box::new(Field::parse(DAYS_OF_WEEK, LAST_OF_WEEK)?)));
    }
    match text.strip_suffix('L').and_then(|day| value(DAYS_OF_WEEK, day)) {
        Some(day) => Ok(DayOfWeek::Last(day)),
        None => Ok(DayOfWeek::In(Box::new(Field::parse(DAYS_OF_WEEK, text)?))),
    }
}
