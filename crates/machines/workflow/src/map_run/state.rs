//! The machine of a Map Run. It knows children by number and where reading
//! stands, and decides what is read, started, stopped and written.

use std::collections::{BTreeMap, VecDeque};

use windlass_value::Text;

use super::counts::MapRunCounts;
use super::plan::MapRunSettings;
use super::window::Window;

/// Children that are read and wait to be started, at most: below it more are read.
const READY_MAX: usize = 2_000;
/// Windows kept apart. Beyond it neighbours become one, which only costs reading
/// more again after a restart.
const WINDOWS_MAX: usize = 64;
/// AWS's text.
const THRESHOLD_CAUSE: &str = "The specified tolerated failure threshold was exceeded";

/// Where a Map Run stands, in AWS's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "AWS's own words")]
pub enum MapRunStatus {
    #[default]
    Running,
    Succeeded,
    Failed,
    Aborted,
}

impl MapRunStatus {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            MapRunStatus::Running => "RUNNING",
            MapRunStatus::Succeeded => "SUCCEEDED",
            MapRunStatus::Failed => "FAILED",
            MapRunStatus::Aborted => "ABORTED",
        }
    }

    /// From AWS's word.
    pub fn parse(text: &str) -> Option<MapRunStatus> {
        [MapRunStatus::Running, MapRunStatus::Succeeded, MapRunStatus::Failed, MapRunStatus::Aborted]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// What a Map Run is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MapRunPhase {
    /// Children are started.
    #[default]
    Running,
    /// It is lost: children that run are stopped, none is started.
    Stopping,
    /// All children ended; results are collected or written.
    Writing,
    /// It is over.
    Closed,
}

impl MapRunPhase {
    /// A word for storage.
    pub fn as_str(self) -> &'static str {
        match self {
            MapRunPhase::Running => "running",
            MapRunPhase::Stopping => "stopping",
            MapRunPhase::Writing => "writing",
            MapRunPhase::Closed => "closed",
        }
    }

    /// From the word.
    pub fn parse(text: &str) -> Option<MapRunPhase> {
        [MapRunPhase::Running, MapRunPhase::Stopping, MapRunPhase::Writing, MapRunPhase::Closed]
            .into_iter()
            .find(|phase| phase.as_str() == text)
    }
}

/// Why a Map Run fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapRunFailure {
    /// Error name.
    pub error: Text,
    /// Cause.
    pub cause: Option<Text>,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "AWS's own words")]
pub enum Ending {
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

/// What is known of a child that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not been started.
    Fresh,
    /// An earlier run of the server started it; its end will be told.
    Running,
    /// It ended, and is counted.
    Ended,
}

/// A child that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildOffer {
    /// Items it gets.
    pub items: u64,
    /// How it stands.
    pub standing: Standing,
}

/// Something that happened to a Map Run.
#[derive(Clone, Debug)]
pub enum MapRunEvent {
    /// It begins, or goes on after a restart.
    Begin {
        /// Children that an earlier run of the server started and that are not counted,
        /// by number, with their items, and whether they run again.
        running: Vec<(u64, u64, bool)>,
    },
    /// Children were read.
    Offered {
        /// Number of the first.
        first: u64,
        /// They, in order.
        children: Vec<ChildOffer>,
        /// Where reading goes on; `None`: there is no more.
        after: Option<Text>,
    },
    /// Children to run again were found, by number, with their items.
    OfferedAgain {
        /// They, in order.
        children: Vec<(u64, ChildOffer)>,
        /// The number behind which there may be more.
        after: Option<u64>,
    },
    /// Reading, or making an input, failed.
    Failed(MapRunFailure),
    /// A child ended.
    Ended {
        /// Its number.
        index: u64,
        /// How.
        ending: Ending,
    },
    /// A child that was to be started was not, for the Map Run stops.
    NotStarted {
        /// Its number.
        index: u64,
    },
    /// UpdateMapRun: what is `None` stays.
    Updated {
        /// Children at once.
        concurrency_max: Option<u64>,
        /// Items that may fail.
        tolerated_failure_count: Option<u64>,
        /// Percentage of items that may fail.
        tolerated_failure_percentage: Option<f64>,
    },
    /// Nobody waits for it any more.
    Abort,
    /// Results are collected or written: so many children are in them.
    Written {
        /// Children.
        results: u64,
        /// Items of those.
        items: u64,
    },
    /// The execution that waits for it is redriven; `Begin` follows.
    Redrive,
}

/// What the world must do for a Map Run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapRunEffect {
    /// Read more children and answer `Offered`.
    Read {
        /// Number of the first.
        first: u64,
        /// Where; `None`: at the beginning.
        from: Option<Text>,
        /// Not more than these: they were read before, and are all there.
        again: Option<u64>,
    },
    /// Find children that did not succeed and answer `OfferedAgain`.
    ReadAgain {
        /// Those behind this number.
        after: Option<u64>,
    },
    /// Start a child.
    Start {
        /// Its number.
        index: u64,
        /// It ran before and is to run again.
        again: bool,
    },
    /// Stop a child that runs.
    Stop {
        /// Its number.
        index: u64,
    },
    /// Collect or write the results and answer `Written` or `Failed`.
    Write,
    /// It is over: tell the execution that waits.
    Closed,
}

/// A child that waits to be started.
#[derive(Clone, Copy, Debug)]
struct Ready {
    index: u64,
    items: u64,
    again: bool,
}

/// A child that runs.
#[derive(Clone, Copy, Debug)]
struct Running {
    items: u64,
    again: bool,
}

/// A Map Run as it stands. Public members are what is stored; the rest follows
/// from reading open windows again.
#[derive(Clone, Debug, Default)]
pub struct MapRunState {
    /// AWS's status.
    pub status: MapRunStatus,
    /// What it is about.
    pub phase: MapRunPhase,
    /// Why it fails.
    pub failure: Option<MapRunFailure>,
    /// What UpdateMapRun changes.
    pub settings: MapRunSettings,
    /// Children that ended.
    pub executions: MapRunCounts,
    /// Their items.
    pub items: MapRunCounts,
    /// Children in the results.
    pub executions_written: u64,
    /// Items in the results.
    pub items_written: u64,
    /// Children read.
    pub children_read: u64,
    /// Items read.
    pub items_read: u64,
    /// Where reading goes on.
    pub position: Option<Text>,
    /// Whether all is read.
    pub exhausted: bool,
    /// Windows with children that have not ended, in order.
    pub windows: Vec<Window>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// Children that are to run again and have not ended.
    pub executions_again: u64,
    /// Their items.
    pub items_again: u64,

    ready: VecDeque<Ready>,
    running: BTreeMap<u64, Running>,
    /// A read is under way.
    is_reading: bool,
    /// Windows to read again, by their first child.
    unread: VecDeque<u64>,
    /// Where the search for children to run again stands; `None`: it is over.
    again_after: Option<Option<u64>>,
    /// A write is under way.
    is_writing: bool,
}

impl MapRunState {
    /// A Map Run that has not begun.
    pub fn new(settings: MapRunSettings) -> MapRunState {
        MapRunState { settings, ..MapRunState::default() }
    }

    /// The status that people see: one that is being aborted runs until its children
    /// have stopped.
    pub fn shown_status(&self) -> MapRunStatus {
        if self.phase == MapRunPhase::Closed { self.status } else { MapRunStatus::Running }
    }

    /// Children that run.
    pub fn running(&self) -> u64 {
        self.running.len() as u64
    }

    /// Items of children that run.
    pub fn running_items(&self) -> u64 {
        self.running.values().map(|child| child.items).sum()
    }

    /// Children that were read and have neither begun nor ended, without those
    /// that are to run again.
    pub fn pending(&self) -> u64 {
        let again = self.executions_again;
        let running_fresh = self.running.values().filter(|child| !child.again).count() as u64;
        self.children_read.saturating_sub(self.executions.ended() + again + running_fresh)
    }

    /// Their items.
    pub fn pending_items(&self) -> u64 {
        let running_fresh: u64 = self.running.values().filter(|child| !child.again).map(|child| child.items).sum();
        self.items_read.saturating_sub(self.items.ended() + self.items_again + running_fresh)
    }

    /// Children that wait to run again.
    pub fn pending_redrive(&self) -> u64 {
        self.executions_again.saturating_sub(self.running.values().filter(|child| child.again).count() as u64)
    }

    /// Their items.
    pub fn pending_redrive_items(&self) -> u64 {
        let running: u64 = self.running.values().filter(|child| child.again).map(|child| child.items).sum();
        self.items_again.saturating_sub(running)
    }

    /// Whether a child runs.
    pub fn is_running(&self, index: u64) -> bool {
        self.running.contains_key(&index)
    }

    /// Takes an event and says what is to be done. Events that come too late
    /// change nothing. `children_max` bounds the children at once of this server.
    pub fn step(&mut self, event: MapRunEvent, children_max: u64) -> Vec<MapRunEffect> {
        let mut effects = Vec::new();
        // What a redrive takes up, `Begin` begins.
        let decides = !matches!(event, MapRunEvent::Redrive);
        self.take(event, &mut effects);
        if decides {
            self.decide(children_max, &mut effects);
        }
        effects
    }

    fn take(&mut self, event: MapRunEvent, effects: &mut Vec<MapRunEffect>) {
        match event {
            MapRunEvent::Begin { running } => {
                self.unread = self.windows.iter().map(|window| window.first).collect();
                self.windows.iter_mut().for_each(|window| window.ended = 0);
                self.again_after = (self.executions_again > 0).then_some(None);
                for (index, items, again) in running {
                    let child = ChildOffer { items, standing: Standing::Running };
                    self.offered_one(index, child, again, effects);
                }
            }
            MapRunEvent::Offered { first, children, after } => self.offered(first, &children, after, effects),
            MapRunEvent::OfferedAgain { children, after } => {
                self.is_reading = false;
                self.again_after = after.map(Some);
                for (index, child) in children {
                    self.offered_one(index, child, true, effects);
                }
            }
            MapRunEvent::Failed(failure) => {
                self.is_reading = false;
                self.is_writing = false;
                self.unread.clear();
                self.again_after = None;
                self.fail(failure, effects);
            }
            MapRunEvent::Ended { index, ending } => self.ended(index, ending),
            MapRunEvent::NotStarted { index } => {
                self.running.remove(&index);
            }
            MapRunEvent::Updated { concurrency_max, tolerated_failure_count, tolerated_failure_percentage } => {
                if self.phase == MapRunPhase::Closed {
                    return;
                }
                let settings = &mut self.settings;
                settings.concurrency_max = concurrency_max.unwrap_or(settings.concurrency_max);
                settings.tolerated_failure_count = tolerated_failure_count.or(settings.tolerated_failure_count);
                settings.tolerated_failure_percentage =
                    tolerated_failure_percentage.or(settings.tolerated_failure_percentage);
            }
            MapRunEvent::Abort => {
                if self.phase == MapRunPhase::Closed {
                    return;
                }
                self.status = MapRunStatus::Aborted;
                self.is_writing = false;
                self.stop(effects);
            }
            MapRunEvent::Written { results, items } => {
                if self.phase == MapRunPhase::Writing && self.is_writing {
                    self.is_writing = false;
                    self.executions_written = results;
                    self.items_written = items;
                    self.close(effects);
                }
            }
            MapRunEvent::Redrive => self.redrive(),
        }
    }

    fn offered(&mut self, first: u64, children: &[ChildOffer], after: Option<Text>, effects: &mut Vec<MapRunEffect>) {
        self.is_reading = false;
        if self.unread.front() == Some(&first) {
            self.unread.pop_front();
            self.read_again(first, children, after);
        } else if first == self.children_read {
            let count = children.len() as u64;
            let items = children.iter().map(|child| child.items).sum();
            let before = std::mem::replace(&mut self.position, after);
            self.exhausted = self.position.is_none();
            self.children_read += count;
            self.items_read += items;
            if count > 0 {
                self.windows.push(Window::new(first, count, items, before));
            }
        } else {
            return;
        }
        for (offset, child) in children.iter().enumerate() {
            self.offered_one(first + offset as u64, *child, false, effects);
        }
        self.tidy_windows();
    }

    /// A window is read again, wholly or its first part.
    fn read_again(&mut self, first: u64, children: &[ChildOffer], after: Option<Text>) {
        let count = children.len() as u64;
        let Some(at) = self.windows.iter().position(|window| window.first == first) else { return };
        let window = &mut self.windows[at];
        // Counted anew, with what ended while it was not read yet.
        window.ended = 0;
        if count == 0 || count >= window.children {
            return;
        }
        let items = children.iter().map(|child| child.items).sum();
        let rest = Window::new(first + count, window.children - count, window.items.saturating_sub(items), after);
        (window.children, window.items) = (count, items);
        self.unread.push_front(rest.first);
        self.windows.insert(at + 1, rest);
    }

    fn offered_one(&mut self, index: u64, child: ChildOffer, again: bool, effects: &mut Vec<MapRunEffect>) {
        let items = child.items;
        match child.standing {
            // A lost Map Run starts no more.
            Standing::Fresh if self.phase == MapRunPhase::Running => {
                self.ready.push_back(Ready { index, items, again });
            }
            Standing::Fresh => {}
            Standing::Running => {
                if self.running.contains_key(&index) {
                    return;
                }
                self.running.insert(index, Running { items, again });
                if self.phase == MapRunPhase::Stopping {
                    effects.push(MapRunEffect::Stop { index });
                }
            }
            Standing::Ended => self.close_in_window(index),
        }
    }

    fn ended(&mut self, index: u64, ending: Ending) {
        let Some(child) = self.running.remove(&index) else { return };
        let (executions, items) = (&mut self.executions, &mut self.items);
        let (one, many) = match ending {
            Ending::Succeeded => (&mut executions.succeeded, &mut items.succeeded),
            Ending::Failed => (&mut executions.failed, &mut items.failed),
            Ending::TimedOut => (&mut executions.timed_out, &mut items.timed_out),
            Ending::Aborted => (&mut executions.aborted, &mut items.aborted),
        };
        *one += 1;
        *many += child.items;
        if child.again {
            self.executions_again = self.executions_again.saturating_sub(1);
            self.items_again = self.items_again.saturating_sub(child.items);
            // Its window counted it when it ended first.
            return;
        }
        self.close_in_window(index);
    }

    fn close_in_window(&mut self, index: u64) {
        let at = self.windows.partition_point(|window| window.first <= index);
        let Some(window) = at.checked_sub(1).and_then(|at| self.windows.get_mut(at)) else { return };
        if !window.holds(index) {
            return;
        }
        window.ended += 1;
        if window.ended >= window.children && !self.unread.contains(&window.first) {
            self.windows.remove(at - 1);
        }
    }

    /// Makes neighbours one where there are too many, as long as none of them is
    /// still to be read again.
    fn tidy_windows(&mut self) {
        while self.windows.len() > WINDOWS_MAX && self.unread.is_empty() {
            // The two whose union spans the fewest children.
            let span = |at: usize| {
                let last = &self.windows[at + 1];
                last.first + last.children - self.windows[at].first
            };
            let Some(at) = (0..self.windows.len() - 1).min_by_key(|at| span(*at)) else { return };
            let children = span(at);
            let second = self.windows.remove(at + 1);
            let first = &mut self.windows[at];
            // What lies between had ended.
            let between = children - first.children - second.children;
            first.ended += second.ended + between;
            first.items += second.items;
            first.children = children;
        }
    }

    fn fail(&mut self, failure: MapRunFailure, effects: &mut Vec<MapRunEffect>) {
        if self.phase == MapRunPhase::Closed || self.status == MapRunStatus::Aborted {
            return;
        }
        let was_writing = self.phase == MapRunPhase::Writing;
        self.status = MapRunStatus::Running;
        self.failure.get_or_insert(failure);
        if was_writing {
            return self.close(effects);
        }
        self.stop(effects);
    }

    /// Starts no more, and stops what runs.
    fn stop(&mut self, effects: &mut Vec<MapRunEffect>) {
        if self.phase == MapRunPhase::Stopping {
            return;
        }
        self.phase = MapRunPhase::Stopping;
        self.ready.clear();
        effects.extend(self.running.keys().map(|index| MapRunEffect::Stop { index: *index }));
    }

    fn close(&mut self, effects: &mut Vec<MapRunEffect>) {
        self.phase = MapRunPhase::Closed;
        if self.status != MapRunStatus::Aborted {
            self.status = if self.failure.is_some() { MapRunStatus::Failed } else { MapRunStatus::Succeeded };
        }
        effects.push(MapRunEffect::Closed);
    }

    /// Children that did not succeed run again, and reading goes on where it stood.
    fn redrive(&mut self) {
        if self.phase != MapRunPhase::Closed || self.status == MapRunStatus::Succeeded {
            return;
        }
        self.redrive_count += 1;
        self.status = MapRunStatus::Running;
        self.phase = MapRunPhase::Running;
        self.failure = None;
        self.executions_again = self.executions.unsuccessful();
        self.items_again = self.items.unsuccessful();
        self.executions = MapRunCounts { succeeded: self.executions.succeeded, ..MapRunCounts::default() };
        self.items = MapRunCounts { succeeded: self.items.succeeded, ..MapRunCounts::default() };
        // What of an open window was never started is found by reading it again.
        self.ready.clear();
        self.running.clear();
        self.is_reading = false;
        self.unread = self.windows.iter().map(|window| window.first).collect();
        self.windows.iter_mut().for_each(|window| window.ended = 0);
        self.again_after = (self.executions_again > 0).then_some(None);
    }

    fn decide(&mut self, children_max: u64, effects: &mut Vec<MapRunEffect>) {
        if self.phase == MapRunPhase::Running {
            let failed = self.items.unsuccessful();
            let is_final = self.exhausted && !self.is_reading;
            if self.settings.is_exceeded(failed, self.items_read, is_final) {
                let failure = MapRunFailure {
                    error: "States.ExceedToleratedFailureThreshold".into(),
                    cause: Some(THRESHOLD_CAUSE.into()),
                };
                self.failure = Some(failure);
                self.stop(effects);
            }
        }
        if self.phase == MapRunPhase::Running {
            let bound = match self.settings.concurrency_max {
                0 => children_max,
                bound => bound.min(children_max),
            };
            while self.running() < bound
                && let Some(Ready { index, items, again }) = self.ready.pop_front()
            {
                self.running.insert(index, Running { items, again });
                effects.push(MapRunEffect::Start { index, again });
            }
            if !self.is_reading && self.ready.len() < READY_MAX {
                self.read(effects);
            }
        } else if self.phase == MapRunPhase::Stopping && !self.is_reading && !self.unread.is_empty() {
            // Which children of an earlier run of the server still run is found by reading.
            self.read(effects);
        }
        let is_over = !self.is_reading && self.unread.is_empty() && self.running.is_empty() && self.ready.is_empty();
        match self.phase {
            MapRunPhase::Running if is_over && self.exhausted && self.again_after.is_none() => {
                self.phase = MapRunPhase::Writing;
            }
            MapRunPhase::Stopping if is_over && self.status == MapRunStatus::Aborted => self.close(effects),
            MapRunPhase::Stopping if is_over => self.phase = MapRunPhase::Writing,
            _ => {}
        }
        if self.phase == MapRunPhase::Writing && !self.is_writing {
            self.is_writing = true;
            effects.push(MapRunEffect::Write);
        }
    }

    fn read(&mut self, effects: &mut Vec<MapRunEffect>) {
        if let Some(first) = self.unread.front()
            && let Some(window) = self.windows.iter().find(|window| window.first == *first)
        {
            self.is_reading = true;
            let (first, from) = (window.first, window.before.clone());
            effects.push(MapRunEffect::Read { first, from, again: Some(window.children) });
        } else if self.phase != MapRunPhase::Running {
            // Nothing new is read for a lost Map Run.
        } else if let Some(after) = self.again_after {
            self.is_reading = true;
            effects.push(MapRunEffect::ReadAgain { after });
        } else if !self.exhausted {
            self.is_reading = true;
            let (first, from) = (self.children_read, self.position.clone());
            effects.push(MapRunEffect::Read { first, from, again: None });
        }
    }
}
