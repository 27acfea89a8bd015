//! Event patterns against events, and the texts of what is refused; the cases lie in
//! `cases/`.

use windlass_event_pattern::{Attribute, FilterPolicy, Pattern, Scope};
use windlass_value::{Object, Value, object, parse};

fn cases(text: &str) -> Vec<Value> {
    parse(text).ok().and_then(|value| value.as_array().map(|items| items.to_vec())).unwrap_or_default()
}

#[test]
fn patterns_match() {
    let cases = cases(include_str!("cases/matches.json"));
    assert!(cases.len() > 50);
    let mut wrong = Vec::new();
    for case in &cases {
        let text = case["pattern"].to_text();
        let pattern = Pattern::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        for (list, expected) in [("matches", true), ("refuses", false)] {
            for event in case[list].as_array().into_iter().flat_map(|events| events.iter()) {
                if pattern.matches(event) != expected {
                    wrong.push(format!("{text} with {event}: expected {expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_are_the_matchers() {
    let cases = cases(include_str!("cases/errors.json"));
    assert!(cases.len() > 50);
    let mut wrong = Vec::new();
    for case in &cases {
        let text = case["pattern"].as_str().unwrap_or_default();
        let expected = case["reason"].as_str().unwrap_or_default();
        match Pattern::parse(text) {
            Ok(_) => wrong.push(format!("{text} was taken")),
            Err(error) if error.reason != expected => wrong.push(format!("{text}\n     {error}\n not {expected}")),
            Err(error) => {
                assert_eq!(error.event_pattern_message(), format!("Event pattern is not valid. Reason: {expected}"))
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A later member of the same name takes the place of an earlier, as in the matcher.
#[test]
fn repeated_keys_override() {
    let pattern = Pattern::parse(r#"{"a": {"b": ["x"]}, "a": {"b": ["y"]}}"#).unwrap();
    assert!(pattern.matches(&object! { "a" => object! { "b" => "y" } }));
    assert!(!pattern.matches(&object! { "a" => object! { "b" => "x" } }));
}

#[test]
fn bounds_are_kept() {
    let deep = format!("{}[1]{}", r#"{"a":"#.repeat(200), "}".repeat(200));
    assert!(Pattern::parse(&deep).unwrap_err().reason.starts_with("Rule nests deeper than 100 levels"));
    let deep_or = format!("{}{}", r#"{"$or":[{"b":[1]},"#.repeat(300), r#"{"a":[1]}"#);
    assert!(Pattern::parse(&deep_or).is_err());
    let or = r#""$or": [{"a": [1]}, {"b": [2]}, {"c": [3]}, {"d": [4]}]"#;
    let mut wide = or.to_owned();
    for level in 0..6 {
        wide = format!(r#"{or}, "n{level}": {{{wide}}}"#);
    }
    assert!(Pattern::parse(&format!("{{{wide}}}")).unwrap_err().reason.starts_with("Rule is too complex"));
    let long = format!(r#"{{"a": ["{}"]}}"#, "x".repeat(300_000));
    assert!(Pattern::parse(&long).is_err());
}

/// Work is counted, not timed: these searches would look at more than 10^12 fields if
/// arrays beside each other, or elements beside each other, were multiplied, and would
/// then give up and miss the match at the very end.
#[test]
fn arrays_do_not_multiply() {
    let rows =
        |name: &str, value: i64| -> Value { (0..2_000).map(|_| object! { name => value }).collect::<Vec<_>>().into() };
    let pattern = Pattern::parse(
        r#"{"$or": [{"a": {"x": [1]}, "b": {"x": [1]}, "c": {"x": [1]}, "d": {"x": [2]}}, {"e": [1]}]}"#,
    )
    .unwrap();
    let event =
        object! { "a" => rows("x", 1), "b" => rows("x", 1), "c" => rows("x", 1), "d" => rows("x", 1), "e" => 1 };
    assert!(pattern.matches(&event));

    let pattern = Pattern::parse(r#"{"$or": [{"a": {"x": [1], "y": [2], "z": [3]}}, {"e": [1]}]}"#).unwrap();
    let rows: Vec<Value> =
        (0..20_000).map(|row| object! { "x" => 1, "y" => 2, "z" => i32::from(row > 19_990) }).collect();
    assert!(pattern.matches(&object! { "a" => rows, "e" => 1 }));
    let nested: Vec<Value> = (0..200)
        .map(|_| object! { "b" => (0..200).map(|_| object! { "x" => 1, "y" => 2 }).collect::<Vec<_>>() })
        .collect();
    let pattern = Pattern::parse(r#"{"$or": [{"a": {"b": {"x": [1], "y": [3]}}}, {"e": [1]}]}"#).unwrap();
    assert!(pattern.matches(&object! { "a" => nested, "e" => 1 }));
}

#[test]
fn deep_events_are_walked() {
    let mut value = object! { "x" => 1 };
    for _ in 0..900 {
        value = Value::array(vec![value]);
    }
    assert!(Pattern::parse(r#"{"a": {"x": [1]}}"#).unwrap().matches(&object! { "a" => value }));
}

#[test]
fn filter_policies_look_at_attributes() {
    // Policy, attributes (name, type, value), whether they pass.
    type Row = (&'static str, &'static [(&'static str, &'static str, &'static str)], bool);
    let rows: &[Row] = &[
        ("{}", &[], true),
        (r#"{"a":["x"]}"#, &[("a", "String", "x")], true),
        (r#"{"a":["x"]}"#, &[("a", "String.label", "x")], true),
        (r#"{"a":["x"]}"#, &[("a", "String", "y"), ("b", "String", "x")], false),
        (r#"{"a":["x"]}"#, &[("a", "Binary", "x")], false),
        (r#"{"a":[{"exists":false}]}"#, &[("a", "Binary", "x")], true),
        (r#"{"a":["x"]}"#, &[("a", "String.Array", r#"["y","x"]"#)], true),
        (r#"{"a":[true]}"#, &[("a", "String.Array", "[true]")], true),
        (r#"{"a":["x"]}"#, &[("a", "String.Array", r#"["y"]"#)], false),
        (r#"{"a":["x"]}"#, &[("a", "String.Array", "x")], false),
        (r#"{"a":[{"numeric":[">",100]}]}"#, &[("a", "Number", "100.5")], true),
        (r#"{"a":[{"numeric":[">",100]}]}"#, &[("a", "Number.int", "101")], true),
        (r#"{"a":[{"numeric":[">",100]}]}"#, &[("a", "String", "101")], false),
        (r#"{"a":[7]}"#, &[("a", "Number", "007")], true),
        (r#"{"a.b":["x"]}"#, &[("a.b", "String", "x")], true),
        (r#"{"a":[{"exists":false}]}"#, &[("b", "String", "x")], true),
        (r#"{"a":[{"anything-but":["x"]}]}"#, &[("a", "String.Array", r#"["x","z"]"#)], true),
        (r#"{"a":[{"anything-but":["x"]}]}"#, &[], false),
        (r#"{"$or":[{"a":["x"]},{"b":["y"]}]}"#, &[("b", "String", "y")], true),
    ];
    for (policy, attributes, expected) in rows {
        let read = FilterPolicy::parse(policy, Scope::MessageAttributes).unwrap();
        let attributes = attributes.iter().map(|(name, data_type, value)| Attribute { name, data_type, value });
        assert_eq!(read.matches_attributes(attributes), *expected, "{policy}");
    }
}

#[test]
fn filter_policies_look_at_bodies() {
    let policy = FilterPolicy::parse(r#"{"a":{"b":["x"]}}"#, Scope::MessageBody).unwrap();
    assert!(policy.matches_body(Some(&object! { "a" => object! { "b" => "x" } })));
    assert!(policy.matches_body(Some(&object! { "a" => vec![object! { "b" => "x" }] })));
    assert!(!policy.matches_body(Some(&Value::string("x"))));
    assert!(!policy.matches_body(None));
    assert!(FilterPolicy::parse("{}", Scope::MessageBody).unwrap().matches_body(None));
}

#[test]
fn filter_policies_have_limits() {
    let values = |count: usize| Value::from((0..count).map(|at| Value::from(format!("v{at}"))).collect::<Vec<_>>());
    let keys = |counts: &[usize]| -> Value {
        counts.iter().enumerate().map(|(at, count)| (format!("k{at}"), values(*count))).collect::<Object>().into()
    };
    let many = "FilterPolicy: Filter policy is too complex";
    let rows: &[(Value, Scope, Option<&str>)] = &[
        (keys(&[150]), Scope::MessageAttributes, None),
        (keys(&[151]), Scope::MessageAttributes, Some(many)),
        (keys(&[100, 51]), Scope::MessageAttributes, Some(many)),
        (keys(&[1, 1, 1, 1, 1]), Scope::MessageAttributes, None),
        (
            keys(&[1, 1, 1, 1, 1, 1]),
            Scope::MessageBody,
            Some("FilterPolicy: Filter policy can not have more than 5 keys"),
        ),
        // 4 values three deep, 3 values two deep: 4 x 3 x 3 x 2 = 72.
        (
            object! { "a" => object! { "b" => object! { "c" => values(4) } }, "d" => object! { "e" => values(3) } },
            Scope::MessageBody,
            None,
        ),
        (
            object! { "a" => object! { "b" => object! { "c" => values(4) } }, "d" => object! { "e" => values(3) }, "f" => values(3) },
            Scope::MessageBody,
            Some(many),
        ),
        // (3 x 6) + (3 x 4 x 4) + (3 x 4 x n)
        (alternatives(7), Scope::MessageAttributes, None),
        (alternatives(8), Scope::MessageAttributes, Some(many)),
        (
            object! { "a" => object! { "b" => values(1) } },
            Scope::MessageAttributes,
            Some("Filter policy scope MessageAttributes does not support nested filter policy"),
        ),
        (
            object! { "key" => "x" },
            Scope::MessageBody,
            Some(
                "FilterPolicy: \"key\" must be an object or an array\n at [Source: (String)\"{\"key\":\"x\"}\"; line: 1, column: 9]",
            ),
        ),
    ];
    for (policy, scope, expected) in rows {
        let read = FilterPolicy::parse(&policy.to_pretty(), *scope);
        assert_eq!(read.err().map(|error| error.reason).as_deref(), *expected, "{policy}");
    }
    let error = FilterPolicy::parse("{invalid", Scope::MessageBody).unwrap_err();
    assert_eq!(
        error.reason,
        "FilterPolicy: failed to parse JSON. Unexpected character ('i' (code 105)): was expecting double-quote to start field name\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: 2]"
    );
}

fn alternatives(last: usize) -> Value {
    let values = |count: usize| Value::from((0..count).map(Value::from).collect::<Vec<_>>());
    object! {
        "s" => values(3),
        "$or" => vec![
            object! { "m" => values(6) },
            object! { "t" => values(4), "$or" => vec![object! { "i" => values(4) }, object! { "p" => values(last) }] },
        ],
    }
}
