//! No instant is missed or doubled, whatever happens in between.

use std::collections::BTreeSet;

use crate::world::World;

#[tokio::test]
async fn every_instant_fires_once_over_crashes() {
    const SECOND_MS: i64 = 1_000;
    let mut world = World::new();
    for n in 0..60 {
        world.schedule(&format!("s{n}"), &format!("at(2026-11-22T17:00:{n:02})"), "").await;
    }
    for second in 0..30 {
        // The crash comes before, while and after something fires.
        tokio::time::sleep(std::time::Duration::from_millis(second * 3)).await;
        world.restart(2 * SECOND_MS).await;
    }
    world.calls(60).await;
    world.settle().await;
    let calls = world.recorder.calls.lock().unwrap();
    // An invocation cut off by a crash comes again under its own id.
    let keys: BTreeSet<_> = calls.iter().map(|call| call.idempotency_key.clone()).collect();
    assert_eq!(keys.len(), 60);
    let instants: BTreeSet<_> = calls.iter().map(|call| call.input["MessageBody"].to_text()).collect();
    assert_eq!(instants.len(), 60);
}

#[tokio::test]
async fn a_rate_keeps_its_rhythm_over_crashes() {
    const MINUTE_MS: i64 = 60_000;
    let mut world = World::new();
    world.schedule("s", "rate(1 minute)", "").await;
    world.calls(1).await;
    for count in 2..=8 {
        world.restart(MINUTE_MS).await;
        world.calls(count).await;
    }
    world.settle().await;
    let times: BTreeSet<_> = world.sent().into_iter().collect();
    let expected: BTreeSet<_> = (0..8).map(|minute| format!("2026-11-22T17:{minute:02}:00Z")).collect();
    assert_eq!(times, expected);
}
