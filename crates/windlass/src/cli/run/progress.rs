//! What people are told of a run, in lines: made from its history.

use std::collections::{HashMap, HashSet};

use windlass_asl::Machine;
use windlass_value::{Text, Timestamp};
use windlass_workflow::{Details, EventType, Execution, Frame, HistoryEvent, Phase};

use super::super::terminal::{duration, plural};
use super::node::{Failed, Node, Standing, Tally, nodes};

/// A wait shorter than this is not announced, in milliseconds.
const WAIT_TOLD_MS_MIN: i64 = 1_000;

/// What a line says has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// A container began.
    Began,
    /// A state is done.
    Done,
    /// A state failed and its Catch took over.
    Caught,
    /// A state failed and is tried again.
    Retried,
    /// A state failed for good.
    Failed,
    /// A state was cut off.
    CutOff,
    /// A state runs or waits.
    Running,
    /// A state's share in a Map.
    Share,
}

/// One line about one state.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) sign: Sign,
    /// Containers around the state.
    pub(super) depth: usize,
    pub(super) name: Text,
    pub(super) kind: &'static str,
    pub(super) duration_ms: Option<i64>,
    pub(super) note: String,
}

/// Where a run failed.
#[derive(Clone, Debug)]
pub(super) struct FailurePlace {
    pub(super) state: Text,
    /// The containers around it, innermost first; of a Map the iteration that
    /// failed, where it is known.
    pub(super) within: Vec<(Text, Option<u32>)>,
}

/// Follows a run by its events.
pub(super) struct Progress {
    nodes: Vec<Node>,
    by_name: HashMap<Text, usize>,
    /// The state an event belongs to, of events that others may chain to.
    owners: HashMap<u64, usize>,
    lines: Vec<Line>,
    /// Running states are drawn: a Map's beginning is no line of its own.
    live: bool,
    /// A failure was seen; whether it is tried again only the execution tells.
    unsettled: bool,
    last_failed: Option<usize>,
    last_at: Timestamp,
    failure: Option<FailurePlace>,
    running_at_end: Vec<Text>,
}

impl Progress {
    pub(super) fn new(machine: &Machine, live: bool) -> Progress {
        let nodes = nodes(machine);
        Progress {
            by_name: nodes.iter().enumerate().map(|(index, node)| (node.name.clone(), index)).collect(),
            nodes,
            owners: HashMap::new(),
            lines: Vec::new(),
            live,
            unsettled: false,
            last_failed: None,
            last_at: Timestamp::default(),
            failure: None,
            running_at_end: Vec::new(),
        }
    }

    /// Every state's depth and name, for the width of a column.
    pub(super) fn names(&self) -> impl Iterator<Item = (usize, &str)> {
        self.nodes.iter().map(|node| (node.depth, &*node.name))
    }

    /// What was said since the last call.
    pub(super) fn take_lines(&mut self) -> Vec<Line> {
        std::mem::take(&mut self.lines)
    }

    /// Where it failed, if it did.
    pub(super) fn failure(&self) -> Option<&FailurePlace> {
        self.failure.as_ref()
    }

    /// The states that ran when the execution was stopped or its time was up.
    pub(super) fn running_at_end(&self) -> &[Text] {
        &self.running_at_end
    }

    /// Takes an event in.
    pub(super) fn observe(&mut self, event: &HistoryEvent) {
        use EventType as E;
        self.last_at = event.at;
        let owner = self.owners.get(&event.previous_event_id).copied();
        match (&event.details, event.event_type) {
            (Details::StateEntered { name, .. }, _) => self.entered(name, event),
            (Details::StateExited { name, .. }, _) => self.exited(name, event),
            (Details::EvaluationFailed { error, state, .. }, _) => {
                if let Some(node) = self.by_name.get(state).copied() {
                    self.own(event, node);
                    self.attempt_failed(node, Some(error));
                }
            }
            (_, E::MapStateStarted | E::ParallelStateStarted) => self.container_began(owner, event),
            (_, E::MapStateFailed | E::ParallelStateFailed) => self.container_failed(owner, event),
            (Details::Iteration { name, index }, event_type) => self.iteration(name, *index, event_type),
            (_, E::ExecutionFailed) => self.execution_failed(owner, event.at),
            (_, E::ExecutionAborted | E::ExecutionTimedOut) => self.execution_cut_off(event.at),
            // What a task goes through; markers of what was cut off chain to others' events.
            (_, E::TaskStateAborted | E::WaitStateAborted | E::ParallelStateAborted | E::MapStateAborted) => {}
            (_, E::TaskScheduled | E::LambdaFunctionScheduled | E::ActivityScheduled) => {
                if let Some(node) = owner {
                    self.own(event, node);
                    self.nodes[node].tally.attempts += 1;
                    self.nodes[node].failed = None;
                }
            }
            (Details::Failure { error, .. } | Details::TaskFailure { error, .. }, _) => {
                if let Some(node) = owner {
                    self.own(event, node);
                    self.attempt_failed(node, error.as_ref());
                }
            }
            (_, E::MapStateSucceeded | E::ParallelStateSucceeded | E::ExecutionStarted | E::ExecutionSucceeded) => {}
            _ => {
                if let Some(node) = owner {
                    self.own(event, node);
                }
            }
        }
    }

    /// Settles whether what failed is tried again, and what does not run any more.
    pub(super) fn settle(&mut self, execution: &Execution) {
        if !std::mem::take(&mut self.unsettled) || !execution.is_running() {
            return;
        }
        let mut present = HashSet::new();
        for frame in execution.frames.values() {
            let Some(node) = self.outside_maps(frame) else { continue };
            present.insert(node);
            if let Phase::Retry { until, .. } = frame.phase
                && frame.retries.count > self.nodes[node].retries
            {
                self.nodes[node].retries = frame.retries.count;
                let failed = self.nodes[node].failed.clone().or_else(|| self.last_failure());
                // A container's branches are cut short without an event of their own.
                let origin = failed.as_ref().map_or(usize::MAX, |failed| failed.origin);
                self.end_states(self.last_at, origin, |progress, index| {
                    progress.around(index).any(|around| around == node)
                });
                let (why, delay) = (self.why(failed), duration(until.as_ms() - self.last_at.as_ms()));
                self.line(node, Sign::Retried, None, format!("{why}, retry {} in {delay}", frame.retries.count));
            }
        }
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if !present.contains(&index) {
                node.entered_at = None;
            }
        }
    }

    /// What runs now, for a display that is drawn anew.
    pub(super) fn running(&self, execution: &Execution, now: Timestamp) -> Vec<Line> {
        let mut frames: HashMap<usize, &Frame> = HashMap::new();
        let mut in_maps: HashMap<usize, usize> = HashMap::new();
        for frame in execution.frames.values().filter(|frame| frame.entered.is_some()) {
            let Some(node) = self.by_name.get(&frame.state).copied() else { continue };
            if self.nodes[node].map.is_some() {
                *in_maps.entry(node).or_default() += 1;
            } else {
                frames.insert(node, frame);
            }
        }
        let mut lines = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            if let Some(map) = node.map {
                if self.nodes[map].entered_at.is_some() && node.tally.entered > 0 {
                    let running = in_maps.get(&index).copied().unwrap_or(0);
                    lines.push(self.make_line(index, Sign::Share, None, node.share_note(running)));
                }
                continue;
            }
            let Some(entered_at) = node.entered_at else { continue };
            let left = |until: Timestamp| duration(until.as_ms() - now.as_ms());
            let phase = frames.get(&index).map(|frame| &frame.phase);
            // Its beginning stands above, and what runs in it below.
            if matches!(phase, Some(Phase::Parallel(_))) {
                continue;
            }
            let note = match phase {
                Some(Phase::Wait { until, .. }) => format!("{} left", left(*until)),
                Some(Phase::Retry { until, .. }) => format!("retry {} in {}", node.retries, left(*until)),
                Some(Phase::Map(_)) => node.items_note(),
                _ => String::new(),
            };
            let elapsed_ms = now.as_ms() - entered_at.as_ms();
            lines.push(self.make_line(index, Sign::Running, Some(elapsed_ms), note));
        }
        lines
    }

    /// Says of each Wait state that it waits, once, for a display that only grows.
    pub(super) fn announce_waits(&mut self, execution: &Execution) {
        for frame in execution.frames.values() {
            let (Phase::Wait { until, .. }, Some(entered)) = (&frame.phase, frame.entered) else { continue };
            let wait_ms = until.as_ms() - entered.at.as_ms();
            if let Some(node) = self.outside_maps(frame)
                && wait_ms >= WAIT_TOLD_MS_MIN
                && !std::mem::replace(&mut self.nodes[node].announced, true)
            {
                self.line(node, Sign::Running, None, format!("waits {}, until {until}", duration(wait_ms)));
            }
        }
    }

    /// Says how far the Maps have come, for a display that only grows.
    pub(super) fn announce_maps(&mut self) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            if node.kind == "Map" && node.entered_at.is_some() && node.standing == Standing::Begun {
                let note = node.items_note();
                self.line(index, Sign::Running, None, note);
            }
        }
    }

    fn entered(&mut self, name: &Text, event: &HistoryEvent) {
        let Some(node) = self.by_name.get(name).copied() else { return };
        self.own(event, node);
        self.nodes[node].enter(node, event.at);
        if self.nodes[node].failed.is_some() {
            self.unsettled = true;
            self.last_failed = Some(node);
        }
        if self.nodes[node].kind == "Map" && self.nodes[node].map.is_none() {
            self.nodes[node].tally = Tally::default();
            self.nodes
                .iter_mut()
                .filter(|other| other.map == Some(node))
                .for_each(|other| other.tally = Tally::default());
        }
    }

    fn exited(&mut self, name: &Text, event: &HistoryEvent) {
        let Some(node) = self.by_name.get(name).copied() else { return };
        self.owners.remove(&event.previous_event_id);
        if let Some(event) = self.nodes[node].event.take() {
            self.owners.remove(&event);
        }
        self.nodes[node].tally.exited += 1;
        let Some(entered_at) = self.nodes[node].entered_at.take() else { return };
        let failed = self.nodes[node].failed.take();
        let sign = if failed.is_some() { Sign::Caught } else { Sign::Done };
        let mut notes = Vec::new();
        if self.nodes[node].kind == "Map" {
            notes.push(self.nodes[node].items_note());
        }
        if failed.is_some() {
            notes.push(format!("caught {}", self.why(failed)));
        }
        match self.nodes[node].retries {
            0 => {}
            1 => notes.push("after 1 retry".to_owned()),
            retries => notes.push(format!("after {retries} retries")),
        }
        self.line(node, sign, Some(event.at.as_ms() - entered_at.as_ms()), notes.join(", "));
        self.shares(node);
    }

    /// A state's event: later ones chain to it.
    fn own(&mut self, event: &HistoryEvent, node: usize) {
        if self.owners.get(&event.previous_event_id) == Some(&node) {
            self.owners.remove(&event.previous_event_id);
        }
        self.owners.insert(event.id, node);
        self.nodes[node].event = Some(event.id);
    }

    fn attempt_failed(&mut self, node: usize, error: Option<&Text>) {
        self.nodes[node].tally.failures += 1;
        self.nodes[node].failed = Some(Failed { origin: node, error: error.cloned() });
        self.last_failed = Some(node);
        self.unsettled = true;
    }

    /// The container an event is about that chains to an event of `owner`: the
    /// owner itself, or the nearest such container around it when a state in it
    /// failed.
    fn container(&self, event: &HistoryEvent, owner: usize) -> Option<usize> {
        let kind = match event.event_type {
            EventType::MapStateStarted | EventType::MapStateFailed => "Map",
            _ => "Parallel",
        };
        let own = self.nodes[owner].kind == kind && self.nodes[owner].standing != Standing::Closed;
        if own { Some(owner) } else { self.around(owner).find(|index| self.nodes[*index].kind == kind) }
    }

    /// The containers around a state, innermost first.
    fn around(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.nodes[node].container, |index| self.nodes[*index].container)
    }

    fn container_began(&mut self, owner: Option<usize>, event: &HistoryEvent) {
        let Some(node) = owner.and_then(|owner| self.container(event, owner)) else { return };
        self.own(event, node);
        let first = self.nodes[node].standing == Standing::Entered;
        self.nodes[node].standing = Standing::Begun;
        self.nodes[node].failed = None;
        if let Details::MapStarted { length } = event.details {
            let tally = &mut self.nodes[node].tally;
            (tally.items, tally.items_done, tally.item_failed) = (length as usize, 0, None);
        }
        // Of a Map in a Map only sums are told.
        if !first || self.nodes[node].map.is_some() {
            return;
        }
        match event.details {
            Details::MapStarted { length } if !self.live => {
                self.line(node, Sign::Began, None, plural(length as usize, "item"));
            }
            Details::MapStarted { .. } => {}
            _ => {
                let branches = self.nodes[node].branches;
                let note = if branches == 1 { "1 branch".to_owned() } else { format!("{branches} branches") };
                self.line(node, Sign::Began, None, note);
            }
        }
    }

    /// A container failed past its Retry.
    fn container_failed(&mut self, owner: Option<usize>, event: &HistoryEvent) {
        let Some((owner, node)) = owner.and_then(|owner| Some((owner, self.container(event, owner)?))) else { return };
        let failed = self.failure_of(owner);
        let origin = failed.origin;
        self.nodes[node].failed = Some(failed);
        self.nodes[node].standing = Standing::Closed;
        self.own(event, node);
        self.end_states(event.at, origin, |progress, index| progress.around(index).any(|around| around == node));
    }

    fn iteration(&mut self, name: &Text, index: u32, event_type: EventType) {
        let Some(node) = self.by_name.get(name).copied() else { return };
        let tally = &mut self.nodes[node].tally;
        match event_type {
            EventType::MapIterationSucceeded => tally.items_done += 1,
            EventType::MapIterationFailed => tally.item_failed = Some(index),
            _ => {}
        }
    }

    fn execution_failed(&mut self, owner: Option<usize>, at: Timestamp) {
        let Some(owner) = owner else { return };
        let origin = self.failure_of(owner).origin;
        let within = self.around(origin).map(|index| {
            let Node { name, tally, .. } = &self.nodes[index];
            (name.clone(), tally.item_failed)
        });
        self.failure = Some(FailurePlace { state: self.nodes[origin].name.clone(), within: within.collect() });
        self.end_states(at, origin, |_, _| true);
    }

    fn execution_cut_off(&mut self, at: Timestamp) {
        let running = |index: &usize| self.nodes[*index].entered_at.is_some();
        let containers: HashSet<usize> =
            (0..self.nodes.len()).filter(running).flat_map(|index| self.around(index)).collect();
        let innermost = (0..self.nodes.len()).filter(|index| running(index) && !containers.contains(index));
        self.running_at_end = innermost.map(|index| self.nodes[index].name.clone()).collect();
        self.end_states(at, usize::MAX, |_, _| true);
    }

    /// Says of the running states among some that they failed (`origin` and what
    /// is around it) or were cut off.
    fn end_states(&mut self, at: Timestamp, origin: usize, among: impl Fn(&Progress, usize) -> bool) {
        // What is inside ends before what is around it.
        for index in (0..self.nodes.len()).rev() {
            if !among(self, index) {
                continue;
            }
            let Some(entered_at) = self.nodes[index].entered_at.take() else { continue };
            let failed =
                origin < self.nodes.len() && (index == origin || self.around(origin).any(|around| around == index));
            let sign = if failed { Sign::Failed } else { Sign::CutOff };
            let mut note = if self.nodes[index].kind == "Map" { self.nodes[index].items_note() } else { String::new() };
            if failed && index == origin {
                note = self.nodes[index]
                    .failed
                    .as_ref()
                    .and_then(|failed| failed.error.as_deref())
                    .unwrap_or("")
                    .to_owned();
            } else if sign == Sign::CutOff && note.is_empty() {
                "cut off".clone_into(&mut note);
            }
            self.line(index, sign, Some(at.as_ms() - entered_at.as_ms()), note);
            self.shares(index);
        }
    }

    fn failure_of(&self, node: usize) -> Failed {
        self.nodes[node].failed.clone().unwrap_or(Failed { origin: node, error: None })
    }

    fn last_failure(&self) -> Option<Failed> {
        self.last_failed.map(|node| self.failure_of(node))
    }

    /// An error by its name, else by the state it began in.
    fn why(&self, failed: Option<Failed>) -> String {
        match failed {
            Some(Failed { error: Some(error), .. }) => error.to_string(),
            Some(Failed { origin, .. }) => format!("the failure of {}", self.nodes[origin].name),
            None => "a failure".to_owned(),
        }
    }

    /// Says what each state in a Map did.
    fn shares(&mut self, map: usize) {
        for index in 0..self.nodes.len() {
            if self.nodes[index].map == Some(map) && self.nodes[index].tally.entered > 0 {
                let note = self.nodes[index].share_note(0);
                self.line(index, Sign::Share, None, note);
            }
        }
    }

    fn outside_maps(&self, frame: &Frame) -> Option<usize> {
        let node = self.by_name.get(&frame.state).copied()?;
        (self.nodes[node].map.is_none() && frame.entered.is_some()).then_some(node)
    }

    fn line(&mut self, node: usize, sign: Sign, duration_ms: Option<i64>, note: String) {
        let line = self.make_line(node, sign, duration_ms, note);
        self.lines.push(line);
    }

    fn make_line(&self, node: usize, sign: Sign, duration_ms: Option<i64>, note: String) -> Line {
        let Node { depth, name, kind, .. } = &self.nodes[node];
        Line { sign, depth: *depth, name: name.clone(), kind, duration_ms, note }
    }
}
