use windlass_protocol::Service;
use windlass_value::{Value, object, parse};

use crate::fixture::{World, text, topic_arn};

#[tokio::test]
async fn topics_are_made_once() {
    let mut world = World::new();
    let tags = vec![object! { "Key" => "a", "Value" => "1" }, object! { "Key" => "b", "Value" => "2" }];
    let create = |more: Value, tags: Vec<Value>| object! { "Name" => "t", "Attributes" => more, "Tags" => tags };
    let attributes = object! { "DisplayName" => "One" };
    world.call("CreateTopic", create(attributes.clone(), tags.clone())).await;
    let same =
        [(Value::Null, vec![]), (attributes, tags[..1].to_vec()), (object! { "FifoTopic" => "false" }, tags.clone())];
    for (attributes, tags) in same {
        let output = world.call("CreateTopic", create(attributes, tags)).await;
        assert_eq!(text(&output, "TopicArn"), topic_arn("t"));
    }
    for different in [object! { "DisplayName" => "Two" }, object! { "SignatureVersion" => "2" }] {
        world.try_call("CreateTopic", create(different, vec![])).await.unwrap_err();
    }
    world.restart();
    let read = world.call("GetTopicAttributes", object! { "TopicArn" => topic_arn("t") }).await;
    assert_eq!(read["Attributes"]["DisplayName"].as_str(), Some("One"));
    let arn = object! { "ResourceArn" => topic_arn("t"), "TagKeys" => vec!["a".into()] };
    world.call("UntagResource", arn).await;
    let more = vec![object! { "Key" => "b", "Value" => "3" }];
    world.call("TagResource", object! { "ResourceArn" => topic_arn("t"), "Tags" => more.clone() }).await;
    let listed = world.call("ListTagsForResource", object! { "ResourceArn" => topic_arn("t") }).await;
    assert_eq!(listed["Tags"], more.into());
    world.call("DeleteTopic", object! { "TopicArn" => topic_arn("t") }).await;
    world.call("DeleteTopic", object! { "TopicArn" => topic_arn("t") }).await;
    assert_eq!(world.call("ListTopics", Value::empty_object()).await["Topics"], Value::array(vec![]));
}

#[tokio::test]
async fn topics_are_listed_by_pages() {
    let world = World::new();
    for number in 0..205 {
        world.topic(&format!("t{number:03}"), Value::Null).await;
    }
    let mut names = Vec::new();
    let mut token = Value::Null;
    let mut pages = 0;
    loop {
        let page = world.call("ListTopics", object! { "NextToken" => token }).await;
        pages += 1;
        names.extend(page["Topics"].as_array().unwrap().iter().map(|topic| text(topic, "TopicArn")));
        token = page["NextToken"].clone();
        if token.is_null() {
            break;
        }
    }
    let expected: Vec<String> = (0..205).map(|number| topic_arn(&format!("t{number:03}"))).collect();
    assert_eq!((pages, names), (3, expected));
}

#[tokio::test]
async fn attributes_are_answered_as_at_aws() {
    let world = World::new();
    let arn = world.topic("f.fifo", object! { "FifoTopic" => "true", "ContentBasedDeduplication" => "true" }).await;
    let set =
        |name: &str, value: &str| object! { "TopicArn" => &arn, "AttributeName" => name, "AttributeValue" => value };
    let policy = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1},"disableSubscriptionOverrides":false}}"#;
    world.call("SetTopicAttributes", set("DeliveryPolicy", policy)).await;
    let read = world.call("GetTopicAttributes", object! { "TopicArn" => &arn }).await;
    let attributes = &read["Attributes"];
    let plain = [
        ("FifoTopic", "true"),
        ("ContentBasedDeduplication", "true"),
        ("DisplayName", ""),
        ("Owner", "000000000000"),
        ("SubscriptionsConfirmed", "0"),
        ("SubscriptionsPending", "0"),
        ("SubscriptionsDeleted", "0"),
        ("TopicArn", arn.as_str()),
        ("DeliveryPolicy", policy),
    ];
    for (name, expected) in plain {
        assert_eq!(attributes[name].as_str(), Some(expected), "{name}");
    }
    let effective = parse(&text(attributes, "EffectiveDeliveryPolicy")).unwrap();
    let expected = r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":5,"maxDelayTarget":6,"numRetries":1,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}"#;
    assert_eq!(effective.to_text(), expected);
    world.call("SetTopicAttributes", set("DeliveryPolicy", "")).await;
    let read = world.call("GetTopicAttributes", object! { "TopicArn" => &arn }).await;
    assert!(read["Attributes"]["DeliveryPolicy"].is_null());
    let standard = world.topic("s", Value::Null).await;
    let read = world.call("GetTopicAttributes", object! { "TopicArn" => standard }).await;
    assert!(read["Attributes"]["FifoTopic"].is_null() && read["Attributes"]["SignatureVersion"].is_null());
    assert!(text(&read["Attributes"], "Policy").contains("__default_policy_ID"));
    let bad = [
        r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":7,"maxDelayTarget":6,"numRetries":1}}}"#,
        r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":6,"numRetries":101}}}"#,
        r#"{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":3600,"maxDelayTarget":3600,"numRetries":2}}}"#,
        r#"{"http":{"defaultHealthyRetryPolicy":{"numRetries":1,"numNoDelayRetries":2}}}"#,
        r#"{"http":{"defaultHealthyRetryPolicy":{"backoffFunction":"wild"}}}"#,
        r#"{"http":{"defaultRequestPolicy":{"headerContentType":"a/b"}}}"#,
        r#"{"other":1}"#,
        "no",
    ];
    for policy in bad {
        let fault = world.try_call("SetTopicAttributes", set("DeliveryPolicy", policy)).await.unwrap_err();
        assert!(fault.message.starts_with("Invalid parameter: DeliveryPolicy: "), "{policy}: {}", fault.message);
    }
}

#[tokio::test]
async fn permissions_are_statements_of_the_policy() {
    let world = World::new();
    let arn = world.topic("t", Value::Null).await;
    let input = object! {
        "TopicArn" => &arn, "Label" => "friends",
        "AWSAccountId" => vec!["111111111111".into()], "ActionName" => vec!["Publish".into()],
    };
    world.call("AddPermission", input.clone()).await;
    let fault = world.try_call("AddPermission", input).await.unwrap_err();
    assert_eq!(fault.message, "Invalid parameter: Statement already exists");
    let policy = parse(&world.sns.resource_policy(&arn).await.unwrap().unwrap()).unwrap();
    let expected = object! {
        "Sid" => "friends", "Effect" => "Allow",
        "Principal" => object! { "AWS" => "arn:aws:iam::111111111111:root" },
        "Action" => "SNS:Publish", "Resource" => &arn,
    };
    assert_eq!(policy["Statement"].at(1), Some(&expected));
    world.call("RemovePermission", object! { "TopicArn" => &arn, "Label" => "friends" }).await;
    let policy = parse(&world.sns.resource_policy(&arn).await.unwrap().unwrap()).unwrap();
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 1);
    assert_eq!(world.sns.resource_policy(&topic_arn("none")).await.unwrap(), None);
    let policy = r#"{"Name":"p","Statement":[]}"#;
    let input = object! { "ResourceArn" => &arn, "DataProtectionPolicy" => policy };
    world.call("PutDataProtectionPolicy", input).await;
    let read = world.call("GetDataProtectionPolicy", object! { "ResourceArn" => &arn }).await;
    assert_eq!(text(&read, "DataProtectionPolicy"), policy);
}
