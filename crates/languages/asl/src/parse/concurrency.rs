//! `x-concurrency`: how many executions of one key run at once. It is Windlass's own, so
//! nothing about it is an error.

use windlass_jsonata::Expression;
use windlass_value::{Object, Value};

use super::WorkflowType;
use super::expression::source;
use super::record::Record;
use super::walk::{SCHEMA, Walk};
use crate::jsonpath::Path;
use crate::program::{Concurrency, ConcurrencyPolicy, StringField};

/// The field's name.
pub(crate) const FIELD: &str = "x-concurrency";

impl Walk {
    /// The limit of a definition; one that is malformed has no effect and is warned of.
    pub(crate) fn concurrency(&mut self, record: &Record<'_>) -> Option<Concurrency> {
        let mut read = read(record.get(FIELD)?);
        if read.is_ok() && self.workflow_type == WorkflowType::Express {
            read = Err("Express executions have no limit by key".to_owned());
        }
        if let Err(why) = &read {
            let text = format!("Field '{FIELD}' has no effect: {why}");
            self.warning(SCHEMA, text, &record.at(FIELD));
        }
        read.ok()
    }
}

fn read(value: &Value) -> Result<Concurrency, String> {
    let object: &Object = value.as_object().ok_or("it must be an object with Key, Limit and Policy")?;
    if let Some(other) = object.keys().find(|key| !matches!(&***key, "Key" | "Limit" | "Policy" | "Comment")) {
        return Err(format!("it has no '{other}'; there are Key, Limit, Policy"));
    }
    let limit = match object.get("Limit") {
        None => 1,
        Some(value) => value
            .as_i64()
            .and_then(|limit| u32::try_from(limit).ok())
            .filter(|limit| *limit > 0)
            .ok_or("Limit must be a whole number from 1")?,
    };
    let policy = match object.get("Policy") {
        None => ConcurrencyPolicy::Queue,
        Some(value) => value
            .as_str()
            .and_then(ConcurrencyPolicy::parse)
            .ok_or("Policy must be one of queue, reject, cancel-running, skip")?,
    };
    let key = match object.get("Key") {
        None => StringField::Literal("".into()),
        Some(Value::String(text)) => match source(text) {
            Some((source, _)) => {
                let compiled = Expression::compile(source);
                StringField::Expression(compiled.map_err(|error| format!("Key is no valid JSONata: {error}"))?)
            }
            None if text.starts_with('$') => {
                StringField::Path(Path::parse(text).map_err(|error| format!("Key is no valid path: {error}"))?)
            }
            None => StringField::Literal(text.clone()),
        },
        Some(_) => return Err("Key must be a text: a path, an expression in {% %}, or the key itself".to_owned()),
    };
    Ok(Concurrency { key, limit, policy })
}
