use windlass_value::{Value, object};

use crate::fixture::{World, arn, bodies, pass_ms};

fn policy(target: &str, count: i64) -> Value {
    object! { "RedrivePolicy" => object! { "deadLetterTargetArn" => arn(target), "maxReceiveCount" => count }.to_text() }
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_the_dead_letter_queue_as_it_is() {
    let mut world = World::new();
    let dead = world.queue("dead", object! {}).await;
    let url = world.queue("q", policy("dead", 2)).await;
    let sent_ms = world.now_ms();
    let attributes = object! { "Foo" => object! { "DataType" => "String", "StringValue" => "Bar" } };
    let input = object! { "QueueUrl" => url.as_str(), "MessageBody" => "x", "MessageAttributes" => attributes };
    let sent = world.call("SendMessage", input).await;
    for _ in 0..2 {
        assert_eq!(world.bodies(&url).await, ["x"]);
        pass_ms(30_000).await;
    }
    // It goes when somebody would receive it once more.
    assert_eq!(world.counts(&dead).await, ["0", "0", "0"]);
    world.send(&url, "next").await;
    assert_eq!(world.bodies(&url).await, ["next"]);
    assert_eq!(world.counts(&url).await, ["0", "1", "0"]);
    world.restart();
    let message = world.receive(&dead).await.remove(0);
    assert_eq!(message["MessageId"], sent["MessageId"]);
    assert_eq!(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"]);
    let expected = object! {
        "SenderId" => "000000000000",
        "SentTimestamp" => sent_ms.to_string(),
        "ApproximateReceiveCount" => "3",
        "ApproximateFirstReceiveTimestamp" => sent_ms.to_string(),
        "DeadLetterQueueSourceArn" => arn("q"),
    };
    assert_eq!(message["Attributes"], expected);
}

#[tokio::test(start_paused = true)]
async fn without_its_dead_letter_queue_a_message_stays() {
    let world = World::new();
    let dead = world.queue("dead", object! {}).await;
    let url = world.queue("q", policy("dead", 1)).await;
    world.send(&url, "x").await;
    world.call("DeleteQueue", object! { "QueueUrl" => dead }).await;
    for _ in 0..3 {
        assert_eq!(world.bodies(&url).await, ["x"]);
        pass_ms(30_000).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_queue_of_its_own_counts_its_own_receives() {
    let world = World::new();
    let last = world.queue("last", object! {}).await;
    let middle = world.queue("middle", policy("last", 2)).await;
    let url = world.queue("q", policy("middle", 2)).await;
    world.send(&url, "x").await;
    for queue in [&url, &middle] {
        for _ in 0..2 {
            assert_eq!(world.bodies(queue).await, ["x"]);
            pass_ms(30_000).await;
        }
        assert_eq!(world.bodies(queue).await, [""; 0]);
    }
    assert_eq!(world.receive(&last).await[0]["Attributes"]["ApproximateReceiveCount"], Value::from("5"));
}

#[tokio::test(start_paused = true)]
async fn a_fifo_group_goes_on_behind_a_dead_message() {
    let world = World::new();
    let fifo = object! { "FifoQueue" => "true" };
    let dead = world.queue("dead.fifo", fifo).await;
    let policy = policy("dead.fifo", 1)["RedrivePolicy"].clone();
    let url = world.queue("q.fifo", object! { "FifoQueue" => "true", "RedrivePolicy" => policy }).await;
    for body in ["1", "2", "3"] {
        world.send_group(&url, "g", body).await;
    }
    assert_eq!(bodies(&world.receive_with(&url, object! {}).await), ["1"]);
    pass_ms(30_000).await;
    assert_eq!(world.bodies(&url).await, ["2", "3"]);
    pass_ms(30_000).await;
    assert_eq!(world.bodies(&url).await, [""; 0]);
    assert_eq!(world.bodies(&dead).await, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn the_dead_letter_queue_says_whose_messages_it_takes() {
    let world = World::new();
    let allow = |permission: &str| object! { "redrivePermission" => permission }.to_text();
    let by = object! { "redrivePermission" => "byQueue", "sourceQueueArns" => vec![Value::from(arn("q"))] }.to_text();
    world.queue("none", object! { "RedriveAllowPolicy" => allow("denyAll") }).await;
    world.queue("one", object! { "RedriveAllowPolicy" => by }).await;
    world.queue("all", object! { "RedriveAllowPolicy" => allow("allowAll") }).await;
    for (target, name, allowed) in [("none", "q", false), ("one", "q", true), ("one", "p", false), ("all", "p", true)] {
        let input = object! { "QueueName" => name, "Attributes" => policy(target, 1) };
        let answer = world.try_call("CreateQueue", input).await;
        assert_eq!(answer.is_ok(), allowed, "{target} {name}");
        if answer.is_ok() {
            world.call("DeleteQueue", object! { "QueueUrl" => name }).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_its_own_dead_letter_queue_keeps_its_messages() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    world.call("SetQueueAttributes", object! { "QueueUrl" => url.as_str(), "Attributes" => policy("q", 1) }).await;
    world.send(&url, "x").await;
    for _ in 0..3 {
        assert_eq!(world.bodies(&url).await, ["x"]);
        pass_ms(30_000).await;
    }
}
