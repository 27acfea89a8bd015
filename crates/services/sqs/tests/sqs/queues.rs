use windlass_value::{Value, object};

use crate::fixture::{World, arn, pass_ms, texts};

#[tokio::test(start_paused = true)]
async fn a_queue_is_created_once() {
    let world = World::new();
    let attributes = object! { "DelaySeconds" => "5", "VisibilityTimeout" => "40" };
    let url = world.queue("q", attributes.clone()).await;
    assert_eq!(url, "http://localhost:4599/000000000000/q");
    assert_eq!(world.queue("q", attributes).await, url);
    // What is not named is not compared.
    assert_eq!(world.queue("q", object! { "DelaySeconds" => "5" }).await, url);
    let refused =
        world.refused("CreateQueue", object! { "QueueName" => "q", "Attributes" => object! { "DelaySeconds" => "6" } });
    let text = "A queue already exists with the same name and a different value for attribute DelaySeconds";
    assert_eq!(refused.await, ("QueueNameExists".to_owned(), text.to_owned()));
}

#[tokio::test(start_paused = true)]
async fn attributes_and_names_are_checked() {
    let world = World::new();
    world.queue("dead", object! {}).await;
    world.queue("dead.fifo", object! { "FifoQueue" => "true" }).await;
    let policy = |arn: String, count: &str| format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{count}}}"#);
    let cases: &[(&str, &str, String, &str, &str)] = &[
        ("", "DelaySeconds", "0".to_owned(), "InvalidParameterValueException", "Can only include"),
        ("a b", "DelaySeconds", "0".to_owned(), "InvalidParameterValueException", "Can only include"),
        ("q.fifo", "DelaySeconds", "0".to_owned(), "InvalidParameterValueException", "Can only include"),
        ("q", "FifoQueue", "true".to_owned(), "InvalidParameterValueException", "The name of a FIFO queue"),
        ("q", "FifoQueue", "false".to_owned(), "InvalidAttributeName", "Unknown Attribute FifoQueue."),
        ("q", "ContentBasedDeduplication", "true".to_owned(), "InvalidAttributeName", "Unknown Attribute"),
        (
            "q",
            "DeduplicationScope",
            "queue".to_owned(),
            "InvalidAttributeName",
            "You can specify the DeduplicationScope only",
        ),
        ("q", "Colour", "red".to_owned(), "InvalidAttributeName", "Unknown Attribute Colour."),
        ("q", "QueueArn", "x".to_owned(), "InvalidAttributeName", "Unknown Attribute QueueArn."),
        (
            "q",
            "DelaySeconds",
            "901".to_owned(),
            "InvalidAttributeValue",
            "Invalid value for the parameter DelaySeconds.",
        ),
        ("q", "DelaySeconds", "x".to_owned(), "InvalidAttributeValue", "Invalid value for the parameter"),
        ("q", "VisibilityTimeout", "43201".to_owned(), "InvalidAttributeValue", "Invalid value"),
        ("q", "MaximumMessageSize", "1023".to_owned(), "InvalidAttributeValue", "Invalid value"),
        ("q", "MaximumMessageSize", "1048577".to_owned(), "InvalidAttributeValue", "Invalid value"),
        ("q", "MessageRetentionPeriod", "59".to_owned(), "InvalidAttributeValue", "Invalid value"),
        ("q", "ReceiveMessageWaitTimeSeconds", "21".to_owned(), "InvalidAttributeValue", "Invalid value"),
        ("q", "KmsDataKeyReusePeriodSeconds", "59".to_owned(), "InvalidAttributeValue", "Invalid value"),
        ("q", "Policy", "{".to_owned(), "InvalidAttributeValue", "Invalid value for the parameter Policy."),
        ("q", "RedrivePolicy", "x".to_owned(), "InvalidParameterValueException", "not a valid JSON map"),
        (
            "q",
            "RedrivePolicy",
            "{}".to_owned(),
            "InvalidParameterValueException",
            "mandatory attribute: deadLetterTargetArn",
        ),
        ("q", "RedrivePolicy", policy(arn("dead"), "0"), "InvalidParameterValueException", "from 1 to 1000"),
        ("q", "RedrivePolicy", policy(arn("dead"), "\"x\""), "InvalidParameterValueException", "from 1 to 1000"),
        (
            "q",
            "RedrivePolicy",
            policy(arn("none"), "3"),
            "InvalidParameterValueException",
            "Dead letter target does not exist.",
        ),
        ("q", "RedrivePolicy", policy(arn("dead.fifo"), "3"), "InvalidParameterValueException", "same type of queue"),
        (
            "q",
            "RedriveAllowPolicy",
            r#"{"redrivePermission":"x"}"#.to_owned(),
            "InvalidParameterValueException",
            "redrivePermission",
        ),
    ];
    for (name, attribute, value, code, text) in cases {
        let input = object! { "QueueName" => *name, "Attributes" => object! { *attribute => value.as_str() } };
        let (found, message) = world.refused("CreateQueue", input).await;
        assert_eq!(found, *code, "{name} {attribute}={value}: {message}");
        assert!(message.contains(text), "{name} {attribute}={value}: {message}");
    }
    assert!(world.call("ListQueues", object! {}).await["QueueUrls"].as_array().is_some_and(|urls| urls.len() == 2));
}

#[tokio::test(start_paused = true)]
async fn attributes_are_set_kept_and_answered() {
    let mut world = World::new();
    let dead = world.queue("dead", object! {}).await;
    let url = world.queue("q", object! {}).await;
    pass_ms(5_000).await;
    let set = object! {
        "VisibilityTimeout" => "77",
        "RedrivePolicy" => object! { "deadLetterTargetArn" => arn("dead"), "maxReceiveCount" => "3" }.to_text(),
        "Policy" => r#"{"Statement":[]}"#,
        "KmsMasterKeyId" => "alias/k",
        "KmsDataKeyReusePeriodSeconds" => "300",
    };
    world.call("SetQueueAttributes", object! { "QueueUrl" => url.as_str(), "Attributes" => set }).await;
    world.call("TagQueue", object! { "QueueUrl" => url.as_str(), "Tags" => object! { "a" => "1", "b" => "" } }).await;
    world.call("UntagQueue", object! { "QueueUrl" => url.as_str(), "TagKeys" => texts(&["b"]) }).await;
    world.restart();
    let all = object! { "QueueUrl" => url.as_str(), "AttributeNames" => texts(&["All"]) };
    let attributes = world.call("GetQueueAttributes", all).await["Attributes"].clone();
    let expected = object! {
        "ApproximateNumberOfMessages" => "0",
        "ApproximateNumberOfMessagesDelayed" => "0",
        "ApproximateNumberOfMessagesNotVisible" => "0",
        "CreatedTimestamp" => "1700000000",
        "DelaySeconds" => "0",
        "KmsMasterKeyId" => "alias/k",
        "LastModifiedTimestamp" => "1700000005",
        "MaximumMessageSize" => "1048576",
        "MessageRetentionPeriod" => "345600",
        "Policy" => r#"{"Statement":[]}"#,
        "QueueArn" => arn("q"),
        "ReceiveMessageWaitTimeSeconds" => "0",
        "RedrivePolicy" => format!(r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":3}}"#, arn("dead")),
        "SqsManagedSseEnabled" => "false",
        "VisibilityTimeout" => "77",
    };
    assert_eq!(attributes, expected);
    assert_eq!(
        world.call("ListQueueTags", object! { "QueueUrl" => url.as_str() }).await,
        object! { "Tags" => object! { "a" => "1" } }
    );
    let sources = world.call("ListDeadLetterSourceQueues", object! { "QueueUrl" => dead.as_str() }).await;
    assert_eq!(sources, object! { "queueUrls" => texts(&[&url]) });
    // An empty document removes the attribute; none asked for is none answered.
    let none = object! { "RedrivePolicy" => "", "Policy" => "", "SqsManagedSseEnabled" => "true" };
    world.call("SetQueueAttributes", object! { "QueueUrl" => url.as_str(), "Attributes" => none }).await;
    assert_eq!(world.attribute(&url, "RedrivePolicy").await, "");
    assert_eq!(world.attribute(&url, "KmsMasterKeyId").await, "");
    assert_eq!(world.call("GetQueueAttributes", object! { "QueueUrl" => url.as_str() }).await, object! {});
    let unknown = world.refused("GetQueueAttributes", object! { "QueueUrl" => url, "AttributeNames" => texts(&["X"]) });
    assert_eq!(unknown.await.0, "InvalidAttributeName");
}

#[tokio::test(start_paused = true)]
async fn any_address_of_a_queue_will_do() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    let good = [
        url.as_str(),
        "https://sqs.eu-west-1.amazonaws.com/000000000000/q",
        "http://other:1/queue/eu-west-1/000000000000/q",
        "http://other/000000000000/q/",
        "000000000000/q",
        "q",
        "arn:aws:sqs:eu-west-1:000000000000:q",
    ];
    for address in good {
        world.send(address, "x").await;
    }
    let bad = [
        ("http://other/111111111111/q", "QueueDoesNotExist"),
        ("http://other/000000000000/p", "QueueDoesNotExist"),
        ("http://other/a/b/q", "InvalidAddress"),
        ("http://other/", "InvalidAddress"),
        ("arn:aws:sns:eu-west-1:000000000000:q", "InvalidAddress"),
    ];
    for (address, code) in bad {
        let (found, _) = world.refused("SendMessage", object! { "QueueUrl" => address, "MessageBody" => "x" }).await;
        assert_eq!(found, code, "{address}");
    }
    assert_eq!(
        world.refused("SendMessage", object! { "MessageBody" => "x" }).await.0,
        "MissingRequiredParameterException"
    );
}

#[tokio::test(start_paused = true)]
async fn queues_are_listed_by_pages() {
    let world = World::new();
    for name in ["b3", "a1", "b1", "b2"] {
        world.queue(name, object! {}).await;
    }
    let (mut token, mut names) = (Value::Null, Vec::new());
    loop {
        let input = object! { "QueueNamePrefix" => "b", "MaxResults" => 2, "NextToken" => &token };
        let page = world.call("ListQueues", input).await;
        names.extend(page["QueueUrls"].as_array().expect("a page").iter().map(Value::to_text));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let url = |name: &str| format!("\"http://localhost:4599/000000000000/{name}\"");
    assert_eq!(names, [url("b1"), url("b2"), url("b3")]);
    assert_eq!(world.call("ListQueues", object! { "QueueNamePrefix" => "z" }).await, object! {});
    for (input, code) in [
        (object! { "NextToken" => "x" }, "InvalidParameterValueException"),
        (object! { "MaxResults" => 1001 }, "InvalidParameterValueException"),
    ] {
        assert_eq!(world.refused("ListQueues", input).await.0, code);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_queue_and_its_messages_are_gone() {
    let mut world = World::new();
    let url = world.queue("q", object! {}).await;
    for body in ["1", "2", "3"] {
        world.send(&url, body).await;
    }
    let held = world.receive_with(&url, object! {}).await;
    world.call("DeleteQueue", object! { "QueueUrl" => url.as_str() }).await;
    for operation in ["DeleteQueue", "ReceiveMessage", "PurgeQueue", "GetQueueAttributes", "ListQueueTags"] {
        assert_eq!(world.refused(operation, object! { "QueueUrl" => url.as_str() }).await.0, "QueueDoesNotExist");
    }
    assert_eq!(world.refused("GetQueueUrl", object! { "QueueName" => "q" }).await.0, "QueueDoesNotExist");
    assert_eq!(world.queue("q", object! {}).await, url);
    assert_eq!(world.bodies(&url).await, [""; 0]);
    let old = object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => &held[0]["ReceiptHandle"] };
    assert_eq!(world.refused("DeleteMessage", old).await.0, "ReceiptHandleIsInvalid");
    world.restart();
    assert_eq!(world.bodies(&url).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_purge_takes_what_was_sent_before() {
    let mut world = World::new();
    let url = world.queue("q", object! {}).await;
    for body in ["1", "2", "3"] {
        world.send(&url, body).await;
    }
    world.receive_with(&url, object! {}).await;
    world.call("PurgeQueue", object! { "QueueUrl" => url.as_str() }).await;
    assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
    world.send(&url, "4").await;
    let again = world.refused("PurgeQueue", object! { "QueueUrl" => url.as_str() }).await;
    let text = "Only one PurgeQueue operation on q is allowed every 60 seconds.";
    assert_eq!(again, ("PurgeQueueInProgress".to_owned(), text.to_owned()));
    world.restart();
    pass_ms(60_000).await;
    assert_eq!(world.bodies(&url).await, ["4"]);
    world.call("PurgeQueue", object! { "QueueUrl" => url.as_str() }).await;
    pass_ms(60_000).await;
    assert_eq!(world.bodies(&url).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn permissions_are_statements_of_the_policy() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    let add = |label: &str, accounts: &[&str], actions: &[&str]| {
        object! {
            "QueueUrl" => url.as_str(), "Label" => label, "AWSAccountIds" => texts(accounts), "Actions" => texts(actions),
        }
    };
    world.call("AddPermission", add("one", &["111111111111", "222222222222"], &["SendMessage"])).await;
    let policy = world.attribute(&url, "Policy").await;
    let expected = object! {
        "Version" => "2008-10-17",
        "Id" => format!("{}/SQSDefaultPolicy", arn("q")),
        "Statement" => vec![object! {
            "Sid" => "one",
            "Effect" => "Allow",
            "Principal" => object! { "AWS" => texts(&["arn:aws:iam::111111111111:root", "arn:aws:iam::222222222222:root"]) },
            "Action" => "SQS:SendMessage",
            "Resource" => arn("q"),
        }],
    };
    assert_eq!(policy, expected.to_text());
    use windlass_protocol::Service as _;
    assert_eq!(world.sqs.resource_policy(&arn("q")).await.expect("a policy").as_deref(), Some(policy.as_str()));
    for (input, text) in [
        (add("one", &["111111111111"], &["SendMessage"]), "Already exists."),
        (add("two", &["111111111111"], &["Foo"]), "Please refer to the appropriate WSDL"),
        (add("two", &["111111111111"], &["DeleteQueue"]), "Only the queue owner"),
        (
            add("two", &["1"], &["SendMessage"]),
            "Value [1] for parameter PrincipalId is invalid. Reason: Unable to verify.",
        ),
        (add("two", &[], &["SendMessage"]), "Value [] for parameter PrincipalId"),
    ] {
        let (code, message) = world.refused("AddPermission", input).await;
        assert!(code == "InvalidParameterValueException" && message.contains(text), "{message}");
    }
    let remove = object! { "QueueUrl" => url.as_str(), "Label" => "one" };
    world.call("RemovePermission", remove.clone()).await;
    assert_eq!(world.attribute(&url, "Policy").await, "");
    assert_eq!(
        world.refused("RemovePermission", remove).await.1,
        "Value one for parameter Label is invalid. Reason: can't find label."
    );
}
