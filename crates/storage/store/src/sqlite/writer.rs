use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension, ToSql};

use super::SqliteOptions;
use super::queue::Queue;
use super::schema::page_bytes;
use super::statements::{APPEND, Statements, TRUNCATE, TRUNCATE_BEFORE};
use crate::backend::Request;
use crate::batch::ColumnValue;
use crate::error::CommitError;
use crate::prepared::Prepared;
use crate::stats::StoreStats;

/// How many bytes of batches, or groups, go by before the log's size is looked at.
const WAL_CHECK_BYTES: u64 = 1024 * 1024;
const WAL_CHECK_COMMITS: u64 = 16;

/// Pages given back to the file system at a time, after a checkpoint.
const VACUUM_PAGES: u32 = 256;
/// The share of free pages (one in so many) from which they are given back.
const VACUUM_FREE_SHARE: i64 = 4;

/// Counters that the writer keeps and others read.
#[derive(Default)]
pub(super) struct Counters {
    commits: AtomicU64,
    batches: AtomicU64,
    refused: AtomicU64,
    bytes: AtomicU64,
    sync_ns: AtomicU64,
    sync_ns_max: AtomicU64,
    checkpoints: AtomicU64,
    checkpoint_ns: AtomicU64,
    wal_bytes: AtomicU64,
    poisoned: AtomicBool,
}

impl Counters {
    pub(super) fn stats(&self) -> StoreStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StoreStats {
            commits: read(&self.commits),
            batches: read(&self.batches),
            refused: read(&self.refused),
            bytes: read(&self.bytes),
            sync_ns: read(&self.sync_ns),
            sync_ns_max: read(&self.sync_ns_max),
            checkpoints: read(&self.checkpoints),
            checkpoint_ns: read(&self.checkpoint_ns),
            wal_bytes: read(&self.wal_bytes),
            queued: 0,
            poisoned: self.poisoned.load(Ordering::Relaxed),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn elapsed_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The one that writes: takes groups from the queue, commits each under one sync.
pub(super) struct Writer {
    connection: Connection,
    page_bytes: u64,
    statements: Arc<Statements>,
    queue: Arc<Queue>,
    counters: Arc<Counters>,
    checkpoint_bytes: u64,
    wal_bytes_max: u64,
    unchecked_bytes: u64,
    unchecked_commits: u64,
    /// Set once; nothing is written afterwards.
    poisoned: bool,
}

/// The write-ahead log's size.
struct Log {
    bytes: u64,
    /// What is not in the store file yet.
    pending_bytes: u64,
}

type Outcomes = Vec<Result<(), CommitError>>;

/// Why a group's transaction did not commit.
enum GroupFailure {
    /// One batch has to be taken back: again, with a savepoint around each.
    TakeBack,
    /// A statement failed.
    Statement(rusqlite::Error),
    /// The commit failed: what is on the disk is unknown.
    Commit(rusqlite::Error),
}

/// Why a batch could not be applied.
enum BatchFailure {
    /// For a reason of its own.
    Refused(CommitError),
    /// For a reason that concerns the whole group.
    Statement(rusqlite::Error),
}

impl From<rusqlite::Error> for BatchFailure {
    fn from(error: rusqlite::Error) -> BatchFailure {
        match error.sqlite_error_code() {
            Some(ErrorCode::TooBig) => BatchFailure::Refused(CommitError::TooLarge),
            Some(ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch) => {
                BatchFailure::Refused(CommitError::Storage(error.to_string()))
            }
            _ => BatchFailure::Statement(error),
        }
    }
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        statements: Arc<Statements>,
        queue: Arc<Queue>,
        counters: Arc<Counters>,
        options: &SqliteOptions,
    ) -> Writer {
        // A store whose page size cannot be read cannot be written either.
        let page_bytes = page_bytes(&connection).unwrap_or(1);
        Writer {
            connection,
            page_bytes,
            statements,
            queue,
            counters,
            checkpoint_bytes: options.checkpoint_bytes,
            wal_bytes_max: options.wal_bytes_max.max(options.checkpoint_bytes),
            unchecked_bytes: 0,
            unchecked_commits: 0,
            poisoned: false,
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _guard = PoisonOnPanic(Arc::clone(&self.queue));
        while let Some(group) = self.queue.take_group() {
            self.commit(group);
            self.checkpoint_when_due();
        }
        if self.poisoned {
            // What the log holds is unknown: moving it is for the next opening, which reads it anew.
            let keep = self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            if let Err(error) = keep {
                tracing::warn!(%error, "closing the store");
            }
        } else {
            self.checkpoint("TRUNCATE");
        }
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "closing the store");
        }
    }

    fn commit(&mut self, group: Vec<Request>) {
        let mut outcome = self.transact(&group, false);
        if let Err(GroupFailure::TakeBack) = outcome
            && self.roll_back()
        {
            outcome = self.transact(&group, true);
        }
        match outcome {
            Ok(outcomes) => {
                self.count(&group, &outcomes);
                for (request, outcome) in group.into_iter().zip(outcomes) {
                    request.answer(outcome);
                }
            }
            Err(failure) => {
                let error = self.fail(failure);
                for request in group {
                    request.answer(Err(error.clone()));
                }
            }
        }
    }

    /// One transaction over a group; on failure it is still open.
    fn transact(&mut self, group: &[Request], careful: bool) -> Result<Outcomes, GroupFailure> {
        let connection = &self.connection;
        let run = |sql: &str| execute(connection, sql, &[]).map(drop).map_err(GroupFailure::Statement);
        run("BEGIN IMMEDIATE")?;
        let mut outcomes = Vec::with_capacity(group.len());
        for request in group {
            let batch = &request.batch;
            // Checked before the batch writes, so refusing it takes nothing back.
            if let Some(index) = self.failed_expectation(batch).map_err(GroupFailure::Statement)? {
                outcomes.push(Err(CommitError::Expectation { index }));
                continue;
            }
            if careful {
                run("SAVEPOINT batch")?;
            }
            match self.apply(batch) {
                Ok(()) => outcomes.push(Ok(())),
                Err(BatchFailure::Statement(error)) => return Err(GroupFailure::Statement(error)),
                Err(BatchFailure::Refused(_)) if !careful => return Err(GroupFailure::TakeBack),
                Err(BatchFailure::Refused(error)) => {
                    run("ROLLBACK TO batch")?;
                    outcomes.push(Err(error));
                }
            }
            if careful {
                run("RELEASE batch")?;
            }
        }
        let started = Instant::now();
        execute(connection, "COMMIT", &[]).map_err(GroupFailure::Commit)?;
        let sync_ns = elapsed_ns(started);
        add(&self.counters.sync_ns, sync_ns);
        self.counters.sync_ns_max.fetch_max(sync_ns, Ordering::Relaxed);
        Ok(outcomes)
    }

    /// The first expectation that does not hold.
    fn failed_expectation(&self, batch: &Prepared) -> Result<Option<usize>, rusqlite::Error> {
        for (index, expect) in batch.expect.iter().enumerate() {
            let mut statement = self.connection.prepare_cached(&self.statements.tables[expect.table].version)?;
            let found: Option<i64> = statement.query_row([expect.key.as_bytes()], |row| row.get(0)).optional()?;
            if found.map(i64::cast_unsigned) != expect.version {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    fn apply(&self, batch: &Prepared) -> Result<(), BatchFailure> {
        let connection = &self.connection;
        for (stream, before) in &batch.truncate {
            match before {
                None => execute(connection, TRUNCATE, &[&stream.as_bytes()])?,
                // No sequence is above i64::MAX, so that is all of them.
                Some(before) => {
                    let before = i64::try_from(*before).ok();
                    match before {
                        None => execute(connection, TRUNCATE, &[&stream.as_bytes()])?,
                        Some(before) => execute(connection, TRUNCATE_BEFORE, &[&stream.as_bytes(), &before])?,
                    }
                }
            };
        }
        for (table, key) in &batch.delete {
            execute(connection, &self.statements.tables[*table].delete, &[&key.as_bytes()])?;
        }
        for row in &batch.put {
            let mut statement = connection.prepare_cached(&self.statements.tables[row.table].put)?;
            statement.raw_bind_parameter(1, row.key.as_bytes())?;
            statement.raw_bind_parameter(2, row.sealed.as_slice())?;
            for (position, value) in row.columns.iter().enumerate() {
                const FIRST_COLUMN: usize = 3;
                statement.raw_bind_parameter(position + FIRST_COLUMN, value)?;
            }
            statement.raw_execute()?;
        }
        for (index, entry) in batch.append.iter().enumerate() {
            // Checked when the batch was prepared.
            let sequence = entry.sequence.cast_signed();
            let appended =
                execute(connection, APPEND, &[&entry.stream.as_bytes(), &sequence, &entry.sealed.as_slice()])?;
            if appended == 0 {
                return Err(BatchFailure::Refused(CommitError::Duplicate { index }));
            }
        }
        Ok(())
    }

    fn count(&mut self, group: &[Request], outcomes: &Outcomes) {
        let applied = group.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_ok());
        let (batches, bytes) =
            applied.fold((0, 0), |(batches, bytes), (request, _)| (batches + 1, bytes + request.batch.bytes as u64));
        add(&self.counters.commits, 1);
        add(&self.counters.batches, batches);
        add(&self.counters.refused, group.len() as u64 - batches);
        add(&self.counters.bytes, bytes);
        self.unchecked_commits += 1;
        self.unchecked_bytes += bytes;
    }

    /// Ends a failed transaction; whether that worked.
    fn roll_back(&mut self) -> bool {
        // Some failures have rolled back by themselves.
        self.connection.is_autocommit() || self.connection.execute_batch("ROLLBACK").is_ok()
    }

    /// Decides whether the store can go on, and what the group is told.
    fn fail(&mut self, failure: GroupFailure) -> CommitError {
        let (message, fatal) = match failure {
            GroupFailure::TakeBack => ("a transaction could not be rolled back".to_owned(), true),
            GroupFailure::Statement(error) => (error.to_string(), is_fatal(&error)),
            // A full disk is found out before the commit is in the log; after any
            // other failure the log may or may not hold it, and a second sync that
            // succeeds would prove nothing.
            GroupFailure::Commit(error) => (error.to_string(), error.sqlite_error_code() != Some(ErrorCode::DiskFull)),
        };
        if !fatal && self.roll_back() {
            tracing::warn!(error = message, "a group was not committed");
            return CommitError::Storage(message);
        }
        self.roll_back();
        self.poison(message)
    }

    fn poison(&mut self, message: String) -> CommitError {
        tracing::error!(error = message, "the store stopped for good");
        let error = CommitError::Poisoned(message);
        self.poisoned = true;
        self.counters.poisoned.store(true, Ordering::Relaxed);
        self.queue.poison(&error);
        error
    }

    /// Moves the log into the store file when it has grown enough.
    fn checkpoint_when_due(&mut self) {
        if self.poisoned || self.unchecked_bytes < WAL_CHECK_BYTES && self.unchecked_commits < WAL_CHECK_COMMITS {
            return;
        }
        self.unchecked_bytes = 0;
        self.unchecked_commits = 0;
        let Some(log) = self.checkpoint("NOOP") else { return };
        // A log that is moved whole is started over by the next commit, unless a
        // reader is still in it: then it grows on, and from the cap on readers are waited for.
        let mode = if log.bytes >= self.wal_bytes_max && log.pending_bytes > 0 {
            "TRUNCATE"
        } else if log.pending_bytes >= self.checkpoint_bytes {
            "PASSIVE"
        } else {
            return;
        };
        self.checkpoint(mode);
        if !self.poisoned {
            self.give_pages_back();
        }
    }

    /// A checkpoint of that mode, and the log after it.
    fn checkpoint(&mut self, mode: &'static str) -> Option<Log> {
        let started = Instant::now();
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?));
        let outcome = self
            .connection
            .prepare_cached(&format!("PRAGMA wal_checkpoint({mode})"))
            .and_then(|mut statement| statement.query_row([], read));
        match outcome {
            Ok((log_pages, moved_pages)) => {
                let log_pages = log_pages.max(0).cast_unsigned();
                let moved_pages = moved_pages.max(0).cast_unsigned();
                self.counters.wal_bytes.store(log_pages * self.page_bytes, Ordering::Relaxed);
                if mode != "NOOP" {
                    add(&self.counters.checkpoints, 1);
                    add(&self.counters.checkpoint_ns, elapsed_ns(started));
                }
                let pending_pages = log_pages.saturating_sub(moved_pages);
                Some(Log { bytes: log_pages * self.page_bytes, pending_bytes: pending_pages * self.page_bytes })
            }
            Err(error) if matches!(error.sqlite_error_code(), Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy)) => {
                // Nothing is lost: the log still holds all of it.
                tracing::warn!(%error, mode, "checkpoint put off");
                None
            }
            Err(error) => {
                self.poison(format!("checkpoint: {error}"));
                None
            }
        }
    }

    /// Shrinks the file a little when much of it is free.
    fn give_pages_back(&mut self) {
        let connection = &self.connection;
        let pragma = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        let shrink = || -> Result<(), rusqlite::Error> {
            if pragma("PRAGMA freelist_count")? < pragma("PRAGMA page_count")? / VACUUM_FREE_SHARE {
                return Ok(());
            }
            let mut statement =
                self.connection.prepare_cached(&format!("PRAGMA incremental_vacuum({VACUUM_PAGES})"))?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        };
        if let Err(error) = shrink() {
            if is_fatal(&error) {
                self.poison(format!("giving pages back: {error}"));
            } else {
                tracing::warn!(%error, "giving pages back");
            }
        }
    }
}

/// Whether the file can no longer be trusted to take writes.
fn is_fatal(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}

fn execute(connection: &Connection, sql: &str, parameters: &[&dyn ToSql]) -> Result<usize, rusqlite::Error> {
    connection.prepare_cached(sql)?.execute(parameters)
}

impl ToSql for ColumnValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            ColumnValue::Null => ValueRef::Null,
            ColumnValue::Integer(integer) => ValueRef::Integer(*integer),
            ColumnValue::Text(text) => ValueRef::Text(text.as_bytes()),
        }))
    }
}

/// Keeps committers from waiting for a writer that is gone.
struct PoisonOnPanic(Arc<Queue>);

impl Drop for PoisonOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison(&CommitError::Poisoned("the writer panicked".to_owned()));
        }
    }
}
