//! Ends of Express executions on their way to counters and to the list.
//!
//! There may be tens of thousands a second, so an execution's own path only leaves a
//! note; whoever drains the notes counts many at once.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use windlass_journal::{Observed, Prepared, Watch};
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{HistoryEvent, Status};

use super::meters::{ExpressMeters, MachineMeters};
use crate::execution::billed;

/// Notes lie in this many heaps, so that threads seldom meet.
const STRIPES: usize = 16;
/// Notes of one heap; an end beyond them is counted and not listed.
const STRIPE_NOTES_MAX: usize = 8_192;

/// An Express execution that has ended.
#[derive(Debug)]
pub(super) struct ExpressEnd {
    /// The number of its machine.
    pub(super) machine: usize,
    /// Where that number stands for several machines.
    pub(super) machine_arn: Option<Text>,
    pub(super) arn: Text,
    pub(super) name: Text,
    pub(super) status: Status,
    pub(super) started_at: Timestamp,
    pub(super) stopped_at: Timestamp,
    pub(super) error: Option<Text>,
    pub(super) cause: Option<Text>,
    /// What input and output take.
    pub(super) bytes: usize,
    pub(super) events: Vec<HistoryEvent>,
}

/// Alone in its line of the processor's cache.
#[derive(Default)]
#[repr(align(128))]
struct Stripe(Mutex<Vec<ExpressEnd>>);

/// What has ended and was not looked at yet.
#[derive(Default)]
pub(super) struct ExpressEnds([Stripe; STRIPES]);

impl ExpressEnds {
    /// Leaves a note; gives it back where there is no room.
    fn add(&self, end: ExpressEnd) -> Option<ExpressEnd> {
        let mut notes = self.0[own_stripe()].0.lock();
        if notes.len() >= STRIPE_NOTES_MAX {
            return Some(end);
        }
        notes.push(end);
        None
    }

    /// Takes all notes, those of one thread in their order.
    pub(super) fn take(&self) -> Vec<Vec<ExpressEnd>> {
        self.0.iter().map(|stripe| std::mem::take(&mut *stripe.0.lock())).filter(|notes| !notes.is_empty()).collect()
    }
}

/// A number for each thread.
fn own_stripe() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES);
    }
    OWN.get()
}

/// An Express machine as its executions are counted; it watches those of which
/// nobody wants events.
pub(super) struct ExpressMachine {
    pub(super) number: usize,
    pub(super) arn: Text,
    /// Stands for all machines that are not counted apart.
    pub(super) is_other: bool,
    pub(super) machine: Arc<MachineMeters>,
    pub(super) express: ExpressMeters,
    pub(super) ends: Arc<ExpressEnds>,
    /// Ends that are not listed.
    pub(super) unlisted: Arc<AtomicUsize>,
}

impl ExpressMachine {
    /// Notes that an execution has ended.
    pub(super) fn ended(&self, turn: &Observed<'_>, events: Vec<HistoryEvent>) {
        let identity = turn.identity;
        // Counted, not written: the output of an asynchronous one is shown to nobody.
        let bytes = |payload: &Payload| payload.bytes_len_within(usize::MAX).unwrap_or_default();
        let end = ExpressEnd {
            machine: self.number,
            machine_arn: self.is_other.then(|| identity.machine_arn.clone()),
            arn: identity.arn.clone(),
            name: identity.name.clone(),
            status: turn.status,
            started_at: identity.started_at,
            stopped_at: turn.stopped_at.unwrap_or(identity.started_at),
            error: turn.error.cloned(),
            cause: turn.cause.cloned(),
            bytes: bytes(&identity.input) + turn.output.map_or(0, bytes),
            events,
        };
        if let Some(end) = self.ends.add(end) {
            self.unlisted.fetch_add(1, Ordering::Relaxed);
            self.count(&end, 1);
        }
    }

    /// Counts so many ends that are alike.
    pub(super) fn count(&self, end: &ExpressEnd, count: usize) {
        let billed = billed(end.started_at, end.stopped_at, end.bytes);
        self.machine.ended(end.status, false, end.started_at, end.stopped_at, count);
        self.express.ended(billed.duration_ms, billed.memory_bytes, end.bytes as u64, count);
    }
}

impl Watch for ExpressMachine {
    fn wants_history(&self) -> bool {
        false
    }

    fn committed(&self, turn: Observed<'_>, _prepared: Option<Prepared>) {
        if turn.status != Status::Running {
            self.ended(&turn, Vec::new());
        }
    }
}

impl ExpressEnd {
    /// Whether two ends are counted alike.
    pub(super) fn counts_like(&self, other: &ExpressEnd) -> bool {
        let took = |end: &ExpressEnd| end.stopped_at.as_ms() - end.started_at.as_ms();
        (self.machine, self.status, self.bytes, took(self)) == (other.machine, other.status, other.bytes, took(other))
    }
}
