use windlass_value::{Value, object};

use crate::fixture::{World, bodies, pass_ms};

async fn queue(world: &World, more: Value) -> String {
    let mut attributes = windlass_value::Object::new();
    attributes.insert("FifoQueue", "true");
    attributes.extend(more.as_object().expect("attributes").iter().map(|(name, value)| (name.clone(), value.clone())));
    world.queue("q.fifo", attributes.into()).await
}

#[tokio::test(start_paused = true)]
async fn a_group_comes_in_order_and_waits_for_what_is_in_flight() {
    let mut world = World::new();
    let url = queue(&world, object! {}).await;
    for (group, body) in [("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")] {
        world.send_group(&url, group, body).await;
    }
    let one = |max: i64| object! { "MaxNumberOfMessages" => max };
    // As many of one group as there are, then of the next.
    let first = world.receive_with(&url, one(2)).await;
    assert_eq!(bodies(&first), ["a1", "a2"]);
    // The third of the group waits for the two.
    assert_eq!(world.bodies(&url).await, ["b1", "b2"]);
    assert_eq!(world.bodies(&url).await, [""; 0]);
    world.restart();
    assert_eq!(world.bodies(&url).await, [""; 0]);
    world.delete(&url, &first[0]).await;
    assert_eq!(world.bodies(&url).await, [""; 0]);
    world.delete(&url, &first[1]).await;
    assert_eq!(world.bodies(&url).await, ["a3"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_visible_again_comes_up_to_what_is_not() {
    // Which of three messages is hidden longer, and what is received then.
    for (hidden, expected) in [(0, &[][..]), (1, &["1"]), (2, &["1", "2"])] {
        let world = World::new();
        let url = queue(&world, object! { "VisibilityTimeout" => "1" }).await;
        for body in ["1", "2", "3"] {
            world.send_group(&url, "g", body).await;
        }
        let messages = world.receive(&url).await;
        assert_eq!(bodies(&messages), ["1", "2", "3"]);
        let change = object! {
            "QueueUrl" => url.as_str(), "ReceiptHandle" => &messages[hidden]["ReceiptHandle"], "VisibilityTimeout" => 4,
        };
        world.call("ChangeMessageVisibility", change).await;
        pass_ms(2_500).await;
        assert_eq!(world.bodies(&url).await, expected, "{hidden}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_id_is_one_message_for_five_minutes() {
    let mut world = World::new();
    let url = queue(&world, object! { "ContentBasedDeduplication" => "true" }).await;
    let send = |body: &str, id: Option<&str>, group: &str| {
        object! {
            "QueueUrl" => url.as_str(), "MessageBody" => body, "MessageGroupId" => group, "MessageDeduplicationId" => id,
        }
    };
    let first = world.call("SendMessage", send("x", Some("id"), "a")).await;
    world.restart();
    let again = world.call("SendMessage", send("y", Some("id"), "b")).await;
    assert_eq!((&again["MessageId"], &again["SequenceNumber"]), (&first["MessageId"], &first["SequenceNumber"]));
    let by_content = world.call("SendMessage", send("x", None, "a")).await;
    assert_ne!(by_content["MessageId"], first["MessageId"]);
    assert_eq!(world.call("SendMessage", send("x", None, "c")).await["MessageId"], by_content["MessageId"]);
    // Deleting the message does not forget its id.
    let messages = world.receive(&url).await;
    assert_eq!(bodies(&messages), ["x", "x"]);
    world.delete(&url, &messages[0]).await;
    world.delete(&url, &messages[1]).await;
    world.call("SendMessage", send("z", Some("id"), "a")).await;
    assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
    pass_ms(300_000).await;
    let later = world.call("SendMessage", send("z", Some("id"), "a")).await;
    assert_ne!(later["MessageId"], first["MessageId"]);
    let entry = |id: &str, body: &str| {
        object! { "Id" => id, "MessageBody" => body, "MessageGroupId" => "g", "MessageDeduplicationId" => "same" }
    };
    let batch = object! { "QueueUrl" => url.as_str(), "Entries" => vec![entry("1", "p"), entry("2", "q")] };
    let answer = world.call("SendMessageBatch", batch).await;
    let [one, two] = [0, 1].map(|at| answer["Successful"].at(at).expect("an entry")["MessageId"].clone());
    assert_eq!(one, two);
    assert_eq!(world.bodies(&url).await, ["z", "p"]);
}

#[tokio::test(start_paused = true)]
async fn ids_may_be_those_of_a_group() {
    let world = World::new();
    let scope = object! { "DeduplicationScope" => "messageGroup", "FifoThroughputLimit" => "perMessageGroupId" };
    let url = queue(&world, scope).await;
    for (group, body) in [("a", "1"), ("b", "2"), ("a", "3")] {
        let input = object! {
            "QueueUrl" => url.as_str(), "MessageBody" => body, "MessageGroupId" => group, "MessageDeduplicationId" => "id",
        };
        world.call("SendMessage", input).await;
    }
    assert_eq!(world.bodies(&url).await, ["1", "2"]);
    let refused = world.refused(
        "SetQueueAttributes",
        object! { "QueueUrl" => url.as_str(), "Attributes" => object! { "DeduplicationScope" => "queue" } },
    );
    assert_eq!(refused.await.0, "InvalidAttributeValue");
}

#[tokio::test(start_paused = true)]
async fn what_fifo_queues_need_is_asked_for() {
    let world = World::new();
    let url = queue(&world, object! {}).await;
    let send = |group: Option<&str>, id: Option<&str>, delay: Option<i64>| {
        object! {
            "QueueUrl" => url.as_str(), "MessageBody" => "x", "MessageGroupId" => group,
            "MessageDeduplicationId" => id, "DelaySeconds" => delay,
        }
    };
    let no_id =
        "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly";
    let no_group = "The request must contain the parameter MessageGroupId.";
    let delay = "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type.";
    for (input, code, text) in [
        (send(None, Some("i"), None), "MissingRequiredParameterException", no_group),
        (send(Some("g"), None, None), "InvalidParameterValueException", no_id),
        (send(Some("g"), Some("i"), Some(2)), "InvalidParameterValueException", delay),
    ] {
        assert_eq!(world.refused("SendMessage", input).await, (code.to_owned(), text.to_owned()));
    }
    for (group, id, text) in [(None, Some("i"), no_group), (Some("g"), None, no_id)] {
        let entry =
            object! { "Id" => "1", "MessageBody" => "x", "MessageGroupId" => group, "MessageDeduplicationId" => id };
        let batch = object! { "QueueUrl" => url.as_str(), "Entries" => vec![entry] };
        let refused = world.refused("SendMessageBatch", batch).await;
        assert_eq!(refused, ("InvalidParameterValueException".to_owned(), text.to_owned()));
    }
    world.call("SendMessage", send(Some("g"), Some("i"), Some(0))).await;
    assert_eq!(world.bodies(&url).await, ["x"]);
}

#[tokio::test(start_paused = true)]
async fn an_expired_handle_is_refused() {
    let world = World::new();
    let url = queue(&world, object! { "VisibilityTimeout" => "1" }).await;
    world.send_group(&url, "g", "x").await;
    let first = world.receive(&url).await;
    pass_ms(1_000).await;
    let delete = object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => &first[0]["ReceiptHandle"] };
    let handle = first[0]["ReceiptHandle"].as_str().expect("a handle");
    let text =
        format!("Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.");
    let expired = ("InvalidParameterValueException".to_owned(), text);
    assert_eq!(world.refused("DeleteMessage", delete.clone()).await, expired);
    let second = world.receive(&url).await;
    assert_eq!(world.refused("DeleteMessage", delete.clone()).await, expired);
    world.delete(&url, &second[0]).await;
    // Of a message that is gone, any handle will do.
    world.call("DeleteMessage", delete).await;
}

#[tokio::test(start_paused = true)]
async fn sequence_numbers_grow_over_restarts() {
    let mut world = World::new();
    let url = queue(&world, object! {}).await;
    let mut last = String::new();
    for number in 0..5 {
        let sent = world.send_group(&url, "g", &number.to_string()).await;
        let sequence = sent["SequenceNumber"].as_str().expect("a number").to_owned();
        assert!(sequence.len() == 20 && sequence > last, "{last} {sequence}");
        let message = world.receive(&url).await.remove(0);
        assert_eq!(message["Attributes"]["SequenceNumber"].as_str(), Some(sequence.as_str()));
        assert_eq!(message["Attributes"]["MessageGroupId"].as_str(), Some("g"));
        world.delete(&url, &message).await;
        world.restart();
        last = sequence;
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_attempt_gives_the_same_messages() {
    let world = World::new();
    let url = queue(&world, object! { "VisibilityTimeout" => "10" }).await;
    world.send_group(&url, "g", "1").await;
    world.send_group(&url, "g", "2").await;
    let attempt = object! { "ReceiveRequestAttemptId" => "try" };
    let first = world.receive_with(&url, attempt.clone()).await;
    assert_eq!(bodies(&first), ["1"]);
    pass_ms(6_000).await;
    assert_eq!(world.receive_with(&url, attempt.clone()).await, first);
    // Its timeout began anew.
    pass_ms(6_000).await;
    assert_eq!(world.counts(&url).await, ["1", "1", "0"]);
    world.delete(&url, &first[0]).await;
    assert_eq!(bodies(&world.receive_with(&url, attempt).await), ["2"]);
}

#[tokio::test(start_paused = true)]
async fn the_delay_of_the_queue_holds_for_what_is_in_it() {
    let mut world = World::new();
    let url = queue(&world, object! { "DelaySeconds" => "60" }).await;
    world.send_group(&url, "g", "1").await;
    assert_eq!(world.counts(&url).await, ["0", "0", "1"]);
    let set = |seconds: &str| {
        object! { "QueueUrl" => url.as_str(), "Attributes" => object! { "DelaySeconds" => seconds } }
    };
    world.call("SetQueueAttributes", set("0")).await;
    assert_eq!(world.counts(&url).await, ["1", "0", "0"]);
    world.call("SetQueueAttributes", set("30")).await;
    world.restart();
    assert_eq!(world.counts(&url).await, ["0", "0", "1"]);
    pass_ms(30_000).await;
    assert_eq!(world.bodies(&url).await, ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_purge_forgets_the_ids() {
    let world = World::new();
    let url = queue(&world, object! {}).await;
    let first = world.send_group(&url, "g", "1").await;
    world.call("PurgeQueue", object! { "QueueUrl" => url.as_str() }).await;
    assert_ne!(world.send_group(&url, "g", "1").await["MessageId"], first["MessageId"]);
    assert_eq!(world.bodies(&url).await, ["1"]);
}
