//! What drives one Map Run: it hears of reads and ends, asks the machine, stores what
//! changed and does what the machine says. Many ends become one commit.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use windlass_store::{Batch, IndexScan, Position, Scan};
use windlass_value::{Object, Payload, Timestamp};
use windlass_workflow::{
    ChildOffer, Ending, EventKind, Identity, MapRunEffect, MapRunEvent, MapRunPhase, MapRunState, MapRunStatus,
    Standing, Status,
};

use super::child::{ExpressChild, child_key, ending_of, number_of};
use super::children::{TellGuard, redrive_standard, start_standard, stop_standard};
use super::handle::{Handle, Told};
use super::objects::Objects;
use super::read::{NewChild, Page, Stream, read_page, reader_failed};
use super::record::MapRunRecord;
use super::results::{Written, output_of, write_results};
use super::spec::Spec;
use super::start::{CHILD_KIND, abort_key, redrive_key};
use super::stored::{StoredMapRun, columns};
use crate::error::JournalError;
use crate::journal::{Journal, NewExecution, Qualifiers};
use crate::key::ExecutionKey;
use crate::options::ExecutionOptions;
use crate::pauses::Pauses;
use crate::record::Record;
use crate::tables::{EXECUTIONS, MAP_RUN_CHILDREN, MAP_RUNS, OUTBOX};

/// Children of one Map Run that run at once, at most; AWS: 10,000.
pub(crate) const CHILDREN_MAX: u64 = 10_000;
/// News that one commit takes.
const TOLD_MAX: usize = 2_000;
/// Bytes of children that one commit takes, about.
const COMMIT_BYTES: usize = 2 << 20;
/// Rows read at once.
const PAGE_ROWS: usize = 1_000;

/// A child that runs.
enum Running {
    Express { task: AbortHandle, child: NewChild, started_at: Timestamp },
    Standard { stopping: Arc<AtomicBool> },
}

struct Driver {
    journal: Journal,
    spec: Arc<Spec>,
    state: MapRunState,
    handle: Arc<Handle>,
    receiver: mpsc::UnboundedReceiver<Told>,
    /// Children that are read and not started.
    inputs: HashMap<u64, NewChild>,
    running: HashMap<u64, Running>,
    stream: Option<Stream>,
    stopped_at: Option<Timestamp>,
    redriven_at: Option<Timestamp>,
    written: Option<Written>,
    /// Children an earlier run of the server may have started: those that are read are
    /// looked up until so many in a row were not.
    unknown: u64,
    replies: Vec<(oneshot::Sender<Result<bool, JournalError>>, bool)>,
    /// Something is to be stored.
    is_dirty: bool,
    /// Bytes of the children in the next batch.
    batch_bytes: usize,
    /// The results are to be made, once what they are made of is stored.
    is_to_write: bool,
    /// The next commit takes up a redrive.
    is_redriven: bool,
}

/// How a Map Run comes to be driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drive {
    /// It begins.
    New,
    /// An earlier run of the server began it.
    Resumed,
    /// It was over, and goes on with what did not succeed.
    Redrive,
}

/// Drives a Map Run until it is over, unless somebody does already.
pub(super) fn drive_map_run(
    journal: &Journal,
    spec: Arc<Spec>,
    state: MapRunState,
    stopped_at: Option<Timestamp>,
    redriven_at: Option<Timestamp>,
    how: Drive,
) {
    let (told, receiver) = mpsc::unbounded_channel();
    let record = record_of(&spec, &state, stopped_at, redriven_at);
    let handle = Arc::new(Handle { told, record: Mutex::new(record), express: Mutex::default() });
    let uid = spec.key.uid();
    if !journal.map_runs().insert(uid, handle.clone()) {
        return;
    }
    let journal = journal.clone();
    tokio::spawn(async move {
        // The semaphore is never closed.
        let _permit = journal.map_runs().open.clone().acquire_owned().await.ok();
        let mut driver = Driver {
            journal: journal.clone(),
            spec,
            state,
            handle,
            receiver,
            inputs: HashMap::new(),
            running: HashMap::new(),
            stream: None,
            stopped_at,
            redriven_at,
            written: None,
            unknown: if how == Drive::New { 0 } else { CHILDREN_MAX },
            replies: Vec::new(),
            is_dirty: false,
            batch_bytes: 0,
            is_to_write: false,
            is_redriven: false,
        };
        if how == Drive::Redrive {
            driver.redrive();
        }
        if let Err(error) = driver.run().await {
            tracing::error!(map_run = %driver.spec.plan.arn, %error, "a Map Run cannot go on until the server is started again");
        }
        journal.map_runs().remove(uid);
    });
}

fn is_exported(spec: &Spec) -> bool {
    spec.plan.writing.as_ref().is_some_and(|writing| writing.arguments.is_some())
}

fn record_of(
    spec: &Spec,
    state: &MapRunState,
    stopped_at: Option<Timestamp>,
    redriven_at: Option<Timestamp>,
) -> MapRunRecord {
    MapRunRecord::new(&spec.origin, state, stopped_at, redriven_at, spec.plan.express, is_exported(spec))
}

impl Driver {
    /// Goes on with what did not succeed.
    fn redrive(&mut self) {
        self.state.step(MapRunEvent::Redrive, CHILDREN_MAX);
        self.is_dirty = true;
        self.is_redriven = true;
        if self.state.phase == MapRunPhase::Closed {
            // It succeeded: its execution is told so once more.
            return;
        }
        // Behind all that ended before, whatever the clock says.
        let ended = self.stopped_at.map_or(i64::MIN, |at| at.as_ms().saturating_add(1));
        self.redriven_at = Some(Timestamp(self.journal.clock().now().as_ms().max(ended)));
        self.stopped_at = None;
    }

    async fn run(&mut self) -> Result<(), JournalError> {
        let mut batch = Batch::default();
        let mut effects = Vec::new();
        if self.unknown > 0 {
            self.take_up(&mut batch, &mut effects)?;
        } else {
            effects.extend(self.state.step(MapRunEvent::Begin { running: Vec::new() }, CHILDREN_MAX));
        }
        loop {
            self.perform(std::mem::take(&mut effects))?;
            let is_over = self.state.phase == MapRunPhase::Closed;
            if is_over && self.stopped_at.is_none() {
                self.stopped_at = Some(self.journal.clock().now());
                self.is_dirty = true;
            }
            if self.is_dirty || !batch.is_empty() {
                self.store(std::mem::take(&mut batch), true).await?;
            }
            // Nobody sees what is not stored.
            *self.handle.record.lock() = record_of(&self.spec, &self.state, self.stopped_at, self.redriven_at);
            for (reply, applied) in self.replies.drain(..) {
                let _ = reply.send(Ok(applied));
            }
            if std::mem::take(&mut self.is_to_write) {
                self.write();
            }
            if is_over {
                return self.answer().await;
            }
            let Some(told) = self.receiver.recv().await else { return Ok(()) };
            self.take(told, &mut batch, &mut effects)?;
            let mut count = 1;
            while count < TOLD_MAX
                && self.batch_bytes < COMMIT_BYTES
                && let Ok(told) = self.receiver.try_recv()
            {
                self.take(told, &mut batch, &mut effects)?;
                count += 1;
            }
        }
    }

    /// What an earlier run of the server left: children that run, and whether nobody
    /// waits any more.
    fn take_up(&mut self, batch: &mut Batch, effects: &mut Vec<MapRunEffect>) -> Result<(), JournalError> {
        if self.state.phase == MapRunPhase::Closed {
            return Ok(());
        }
        let mut running = Vec::new();
        let mut ended = Vec::new();
        if !self.spec.plan.express {
            let mut after = None;
            loop {
                let index =
                    IndexScan::new("by_map_run_status").equal(&*self.spec.plan.arn).equal(Status::Running.as_str());
                let mut scan = Scan::index(index, PAGE_ROWS);
                scan.after = after.take();
                let rows = self.journal.store().scan(&EXECUTIONS, scan.clone())?;
                for row in &rows {
                    let record = Record::read(row)?;
                    if let Some(child) = record.child_of {
                        running.push((child.index, child.items, self.ran_again(record.redriven_at)));
                        self.running
                            .insert(child.index, Running::Standard { stopping: Arc::new(AtomicBool::new(false)) });
                    }
                }
                if rows.len() < PAGE_ROWS {
                    break;
                }
                after = rows.last().map(|row| scan.position(&EXECUTIONS, row));
            }
            ended = self.uncounted()?;
            running.extend(ended.iter().map(|(index, items, again, _)| (*index, *items, *again)));
        }
        effects.extend(self.state.step(MapRunEvent::Begin { running }, CHILDREN_MAX));
        for (index, .., ending) in ended {
            self.take(Told::Ended { index, ending }, batch, effects)?;
        }
        if self.journal.store().get(&OUTBOX, &abort_key(&self.spec.key))?.is_some() {
            self.take(Told::Abort, batch, effects)?;
        }
        Ok(())
    }

    /// Standard children that ended and are not counted: their messages are there. By
    /// number, with their items, and whether they ran again.
    fn uncounted(&self) -> Result<Vec<(u64, u64, bool, Ending)>, JournalError> {
        let row = self.spec.key.row();
        let mut ended = Vec::new();
        let mut after = None;
        loop {
            let mut scan = Scan::prefix(&row, PAGE_ROWS);
            scan.after = after.take();
            let rows = self.journal.store().scan(&OUTBOX, scan.clone())?;
            for row in rows.iter().filter(|row| row.columns.first() == Some(&CHILD_KIND.into())) {
                let Some(index) = number_of(&row.key) else { continue };
                let record = self.journal.record(&self.spec.child_arn(index))?;
                if let Some(record) = record.filter(|record| record.status != Status::Running)
                    && let Some(child) = &record.child_of
                {
                    let again = self.ran_again(record.redriven_at);
                    ended.push((index, child.items, again, ending_of(record.status)));
                }
            }
            if rows.len() < PAGE_ROWS {
                return Ok(ended);
            }
            after = rows.last().map(|row| scan.position(&OUTBOX, row));
        }
    }

    /// Whether a child that was redriven then was so by the last redrive.
    fn ran_again(&self, child_redriven_at: Option<Timestamp>) -> bool {
        self.redriven_at.is_some_and(|at| child_redriven_at.is_some_and(|child| child >= at))
    }

    fn take(&mut self, told: Told, batch: &mut Batch, effects: &mut Vec<MapRunEffect>) -> Result<(), JournalError> {
        let event = match told {
            Told::Ended { index, ending } => {
                // One that is not known to run is found when it is read.
                if !self.state.is_running(index) {
                    return Ok(());
                }
                self.running.remove(&index);
                batch.delete(&OUTBOX, child_key(&self.spec.key.row(), index));
                self.is_dirty = true;
                MapRunEvent::Ended { index, ending }
            }
            Told::ExpressEnded(child) => {
                let index = child.index;
                self.handle.express.lock().remove(&index);
                if self.running.remove(&index).is_none() || !self.state.is_running(index) {
                    return Ok(());
                }
                let key = child_key(&self.spec.key.row(), index);
                let value = child.value();
                self.batch_bytes += value.len();
                batch.put(&MAP_RUN_CHILDREN, key, child.columns(&self.spec.key), value);
                self.is_dirty = true;
                MapRunEvent::Ended { index, ending: ending_of(child.status) }
            }
            Told::NotRedriven { index } => {
                self.running.remove(&index);
                self.is_dirty = true;
                MapRunEvent::Ended { index, ending: Ending::Failed }
            }
            Told::NotStarted { index } => {
                self.running.remove(&index);
                MapRunEvent::NotStarted { index }
            }
            Told::Read(Ok(page)) => return self.offer(page, batch, effects),
            Told::Read(Err(failure)) => {
                self.is_dirty = true;
                MapRunEvent::Failed(failure)
            }
            Told::Written(Ok(written)) => {
                self.is_dirty = true;
                let (results, items) = (written.results, written.items);
                self.written = Some(written);
                MapRunEvent::Written { results, items }
            }
            Told::Written(Err(failure)) => {
                self.is_dirty = true;
                MapRunEvent::Failed(failure)
            }
            Told::Update(event, reply) => {
                let is_open = self.state.phase != MapRunPhase::Closed;
                self.is_dirty |= is_open;
                self.replies.push((reply, is_open));
                event
            }
            Told::Abort => {
                self.is_dirty = true;
                MapRunEvent::Abort
            }
        };
        effects.extend(self.state.step(event, CHILDREN_MAX));
        Ok(())
    }

    /// Hands children that were read to the machine, with what is known of each.
    fn offer(&mut self, page: Page, batch: &mut Batch, effects: &mut Vec<MapRunEffect>) -> Result<(), JournalError> {
        let Page { first, children, after, stream } = page;
        self.stream = stream;
        let mut offers = Vec::with_capacity(children.len());
        let mut ended = Vec::new();
        let is_read_again = first < self.state.children_read;
        for (offset, child) in children.into_iter().enumerate() {
            let index = first + offset as u64;
            let standing =
                if is_read_again || self.unknown > 0 { self.standing(index, &mut ended)? } else { Standing::Fresh };
            if !is_read_again {
                self.unknown = if standing == Standing::Fresh { self.unknown.saturating_sub(1) } else { CHILDREN_MAX };
            }
            offers.push(ChildOffer { items: child.items, standing });
            if standing == Standing::Running && !self.spec.plan.express {
                let stopping = Arc::new(AtomicBool::new(false));
                self.running.entry(index).or_insert(Running::Standard { stopping });
            }
            if standing == Standing::Fresh && self.state.phase == MapRunPhase::Running {
                self.inputs.insert(index, child);
            }
        }
        let event = MapRunEvent::Offered { first, children: offers, after };
        effects.extend(self.state.step(event, CHILDREN_MAX));
        for (index, ending) in ended {
            self.take(Told::Ended { index, ending }, batch, effects)?;
        }
        Ok(())
    }

    /// What is known of a child that an earlier run of the server may have started.
    fn standing(&self, index: u64, ended: &mut Vec<(u64, Ending)>) -> Result<Standing, JournalError> {
        let store = self.journal.store();
        let key = child_key(&self.spec.key.row(), index);
        if self.state.is_running(index) {
            return Ok(Standing::Running);
        }
        if self.spec.plan.express {
            let row = store.get(&MAP_RUN_CHILDREN, &key)?;
            return Ok(if row.is_some() { Standing::Ended } else { Standing::Fresh });
        }
        let Some(record) = self.journal.record(&self.spec.child_arn(index))? else { return Ok(Standing::Fresh) };
        if record.status == Status::Running {
            return Ok(Standing::Running);
        }
        // Its message is removed in the batch that counts it.
        if store.get(&OUTBOX, &key)?.is_none() {
            return Ok(Standing::Ended);
        }
        ended.push((index, ending_of(record.status)));
        Ok(Standing::Running)
    }

    fn perform(&mut self, effects: Vec<MapRunEffect>) -> Result<(), JournalError> {
        let mut effects = std::collections::VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            match effect {
                MapRunEffect::Read { first, from, again } => self.read(first, from, again),
                MapRunEffect::ReadAgain { after } => {
                    let event = self.children_again(after)?;
                    effects.extend(self.state.step(event, CHILDREN_MAX));
                }
                MapRunEffect::Start { index, again } => self.start(index, again),
                MapRunEffect::Stop { index } => self.stop(index),
                // Results are made of what is stored: not before that is.
                MapRunEffect::Write => self.is_to_write = true,
                MapRunEffect::Closed => {}
            }
        }
        Ok(())
    }

    fn objects(&self) -> Option<Arc<dyn Objects>> {
        let identity = self.spec.child_identity(0, Payload::from_valid_text("null"), self.spec.started_at());
        // The execution that waits is who reads and writes.
        let identity = Identity { arn: self.spec.origin.execution_arn.as_str().into(), ..identity };
        self.journal.tasks().clone().objects(Arc::new(identity))
    }

    fn read(&mut self, first: u64, from: Option<windlass_value::Text>, again: Option<u64>) {
        let (spec, objects, stream) = (self.spec.clone(), self.objects(), self.stream.take());
        let guard = TellGuard::new(&self.handle);
        tokio::spawn(async move {
            let read = read_page(&spec, objects, stream, first, from, again).await;
            guard.tell(Told::Read(read));
        });
    }

    fn write(&mut self) {
        let (journal, spec, objects) = (self.journal.clone(), self.spec.clone(), self.objects());
        let is_failed = self.state.failure.is_some();
        let guard = TellGuard::new(&self.handle);
        tokio::spawn(async move {
            let written = write_results(&journal, &spec, objects, is_failed).await;
            guard.tell(Told::Written(written));
        });
    }

    fn start(&mut self, index: u64, again: bool) {
        let now = self.journal.clock().now();
        let handle = self.handle.clone();
        if again && !self.spec.plan.express {
            self.running.insert(index, Running::Standard { stopping: Arc::new(AtomicBool::new(false)) });
            let (journal, arn) = (self.journal.clone(), self.spec.child_arn(index));
            tokio::spawn(async move { redrive_standard(journal, &arn, index, handle).await });
            return;
        }
        let Some(child) = self.inputs.remove(&index) else {
            // Every child that is offered as fresh has its input.
            tracing::error!(map_run = %self.spec.plan.arn, index, "a child has no input");
            let _ = handle.told.send(Told::NotStarted { index });
            return;
        };
        let identity = self.spec.child_identity(index, child.input.clone(), now);
        let journal = self.journal.clone();
        if self.spec.plan.express {
            let redrive_count = child.redrive_count;
            self.handle.express.lock().insert(index, now);
            let (definition, items) = (self.spec.child_definition.clone(), child.items);
            let aws_limits = self.spec.origin.aws_limits;
            let input = child.input.clone();
            let guard = TellGuard::new(&self.handle);
            let task = tokio::spawn(async move {
                let (execution, _) = journal
                    .run_in_memory(Arc::new(identity), &definition, journal.limits_of(aws_limits), false, None)
                    .await;
                guard.tell(Told::ExpressEnded(Box::new(ExpressChild {
                    index,
                    items,
                    status: execution.status,
                    started_at: now,
                    stopped_at: execution.stopped_at.unwrap_or(now),
                    input,
                    output: execution.output,
                    error: execution.error,
                    cause: execution.cause,
                    redrive_count,
                })));
            });
            let task = task.abort_handle();
            self.running.insert(index, Running::Express { task, child, started_at: now });
            return;
        }
        let stopping = Arc::new(AtomicBool::new(false));
        self.running.insert(index, Running::Standard { stopping: stopping.clone() });
        let new = NewExecution {
            identity,
            definition: self.spec.child_definition.clone(),
            options: ExecutionOptions { aws_limits: self.spec.origin.aws_limits, data_key: None },
            qualifiers: Qualifiers::default(),
            details: Object::new(),
            // The Map Run bounds how many run.
            concurrency: None,
        };
        let child_of = self.spec.child_of(index, child.items);
        tokio::spawn(async move { start_standard(journal, new, child_of, stopping, handle).await });
    }

    fn stop(&mut self, index: u64) {
        let now = self.journal.clock().now();
        match self.running.get(&index) {
            Some(Running::Express { task, child, started_at }) => {
                task.abort();
                let ended = ExpressChild {
                    index,
                    items: child.items,
                    status: Status::Aborted,
                    started_at: *started_at,
                    stopped_at: now,
                    input: child.input.clone(),
                    output: None,
                    error: None,
                    cause: None,
                    redrive_count: child.redrive_count,
                };
                let _ = self.handle.told.send(Told::ExpressEnded(Box::new(ended)));
            }
            Some(Running::Standard { stopping }) => {
                stopping.store(true, Ordering::Release);
                let (journal, arn) = (self.journal.clone(), self.spec.child_arn(index));
                tokio::spawn(async move { stop_standard(&journal, &arn).await });
            }
            None => {
                let _ = self.handle.told.send(Told::NotStarted { index });
            }
        }
    }

    /// Children that did not succeed before the last redrive and did not run since.
    fn children_again(&mut self, after: Option<u64>) -> Result<MapRunEvent, JournalError> {
        let mut children = Vec::new();
        let mut after = after;
        let mut more = true;
        while more && children.is_empty() {
            let page = match self.spec.plan.express {
                true => self.express_again(after)?,
                false => self.standard_again(after)?,
            };
            more = page.len() == PAGE_ROWS;
            after = page.last().map(|(index, _)| *index);
            for (index, child) in page {
                let Some(child) = child.filter(|_| !self.state.is_running(index)) else { continue };
                children.push((index, ChildOffer { items: child.items, standing: Standing::Fresh }));
                if self.spec.plan.express {
                    self.inputs.insert(index, child);
                }
            }
        }
        Ok(MapRunEvent::OfferedAgain { children, after: after.filter(|_| more) })
    }

    /// A page of children by number: those that are to run again as such.
    fn express_again(&self, after: Option<u64>) -> Result<Vec<(u64, Option<NewChild>)>, JournalError> {
        let row = self.spec.key.row();
        let mut scan = Scan::prefix(&row, PAGE_ROWS);
        if let Some(after) = after {
            scan = scan.after(Position { columns: Vec::new(), key: child_key(&row, after) });
        }
        let rows = self.journal.store().scan(&MAP_RUN_CHILDREN, scan)?;
        let again = |row| -> Result<(u64, Option<NewChild>), JournalError> {
            let child = ExpressChild::read(row)?;
            let is_to_run =
                child.status != Status::Succeeded && self.redriven_at.is_some_and(|at| child.started_at < at);
            let redrive_count = child.redrive_count.saturating_add(1);
            let again = NewChild { input: child.input, items: child.items, redrive_count };
            Ok((child.index, is_to_run.then_some(again)))
        };
        rows.iter().map(again).collect()
    }

    fn standard_again(&self, after: Option<u64>) -> Result<Vec<(u64, Option<NewChild>)>, JournalError> {
        let first = after.map_or(0, |after| after.saturating_add(1));
        let index =
            IndexScan::new("by_map_run").equal(&*self.spec.plan.arn).at_least(i64::try_from(first).unwrap_or(i64::MAX));
        let rows = self.journal.store().scan(&EXECUTIONS, Scan::index(index, PAGE_ROWS))?;
        let again = |row| -> Result<(u64, Option<NewChild>), JournalError> {
            let record = Record::read(row)?;
            let is_closed = !matches!(record.status, Status::Succeeded | Status::Running);
            // What was started or redriven since is not what the redrive is about.
            let is_before = self.redriven_at.is_some_and(|at| record.started_at < at);
            let is_to_run = is_closed && is_before && !self.ran_again(record.redriven_at);
            let child = record.child_of.unwrap_or_else(|| self.spec.child_of(first, 1));
            let again = NewChild { input: Payload::from_valid_text("null"), items: child.items, redrive_count: 0 };
            Ok((child.index, is_to_run.then_some(again)))
        };
        rows.iter().map(again).collect()
    }

    /// Stores how the Map Run stands, again and again while the store cannot write.
    async fn store(&mut self, batch: Batch, is_open: bool) -> Result<(), JournalError> {
        let spec = &self.spec;
        let stored =
            StoredMapRun::new(spec.origin.clone(), &self.state, self.redriven_at, spec.plan.express, is_exported(spec));
        let mut batch = batch;
        let columns = columns(&spec.origin, self.state.shown_status(), self.stopped_at, is_open);
        batch.put(&MAP_RUNS, spec.key.row(), columns, stored.value());
        if self.is_redriven {
            // The row itself says so from now on.
            batch.delete(&OUTBOX, redrive_key(&spec.key));
        }
        if !is_open {
            batch.delete(&OUTBOX, abort_key(&spec.key));
        }
        let mut pauses = Pauses::new();
        loop {
            let error = match self.journal.store().commit(batch.clone()).await {
                Ok(()) => break,
                Err(error) => JournalError::from(error),
            };
            if !error.is_passing() || self.journal.is_stopping() {
                return Err(error);
            }
            pauses.pause().await;
        }
        self.is_dirty = false;
        self.is_redriven = false;
        self.batch_bytes = 0;
        Ok(())
    }

    /// Tells the execution that waits how the Map Run ended, and then that this is done.
    async fn answer(&mut self) -> Result<(), JournalError> {
        let task = self.spec.origin.task_id();
        let event = match self.state.status {
            MapRunStatus::Succeeded => {
                let known = self.written.take().and_then(|written| written.output);
                let output = match known {
                    Some(output) => Ok(output),
                    None => output_of(&self.journal, &self.spec).await,
                };
                match output {
                    Ok(output) => Some(EventKind::MapRunSucceeded { task, output }),
                    Err(failure) => {
                        Some(EventKind::MapRunFailed { task, error: Some(failure.error), cause: failure.cause })
                    }
                }
            }
            MapRunStatus::Aborted => None,
            MapRunStatus::Failed | MapRunStatus::Running => {
                let failure = self.state.failure.clone().unwrap_or_else(|| reader_failed("It ended early."));
                Some(EventKind::MapRunFailed { task, error: Some(failure.error), cause: failure.cause })
            }
        };
        if let Some(event) = event
            && let Some(key) = ExecutionKey::from_arn(&self.spec.origin.execution_arn)
        {
            self.journal.deliver_at_last(&key, task, event).await;
            if self.journal.is_stopping() {
                // Whether it was stored is asked again after the restart.
                return Ok(());
            }
        }
        self.store(Batch::default(), false).await
    }
}
