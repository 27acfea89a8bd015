use std::sync::Arc;

use sha2::{Digest, Sha256};
use windlass_asl::Machine;
use windlass_value::Text;

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
