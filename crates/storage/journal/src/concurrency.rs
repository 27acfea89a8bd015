//! How many executions of one key run at once: who runs, who waits, and who is next.
//!
//! Each execution of a machine with a limit holds a ticket, a row that is written with the
//! turn that takes or begins it and goes with the turn that closes it. The lines in memory
//! follow what is durable; a start makes them anew of the rows.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use windlass_asl::ConcurrencyPolicy;
use windlass_store::{Batch, ColumnValue, Key, Row, Scan, shard_of};
use windlass_value::{Arn, Text};
use windlass_workflow::EventKind;

use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::record::Record;
use crate::slot::{Delivery, What};
use crate::tables::TICKETS;

/// Executions that wait for one key at most.
pub const WAITING_MAX: usize = 10_000;
/// The error of an execution that was stopped for a later one.
const SUPERSEDED: &str = "Windlass.Superseded";
/// Rows read at once.
const PAGE_ROWS: usize = 1_000;

/// What a start asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrencyLimit {
    /// What is counted by, within the machine.
    pub key: Text,
    /// How many run at once; at least 1. The latest start's counts for all of its key.
    pub limit: u32,
    /// What becomes of one too many.
    pub policy: ConcurrencyPolicy,
}

/// An execution's place in the line of its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    #[serde(rename = "k")]
    pub(crate) key: String,
    #[serde(rename = "n")]
    pub(crate) number: u64,
    #[serde(rename = "l")]
    pub(crate) limit: u32,
    /// Whether it stops others to run.
    #[serde(rename = "c", default, skip_serializing_if = "is_false")]
    pub(crate) cancels: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Serialize, Deserialize)]
struct StoredTicket {
    v: u32,
    machine: String,
    arn: String,
    runs: bool,
    #[serde(flatten)]
    ticket: Ticket,
}

/// What becomes of a start.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It runs at once.
    Runs(Ticket),
    /// It is taken and waits.
    Waits(Ticket),
    /// That one stands for it.
    Stands(Text),
    /// It is refused.
    Refused,
}

/// The lines by (machine, key); only those in which somebody is.
#[derive(Default)]
pub(crate) struct Lines(Mutex<HashMap<(Text, String), Line>>);

#[derive(Default)]
struct Line {
    limit: usize,
    next: u64,
    running: BTreeMap<u64, Text>,
    waiting: BTreeMap<u64, Text>,
    /// Starts that will wait, not durable yet.
    arriving: usize,
}

impl Line {
    /// Those whose turn it is, in order; they count as running from now on.
    fn call_next(&mut self) -> Vec<Text> {
        let mut called = Vec::new();
        while self.running.len() < self.limit
            && let Some((number, arn)) = self.waiting.pop_first()
        {
            self.running.insert(number, arn.clone());
            called.push(arn);
        }
        called
    }

    /// Those that the newest of the line does not wait for: who waits before it, and the
    /// oldest that run.
    fn superseded_by(&self, number: u64) -> Vec<Text> {
        let before = self.waiting.range(..number).map(|(_, arn)| arn);
        let too_many = (self.running.len() + 1).saturating_sub(self.limit);
        before.chain(self.running.values().take(too_many)).cloned().collect()
    }

    fn is_empty(&self) -> bool {
        self.running.is_empty() && self.waiting.is_empty() && self.arriving == 0
    }
}

impl Lines {
    /// Finds a place for a start. What runs is reserved; [`Journal::admitted`] must follow
    /// the commit, or its failure.
    pub(crate) fn admit(&self, machine: &Text, arn: &Text, wanted: &ConcurrencyLimit) -> Admission {
        let mut lines = self.0.lock();
        // One that is new has a place, so that no empty line is left behind.
        let line = lines.entry((machine.clone(), wanted.key.to_string())).or_default();
        line.limit = wanted.limit.max(1) as usize;
        let ticket = Ticket {
            key: wanted.key.to_string(),
            number: line.next,
            limit: wanted.limit.max(1),
            cancels: wanted.policy == ConcurrencyPolicy::CancelRunning,
        };
        if line.running.len() < line.limit && line.waiting.is_empty() && line.arriving == 0 {
            line.next += 1;
            line.running.insert(ticket.number, arn.clone());
            return Admission::Runs(ticket);
        }
        match wanted.policy {
            ConcurrencyPolicy::Reject => Admission::Refused,
            ConcurrencyPolicy::Skip => {
                let standing = line.running.values().chain(line.waiting.values()).next();
                standing.map_or(Admission::Refused, |arn| Admission::Stands(arn.clone()))
            }
            ConcurrencyPolicy::Queue | ConcurrencyPolicy::CancelRunning => {
                if line.waiting.len() + line.arriving >= WAITING_MAX {
                    return Admission::Refused;
                }
                line.next += 1;
                line.arriving += 1;
                Admission::Waits(ticket)
            }
        }
    }

    /// Changes a line and answers who is to begin.
    fn change(&self, machine: &Text, key: &str, change: impl FnOnce(&mut Line)) -> Vec<Text> {
        let mut lines = self.0.lock();
        let name = (machine.clone(), key.to_owned());
        let Some(line) = lines.get_mut(&name) else { return Vec::new() };
        change(line);
        let called = line.call_next();
        if line.is_empty() {
            lines.remove(&name);
        }
        called
    }

    /// Executions that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().values().map(|line| line.waiting.len() + line.arriving).sum()
    }
}

/// Where the row of a ticket is.
fn ticket_key(machine: &str, ticket: &Ticket) -> Key {
    let arn = Arn::parse(machine);
    let (account, region) = arn.as_ref().map_or(("", ""), |arn| (&*arn.account, &*arn.region));
    // Keys of any length and with any characters.
    let digest: String = Sha256::digest(ticket.key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Key::new(shard_of(machine), account, region).text(machine).text(&digest).number(ticket.number)
}

/// Writes the ticket of an execution that was taken, or begins; removes that of one that closed.
pub(crate) fn batch_ticket(
    record: &Record,
    ticket: &Ticket,
    runs: Option<bool>,
    batch: &mut Batch,
) -> Result<(), JournalError> {
    let key = ticket_key(&record.machine_arn, ticket);
    let Some(runs) = runs else {
        batch.delete(&TICKETS, key);
        return Ok(());
    };
    let stored = StoredTicket {
        v: 1,
        machine: record.machine_arn.to_string(),
        arn: record.arn.to_string(),
        runs,
        ticket: ticket.clone(),
    };
    let value = serde_json::to_vec(&stored)
        .map_err(|error| JournalError::Record { arn: record.arn.to_string(), reason: error.to_string() })?;
    batch.put(&TICKETS, key, vec![ColumnValue::Text(record.arn.to_string())], value);
    Ok(())
}

impl Journal {
    /// A start with a ticket is durable, or failed.
    pub(crate) fn admitted(&self, record: &Record, ticket: &Ticket, waits: bool, is_durable: bool) {
        let mut superseded = Vec::new();
        let called = self.lines().change(&record.machine_arn, &ticket.key, |line| match (waits, is_durable) {
            (false, true) => {}
            (false, false) => {
                line.running.remove(&ticket.number);
            }
            (true, is_durable) => {
                line.arriving = line.arriving.saturating_sub(1);
                if is_durable {
                    line.waiting.insert(ticket.number, record.arn.clone());
                    if ticket.cancels {
                        superseded = line.superseded_by(ticket.number);
                    }
                }
            }
        });
        self.begin_next(called);
        self.supersede(superseded, &record.arn);
        // It may have been stopped before it stood in the line; then nobody else takes it out.
        let is_closed = |arn: &str| matches!(self.record(arn), Ok(Some(record)) if record.stopped_at.is_some());
        if waits && is_durable && is_closed(&record.arn) {
            self.left(record, ticket);
        }
    }

    /// An execution with a ticket has closed, which is durable: the next ones begin.
    pub(crate) fn left(&self, record: &Record, ticket: &Ticket) {
        let called = self.lines().change(&record.machine_arn, &ticket.key, |line| {
            line.running.remove(&ticket.number);
            line.waiting.remove(&ticket.number);
        });
        self.begin_next(called);
    }

    /// Lets executions begin that were taken before. A crash in between changes nothing:
    /// the next start of the server finds the same ones next.
    fn begin_next(&self, arns: Vec<Text>) {
        for key in arns.iter().filter_map(|arn| ExecutionKey::from_arn(arn)) {
            self.enqueue(&key, Delivery { what: What::Event(EventKind::Start), reply: None });
        }
    }

    fn supersede(&self, arns: Vec<Text>, by: &Text) {
        for key in arns.iter().filter_map(|arn| ExecutionKey::from_arn(arn)) {
            let cause = format!("The execution {by} was started for the same key, whose policy is cancel-running.");
            let stop = EventKind::Stop { error: Some(SUPERSEDED.into()), cause: Some(cause.into()) };
            self.enqueue(&key, Delivery { what: What::Event(stop), reply: None });
        }
    }

    /// Makes the lines of the stored tickets and goes on with them. Answers how many
    /// executions begin.
    pub(crate) fn recover_lines(&self) -> Result<usize, JournalError> {
        let mut newest: HashMap<(Text, String), (u64, Text)> = HashMap::new();
        let mut after = None;
        loop {
            let mut scan = Scan { limit: PAGE_ROWS, ..Scan::default() };
            scan.after = after.take();
            let rows = self.store().scan(&TICKETS, scan.clone())?;
            for row in &rows {
                let Some((name, ticket, arn)) = self.take_ticket(row) else { continue };
                if ticket.cancels {
                    newest.insert(name, (ticket.number, arn));
                }
            }
            if rows.len() < PAGE_ROWS {
                break;
            }
            after = rows.last().map(|row| scan.position(&TICKETS, row));
        }
        let mut superseded = Vec::new();
        let mut called = Vec::new();
        for (name, line) in self.lines().0.lock().iter_mut() {
            // Who was to be stopped for a waiting one may not have been.
            if let Some((number, by)) = newest.get(name).filter(|(number, _)| line.waiting.contains_key(number)) {
                superseded.push((line.superseded_by(*number), by.clone()));
            }
            called.append(&mut line.call_next());
        }
        let count = called.len();
        self.begin_next(called);
        for (arns, by) in superseded {
            self.supersede(arns, &by);
        }
        Ok(count)
    }

    /// Takes over a stored ticket; rows of a line come in their order.
    fn take_ticket(&self, row: &Row) -> Option<((Text, String), Ticket, Text)> {
        let stored: StoredTicket = match serde_json::from_slice(&row.value) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(key = ?row.key, %error, "a ticket cannot be read and is left alone");
                return None;
            }
        };
        let StoredTicket { machine, arn, runs, ticket, .. } = stored;
        let (name, arn) = ((Text::from(machine), ticket.key.clone()), Text::from(arn));
        let mut lines = self.lines().0.lock();
        let line = lines.entry(name.clone()).or_default();
        line.limit = ticket.limit as usize;
        line.next = line.next.max(ticket.number + 1);
        let place = if runs { &mut line.running } else { &mut line.waiting };
        place.insert(ticket.number, arn.clone());
        Some((name, ticket, arn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(limit: u32, policy: ConcurrencyPolicy) -> ConcurrencyLimit {
        ConcurrencyLimit { key: "k".into(), limit, policy }
    }

    fn waits(admission: Admission) -> Ticket {
        match admission {
            Admission::Waits(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_place_that_is_free_goes_to_who_came_first() {
        let (lines, machine) = (Lines::default(), Text::from("m"));
        let queue = wanted(2, ConcurrencyPolicy::Queue);
        let admit = |arn: &str| lines.admit(&machine, &arn.into(), &queue);
        let durable = |ticket: &Ticket, arn: &str| {
            lines.change(&machine, "k", |line| {
                line.arriving -= 1;
                line.waiting.insert(ticket.number, arn.into());
            })
        };
        let left = |number: u64| lines.change(&machine, "k", |line| drop(line.running.remove(&number)));
        assert!(matches!(admit("a"), Admission::Runs(Ticket { number: 0, .. })));
        assert!(matches!(admit("b"), Admission::Runs(Ticket { number: 1, .. })));
        let (c, d) = (waits(admit("c")), waits(admit("d")));
        // Nobody waits durably yet, and nobody overtakes who is about to.
        assert_eq!(left(0), Vec::<Text>::new());
        let e = waits(admit("e"));
        assert_eq!(durable(&d, "d"), [Text::from("d")]);
        assert_eq!(durable(&c, "c"), Vec::<Text>::new());
        assert_eq!(durable(&e, "e"), Vec::<Text>::new());
        assert_eq!(left(1), [Text::from("c")]);
        assert_eq!(left(c.number), [Text::from("e")]);
        assert_eq!((left(d.number), left(e.number)), (Vec::new(), Vec::new()));
        assert_eq!((lines.waiting(), lines.0.lock().len()), (0, 0));
    }

    #[test]
    fn what_does_not_wait_is_refused_or_stood_for() {
        let (lines, machine) = (Lines::default(), Text::from("m"));
        let admit = |arn: &str, policy| lines.admit(&machine, &arn.into(), &wanted(1, policy));
        assert!(matches!(admit("a", ConcurrencyPolicy::Reject), Admission::Runs(_)));
        assert_eq!(admit("b", ConcurrencyPolicy::Reject), Admission::Refused);
        assert_eq!(admit("c", ConcurrencyPolicy::Skip), Admission::Stands("a".into()));
        for _ in 0..WAITING_MAX {
            waits(admit("w", ConcurrencyPolicy::Queue));
        }
        assert_eq!(admit("x", ConcurrencyPolicy::Queue), Admission::Refused);
        assert_eq!(lines.waiting(), WAITING_MAX);
    }
}
