use windlass_value::{Value, object};

use crate::fixture::{World, queue_arn, text};

#[tokio::test]
async fn subscriptions_are_made_once() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let first = world.subscribe(&topic, "q", object! { "RawMessageDelivery" => "True" }).await;
    let same = [
        Value::Null,
        object! { "RawMessageDelivery" => "true" },
        object! { "RawMessageDelivery" => "true", "FilterPolicyScope" => "MessageAttributes" },
    ];
    for attributes in same {
        assert_eq!(world.subscribe(&topic, "q", attributes).await, first);
    }
    let read = world.call("GetSubscriptionAttributes", object! { "SubscriptionArn" => &first }).await;
    let expected = object! {
        "SubscriptionArn" => &first,
        "TopicArn" => &topic,
        "Owner" => "000000000000",
        "Protocol" => "sqs",
        "Endpoint" => queue_arn("q"),
        "SubscriptionPrincipal" => "arn:aws:iam::000000000000:user/test",
        "PendingConfirmation" => "false",
        "ConfirmationWasAuthenticated" => "true",
        "RawMessageDelivery" => "true",
    };
    assert_eq!(read["Attributes"], expected);
    world.call("Unsubscribe", object! { "SubscriptionArn" => &first }).await;
    world.call("Unsubscribe", object! { "SubscriptionArn" => &first }).await;
    let read = world.call("GetTopicAttributes", object! { "TopicArn" => &topic }).await;
    assert_eq!(text(&read["Attributes"], "SubscriptionsDeleted"), "1");
    assert_ne!(world.subscribe(&topic, "q", Value::Null).await, first);
}

#[tokio::test]
async fn filter_policies_are_set_and_taken_away() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let arn = world.subscribe(&topic, "q", Value::Null).await;
    let set = |name: &str, value: &str| object! { "SubscriptionArn" => &arn, "AttributeName" => name, "AttributeValue" => value };
    world.call("SetSubscriptionAttributes", set("FilterPolicy", r#"{"a": ["x"]}"#)).await;
    let read = world.call("GetSubscriptionAttributes", object! { "SubscriptionArn" => &arn }).await;
    assert_eq!(text(&read["Attributes"], "FilterPolicy"), r#"{"a": ["x"]}"#);
    assert_eq!(text(&read["Attributes"], "FilterPolicyScope"), "MessageAttributes");
    world.call("SetSubscriptionAttributes", set("FilterPolicyScope", "MessageBody")).await;
    world.call("SetSubscriptionAttributes", set("FilterPolicy", r#"{"a": {"b": ["x"]}}"#)).await;
    // A nested policy does not go with attributes.
    world.try_call("SetSubscriptionAttributes", set("FilterPolicyScope", "MessageAttributes")).await.unwrap_err();
    world.call("SetSubscriptionAttributes", set("FilterPolicy", "")).await;
    let read = world.call("GetSubscriptionAttributes", object! { "SubscriptionArn" => &arn }).await;
    assert!(read["Attributes"]["FilterPolicy"].is_null());
}

#[tokio::test]
async fn subscriptions_are_listed_by_pages() {
    let world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let other = world.topic("u", Value::Null).await;
    world.subscribe(&other, "other", Value::Null).await;
    let mut expected = Vec::new();
    for number in 0..150 {
        expected.push(world.subscribe(&topic, &format!("q{number}"), Value::Null).await);
    }
    expected.sort();
    let read = async |operation: &str, more: &str| {
        let mut arns = Vec::new();
        let mut token = Value::Null;
        loop {
            let input = object! { "TopicArn" => more, "NextToken" => token };
            let page = world.call(operation, input).await;
            assert!(page["Subscriptions"].as_array().unwrap().len() <= 100);
            arns.extend(page["Subscriptions"].as_array().unwrap().iter().map(|one| text(one, "SubscriptionArn")));
            token = page["NextToken"].clone();
            if token.is_null() {
                return arns;
            }
        }
    };
    assert_eq!(read("ListSubscriptionsByTopic", &topic).await, expected);
    assert_eq!(read("ListSubscriptions", "").await.len(), 151);
    let page = world.call("ListSubscriptionsByTopic", object! { "TopicArn" => &topic }).await;
    let wrong = object! { "TopicArn" => &other, "NextToken" => &page["NextToken"] };
    assert_eq!(
        world.try_call("ListSubscriptionsByTopic", wrong).await.unwrap_err().message,
        "Invalid parameter: NextToken"
    );
    world.call("DeleteTopic", object! { "TopicArn" => &topic }).await;
    assert_eq!(read("ListSubscriptions", "").await.len(), 1);
    assert_eq!((world.rows("sns_subscriptions"), world.rows("sns_endpoints")), (1, 1));
}
