use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use windlass_value::Text;

use crate::residents::Residents;
use crate::tail::Tail;

/// What of a message is held in memory: never its body.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) sent_ms: i64,
    /// When it becomes or became visible.
    pub(crate) visible_ms: i64,
    /// When it was last received; since the start only.
    pub(crate) received_ms: i64,
    /// 0: never.
    pub(crate) first_received_ms: i64,
    pub(crate) receives: u32,
    /// How many of them were in queues that it was moved from.
    pub(crate) receives_before: u32,
    /// Of a FIFO queue's message.
    pub(crate) group: Option<Text>,
    state: State,
}

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// On its way to the disk.
    Committing,
    /// Sent with a delay that is not over.
    Delayed,
    /// To be received; in a FIFO queue perhaps behind others of its group.
    Visible,
    /// Received, until its visibility timeout is over.
    InFlight,
    /// Being deleted or moved to another queue.
    Leaving,
}

impl Entry {
    /// A message that is sent now.
    pub(crate) fn new(sent_ms: i64, visible_ms: i64, group: Option<Text>) -> Entry {
        Entry {
            sent_ms,
            visible_ms,
            received_ms: 0,
            first_received_ms: 0,
            receives: 0,
            receives_before: 0,
            group,
            state: State::Committing,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Where a stored message is at some moment.
    pub(crate) fn state_at(&self, now_ms: i64) -> State {
        match (self.visible_ms > now_ms, self.receives) {
            (false, _) => State::Visible,
            (true, 0) => State::Delayed,
            (true, _) => State::InFlight,
        }
    }
}

/// How many messages there are, as `GetQueueAttributes` counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

/// A message group of a FIFO queue. It is ready while its first message is visible.
#[derive(Default)]
struct Group {
    members: BTreeSet<u64>,
    ticket: Option<u64>,
}

/// A queue's messages by sequence, and which can be received. Knows no clock and
/// no store. Groups that become ready queue up behind those that are.
pub(crate) struct Backlog {
    fifo: bool,
    entries: BTreeMap<u64, Entry>,
    /// Delayed and in flight, by when they become visible.
    waiting: BTreeSet<(i64, u64)>,
    /// Of a standard queue.
    visible: BTreeSet<u64>,
    /// Of a FIFO queue.
    groups: HashMap<Text, Group>,
    ready_groups: BTreeMap<u64, Text>,
    next_ticket: u64,
    counts: Counts,
    residents: Arc<Residents>,
    pub(crate) tail: Tail,
    pub(crate) sequences: Sequences,
}

/// Hands out sequences, and remembers up to where the store has them set aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequences {
    pub(crate) next: u64,
    /// Sequences below this are never handed out again after a restart.
    pub(crate) reserved: u64,
}

impl Sequences {
    /// The next sequence.
    pub(crate) fn take(&mut self) -> u64 {
        let sequence = self.next;
        self.next += 1;
        sequence
    }
}

impl Backlog {
    /// An empty backlog; `residents` counts the entries of all queues.
    pub(crate) fn new(fifo: bool, reserved: u64, residents: Arc<Residents>) -> Backlog {
        Backlog {
            fifo,
            entries: BTreeMap::new(),
            waiting: BTreeSet::new(),
            visible: BTreeSet::new(),
            groups: HashMap::new(),
            ready_groups: BTreeMap::new(),
            next_ticket: 0,
            counts: Counts::default(),
            residents,
            tail: Tail::default(),
            // 0 is no message's, so that "after 0" is before the first.
            sequences: Sequences { next: reserved.max(1), reserved },
        }
    }

    pub(crate) fn get(&self, sequence: u64) -> Option<&Entry> {
        self.entries.get(&sequence)
    }

    /// How many entries are in memory.
    pub(crate) fn resident(&self) -> usize {
        self.entries.len()
    }

    /// Whether `more` messages fit into memory beside those that are not in flight.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.entries.len() - self.counts.in_flight + more <= self.residents.queue_max()
    }

    /// How many messages there are; those not in memory count as visible.
    pub(crate) fn counts(&self) -> Counts {
        Counts { visible: self.counts.visible + self.tail.count(), ..self.counts }
    }

    /// When the next delayed or in-flight message becomes visible.
    pub(crate) fn next_visible_ms(&self) -> Option<i64> {
        self.waiting.first().map(|(at, _)| *at)
    }

    /// Adds a message in that state.
    pub(crate) fn insert(&mut self, sequence: u64, mut entry: Entry, state: State) {
        entry.state = state;
        let group = entry.group.clone();
        if self.entries.insert(sequence, entry).is_none() {
            self.residents.add(1);
        }
        if let Some(group) = &group {
            self.groups.entry(group.clone()).or_default().members.insert(sequence);
        }
        self.attach(sequence);
        self.refresh(group.as_ref());
    }

    /// Changes a message and moves it to a state; whether it is there.
    pub(crate) fn change(&mut self, sequence: u64, state: State, change: impl FnOnce(&mut Entry)) -> bool {
        self.detach(sequence);
        let Some(entry) = self.entries.get_mut(&sequence) else { return false };
        change(entry);
        entry.state = state;
        let group = entry.group.clone();
        self.attach(sequence);
        self.refresh(group.as_ref());
        true
    }

    /// Takes a message out; whether it was there.
    pub(crate) fn remove(&mut self, sequence: u64) -> bool {
        self.detach(sequence);
        let Some(entry) = self.entries.remove(&sequence) else { return false };
        self.residents.remove(1);
        if let Some(group) = entry.group {
            if let Some(members) = self.groups.get_mut(&group) {
                members.members.remove(&sequence);
            }
            self.refresh(Some(&group));
        }
        true
    }

    /// Takes out every message below that sequence.
    pub(crate) fn remove_before(&mut self, sequence: u64) {
        let gone: Vec<u64> = self.entries.range(..sequence).map(|(sequence, _)| *sequence).collect();
        for gone in gone {
            self.remove(gone);
        }
    }

    /// Makes visible what is due by then; answers how many messages.
    pub(crate) fn promote(&mut self, now_ms: i64) -> usize {
        let mut promoted = 0;
        while let Some(&(at, sequence)) = self.waiting.first()
            && at <= now_ms
        {
            self.change(sequence, State::Visible, |_| ());
            promoted += 1;
        }
        promoted
    }

    /// At most `limit` messages that may be received now, in the order in which
    /// to hand them out: as many of one group as there are, then of the next.
    pub(crate) fn receivable(&self, limit: usize) -> Vec<u64> {
        if !self.fifo {
            return self.visible.iter().take(limit).copied().collect();
        }
        let is_visible =
            |sequence: &&u64| self.entries.get(sequence).is_some_and(|entry| entry.state == State::Visible);
        let groups = self.ready_groups.values().filter_map(|group| self.groups.get(group));
        groups.flat_map(|group| group.members.iter().take_while(is_visible)).take(limit).copied().collect()
    }

    /// How many receivers could be served now, at most that many.
    pub(crate) fn ready(&self, limit: usize) -> usize {
        if self.fifo { self.ready_groups.len().min(limit) } else { self.visible.len().min(limit) }
    }

    /// Messages behind `after`, at most `limit`, with the sequence to go on
    /// behind (`None` at the end), that are neither received nor leaving and were
    /// sent by then.
    pub(crate) fn sent_by(&self, sent_ms: i64, after: u64, limit: usize) -> (Vec<u64>, Option<u64>) {
        let mut looked_at = self.entries.range(after.saturating_add(1)..).take(limit);
        let mut last = None;
        let mut count = 0;
        let old = looked_at
            .by_ref()
            .inspect(|(sequence, _)| (last, count) = (Some(**sequence), count + 1))
            .filter(|(_, entry)| entry.sent_ms <= sent_ms && matches!(entry.state, State::Visible | State::Delayed))
            .map(|(sequence, _)| *sequence)
            .collect();
        (old, last.filter(|_| count == limit))
    }

    /// Messages that nobody received yet.
    pub(crate) fn never_received(&self) -> Vec<u64> {
        let is_new = |entry: &Entry| entry.receives == 0 && matches!(entry.state, State::Visible | State::Delayed);
        self.entries.iter().filter(|(_, entry)| is_new(entry)).map(|(sequence, _)| *sequence).collect()
    }

    fn detach(&mut self, sequence: u64) {
        let Some(entry) = self.entries.get(&sequence) else { return };
        match entry.state {
            State::Delayed => self.counts.delayed -= 1,
            State::InFlight => self.counts.in_flight -= 1,
            State::Visible => self.counts.visible -= 1,
            State::Committing | State::Leaving => {}
        }
        match entry.state {
            State::Delayed | State::InFlight => {
                self.waiting.remove(&(entry.visible_ms, sequence));
            }
            State::Visible if !self.fifo => {
                self.visible.remove(&sequence);
            }
            State::Visible | State::Committing | State::Leaving => {}
        }
    }

    fn attach(&mut self, sequence: u64) {
        let Some(entry) = self.entries.get(&sequence) else { return };
        match entry.state {
            State::Delayed => self.counts.delayed += 1,
            State::InFlight => self.counts.in_flight += 1,
            State::Visible => self.counts.visible += 1,
            State::Committing | State::Leaving => {}
        }
        match entry.state {
            State::Delayed | State::InFlight => {
                self.waiting.insert((entry.visible_ms, sequence));
            }
            State::Visible if !self.fifo => {
                self.visible.insert(sequence);
            }
            State::Visible | State::Committing | State::Leaving => {}
        }
    }

    /// Puts a group where its first message says.
    fn refresh(&mut self, group: Option<&Text>) {
        let Some(name) = group else { return };
        let Some(group) = self.groups.get_mut(name) else { return };
        let first = group.members.first();
        let is_ready = first.and_then(|first| self.entries.get(first)).is_some_and(|it| it.state == State::Visible);
        match (group.ticket, is_ready) {
            (None, true) => {
                group.ticket = Some(self.next_ticket);
                self.ready_groups.insert(self.next_ticket, name.clone());
                self.next_ticket += 1;
            }
            (Some(ticket), false) => {
                self.ready_groups.remove(&ticket);
                group.ticket = None;
            }
            (None, false) | (Some(_), true) => {}
        }
        if group.members.is_empty() {
            self.groups.remove(name);
        }
    }
}

impl Drop for Backlog {
    fn drop(&mut self) {
        self.residents.remove(self.entries.len());
    }
}
