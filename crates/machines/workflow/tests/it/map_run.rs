//! The machine of a Map Run in a world of its own: reads, children and restarts come as
//! a seed says, and every child must be counted once.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use windlass_value::Text;
use windlass_workflow::{
    ChildOffer, Ending, MapRunCounts, MapRunEffect, MapRunEvent, MapRunFailure, MapRunPhase, MapRunSettings,
    MapRunState, MapRunStatus, Standing,
};

/// Children of this world at once.
const CHILDREN_MAX: u64 = 40;
/// Steps after which a run does not end.
const STEPS_MAX: usize = 100_000;

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// What outlives a restart.
#[derive(Default)]
struct Stored {
    /// How children ended, by number.
    ended: BTreeMap<u64, Ending>,
    /// How often each was begun.
    begun: BTreeMap<u64, u32>,
    /// Standard children that run on while the driver is gone.
    running: BTreeSet<u64>,
}

struct World {
    draw: Draw,
    state: MapRunState,
    stored: Stored,
    /// Children there are, and the items of each.
    children: Vec<u64>,
    /// Numbers that fail.
    failing: BTreeSet<u64>,
    reads: VecDeque<MapRunEffect>,
    writes: u32,
    closed: bool,
    most_at_once: usize,
}

impl World {
    fn new(seed: u64, settings: MapRunSettings) -> World {
        let mut draw = Draw(seed);
        let count = draw.below(300);
        let children: Vec<u64> = (0..count).map(|_| 1 + draw.below(3)).collect();
        let failures = if draw.below(2) == 0 { 0 } else { draw.below(10) };
        let failing = (0..failures).map(|_| draw.below(count.max(1))).collect();
        World {
            draw,
            state: MapRunState::new(settings),
            stored: Stored::default(),
            children,
            failing,
            reads: VecDeque::new(),
            writes: 0,
            closed: false,
            most_at_once: 0,
        }
    }

    fn step(&mut self, event: MapRunEvent) {
        for effect in self.state.step(event, CHILDREN_MAX) {
            match effect {
                MapRunEffect::Read { .. } | MapRunEffect::ReadAgain { .. } => self.reads.push_back(effect),
                MapRunEffect::Start { index, .. } => {
                    *self.stored.begun.entry(index).or_default() += 1;
                    assert!(self.stored.running.insert(index), "child {index} runs twice");
                }
                MapRunEffect::Stop { index } => {
                    self.stored.running.remove(&index);
                    self.stored.ended.insert(index, Ending::Aborted);
                    self.step(MapRunEvent::Ended { index, ending: Ending::Aborted });
                }
                MapRunEffect::Write => self.writes += 1,
                MapRunEffect::Closed => self.closed = true,
            }
        }
        self.most_at_once = self.most_at_once.max(self.stored.running.len());
    }

    fn standing(&self, index: u64) -> Standing {
        match (self.stored.ended.contains_key(&index), self.stored.running.contains(&index)) {
            (_, true) => Standing::Running,
            (true, _) => Standing::Ended,
            _ => Standing::Fresh,
        }
    }

    fn answer_read(&mut self) {
        match self.reads.pop_front() {
            Some(MapRunEffect::Read { first, from, again }) => {
                assert_eq!(from.as_deref().unwrap_or("0"), first.to_string(), "a read begins elsewhere");
                let page = 1 + self.draw.below(30);
                let count = again.unwrap_or(u64::MAX).min(page).min(self.children.len() as u64 - first);
                let after = first + count;
                let offers = (first..after)
                    .map(|index| ChildOffer { items: self.children[index as usize], standing: self.standing(index) });
                let children: Vec<ChildOffer> = offers.collect();
                let ended = after == self.children.len() as u64 && count < page;
                let after = (!ended).then(|| Text::from(after.to_string()));
                self.step(MapRunEvent::Offered { first, children, after });
            }
            Some(MapRunEffect::ReadAgain { after }) => {
                let first = after.map_or(0, |after| after + 1);
                let unsuccessful = self.stored.ended.range(first..).filter(|(_, ending)| **ending != Ending::Succeeded);
                let page: Vec<u64> = unsuccessful.map(|(index, _)| *index).take(3).collect();
                let after = page.last().copied().filter(|_| page.len() == 3);
                let offer = |index: u64| {
                    (index, ChildOffer { items: self.children[index as usize], standing: Standing::Fresh })
                };
                let children = page.into_iter().filter(|index| !self.stored.running.contains(index)).map(offer);
                let children = children.collect();
                self.step(MapRunEvent::OfferedAgain { children, after });
            }
            _ => {}
        }
    }

    fn end_one(&mut self) {
        let running: Vec<u64> = self.stored.running.iter().copied().collect();
        let index = running[self.draw.below(running.len() as u64) as usize];
        self.stored.running.remove(&index);
        let ending = if self.failing.contains(&index) { Ending::Failed } else { Ending::Succeeded };
        self.stored.ended.insert(index, ending);
        self.step(MapRunEvent::Ended { index, ending });
    }

    /// A restart: what is stored of the state, and the children that run on.
    fn restart(&mut self) {
        let old = &self.state;
        let mut state = MapRunState::new(old.settings);
        state.status = old.status;
        state.phase = old.phase;
        state.failure = old.failure.clone();
        state.executions = old.executions;
        state.items = old.items;
        state.children_read = old.children_read;
        state.items_read = old.items_read;
        state.position = old.position.clone();
        state.exhausted = old.exhausted;
        state.windows = old.windows.clone();
        state.redrive_count = old.redrive_count;
        state.executions_again = old.executions_again;
        state.items_again = old.items_again;
        self.state = state;
        self.reads.clear();
        self.begin();
    }

    fn begin(&mut self) {
        let again = |index: &u64| self.stored.ended.contains_key(index);
        let running =
            self.stored.running.iter().map(|index| (*index, self.children[*index as usize], again(index))).collect();
        self.step(MapRunEvent::Begin { running });
    }

    /// Runs to the end; `restarts`: of a hundred steps so many are restarts.
    fn run(&mut self, restarts: u64) {
        self.begin();
        for _ in 0..STEPS_MAX {
            if self.closed {
                return;
            }
            if self.draw.below(100) < restarts {
                self.restart();
            } else if self.state.phase == MapRunPhase::Writing {
                self.step(MapRunEvent::Written { results: 0, items: 0 });
            } else if !self.reads.is_empty() && (self.stored.running.is_empty() || self.draw.below(3) == 0) {
                self.answer_read();
            } else if !self.stored.running.is_empty() {
                self.end_one();
            } else {
                panic!("nobody does anything: {:?}", self.state);
            }
        }
        panic!("it does not end: {:?}", self.state);
    }

    fn check(&self) {
        let mut executions = MapRunCounts::default();
        let mut items = MapRunCounts::default();
        for (index, ending) in &self.stored.ended {
            let many = self.children[*index as usize];
            let (one, all) = match ending {
                Ending::Succeeded => (&mut executions.succeeded, &mut items.succeeded),
                Ending::Failed => (&mut executions.failed, &mut items.failed),
                Ending::TimedOut => (&mut executions.timed_out, &mut items.timed_out),
                Ending::Aborted => (&mut executions.aborted, &mut items.aborted),
            };
            *one += 1;
            *all += many;
        }
        assert_eq!((self.state.executions, self.state.items), (executions, items));
        assert!(self.stored.running.is_empty(), "children outlive their Map Run");
    }
}

fn tolerant(count: u64) -> MapRunSettings {
    MapRunSettings { concurrency_max: 0, tolerated_failure_count: Some(count), tolerated_failure_percentage: None }
}

#[test]
fn every_child_is_counted_once_whatever_is_cut_off() {
    for seed in 0..300 {
        for restarts in [0, 3, 20] {
            let mut world = World::new(seed, tolerant(1_000));
            world.run(restarts);
            world.check();
            assert_eq!(world.state.status, MapRunStatus::Succeeded);
            assert_eq!(world.stored.ended.len(), world.children.len(), "seed {seed}: a child is missing");
            assert!(world.stored.begun.values().all(|times| *times == 1), "seed {seed}: a child began twice");
            assert!(world.most_at_once <= CHILDREN_MAX as usize);
            assert!(world.writes > 0);
        }
    }
}

#[test]
fn a_lost_map_run_stops_what_runs_and_a_redrive_goes_on() {
    for seed in 0..300 {
        for restarts in [0, 5] {
            let mut world = World::new(seed, tolerant(2));
            world.run(restarts);
            world.check();
            let failed = world.state.items.failed;
            assert_eq!(world.state.status == MapRunStatus::Failed, failed > 2, "seed {seed}: {:?}", world.state);
            if world.state.status != MapRunStatus::Failed {
                continue;
            }
            // What failed was repaired.
            world.failing.clear();
            world.closed = false;
            world.state.step(MapRunEvent::Redrive, CHILDREN_MAX);
            world.run(restarts);
            world.check();
            assert_eq!(world.state.status, MapRunStatus::Succeeded, "seed {seed}");
            assert_eq!(world.stored.ended.len(), world.children.len(), "seed {seed}: a child is missing");
            assert_eq!(world.state.executions.succeeded, world.children.len() as u64);
            assert_eq!((world.state.pending_redrive(), world.state.redrive_count), (0, 1));
        }
    }
}

#[test]
fn concurrency_is_a_bound_that_may_change() {
    let mut world = World::new(5, MapRunSettings { concurrency_max: 3, ..tolerant(1_000) });
    world.begin();
    while world.stored.running.len() < 3 {
        world.answer_read();
    }
    world.answer_read();
    assert_eq!(world.stored.running.len(), 3);
    let update = |concurrency_max| MapRunEvent::Updated {
        concurrency_max: Some(concurrency_max),
        tolerated_failure_count: None,
        tolerated_failure_percentage: None,
    };
    world.step(update(7));
    assert_eq!((world.state.running(), world.most_at_once), (7, 7));
    // Those that run above a lower bound run on.
    world.step(update(1));
    assert_eq!(world.state.running(), 7);
    world.end_one();
    assert_eq!(world.state.running(), 6);
}

#[test]
fn tolerance() {
    let settings = |count, percentage| MapRunSettings {
        concurrency_max: 0,
        tolerated_failure_count: count,
        tolerated_failure_percentage: percentage,
    };
    for (count, percentage, failed, total, is_final, exceeded) in [
        (None, None, 0, 10, true, false),
        (None, None, 1, 10, false, true),
        (Some(2), None, 2, 10, true, false),
        (Some(2), None, 3, 10, false, true),
        (None, Some(0.0), 1, 10, false, true),
        (None, Some(30.0), 3, 10, true, false),
        (None, Some(29.9), 3, 10, true, true),
        // More items may come: nobody knows yet.
        (None, Some(29.9), 3, 10, false, false),
        (Some(5), Some(10.0), 2, 10, true, true),
        (Some(1), Some(90.0), 2, 10, true, true),
        (None, Some(100.0), 10, 10, true, false),
    ] {
        let found = settings(count, percentage).is_exceeded(failed, total, is_final);
        assert_eq!(found, exceeded, "{count:?} {percentage:?}: {failed} of {total}");
    }
}

#[test]
fn a_reader_that_fails_ends_it_and_an_abort_is_no_failure() {
    let failure = MapRunFailure { error: "States.ItemReaderFailed".into(), cause: None };
    let mut world = World::new(5, tolerant(0));
    world.begin();
    world.answer_read();
    world.step(MapRunEvent::Failed(failure.clone()));
    while !world.closed {
        world.step(MapRunEvent::Written { results: 0, items: 0 });
    }
    assert_eq!((world.state.status, world.state.failure.clone()), (MapRunStatus::Failed, Some(failure)));
    world.check();

    let mut world = World::new(5, tolerant(0));
    world.begin();
    world.answer_read();
    world.answer_read();
    world.step(MapRunEvent::Abort);
    while !world.closed {
        world.answer_read();
    }
    assert_eq!((world.state.status, world.writes), (MapRunStatus::Aborted, 0));
    world.check();
}
