//! Wakes when something is due, and reads from the store what is not in memory.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use windlass_store::{IndexScan, Scan, StoreError};
use windlass_value::Timestamp;

use crate::outbox::Shared;
use crate::pending::LANE_PENDING_MAX;
use crate::row::{ENTRIES, Held};

/// How far ahead entries are held in memory.
const HORIZON_MS: i64 = 60_000;
/// How long the pump sleeps at most: clocks are set, adds are not confirmed.
const TICK_MS: i64 = 1_000;
/// How many rows are read at once.
const SCAN_ROWS: usize = 100;
/// After how long an add that was not confirmed is looked for in the store.
const CONFIRMATION_MS: i64 = 1_000;
/// After how long an add that was not committed is forgotten.
const COMMIT_MS_MAX: i64 = 300_000;
/// How many such adds are looked for at once.
const CONFIRMATIONS_MAX: usize = 500;

pub(crate) async fn pump(shared: Weak<Shared>, wake: Arc<Notify>) {
    loop {
        let pause = {
            let Some(shared) = shared.upgrade() else { return };
            if shared.is_stopping() {
                return;
            }
            shared.turn()
        };
        tokio::select! {
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

impl Shared {
    /// Does what there is to do; how long to sleep then.
    fn turn(self: &Arc<Shared>) -> Duration {
        let now = (self.now)();
        if let Err(error) = self.read_store(now) {
            if error == StoreError::Closed {
                self.stopping.store(true, std::sync::atomic::Ordering::Release);
            }
            tracing::error!(outbox = self.name, %error, "deliveries cannot be read from the store");
        }
        let mut state = self.state.lock();
        self.spawn_workers(&mut state, now);
        // With every worker busy, the next one to be free looks itself.
        let next = state.pending.next_due().filter(|_| state.workers < self.concurrency_max);
        drop(state);
        let pause_ms = next.map_or(TICK_MS, |due| due.as_ms().saturating_sub(now.as_ms()).clamp(1, TICK_MS));
        Duration::from_millis(pause_ms as u64)
    }

    fn read_store(&self, now: Timestamp) -> Result<(), StoreError> {
        self.confirm(now)?;
        self.look_at_removals(now)?;
        self.scan(now)?;
        self.load_lanes(now)?;
        let mark = self.state.lock().pending.ask_for_lanes();
        if let Some(mark) = mark
            && self.store.scan(&ENTRIES, Scan::index(IndexScan::new("by_lane").equal(self.name), 1))?.is_empty()
        {
            self.state.lock().pending.no_lanes_stored(mark);
        }
        Ok(())
    }

    /// Looks for adds whose callers did not say that they are committed.
    fn confirm(&self, now: Timestamp) -> Result<(), StoreError> {
        let late = self.state.lock().pending.announced_since(now.plus_ms(-CONFIRMATION_MS), CONFIRMATIONS_MAX);
        for (held, since) in late {
            let stored = self.store.get(&ENTRIES, &held.key)?.and_then(Held::read);
            let mut state = self.state.lock();
            if stored.is_some_and(|stored| stored.position == held.position) {
                state.pending.confirm(&held.id, held.due, |announced| announced.position == held.position);
            } else if since.plus_ms(COMMIT_MS_MAX) < now {
                state.pending.withdraw(&held.id);
            } else {
                state.pending.let_lane_pass(held.position);
            }
        }
        Ok(())
    }

    /// Drops waiting entries that were removed, so that their lanes go on.
    fn look_at_removals(&self, now: Timestamp) -> Result<(), StoreError> {
        let removals: Vec<_> = {
            let mut state = self.state.lock();
            let (due, later) = std::mem::take(&mut state.removals)
                .into_iter()
                .partition(|(_, _, since)| since.plus_ms(CONFIRMATION_MS) <= now);
            state.removals = later;
            due
        };
        for (id, key, _) in removals {
            let row = self.store.get(&ENTRIES, &key)?;
            let mut state = self.state.lock();
            // One that is still there stays in doubt, and is looked at when it is due.
            if row.is_none()
                && let Some(position) = state.pending.doubtful(&id).map(|held| held.position)
            {
                state.pending.drop_waiting(position);
            }
        }
        Ok(())
    }

    /// Reads what is due within the horizon and not in memory.
    fn scan(&self, now: Timestamp) -> Result<(), StoreError> {
        let target = now.plus_ms(HORIZON_MS);
        let begun = self.state.lock().pending.begin_scan(now.plus_ms(HORIZON_MS / 2), target);
        let Some(from) = begun else { return Ok(()) };
        let index = IndexScan::new("by_due").equal(self.name).above(from.as_ms()).at_most(target.as_ms());
        let mut scan = Scan::index(index, SCAN_ROWS);
        loop {
            let rows = match self.store.scan(&ENTRIES, scan.clone()) {
                Ok(rows) => rows,
                Err(error) => {
                    self.state.lock().pending.end_scan(from);
                    return Err(error);
                }
            };
            let next = (rows.len() == SCAN_ROWS).then(|| rows.last().map(|row| scan.position(&ENTRIES, row))).flatten();
            let mut state = self.state.lock();
            for row in rows {
                let Some(held) = self.read(row) else { continue };
                let due = held.due;
                if !state.pending.take_in_scanned(held) {
                    state.pending.end_scan(due.plus_ms(-1));
                    return Ok(());
                }
            }
            match next {
                Some(position) => scan.after = Some(position),
                None => {
                    state.pending.end_scan(target);
                    return Ok(());
                }
            }
        }
    }

    fn load_lanes(&self, now: Timestamp) -> Result<(), StoreError> {
        loop {
            let Some(lane) = self.state.lock().pending.begin_lane(now) else { return Ok(()) };
            let index = IndexScan::new("by_lane").equal(self.name).equal(&*lane);
            match self.store.scan(&ENTRIES, Scan::index(index, LANE_PENDING_MAX)) {
                Ok(rows) => {
                    let more = rows.len() == LANE_PENDING_MAX;
                    let rows = rows.into_iter().filter_map(|row| self.read(row)).collect();
                    self.state.lock().pending.end_lane(&lane, rows, more);
                }
                Err(error) => {
                    self.state.lock().pending.abandon_lane(lane);
                    return Err(error);
                }
            }
        }
    }

    fn read(&self, row: windlass_store::Row) -> Option<Held> {
        let key = row.key.clone();
        let held = Held::read(row);
        if held.is_none() {
            tracing::error!(outbox = self.name, ?key, "a stored delivery cannot be read and is left out");
        }
        held
    }
}
