use std::collections::BTreeSet;

use windlass_value::{Value, object, parse};

use crate::fixture::{BASE_URL, World, body, queue_arn, text};

/// The members of a JSON object in their order.
fn names(text: &str) -> Vec<String> {
    parse(text).unwrap().as_object().unwrap().keys().map(|name| name.to_string()).collect()
}

#[tokio::test]
async fn queues_get_the_envelope() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let subscription = world.subscribe(&topic, "q", Value::Null).await;
    let attributes = object! {
        "n" => object! { "DataType" => "Number", "StringValue" => "1" },
        "b" => object! { "DataType" => "Binary", "BinaryValue" => "AgME" },
    };
    let more = object! { "Subject" => "Hello", "MessageAttributes" => attributes };
    let published = world.publish(&topic, "text \"quoted\" ü", more).await;
    let sent = world.next_sent().await;
    assert_eq!(sent.operation.as_ref(), "SendMessage");
    assert_eq!(&*sent.principal.arn, "sns.amazonaws.com");
    assert_eq!(sent.source_arn.as_deref(), Some(topic.as_str()));
    assert_eq!(text(&sent.input, "QueueUrl"), format!("{BASE_URL}/000000000000/q"));
    assert!(sent.input["MessageAttributes"].is_null());
    let document = body(&sent);
    let members = [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "SignatureVersion",
        "Signature",
        "SigningCertURL",
        "UnsubscribeURL",
        "MessageAttributes",
    ];
    assert_eq!(names(&document), members);
    assert!(document.starts_with("{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : \""), "{document}");
    assert!(document.ends_with("  \"MessageAttributes\" : {\n    \"n\" : {\"Type\":\"Number\",\"Value\":\"1\"},\n    \"b\" : {\"Type\":\"Binary\",\"Value\":\"AgME\"}\n  }\n}"), "{document}");
    let value = parse(&document).unwrap();
    assert_eq!(value["MessageId"], published["MessageId"]);
    assert_eq!(value["Message"].as_str(), Some("text \"quoted\" ü"));
    assert_eq!(value["Timestamp"].as_str(), Some("2026-11-18T11:06:40.000Z"));
    assert_eq!(value["SignatureVersion"].as_str(), Some("1"));
    let path = world.sns.certificate_path().await.unwrap();
    assert_eq!(text(&value, "SigningCertURL"), format!("{BASE_URL}{path}"));
    assert_eq!(
        text(&value, "UnsubscribeURL"),
        format!("{BASE_URL}/?Action=Unsubscribe&SubscriptionArn={subscription}")
    );
    let pem = world.sns.certificate_pem().await.unwrap();
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----\n") && pem.ends_with("-----END CERTIFICATE-----\n"));
    // The key stays over a restart.
    world.restart();
    assert_eq!(world.sns.certificate_path().await.unwrap(), path);
}

#[tokio::test]
async fn raw_messages_are_themselves() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    world.subscribe(&topic, "q", object! { "RawMessageDelivery" => "true" }).await;
    let attributes = object! { "a" => object! { "DataType" => "String.x", "StringValue" => "1" } };
    let more = object! { "MessageAttributes" => attributes.clone(), "MessageGroupId" => "tenant" };
    world.publish(&topic, "as it is", more).await;
    let sent = world.next_sent().await;
    assert_eq!(body(&sent), "as it is");
    assert_eq!(sent.input["MessageAttributes"], attributes);
    assert_eq!(text(&sent.input, "MessageGroupId"), "tenant");
    // Queues take ten attributes; a raw message with more is dropped.
    let many = |count: usize| -> Value {
        let one = |number: usize| (format!("a{number}"), object! { "DataType" => "String", "StringValue" => "1" });
        (0..count).map(one).collect::<windlass_value::Object>().into()
    };
    world.publish(&topic, "eleven", object! { "MessageAttributes" => many(11) }).await;
    world.publish(&topic, "ten", object! { "MessageAttributes" => many(10) }).await;
    assert_eq!(body(&world.next_sent().await), "ten");
}

#[tokio::test]
async fn functions_get_a_record() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let function = "arn:aws:lambda:us-east-1:000000000000:function:f";
    let input = object! { "TopicArn" => &topic, "Protocol" => "lambda", "Endpoint" => function };
    let subscription = text(&world.call("Subscribe", input).await, "SubscriptionArn");
    world.publish(&topic, "Hello world.", Value::Null).await;
    let invoked = world.next_invoked().await;
    assert_eq!(invoked.operation.as_ref(), "Invoke");
    assert_eq!(text(&invoked.input, "FunctionName"), function);
    assert_eq!(text(&invoked.input, "InvocationType"), "Event");
    let event = parse(std::str::from_utf8(invoked.body.in_memory().unwrap()).unwrap()).unwrap();
    let record = event["Records"].at(0).unwrap();
    assert_eq!(text(record, "EventSource"), "aws:sns");
    assert_eq!(text(record, "EventSubscriptionArn"), subscription);
    let notification: BTreeSet<String> =
        record["Sns"].as_object().unwrap().keys().map(|name| name.to_string()).collect();
    let expected = [
        "Message",
        "MessageAttributes",
        "MessageId",
        "Signature",
        "SignatureVersion",
        "SigningCertUrl",
        "Subject",
        "Timestamp",
        "TopicArn",
        "Type",
        "UnsubscribeUrl",
    ];
    assert_eq!(notification, expected.iter().map(|name| (*name).to_owned()).collect());
    assert!(record["Sns"]["Subject"].is_null());
    assert_eq!(record["Sns"]["MessageAttributes"], Value::empty_object());
}

#[tokio::test]
async fn protocols_have_texts_of_their_own() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    world.subscribe(&topic, "raw", object! { "RawMessageDelivery" => "true" }).await;
    let policy = object! { "FilterPolicy" => r#"{"k":["v"]}"#, "FilterPolicyScope" => "MessageBody" };
    world.subscribe(&topic, "filtered", policy).await;
    let more = object! { "MessageStructure" => "json" };
    world.publish(&topic, r#"{"default":"all","sqs":"{\"k\":\"v\"}"}"#, more.clone()).await;
    let mut bodies = [body(&world.next_sent().await), body(&world.next_sent().await)];
    bodies.sort_by_key(String::len);
    assert_eq!(bodies[0], r#"{"k":"v"}"#);
    assert_eq!(text(&parse(&bodies[1]).unwrap(), "Message"), r#"{"k":"v"}"#);
    world.publish(&topic, r#"{"default":"all","http":"x"}"#, more).await;
    assert_eq!(body(&world.next_sent().await), "all");
    world.settled().await;
}

#[tokio::test]
async fn policies_choose_the_receivers() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let subscribe = [
        ("all", Value::Null),
        ("red", object! { "FilterPolicy" => r#"{"color":["red"]}"# }),
        ("large", object! { "FilterPolicy" => r#"{"size":[{"numeric":[">",10]}]}"# }),
        ("body", object! { "FilterPolicy" => r#"{"a":{"b":[1]}}"#, "FilterPolicyScope" => "MessageBody" }),
    ];
    for (queue, attributes) in &subscribe {
        world.subscribe(&topic, queue, attributes.clone()).await;
    }
    let attribute = |data_type: &str, value: &str| object! { "DataType" => data_type, "StringValue" => value };
    let rows: &[(&str, Value, &[&str])] = &[
        ("x", Value::Null, &["all"]),
        ("x", object! { "color" => attribute("String", "red") }, &["all", "red"]),
        (
            "x",
            object! { "color" => attribute("String", "blue"), "size" => attribute("Number", "11") },
            &["all", "large"],
        ),
        (r#"{"a":[{"b":1}]}"#, object! { "color" => attribute("String.Array", r#"["red"]"#) }, &["all", "body", "red"]),
    ];
    for (message, attributes, expected) in rows {
        world.publish(&topic, message, object! { "MessageAttributes" => attributes.clone() }).await;
        let mut queues = Vec::new();
        for _ in *expected {
            queues.push(text(&world.next_sent().await.input, "QueueUrl").rsplit('/').next().unwrap().to_owned());
        }
        queues.sort();
        assert_eq!(queues, *expected);
        world.settled().await;
    }
    assert!(world.queues.try_recv().is_err());
    // Several deliveries of one message share its row, which goes with the last.
    assert_eq!(world.rows("sns_messages"), 0);
}

#[tokio::test]
async fn batches_are_published_together() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    for queue in ["a", "b"] {
        world.subscribe(&topic, queue, object! { "RawMessageDelivery" => "true" }).await;
    }
    let entries: Vec<Value> =
        (0..10).map(|id| object! { "Id" => id.to_string(), "Message" => format!("m{id}") }).collect();
    let output =
        world.call("PublishBatch", object! { "TopicArn" => &topic, "PublishBatchRequestEntries" => entries }).await;
    assert_eq!(output["Failed"], Value::array(vec![]));
    let successful = output["Successful"].as_array().unwrap();
    assert_eq!(
        successful.iter().map(|one| text(one, "Id")).collect::<Vec<_>>(),
        (0..10).map(|id| id.to_string()).collect::<Vec<_>>()
    );
    let mut sent = Vec::new();
    for _ in 0..20 {
        let call = world.next_sent().await;
        sent.push(format!("{} {}", text(&call.input, "QueueUrl").rsplit('/').next().unwrap(), body(&call)));
    }
    sent.sort();
    let expected: Vec<String> =
        ["a", "b"].iter().flat_map(|queue| (0..10).map(move |id| format!("{queue} m{id}"))).collect();
    assert_eq!(sent, expected);
    world.settled().await;
    assert_eq!(queue_arn("a"), "arn:aws:sqs:us-east-1:000000000000:a");
}
