use std::sync::Arc;

use sha2::{Digest, Sha256};
use windlass_asl::Machine;
use windlass_store::{Batch, Key};
use windlass_value::Text;

use crate::error::JournalError;
use crate::journal::Journal;
use crate::record::Record;
use crate::tables::DEFINITIONS;

/// Definitions kept compiled.
const DEFINITIONS_MAX: usize = 1_024;

/// A definition as executions use it: its text, the program it compiles to, and
/// the hash it is stored under.
#[derive(Debug)]
pub struct JournalDefinition {
    /// SHA-256 of the text, in hex.
    pub hash: Text,
    /// The text as its author wrote it.
    pub text: Text,
    /// What it compiles to.
    pub program: Arc<Machine>,
}

impl JournalDefinition {
    /// A definition from text and the program it was compiled to.
    pub fn new(text: impl Into<Text>, program: Arc<Machine>) -> JournalDefinition {
        let text = text.into();
        let digest = Sha256::digest(text.as_bytes());
        let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        JournalDefinition { hash: hash.into(), text, program }
    }
}

impl Journal {
    /// A definition by its hash.
    ///
    /// # Errors
    /// Where storage fails or the text does not load any more.
    pub fn definition(&self, hash: &str) -> Result<Option<Arc<JournalDefinition>>, JournalError> {
        if let Some(definition) = self.0.definitions.lock().get(hash) {
            return Ok(Some(definition.clone()));
        }
        let Some(row) = self.0.store.get(&DEFINITIONS, &definition_key(hash))? else { return Ok(None) };
        let failed = |reason: String| JournalError::Definition { arn: hash.to_owned(), reason };
        let text = std::str::from_utf8(&row.value).map_err(|error| failed(error.to_string()))?;
        let program = windlass_asl::load_definition(text).map_err(|error| failed(error.to_string()))?;
        let definition =
            Arc::new(JournalDefinition { hash: hash.into(), text: text.into(), program: Arc::new(program) });
        self.keep_definition(definition.clone());
        self.0.stored_definitions.lock().insert(hash.into());
        Ok(Some(definition))
    }

    pub(crate) fn definition_of(&self, record: &Record) -> Result<Arc<JournalDefinition>, JournalError> {
        self.definition(&record.definition_hash)?
            .ok_or_else(|| JournalError::Definition { arn: record.arn.to_string(), reason: "it is not stored".into() })
    }

    fn keep_definition(&self, definition: Arc<JournalDefinition>) {
        let mut definitions = self.0.definitions.lock();
        if definitions.len() >= DEFINITIONS_MAX {
            // Any one may go: it is read again from the store.
            let any = definitions.keys().next().cloned();
            any.and_then(|hash| definitions.remove(&hash));
        }
        definitions.insert(definition.hash.clone(), definition);
    }

    /// Adds a definition to a batch, unless the store has it. Answers whether it
    /// was added: then [`Journal::definition_stored`] follows the commit.
    pub(crate) fn store_definition(&self, definition: &JournalDefinition, batch: &mut Batch) -> bool {
        let new = !self.0.stored_definitions.lock().contains(&definition.hash);
        if new {
            batch.put(&DEFINITIONS, definition_key(&definition.hash), Vec::new(), definition.text.as_bytes().to_vec());
        }
        new
    }

    pub(crate) fn definition_stored(&self, definition: Arc<JournalDefinition>) {
        self.0.stored_definitions.lock().insert(definition.hash.clone());
        self.keep_definition(definition);
    }
}

fn definition_key(hash: &str) -> Key {
    Key::new(windlass_store::shard_of(hash), "", "").text(hash)
}
