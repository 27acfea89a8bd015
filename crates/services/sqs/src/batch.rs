//! What the batch operations have in common.

use std::collections::HashSet;

use windlass_protocol::Fault;
use windlass_value::{Object, Value, object};

use crate::input;
use crate::limits::BATCH_ENTRIES_MAX;

/// The entries of a batch request with their ids.
///
/// # Errors
/// What AWS refuses a whole batch for.
pub(crate) fn entries<'a>(input: &'a Value, shape: &str) -> Result<Vec<(&'a str, &'a Value)>, Fault> {
    const ID_CHARS_MAX: usize = 80;
    let entries = input::list(input, "Entries");
    if entries.is_empty() {
        let message = format!("There should be at least one {shape} in the request.");
        return Err(Fault::new("EmptyBatchRequest", message));
    }
    if entries.len() > BATCH_ENTRIES_MAX {
        let count = entries.len();
        let message = format!("Maximum number of entries per request are {BATCH_ENTRIES_MAX}. You have sent {count}.");
        return Err(Fault::new("TooManyEntriesInBatchRequest", message));
    }
    let entries: Vec<(&str, &Value)> =
        entries.iter().map(|entry| (entry["Id"].as_str().unwrap_or_default(), entry)).collect();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_good = |id: &str| (1..=ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(is_plain);
    if entries.iter().any(|(id, _)| !is_good(id)) {
        return Err(Fault::new(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.",
        ));
    }
    let mut ids = HashSet::new();
    if let Some((id, _)) = entries.iter().find(|(id, _)| !ids.insert(*id)) {
        return Err(Fault::new("BatchEntryIdsNotDistinct", format!("Id {id} repeated.")));
    }
    Ok(entries)
}

/// One entry that failed. The codes are those of the query protocol, as at AWS.
pub(crate) fn failure(id: &str, fault: &Fault) -> Value {
    let code = match fault.code.as_str() {
        "InvalidParameterValueException" => "InvalidParameterValue",
        "MissingRequiredParameterException" => "MissingParameter",
        "MessageNotInflight" => "AWS.SimpleQueueService.MessageNotInflight",
        "UnsupportedOperation" => "AWS.SimpleQueueService.UnsupportedOperation",
        code => code,
    };
    object! {
        "Id" => id,
        "SenderFault" => fault.status < 500,
        "Code" => code,
        "Message" => fault.message.as_str(),
    }
}

/// The answer of a batch operation: both members only where they have entries.
pub(crate) fn answer(successful: Vec<Value>, failed: Vec<Value>) -> Value {
    let mut answer = Object::new();
    if !successful.is_empty() {
        answer.insert("Successful", successful);
    }
    if !failed.is_empty() {
        answer.insert("Failed", failed);
    }
    answer.into()
}
