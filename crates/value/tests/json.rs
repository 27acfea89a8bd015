//! The laws of JSON text and tree.

use proptest::prelude::*;
use windlass_value::{
    Arn, LineIndex, Number, Payload, Timestamp, Value, object, parse, parse_with_spans, uuid_v4, validate,
};

fn error(text: &str) -> String {
    let error = parse(text).expect_err(text);
    assert_eq!(validate(text).expect_err(text), error);
    format!("{} {}", error.message, error.source_location(text))
}

#[test]
fn error_texts_are_jacksons() {
    assert_eq!(
        error("not a definition"),
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false') [Source: (String)\"not a definition\"; line: 1, column: 4]"
    );
    assert!(error("{'a': 1}").starts_with("Unexpected character (''' (code 39)): was expecting double-quote to start field name [Source: (String)\"{'a': 1}\"; line: 1, column: 3]"));
    assert!(error("").starts_with("No content to map due to end-of-input"));
    for bad in [
        "{",
        "[1,",
        "[1 2]",
        "{\"a\"}",
        "01",
        "1.",
        "1e",
        "\"\\q\"",
        "\"\u{1}\"",
        "nul",
        "[1]]",
        "-",
        "{\"a\":}",
        "tru1",
    ] {
        error(bad);
    }
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    assert!(parse(&deep(1000)).is_ok());
    assert!(parse(&deep(1001)).is_err());
    assert!(parse(&"[".repeat(10_000_000)).is_err());
}

#[test]
fn numbers_keep_their_spelling() {
    for text in ["1", "-0", "1.50", "1e5", "123456789012345678901234567890", "1.0", "-7"] {
        assert_eq!(parse(text).unwrap().to_text(), text);
    }
    assert_eq!(parse("0").unwrap(), parse("0.0").unwrap());
    assert_eq!(Value::Number(Number::Float(9.223372036854776e18)).to_text(), "9.223372036854776E18");
    assert_eq!(Value::Number(Number::Float(0.1)).to_text(), "0.1");
    assert_eq!(Value::Number(Number::Float(1.5e-7)).to_text(), "1.5E-7");
}

#[test]
fn the_last_of_equal_keys_wins_in_the_first_place() {
    assert_eq!(parse(r#"{"a":1,"b":2,"a":3}"#).unwrap().to_text(), r#"{"a":3,"b":2}"#);
    let (_, spans) = parse_with_spans("{\"a\":1,\n \"a\":[2]}").unwrap();
    assert_eq!(spans.duplicates()[0].0, "/a");
    assert_eq!(spans.value("/a/0").map(|span| span.start), Some(14));
}

#[test]
fn strings_escape_as_jackson_does() {
    let text = parse(r#""\u0041\ud83d\ude00\n\u001f\/""#).unwrap();
    assert_eq!(text.as_str(), Some("A😀\n\u{1f}/"));
    assert_eq!(text.to_text(), r#""A😀\n\u001F/""#);
}

#[test]
fn payload_keeps_the_callers_text() {
    let payload = Payload::from_text("{ \"a\" : 1 }").unwrap();
    assert_eq!(&**payload.text(), "{ \"a\" : 1 }");
    assert_eq!(payload, Payload::from_value(object! { "a" => 1 }));
}

#[test]
fn timestamps() {
    for good in ["2016-03-14T01:59:00Z", "2016-03-14T01:59:00.123456789+02:00", "2024-02-29T00:00:00Z"] {
        assert!(Timestamp::parse_rfc3339(good).is_ok(), "{good}");
    }
    for bad in [
        "2016-03-14t01:59:00Z",
        "2016-03-14T01:59Z",
        "2016-03-14T01:59:00",
        "2023-02-29T00:00:00Z",
        "2016-03-14 01:59:00Z",
        "",
        "2016-03-14T01:59:00z",
        "2016-03-14T01:59:00.Z",
    ] {
        assert!(Timestamp::parse_rfc3339(bad).is_err(), "{bad}");
    }
    assert_eq!(Timestamp(1_457_920_740_005).to_rfc3339(), "2016-03-14T01:59:00.005Z");
}

#[test]
fn arns_and_uuids() {
    let arn = Arn::parse("arn:aws:states:us-east-1:123456789012:execution:m:e").unwrap();
    assert_eq!((arn.resource_type(), arn.resource_id()), ("execution", "m:e"));
    assert_eq!(arn.to_string(), "arn:aws:states:us-east-1:123456789012:execution:m:e");
    assert!(Arn::parse("nonsense").is_none());
    assert_eq!(uuid_v4(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::int),
        any::<f64>().prop_filter_map("finite", |f| Number::from_f64(f).map(Value::Number)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..8)
                .prop_map(|members| Value::from(members.into_iter().collect::<windlass_value::Object>())),
        ]
    })
}

proptest! {
    #[test]
    fn writing_and_reading_is_the_identity(value in any_value()) {
        let text = value.to_text();
        prop_assert!(validate(&text).is_ok());
        prop_assert_eq!(&parse(&text).unwrap(), &value);
        prop_assert_eq!(parse(&text).unwrap().to_text(), text);
        prop_assert_eq!(parse(&value.to_pretty()).unwrap(), value);
    }

    #[test]
    fn the_counted_length_is_that_of_the_text(value in any_value()) {
        let length = value.to_text().len();
        prop_assert_eq!(value.text_len_within(usize::MAX), Some(length));
        prop_assert_eq!(value.text_len_within(length), Some(length));
        prop_assert_eq!(value.text_len_within(length - 1), None);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        prop_assert_eq!(parse(&text).is_ok(), validate(&text).is_ok());
    }
}

#[test]
fn lengths_are_counted_without_the_text() {
    // 2^64 elements, were they written out.
    let shared = (0..64).fold(Value::from("x"), |inner, _| Value::from(vec![inner.clone(), inner]));
    assert_eq!(shared.text_len_within(262_144), None);
    let payload = Payload::from_value(shared);
    assert_eq!(payload.bytes_len_within(262_144), None);
    let deep = |levels: usize| (0..levels).fold(Value::Null, |inner, _| Value::from(vec![inner]));
    assert_eq!(deep(1000).text_len_within(10_000), Some(2004));
    assert!(parse(&deep(1000).to_text()).is_ok());
    assert_eq!(deep(1001).text_len_within(10_000), None);
    let text = Payload::from_text("[ 1, 2 ]").unwrap();
    assert_eq!((text.bytes_len_within(8), text.bytes_len_within(7)), (Some(8), None));
    let tree = Payload::from_value(Value::from(vec![Value::int(-10), Value::from(0), Value::from("\u{1}é\n")]));
    assert_eq!((tree.bytes_len_within(19), tree.bytes_len_within(20)), (None, Some(20)));
    assert_eq!((tree.bytes_len_within(19), tree.bytes_len()), (None, 20));
}

#[test]
fn http_dates_are_read_and_written() {
    use windlass_value::Timestamp;
    let cases = [
        ("Sun, 22 Nov 2026 14:06:14 GMT", Some(1_795_356_374_000)),
        ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
        ("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1000)),
        ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800_000)),
        ("Thu, 30 Feb 2024 00:00:00 GMT", None),
        ("Sun, 22 Nov 2026 14:06:14 -0000", Some(1_795_356_374_000)),
        ("Sun, 22 Nov 2026 14:06:14 CET", None),
        ("22 Nov 2026", None),
        ("", None),
    ];
    for (text, expected) in cases {
        let found = Timestamp::parse_http_date(text).ok();
        assert_eq!(found.map(Timestamp::as_ms), expected, "{text}");
        assert!(found.is_none_or(|instant| instant.to_http_date() == text.replace("-0000", "GMT")), "{text}");
    }
}

#[test]
fn finds_nodes_below_long_names_and_in_long_lines() {
    // Two levels of 300 kB names with a thousand members: pointers written out would take a gigabyte.
    let name = "é".repeat(150_000);
    let members: String = (0..1000).map(|index| format!("\"m{index}\":{index},")).collect();
    let text = format!("{{\"{name}\":{{\"{name}\":{{{members}\"a~/b\":[1,{{\"x\":2}}],\"m0\":7}}}}}}");
    let (_, spans) = parse_with_spans(&text).unwrap();
    let at = |pointer: &str| spans.value(pointer).map(|span| &text[span.start..span.end]);
    assert_eq!(at(&format!("/{name}/{name}/m999")), Some("999"));
    assert_eq!(at(&format!("/{name}/{name}/m0")), Some("7"));
    assert_eq!(at(&format!("/{name}/{name}/a~0~1b/1/x")), Some("2"));
    assert_eq!(at("/absent"), None);
    let (pointer, key) = &spans.duplicates()[0];
    assert_eq!((pointer, &text[key.start..key.end]), (&format!("/{name}/{name}/m0"), "\"m0\""));
    let position = LineIndex::new(&text).position(&text, key.start);
    assert_eq!((position.line, position.column), (1, text[..key.start].chars().count() + 1));
}
