use windlass_protocol::Service as _;
use windlass_value::{Value, object};

use crate::fixture::{World, bodies, call, pass_ms, texts};

fn string(value: &str) -> Value {
    object! { "DataType" => "String", "StringValue" => value }
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_with_all_that_was_sent() {
    let mut world = World::new();
    let url = world.queue("q", object! {}).await;
    let sent_ms = world.now_ms();
    let sent = world
        .call(
            "SendMessage",
            object! {
                "QueueUrl" => url.as_str(),
                "MessageBody" => "msg",
                "MessageAttributes" => object! {
                    "Foo" => string("Bar"),
                    "Bytes" => object! { "DataType" => "Binary.x", "BinaryValue" => "AAEC" },
                },
                "MessageSystemAttributes" => object! { "AWSTraceHeader" => string("Root=1-5759e988-bd862e3fe1be46a994272793") },
            },
        )
        .await;
    assert_eq!(sent["MD5OfMessageBody"], Value::from("6e2baaf3b97dbeef01c0043275f9a0e7"));
    world.restart();
    pass_ms(1_500).await;
    let message = &world.receive(&url).await[0];
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    assert_eq!(
        message["MessageAttributes"],
        object! {
            "Foo" => object! { "StringValue" => "Bar", "DataType" => "String" },
            "Bytes" => object! { "BinaryValue" => "AAEC", "DataType" => "Binary.x" },
        }
    );
    let attributes = object! {
        "SenderId" => "000000000000",
        "SentTimestamp" => sent_ms.to_string(),
        "ApproximateReceiveCount" => "1",
        "ApproximateFirstReceiveTimestamp" => (sent_ms + 1_500).to_string(),
        "AWSTraceHeader" => "Root=1-5759e988-bd862e3fe1be46a994272793",
    };
    assert_eq!(message["Attributes"], attributes);
}

#[tokio::test(start_paused = true)]
async fn only_the_attributes_asked_for_come() {
    let world = World::new();
    let url = world.queue("q", object! { "VisibilityTimeout" => "0" }).await;
    let attributes = object! { "Help.Me" => string("Me"), "Hello" => string("There"), "General" => string("Kenobi") };
    world
        .call(
            "SendMessage",
            object! { "QueueUrl" => url.as_str(), "MessageBody" => "msg", "MessageAttributes" => attributes },
        )
        .await;
    // The figures are AWS's.
    let cases: &[(&[&str], &[&str], Option<&str>)] = &[
        (&[], &[], None),
        (&["All"], &["Help.Me", "Hello", "General"], Some("4c360f3fdafd970e05fae2f149d997f5")),
        (&["*"], &["Help.Me", "Hello", "General"], Some("4c360f3fdafd970e05fae2f149d997f5")),
        (&[".*"], &["Help.Me", "Hello", "General"], Some("4c360f3fdafd970e05fae2f149d997f5")),
        (&["Foo", "Help"], &[], None),
        (&["Hello", "General"], &["Hello", "General"], Some("fca026605781cb4126a1e9044df24232")),
        (&["Foo", "Hello"], &["Hello"], Some("a311262e065454b75da111d535b8dacd")),
        (&["Hel.*"], &["Help.Me", "Hello"], Some("83fee93c1bcd8b9a5a923ffacdc636c7")),
    ];
    for (asked, expected, md5) in cases {
        let input = object! { "QueueUrl" => url.as_str(), "MessageAttributeNames" => texts(asked), "AttributeNames" => texts(&["SentTimestamp"]) };
        let message = world.call("ReceiveMessage", input).await["Messages"].at(0).cloned().expect("a message");
        let found: Vec<String> = message["MessageAttributes"]
            .as_object()
            .map(|attributes| attributes.keys().map(ToString::to_string).collect())
            .unwrap_or_default();
        assert_eq!(found, *expected, "{asked:?}");
        assert_eq!(message["MD5OfMessageAttributes"].as_str(), *md5, "{asked:?}");
        assert_eq!(message["Attributes"].as_object().map(|attributes| attributes.len()), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn messages_that_aws_refuses_are_refused() {
    let world = World::new();
    let url = world.queue("q", object! { "MaximumMessageSize" => "1024" }).await;
    let message = |body: &str, name: &str, attribute: Value| {
        object! { "QueueUrl" => url.as_str(), "MessageBody" => body, "MessageAttributes" => object! { name => attribute } }
    };
    let plain = |body: &str, member: &str, value: Value| {
        object! { "QueueUrl" => url.as_str(), "MessageBody" => body, member => value }
    };
    let parameter = "InvalidParameterValueException";
    let cases = [
        (
            plain("", "x", Value::Null),
            "MissingRequiredParameterException",
            "The request must contain the parameter MessageBody.",
        ),
        (plain("a\u{1}", "x", Value::Null), "InvalidMessageContents", "Invalid characters found."),
        (plain("\u{fffe}", "x", Value::Null), "InvalidMessageContents", "Invalid characters found."),
        (plain(&"a".repeat(1025), "x", Value::Null), parameter, "Reason: Message must be shorter than 1024 bytes."),
        (message(&"a".repeat(1015), "abc", string("d")), parameter, "Reason: Message must be shorter than 1024 bytes."),
        (plain("a", "DelaySeconds", Value::from(901)), parameter, "Reason: DelaySeconds must be >= 0 and <= 900."),
        (plain("a", "MessageDeduplicationId", Value::from("x")), parameter, "not valid for this queue type"),
        (plain("a", "MessageGroupId", Value::from("a b")), parameter, "MessageGroupId can only include alphanumeric"),
        (message("a", "AWS.x", string("x")), parameter, "You can't use message attribute names beginning with"),
        (message("a", "x.", string("x")), parameter, "You can't use message attribute names beginning with"),
        (message("a", "x y", string("x")), parameter, "Message (user) attributes name can only contain"),
        (message("a", &"n".repeat(256), string("x")), parameter, "must be shorter than 256 Bytes"),
        (
            message("a", "x", string("")),
            parameter,
            "Message (user) attribute 'x' must contain a non-empty value of type 'String'.",
        ),
        (
            message("a", "x", object! { "StringValue" => "y" }),
            parameter,
            "must contain a non-empty message attribute type",
        ),
        (
            message("a", "x", object! { "DataType" => "Float", "StringValue" => "1" }),
            parameter,
            "type of message (user) attribute 'x' is invalid",
        ),
        (
            message("a", "x", object! { "DataType" => "Number", "StringValue" => "one" }),
            parameter,
            "Can't cast the value",
        ),
        (
            message("a", "x", object! { "DataType" => "Binary", "BinaryValue" => "" }),
            parameter,
            "non-empty value of type 'Binary'",
        ),
    ];
    for (input, code, text) in cases {
        let shown = input.to_text();
        let (found, message) = world.refused("SendMessage", input).await;
        assert_eq!(found, code, "{shown}: {message}");
        assert!(message.contains(text), "{shown}: {message}");
    }
    let many: windlass_value::Object = (0..11).map(|number| (format!("a{number}"), string("x"))).collect();
    let (_, text) = world.refused("SendMessage", plain("a", "MessageAttributes", many.into())).await;
    assert_eq!(text, "Number of message attributes [11] exceeds the allowed maximum [10].");
    assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
}

#[tokio::test(start_paused = true)]
async fn batches_are_checked_and_answered_by_entry() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    let entry = |id: &str, body: &str| object! { "Id" => id, "MessageBody" => body };
    let batch = |entries: Vec<Value>| object! { "QueueUrl" => url.as_str(), "Entries" => entries };
    let eleven = (0..11).map(|number| entry(&number.to_string(), "x")).collect();
    let half = "h".repeat(524_288);
    let cases = [
        (
            batch(vec![]),
            "EmptyBatchRequest",
            "There should be at least one SendMessageBatchRequestEntry in the request.",
        ),
        (
            batch(eleven),
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 11.",
        ),
        (batch(vec![entry("a", "x"), entry("a", "y")]), "BatchEntryIdsNotDistinct", "Id a repeated."),
        (batch(vec![entry("a:b", "x")]), "InvalidBatchEntryId", "A batch entry id can only contain"),
        (
            batch(vec![entry("a", &half), entry("b", &(half.clone() + "x"))]),
            "BatchRequestTooLong",
            "You have sent 1048577 bytes.",
        ),
    ];
    for (input, code, text) in cases {
        let (found, message) = world.refused("SendMessageBatch", input).await;
        assert!(found == code && message.contains(text), "{found}: {message}");
    }
    let answer = world.call("SendMessageBatch", batch(vec![entry("a", "1"), entry("b", ""), entry("c", "3")])).await;
    let ids = |member: &str| {
        answer[member].as_array().map(|entries| entries.iter().map(|entry| entry["Id"].to_text()).collect::<Vec<_>>())
    };
    assert_eq!(ids("Successful"), Some(vec!["\"a\"".to_owned(), "\"c\"".to_owned()]));
    assert_eq!(
        answer["Failed"],
        Value::from(vec![object! {
            "Id" => "b", "SenderFault" => true, "Code" => "MissingParameter",
            "Message" => "The request must contain the parameter MessageBody.",
        }])
    );
    let messages = world.receive(&url).await;
    assert_eq!(bodies(&messages), ["1", "3"]);
    let handles = |timeout: Option<i64>| {
        let entry = |(index, handle): (usize, Value)| {
            object! { "Id" => index.to_string(), "ReceiptHandle" => handle, "VisibilityTimeout" => timeout }
        };
        let handles = messages.iter().map(|message| message["ReceiptHandle"].clone()).chain([Value::from("x")]);
        batch(handles.enumerate().map(entry).collect())
    };
    let changed = world.call("ChangeMessageVisibilityBatch", handles(Some(5))).await;
    let failed = changed["Failed"].at(0).expect("one failed");
    assert_eq!(failed["Code"], Value::from("ReceiptHandleIsInvalid"));
    assert_eq!(changed["Successful"], Value::from(vec![object! { "Id" => "0" }, object! { "Id" => "1" }]));
    let deleted = world.call("DeleteMessageBatch", handles(None)).await;
    assert_eq!(deleted["Successful"], Value::from(vec![object! { "Id" => "0" }, object! { "Id" => "1" }]));
    assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_comes_back_when_its_timeout_is_over() {
    let world = World::new();
    let url = world.queue("q", object! { "VisibilityTimeout" => "10" }).await;
    world.send(&url, "x").await;
    let first = world.receive(&url).await;
    assert_eq!(world.counts(&url).await, ["0", "1", "0"]);
    pass_ms(9_999).await;
    assert_eq!(world.bodies(&url).await, [""; 0]);
    pass_ms(1).await;
    assert_eq!(world.counts(&url).await, ["1", "0", "0"]);
    let second = world.receive(&url).await;
    assert_ne!(first[0]["ReceiptHandle"], second[0]["ReceiptHandle"]);
    assert_eq!(second[0]["Attributes"]["ApproximateReceiveCount"], Value::from("2"));
    // An old handle deletes all the same; a second time changes nothing.
    world.delete(&url, &first[0]).await;
    world.delete(&url, &second[0]).await;
    assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
    pass_ms(60_000).await;
    assert_eq!(world.bodies(&url).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn the_visibility_timeout_can_be_changed() {
    let mut world = World::new();
    let url = world.queue("q", object! {}).await;
    world.send(&url, "x").await;
    let message = world.receive_with(&url, object! { "VisibilityTimeout" => 5 }).await.remove(0);
    let change = |seconds: i64| {
        object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => &message["ReceiptHandle"], "VisibilityTimeout" => seconds }
    };
    world.call("ChangeMessageVisibility", change(100)).await;
    world.restart();
    pass_ms(99_999).await;
    assert_eq!(world.counts(&url).await, ["0", "1", "0"]);
    world.call("ChangeMessageVisibility", change(0)).await;
    assert_eq!(world.counts(&url).await, ["1", "0", "0"]);
    // It is visible: there is nothing to change.
    world.call("ChangeMessageVisibility", change(50)).await;
    assert_eq!(world.counts(&url).await, ["1", "0", "0"]);
    for (seconds, text) in [
        (43_201, "Value 43201 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."),
        (-1, "Value -1 for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."),
    ] {
        assert_eq!(world.refused("ChangeMessageVisibility", change(seconds)).await.1, text);
    }
    let held = world.receive(&url).await;
    pass_ms(20_000).await;
    let change = |seconds: i64| {
        object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => &held[0]["ReceiptHandle"], "VisibilityTimeout" => seconds }
    };
    let (_, text) = world.refused("ChangeMessageVisibility", change(43_190)).await;
    assert!(text.contains("Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"), "{text}");
    world.delete(&url, &held[0]).await;
    let (_, text) = world.refused("ChangeMessageVisibility", change(5)).await;
    assert!(text.contains("Message does not exist or is not available"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_delay_holds_a_message_back() {
    let mut world = World::new();
    let url = world.queue("q", object! { "DelaySeconds" => "10" }).await;
    world.send(&url, "queue").await;
    let input = object! { "QueueUrl" => url.as_str(), "MessageBody" => "own", "DelaySeconds" => 20 };
    world.call("SendMessage", input).await;
    let input = object! { "QueueUrl" => url.as_str(), "MessageBody" => "none", "DelaySeconds" => 0 };
    world.call("SendMessage", input).await;
    assert_eq!(world.counts(&url).await, ["1", "0", "2"]);
    assert_eq!(world.bodies(&url).await, ["none"]);
    // The setting holds for what is sent from now on.
    let set = object! { "QueueUrl" => url.as_str(), "Attributes" => object! { "DelaySeconds" => "0" } };
    world.call("SetQueueAttributes", set).await;
    world.restart();
    pass_ms(10_000).await;
    assert_eq!(world.bodies(&url).await, ["queue"]);
    pass_ms(10_000).await;
    assert_eq!(world.bodies(&url).await, ["own"]);
}

#[tokio::test(start_paused = true)]
async fn messages_end_with_their_retention() {
    let world = World::new();
    let url = world.queue("q", object! { "MessageRetentionPeriod" => "60" }).await;
    world.send(&url, "old").await;
    pass_ms(30_000).await;
    world.send(&url, "young").await;
    pass_ms(30_000).await;
    assert_eq!(world.bodies(&url).await, ["young"]);
    // Without anybody who receives: the sweep.
    let other = world.queue("p", object! { "MessageRetentionPeriod" => "60" }).await;
    world.send(&other, "old").await;
    tokio::time::sleep(std::time::Duration::from_secs(100)).await;
    assert_eq!(world.counts(&other).await, ["0", "0", "0"]);
}

#[tokio::test(start_paused = true)]
async fn receives_are_checked() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    for (member, value, text) in [
        (
            "MaxNumberOfMessages",
            11,
            "Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            "MaxNumberOfMessages",
            0,
            "Value 0 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.",
        ),
        (
            "WaitTimeSeconds",
            21,
            "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
        (
            "WaitTimeSeconds",
            -1,
            "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.",
        ),
    ] {
        let (code, message) =
            world.refused("ReceiveMessage", object! { "QueueUrl" => url.as_str(), member => value }).await;
        assert_eq!((code.as_str(), message.as_str()), ("InvalidParameterValueException", text));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_comes_again_is_applied_once() {
    let mut world = World::new();
    let url = world.queue("q", object! {}).await;
    let keyed = |operation: &str, input: Value| {
        let mut call = call(operation, input);
        call.idempotency_key = Some(format!("{operation}-1").into());
        call
    };
    let send = object! { "QueueUrl" => url.as_str(), "MessageBody" => "x" };
    let batch = object! { "QueueUrl" => url.as_str(), "Entries" => vec![object! { "Id" => "a", "MessageBody" => "y" }, object! { "Id" => "b", "MessageBody" => "" }] };
    for (operation, input) in [("SendMessage", send), ("SendMessageBatch", batch)] {
        let first = world.sqs.call(keyed(operation, input.clone())).await.expect("sent").output;
        let both = tokio::join!(
            world.sqs.call(keyed(operation, input.clone())),
            world.sqs.call(keyed(operation, input.clone()))
        );
        assert_eq!(both.0.expect("answered").output, first);
        assert_eq!(both.1.expect("answered").output, first);
        world.restart();
        assert_eq!(world.sqs.call(keyed(operation, input)).await.expect("answered").output, first);
    }
    assert_eq!(world.bodies(&url).await, ["x", "y"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_in_memory_is_read_later() {
    let mut world = World::with(|config| config.resident_max = 4);
    let url = world.queue("q", object! {}).await;
    let numbers = |range: std::ops::Range<u32>| range.map(|number| number.to_string()).collect::<Vec<_>>();
    for body in numbers(0..20) {
        world.send(&url, &body).await;
    }
    let resident = |world: &World| world.sqs.measure().resident;
    assert_eq!(resident(&world), 4);
    assert_eq!(world.counts(&url).await, ["20", "0", "0"]);
    world.restart();
    assert_eq!(resident(&world), 4);
    assert_eq!(world.counts(&url).await, ["20", "0", "0"]);
    let mut received = Vec::new();
    while received.len() < 13 {
        received.extend(world.receive_with(&url, object! { "MaxNumberOfMessages" => 3 }).await);
    }
    assert_eq!(bodies(&received)[..13], numbers(0..13));
    // What is in flight does not count, else nothing could follow it.
    assert!(resident(&world) <= 4 + received.len() as u64);
    // After a restart these come first again; a handle of one that is not in memory deletes it.
    world.restart();
    for message in &received {
        world.delete(&url, message).await;
    }
    world.restart();
    let mut rest = Vec::new();
    loop {
        match world.bodies(&url).await {
            more if more.is_empty() => break,
            more => rest.extend(more),
        }
    }
    assert_eq!(rest, numbers(received.len() as u32..20));
}
