//! Random calls, crashes and pauses against what must always hold: what was
//! acknowledged is not lost, what was deleted does not come back, and a FIFO
//! group comes in its order.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use windlass_store::UnsyncedOutcome;
use windlass_value::{Value, object};

use crate::fixture::{World, pass_ms, try_call};

#[derive(Clone, Debug)]
enum Step {
    Send {
        group: u8,
        count: u8,
    },
    Receive {
        max: u8,
        timeout_s: u8,
    },
    Delete {
        pick: u8,
    },
    Change {
        pick: u8,
        timeout_s: u8,
    },
    Pass {
        ms: u16,
    },
    Restart,
    /// A send and, where something is held, a delete and a receive are under way.
    Crash {
        group: u8,
        pick: u8,
        survivors: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, 1..4_u8).prop_map(|(group, count)| Step::Send { group, count }),
        5 => (1..=10_u8, 0..5_u8).prop_map(|(max, timeout_s)| Step::Receive { max, timeout_s }),
        4 => any::<u8>().prop_map(|pick| Step::Delete { pick }),
        1 => (any::<u8>(), 0..5_u8).prop_map(|(pick, timeout_s)| Step::Change { pick, timeout_s }),
        2 => (0..3_000_u16).prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Restart),
        1 => (0..3_u8, any::<u8>(), 0..4_u8).prop_map(|(group, pick, survivors)| Step::Crash { group, pick, survivors }),
    ]
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Sent, or deleted, without an answer.
    Unknown,
    There,
    Deleted,
}

/// What must hold of each message, by its number; numbers grow as messages are sent.
struct Model {
    fifo: bool,
    messages: BTreeMap<u32, (u8, Fate)>,
    held: Vec<(u32, Value)>,
    next: u32,
}

impl Model {
    fn new_message(&mut self, group: u8, fate: Fate) -> u32 {
        self.next += 1;
        self.messages.insert(self.next, (group, fate));
        self.next
    }

    /// Checks a receive.
    fn received(&mut self, received: &[Value]) {
        let mut before: Vec<u32> = Vec::new();
        for message in received {
            let number: u32 = message["Body"].as_str().expect("a body").parse().expect("a number");
            let (group, fate) = self.messages[&number];
            assert_ne!(fate, Fate::Deleted, "{number} came back");
            if self.fifo {
                let overtaken = self
                    .messages
                    .range(..number)
                    .find(|(earlier, (of, fate))| *of == group && *fate == Fate::There && !before.contains(earlier));
                assert_eq!(overtaken, None, "{number} overtook one of its group");
            }
            // It is there, if that was not certain.
            self.messages.insert(number, (group, Fate::There));
            before.push(number);
            self.held.push((number, message["ReceiptHandle"].clone()));
        }
    }
}

fn send_input(url: &str, fifo: bool, group: u8, number: u32) -> Value {
    let id = fifo.then(|| number.to_string());
    object! {
        "QueueUrl" => url,
        "MessageBody" => number.to_string(),
        "MessageGroupId" => format!("g{group}"),
        "MessageDeduplicationId" => id,
    }
}

async fn run(fifo: bool, resident_max: usize, steps: Vec<Step>) {
    let mut world = World::with(|config| config.resident_max = resident_max);
    let url = match fifo {
        true => world.queue("q.fifo", object! { "FifoQueue" => "true" }).await,
        false => world.queue("q", object! {}).await,
    };
    let mut model = Model { fifo, messages: BTreeMap::new(), held: Vec::new(), next: 0 };
    for step in steps {
        match step {
            Step::Send { group, count } => {
                for _ in 0..count {
                    let number = model.new_message(group, Fate::There);
                    world.call("SendMessage", send_input(&url, fifo, group, number)).await;
                }
            }
            Step::Receive { max, timeout_s } => {
                let input =
                    object! { "MaxNumberOfMessages" => i64::from(max), "VisibilityTimeout" => i64::from(timeout_s) };
                let received = world.receive_with(&url, input).await;
                model.received(&received);
            }
            Step::Delete { pick } if !model.held.is_empty() => {
                let (number, handle) = model.held.remove(usize::from(pick) % model.held.len());
                let deleted =
                    world.try_call("DeleteMessage", object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => handle });
                match deleted.await {
                    Ok(_) => model.messages.get_mut(&number).expect("a message").1 = Fate::Deleted,
                    Err(fault) => assert!(fifo && fault.message.contains("expired"), "{fault}"),
                }
            }
            Step::Change { pick, timeout_s } if !model.held.is_empty() => {
                let (_, handle) = &model.held[usize::from(pick) % model.held.len()];
                let input = object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => handle, "VisibilityTimeout" => i64::from(timeout_s) };
                // A handle may be over, or its message gone.
                let _ = world.try_call("ChangeMessageVisibility", input).await;
            }
            Step::Delete { .. } | Step::Change { .. } => {}
            Step::Pass { ms } => pass_ms(ms.into()).await,
            Step::Restart => world.restart(),
            Step::Crash { group, pick, survivors } => {
                world.faults.pause_syncs();
                let mut calls =
                    vec![("ReceiveMessage", object! { "QueueUrl" => url.as_str(), "VisibilityTimeout" => 1 })];
                if !model.held.is_empty() {
                    let (number, handle) = model.held.remove(usize::from(pick) % model.held.len());
                    calls.push(("DeleteMessage", object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => handle }));
                    let fate = &mut model.messages.get_mut(&number).expect("a message").1;
                    if *fate == Fate::There {
                        *fate = Fate::Unknown;
                    }
                }
                let number = model.new_message(group, Fate::Unknown);
                calls.push(("SendMessage", send_input(&url, fifo, group, number)));
                let tasks: Vec<_> = calls
                    .into_iter()
                    .map(|(operation, input)| {
                        let sqs = Arc::clone(&world.sqs);
                        tokio::spawn(async move { try_call(&sqs, operation, input).await })
                    })
                    .collect();
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                world.crash(UnsyncedOutcome::Torn(survivors.into()));
                for task in tasks {
                    // An answer before the crash is one of nothing: no commit was made.
                    let _ = task.await.expect("a task");
                }
            }
        }
    }
    // All that is left comes, once its timeouts are over, and then no more.
    world.restart();
    pass_ms(60_000).await;
    let mut left: Vec<u32> =
        model.messages.iter().filter(|(_, (_, fate))| *fate == Fate::There).map(|(number, _)| *number).collect();
    loop {
        let received = world.receive(&url).await;
        if received.is_empty() {
            break;
        }
        model.held.clear();
        model.received(&received);
        for (number, handle) in std::mem::take(&mut model.held) {
            world.call("DeleteMessage", object! { "QueueUrl" => url.as_str(), "ReceiptHandle" => handle }).await;
            left.retain(|it| *it != number);
            model.messages.get_mut(&number).expect("a message").1 = Fate::Deleted;
        }
    }
    assert_eq!(left, [0_u32; 0], "acknowledged and lost");
    assert_eq!(world.counts(&url).await, ["0", "0", "0"]);
    world.restart();
    pass_ms(60_000).await;
    assert!(world.receive(&url).await.is_empty());
}

fn in_runtime(work: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(work);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_standard_queue_loses_nothing_and_revives_nothing(few in 2..8_usize, steps in proptest::collection::vec(step(), 1..80)) {
        in_runtime(run(false, 1000, steps.clone()));
        // The same with nearly all messages on the disk only.
        in_runtime(run(false, few, steps));
    }

    #[test]
    fn a_fifo_queue_keeps_the_order_of_its_groups(few in 2..8_usize, steps in proptest::collection::vec(step(), 1..80)) {
        in_runtime(run(true, 1000, steps.clone()));
        in_runtime(run(true, few, steps));
    }
}
