use std::collections::HashSet;

use windlass_protocol::{Fault, Reply, Service};
use windlass_value::{Value, object, parse};

use crate::fixture::{World, body, call, queue_arn, text};

const RAW: &str = "RawMessageDelivery";

fn redrive(queue: &str) -> Value {
    let policy = object! { "deadLetterTargetArn" => queue_arn(queue) };
    object! { RAW => "true", "RedrivePolicy" => policy.to_text() }
}

fn queue_of(call: &windlass_protocol::Call) -> String {
    text(&call.input, "QueueUrl").rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_no_retry_can_mend_goes_to_the_dead_letter_queue() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    world.subscribe(&topic, "gone", redrive("dead")).await;
    world.subscribe(&topic, "there", object! { RAW => "true" }).await;
    *world.queue_answers.lock() = Box::new(|call| match queue_of(call).as_str() {
        "gone" => Err(Fault::new("QueueDoesNotExist", "The specified queue does not exist.")),
        _ => Ok(Reply::default()),
    });
    let attributes = object! { "a" => object! { "DataType" => "Number", "StringValue" => "1" } };
    world.publish(&topic, "x", object! { "MessageAttributes" => attributes.clone() }).await;
    let mut sent = Vec::new();
    for _ in 0..3 {
        let call = world.next_sent().await;
        assert_eq!((body(&call).as_str(), &call.input["MessageAttributes"]), ("x", &attributes));
        sent.push(queue_of(&call));
    }
    sent.sort();
    assert_eq!(sent, ["dead", "gone", "there"]);
    world.settled().await;
    assert_eq!(world.rows("sns_messages"), 0);
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    world.subscribe(&topic, "q", object! { RAW => "true" }).await;
    let mut attempts = 0;
    *world.queue_answers.lock() = Box::new(move |_| {
        attempts += 1;
        if attempts < 7 { Err(Fault::internal("not now")) } else { Ok(Reply::default()) }
    });
    world.publish(&topic, "x", Value::Null).await;
    let mut keys = HashSet::new();
    // Three at once, two after a second each, then growing.
    for attempt in 1..=7 {
        let call = world.next_sent().await;
        keys.insert(call.idempotency_key.clone().unwrap());
        if attempt >= 4 {
            assert!(world.queues.try_recv().is_err());
            world.pass(2_000);
        }
    }
    assert_eq!(keys.len(), 1, "every attempt has the same key");
    world.settled().await;
}

#[tokio::test]
async fn a_kill_loses_nothing() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    for queue in ["a", "b", "c"] {
        world.subscribe(&topic, queue, object! { RAW => "true" }).await;
    }
    // One queue does not answer before the kill.
    *world.queue_answers.lock() = Box::new(|call| match queue_of(call).as_str() {
        "c" => Err(Fault::internal("not now")),
        _ => Ok(Reply::default()),
    });
    let mut published = HashSet::new();
    for number in 0..20 {
        let message = format!("m{number}");
        world.publish(&topic, &message, Value::Null).await;
        published.insert(message);
    }
    let mut received: HashSet<(String, String)> = HashSet::new();
    while received.iter().filter(|(queue, _)| queue == "a").count() < 20 {
        let call = world.next_sent().await;
        if queue_of(&call) != "c" {
            received.insert((queue_of(&call), body(&call)));
        }
    }
    world.restart();
    *world.queue_answers.lock() = Box::new(|_| Ok(Reply::default()));
    world.pass(60_000);
    while received.len() < 60 {
        let call = world.next_sent().await;
        received.insert((queue_of(&call), body(&call)));
    }
    world.settled().await;
    assert_eq!(world.rows("sns_messages"), 0);
}

#[tokio::test]
async fn a_repeated_call_publishes_once() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    world.subscribe(&topic, "q", object! { RAW => "true" }).await;
    let repeat = |key: &str| {
        let mut call = call("Publish", object! { "TopicArn" => &topic, "Message" => key });
        call.idempotency_key = Some(key.into());
        call
    };
    let first = world.sns.call(repeat("1")).await.unwrap().output;
    world.restart();
    assert_eq!(world.sns.call(repeat("1")).await.unwrap().output, first);
    assert_ne!(world.sns.call(repeat("2")).await.unwrap().output, first);
    world.settled().await;
    let mut bodies = HashSet::new();
    while let Ok(call) = world.queues.try_recv() {
        bodies.insert((body(&call), call.idempotency_key.unwrap()));
    }
    assert_eq!(bodies.len(), 2);
}

#[tokio::test]
async fn who_unsubscribed_gets_nothing_more() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let gone = world.subscribe(&topic, "gone", object! { RAW => "true" }).await;
    world.subscribe(&topic, "stays", object! { RAW => "true" }).await;
    *world.queue_answers.lock() = Box::new(|_| Err(Fault::internal("not now")));
    world.publish(&topic, "x", Value::Null).await;
    for _ in 0..8 {
        world.next_sent().await;
    }
    world.call("Unsubscribe", object! { "SubscriptionArn" => gone }).await;
    *world.queue_answers.lock() = Box::new(|_| Ok(Reply::default()));
    world.pass(60_000);
    assert_eq!(queue_of(&world.next_sent().await), "stays");
    world.settled().await;
    world.publish(&topic, "y", Value::Null).await;
    assert_eq!(queue_of(&world.next_sent().await), "stays");
    world.call("DeleteTopic", object! { "TopicArn" => &topic }).await;
    world.settled().await;
}

#[tokio::test]
async fn a_foreign_queue_confirms_first() {
    let mut world = World::new();
    let topic = world.topic("t", Value::Null).await;
    let endpoint = "arn:aws:sqs:us-east-1:111111111111:theirs";
    let input = object! { "TopicArn" => &topic, "Protocol" => "sqs", "Endpoint" => endpoint };
    let output = world.call("Subscribe", input).await;
    assert_eq!(text(&output, "SubscriptionArn"), "pending confirmation");
    world.publish(&topic, "lost", Value::Null).await;
    let asked = parse(&body(&world.next_sent().await)).unwrap();
    assert_eq!(text(&asked, "Type"), "SubscriptionConfirmation");
    let token = text(&asked, "Token");
    let listed = world.call("ListSubscriptionsByTopic", object! { "TopicArn" => &topic }).await;
    assert_eq!(text(listed["Subscriptions"].at(0).unwrap(), "SubscriptionArn"), "PendingConfirmation");
    world.call("ConfirmSubscription", object! { "TopicArn" => &topic, "Token" => token }).await;
    world.publish(&topic, "seen", Value::Null).await;
    let notified = parse(&body(&world.next_sent().await)).unwrap();
    assert_eq!(text(&notified, "Message"), "seen");
}

/// The end of a delivery that could not be stored is no end for the others: they share
/// the message.
#[tokio::test]
async fn a_refused_end_takes_no_message_from_others() {
    for refused in 0..4 {
        let mut world = World::new();
        let topic = world.topic("t", Value::Null).await;
        for queue in ["a", "b"] {
            world.subscribe(&topic, queue, object! { RAW => "true" }).await;
        }
        let faults = world.faults.clone();
        let mut calls = 0;
        *world.queue_answers.lock() = Box::new(move |call| {
            if queue_of(call) == "b" && calls < 8 {
                calls += 1;
                return Err(Fault::internal("not now"));
            }
            if calls == refused {
                faults.refuse_next_sync("full");
            }
            Ok(Reply::default())
        });
        world.publish(&topic, "x", Value::Null).await;
        let mut to_b = 0;
        while to_b < 9 {
            let call = world.next_sent().await;
            assert_eq!(body(&call), "x");
            to_b += usize::from(queue_of(&call) == "b");
            world.pass(20_000);
        }
        world.pass(60_000);
        world.settled().await;
    }
}
