//! The Gregorian calendar, back and forth, for every day.

pub(super) const MILLIS_A_DAY: i64 = 86_400_000;

/// The day number (1970-01-01 is 0) of a month's first day; months outside
/// 1 to 12 count into other years.
pub(super) fn first_of_month(year: i64, month: i64) -> i64 {
    // Years that begin in March have their leap day last.
    let months = year * 12 + (month - 1) - 2;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12));
    let days_of_years = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    days_of_years + (153 * month + 2) / 5 - 719_468
}

/// Year, month (1 to 12) and day of the month.
pub(super) fn date_of(day: i64) -> (i64, i64, i64) {
    // An average year is 365.2425 days long: the guess is at most one year off.
    let mut year = 1970 + (day * 400).div_euclid(146_097);
    while first_of_month(year, 1) > day {
        year -= 1;
    }
    while first_of_month(year + 1, 1) <= day {
        year += 1;
    }
    let mut month = 1 + (day - first_of_month(year, 1)) / 32;
    while first_of_month(year, month + 1) <= day {
        month += 1;
    }
    (year, month, day - first_of_month(year, month) + 1)
}

/// 1 is Monday, 7 Sunday.
pub(super) fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7) + 1
}

/// The Monday of the first week of a month: the week that has its first Thursday.
pub(super) fn first_week(year: i64, month: i64) -> i64 {
    let first = first_of_month(year, month);
    let weekday = weekday(first);
    if weekday > 4 { first + 8 - weekday } else { first - weekday + 1 }
}
