use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use windlass_protocol::Fault;
use windlass_store::{Batch, ColumnValue, CommitError, Expect, Key};

use crate::catalogue::each_page;
use crate::config::OpenError;
use crate::faults;
use crate::function_name::FunctionName;
use crate::invoke::{Invocation, now_ms};
use crate::lambda::Shared;
use crate::random;
use crate::tables::{EVENTS, function_key};

/// How many asynchronous invocations may be accepted and not done.
const EVENTS_MAX: usize = 100_000;
/// AWS drops an event that found no place for that long.
const EVENT_AGE_MAX_MS: i64 = 6 * 60 * 60 * 1000;
/// The pause after a refusal for want of a place doubles from the first to the last.
const THROTTLE_PAUSE_MIN: Duration = Duration::from_secs(1);
const THROTTLE_PAUSE_MAX: Duration = Duration::from_secs(300);
const FORMAT: u32 = 1;
/// How many stored events are read at once: each may hold a megabyte of payload.
const RESUME_ROWS: usize = 64;

/// The asynchronous invocations that are accepted and not done.
pub(crate) struct EventQueue {
    pending: AtomicUsize,
    /// The right to attempt one. Fewer than there are places for invocations, so
    /// that a backlog leaves room for callers who wait, and only as many payloads
    /// are in memory.
    attempts: Arc<Semaphore>,
}

impl EventQueue {
    /// For a service that runs so many invocations at once.
    pub(crate) fn new(concurrency_max: usize) -> EventQueue {
        let attempts_max = (concurrency_max / 2).clamp(1, Semaphore::MAX_PERMITS);
        EventQueue { pending: AtomicUsize::new(0), attempts: Arc::new(Semaphore::new(attempts_max)) }
    }
}

/// The stored head of an event; its payload follows after a line end.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct EventHead {
    format: u32,
    account: String,
    region: String,
    name: String,
    #[serde(default)]
    qualifier: Option<String>,
    request_id: String,
    trace: String,
    #[serde(default)]
    client_context: Option<String>,
    accepted_ms: i64,
    due_ms: i64,
    /// Attempts that ended in an error of the function.
    attempts: u32,
}

impl EventHead {
    fn function(&self) -> FunctionName {
        FunctionName { account: self.account.clone(), region: self.region.clone(), name: self.name.clone() }
    }

    fn columns(&self) -> Vec<ColumnValue> {
        vec![
            ColumnValue::Text(self.account.clone()),
            ColumnValue::Text(self.region.clone()),
            ColumnValue::Text(self.name.clone()),
            ColumnValue::Integer(self.due_ms),
            ColumnValue::Integer(self.attempts.into()),
        ]
    }

    fn encode(&self, payload: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut bytes =
            serde_json::to_vec(self).map_err(|error| faults::service(format!("encoding an event: {error}")))?;
        bytes.push(b'\n');
        bytes.extend_from_slice(payload);
        Ok(bytes)
    }

    fn decode(bytes: &Bytes) -> Result<(EventHead, Bytes), String> {
        let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("an event without an end of its head")?;
        let head: EventHead = serde_json::from_slice(&bytes[..end]).map_err(|error| error.to_string())?;
        if head.format != FORMAT {
            return Err(format!("format {} is not {FORMAT}", head.format));
        }
        Ok((head, bytes.slice(end + 1..)))
    }
}

/// What comes of one attempt.
enum Step {
    Done,
    Again { pause: Duration },
}

impl Shared {
    /// Stores an asynchronous invocation and sees to it that it is run. Returns
    /// once it is durable.
    ///
    /// # Errors
    /// Too many wait; the store's.
    pub(crate) async fn accept_event(
        self: &Arc<Shared>,
        function: &FunctionName,
        qualifier: Option<String>,
        invocation: Invocation,
        idempotency_key: Option<&str>,
    ) -> Result<(), Fault> {
        if self.events.pending.load(Ordering::Relaxed) >= EVENTS_MAX {
            return Err(faults::too_many_requests("ConcurrentInvocationLimitExceeded"));
        }
        let id = match idempotency_key {
            // A repeat while the first is not done is the first.
            Some(key) => {
                let digest = Sha256::digest(key.as_bytes());
                let mut id = [0; 16];
                id.copy_from_slice(&digest[..16]);
                id
            }
            None => random::bytes()?,
        };
        let now = now_ms();
        let head = EventHead {
            format: FORMAT,
            account: function.account.clone(),
            region: function.region.clone(),
            name: function.name.clone(),
            qualifier,
            request_id: invocation.request_id,
            trace: invocation.trace,
            client_context: invocation.client_context,
            accepted_ms: now,
            due_ms: now,
            attempts: 0,
        };
        let key = function_key(function).fixed(&id);
        let mut batch = Batch::default();
        batch.expect.push(Expect::Absent(&EVENTS, key.clone()));
        batch.put(&EVENTS, key.clone(), head.columns(), head.encode(&invocation.payload)?);
        let commit = self.store.commit(batch);
        let shared = self.clone();
        // A task of its own: once handed over, the event is run even if the caller is gone.
        let accepted = tokio::spawn(async move {
            match commit.await {
                Ok(()) => {
                    shared.spawn_event(key, head.due_ms);
                    Ok(())
                }
                Err(CommitError::Expectation { .. }) => Ok(()),
                Err(error) => Err(faults::service(format!("commit: {error}"))),
            }
        });
        accepted.await.map_err(|error| faults::service(format!("commit: {error}")))?
    }

    /// Takes up what an earlier run of the server accepted.
    ///
    /// # Errors
    /// The store does not answer, or a row cannot be read.
    pub(crate) fn resume_events(self: &Arc<Shared>) -> Result<(), OpenError> {
        each_page(&self.store, &EVENTS, RESUME_ROWS, |page| {
            for row in page {
                let (head, _) =
                    EventHead::decode(&row.value).map_err(|reason| OpenError::Row { table: EVENTS.name, reason })?;
                self.spawn_event(row.key, head.due_ms);
            }
            Ok(())
        })
    }

    fn spawn_event(self: &Arc<Shared>, key: Key, due_ms: i64) {
        self.events.pending.fetch_add(1, Ordering::Relaxed);
        let weak = Arc::downgrade(self);
        let attempts = self.events.attempts.clone();
        tokio::spawn(async move {
            let mut pause = Duration::from_millis((due_ms - now_ms()).max(0).unsigned_abs());
            let mut throttles = 0;
            loop {
                tokio::time::sleep(pause).await;
                let Ok(_attempt) = attempts.acquire().await else { return };
                // Weak while it waits: a waiting event does not hold the service open.
                let Some(shared) = weak.upgrade() else { return };
                if shared.is_draining() {
                    return;
                }
                match shared.attempt_event(&key, &mut throttles).await {
                    Ok(Step::Done) => {
                        shared.events.pending.fetch_sub(1, Ordering::Relaxed);
                        return;
                    }
                    Ok(Step::Again { pause: next }) => pause = next,
                    Err(fault) => {
                        tracing::warn!(%fault, "an asynchronous invocation could not be attempted");
                        pause = throttle_pause(&mut throttles);
                    }
                }
            }
        });
    }

    async fn attempt_event(&self, key: &Key, throttles: &mut u32) -> Result<Step, Fault> {
        let row = self.store.get(&EVENTS, key).map_err(|error| faults::service(error.to_string()))?;
        let Some(row) = row else { return Ok(Step::Done) };
        let (mut head, payload) = EventHead::decode(&row.value).map_err(faults::service)?;
        let function = head.function();
        let target = match self.resolve(&function, head.qualifier.as_deref()) {
            Ok(target) => target,
            Err(fault) => {
                // The function or version was deleted meanwhile: nothing to run.
                tracing::warn!(%function, request_id = head.request_id, %fault, "an asynchronous invocation is dropped");
                return self.finish_event(key).await;
            }
        };
        let invocation = Invocation {
            request_id: head.request_id.clone(),
            payload: payload.clone(),
            trace: head.trace.clone(),
            client_context: head.client_context.clone(),
        };
        match self.run(target, invocation).await {
            Ok(ended) if !ended.is_error => return self.finish_event(key).await,
            Ok(_) => *throttles = 0,
            Err(fault) if faults::is_ours_or_throttle(&fault) && now_ms() - head.accepted_ms < EVENT_AGE_MAX_MS => {
                return Ok(Step::Again { pause: throttle_pause(throttles) });
            }
            Err(fault) => {
                tracing::warn!(%function, request_id = head.request_id, %fault, "an asynchronous invocation is dropped");
                return self.finish_event(key).await;
            }
        }
        head.attempts += 1;
        let Some(pause) = self.config.event_retry_delays.get(head.attempts as usize - 1).copied() else {
            tracing::warn!(%function, request_id = head.request_id, attempts = head.attempts, "an asynchronous invocation failed for good");
            return self.finish_event(key).await;
        };
        head.due_ms = now_ms() + pause.as_millis() as i64;
        let mut batch = Batch::default();
        batch.put(&EVENTS, key.clone(), head.columns(), head.encode(&payload)?);
        self.store.commit(batch).await.map_err(|error| faults::service(format!("commit: {error}")))?;
        Ok(Step::Again { pause })
    }

    async fn finish_event(&self, key: &Key) -> Result<Step, Fault> {
        let mut batch = Batch::default();
        batch.delete.push((&EVENTS, key.clone()));
        self.store.commit(batch).await.map_err(|error| faults::service(format!("commit: {error}")))?;
        Ok(Step::Done)
    }
}

fn throttle_pause(throttles: &mut u32) -> Duration {
    let pause = THROTTLE_PAUSE_MIN.saturating_mul(1 << (*throttles).min(16)).min(THROTTLE_PAUSE_MAX);
    *throttles += 1;
    pause
}
