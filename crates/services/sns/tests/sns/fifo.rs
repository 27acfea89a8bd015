use windlass_value::{Value, object, parse};

use crate::fixture::{World, body, text};

fn fifo(more: Value) -> Value {
    let mut out = windlass_value::Object::new();
    out.insert("FifoTopic", "true");
    out.extend(more.as_object().into_iter().flat_map(|more| more.iter()).map(|(k, v)| (k.clone(), v.clone())));
    out.into()
}

fn sent(group: &str, id: &str) -> Value {
    object! { "MessageGroupId" => group, "MessageDeduplicationId" => id }
}

#[tokio::test]
async fn groups_arrive_in_order() {
    let mut world = World::new();
    let topic = world.topic("t.fifo", fifo(Value::Null)).await;
    for queue in ["a.fifo", "b.fifo"] {
        world.subscribe(&topic, queue, object! { "RawMessageDelivery" => "true" }).await;
    }
    let mut numbers = Vec::new();
    for message in 0..30 {
        let group = ["g0", "g1", "g2"][message % 3];
        let output = world.publish(&topic, &format!("{group} {message:02}"), sent(group, &message.to_string())).await;
        numbers.push(text(&output, "SequenceNumber"));
        if message == 15 {
            // A crash between: numbers go on ascending.
            world.restart();
        }
    }
    assert!(numbers.is_sorted() && numbers.iter().all(|number| number.len() == 20), "{numbers:?}");
    numbers.dedup();
    assert_eq!(numbers.len(), 30);
    let mut by_lane: std::collections::BTreeMap<String, Vec<String>> = Default::default();
    let lanes =
        |by_lane: &std::collections::BTreeMap<String, Vec<String>>| by_lane.values().map(Vec::len).sum::<usize>();
    while lanes(&by_lane) < 60 {
        let call = world.next_sent().await;
        let message = body(&call);
        let lane = format!("{} {}", text(&call.input, "QueueUrl"), &message[..2]);
        let received = by_lane.entry(lane).or_default();
        // What a crash cut off comes again under the same key.
        if received.last() != Some(&message) {
            received.push(message);
        }
    }
    assert_eq!(by_lane.len(), 6);
    for received in by_lane.values() {
        assert!(received.is_sorted(), "{received:?}");
    }
    world.settled().await;
}

#[tokio::test]
async fn repeats_are_known_for_five_minutes() {
    let mut world = World::new();
    let topic = world.topic("t.fifo", fifo(object! { "ContentBasedDeduplication" => "true" })).await;
    world.subscribe(&topic, "q.fifo", Value::Null).await;
    let group = object! { "MessageGroupId" => "g" };
    let first = world.publish(&topic, "Test", group.clone()).await;
    world.restart();
    world.pass(299_000);
    assert_eq!(world.publish(&topic, "Test", group.clone()).await, first);
    // Another group is no other message, unless the topic says so.
    assert_eq!(world.publish(&topic, "Test", object! { "MessageGroupId" => "h" }).await, first);
    let call = world.next_sent().await;
    assert_eq!(text(&call.input, "MessageGroupId"), "g");
    let hash = "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25";
    assert_eq!(text(&call.input, "MessageDeduplicationId"), hash);
    let members: Vec<String> =
        parse(&body(&call)).unwrap().as_object().unwrap().keys().map(|name| name.to_string()).collect();
    let expected = ["Type", "MessageId", "SequenceNumber", "TopicArn", "Message", "Timestamp", "UnsubscribeURL"];
    assert_eq!(members, expected);
    world.pass(1_000);
    assert_ne!(world.publish(&topic, "Test", group).await, first);
    world.settled().await;
    world.pass(300_000);
    world.sns.sweep().await.unwrap();
    assert_eq!(world.rows("sns_deduplications"), 0);
}

#[tokio::test]
async fn repeats_within_a_batch_are_known() {
    let mut world = World::new();
    let topic = world.topic("t.fifo", fifo(object! { "FifoThroughputScope" => "MessageGroup" })).await;
    world.subscribe(&topic, "q.fifo", object! { "RawMessageDelivery" => "true" }).await;
    let entry = |id: &str, group: &str, deduplication: &str| {
        object! { "Id" => id, "Message" => id, "MessageGroupId" => group, "MessageDeduplicationId" => deduplication }
    };
    let entries = vec![entry("a", "g", "1"), entry("b", "g", "1"), entry("c", "h", "1"), entry("d", "g", "2")];
    let input = object! { "TopicArn" => &topic, "PublishBatchRequestEntries" => entries };
    let output = world.call("PublishBatch", input).await;
    let ids: Vec<String> = output["Successful"].as_array().unwrap().iter().map(|one| text(one, "MessageId")).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2] && ids[2] != ids[3], "{ids:?}");
    let mut bodies = vec![];
    for _ in 0..3 {
        bodies.push(body(&world.next_sent().await));
    }
    bodies.sort();
    assert_eq!(bodies, ["a", "c", "d"]);
}

#[tokio::test]
async fn concurrent_repeats_are_one_message() {
    let mut world = World::new();
    let topic = world.topic("t.fifo", fifo(Value::Null)).await;
    world.subscribe(&topic, "q.fifo", object! { "RawMessageDelivery" => "true" }).await;
    world.faults.pause_syncs();
    let publishing: Vec<_> = (0..8)
        .map(|_| {
            let mut input = sent("g", "same").as_object().unwrap().as_ref().clone();
            input.insert("TopicArn", &topic);
            input.insert("Message", "x");
            let sns = world.sns.clone();
            tokio::spawn(async move {
                use windlass_protocol::Service;
                sns.call(crate::fixture::call("Publish", input.into())).await.unwrap().output
            })
        })
        .collect();
    tokio::task::yield_now().await;
    world.faults.release_syncs();
    let mut answers = Vec::new();
    for one in publishing {
        answers.push(one.await.unwrap());
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(body(&world.next_sent().await), "x");
    world.settled().await;
    assert!(world.queues.try_recv().is_err());
}

#[tokio::test]
async fn standard_queues_take_fifo_topics_messages() {
    let mut world = World::new();
    let topic = world.topic("t.fifo", fifo(Value::Null)).await;
    world.subscribe(&topic, "q", object! { "RawMessageDelivery" => "true" }).await;
    world.publish(&topic, "x", sent("g", "1")).await;
    let call = world.next_sent().await;
    assert!(call.input["MessageGroupId"].is_null() && call.input["MessageDeduplicationId"].is_null());
    let input = object! { "TopicArn" => &topic, "Protocol" => "lambda", "Endpoint" => "arn:aws:lambda:us-east-1:000000000000:function:f" };
    world.try_call("Subscribe", input).await.unwrap_err();
}

#[tokio::test]
async fn a_refused_publish_repeats_no_number_after_a_restart() {
    let mut world = World::new();
    let topic = world.topic("t.fifo", fifo(Value::Null)).await;
    // It would have reserved the numbers of those that follow.
    world.faults.refuse_next_sync("full");
    let mut input = sent("g", "0").as_object().unwrap().as_ref().clone();
    input.insert("TopicArn", &topic);
    input.insert("Message", "x");
    world.try_call("Publish", input.into()).await.unwrap_err();
    let mut numbers = Vec::new();
    for id in ["1", "2", "3", "4"] {
        numbers.push(text(&world.publish(&topic, "x", sent("g", id)).await, "SequenceNumber"));
        if id == "2" {
            world.restart();
        }
    }
    assert!(numbers.is_sorted_by(|before, after| before < after), "{numbers:?}");
}
