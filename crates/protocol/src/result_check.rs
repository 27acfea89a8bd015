//! Whether a document could be an answer of an operation, as integrations write answers.
//! What answers keep to lies in a pack of its own: calls never ask for it.

use std::collections::HashMap;
use std::sync::{LazyLock, OnceLock};

use windlass_value::{Object, Value};

use crate::model::{Kind, Member, Operation, ServiceModel, Shape, ShapeId, Structure};
use crate::models::Models;
use crate::pack::{Pack, document, inflate, text_of};
use crate::sdk::{SdkInstants, sdk_name};

static PACK: &[u8] = include_bytes!("../../../models/results.pack");
const MAGIC: &[u8] = b"windlass results 1\n";

static CHECKS: LazyLock<HashMap<String, Row>> = LazyLock::new(|| match read() {
    Ok(rows) => rows,
    // The pack is part of the binary, and a test reads all of it.
    Err(error) => {
        tracing::error!(error, "the pack of what answers keep to cannot be read");
        HashMap::new()
    }
});

/// A service's compressed table, read when it is first asked for.
struct Row {
    packed: &'static [u8],
    bytes: usize,
    checks: OnceLock<Option<Value>>,
}

fn read() -> Result<HashMap<String, Row>, String> {
    let pack = Pack::read(PACK, MAGIC)?;
    let mut rows = HashMap::new();
    for row in &pack.services {
        let (packed, bytes) = pack.table(row)?;
        rows.insert(text_of(row, "sdk")?.to_owned(), Row { packed, bytes, checks: OnceLock::new() });
    }
    Ok(rows)
}

impl Row {
    fn checks(&self) -> Option<&Value> {
        let read = || inflate(self.packed, self.bytes).and_then(|bytes| document(&bytes));
        self.checks.get_or_init(|| read().inspect_err(|error| tracing::error!(error, "a table is unfit")).ok()).as_ref()
    }
}

/// How closely a document is held to the API.
#[derive(Clone, Copy, Debug)]
pub struct ResultCheck<'a> {
    /// Whether what the API always answers must be there.
    pub required: bool,
    /// How the integration names members.
    pub naming: SdkInstants,
    /// Members of the answer, as the integration names them, that may be any JSON.
    pub free: &'a [&'a str],
}

impl Models {
    /// Why a document cannot be an answer of an operation, in AWS's words: `Field 'StartDate'
    /// must be a string`. `sdk_name` is the Java SDK's name of the service. Members that the API
    /// does not know may be there; patterns are not looked at.
    pub fn result_problem(
        &self,
        sdk_name: &str,
        operation: &Operation,
        result: &Value,
        check: &ResultCheck<'_>,
    ) -> Option<String> {
        let service = self.generic(sdk_name)?;
        let Kind::Structure(structure) = &service.model.shape(operation.output?).kind else { return None };
        let rules = CHECKS.get(sdk_name).and_then(Row::checks);
        let checker = Checker { model: service.model, rules, check };
        let Value::Object(members) = result else { return Some("Mocked result must be a JSON object.".to_owned()) };
        checker.structure(operation.output?, structure, members, check.free).err()
    }
}

struct Checker<'a> {
    model: &'static ServiceModel,
    rules: Option<&'a Value>,
    check: &'a ResultCheck<'a>,
}

impl Checker<'_> {
    fn rule(&self, shape: &Shape) -> Option<&Value> {
        self.rules?.get("shapes")?.get(&shape.name)
    }

    /// The bounds of a member or an element of a shape.
    fn bounds(&self, shape: &Shape, member: &str) -> Option<&Value> {
        let name = self.rule(shape)?.get("members")?.get(member)?.as_str()?;
        self.rules?.get("bounds")?.get(name)
    }

    fn structure(&self, id: ShapeId, structure: &Structure, given: &Object, free: &[&str]) -> Result<(), String> {
        let shape = self.model.shape(id);
        let required = self.rule(shape).and_then(|rule| rule.get("required")).and_then(Value::as_array);
        for member in &structure.members {
            let name = sdk_name(&member.name, self.check.naming);
            let is_required =
                || required.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(&member.name)));
            match given.get(&name).filter(|value| !value.is_null()) {
                Some(_) if free.contains(&name.as_str()) => {}
                Some(value) => self.value(member, value, &name, self.bounds(shape, &member.name))?,
                None if self.check.required && is_required() => {
                    return Err(format!("Required field '{name}' is missing"));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn value(&self, member: &Member, value: &Value, name: &str, bounds: Option<&Value>) -> Result<(), String> {
        let shape = self.model.shape(member.shape);
        let must_be = |kind: &str| Err(format!("Field '{name}' must be {kind}"));
        match (&shape.kind, value) {
            (Kind::Document, _) => {}
            (Kind::String | Kind::Blob | Kind::Timestamp, Value::String(text)) => {
                keeps_words(text, name, bounds)?;
                keeps_length(text.chars().count(), name, bounds)?;
            }
            (Kind::String | Kind::Blob | Kind::Timestamp, _) => return must_be("a string"),
            (Kind::Boolean, Value::Bool(_)) => {}
            (Kind::Boolean, _) => return must_be("a boolean"),
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(number)) => {
                keeps_value(number.as_f64(), name, bounds)?;
            }
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, _) => return must_be("a number"),
            (Kind::List(element), Value::Array(items)) => {
                keeps_length(items.len(), name, bounds)?;
                for item in items.iter() {
                    self.value(element, item, name, self.bounds(shape, "(member)"))?;
                }
            }
            (Kind::List(_), _) => return must_be("an array"),
            (Kind::Map(_, element), Value::Object(entries)) => {
                keeps_length(entries.len(), name, bounds)?;
                for (key, item) in entries.iter() {
                    self.value(element, item, key, self.bounds(shape, "(value)"))?;
                }
            }
            (Kind::Structure(structure), Value::Object(members)) => {
                self.structure(member.shape, structure, members, &[])?;
            }
            (Kind::Map(..) | Kind::Structure(_), _) => return must_be("an object"),
        }
        Ok(())
    }
}

fn bound(bounds: Option<&Value>, key: &str) -> Option<f64> {
    bounds?.get(key)?.as_f64()
}

fn keeps_words(text: &str, name: &str, bounds: Option<&Value>) -> Result<(), String> {
    let words = bounds.and_then(|bounds| bounds.get("enum")).and_then(Value::as_array);
    match words {
        Some(words) if !words.iter().any(|word| word.as_str() == Some(text)) => {
            Err(format!("Field '{name}' is not an expected value"))
        }
        _ => Ok(()),
    }
}

fn keeps_length(length: usize, name: &str, bounds: Option<&Value>) -> Result<(), String> {
    let length = length as f64;
    if bound(bounds, "min").is_some_and(|min| length < min) {
        return Err(format!("Field '{name}' is smaller than the minimum length"));
    }
    if bound(bounds, "max").is_some_and(|max| length > max) {
        return Err(format!("Field '{name}' exceeds the maximum length"));
    }
    Ok(())
}

fn keeps_value(value: f64, name: &str, bounds: Option<&Value>) -> Result<(), String> {
    if bound(bounds, "min").is_some_and(|min| value < min) {
        return Err(format!("Field '{name}' is less than the minimum value"));
    }
    if bound(bounds, "max").is_some_and(|max| value > max) {
        return Err(format!("Field '{name}' exceeds the maximum value"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use windlass_value::parse;

    use super::*;

    #[test]
    fn every_table_can_be_read_and_names_shapes_of_its_model() {
        let models = Models::embedded();
        assert!(CHECKS.len() > 400, "{}", CHECKS.len());
        for (name, row) in CHECKS.iter() {
            let checks = row.checks().unwrap_or_else(|| panic!("the table of {name}"));
            let model = models.generic(name).unwrap_or_else(|| panic!("no model of {name}")).model;
            let shapes = checks["shapes"].as_object().unwrap();
            let unknown: Vec<_> = shapes.keys().filter(|shape| !model.shape_ids.contains_key(&***shape)).collect();
            assert!(unknown.is_empty(), "{name}: {unknown:?}");
        }
    }

    #[test]
    fn documents_are_held_to_the_api() {
        let models = Models::embedded();
        let optimized = SdkInstants::EpochMs;
        let sdk = SdkInstants::Rfc3339;
        let cases = [
            ("sfn", "StartExecution", optimized, true, r#"{"ExecutionArn":"a","StartDate":"b"}"#, ""),
            (
                "sfn",
                "StartExecution",
                optimized,
                true,
                r#"{"StartDate":"b"}"#,
                "Required field 'ExecutionArn' is missing",
            ),
            ("sfn", "StartExecution", optimized, false, r#"{"StartDate":"b"}"#, ""),
            ("sfn", "StartExecution", optimized, false, r#"{"StartDate":1}"#, "Field 'StartDate' must be a string"),
            (
                "sfn",
                "StartExecution",
                optimized,
                true,
                r#"{"ExecutionArn":"","StartDate":"b"}"#,
                "Field 'ExecutionArn' is smaller than the minimum length",
            ),
            (
                "lambda",
                "GetFunction",
                sdk,
                true,
                r#"{"Configuration":{"MemorySize":127}}"#,
                "Field 'MemorySize' is less than the minimum value",
            ),
            ("lambda", "GetFunction", sdk, true, r#"{"Configuration":[]}"#, "Field 'Configuration' must be an object"),
            (
                "lambda",
                "GetFunction",
                sdk,
                true,
                r#"{"Configuration":{"Layers":[{"CodeSize":true}]}}"#,
                "Field 'CodeSize' must be a number",
            ),
            ("s3", "GetObject", sdk, true, r#"{"StorageClass":"GLACIER","Other":1}"#, ""),
            ("s3", "GetObject", sdk, true, r#"{"DeleteMarker":"x"}"#, "Field 'DeleteMarker' must be a boolean"),
            ("dynamodb", "GetItem", sdk, true, r#"{"Item":{"a":{"S":1}}}"#, "Field 'S' must be a string"),
            ("rds", "DescribeDBInstances", sdk, true, r#"{"DbInstances":{}}"#, "Field 'DbInstances' must be an array"),
            ("sqs", "SendMessage", optimized, true, "[]", "Mocked result must be a JSON object."),
        ];
        for (service, operation, naming, required, result, expected) in cases {
            let operation = models.generic(service).unwrap().model.operation(operation).unwrap();
            let check = ResultCheck { required, naming, free: &[] };
            let found = models.result_problem(service, operation, &parse(result).unwrap(), &check);
            assert_eq!(found.unwrap_or_default(), expected, "{service} {result}");
        }
    }
}
