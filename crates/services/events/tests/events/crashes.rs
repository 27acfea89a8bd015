//! Acknowledged means delivered, whatever happens in between; and nothing is
//! delivered that was not acknowledged.

use std::collections::BTreeSet;
use std::time::Duration;

use windlass_protocol::Service;

use crate::world::{QUEUE, World, body, call};

#[tokio::test]
async fn what_was_acknowledged_survives() {
    let mut world = World::new();
    world.rule("r", r#"{"source":["s"]}"#, QUEUE).await;
    let mut acknowledged = BTreeSet::new();
    for n in 0..10 {
        acknowledged.insert(world.put("s", &format!(r#"{{"n":{n}}}"#)).await);
        // Some are delivered already, some are not.
        if n % 3 == 0 {
            world.restart(0).await;
        }
    }
    world.calls("SendMessage", 10).await;
    world.settle().await;
    let sent = world.calls_so_far("SendMessage");
    let found: BTreeSet<String> = sent.iter().map(|call| body(call)["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, acknowledged);
    // A delivery cut off by a crash comes again under its own key.
    let keys: BTreeSet<_> = sent.iter().map(|call| call.idempotency_key.clone()).collect();
    assert_eq!(keys.len(), 10);
}

#[tokio::test]
async fn what_was_not_made_durable_is_not_delivered() {
    let mut world = World::new();
    world.rule("r", r#"{"source":["s"]}"#, QUEUE).await;
    world.faults.pause_syncs();
    let events = world.events.clone();
    let put = tokio::spawn(async move {
        events.call(call("PutEvents", r#"{"Entries":[{"Source":"s","DetailType":"t","Detail":"{}"}]}"#)).await
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!put.is_finished(), "it is not acknowledged before it is durable");
    world.restart(0).await;
    assert!(put.await.unwrap().is_err());
    world.settle().await;
    assert!(world.calls_so_far("SendMessage").is_empty());
}
