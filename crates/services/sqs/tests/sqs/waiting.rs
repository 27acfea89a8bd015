use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use windlass_value::{Value, object};

use crate::fixture::{World, bodies, pass_ms, receive_input, try_call};

/// A receive in the background that waits up to 20 seconds.
fn waiter(world: &World, url: &str) -> JoinHandle<Vec<String>> {
    let (sqs, input) = (Arc::clone(&world.sqs), receive_input(url, &object! { "WaitTimeSeconds" => 20 }));
    tokio::spawn(async move {
        let answer = try_call(&sqs, "ReceiveMessage", input).await.expect("an answer");
        bodies(&answer["Messages"].as_array().map(|messages| messages.to_vec()).unwrap_or_default())
    })
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_its_time() {
    let world = World::new();
    let url = world.queue("q", object! { "ReceiveMessageWaitTimeSeconds" => "3" }).await;
    let began = world.now_ms();
    assert_eq!(world.bodies(&url).await, [""; 0]);
    assert_eq!(world.now_ms() - began, 3_000);
    let input = object! { "WaitTimeSeconds" => 0 };
    assert!(world.receive_with(&url, input).await.is_empty());
    assert_eq!(world.now_ms() - began, 3_000);
}

#[tokio::test(start_paused = true)]
async fn each_message_wakes_one_who_waits() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    let waiters: Vec<_> = (0..3).map(|_| waiter(&world, &url)).collect();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.sqs.measure().waiters, 3);
    let began = world.now_ms();
    for body in ["1", "2", "3"] {
        world.send(&url, body).await;
    }
    let mut received = Vec::new();
    for waiter in waiters {
        received.extend(waiter.await.expect("a waiter"));
    }
    received.sort();
    assert_eq!(received, ["1", "2", "3"]);
    assert_eq!(world.now_ms(), began);
    assert_eq!(world.sqs.measure().waiters, 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_sees_what_becomes_visible() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    let began = world.now_ms();
    let delayed = waiter(&world, &url);
    sleep(Duration::from_secs(1)).await;
    world.call("SendMessage", object! { "QueueUrl" => url.as_str(), "MessageBody" => "x", "DelaySeconds" => 5 }).await;
    assert_eq!(delayed.await.expect("a waiter"), ["x"]);
    assert_eq!(world.now_ms() - began, 6_000);
    // In flight for 30 seconds, which is cut short.
    pass_ms(15_000).await;
    let timed_out = waiter(&world, &url);
    assert_eq!(timed_out.await.expect("a waiter"), ["x"]);
    assert_eq!(world.now_ms() - began, 36_000);
    pass_ms(20_000).await;
    let message = world.receive_with(&url, object! { "WaitTimeSeconds" => 20 }).await.remove(0);
    let changed = waiter(&world, &url);
    sleep(Duration::from_secs(1)).await;
    let change =
        object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => &message["ReceiptHandle"], "VisibilityTimeout" => 0 };
    let at = world.now_ms();
    world.call("ChangeMessageVisibility", change).await;
    assert_eq!(changed.await.expect("a waiter"), ["x"]);
    assert_eq!(world.now_ms(), at);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_free_again_wakes_one_who_waits() {
    let world = World::new();
    let url = world.queue("q.fifo", object! { "FifoQueue" => "true" }).await;
    world.send_group(&url, "g", "1").await;
    world.send_group(&url, "g", "2").await;
    let first = world.receive_with(&url, object! {}).await.remove(0);
    let next = waiter(&world, &url);
    sleep(Duration::from_secs(1)).await;
    world.delete(&url, &first).await;
    assert_eq!(next.await.expect("a waiter"), ["2"]);
}

#[tokio::test(start_paused = true)]
async fn one_who_leaves_passes_the_message_on() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    let (leaver, stayer) = (waiter(&world, &url), waiter(&world, &url));
    sleep(Duration::from_secs(1)).await;
    leaver.abort();
    world.send(&url, "x").await;
    assert_eq!(timeout(Duration::from_secs(1), stayer).await.expect("at once").expect("a waiter"), ["x"]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_and_a_deletion_end_the_waits() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    let other = world.queue("p", object! {}).await;
    let began = world.now_ms();
    let (sqs, input) = (Arc::clone(&world.sqs), receive_input(&other, &object! { "WaitTimeSeconds" => 20 }));
    let deleted = tokio::spawn(async move { try_call(&sqs, "ReceiveMessage", input).await });
    let stopped = waiter(&world, &url);
    sleep(Duration::from_secs(1)).await;
    world.call("DeleteQueue", object! { "QueueUrl" => other.as_str() }).await;
    let outcome: Result<Value, _> = deleted.await.expect("a waiter");
    assert_eq!(outcome.expect_err("a refusal").code, "QueueDoesNotExist");
    world.sqs.stop();
    assert_eq!(stopped.await.expect("a waiter"), [""; 0]);
    assert_eq!(world.now_ms() - began, 1_000);
    // A wait that begins now is none.
    assert_eq!(waiter(&world, &url).await.expect("a waiter"), [""; 0]);
    assert_eq!(world.now_ms() - began, 1_000);
}
