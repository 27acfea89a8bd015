//! Destinations, paths, templates and retry policies.

use windlass_event_target::{
    DeadLetter, Destination, DestinationError, EventEntry, Exhausted, Failure, Kind, Path, Request, Resolved,
    RetryPolicy, Verdict, render,
};
use windlass_value::{Value, parse};

fn json(text: &str) -> Value {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

#[test]
fn an_arn_says_what_it_names() {
    let cases = [
        ("arn:aws:states:us-east-1:123456789012:stateMachine:m", Kind::StateMachine),
        ("arn:aws:states:us-east-1:123456789012:stateMachine:m:PROD", Kind::StateMachine),
        ("arn:aws:lambda:us-east-1:123456789012:function:f:3", Kind::Function),
        ("arn:aws:sqs:us-east-1:123456789012:q", Kind::Queue { is_fifo: false }),
        ("arn:aws:sqs:us-east-1:123456789012:q.fifo", Kind::Queue { is_fifo: true }),
        ("arn:aws:sns:us-east-1:123456789012:t", Kind::Topic),
        ("arn:aws:events:us-east-1:123456789012:event-bus/a/b", Kind::EventBus("a/b".into())),
        ("arn:aws:logs:us-east-1:123456789012:log-group:/aws/events/x:*", Kind::LogGroup("/aws/events/x".into())),
        ("arn:aws:events:us-east-1:123456789012:api-destination/d/11-22", Kind::ApiDestination("d".into())),
        (
            "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
            Kind::Universal { service: "sqs".into(), action: "sendMessage".into() },
        ),
    ];
    for (arn, expected) in cases {
        assert_eq!(Destination::parse(arn).map(|found| found.kind), Ok(expected), "{arn}");
    }
    let malformed = [
        "",
        "queue",
        "arn:aws:sqs:us-east-1:123456789012",
        "arn:aws:sqs::123456789012:q",
        "arn:aws:sqs:us-east-1:1:q",
        "arn:aws:lambda:us-east-1:123456789012:layer:x",
        "arn:aws:scheduler:::aws-sdk:sqs",
        "arn:aws:scheduler:::aws-sdk:s/s:x",
    ];
    for arn in malformed {
        assert_eq!(Destination::parse(arn), Err(DestinationError::Malformed), "{arn}");
    }
    let unbuilt = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    assert!(matches!(Destination::parse(unbuilt), Err(DestinationError::NotBuilt(what)) if what.contains("kinesis")));
}

#[test]
fn requests_name_their_resource() {
    let destination = |arn: &str| Destination::parse(arn).unwrap_or_else(|error| panic!("{arn}: {error}"));
    let queue = destination("arn:aws:sqs:eu-west-1:123456789012:q.fifo");
    let request = Request::send_message(&queue, "hello", Some("g"), None);
    assert_eq!(
        (&*request.service, &*request.operation, &*request.account, &*request.region),
        ("sqs", "SendMessage", "123456789012", "eu-west-1")
    );
    let expected = r#"{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/q.fifo","MessageBody":"hello","MessageGroupId":"g"}"#;
    assert_eq!(request.input.to_text(), expected);

    let bus = destination("arn:aws:events:eu-west-1:123456789012:event-bus/b");
    let event = json(r#"{"source":"s","detail-type":"t","resources":["r"],"detail":{"a":1.50}}"#);
    let request = Request::put_event(&bus, &EventEntry::of_event(&event, Some(5)));
    let expected = r#"{"Entries":[{"Time":5,"Source":"s","Resources":["r"],"DetailType":"t","Detail":"{\"a\":1.50}","EventBusName":"arn:aws:events:eu-west-1:123456789012:event-bus/b"}]}"#;
    assert_eq!(request.input.to_text(), expected);

    let letter =
        DeadLetter { body: "b", attributes: vec![("RULE_ARN", "r".into()), ("EMPTY", String::new())], group: None };
    let attributes = &letter.request(&queue).input["MessageAttributes"];
    assert_eq!(attributes.to_text(), r#"{"RULE_ARN":{"DataType":"String","StringValue":"r"}}"#);
}

#[test]
fn a_path_leads_to_one_value() {
    let event = json(r#"{"detail":{"a b":[{"c":1.0}],"x-y":"z","a.b":2},"resources":["r0","r1"]}"#);
    let cases = [
        ("$", Some(event.to_text())),
        ("$.detail.x-y", Some(r#""z""#.to_owned())),
        ("$.detail['a b'][0].c", Some("1.0".to_owned())),
        ("$.detail[\"a.b\"]", Some("2".to_owned())),
        ("$['resources'][1]", Some(r#""r1""#.to_owned())),
        ("$.resources[2]", None),
        ("$.detail.x-y.z", None),
    ];
    for (text, expected) in cases {
        let path = Path::parse(text).unwrap_or_else(|_| panic!("{text} is a path"));
        assert_eq!(path.find(&event).map(Value::to_text), expected, "{text}");
    }
    for text in ["", "detail", "$detail", "$.", "$..a", "$.a[", "$.a[x]", "$.a[-1]", "$.a['b]", "$.*", "$.a[*]"] {
        assert!(Path::parse(text).is_err(), "{text} was taken");
    }
}

#[test]
fn templates_are_filled_as_aws_fills_them() {
    let event = json(
        r#"{"instance":"i-1","state":"RUN\"NING","n":1.50,"list":["a",1],"map":{"k":"v"},"yes":true,"nothing":null}"#,
    );
    let cases = [
        (r#""instance <instance> is in <state>""#, r#""instance i-1 is in RUN\"NING""#),
        (r#""instance \"<instance>\"""#, r#""instance \"i-1\"""#),
        (r#"{"instance" : <instance>,"n": <n>}"#, r#"{"instance" : "i-1","n": 1.50}"#),
        (r#"{"s": "it is <n>, <yes>, <list> and <map>"}"#, r#"{"s": "it is 1.50, true, [a,1] and {k:v}"}"#),
        (r#"{"all": [9, <list>, <map>, <nothing>]}"#, r#"{"all": [9, ["a",1], {"k":"v"}, null]}"#),
        (r#"{"a": <absent>, "b": "x<absent>y"}"#, r#"{"a": "", "b": "xy"}"#),
        ("\"first <instance>\"\n\"second <n>\"", "\"first i-1\"\n\"second 1.50\""),
        (r#""1 < 2 and 3 > 2 <b>""#, r#""1 < 2 and 3 > 2 <b>""#),
        ("<instance>", r#""i-1""#),
        (r#""a \\"<instance>"#, r#""a \\""i-1""#),
        ("no end <", "no end <"),
        ("\\", "\\"),
    ];
    for (template, expected) in cases {
        let found = render(template, |name| match (name, event.get(name)) {
            ("b", _) => Resolved::Text,
            (_, Some(value)) => Resolved::Value(value.clone()),
            (_, None) => Resolved::Missing,
        });
        assert_eq!(found, expected, "{template}");
    }
}

#[test]
fn deliveries_are_tried_within_their_policy() {
    let throttled = Failure::of_call("ThrottlingException", "slow", 400);
    let broken = Failure::of_call("InternalFailure", "broken", 500);
    let missing = Failure::of_call("ResourceNotFoundException", "gone", 404);
    let policy = RetryPolicy { attempts_max: 3, age_seconds_max: 60 };
    let retry = |after_ms| Verdict::Retry { after_ms };
    let cases = [
        (&throttled, 1, 0, 0.0, retry(500)),
        (&throttled, 1, 0, 0.999_999, retry(999)),
        (&broken, 3, 100, 0.0, retry(2000)),
        (&broken, 3, 59_000, 0.0, retry(1000)),
        (&broken, 4, 100, 0.0, Verdict::GiveUp(Some(Exhausted::Attempts))),
        (&broken, 2, 60_000, 0.0, Verdict::GiveUp(Some(Exhausted::Age))),
        (&missing, 1, 0, 0.0, Verdict::GiveUp(None)),
    ];
    for (at, (failure, attempt, age_ms, random, expected)) in cases.into_iter().enumerate() {
        assert_eq!(policy.after(failure, attempt, age_ms, random), expected, "{at}");
    }
    assert_eq!(RetryPolicy::default().after(&broken, 100, 0, 0.0), retry(300_000));
    let never = RetryPolicy { attempts_max: 0, ..RetryPolicy::default() };
    assert_eq!(never.after(&broken, 1, 0, 0.0), Verdict::GiveUp(Some(Exhausted::Attempts)));
}
