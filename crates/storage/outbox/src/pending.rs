//! What an outbox holds in memory. No clock, no store: those are arguments.
//!
//! The invariant: every row that is due by `reach` is here or under way, or
//! waits behind an entry of its lane that is not, or its lane is about to be
//! read (`lanes_to_load`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use windlass_value::{Text, Timestamp};

use crate::row::Held;

/// How many entries are held in memory; the others are found in the store later.
pub const PENDING_MAX: usize = 10_000;
/// How many bytes of entries are held in memory.
pub const PENDING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How many entries of one lane are held in memory.
pub const LANE_PENDING_MAX: usize = 64;
/// How many adds may wait for their commit before the oldest are left to the store.
const ANNOUNCED_MAX: usize = 20_000;
/// How many bytes of them.
const ANNOUNCED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How many lanes may wait to be read.
const LANES_TO_LOAD_MAX: usize = 1_000;

type Position = i64;

/// An add whose commit is not known to have ended.
struct Announced {
    held: Held,
    since: Timestamp,
    /// Whether its lane waits for it: an earlier entry must not be overtaken.
    holds_lane: bool,
}

/// The part of a lane that is in memory: its first entries.
#[derive(Default)]
struct Lane {
    waiting: BTreeMap<Position, ()>,
    flying: Option<Position>,
    /// Where its first entry stands in `ready`.
    ready: Option<(Timestamp, Position)>,
    /// Whether the store has more of it behind these.
    truncated: bool,
}

pub(crate) struct Pending {
    waiting: HashMap<Position, Held>,
    bytes: usize,
    flying: HashMap<Position, Held>,
    /// The newest entry of each id in `waiting` and `flying`.
    by_id: HashMap<Text, Position>,
    /// What may be delivered once it is due: lanes have their first entry here.
    ready: BTreeMap<(Timestamp, Position), ()>,
    lanes: HashMap<Text, Lane>,
    announced: BTreeMap<Position, Announced>,
    announced_bytes: usize,
    announced_ids: HashMap<Text, Position>,
    announced_lanes: HashMap<Text, BTreeSet<Position>>,
    lanes_to_load: BTreeSet<Text>,
    /// Whether no entry with a lane is in the store only.
    lanes_complete: bool,
    /// How often `lanes_complete` was found not to hold.
    lanes_left_out: u64,
    scanned_to: Timestamp,
    /// Whether something was left to the store for want of room.
    backlog: bool,
    /// The scan under way: up to where, and how far its result must be cut.
    scanning: Option<(Timestamp, Timestamp)>,
    /// What ended or moved while the store was being read.
    settled: HashSet<Position>,
    reading: bool,
}

const NEVER: Timestamp = Timestamp(i64::MAX);

impl Pending {
    pub(crate) fn new() -> Pending {
        Pending {
            waiting: HashMap::new(),
            bytes: 0,
            flying: HashMap::new(),
            by_id: HashMap::new(),
            ready: BTreeMap::new(),
            lanes: HashMap::new(),
            announced: BTreeMap::new(),
            announced_bytes: 0,
            announced_ids: HashMap::new(),
            announced_lanes: HashMap::new(),
            lanes_to_load: BTreeSet::new(),
            lanes_complete: false,
            lanes_left_out: 0,
            scanned_to: Timestamp(i64::MIN),
            backlog: false,
            scanning: None,
            settled: HashSet::new(),
            reading: false,
        }
    }

    /// Notes an entry that was put into a batch.
    pub(crate) fn announce(&mut self, held: Held, now: Timestamp) {
        self.withdraw(&held.id);
        self.announced_bytes += held.bytes_len();
        while (self.announced.len() >= ANNOUNCED_MAX || self.announced_bytes > ANNOUNCED_BYTES_MAX)
            && let Some(oldest) = self.announced.first_key_value().map(|(position, _)| *position)
        {
            // Should it be committed after all, the store has it.
            if let Some(oldest) = self.take_announced(oldest) {
                self.leave_out(&oldest);
            }
        }
        let position = held.position;
        self.announced_ids.insert(held.id.clone(), position);
        if let Some(lane) = &held.lane {
            self.announced_lanes.entry(lane.clone()).or_default().insert(position);
        }
        self.announced.insert(position, Announced { held, since: now, holds_lane: true });
    }

    /// Takes in the add of that id that is committed now, if it is still the one
    /// that `is_same` knows; whether something may be ready by that.
    pub(crate) fn confirm(&mut self, id: &str, due: Timestamp, is_same: impl FnOnce(&Held) -> bool) -> bool {
        let announced = self.announced_ids.get(id).and_then(|position| self.announced.get(position));
        match announced.filter(|announced| is_same(&announced.held)).map(|announced| announced.held.position) {
            Some(position) => self.take_announced(position).is_some_and(|held| self.take_in(held)),
            None => {
                // Either the store was read meanwhile and has it, or there were too
                // many, or the id was added once more, which is not committed yet.
                if !self.by_id.contains_key(id) {
                    self.cut(due);
                }
                true
            }
        }
    }

    fn take_announced(&mut self, position: Position) -> Option<Held> {
        let announced = self.announced.remove(&position)?;
        self.forget_announced(&announced.held);
        Some(announced.held)
    }

    /// Forgets an add whose batch was refused.
    pub(crate) fn withdraw(&mut self, id: &str) {
        if let Some(position) = self.announced_ids.get(id).copied() {
            self.take_announced(position);
        }
    }

    fn forget_announced(&mut self, held: &Held) {
        self.announced_bytes -= held.bytes_len();
        if self.announced_ids.get(&held.id) == Some(&held.position) {
            self.announced_ids.remove(&held.id);
        }
        if let Some(lane) = &held.lane
            && let Some(positions) = self.announced_lanes.get_mut(lane)
        {
            positions.remove(&held.position);
            if positions.is_empty() {
                self.announced_lanes.remove(lane);
            }
            let lane = lane.clone();
            self.refresh(&lane);
        }
    }

    /// Adds that have waited for their commit since `since` or longer.
    pub(crate) fn announced_since(&self, since: Timestamp, limit: usize) -> Vec<(Held, Timestamp)> {
        let waiting = self.announced.values().take_while(|announced| announced.since <= since);
        waiting.take(limit).map(|announced| (announced.held.clone(), announced.since)).collect()
    }

    /// No longer holds up the lane of an add that nobody confirmed.
    pub(crate) fn let_lane_pass(&mut self, position: Position) {
        let Some(announced) = self.announced.get_mut(&position).filter(|announced| announced.holds_lane) else {
            return;
        };
        announced.holds_lane = false;
        if let Some(lane) = announced.held.lane.clone() {
            if let Some(positions) = self.announced_lanes.get_mut(&lane) {
                positions.remove(&position);
                if positions.is_empty() {
                    self.announced_lanes.remove(&lane);
                }
            }
            self.refresh(&lane);
        }
    }

    /// Whether a later entry of that id is known than the one at `position`.
    pub(crate) fn is_superseded(&self, id: &str, position: Position) -> bool {
        self.announced_ids.contains_key(id) || self.by_id.get(id).is_some_and(|newest| *newest != position)
    }

    /// The row of that id may be gone soon.
    pub(crate) fn doubt(&mut self, id: &str) -> bool {
        let Some(held) = self.by_id.get(id).and_then(|position| self.waiting.get_mut(position)) else { return false };
        held.doubtful = true;
        true
    }

    /// A waiting entry of that id that is in doubt.
    pub(crate) fn doubtful(&self, id: &str) -> Option<&Held> {
        self.by_id.get(id).and_then(|position| self.waiting.get(position)).filter(|held| held.doubtful)
    }

    /// Up to which instant rows are in memory.
    fn reach(&self) -> Timestamp {
        self.scanning.map_or(self.scanned_to, |(target, _)| target.max(self.scanned_to))
    }

    /// A row that is due then is in the store only.
    fn cut(&mut self, due: Timestamp) {
        self.scanned_to = self.scanned_to.min(due.plus_ms(-1));
        self.backlog = true;
        if let Some((_, low)) = &mut self.scanning {
            *low = (*low).min(due.plus_ms(-1));
        }
    }

    fn leave_out(&mut self, held: &Held) {
        self.cut(held.due);
        if held.lane.is_some() {
            self.lanes_incomplete();
        }
    }

    fn lanes_incomplete(&mut self) {
        self.lanes_complete = false;
        self.lanes_left_out += 1;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= PENDING_MAX || self.bytes >= PENDING_BYTES_MAX
    }

    fn is_half_empty(&self) -> bool {
        self.waiting.len() <= PENDING_MAX / 2 && self.bytes <= PENDING_BYTES_MAX / 2
    }

    /// Whether the store has something that there is room for now.
    pub(crate) fn wants_store(&self) -> bool {
        !self.lanes_to_load.is_empty() || (self.backlog && self.is_half_empty())
    }

    fn is_known(&self, position: Position) -> bool {
        self.waiting.contains_key(&position) || self.flying.contains_key(&position) || self.settled.contains(&position)
    }

    /// Takes a committed entry in, or leaves it to the store; whether the pump
    /// has something to look at.
    fn take_in(&mut self, held: Held) -> bool {
        if self.is_known(held.position) {
            return false;
        }
        self.drop_replaced(&held.id);
        let Some(lane) = held.lane.clone() else {
            if held.due > self.reach() {
                return false;
            }
            if self.is_full() && !self.evict_behind(held.due) {
                self.cut(held.due);
                return false;
            }
            self.hold(held);
            return true;
        };
        let is_full = self.is_full();
        if let Some(known) = self.lanes.get_mut(&lane) {
            let last = known.waiting.last_key_value().map(|(position, ())| *position).max(known.flying);
            let is_last = last.is_none_or(|last| held.position > last);
            if is_last && (known.truncated || known.waiting.len() >= LANE_PENDING_MAX || is_full) {
                known.truncated = true;
                return false;
            }
            self.hold(held);
            return true;
        }
        if held.due > self.reach() {
            self.lanes_incomplete();
            return false;
        }
        if self.lanes_complete && (!is_full || self.evict_behind(held.due)) {
            self.hold(held);
            return true;
        }
        self.load_later(lane, held.due)
    }

    /// Takes in a row found by its instant; false where there is no room for it.
    pub(crate) fn take_in_scanned(&mut self, held: Held) -> bool {
        if self.is_known(held.position) {
            return true;
        }
        self.forget_found(&held);
        match &held.lane {
            Some(lane) if !self.lanes.contains_key(lane) => {
                let lane = lane.clone();
                self.load_later(lane, held.due)
            }
            Some(_) => {
                self.take_in(held);
                true
            }
            None if self.is_full() => false,
            None => {
                self.drop_replaced(&held.id);
                self.hold(held);
                true
            }
        }
    }

    /// A row was found in the store, so its commit has ended.
    fn forget_found(&mut self, held: &Held) {
        self.take_announced(held.position);
    }

    fn load_later(&mut self, lane: Text, due: Timestamp) -> bool {
        if self.lanes_to_load.len() >= LANES_TO_LOAD_MAX && !self.lanes_to_load.contains(&lane) {
            self.cut(due);
            self.lanes_incomplete();
            return false;
        }
        self.lanes_to_load.insert(lane);
        true
    }

    /// An entry of the same id that waits is replaced by a newer one.
    fn drop_replaced(&mut self, id: &str) {
        if let Some(position) = self.by_id.get(id).copied() {
            self.drop_waiting(position);
        }
    }

    /// Drops a waiting entry whose row is gone.
    pub(crate) fn drop_waiting(&mut self, position: Position) {
        let Some(held) = self.let_go(position) else { return };
        self.ready.remove(&(held.due, position));
        if let Some(name) = &held.lane
            && let Some(lane) = self.lanes.get_mut(name)
        {
            lane.waiting.remove(&position);
            let name = name.clone();
            self.advance(&name);
        }
    }

    fn hold(&mut self, held: Held) {
        let position = held.position;
        self.bytes += held.bytes_len();
        self.by_id.insert(held.id.clone(), position);
        let lane = held.lane.clone();
        let due = held.due;
        self.waiting.insert(position, held);
        match lane {
            None => {
                self.ready.insert((due, position), ());
            }
            Some(lane) => {
                self.lanes.entry(lane.clone()).or_default().waiting.insert(position, ());
                self.refresh(&lane);
            }
        }
    }

    fn let_go(&mut self, position: Position) -> Option<Held> {
        let held = self.waiting.remove(&position)?;
        self.bytes -= held.bytes_len();
        if self.by_id.get(&held.id) == Some(&position) {
            self.by_id.remove(&held.id);
        }
        Some(held)
    }

    /// Puts the first entry of a lane, and no other, where it is delivered from.
    fn refresh(&mut self, name: &str) {
        let Some(lane) = self.lanes.get_mut(name) else { return };
        let first = lane.waiting.first_key_value().map(|(position, ())| *position);
        let awaited = self.announced_lanes.get(name).and_then(|positions| positions.first().copied());
        let ready = match first {
            Some(first) if lane.flying.is_none() && awaited.is_none_or(|awaited| awaited > first) => {
                self.waiting.get(&first).map(|held| (held.due, first))
            }
            _ => None,
        };
        if lane.ready != ready {
            if let Some(before) = lane.ready {
                self.ready.remove(&before);
            }
            if let Some(ready) = ready {
                self.ready.insert(ready, ());
            }
            lane.ready = ready;
        }
    }

    /// Goes on with a lane whose entry ended.
    fn advance(&mut self, name: &Text) {
        let Some(lane) = self.lanes.get(name) else { return };
        if lane.waiting.is_empty() && lane.flying.is_none() {
            let lane = self.lanes.remove(name);
            if lane.is_some_and(|lane| lane.truncated) {
                self.lanes_incomplete();
                self.lanes_to_load.insert(name.clone());
            }
            return;
        }
        self.refresh(name);
    }

    /// Makes room by leaving out what is due last, if that is later than `due`.
    fn evict_behind(&mut self, due: Timestamp) -> bool {
        let Some(((last_due, position), ())) = self.ready.last_key_value() else { return false };
        let (last_due, position) = (*last_due, *position);
        if last_due <= due {
            return false;
        }
        match self.waiting.get(&position).and_then(|held| held.lane.clone()) {
            Some(lane) => self.drop_lane(&lane, last_due),
            None => {
                self.ready.remove(&(last_due, position));
                self.let_go(position);
                self.cut(last_due);
            }
        }
        true
    }

    /// Leaves a lane to the store until its first entry is due.
    fn drop_lane(&mut self, name: &Text, first_due: Timestamp) {
        let Some(lane) = self.lanes.remove(name) else { return };
        if let Some(ready) = lane.ready {
            self.ready.remove(&ready);
        }
        for position in lane.waiting.keys() {
            self.let_go(*position);
        }
        self.lanes_incomplete();
        self.cut(first_due);
    }

    /// The next instant at which something may be delivered.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.ready.first_key_value().map(|((due, _), ())| *due)
    }

    /// How many entries may be delivered now, at most `limit`.
    pub(crate) fn due(&self, now: Timestamp, limit: usize) -> usize {
        self.ready.range(..=(now, Position::MAX)).take(limit).count()
    }

    /// Takes the first entry that is due.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<Held> {
        let ((due, position), ()) = self.ready.first_key_value()?;
        let (due, position) = (*due, *position);
        if due > now {
            return None;
        }
        self.ready.remove(&(due, position));
        let held = self.waiting.remove(&position)?;
        self.bytes -= held.bytes_len();
        if let Some(name) = &held.lane
            && let Some(lane) = self.lanes.get_mut(name)
        {
            lane.waiting.remove(&position);
            lane.flying = Some(position);
            lane.ready = None;
        }
        self.flying.insert(position, held.clone());
        Some(held)
    }

    /// A delivery is over.
    pub(crate) fn finish(&mut self, position: Position) {
        let Some(held) = self.land(position) else { return };
        if let Some(name) = &held.lane {
            self.advance(name);
        }
    }

    /// A delivery is to be made again, as `change` says.
    pub(crate) fn put_back(&mut self, position: Position, change: impl FnOnce(&mut Held)) {
        let Some(mut held) = self.land(position) else { return };
        let name = held.lane.clone();
        if self.by_id.contains_key(&held.id) {
            // A newer entry of the id came in meanwhile.
            if let Some(name) = &name {
                self.advance(name);
            }
            return;
        }
        change(&mut held);
        let due = held.due;
        let is_beyond = due > self.reach();
        match name {
            None if is_beyond => {}
            Some(name) if is_beyond => self.drop_lane(&name, due),
            _ => self.hold(held),
        }
    }

    fn land(&mut self, position: Position) -> Option<Held> {
        let held = self.flying.remove(&position)?;
        if self.by_id.get(&held.id) == Some(&position) {
            self.by_id.remove(&held.id);
        }
        if self.reading {
            self.settled.insert(position);
        }
        if let Some(lane) = held.lane.as_ref().and_then(|name| self.lanes.get_mut(name)) {
            lane.flying = None;
        }
        Some(held)
    }

    /// From where a scan up to `target` must go, if there is need and room for one.
    pub(crate) fn begin_scan(&mut self, needed_to: Timestamp, target: Timestamp) -> Option<Timestamp> {
        let is_needed = self.backlog || self.scanned_to < needed_to;
        if !is_needed || !self.is_half_empty() {
            return None;
        }
        self.scanning = Some((target, NEVER));
        self.reading = true;
        Some(self.scanned_to)
    }

    /// The scan has come that far.
    pub(crate) fn end_scan(&mut self, scanned_to: Timestamp) {
        if let Some((target, low)) = self.scanning.take() {
            self.scanned_to = scanned_to.min(low);
            self.backlog = self.scanned_to < target;
        }
        self.end_reading();
    }

    /// The next lane to read, if there is room for it.
    pub(crate) fn begin_lane(&mut self, now: Timestamp) -> Option<Text> {
        while !self.lanes_to_load.is_empty() && self.is_full() && self.evict_behind(now) {}
        if self.is_full() {
            return None;
        }
        let lane = self.lanes_to_load.pop_first()?;
        self.reading = true;
        Some(lane)
    }

    /// Takes in the first entries of a lane; `more`: there are further ones.
    pub(crate) fn end_lane(&mut self, name: &Text, rows: Vec<Held>, more: bool) {
        let is_known = self.lanes.contains_key(name);
        match rows.first().map(|held| held.due) {
            // What was read is out of date.
            _ if !is_known && rows.iter().any(|held| self.settled.contains(&held.position)) => {
                self.lanes_to_load.insert(name.clone());
            }
            Some(due) if !is_known && due > self.reach() => self.lanes_incomplete(),
            _ => {
                for held in rows {
                    if !self.is_known(held.position) {
                        self.forget_found(&held);
                        self.drop_replaced(&held.id);
                        self.hold(held);
                    }
                }
                if let Some(lane) = self.lanes.get_mut(name) {
                    lane.truncated |= more;
                }
            }
        }
        self.end_reading();
    }

    /// A lane could not be read.
    pub(crate) fn abandon_lane(&mut self, name: Text) {
        self.lanes_to_load.insert(name);
        self.end_reading();
    }

    fn end_reading(&mut self) {
        self.reading = false;
        self.settled.clear();
    }

    /// Whether the store should be asked if it has entries with lanes: a mark to
    /// hand to [`Pending::no_lanes_stored`].
    pub(crate) fn ask_for_lanes(&self) -> Option<u64> {
        let is_quiet = self.lanes.is_empty() && self.lanes_to_load.is_empty() && self.announced_lanes.is_empty();
        (!self.lanes_complete && is_quiet).then_some(self.lanes_left_out)
    }

    /// The store had no entry with a lane after that mark was given.
    pub(crate) fn no_lanes_stored(&mut self, mark: u64) {
        if self.ask_for_lanes() == Some(mark) {
            self.lanes_complete = true;
        }
    }
}
