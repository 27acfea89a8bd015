//! What of an execution is sealed, and how it is opened: by the server on behalf of
//! the execution, or by a caller who may.

use std::sync::Arc;

use bytes::Bytes;

use crate::data_key::{DataKey, DataKeyError};
use crate::drive::blocking;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::live::Live;
use crate::record::Record;

impl Journal {
    /// Keeps a data key in memory until it expires: what it sealed can be read.
    pub fn unlock(&self, key: Arc<DataKey>) {
        self.0.open_keys.keep(key, self.clock().now());
    }

    pub(crate) fn open_key(&self, wrapped: &Bytes) -> Option<Arc<DataKey>> {
        self.0.open_keys.get(wrapped, self.clock().now())
    }

    /// The same, where it must be open.
    ///
    /// # Errors
    /// `Locked`: [`Journal::unlock`] it and ask again.
    pub(crate) fn key_of(&self, arn: &str, wrapped: &Bytes) -> Result<Arc<DataKey>, JournalError> {
        self.open_key(wrapped).ok_or_else(|| JournalError::Locked { arn: arn.to_owned(), wrapped: wrapped.clone() })
    }

    /// Fills in what of a record is sealed.
    ///
    /// # Errors
    /// `Locked`: [`Journal::unlock`] it and ask again.
    pub fn open_record(&self, record: &mut Record) -> Result<(), JournalError> {
        let Some(sealed) = &record.sealed else { return Ok(()) };
        let key = self.key_of(&record.arn, &sealed.wrapped)?;
        record.open(&key)
    }

    /// Opens a data key for the server itself, by whoever holds the key that wraps it.
    pub(crate) async fn open_for_itself(&self, record: &Record, wrapped: Bytes) -> Result<(), DataKeyError> {
        let key = self.tasks().clone().data_key(record.clone(), Some(wrapped)).await?;
        self.unlock(key);
        Ok(())
    }

    /// Sees to it that an execution's data key may still be used. Answers why it must
    /// fail, where it must.
    ///
    /// # Errors
    /// Nobody answers now.
    pub(crate) async fn renew_key(&self, live: &mut Live) -> Result<Option<(String, String)>, JournalError> {
        let now = self.clock().now();
        if !live.record.is_sealed() || live.data_key.as_ref().is_some_and(|key| key.seals_at(now)) {
            return Ok(None);
        }
        match self.tasks().clone().data_key(live.record.clone(), None).await {
            Ok(key) => {
                self.unlock(key.clone());
                live.data_key = Some(key);
                Ok(None)
            }
            Err(DataKeyError::Refused { error, cause }) => Ok(Some((error.to_string(), cause.to_string()))),
            Err(DataKeyError::Passing(reason)) => Err(passing(reason)),
        }
    }

    /// Reads an execution off the runtime's threads, opening its data keys on the way.
    /// Where these are refused it comes without its data, only to fail.
    pub(crate) async fn load_unlocked(&self, key: &ExecutionKey) -> Result<Option<Box<Live>>, JournalError> {
        // One key for each period in which the execution had turns.
        loop {
            let wrapped = match blocking(self, key, |journal, key| journal.load(key)).await {
                Err(JournalError::Locked { wrapped, .. }) => wrapped,
                loaded => return loaded,
            };
            let Some(record) = self.record(key.arn())? else { return Ok(None) };
            match self.open_for_itself(&record, wrapped).await {
                Ok(()) => {}
                Err(DataKeyError::Passing(reason)) => return Err(passing(reason)),
                Err(DataKeyError::Refused { error, cause }) => {
                    let loaded = blocking(self, key, |journal, key| journal.load_without_data(key)).await?;
                    return Ok(loaded.map(|mut live| {
                        live.refused = Some((error.to_string(), cause.to_string()));
                        live
                    }));
                }
            }
        }
    }
}

/// Nothing was written, and the same may succeed later.
fn passing(reason: String) -> JournalError {
    JournalError::Write(windlass_store::CommitError::Storage(format!("the data key: {reason}")))
}
