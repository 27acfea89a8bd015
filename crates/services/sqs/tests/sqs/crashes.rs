use std::sync::Arc;

use windlass_store::UnsyncedOutcome;
use windlass_value::{Value, object};

use crate::fixture::{World, bodies, call, pass_ms, try_call};

/// Begins a call whose commit the disk holds back.
async fn begin(world: &World, operation: &'static str, input: Value) -> tokio::task::JoinHandle<Result<Value, String>> {
    let sqs = Arc::clone(&world.sqs);
    let task = tokio::spawn(async move { try_call(&sqs, operation, input).await.map_err(|fault| fault.code) });
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    task
}

#[tokio::test(start_paused = true)]
async fn nothing_is_answered_before_it_is_on_the_disk() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    world.send(&url, "before").await;
    let held = world.receive(&url).await.remove(0);
    world.send(&url, "visible").await;
    let handle = || object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => &held["ReceiptHandle"] };
    let calls = [
        ("SendMessage", object! { "QueueUrl" => url.as_str(), "MessageBody" => "x" }),
        ("ReceiveMessage", object! { "QueueUrl" => url.as_str() }),
        ("DeleteMessage", handle()),
        ("CreateQueue", object! { "QueueName" => "p" }),
        (
            "SetQueueAttributes",
            object! { "QueueUrl" => url.as_str(), "Attributes" => object! { "DelaySeconds" => "1" } },
        ),
        ("PurgeQueue", object! { "QueueUrl" => url.as_str() }),
        ("DeleteQueue", object! { "QueueUrl" => url.as_str() }),
    ];
    for (operation, input) in calls {
        world.faults.pause_syncs();
        let task = begin(&world, operation, input).await;
        assert!(!task.is_finished() && world.faults.unsynced() == 1, "{operation}");
        world.faults.release_syncs();
        assert!(task.await.expect("a task").is_ok(), "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_on_the_disk_is_not_seen() {
    let mut world = World::new();
    let url = world.queue("q", object! {}).await;
    world.faults.pause_syncs();
    let send = begin(&world, "SendMessage", object! { "QueueUrl" => url.as_str(), "MessageBody" => "x" }).await;
    let receive = begin(&world, "ReceiveMessage", object! { "QueueUrl" => url.as_str() }).await;
    assert_eq!(receive.await.expect("a task"), Ok(object! {}));
    world.crash(UnsyncedOutcome::Lost);
    assert_eq!(send.await.expect("a task"), Err("InternalFailure".to_owned()));
    assert_eq!(world.bodies(&url).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_receive_outlives_a_crash() {
    let mut world = World::new();
    let url = world.queue("q", object! { "VisibilityTimeout" => "30" }).await;
    world.send(&url, "x").await;
    let message = world.receive(&url).await.remove(0);
    world.restart();
    pass_ms(29_999).await;
    assert_eq!(world.bodies(&url).await, [""; 0]);
    pass_ms(1).await;
    let again = world.receive(&url).await.remove(0);
    assert_eq!(again["Attributes"]["ApproximateReceiveCount"], Value::from("2"));
    world.restart();
    // A handle from before two crashes.
    world.delete(&url, &message).await;
    pass_ms(60_000).await;
    world.restart();
    assert_eq!(world.bodies(&url).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_takes_nothing_back_that_was_answered() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    world.send(&url, "x").await;
    world.faults.refuse_next_sync("full");
    assert_eq!(
        world.refused("SendMessage", object! { "QueueUrl" => url.as_str(), "MessageBody" => "y" }).await.0,
        "InternalFailure"
    );
    world.faults.refuse_next_sync("full");
    assert_eq!(world.refused("ReceiveMessage", object! { "QueueUrl" => url.as_str() }).await.0, "InternalFailure");
    let message = world.receive(&url).await.remove(0);
    assert_eq!(message["Attributes"]["ApproximateReceiveCount"], Value::from("1"));
    world.faults.refuse_next_sync("full");
    let delete = object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => &message["ReceiptHandle"] };
    assert_eq!(world.refused("DeleteMessage", delete.clone()).await.0, "InternalFailure");
    assert_eq!(world.counts(&url).await, ["0", "1", "0"]);
    world.call("DeleteMessage", delete).await;
    assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
}

#[tokio::test(start_paused = true)]
async fn a_later_message_of_a_group_does_not_overtake_one_on_its_way() {
    let world = World::new();
    let url = world.queue("q.fifo", object! { "FifoQueue" => "true" }).await;
    let send = |body: &str| {
        object! { "QueueUrl" => url.as_str(), "MessageBody" => body, "MessageGroupId" => "g", "MessageDeduplicationId" => body }
    };
    world.faults.pause_syncs();
    let first = begin(&world, "SendMessage", send("1")).await;
    let second = begin(&world, "SendMessage", send("2")).await;
    let twin = begin(&world, "SendMessage", send("1")).await;
    assert_eq!(world.bodies(&url).await, [""; 0]);
    world.faults.release_syncs();
    let [first, _, twin] = [first, second, twin].map(|task| async { task.await.expect("a task").expect("sent") });
    // The same id, sent while the first was under way.
    assert_eq!(first.await["MessageId"], twin.await["MessageId"]);
    assert_eq!(world.bodies(&url).await, ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_call_meets_the_first_under_way() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    world.faults.pause_syncs();
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let mut call = call("SendMessage", object! { "QueueUrl" => url.as_str(), "MessageBody" => "x" });
        call.idempotency_key = Some("once".into());
        let sqs = Arc::clone(&world.sqs);
        tasks.push(tokio::spawn(async move {
            use windlass_protocol::Service as _;
            sqs.call(call).await.expect("sent").output["MessageId"].clone()
        }));
    }
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    world.faults.release_syncs();
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.expect("a task"));
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(world.bodies(&url).await, ["x"]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_in_one_queue_whatever_happens() {
    for outcome in [UnsyncedOutcome::Lost, UnsyncedOutcome::Kept] {
        let mut world = World::new();
        let dead = world.queue("dead", object! {}).await;
        let policy = object! { "deadLetterTargetArn" => crate::fixture::arn("dead"), "maxReceiveCount" => 1 }.to_text();
        let url = world.queue("q", object! { "RedrivePolicy" => policy }).await;
        world.send(&url, "x").await;
        world.receive(&url).await;
        pass_ms(30_000).await;
        world.faults.pause_syncs();
        let receive = begin(&world, "ReceiveMessage", object! { "QueueUrl" => url.as_str() }).await;
        assert_eq!(world.faults.unsynced(), 1);
        world.crash(outcome);
        assert!(receive.await.expect("a task").is_err());
        let moved = usize::from(outcome == UnsyncedOutcome::Kept);
        assert_eq!(world.counts(&url).await[0], (1 - moved).to_string());
        assert_eq!(world.counts(&dead).await[0], moved.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_leaves_no_message_behind() {
    let world = World::new();
    let url = world.queue("q", object! {}).await;
    world.faults.pause_syncs();
    let send = begin(&world, "SendMessage", object! { "QueueUrl" => url.as_str(), "MessageBody" => "x" }).await;
    send.abort();
    world.faults.release_syncs();
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    assert_eq!(bodies(&world.receive(&url).await), ["x"]);
}

#[tokio::test(start_paused = true)]
async fn a_purge_holds_before_its_messages_are_swept() {
    for (operation, left) in [("PurgeQueue", true), ("DeleteQueue", false)] {
        let mut world = World::new();
        let url = world.queue("q", object! {}).await;
        world.send(&url, "x").await;
        world.faults.pause_syncs();
        let purge = begin(&world, operation, object! { "QueueUrl" => url.as_str() }).await;
        // The call's own commit; the sweep that follows waits for the disk.
        world.faults.sync_once();
        assert!(purge.await.expect("a task").is_ok());
        world.crash(UnsyncedOutcome::Lost);
        if !left {
            world.queue("q", object! {}).await;
        }
        assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
        assert_eq!(world.bodies(&url).await, [""; 0]);
    }
}
