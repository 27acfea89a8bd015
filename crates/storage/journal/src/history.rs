use std::collections::HashMap;

use windlass_value::Payload;
use windlass_workflow::HistoryEvent;

use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::stored::{Place, StoredTurn};

/// Which events to read.
#[derive(Clone, Copy, Debug)]
pub struct HistoryQuery<'a> {
    /// Newest first.
    pub reverse: bool,
    /// After this page token.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

/// Turns read at once at most.
const PAGE_TURNS: usize = 64;
/// Payload bytes of one page; AWS answers at most 1 MB.
const PAGE_BYTES_MAX: usize = 1 << 20;

impl Journal {
    /// A page of an execution's history and the token of the next. Empty for an
    /// unknown execution. A page ends when its data passes 1 MiB; an event with more
    /// has a page of its own.
    ///
    /// # Errors
    /// `Locked` where it is sealed; where storage fails or the page token is not ours.
    pub fn history(
        &self,
        arn: &str,
        query: HistoryQuery<'_>,
    ) -> Result<(Vec<HistoryEvent>, Option<String>), JournalError> {
        self.history_page(arn, query, true)
    }

    /// The same without inputs, outputs and variables, which then are not read
    /// either: `null` stands in for them. What is sealed is left out.
    ///
    /// # Errors
    /// As of [`Journal::history`], but for `Locked`.
    pub fn history_without_data(
        &self,
        arn: &str,
        query: HistoryQuery<'_>,
    ) -> Result<(Vec<HistoryEvent>, Option<String>), JournalError> {
        self.history_page(arn, query, false)
    }

    fn history_page(
        &self,
        arn: &str,
        query: HistoryQuery<'_>,
        with_data: bool,
    ) -> Result<(Vec<HistoryEvent>, Option<String>), JournalError> {
        let Some(key) = ExecutionKey::from_arn(arn) else { return Ok((Vec::new(), None)) };
        let (mut from, after_event) = match query.after {
            None => (if query.reverse { u64::MAX } else { 0 }, None),
            Some(token) => {
                let (turn, event) = token.split_once('-').ok_or(JournalError::Page)?;
                (
                    turn.parse().map_err(|_| JournalError::Page)?,
                    Some(event.parse::<u64>().map_err(|_| JournalError::Page)?),
                )
            }
        };
        let mut payloads = Payloads { journal: self, key: &key, turns: HashMap::new() };
        let mut events: Vec<HistoryEvent> = Vec::new();
        let mut bytes = 0;
        // A turn may hold a thousand events or one: few are read at first.
        let mut turns = 1;
        loop {
            let page = self.store().read_stream(&key.row(), from, turns, query.reverse)?;
            let last = page.len() < turns;
            turns = (turns * 4).min(PAGE_TURNS);
            for entry in &page {
                let turn = self.read_turn(&key, entry.sequence, &entry.value)?;
                let (at, locked) = (turn.at, turn.locked.clone());
                let mut stored = turn.events.clone();
                if query.reverse {
                    stored.reverse();
                }
                payloads.turns.insert(entry.sequence, turn);
                for event in stored {
                    let wanted = match after_event {
                        Some(after) if query.reverse => event.id() < after,
                        Some(after) => event.id() > after,
                        None => true,
                    };
                    if !wanted {
                        continue;
                    }
                    if events.len() >= query.limit || bytes >= PAGE_BYTES_MAX {
                        let token = events.last().map(|last| format!("{}-{}", entry.sequence, last.id));
                        return Ok((events, token));
                    }
                    if !with_data {
                        events.extend(event.into_live(at, None));
                        continue;
                    }
                    if let Some(wrapped) = &locked {
                        return Err(JournalError::Locked { arn: key.arn().to_string(), wrapped: wrapped.clone() });
                    }
                    let mut event = event;
                    event.fill(|place| payloads.read(place))?;
                    let payload = event.place().map(|place| payloads.read(place)).transpose()?;
                    bytes += payload.as_ref().map_or(0, Payload::bytes_len) + event.texts_bytes();
                    events.extend(event.into_live(at, payload));
                }
                from = if query.reverse { entry.sequence.saturating_sub(1) } else { entry.sequence + 1 };
            }
            if last || (query.reverse && from == 0) {
                return Ok((events, None));
            }
        }
    }
}

/// Payloads of one execution, read as events ask for them.
struct Payloads<'a> {
    journal: &'a Journal,
    key: &'a ExecutionKey,
    turns: HashMap<u64, StoredTurn>,
}

impl Payloads<'_> {
    fn read(&mut self, place: Place) -> Result<Payload, JournalError> {
        if !self.turns.contains_key(&place.0) {
            let entries = self.journal.store().read_stream(&self.key.row(), place.0, 1, false)?;
            for entry in entries {
                self.turns.insert(entry.sequence, self.journal.read_turn(self.key, entry.sequence, &entry.value)?);
            }
        }
        let arn = || self.key.arn().to_string();
        let turn = self
            .turns
            .get(&place.0)
            .ok_or_else(|| JournalError::Record { arn: arn(), reason: format!("turn {} is not there", place.0) })?;
        self.journal.payload_in(self.key, turn, place.1)
    }
}
