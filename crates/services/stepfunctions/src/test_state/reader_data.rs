//! `mapItemReaderData`: what an `ItemReader` would have read, in its own format.

use windlass_asl::StateKind;
use windlass_protocol::Fault;
use windlass_value::{Value, parse};

use super::subject::Subject;

/// The items of the data; `None` where the state has no reader.
pub(super) fn items(subject: &Subject, text: &str) -> Result<Option<Value>, Fault> {
    let StateKind::Map(map) = &subject.state().kind else { return Ok(None) };
    let Some(reader) = &map.item_reader else { return Ok(None) };
    let unfit = |reason: String| Fault::validation("The data of the ItemReader cannot be read").explained(reason);
    let format = reader.config.get("InputType").and_then(Value::as_str).unwrap_or("JSON");
    match format {
        "JSONL" => {
            let lines = text.lines().filter(|line| !line.trim().is_empty()).map(parse);
            let items = lines.collect::<Result<Vec<_>, _>>().map_err(|error| unfit(error.to_string()))?;
            Ok(Some(Value::array(items)))
        }
        "JSON" | "MANIFEST" => {
            let document = parse(text).map_err(|error| unfit(error.to_string()))?;
            let pointer = reader.config.get("ItemsPointer").and_then(Value::as_str).unwrap_or_default();
            match document.pointer(pointer) {
                Some(items @ (Value::Array(_) | Value::Object(_))) => Ok(Some(items.clone())),
                Some(other) => Err(unfit(format!("{} is no array", other.kind()))),
                None => Err(unfit(format!("nothing is at '{pointer}'"))),
            }
        }
        other => Err(unfit(format!("data of the type {other} is not read in tests of one state yet"))),
    }
}
