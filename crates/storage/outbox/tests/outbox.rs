//! The outbox over a store in memory, with a clock that the tests' timers drive.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use windlass_outbox::{
    ANSWER_LIFETIME_MS, Answers, BoxFuture, Deliver, Delivery, Entry, LANE_PENDING_MAX, Outbox, OutboxOptions,
    PENDING_MAX, SWEEP_GRACE_MS, Verdict,
};
use windlass_store::{Batch, Column, ColumnKind, CommitError, Key, MemoryFaults, Scan, Store, Table, shard_of};
use windlass_value::{Now, Timestamp};

const ACCOUNT: &str = "000000000000";
const REGION: &str = "us-east-1";
const START: Timestamp = Timestamp(1_800_000_000_000);

/// A receiver's effects.
static EFFECTS: Table =
    Table { name: "effects", columns: &[Column { name: "id", kind: ColumnKind::Text }], indexes: &[] };

fn tables() -> Vec<&'static Table> {
    windlass_outbox::TABLES.iter().copied().chain([&EFFECTS]).collect()
}

/// The clock of the paused runtime.
fn clock() -> Now {
    let start = tokio::time::Instant::now();
    Arc::new(move || START.plus_ms(start.elapsed().as_millis() as i64))
}

type Decide = Box<dyn Fn(&Delivery) -> Verdict + Send + Sync>;

/// Notes what it delivers; each delivery takes a moment.
struct Receiver {
    seen: parking_lot::Mutex<Vec<(String, u32)>>,
    at_once: AtomicUsize,
    at_once_max: AtomicUsize,
    takes: Duration,
    decide: Decide,
}

impl Receiver {
    fn new(decide: impl Fn(&Delivery) -> Verdict + Send + Sync + 'static) -> Arc<Receiver> {
        Arc::new(Receiver {
            seen: parking_lot::Mutex::default(),
            at_once: AtomicUsize::new(0),
            at_once_max: AtomicUsize::new(0),
            takes: Duration::from_millis(1),
            decide: Box::new(decide),
        })
    }

    fn all() -> Arc<Receiver> {
        Receiver::new(|_| Verdict::Done(Batch::default()))
    }

    fn ids(&self) -> Vec<String> {
        self.seen.lock().iter().map(|(id, _)| id.clone()).collect()
    }

    async fn seen(&self, count: usize) -> Vec<String> {
        for _ in 0..200_000 {
            if self.seen.lock().len() >= count {
                return self.ids();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("only {} of {count} were delivered", self.seen.lock().len());
    }
}

impl Deliver for Receiver {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
            self.at_once_max.fetch_max(at_once, Ordering::SeqCst);
            tokio::time::sleep(self.takes).await;
            self.at_once.fetch_sub(1, Ordering::SeqCst);
            self.seen.lock().push((delivery.id.to_string(), delivery.attempt));
            (self.decide)(&delivery)
        })
    }
}

struct World {
    faults: MemoryFaults,
    store: Store,
    now: Now,
    outbox: Outbox,
}

fn world(concurrency_max: usize) -> World {
    let faults = MemoryFaults::new();
    let store = Store::memory(&tables(), faults.clone());
    let now = clock();
    let outbox = Outbox::open(&store, "test", now.clone(), OutboxOptions { concurrency_max }).expect("an outbox");
    World { faults, store, now, outbox }
}

impl World {
    fn entry(&self, id: &str, lane: Option<&str>, in_ms: i64) -> Entry {
        let body = Bytes::from(format!("body of {id}"));
        Entry { id: id.into(), lane: lane.map(Into::into), due: (self.now)().plus_ms(in_ms), body }
    }

    async fn store_only(&self, entries: &[Entry]) {
        let mut batch = Batch::default();
        for entry in entries {
            self.outbox.add(&mut batch, ACCOUNT, REGION, entry);
        }
        self.store.commit(batch).await.expect("a commit");
    }

    async fn add(&self, entries: &[Entry]) {
        self.store_only(entries).await;
        self.outbox.committed(entries);
    }

    async fn add_one(&self, id: &str, lane: Option<&str>, in_ms: i64) {
        self.add(&[self.entry(id, lane, in_ms)]).await;
    }

    fn rows(&self) -> usize {
        self.store.scan(windlass_outbox::TABLES[0], Scan { limit: 100_000, ..Scan::default() }).expect("rows").len()
    }

    fn restart(&mut self) {
        self.faults.crash();
        self.store = self.faults.restart(&tables());
        self.outbox = Outbox::open(&self.store, "test", self.now.clone(), OutboxOptions { concurrency_max: 8 })
            .expect("an outbox");
    }

    async fn empty(&self) {
        for _ in 0..10_000 {
            if self.rows() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{} rows are left", self.rows());
    }
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_delivered_from_memory_and_removed() {
    let world = world(4);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    pass(10).await;
    let entry = world.entry("a", None, 0);
    world.store_only(std::slice::from_ref(&entry)).await;
    // A row that cannot be read any more shows that it is not read.
    let key = Key::new(shard_of("a"), ACCOUNT, REGION).text("test").text("a");
    assert!(world.faults.corrupt_row(windlass_outbox::TABLES[0], &key));
    world.outbox.committed(&[entry]);
    assert_eq!(receiver.seen(1).await, ["a"]);
    pass(1).await;
    assert_eq!(world.rows(), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_delivered_before_it_is_due() {
    let world = world(4);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    for (id, in_ms) in [("hour", 3_600_000), ("second", 1_000), ("minute", 60_000), ("now", 0), ("past", -5)] {
        world.add_one(id, None, in_ms).await;
    }
    for (passes_ms, seen) in [(500, 2), (490, 2), (40, 3), (58_900, 3), (200, 4), (3_539_000, 4), (2_000, 5)] {
        pass(passes_ms).await;
        assert_eq!(receiver.ids().len(), seen, "{:?}", receiver.ids());
    }
    assert_eq!(receiver.ids()[2..], ["second", "minute", "hour"]);
}

#[tokio::test(start_paused = true)]
async fn at_most_as_many_as_allowed_are_under_way() {
    let world = world(3);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    let entries: Vec<Entry> = (0..50).map(|at| world.entry(&at.to_string(), None, 0)).collect();
    world.add(&entries).await;
    receiver.seen(50).await;
    assert_eq!(receiver.at_once_max.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_holds_up_its_lane_and_no_other() {
    let world = world(4);
    let now = world.now.clone();
    let receiver = Receiver::new(move |delivery| match (&*delivery.id, delivery.attempt) {
        ("a1", 1..=2) => Verdict::Retry { at: now().plus_ms(5_000) },
        ("c1", 1) => Verdict::Retry { at: now().plus_ms(600_000) },
        _ => Verdict::Done(Batch::default()),
    });
    world.outbox.start(receiver.clone());
    for (id, lane) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c"), ("b2", "b"), ("a3", "a"), ("c2", "c")] {
        world.add_one(id, Some(lane), 0).await;
    }
    pass(1_000).await;
    let ids: HashSet<String> = receiver.ids().into_iter().collect();
    assert_eq!(ids, ["a1", "b1", "b2", "c1"].map(str::to_owned).into());
    pass(20_000).await;
    // Also one that comes while its lane is only in the store.
    world.add_one("c3", Some("c"), 0).await;
    pass(10_000).await;
    assert_eq!(receiver.ids()[4..], ["a1", "a1", "a2", "a3"]);
    pass(600_000).await;
    assert_eq!(receiver.ids()[8..], ["c1", "c2", "c3"]);
    assert_eq!(receiver.seen.lock()[5], ("a1".to_owned(), 3));
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_effect_and_delivery_loses_nothing() {
    let mut world = world(4);
    let now = world.now.clone();
    let entries: Vec<Entry> = (0..300).map(|at| world.entry(&at.to_string(), Some("lane"), 0)).collect();
    world.store_only(&entries).await;
    world.restart();
    // The clock was set back, too: the order is not the clock's.
    let first = AtomicUsize::new(0);
    let receiver = Receiver::new(move |delivery| match first.fetch_add(1, Ordering::SeqCst) {
        100 if delivery.attempt == 1 => Verdict::Retry { at: now().plus_ms(30_000) },
        _ => Verdict::Done(Batch::default()),
    });
    world.outbox.start(receiver.clone());
    pass(10).await;
    let later: Vec<Entry> = (300..320).map(|at| world.entry(&at.to_string(), Some("lane"), -1_000)).collect();
    world.add(&later).await;
    let mut seen = receiver.seen(321).await;
    seen.dedup();
    assert_eq!(seen, (0..320).map(|at| at.to_string()).collect::<Vec<_>>());
    world.empty().await;
}

/// The receiving service: applies a call once, answers a repeat as the first.
fn apply(store: &Store, answers: &Answers, id: &str) -> Result<Bytes, CommitError> {
    for _ in 0..2 {
        if let Some(answer) = answers.find(ACCOUNT, REGION, id).expect("a read") {
            return Ok(answer);
        }
        let mut batch = Batch::default();
        let effect = Key::new(0, ACCOUNT, REGION).text(id);
        let count = store.get(&EFFECTS, &effect).expect("a read").map_or(0, |row| row.value[0]) + 1;
        batch.put(&EFFECTS, effect, vec![id.into()], vec![count]);
        answers.keep(&mut batch, ACCOUNT, REGION, id, vec![count]);
        match store.commit(batch).wait() {
            Ok(()) => return Ok(vec![count].into()),
            Err(CommitError::Expectation { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    panic!("neither applied nor answered");
}

#[tokio::test(start_paused = true)]
async fn delivered_twice_across_a_crash_is_applied_once() {
    let mut world = world(1);
    world.store_only(&[world.entry("a", None, 0)]).await;
    let answers = Answers::open(&world.store, "receiver", world.now.clone());
    let (store, faults) = (world.store.clone(), world.faults.clone());
    let receiver = Receiver::new(move |delivery| {
        apply(&store, &answers, &delivery.id).expect("applied");
        // The removal does not become durable.
        faults.pause_syncs();
        Verdict::Done(Batch::default())
    });
    world.outbox.start(receiver.clone());
    receiver.seen(1).await;
    pass(1).await;
    assert_eq!(world.faults.unsynced(), 1);
    world.restart();
    let answers = Answers::open(&world.store, "receiver", world.now.clone());
    let store = world.store.clone();
    let receiver = Receiver::new(move |delivery| {
        assert_eq!(apply(&store, &answers, &delivery.id).expect("answered"), [1][..]);
        Verdict::Done(Batch::default())
    });
    world.outbox.start(receiver.clone());
    assert_eq!(receiver.seen(1).await, ["a"]);
    world.empty().await;
    let effect = Key::new(0, ACCOUNT, REGION).text("a");
    assert_eq!(world.store.get(&EFFECTS, &effect).expect("a read").map(|row| row.value[0]), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_whose_end_is_refused_is_made_again() {
    let world = world(2);
    let receiver = Receiver::new(|delivery| {
        let mut batch = Batch::default();
        if delivery.attempt < 3 {
            batch.expect_version(&EFFECTS, Key::new(0, ACCOUNT, REGION).text("none"), 7);
        }
        Verdict::Done(batch)
    });
    world.outbox.start(receiver.clone());
    world.add(&[world.entry("a", Some("l"), 0), world.entry("b", Some("l"), 0)]).await;
    receiver.seen(6).await;
    pass(10).await;
    let seen: Vec<(String, u32)> = receiver.seen.lock().clone();
    let expected = [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)];
    assert_eq!(seen, expected.map(|(id, attempt)| (id.to_owned(), attempt)));
    assert_eq!(world.rows(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_only_delays() {
    let world = world(2);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    pass(10).await;
    let entry = world.entry("a", None, 0);
    world.add(&[entry]).await;
    world.faults.refuse_next_sync("the disk is full");
    receiver.seen(2).await;
    world.empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_delivery_to_make_again() {
    let world = world(1);
    let receiver = Receiver::new(|delivery| {
        assert!(&*delivery.id != "a" || delivery.attempt > 2, "told to");
        Verdict::Done(Batch::default())
    });
    world.outbox.start(receiver.clone());
    world.add(&[world.entry("a", None, 0), world.entry("b", None, 0)]).await;
    receiver.seen(4).await;
    assert_eq!(receiver.ids().iter().filter(|id| *id == "a").count(), 3);
    world.empty().await;
}

#[tokio::test(start_paused = true)]
async fn more_than_fits_into_memory_is_delivered_once_each() {
    let world = world(64);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    pass(10).await;
    let count = PENDING_MAX * 2 + 500;
    let entries: Vec<Entry> = (0..count).map(|at| world.entry(&at.to_string(), None, (at % 7) as i64)).collect();
    world.add(&entries).await;
    let seen = receiver.seen(count).await;
    world.empty().await;
    assert_eq!(receiver.ids().len(), count);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>().len(), count);
}

#[tokio::test(start_paused = true)]
async fn long_lanes_keep_their_order() {
    let world = world(16);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    let per_lane = LANE_PENDING_MAX * 3 + 5;
    let lanes = ["x", "y", "z"];
    for at in 0..per_lane {
        let entries: Vec<Entry> = lanes.iter().map(|lane| world.entry(&format!("{lane}{at}"), Some(lane), 0)).collect();
        world.add(&entries).await;
    }
    let seen = receiver.seen(per_lane * lanes.len()).await;
    for lane in lanes {
        let of_lane: Vec<&String> = seen.iter().filter(|id| id.starts_with(lane)).collect();
        assert_eq!(
            of_lane,
            (0..per_lane).map(|at| format!("{lane}{at}")).collect::<Vec<_>>().iter().collect::<Vec<_>>()
        );
    }
    world.empty().await;
}

#[tokio::test(start_paused = true)]
async fn an_earlier_add_of_the_lane_is_waited_for() {
    let world = world(4);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    pass(10).await;
    let (first, second) = (world.entry("1", Some("l"), 0), world.entry("2", Some("l"), 0));
    let (mut first_batch, mut second_batch) = (Batch::default(), Batch::default());
    world.outbox.add(&mut first_batch, ACCOUNT, REGION, &first);
    world.outbox.add(&mut second_batch, ACCOUNT, REGION, &second);
    world.store.commit(second_batch).await.expect("a commit");
    world.outbox.committed(&[second]);
    pass(100).await;
    assert!(receiver.ids().is_empty());
    world.store.commit(first_batch).await.expect("a commit");
    world.outbox.committed(&[first]);
    assert_eq!(receiver.seen(2).await, ["1", "2"]);
    // One that is never committed holds nobody up for long; a refused one not at all.
    world.outbox.add(&mut Batch::default(), ACCOUNT, REGION, &world.entry("3", Some("l"), 0));
    let refused = world.entry("4", Some("m"), 0);
    world.outbox.add(&mut Batch::default(), ACCOUNT, REGION, &refused);
    world.add(&[world.entry("5", Some("l"), 0), world.entry("6", Some("m"), 0)]).await;
    world.outbox.refused(&[refused]);
    pass(50).await;
    assert_eq!(receiver.ids()[2..], ["6"]);
    pass(2_500).await;
    assert_eq!(receiver.ids()[3..], ["5"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_handed_over_is_found() {
    let world = world(4);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    pass(10).await;
    world.store_only(&[world.entry("a", None, 0), world.entry("b", Some("l"), 0)]).await;
    pass(2_500).await;
    assert_eq!(receiver.ids().len(), 2);
    world.empty().await;
}

#[tokio::test(start_paused = true)]
async fn removed_entries_are_not_delivered() {
    let world = world(4);
    let now = world.now.clone();
    let receiver = Receiver::new(move |delivery| match &*delivery.id {
        "under-way" | "head" => Verdict::Retry { at: now().plus_ms(40_000) },
        _ => Verdict::Done(Batch::default()),
    });
    world.outbox.start(receiver.clone());
    pass(10).await;
    let entries = [
        ("soon", None, 5_000),
        ("late", None, 500_000),
        ("under-way", None, 0),
        ("head", Some("l"), 0),
        ("next", Some("l"), 0),
    ];
    for (id, lane, in_ms) in entries {
        world.add_one(id, lane, in_ms).await;
    }
    tokio::task::yield_now().await;
    assert!(world.outbox.under_way() > 0);
    let mut batch = Batch::default();
    world.outbox.remove(&mut batch, ACCOUNT, REGION, "under-way");
    world.store.commit(batch).await.expect("a commit");
    pass(100).await;
    let mut batch = Batch::default();
    for id in ["soon", "late", "head", "never"] {
        world.outbox.remove(&mut batch, ACCOUNT, REGION, id);
    }
    let held = |id: &str| world.outbox.contains(ACCOUNT, REGION, id).expect("a store");
    assert!(held("soon") && held("late") && !held("under-way") && !held("never"));
    world.store.commit(batch).await.expect("a commit");
    assert!(!held("soon") && !held("late"));
    pass(3_000).await;
    // The lane went on without its removed head, long before that was due.
    assert_eq!(receiver.ids(), ["under-way", "head", "next"]);
    pass(1_000_000).await;
    assert_eq!(receiver.ids().len(), 3);
    assert_eq!(world.rows(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_entry_may_be_replaced_and_add_itself_again() {
    let world = world(4);
    let (outbox, now) = (world.outbox.clone(), world.now.clone());
    let repeating = Receiver::new(move |delivery| {
        let mut batch = Batch::default();
        if &*delivery.id == "schedule" {
            let due = now().plus_ms(10_000);
            let next = Entry { id: delivery.id.clone(), lane: None, due, body: delivery.body.clone() };
            outbox.add(&mut batch, ACCOUNT, REGION, &next);
        }
        Verdict::Done(batch)
    });
    world.outbox.start(repeating.clone());
    world.add_one("once", None, 30_000).await;
    world.add_one("schedule", None, 0).await;
    pass(5_000).await;
    // Moved: delivered at the new instant only.
    world.add_one("once", None, 1_000).await;
    pass(50_000).await;
    let seen = repeating.ids();
    let count = |name: &str| seen.iter().filter(|id| *id == name).count();
    assert_eq!((count("schedule"), count("once")), (6, 1), "{seen:?}");
    assert_eq!(world.rows(), 1);
    let seen: Vec<u32> = repeating.seen.lock().iter().map(|(_, attempt)| *attempt).collect();
    assert!(seen.iter().all(|attempt| *attempt == 1), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_not_delivered_before_its_own_commit() {
    let world = world(4);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    pass(10).await;
    let first = world.entry("a", None, 5_000);
    world.store_only(std::slice::from_ref(&first)).await;
    // Added once more, due now; that batch is never committed.
    let mut refused = Batch::default();
    world.outbox.add(&mut refused, ACCOUNT, REGION, &world.entry("a", None, 0));
    world.outbox.committed(&[first]);
    pass(4_000).await;
    assert!(receiver.ids().is_empty());
    pass(1_500).await;
    assert_eq!(receiver.ids(), ["a"]);
    world.empty().await;
}

#[tokio::test(start_paused = true)]
async fn stop_waits_for_what_is_under_way() {
    let mut world = world(2);
    let receiver = Receiver::all();
    world.outbox.start(receiver.clone());
    let entries: Vec<Entry> = (0..10).map(|at| world.entry(&at.to_string(), None, 0)).collect();
    world.add(&entries).await;
    pass(0).await;
    world.outbox.stop().await;
    let delivered = receiver.ids().len();
    assert!(delivered < 10 && receiver.at_once.load(Ordering::SeqCst) == 0);
    assert_eq!(world.rows(), 10 - delivered);
    pass(5_000).await;
    assert_eq!(receiver.ids().len(), delivered);
    world.restart();
    let after = Receiver::all();
    world.outbox.start(after.clone());
    after.seen(10 - delivered).await;
    world.empty().await;
}

#[tokio::test(start_paused = true)]
async fn outboxes_do_not_touch_each_other() {
    let world = world(2);
    let options = OutboxOptions { concurrency_max: 2 };
    let other = Outbox::open(&world.store, "other", world.now.clone(), options).expect("an outbox");
    let receivers = [Receiver::all(), Receiver::all()];
    world.outbox.start(receivers[0].clone());
    other.start(receivers[1].clone());
    world.add_one("same", Some("l"), 0).await;
    let entry = world.entry("same", Some("l"), 0);
    let mut batch = Batch::default();
    other.add(&mut batch, ACCOUNT, REGION, &entry);
    world.store.commit(batch).await.expect("a commit");
    other.committed(&[entry]);
    for receiver in receivers {
        assert_eq!(receiver.seen(1).await, ["same"]);
    }
    world.empty().await;
}

/// Random adds, answers, crashes: everything is delivered, lanes in order.
#[tokio::test(start_paused = true)]
async fn whatever_happens_lanes_keep_their_order_and_nothing_is_lost() {
    for seed in 1..=25_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = move |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let mut world = world(4);
        let ended: Arc<parking_lot::Mutex<Vec<String>>> = Arc::default();
        let dice = Arc::new(parking_lot::Mutex::new(seed));
        let receiver = |now: Now| {
            let (ended, dice) = (ended.clone(), dice.clone());
            Receiver::new(move |delivery| {
                let mut dice = dice.lock();
                *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                match *dice >> 60 {
                    0..=3 => Verdict::Retry { at: now().plus_ms((*dice >> 40) as i64 % 90_000) },
                    // As a panic, without the noise of one.
                    4 => std::panic::resume_unwind(Box::new("by the dice")),
                    _ => {
                        ended.lock().push(delivery.id.to_string());
                        Verdict::Done(Batch::default())
                    }
                }
            })
        };
        world.outbox.start(receiver(world.now.clone()));
        let mut added = Vec::new();
        for round in 0..150 {
            let lane = ["a", "b", "c", ""][next(4) as usize];
            let id = format!("{lane}-{round:04}");
            let entry = world.entry(&id, Some(lane).filter(|lane| !lane.is_empty()), next(3) as i64 * 20_000);
            match next(3) {
                0 => world.store_only(&[entry]).await,
                _ => world.add(&[entry]).await,
            }
            added.push(id);
            pass(next(3_000)).await;
            if next(40) == 0 {
                world.restart();
                world.outbox.start(receiver(world.now.clone()));
            }
        }
        world.empty().await;
        world.outbox.stop().await;
        let ended = ended.lock();
        let mut first: Vec<&String> = Vec::new();
        let mut met = HashMap::new();
        for id in ended.iter() {
            met.entry(id).or_insert_with(|| first.push(id));
        }
        for lane in ["a", "b", "c"] {
            let of = |ids: &mut dyn Iterator<Item = &String>| -> Vec<String> {
                ids.filter(|id| id.starts_with(lane)).cloned().collect()
            };
            assert_eq!(of(&mut first.iter().copied()), of(&mut added.iter()), "seed {seed}");
        }
        assert_eq!(met.len(), added.len(), "seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_applied_once_and_one_after_the_other() {
    let store = Store::memory(&tables(), MemoryFaults::new());
    let answers = Answers::open(&store, "s", Arc::new(|| START));
    let effect = Key::new(0, ACCOUNT, REGION).text("counter");
    let change = |store: Store, effect: Key| {
        move || -> Result<(Batch, windlass_value::Value), String> {
            let mut batch = Batch::default();
            let count = match store.get(&EFFECTS, &effect).map_err(|error| error.to_string())? {
                None => {
                    batch.expect_absent(&EFFECTS, effect.clone());
                    0
                }
                Some(row) => {
                    batch.expect_version(&EFFECTS, effect.clone(), row.version);
                    row.value[0]
                }
            };
            batch.put(&EFFECTS, effect.clone(), vec!["counter".into()], vec![count + 1]);
            Ok((batch, windlass_value::Value::int(i64::from(count) + 1)))
        }
    };
    let tasks: Vec<_> = (0..40)
        .map(|at| {
            let (answers, change) = (answers.clone(), change(store.clone(), effect.clone()));
            // Each key comes twice.
            tokio::spawn(async move { answers.apply(ACCOUNT, REGION, Some(&format!("key{}", at / 2)), change).await })
        })
        .collect();
    let mut seen = Vec::new();
    for task in tasks {
        seen.push(task.await.expect("no panic").expect("applied").as_i64().expect("a number"));
    }
    assert!(seen.chunks(2).all(|pair| pair[0] == pair[1]), "{seen:?}");
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn old_answers_leave_but_not_in_the_first_hour() {
    let world = world(1);
    let instant = Arc::new(parking_lot::Mutex::new(START));
    let now: Now = {
        let instant = instant.clone();
        Arc::new(move || *instant.lock())
    };
    let set = |ms: i64| *instant.lock() = START.plus_ms(ms);
    let answers = Answers::open(&world.store, "s", now.clone());
    let keep = |answers: &Answers, id: &str| {
        let mut batch = Batch::default();
        answers.keep(&mut batch, ACCOUNT, REGION, id, "first");
        world.store.commit(batch).wait()
    };
    let count =
        || world.store.scan(windlass_outbox::TABLES[1], Scan { limit: 1_000, ..Scan::default() }).expect("rows").len();
    for at in 0..100 {
        keep(&answers, &format!("old{at}")).expect("kept");
    }
    // A repeat that was not found in time is refused.
    assert!(matches!(keep(&answers, "old1"), Err(CommitError::Expectation { .. })));
    assert_eq!(answers.find(ACCOUNT, REGION, "old1").expect("a read").as_deref(), Some(&b"first"[..]));
    assert_eq!(answers.find(ACCOUNT, "eu-west-1", "old1").expect("a read"), None);
    assert_eq!(Answers::open(&world.store, "t", now.clone()).find(ACCOUNT, REGION, "old1").expect("a read"), None);
    // Started anew two days later: nothing leaves in the first hour.
    set(2 * ANSWER_LIFETIME_MS);
    let answers = Answers::open(&world.store, "s", now.clone());
    keep(&answers, "new1").expect("kept");
    assert_eq!(count(), 101);
    set(2 * ANSWER_LIFETIME_MS + SWEEP_GRACE_MS);
    for at in 2..20 {
        keep(&answers, &format!("new{at}")).expect("kept");
    }
    assert_eq!(count(), 19, "only the new ones are left");
}
