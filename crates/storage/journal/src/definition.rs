use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use windlass_asl::Machine;
use windlass_keyring::SealError;
use windlass_store::{Batch, Key};
use windlass_value::Text;

use crate::data_key::DataKey;
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
    sealed: Option<SealedText>,
}

/// A definition's text as it is stored where a customer's key seals it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SealedText {
    /// The data key as it is stored.
    #[serde(rename = "dk", with = "as_base64")]
    wrapped: Bytes,
    /// The state machine it is bound to.
    #[serde(rename = "m")]
    machine_arn: String,
    #[serde(rename = "d", with = "as_base64")]
    bytes: Bytes,
}

mod as_base64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(de::Error::custom)
    }
}

/// What a sealed definition's row begins with; no text does.
const SEALED_ROW: u8 = 0;
/// Stands in for a definition that is locked: it is never run.
const LOCKED: &str = r#"{"StartAt":"Locked","States":{"Locked":{"Type":"Fail"}}}"#;

fn hash_of(bytes: &[u8]) -> Text {
    let digest = Sha256::digest(bytes);
    let hash: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    hash.into()
}

fn text_place(machine_arn: &str) -> Vec<u8> {
    [b"definition\0", machine_arn.as_bytes()].concat()
}

impl JournalDefinition {
    /// A definition from text and the program it was compiled to.
    pub fn new(text: impl Into<Text>, program: Arc<Machine>) -> JournalDefinition {
        let text = text.into();
        JournalDefinition { hash: hash_of(text.as_bytes()), text, program, sealed: None }
    }

    /// The same definition, stored sealed.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn sealed(
        definition: &JournalDefinition,
        machine_arn: &str,
        key: &DataKey,
    ) -> Result<JournalDefinition, SealError> {
        let bytes: Bytes = key.seal(&text_place(machine_arn), definition.text.as_bytes())?.into();
        let sealed = SealedText { wrapped: key.wrapped().clone(), machine_arn: machine_arn.to_owned(), bytes };
        Ok(JournalDefinition {
            // Of what is stored, so that the same text of another machine is another row.
            hash: hash_of(&sealed.bytes),
            text: definition.text.clone(),
            program: definition.program.clone(),
            sealed: Some(sealed),
        })
    }

    /// A definition from [`JournalDefinition::to_sealed_text`]; it is locked.
    ///
    /// # Errors
    /// Why it is none.
    pub fn from_sealed_text(text: &str) -> Result<JournalDefinition, String> {
        let sealed: SealedText = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let program = windlass_asl::load_definition(LOCKED).map_err(|error| error.to_string())?;
        Ok(JournalDefinition {
            hash: hash_of(&sealed.bytes),
            text: Text::default(),
            program: Arc::new(program),
            sealed: Some(sealed),
        })
    }

    /// What stands in for a definition that nobody may open any more.
    pub(crate) fn locked(hash: &Text) -> Result<JournalDefinition, String> {
        let program = windlass_asl::load_definition(LOCKED).map_err(|error| error.to_string())?;
        let (hash, text) = (hash.clone(), Text::default());
        Ok(JournalDefinition { hash, text, program: Arc::new(program), sealed: None })
    }

    /// What is stored of a sealed definition.
    pub fn to_sealed_text(&self) -> Option<String> {
        // Texts always serialise.
        self.sealed.as_ref().and_then(|sealed| serde_json::to_string(sealed).ok())
    }

    /// Whether it is stored sealed.
    pub fn is_sealed(&self) -> bool {
        self.sealed.is_some()
    }

    /// Whether its text is not known before it is opened.
    pub fn is_locked(&self) -> bool {
        self.sealed.is_some() && self.text.is_empty()
    }

    /// The data key it is sealed with, as it is stored.
    pub fn wrapped_key(&self) -> Option<&Bytes> {
        self.sealed.as_ref().map(|sealed| &sealed.wrapped)
    }

    /// The same, not locked any more.
    ///
    /// # Errors
    /// It was sealed with another key, or does not load any more.
    pub fn open(&self, key: &DataKey) -> Result<JournalDefinition, JournalError> {
        let failed = |reason: String| JournalError::Definition { arn: self.hash.to_string(), reason };
        let Some(sealed) = &self.sealed else { return Err(failed("it is not sealed".to_owned())) };
        let opened = key.open(&text_place(&sealed.machine_arn), &sealed.bytes);
        let text = String::from_utf8(opened.map_err(|error| failed(error.to_string()))?.into())
            .map_err(|error| failed(error.to_string()))?;
        let program = windlass_asl::load_definition(&text).map_err(|error| failed(error.to_string()))?;
        Ok(JournalDefinition {
            hash: self.hash.clone(),
            text: text.into(),
            program: Arc::new(program),
            sealed: self.sealed.clone(),
        })
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
        let definition = match text.strip_prefix(char::from(SEALED_ROW)) {
            Some(sealed) => {
                let locked = JournalDefinition::from_sealed_text(sealed).map_err(failed)?;
                let wrapped = locked.wrapped_key().cloned().unwrap_or_default();
                Arc::new(locked.open(&*self.key_of(hash, &wrapped)?)?)
            }
            None => {
                let program = windlass_asl::load_definition(text).map_err(|error| failed(error.to_string()))?;
                let (hash, text) = (hash.into(), text.into());
                Arc::new(JournalDefinition { hash, text, program: Arc::new(program), sealed: None })
            }
        };
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
            let value = match definition.to_sealed_text() {
                Some(sealed) => [&[SEALED_ROW], sealed.as_bytes()].concat(),
                None => definition.text.as_bytes().to_vec(),
            };
            batch.put(&DEFINITIONS, definition_key(&definition.hash), Vec::new(), value);
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
