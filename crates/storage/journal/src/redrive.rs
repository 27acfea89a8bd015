//! `RedriveExecution`: a closed execution goes on, in one batch like any turn.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use windlass_store::{CommitError, StoreError};
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{Details, EventKind, Execution, RestartError, RestartPoint, Status, find_frame};

use crate::error::{JournalError, StartError};
use crate::history::HistoryQuery;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::load::{Folded, PayloadReader, live_of};
use crate::record::Record;
use crate::replay::ReplayError;
use crate::slot::{Delivery, Slot, What};
use crate::stored::{Place, StoredExecution, StoredTurn};
use crate::tables::EXECUTIONS;

/// How long a client's token of a redrive is remembered.
const TOKEN_MS: i64 = 15 * 60_000;
/// Looks for a free slot before a redrive gives up.
const LOOKS_MAX: usize = 1_000;
/// Events read at once when a state's last input is looked for.
const PAGE_EVENTS: usize = 1_000;

/// How to redrive.
#[derive(Clone, Debug, Default)]
pub struct Redrive {
    /// From there; `None`: where each branch stopped.
    pub from: Option<RestartState>,
    /// A second redrive with the same token, soon after, answers as the first did.
    pub client_token: Option<Text>,
}

/// A state to go on from, by name.
#[derive(Clone, Debug)]
pub struct RestartState {
    /// A state of the definition, or of the one unfinished branch or iteration that has it.
    pub name: Text,
    /// Its input; `None`: that with which it was entered last.
    pub input: Option<Payload>,
    /// The variables of its scope, an object; `None`: as they stand.
    pub variables: Option<Payload>,
}

/// What a redrive began.
#[derive(Clone, Debug)]
pub struct Redriven {
    /// The execution's record after it.
    pub record: Record,
    /// When it was redriven.
    pub at: Timestamp,
}

/// Why an execution was not redriven.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// There is none.
    #[error("the execution does not exist")]
    DoesNotExist,
    /// It runs, or has succeeded.
    #[error("the execution is {}", .0.as_str())]
    Status(Status),
    /// What it was doing when it closed is not known any more.
    #[error("{0}")]
    Gone(ReplayError),
    /// It cannot go on from that state.
    #[error("no frame can go on from that state: {0:?}")]
    Restart(RestartError),
    /// That state was never entered, so its input must be given.
    #[error("the state was never entered")]
    NeverEntered,
    /// This server takes none now.
    #[error(transparent)]
    Refused(StartError),
}

impl From<JournalError> for RedriveError {
    fn from(error: JournalError) -> RedriveError {
        RedriveError::Refused(StartError::Unavailable(error))
    }
}

impl From<StoreError> for RedriveError {
    fn from(error: StoreError) -> RedriveError {
        JournalError::from(error).into()
    }
}

impl Record {
    /// When the redrive with that token was made, if it is remembered.
    pub fn redriven_with(&self, token: &str, now: Timestamp) -> Option<Timestamp> {
        let mut tokens = self.redrive_tokens.iter().rev();
        let found = tokens.find(|(known, at)| **known == *token && now.as_ms() - at.as_ms() < TOKEN_MS);
        found.map(|(_, at)| *at)
    }
}

impl Journal {
    /// Redrives a closed execution. Answers once that is durable.
    ///
    /// # Errors
    /// See [`RedriveError`].
    pub async fn redrive(&self, arn: &str, redrive: Redrive) -> Result<Redriven, RedriveError> {
        let key = ExecutionKey::from_arn(arn).ok_or(RedriveError::DoesNotExist)?;
        if let Some(repeated) = self.check_redrive(arn, &redrive)? {
            return Ok(repeated);
        }
        self.admit_start().map_err(RedriveError::Refused)?;
        let mut looks = 0;
        let slot = loop {
            if let Some(slot) = self.0.slots.claim(key.uid()) {
                break slot;
            }
            looks += 1;
            if looks >= LOOKS_MAX {
                return Err(JournalError::Stopping.into());
            }
            // Somebody looks whether a late event has anybody to go to, or redrives it too.
            tokio::time::sleep(Duration::from_millis(2)).await;
            if let Some(repeated) = self.check_redrive(arn, &redrive)? {
                return Ok(repeated);
            }
        };
        let loaded = loop {
            let loaded = {
                let (journal, key, redrive) = (self.clone(), key.clone(), redrive.clone());
                tokio::task::spawn_blocking(move || journal.load_to_redrive(&key, &redrive)).await
            };
            let loaded = loaded.unwrap_or(Err(RedriveError::from(JournalError::Stopping)));
            let Err(RedriveError::Refused(StartError::Unavailable(JournalError::Locked { wrapped, .. }))) = &loaded
            else {
                break loaded;
            };
            // Its data is sealed: the server opens it on behalf of the execution.
            let Some(record) = self.record(key.arn())? else { break loaded };
            if let Err(error) = self.open_for_itself(&record, wrapped.clone()).await {
                tracing::warn!(execution = %key.arn(), %error, "an execution's data key is not to be had for a redrive");
                break loaded;
            }
        };
        let (live, from, version) = match loaded {
            Ok(Loaded::Closed { live, from, version }) => (live, from, version),
            Ok(Loaded::Repeated(redriven)) => {
                self.give_back(&key, slot);
                return Ok(*redriven);
            }
            Err(error) => {
                self.give_back(&key, slot);
                return Err(error);
            }
        };
        self.reopen(key, slot, live, from, version).await
    }

    /// Makes the turn that opens the execution again.
    async fn reopen(
        &self,
        key: ExecutionKey,
        slot: Arc<Slot>,
        mut live: Box<Live>,
        from: Option<RestartPoint>,
        version: u64,
    ) -> Result<Redriven, RedriveError> {
        let refused = match self.renew_key(&mut live).await {
            Ok(None) => None,
            Ok(Some((error, cause))) => {
                let reason = format!("{error}: {cause}");
                Some(JournalError::Record { arn: key.arn().to_string(), reason })
            }
            Err(error) => Some(error),
        };
        if let Some(error) = refused {
            self.give_back(&key, slot);
            return Err(error.into());
        }
        let event = Delivery { what: What::Event(EventKind::Redrive { from }), reply: None };
        let made = match self.make_turn(&mut live, vec![event]) {
            Ok(mut turn) => {
                // Retention may have removed it since it was read.
                turn.batch.expect_version(&EXECUTIONS, key.row(), version);
                self.commit_turn(&mut live, turn).await
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(()) => {
                if live.execution.is_running() {
                    self.0.open.fetch_add(1, Ordering::Relaxed);
                }
                let (record, continues) = (live.record.clone(), live.continue_row);
                let at = record.redriven_at.unwrap_or_else(|| self.clock().now());
                self.release(slot, live, continues);
                Ok(Redriven { record, at })
            }
            Err(JournalError::Write(CommitError::Expectation { .. } | CommitError::Duplicate { .. })) => {
                self.give_back(&key, slot);
                Err(match self.record(key.arn())? {
                    None => RedriveError::DoesNotExist,
                    Some(record) => RedriveError::Status(record.status),
                })
            }
            Err(error) => {
                self.abandon(&key, &slot, &error);
                Err(error.into())
            }
        }
    }

    /// Looks at the record alone: refuses what cannot be redriven, and answers
    /// what a token has redriven already.
    fn check_redrive(&self, arn: &str, redrive: &Redrive) -> Result<Option<Redriven>, RedriveError> {
        let record = self.record(arn)?.ok_or(RedriveError::DoesNotExist)?;
        let token = redrive.client_token.as_ref();
        if let Some(at) = token.and_then(|token| record.redriven_with(token, self.clock().now())) {
            return Ok(Some(Redriven { record, at }));
        }
        match record.status {
            Status::Running | Status::Succeeded => Err(RedriveError::Status(record.status)),
            Status::Failed | Status::TimedOut | Status::Aborted => Ok(None),
        }
    }

    fn load_to_redrive(&self, key: &ExecutionKey, redrive: &Redrive) -> Result<Loaded, RedriveError> {
        if let Some(repeated) = self.check_redrive(key.arn(), redrive)? {
            return Ok(Loaded::Repeated(Box::new(repeated)));
        }
        let row = self.store().get(&EXECUTIONS, &key.row())?.ok_or(RedriveError::DoesNotExist)?;
        let (record, version) = (Record::read(&row)?, row.version);
        let mut live = self.load_as_recorded(key, record)?;
        if live.execution.frames.is_empty() {
            live.execution = self.recompute_end(&live)?;
        }
        live.record.redrive_token = redrive.client_token.clone();
        let from = match &redrive.from {
            None => None,
            Some(state) => Some(self.restart_point(&live, state)?),
        };
        Ok(Loaded::Closed { live, from, version })
    }

    /// What an execution held when an older release closed it: that release did
    /// not keep it, but the turn that closed it can be made once more.
    fn recompute_end(&self, live: &Live) -> Result<Execution, RedriveError> {
        let gone = |error: ReplayError| match error {
            ReplayError::Journal(error) => RedriveError::from(error),
            differs => RedriveError::Gone(differs),
        };
        let (key, last) = (&live.key, live.turn);
        let turn = self.turn(key, last)?.ok_or_else(|| JournalError::Record {
            arn: key.arn().to_string(),
            reason: format!("turn {last} is not there"),
        })?;
        let (before, mut reader) = self.before_turn(key, &live.record, &turn)?;
        let program = &live.definition.program;
        let replayed = self.replay(program, before, &turn, &mut reader, None, None).map_err(gone)?;
        if replayed.execution.status != live.record.status || !replayed.execution.is_redrivable() {
            let reason = "it ends in another way".to_owned();
            return Err(RedriveError::Gone(ReplayError::Differs { turn: last, reason }));
        }
        let mut execution = replayed.execution;
        // The stored deltas know none of these frames: the next one writes them whole.
        execution.halt();
        Ok(execution)
    }

    /// The execution as it stood before a turn; and what reads its payloads.
    pub(crate) fn before_turn<'a>(
        &'a self,
        key: &'a ExecutionKey,
        record: &Record,
        turn: &StoredTurn,
    ) -> Result<(Execution, PayloadReader<'a>), JournalError> {
        let Folded { stored, turns, .. } = self.fold(key, turn.turn.saturating_sub(1))?;
        let mut reader = PayloadReader::new(self, key, turns);
        let execution = execution_before(record, &stored, turn, &mut reader)?;
        Ok((execution, reader))
    }

    /// The frame and the input for a state that is named.
    fn restart_point(&self, live: &Live, state: &RestartState) -> Result<RestartPoint, RedriveError> {
        let program = &live.definition.program;
        let frame = find_frame(program, &live.execution, &state.name).map_err(RedriveError::Restart)?;
        let input = match &state.input {
            Some(input) => input.clone(),
            None => self.last_input(live.key.arn(), &state.name)?.ok_or(RedriveError::NeverEntered)?,
        };
        let (name, variables) = (state.name.clone(), state.variables.clone());
        Ok(RestartPoint { frame, state: name, input: Some(input), variables })
    }

    /// The input with which a state was entered last.
    fn last_input(&self, arn: &str, state: &str) -> Result<Option<Payload>, JournalError> {
        let mut after: Option<String> = None;
        loop {
            let query = HistoryQuery { reverse: true, after: after.as_deref(), limit: PAGE_EVENTS };
            let (events, next) = self.history(arn, query)?;
            let entered = events.into_iter().find_map(|event| match event.details {
                Details::StateEntered { name, input } if *name == *state => Some(input),
                _ => None,
            });
            match (entered, next) {
                (Some(input), _) => return Ok(Some(input)),
                (None, Some(next)) => after = Some(next),
                (None, None) => return Ok(None),
            }
        }
    }
}

/// The execution as it stood before a turn, from what is folded up to there.
pub(crate) fn execution_before(
    record: &Record,
    stored: &StoredExecution,
    turn: &StoredTurn,
    reader: &mut PayloadReader<'_>,
) -> Result<Execution, JournalError> {
    let record = record.as_of(turn.turn);
    if turn.turn <= 1 {
        return Ok(Execution::new_with(record.identity(reader.read(Place(1, 0))?)));
    }
    // The record tells how it stands now. Which of the closed statuses it had
    // before a redrive makes no difference to that.
    let status = if turn.begins_with("redrive") { Status::Failed } else { Status::Running };
    let then = Record { status, stopped_at: None, error: None, cause: None, ..record };
    live_of(&then, stored, reader)
}

/// What a redrive finds.
enum Loaded {
    Closed { live: Box<Live>, from: Option<RestartPoint>, version: u64 },
    Repeated(Box<Redriven>),
}
