//! Expressions and when they are due.

use windlass_schedule_expression::{ScheduleExpression, Zone};
use windlass_value::Timestamp;

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap_or_else(|_| panic!("no instant: {text}"))
}

/// Expression, zone, after, and the next instants.
const DUE: &[(&str, &str, &str, &[&str])] = &[
    // Plain fields.
    ("cron(0 10 * * ? *)", "UTC", "2026-11-22T09:00:00Z", &["2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"]),
    ("cron(0 10 * * ? *)", "UTC", "2026-11-22T10:00:00Z", &["2026-11-23T10:00:00Z"]),
    ("cron(0 10 * * ? *)", "UTC", "2026-11-22T09:59:59.999Z", &["2026-11-22T10:00:00Z"]),
    ("cron(15 12 * * ? *)", "UTC", "2026-12-31T12:15:00Z", &["2027-01-01T12:15:00Z"]),
    ("cron(0/10 * ? * MON-FRI *)", "UTC", "2026-11-20T23:49:00Z", &["2026-11-20T23:50:00Z", "2026-11-23T00:00:00Z"]),
    ("cron(0/5 8-17 ? * MON-FRI *)", "UTC", "2026-11-20T17:54:00Z", &["2026-11-20T17:55:00Z", "2026-11-23T08:00:00Z"]),
    ("cron(*/20 * * * ? *)", "UTC", "2026-11-20T17:54:00Z", &["2026-11-20T18:00:00Z", "2026-11-20T18:20:00Z"]),
    ("cron(5,35 14 * * ? *)", "UTC", "2026-11-20T14:05:00Z", &["2026-11-20T14:35:00Z", "2026-11-21T14:05:00Z"]),
    ("cron(0 22-2 * * ? *)", "UTC", "2026-11-20T22:30:00Z", &["2026-11-20T23:00:00Z", "2026-11-21T00:00:00Z"]),
    ("cron(0 0 ? * FRI-MON *)", "UTC", "2026-11-23T00:00:00Z", &["2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"]),
    ("cron(0 8 1 * ? *)", "UTC", "2026-11-22T00:00:00Z", &["2026-12-01T08:00:00Z", "2027-01-01T08:00:00Z"]),
    ("cron(0 8 ? JAN,jul 1 *)", "UTC", "2026-11-22T00:00:00Z", &["2027-01-03T08:00:00Z"]),
    ("cron(10 7 * * ? 2028-2030)", "UTC", "2026-11-22T00:00:00Z", &["2028-01-01T07:10:00Z"]),
    ("cron(10 7 1 1 ? 2027/2)", "UTC", "2027-06-01T00:00:00Z", &["2029-01-01T07:10:00Z"]),
    // The end of months and years.
    ("cron(0 0 31 * ? *)", "UTC", "2026-01-31T00:00:00Z", &["2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"]),
    ("cron(0 0 29 2 ? *)", "UTC", "2026-11-22T00:00:00Z", &["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
    ("cron(0 0 29 2 ? *)", "UTC", "2096-03-01T00:00:00Z", &["2104-02-29T00:00:00Z"]),
    ("cron(0 0 L * ? *)", "UTC", "2028-01-31T00:00:00Z", &["2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"]),
    ("cron(0 0 L * ? *)", "UTC", "2027-02-01T00:00:00Z", &["2027-02-28T00:00:00Z"]),
    // The last Monday to Friday of a month: 2026-02-28 and 2026-05-31 are no such days.
    ("cron(0 0 LW * ? *)", "UTC", "2026-02-01T00:00:00Z", &["2026-02-27T00:00:00Z", "2026-03-31T00:00:00Z"]),
    ("cron(0 0 LW 5 ? *)", "UTC", "2026-02-01T00:00:00Z", &["2026-05-29T00:00:00Z"]),
    // Nearest Monday to Friday: 2026-08-01 is a Saturday, 2026-08-15 too, 2026-11-15 a Sunday, 2026-05-31 a Sunday.
    ("cron(0 0 1W 8 ? 2026)", "UTC", "2026-01-01T00:00:00Z", &["2026-08-03T00:00:00Z"]),
    ("cron(0 0 15W 8 ? 2026)", "UTC", "2026-01-01T00:00:00Z", &["2026-08-14T00:00:00Z"]),
    ("cron(0 0 15W 11 ? 2026)", "UTC", "2026-01-01T00:00:00Z", &["2026-11-16T00:00:00Z"]),
    ("cron(0 0 31W 5 ? 2026)", "UTC", "2026-01-01T00:00:00Z", &["2026-05-29T00:00:00Z"]),
    ("cron(0 0 31W * ? *)", "UTC", "2026-04-01T00:00:00Z", &["2026-05-29T00:00:00Z", "2026-07-31T00:00:00Z"]),
    ("cron(0 0 1,L * ? *)", "UTC", "2026-11-02T00:00:00Z", &["2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"]),
    // Weekdays: 3 is Tuesday, 6 is Friday, 7 and L are Saturday.
    ("cron(0 0 ? * 3#2 *)", "UTC", "2026-11-01T00:00:00Z", &["2026-11-10T00:00:00Z", "2026-12-08T00:00:00Z"]),
    ("cron(0 0 ? * TUE#5 *)", "UTC", "2026-11-01T00:00:00Z", &["2026-12-29T00:00:00Z", "2027-03-30T00:00:00Z"]),
    ("cron(0 0 ? * 6L *)", "UTC", "2026-11-01T00:00:00Z", &["2026-11-27T00:00:00Z", "2026-12-25T00:00:00Z"]),
    ("cron(0 0 ? * FRIL *)", "UTC", "2026-11-01T00:00:00Z", &["2026-11-27T00:00:00Z"]),
    ("cron(0 0 ? * L *)", "UTC", "2026-11-01T00:00:00Z", &["2026-11-07T00:00:00Z", "2026-11-14T00:00:00Z"]),
    ("cron(0 0 ? * 2,6L *)", "UTC", "2026-11-20T00:00:00Z", &["2026-11-23T00:00:00Z", "2026-11-27T00:00:00Z"]),
    // Clocks go forward: 2026-03-08 02:00 in New York, 2026-03-29 02:00 in Berlin.
    ("cron(30 2 * * ? *)", "America/New_York", "2026-03-07T08:00:00Z", &["2026-03-09T06:30:00Z"]),
    ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T02:00:00Z", &["2026-03-30T00:30:00Z"]),
    (
        "cron(30 * * * ? *)",
        "America/New_York",
        "2026-03-08T06:00:00Z",
        &["2026-03-08T06:30:00Z", "2026-03-08T07:30:00Z"],
    ),
    ("cron(0 3 * * ? *)", "America/New_York", "2026-03-08T00:00:00Z", &["2026-03-08T07:00:00Z"]),
    // Clocks go back: 2026-11-01 02:00 in New York. 01:30 is due once, at its first occurrence.
    (
        "cron(30 1 * * ? *)",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    ),
    ("cron(30 1 * * ? *)", "America/New_York", "2026-11-01T06:10:00Z", &["2026-11-02T06:30:00Z"]),
    (
        "cron(30 * * * ? *)",
        "America/New_York",
        "2026-11-01T05:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-01T07:30:00Z"],
    ),
    // Half an hour: Lord Howe goes back at 02:00 to 01:30 on 2026-04-05.
    (
        "cron(45 1 * * ? *)",
        "Australia/Lord_Howe",
        "2026-04-04T00:00:00Z",
        &["2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"],
    ),
    // A zone that skips a day: Samoa had no 2011-12-30.
    ("cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29T22:00:00Z", &["2011-12-30T22:00:00Z"]),
    // No more years.
    ("cron(0 0 1 1 ? 2025)", "UTC", "2026-01-01T00:00:00Z", &[]),
    ("cron(0 0 30 2 ? *)", "UTC", "2026-01-01T00:00:00Z", &[]),
    ("cron(0 0 1 1 ? 2199)", "UTC", "2199-01-01T00:00:00Z", &[]),
    // Rates from the anchor 2026-11-22T00:00:30Z.
    ("rate(5 minutes)", "UTC", "2026-11-21T00:00:00Z", &["2026-11-22T00:00:30Z", "2026-11-22T00:05:30Z"]),
    ("rate(5 minutes)", "UTC", "2026-11-22T00:00:30Z", &["2026-11-22T00:05:30Z", "2026-11-22T00:10:30Z"]),
    ("rate(1 hour)", "UTC", "2026-11-22T10:20:00Z", &["2026-11-22T11:00:30Z"]),
    ("rate(2 days)", "UTC", "2026-11-23T10:20:00Z", &["2026-11-24T00:00:30Z"]),
    // Once.
    ("at(2026-11-22T17:00:00)", "UTC", "2026-11-22T16:59:59Z", &["2026-11-22T17:00:00Z"]),
    ("at(2026-11-22T17:00:00)", "UTC", "2026-11-22T17:00:00Z", &[]),
    ("at(2026-07-01T12:00:00)", "Asia/Kolkata", "2026-01-01T00:00:00Z", &["2026-07-01T06:30:00Z"]),
    ("at(2026-03-08T02:30:00)", "America/New_York", "2026-01-01T00:00:00Z", &["2026-03-08T07:30:00Z"]),
    ("at(2026-11-01T01:30:00)", "America/New_York", "2026-01-01T00:00:00Z", &["2026-11-01T05:30:00Z"]),
];

#[test]
fn expressions_are_due_when_aws_says() {
    let anchor = at("2026-11-22T00:00:30Z");
    for (text, zone, after, expected) in DUE {
        let expression = ScheduleExpression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let zone = Zone::named(zone).unwrap_or_else(|| panic!("no zone {zone}"));
        let mut instant = at(after);
        for expected in *expected {
            let found = expression.next(&zone, instant, anchor);
            assert_eq!(found, Some(at(expected)), "{text} after {instant}: {found:?}");
            instant = found.unwrap_or_default();
        }
        if expected.is_empty() {
            assert_eq!(expression.next(&zone, instant, anchor), None, "{text}");
        }
    }
}

const WRONG: &[&str] = &[
    "",
    "cron",
    "cron()",
    "cron(0 10 * * ?)",
    "cron(0 10 * * ? * *)",
    "cron(0 10 * * * *)",
    "cron(0 10 ? * ? *)",
    "cron(0 10 1 * 2 *)",
    "cron(60 10 * * ? *)",
    "cron(0 24 * * ? *)",
    "cron(0 10 0 * ? *)",
    "cron(0 10 32 * ? *)",
    "cron(0 10 * 13 ? *)",
    "cron(0 10 * FOO ? *)",
    "cron(0 10 ? * 0 *)",
    "cron(0 10 ? * 8 *)",
    "cron(0 10 ? * 2#6 *)",
    "cron(0 10 ? * 2#0 *)",
    "cron(0 10 * * ? 1969)",
    "cron(0 10 * * ? 2200)",
    "cron(0 10 * * ? 2030-2028)",
    "cron(0/0 10 * * ? *)",
    "cron(0/x 10 * * ? *)",
    "cron(1- 10 * * ? *)",
    "cron(-1 10 * * ? *)",
    "cron(, 10 * * ? *)",
    "cron(0 10 32W * ? *)",
    "cron(0 10 W * ? *)",
    "cron(L 10 * * ? *)",
    "cron(? 10 * * ? *)",
    "rate()",
    "rate(5)",
    "rate(0 minutes)",
    "rate(-5 minutes)",
    "rate(+5 minutes)",
    "rate(1.5 hours)",
    "rate(5 seconds)",
    "rate(5 minutes 3)",
    "rate(99999999999 minutes)",
    "at(2026-11-22)",
    "at(2026-11-22T17:00:00Z)",
    "at(2026-11-31T17:00:00)",
    "at(2026-11-22T24:00:00)",
    "at(2026-11-22T17:00:60)",
    "at(2026-11-22 17:00:00)",
    "every(5 minutes)",
    " rate(5 minutes)",
];

#[test]
fn what_is_no_expression_is_refused() {
    for text in WRONG {
        assert!(ScheduleExpression::parse(text).is_err(), "{text} was taken");
    }
}

#[test]
fn a_rate_agrees_with_its_number() {
    let cases = [("rate(1 minute)", true), ("rate(2 minutes)", true), ("rate(1 hours)", false), ("rate(5 day)", false)];
    for (text, expected) in cases {
        let Ok(ScheduleExpression::Rate(rate)) = ScheduleExpression::parse(text) else { panic!("{text} is no rate") };
        assert_eq!(rate.is_grammatical(), expected, "{text}");
    }
}

#[test]
fn zones_have_their_iana_names() {
    for name in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Asia/Kolkata", "Etc/GMT+5"] {
        assert!(Zone::named(name).is_some(), "{name}");
    }
    for name in ["", "Mars/Base", "europe/berlin", "../etc/passwd", "Berlin"] {
        assert!(Zone::named(name).is_none(), "{name}");
    }
}
