//! What callers say to a running execution: stop, and the answers of tasks.

use windlass_value::{Payload, Text};
use windlass_workflow::{EventKind, Status, TaskId};

use crate::drive::load_blocking;
use crate::error::{JournalError, TokenError};
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::record::Record;

/// An answer to a task by its token.
#[derive(Clone, Debug)]
pub enum Answer {
    /// `SendTaskSuccess`.
    Success(Payload),
    /// `SendTaskFailure`.
    Failure {
        /// Error name.
        error: Option<Text>,
        /// Cause.
        cause: Option<Text>,
    },
    /// `SendTaskHeartbeat`.
    Heartbeat,
}

impl Journal {
    /// `StopExecution`. `None` when there is no such execution; a closed one is
    /// answered as it is.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn stop(
        &self,
        arn: &str,
        error: Option<Text>,
        cause: Option<Text>,
    ) -> Result<Option<Record>, JournalError> {
        let Some(key) = ExecutionKey::from_arn(arn) else { return Ok(None) };
        match self.record(arn)? {
            Some(record) if record.status == Status::Running => {}
            other => return Ok(other),
        }
        self.deliver(&key, EventKind::Stop { error, cause }).await?;
        self.record(arn)
    }

    /// Which limits the execution of a task has; `None` also where there is none.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn aws_limits_of(&self, token: &str) -> Result<Option<bool>, JournalError> {
        let Some((key, _)) = self.0.token_key.open(token) else { return Ok(None) };
        Ok(self.record(key.arn())?.and_then(|record| record.aws_limits))
    }

    /// Answers a task by its token.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub async fn answer(&self, token: &str, answer: Answer) -> Result<(), TokenError> {
        let Some((key, task)) = self.0.token_key.open(token) else { return Err(TokenError::Invalid) };
        match self.record(key.arn()).map_err(TokenError::Unavailable)? {
            None => return Err(TokenError::DoesNotExist),
            Some(record) if record.status != Status::Running => return Err(TokenError::TimedOut),
            Some(_) => {}
        }
        let event = match answer {
            Answer::Success(output) => EventKind::TaskSucceeded { task, output },
            Answer::Failure { error, cause } => {
                EventKind::TaskFailed { task, error, cause, failure: windlass_workflow::TaskFailure::Run }
            }
            Answer::Heartbeat => {
                return if self.is_waiting(&key, task).await.map_err(TokenError::Unavailable)? {
                    self.0.heartbeats.beat(key.uid(), task, self.clock().now());
                    Ok(())
                } else {
                    Err(TokenError::TimedOut)
                };
            }
        };
        match self.deliver(&key, event).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(TokenError::TimedOut),
            Err(error) => Err(TokenError::Unavailable(error)),
        }
    }

    /// Whether a task still waits for its answer.
    async fn is_waiting(&self, key: &ExecutionKey, task: TaskId) -> Result<bool, JournalError> {
        let slot = self.0.slots.get_or_insert(key.uid());
        {
            let state = slot.state.lock();
            if let Some(live) = &state.live {
                return Ok(live.execution.task(task).is_some());
            }
            if state.running {
                // Its turn is running: the beat counts, a stale one harms nobody.
                return Ok(true);
            }
        }
        let live = load_blocking(self, key).await?;
        let mut state = slot.state.lock();
        if !state.running && state.queue.is_empty() && state.live.is_none() {
            state.gone = true;
            self.0.slots.remove(key.uid(), &slot);
        }
        Ok(live.is_some_and(|live| live.execution.task(task).is_some()))
    }
}
