use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use windlass_protocol::Fault;
use windlass_store::{Batch, ColumnValue, Key, KeyRange, Row, Scan, Store};
use windlass_value::Text;

use crate::attempt::Attempt;
use crate::backlog::{Backlog, Counts, Entry, State};
use crate::faults::of_store;
use crate::limits::SEQUENCE_BLOCK;
use crate::queue_name::QueueName;
use crate::record::Record;
use crate::residents::Residents;
use crate::tables::{CONTENTS, MESSAGES, SEQUENCES};

/// A queue: its record, and what is in memory of its messages.
///
/// Batches that concern its messages are handed to the store while `state` is
/// locked, so the store sees them in the order in which memory does.
pub(crate) struct Queue {
    pub(crate) name: QueueName,
    pub(crate) id: u64,
    pub(crate) secret: [u8; 16],
    pub(crate) fifo: bool,
    /// What the keys of its messages begin with.
    prefix: Key,
    record: RwLock<Arc<Record>>,
    pub(crate) state: Mutex<QueueState>,
    /// Tells one receiver that waits about each thing that may be received.
    pub(crate) arrivals: Notify,
    waiters: AtomicUsize,
    residents: Arc<Residents>,
}

/// What changes with every message.
pub(crate) struct QueueState {
    pub(crate) backlog: Backlog,
    /// The queue is being deleted: nothing is written any more.
    pub(crate) closing: bool,
    /// Receive request attempts by id.
    pub(crate) attempts: HashMap<Text, Attempt>,
    /// When the timekeeper looks at the queue next.
    pub(crate) timer_ms: Option<i64>,
}

impl Queue {
    /// A queue without messages.
    pub(crate) fn new(name: QueueName, record: Record, reserved: u64, residents: &Arc<Residents>) -> Queue {
        let fifo = name.is_fifo();
        let state = QueueState {
            backlog: Backlog::new(fifo, reserved.max(record.purged_before), residents.clone()),
            closing: false,
            attempts: HashMap::new(),
            timer_ms: None,
        };
        Queue {
            prefix: name.shard_key().number(record.id),
            id: record.id,
            secret: record.secret,
            fifo,
            record: RwLock::new(Arc::new(record)),
            state: Mutex::new(state),
            arrivals: Notify::new(),
            waiters: AtomicUsize::new(0),
            residents: residents.clone(),
            name,
        }
    }

    /// A queue with its stored messages: indexes what fits in memory, counts the rest.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn load(
        name: QueueName,
        record: Record,
        store: &Store,
        residents: &Arc<Residents>,
        now_ms: i64,
    ) -> Result<Queue, Fault> {
        let sequences = name.shard_key().number(record.id);
        let reserved = store.get(&SEQUENCES, &sequences).map_err(|error| of_store(&error))?;
        let reserved = reserved.and_then(|row| row.value[..].try_into().ok()).map_or(0, u64::from_be_bytes);
        let purged_before = record.purged_before;
        let queue = Queue::new(name, record, reserved, residents);
        let mut after = purged_before.saturating_sub(1);
        {
            let mut state = queue.state.lock();
            let backlog = &mut state.backlog;
            loop {
                let rows = queue.rows(store, after, u64::MAX)?;
                let is_last = rows.len() < residents.page_rows();
                let is_full = backlog.tail.is_open() || !backlog.has_room(rows.len());
                if is_full {
                    backlog.tail.add_stored(after, rows.len());
                }
                for row in rows {
                    after = sequence_of(&row.key);
                    if !is_full {
                        queue.index(backlog, &row, now_ms)?;
                    }
                }
                if is_last {
                    break;
                }
            }
            backlog.sequences.next = backlog.sequences.next.max(after + 1);
        }
        Ok(queue)
    }

    pub(crate) fn record(&self) -> Arc<Record> {
        self.record.read().clone()
    }

    pub(crate) fn set_record(&self, record: Record) {
        *self.record.write() = Arc::new(record);
    }

    /// What the keys of its messages begin with.
    pub(crate) fn prefix(&self) -> &Key {
        &self.prefix
    }

    pub(crate) fn key(&self, sequence: u64) -> Key {
        self.prefix.clone().number(sequence)
    }

    /// How many messages there are now.
    pub(crate) fn counts(&self, now_ms: i64) -> Counts {
        let mut state = self.state.lock();
        state.backlog.promote(now_ms);
        state.backlog.counts()
    }

    /// How many receivers wait.
    pub(crate) fn waiters(&self) -> usize {
        self.waiters.load(Ordering::Acquire)
    }

    /// Counts a receiver that waits; to be called while `state` is locked.
    pub(crate) fn wait(self: &Arc<Queue>) -> Waiter {
        self.waiters.fetch_add(1, Ordering::AcqRel);
        Waiter(self.clone())
    }

    /// Wakes as many receivers as can be served.
    pub(crate) fn wake(&self, state: &QueueState) {
        for _ in 0..state.backlog.ready(self.waiters()) {
            self.arrivals.notify_one();
        }
    }

    /// Adds a message to a batch and, as one being committed, to memory. Answers
    /// its sequence, to be settled when the commit is known.
    pub(crate) fn place(&self, state: &mut QueueState, batch: &mut Batch, entry: Entry, content: Bytes) -> u64 {
        let is_full = !state.backlog.has_room(1);
        let backlog = &mut state.backlog;
        let sequence = backlog.sequences.take();
        if sequence >= backlog.sequences.reserved {
            let bound = block_end(sequence);
            batch.put(&SEQUENCES, self.prefix.clone(), Vec::new(), bound.to_be_bytes().to_vec());
        }
        self.put_row(batch, sequence, &entry);
        batch.put(&CONTENTS, self.key(sequence), Vec::new(), content);
        if is_full || backlog.tail.is_open() {
            backlog.tail.begin(sequence);
        } else {
            backlog.insert(sequence, entry, State::Committing);
        }
        sequence
    }

    /// Ends what [`Queue::place`] began.
    pub(crate) fn settle(&self, sequences: &[u64], stored: bool, now_ms: i64) {
        let mut state = self.state.lock();
        let backlog = &mut state.backlog;
        for &sequence in sequences {
            if backlog.tail.settle(sequence, stored) {
                continue;
            }
            if !stored {
                backlog.remove(sequence);
            } else if let Some(entry) = backlog.get(sequence) {
                let at = entry.state_at(now_ms);
                backlog.change(sequence, at, |_| ());
            }
        }
        if stored && let Some(&last) = sequences.last() {
            // Only now: a reservation that failed must be made again.
            backlog.sequences.reserved = backlog.sequences.reserved.max(block_end(last));
        }
        self.wake(&state);
    }

    /// Adds what changes of a message to a batch.
    pub(crate) fn put_row(&self, batch: &mut Batch, sequence: u64, entry: &Entry) {
        let group = entry.group.as_ref().map_or(ColumnValue::Null, |group| group.to_string().into());
        let columns = vec![
            entry.sent_ms.into(),
            entry.visible_ms.into(),
            i64::from(entry.receives).into(),
            i64::from(entry.receives_before).into(),
            entry.first_received_ms.into(),
            group,
        ];
        batch.put(&MESSAGES, self.key(sequence), columns, Bytes::new());
    }

    /// Adds a message's removal to a batch.
    pub(crate) fn delete_rows(&self, batch: &mut Batch, sequence: u64) {
        batch.delete(&MESSAGES, self.key(sequence));
        batch.delete(&CONTENTS, self.key(sequence));
    }

    /// Puts messages that were leaving, but did not, back to where they are by now.
    pub(crate) fn restore(&self, sequences: &[u64], now_ms: i64) {
        let mut state = self.state.lock();
        for &sequence in sequences {
            if let Some(entry) = state.backlog.get(sequence)
                && entry.state() == State::Leaving
            {
                let at = entry.state_at(now_ms);
                state.backlog.change(sequence, at, |_| ());
            }
        }
        self.wake(&state);
    }

    /// Forgets messages that are gone from the store; a group behind them may be ready.
    pub(crate) fn forget(&self, sequences: &[u64]) {
        let mut state = self.state.lock();
        for &sequence in sequences {
            state.backlog.remove(sequence);
        }
        self.wake(&state);
    }

    /// Reads messages of the tail into memory, while fewer than `wanted` can be
    /// received and there is room.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn page_in(
        &self,
        state: &mut QueueState,
        wanted: usize,
        store: &Store,
        now_ms: i64,
    ) -> Result<(), Fault> {
        let backlog = &mut state.backlog;
        while backlog.tail.count() > 0
            && backlog.receivable(wanted).len() < wanted
            && backlog.has_room(self.residents.page_rows())
        {
            let (after, before) = backlog.tail.range(backlog.sequences.next);
            let rows = self.rows(store, after, before)?;
            let all = rows.len() < self.residents.page_rows();
            let last = rows.last().map_or(after, |row| sequence_of(&row.key));
            let mut read = 0;
            for row in &rows {
                // A message that was adopted is not of the tail any more.
                if backlog.get(sequence_of(&row.key)).is_none() {
                    self.index(backlog, row, now_ms)?;
                    read += 1;
                }
            }
            // With all read, the next are those behind what is being committed.
            backlog.tail.advance(if all { before - 1 } else { last }, read, all);
            if all {
                break;
            }
        }
        Ok(())
    }

    /// The entry of a stored message that is not in memory.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn stored(&self, store: &Store, sequence: u64) -> Result<Option<Entry>, Fault> {
        let row = store.get(&MESSAGES, &self.key(sequence)).map_err(|error| of_store(&error))?;
        row.map(|row| self.entry(&row)).transpose()
    }

    /// Takes a message of the tail into memory, to delete it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn adopt(&self, backlog: &mut Backlog, store: &Store, sequence: u64, now_ms: i64) -> Result<(), Fault> {
        if backlog.get(sequence).is_none()
            && backlog.tail.covers(sequence)
            && let Some(entry) = self.stored(store, sequence)?
        {
            let at = entry.state_at(now_ms);
            backlog.insert(sequence, entry, at);
            backlog.tail.remove_one();
        }
        Ok(())
    }

    fn index(&self, backlog: &mut Backlog, row: &Row, now_ms: i64) -> Result<(), Fault> {
        let mut entry = self.entry(row)?;
        entry.received_ms = now_ms;
        let at = entry.state_at(now_ms);
        backlog.insert(sequence_of(&row.key), entry, at);
        Ok(())
    }

    fn entry(&self, row: &Row) -> Result<Entry, Fault> {
        let mut entry = read_entry(&row.columns).ok_or_else(|| Fault::internal("a stored message cannot be read"))?;
        if self.fifo && entry.receives == 0 {
            // The delay of a FIFO queue is that which it has now.
            entry.visible_ms = entry.sent_ms + self.record().settings.delay_ms;
        }
        Ok(entry)
    }

    fn rows(&self, store: &Store, after: u64, before: u64) -> Result<Vec<Row>, Fault> {
        let range = KeyRange { start: Some(self.key(after.saturating_add(1))), end: Some(self.key(before)) };
        store.scan(&MESSAGES, Scan::range(range, self.residents.page_rows())).map_err(|error| of_store(&error))
    }
}

/// A receiver that waits, as long as this lives.
pub(crate) struct Waiter(Arc<Queue>);

impl Drop for Waiter {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Up to where sequences are set aside by the batch that uses this one.
fn block_end(sequence: u64) -> u64 {
    (sequence / SEQUENCE_BLOCK + 1) * SEQUENCE_BLOCK
}

/// The last part of a message's key.
pub(crate) fn sequence_of(key: &Key) -> u64 {
    key.as_bytes().last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

fn read_entry(columns: &[ColumnValue]) -> Option<Entry> {
    use ColumnValue::{Integer, Null, Text};
    let [Integer(sent_ms), Integer(visible_ms), Integer(receives), Integer(before), Integer(first), group] = columns
    else {
        return None;
    };
    let group = match group {
        Null => None,
        Text(group) => Some(group.as_str().into()),
        Integer(_) => return None,
    };
    let mut entry = Entry::new(*sent_ms, *visible_ms, group);
    entry.receives = u32::try_from(*receives).ok()?;
    entry.receives_before = u32::try_from(*before).ok()?;
    entry.first_received_ms = *first;
    Some(entry)
}
