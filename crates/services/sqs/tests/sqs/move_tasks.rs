use windlass_value::{Value, object};

use crate::fixture::{World, arn, pass_ms, pass_turns, try_call};

struct Queues {
    dead: String,
    source: String,
}

/// A dead-letter queue with so many messages of `q`.
async fn queues(world: &World, messages: usize) -> Queues {
    let dead = world.queue("dead", object! {}).await;
    let policy = object! { "deadLetterTargetArn" => arn("dead"), "maxReceiveCount" => 1 }.to_text();
    let source = world.queue("q", object! { "RedrivePolicy" => policy }).await;
    for number in 0..messages {
        world.send(&source, &format!("{number:02}")).await;
    }
    for _ in 0..messages.div_ceil(10) {
        world.receive(&source).await;
    }
    pass_ms(30_000).await;
    assert!(world.receive(&source).await.is_empty());
    assert_eq!(world.counts(&dead).await[0], messages.to_string());
    Queues { dead, source }
}

async fn latest(world: &World) -> Value {
    let list = world.call("ListMessageMoveTasks", object! { "SourceArn" => arn("dead") }).await;
    list["Results"].at(0).cloned().unwrap_or_default()
}

/// Lets the tasks work until the latest has another status.
async fn ended(world: &World) -> Value {
    loop {
        let task = latest(world).await;
        if task["Status"] != Value::from("RUNNING") && task["Status"] != Value::from("CANCELLING") {
            return task;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn messages_go_back_as_new_ones() {
    let mut world = World::new();
    let Queues { dead, source } = queues(&world, 12).await;
    let started = world.now_ms();
    world.call("StartMessageMoveTask", object! { "SourceArn" => arn("dead") }).await;
    let expected = object! {
        "Status" => "COMPLETED",
        "SourceArn" => arn("dead"),
        "ApproximateNumberOfMessagesMoved" => 12,
        "ApproximateNumberOfMessagesToMove" => 12,
        "StartedTimestamp" => started,
    };
    assert_eq!(ended(&world).await, expected);
    world.restart();
    assert_eq!(latest(&world).await, expected);
    assert_eq!(world.counts(&dead).await, ["0", "0", "0"]);
    assert_eq!(world.counts(&source).await, ["12", "0", "0"]);
    let message = world.receive(&source).await.remove(0);
    let attributes = &message["Attributes"];
    assert_eq!(attributes["ApproximateReceiveCount"], Value::from("1"));
    assert!(attributes["DeadLetterQueueSourceArn"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_task_goes_on_after_a_restart() {
    let mut world = World::new();
    let Queues { dead, .. } = queues(&world, 10).await;
    let other = world.queue("other", object! {}).await;
    let input =
        object! { "SourceArn" => arn("dead"), "DestinationArn" => arn("other"), "MaxNumberOfMessagesPerSecond" => 2 };
    world.call("StartMessageMoveTask", input.clone()).await;
    let refused = world.refused("StartMessageMoveTask", input).await;
    assert!(refused.1.starts_with("There is already a task running."), "{refused:?}");
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    let moved = latest(&world).await["ApproximateNumberOfMessagesMoved"].as_i64().expect("a number");
    assert!((3..=6).contains(&moved), "{moved}");
    world.restart();
    let task = ended(&world).await;
    assert_eq!(
        (&task["Status"], task["ApproximateNumberOfMessagesMoved"].as_i64()),
        (&Value::from("COMPLETED"), Some(10))
    );
    assert_eq!(world.counts(&dead).await, ["0", "0", "0"]);
    assert_eq!(world.counts(&other).await, ["10", "0", "0"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_can_be_cancelled() {
    let world = World::new();
    let Queues { dead, source } = queues(&world, 10).await;
    let input = object! { "SourceArn" => arn("dead"), "MaxNumberOfMessagesPerSecond" => 1 };
    let handle = world.call("StartMessageMoveTask", input).await["TaskHandle"].clone();
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(latest(&world).await["TaskHandle"], handle);
    let cancelled = world.call("CancelMessageMoveTask", object! { "TaskHandle" => &handle }).await;
    let moved = cancelled["ApproximateNumberOfMessagesMoved"].as_i64().expect("a number");
    let task = ended(&world).await;
    assert_eq!(task["Status"], Value::from("CANCELLED"));
    assert_eq!(world.counts(&source).await[0], moved.to_string());
    assert_eq!(world.counts(&dead).await[0], (10 - moved).to_string());
    let again = world.refused("CancelMessageMoveTask", object! { "TaskHandle" => &handle }).await;
    assert_eq!(again.0, "InvalidParameterValueException");
}

#[tokio::test(start_paused = true)]
async fn a_task_fails_where_messages_cannot_go() {
    let world = World::new();
    let Queues { dead, source } = queues(&world, 2).await;
    world.call("DeleteQueue", object! { "QueueUrl" => source }).await;
    world.queue("other", object! { "RedrivePolicy" => object! { "deadLetterTargetArn" => arn("dead"), "maxReceiveCount" => 1 }.to_text() }).await;
    world.call("StartMessageMoveTask", object! { "SourceArn" => arn("dead") }).await;
    let task = ended(&world).await;
    assert_eq!(task["FailureReason"], Value::from("AWS.SimpleQueueService.NonExistentQueue"));
    assert_eq!(world.counts(&dead).await, ["2", "0", "0"]);
    world.call("PurgeQueue", object! { "QueueUrl" => dead.as_str() }).await;
    // One that was never in another queue.
    world.send(&dead, "own").await;
    pass_ms(10).await;
    world.call("StartMessageMoveTask", object! { "SourceArn" => arn("dead") }).await;
    assert_eq!(ended(&world).await["FailureReason"], Value::from("CouldNotDetermineMessageSource"));
    assert_eq!(world.counts(&dead).await, ["1", "0", "0"]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_move_forgets_no_message() {
    let mut world = World::new();
    let Queues { dead, .. } = queues(&world, 2).await;
    let policy = object! { "deadLetterTargetArn" => arn("dead"), "maxReceiveCount" => 1 }.to_text();
    let other = world.queue("p", object! { "RedrivePolicy" => policy }).await;
    world.send(&other, "x").await;
    world.receive(&other).await;
    pass_ms(30_000).await;
    assert!(world.receive(&other).await.is_empty());
    world.faults.pause_syncs();
    let sqs = std::sync::Arc::clone(&world.sqs);
    let start = tokio::spawn(async move {
        try_call(&sqs, "StartMessageMoveTask", object! { "SourceArn" => arn("dead") }).await.map(drop)
    });
    pass_turns().await;
    world.faults.sync_once();
    start.await.expect("a task").expect("started");
    pass_turns().await;
    // The messages of the first source; those of the second are not tried.
    assert_eq!(world.faults.unsynced(), 1);
    world.faults.refuse_next_sync("full");
    world.faults.release_syncs();
    assert_eq!(ended(&world).await["Status"], Value::from("FAILED"));
    assert_eq!(world.counts(&dead).await, ["3", "0", "0"]);
    world.restart();
    assert_eq!(world.counts(&dead).await, ["3", "0", "0"]);
}

#[tokio::test(start_paused = true)]
async fn tasks_are_checked() {
    let world = World::new();
    queues(&world, 0).await;
    let not_found = "ResourceNotFoundException";
    let parameter = "InvalidParameterValueException";
    let handle = |text: &str| {
        use base64::Engine as _;
        object! { "TaskHandle" => base64::engine::general_purpose::STANDARD.encode(text) }
    };
    let foreign = format!(r#"{{"taskId":"x","sourceArn":"{}"}}"#, arn("none"));
    let unknown = format!(r#"{{"taskId":"x","sourceArn":"{}"}}"#, arn("dead"));
    let cases = [
        (
            "StartMessageMoveTask",
            object! { "SourceArn" => arn("none") },
            not_found,
            "SourceArn parameter doesn't exist",
        ),
        (
            "StartMessageMoveTask",
            object! { "SourceArn" => arn("q") },
            parameter,
            "Source queue must be configured as a Dead Letter Queue.",
        ),
        ("StartMessageMoveTask", object! { "SourceArn" => "x" }, parameter, "You must use this format"),
        (
            "StartMessageMoveTask",
            object! { "SourceArn" => arn("dead"), "DestinationArn" => arn("none") },
            not_found,
            "DestinationArn parameter doesn't exist",
        ),
        (
            "StartMessageMoveTask",
            object! { "SourceArn" => arn("dead"), "MaxNumberOfMessagesPerSecond" => 501 },
            parameter,
            "between 1 and 500",
        ),
        (
            "ListMessageMoveTasks",
            object! { "SourceArn" => arn("none") },
            not_found,
            "SourceArn parameter doesn't exist",
        ),
        ("CancelMessageMoveTask", handle("x"), parameter, "Value for parameter TaskHandle is invalid."),
        ("CancelMessageMoveTask", handle(&foreign), not_found, "SourceArn parameter doesn't exist"),
        ("CancelMessageMoveTask", handle(&unknown), not_found, "Task does not exist."),
    ];
    for (operation, input, code, text) in cases {
        let shown = input.to_text();
        let (found, message) = world.refused(operation, input).await;
        assert!(found == code && message.contains(text), "{operation} {shown}: {found}: {message}");
    }
}
