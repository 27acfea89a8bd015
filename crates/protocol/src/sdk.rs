//! Documents as AWS's Java SDK names them, which is how Step Functions' integrations
//! write parameters and results: PascalCase at every level whatever the API's own case,
//! blobs and streams as text, instants as the integration's kind has them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use windlass_value::{Number, Object, Text, Timestamp, Value};

use crate::call::Reply;
use crate::model::{Kind, Location, Member, Operation, ServiceModel, ShapeId, Structure};

/// How results write instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdkInstants {
    /// `2026-11-22T17:10:00.000Z`, as the `aws-sdk` integrations do.
    Rfc3339,
    /// Milliseconds since the epoch, as the optimized integrations do.
    EpochMs,
}

/// What is wrong with a parameter, each by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdkProblem {
    /// It is required.
    Missing(String),
    /// The API knows no such parameter.
    Unknown(String),
    /// Its value has another type.
    Invalid(String),
}

/// A call's document, and the payload of operations whose input has a blob payload.
#[derive(Clone, Debug, Default)]
pub struct SdkInput {
    /// By member name; blobs are base64 text, instants epoch seconds.
    pub input: Value,
    /// The raw payload.
    pub body: Bytes,
}

impl ServiceModel {
    /// The operation that an integration's action (`describeDBInstances`) names.
    pub fn operation_of_sdk(&self, action: &str) -> Option<&Operation> {
        let mut name = action.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if let Some(operation) = self.operation(&name) {
            return Some(operation);
        }
        let found = self.operation_names().find(|known| known.eq_ignore_ascii_case(action))?;
        self.operation(found)
    }

    /// Whether an operation answers with a stream of events, which no document can hold.
    pub fn answers_with_events(&self, operation: &Operation) -> bool {
        let Some(Kind::Structure(output)) = operation.output.map(|id| &self.shape(id).kind) else { return false };
        output.members.iter().any(|member| self.shape(member.shape).event_stream)
    }

    /// Reads an integration's parameters into the document of a call.
    ///
    /// Values of blobs, and of strings that are given as anything but a string, become text;
    /// the keys of maps stay as they are; nulls are left out.
    ///
    /// # Errors
    /// Every problem of the parameters.
    pub fn read_sdk_input(&self, operation: &Operation, parameters: &Value) -> Result<SdkInput, Vec<SdkProblem>> {
        let mut problems = Vec::new();
        let mut body = Bytes::new();
        let Some(structure) = self.structure(operation.input) else {
            return Ok(SdkInput { input: Value::empty_object(), body });
        };
        let Value::Object(given) = parameters else {
            return Err(vec![SdkProblem::Invalid("Parameters".to_owned())]);
        };
        let mut given = Object::clone(given);
        let beside = structure.payload().filter(|member| matches!(self.shape(member.shape).kind, Kind::Blob));
        let beside = beside.and_then(|member| given.keys().find(|name| is_member(name, member)).cloned());
        if let Some(name) = beside {
            // The payload travels beside the document.
            body = match given.remove(&name) {
                None | Some(Value::Null) => Bytes::new(),
                Some(value) => Bytes::from(text_of(&value)),
            };
        }
        let payload = structure.payload().map(|member| member.name.as_str()).filter(|_| !body.is_empty());
        let input = self.read_members(structure, &given, payload, &mut problems);
        if problems.is_empty() { Ok(SdkInput { input, body }) } else { Err(problems) }
    }

    /// Writes an answer as an integration's result.
    pub fn write_sdk_output(&self, operation: &Operation, reply: &Reply, body: &[u8], instants: SdkInstants) -> Value {
        let Some(structure) = self.structure(operation.output) else { return Value::empty_object() };
        let mut output = match &reply.output {
            Value::Object(members) => self.write_members(structure, members, instants),
            _ => Object::new(),
        };
        for member in &structure.members {
            // A map over headers is there for the SDK even when no header is.
            if member.location == Location::Headers {
                let name = sdk_name(&member.name, instants);
                if !output.contains_key(&name) {
                    output.insert(name, Value::empty_object());
                }
            }
        }
        if let Some(member) = structure.payload()
            && matches!(self.shape(member.shape).kind, Kind::Blob)
        {
            output.insert(sdk_name(&member.name, instants), String::from_utf8_lossy(body).into_owned());
        }
        output.into()
    }

    fn structure(&self, id: Option<ShapeId>) -> Option<&Structure> {
        match &self.shape(id?).kind {
            Kind::Structure(structure) => Some(structure),
            _ => None,
        }
    }

    fn read_members(
        &self,
        structure: &Structure,
        given: &Object,
        payload: Option<&str>,
        problems: &mut Vec<SdkProblem>,
    ) -> Value {
        let mut read = Object::new();
        for (name, value) in given.iter().filter(|(_, value)| !value.is_null()) {
            match structure.members.iter().find(|member| is_member(name, member)) {
                Some(member) => {
                    read.insert(member.name.as_str(), self.read_value(member.shape, name, value, problems));
                }
                None => problems.push(SdkProblem::Unknown(name.to_string())),
            }
        }
        for member in structure.members.iter().filter(|member| member.required) {
            if !read.contains_key(&member.name) && payload != Some(&*member.name) {
                problems.push(SdkProblem::Missing(sdk_name(&member.name, SdkInstants::EpochMs)));
            }
        }
        read.into()
    }

    fn read_value(&self, shape: ShapeId, name: &str, value: &Value, problems: &mut Vec<SdkProblem>) -> Value {
        let mut invalid = || {
            problems.push(SdkProblem::Invalid(name.to_owned()));
            Value::Null
        };
        match (&self.shape(shape).kind, value) {
            (Kind::Structure(inner), Value::Object(given)) => self.read_members(inner, given, None, problems),
            (Kind::List(element), Value::Array(items)) => {
                let read = |item: &Value| self.read_value(element.shape, name, item, problems);
                Value::array(items.iter().map(read).collect())
            }
            (Kind::Map(_, element), Value::Object(given)) => {
                let read = |(key, value): (&Text, &Value)| {
                    (key.clone(), self.read_value(element.shape, name, value, problems))
                };
                given.iter().map(read).collect::<Object>().into()
            }
            (Kind::Structure(_) | Kind::List(_) | Kind::Map(..), _) => invalid(),
            (Kind::String, value) => text_of(value).into(),
            (Kind::Blob, value) => STANDARD.encode(text_of(value)).into(),
            (Kind::Boolean, Value::Bool(_)) => value.clone(),
            (Kind::Boolean, Value::String(text)) if matches!(&**text, "true" | "false") => (&**text == "true").into(),
            (Kind::Boolean, _) => invalid(),
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::Number(_)) => value.clone(),
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, Value::String(text)) => {
                match text.parse::<f64>().is_ok_and(f64::is_finite) {
                    true => Number::from_literal(text).into(),
                    false => invalid(),
                }
            }
            (Kind::Integer | Kind::Long | Kind::Float | Kind::Double, _) => invalid(),
            (Kind::Timestamp, Value::Number(_)) => value.clone(),
            (Kind::Timestamp, Value::String(text)) => match Timestamp::parse_rfc3339(text) {
                Ok(instant) => epoch_seconds(instant),
                Err(_) => invalid(),
            },
            (Kind::Timestamp, _) => invalid(),
            (Kind::Document, _) => value.clone(),
        }
    }

    fn write_members(&self, structure: &Structure, given: &Object, instants: SdkInstants) -> Object {
        let write = |(name, value): (&Text, &Value)| {
            let member = structure.members.iter().find(|member| member.name == **name);
            let value = member.map_or_else(|| value.clone(), |member| self.write_value(member.shape, value, instants));
            (sdk_name(name, instants), value)
        };
        given.iter().filter(|(_, value)| !value.is_null()).map(write).collect()
    }

    fn write_value(&self, shape: ShapeId, value: &Value, instants: SdkInstants) -> Value {
        match (&self.shape(shape).kind, value) {
            (Kind::Structure(inner), Value::Object(given)) => self.write_members(inner, given, instants).into(),
            (Kind::List(element), Value::Array(items)) => {
                Value::array(items.iter().map(|item| self.write_value(element.shape, item, instants)).collect())
            }
            (Kind::Map(_, element), Value::Object(given)) => {
                let write =
                    |(key, value): (&Text, &Value)| (key.clone(), self.write_value(element.shape, value, instants));
                given.iter().map(write).collect::<Object>().into()
            }
            (Kind::Timestamp, Value::Number(seconds)) => {
                let instant = Timestamp((seconds.as_f64() * 1000.0).round() as i64);
                match instants {
                    SdkInstants::Rfc3339 => instant.to_rfc3339().into(),
                    SdkInstants::EpochMs => Value::int(instant.as_ms()),
                }
            }
            (Kind::Blob, Value::String(text)) => {
                // Bytes that are no text stay base64: nothing of them is lost.
                let decoded = STANDARD.decode(text.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                decoded.map_or_else(|| value.clone(), Value::from)
            }
            _ => value.clone(),
        }
    }
}

/// A string as it is; anything else as JSON text.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => other.to_text(),
    }
}

fn epoch_seconds(instant: Timestamp) -> Value {
    Number::from_f64(instant.as_ms() as f64 / 1000.0).map_or(Value::Null, Value::from)
}

/// Parameters begin with an upper-case letter; the SDK lowers more of an acronym than
/// the model does (`DbInstanceIdentifier` for `DBInstanceIdentifier`).
fn is_member(name: &str, member: &Member) -> bool {
    name.starts_with(|first: char| !first.is_ascii_lowercase()) && name.eq_ignore_ascii_case(&member.name)
}

/// A member's name in results: the optimized integrations keep the model's acronyms, the
/// `aws-sdk` ones go through the SDK's own naming.
pub(crate) fn sdk_name(member: &str, instants: SdkInstants) -> String {
    match instants {
        SdkInstants::EpochMs => upper_first(member),
        SdkInstants::Rfc3339 => upper_first(&lower_acronym(member)),
    }
}

fn upper_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Lowers the first letter, and those after it as long as they are upper case and the
/// next is not lower case: `DBInstance` → `dbInstance`, `ETag` → `eTag`, `ARN` → `arn`.
fn lower_acronym(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut lowered = 0;
    while lowered < chars.len()
        && (lowered == 0
            || (chars[lowered].is_uppercase() && !chars.get(lowered + 1).is_some_and(|next| next.is_lowercase())))
    {
        lowered += 1;
    }
    let (head, tail) = chars.split_at(lowered);
    head.iter().flat_map(|letter| letter.to_lowercase()).chain(tail.iter().copied()).collect()
}

/// The SDK's exception for an error shape: `NoSuchBucket` → `NoSuchBucketException`,
/// `DBInstanceNotFoundFault` → `DbInstanceNotFoundException`.
pub fn sdk_exception(shape: &str) -> String {
    const EXCEPTION: &str = "Exception";
    let base = shape.strip_suffix("Fault").or_else(|| shape.strip_suffix(EXCEPTION)).unwrap_or(shape);
    words(base).iter().map(|word| capitalized(word)).collect::<String>() + EXCEPTION
}

fn capitalized(word: &str) -> String {
    upper_first(&word.to_lowercase())
}

/// A name's words: they begin at an upper-case letter after a lower-case one, at the last
/// letter of an acronym before a word, and after digits.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for (at, letter) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| chars[before]);
        let after = chars.get(at + 1);
        let begins = before.is_some_and(|before| {
            (before.is_ascii_lowercase() && letter.is_ascii_uppercase() && after.is_some())
                || (before.is_ascii_uppercase()
                    && letter.is_ascii_uppercase()
                    && after.is_some_and(char::is_ascii_lowercase))
                || (before.is_ascii_digit() && letter.is_ascii_alphabetic())
        });
        if (begins || !letter.is_ascii_alphanumeric()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if letter.is_ascii_alphanumeric() {
            word.push(*letter);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use windlass_value::{object, parse};

    use super::*;
    use crate::models::Models;

    #[test]
    fn members_are_named_as_the_sdk_names_them() {
        for (member, sdk, optimized) in [
            ("DBInstanceIdentifier", "DbInstanceIdentifier", "DBInstanceIdentifier"),
            ("ETag", "ETag", "ETag"),
            ("ChecksumCRC32", "ChecksumCRC32", "ChecksumCRC32"),
            ("ARN", "Arn", "ARN"),
            ("SSEKMSKeyId", "SsekmsKeyId", "SSEKMSKeyId"),
            ("MD5OfMessageBody", "Md5OfMessageBody", "MD5OfMessageBody"),
            ("executionArn", "ExecutionArn", "ExecutionArn"),
            ("x", "X", "X"),
            ("", "", ""),
        ] {
            assert_eq!(sdk_name(member, SdkInstants::Rfc3339), sdk);
            assert_eq!(sdk_name(member, SdkInstants::EpochMs), optimized);
        }
    }

    #[test]
    fn exceptions_are_named_as_the_sdk_names_them() {
        for (shape, exception) in [
            ("NoSuchBucket", "NoSuchBucketException"),
            ("ResourceNotFoundException", "ResourceNotFoundException"),
            ("DBInstanceNotFoundFault", "DbInstanceNotFoundException"),
            ("KMSInvalidStateException", "KmsInvalidStateException"),
            ("ExecutionDoesNotExist", "ExecutionDoesNotExistException"),
            ("InvalidARNFault", "InvalidArnException"),
        ] {
            assert_eq!(sdk_exception(shape), exception);
        }
    }

    #[test]
    fn parameters_are_read_into_the_apis_own_case() {
        let states = Models::embedded().service("states").unwrap();
        let start = states.operation_of_sdk("startExecution").unwrap();
        let read = |text: &str| states.read_sdk_input(start, &parse(text).unwrap()).map(|read| read.input.to_text());
        let text = r#"{"StateMachineArn": "a", "Input": {"k": [1]}, "Name": null}"#;
        assert_eq!(read(text).unwrap(), r#"{"stateMachineArn":"a","input":"{\"k\":[1]}"}"#);
        let missing = SdkProblem::Missing("StateMachineArn".into());
        assert_eq!(read("{}").unwrap_err(), std::slice::from_ref(&missing));
        let unknown = SdkProblem::Unknown("stateMachineArn".into());
        assert_eq!(read(r#"{"stateMachineArn": "a"}"#).unwrap_err(), [unknown, missing]);
        let create = states.operation_of_sdk("createStateMachine").unwrap();
        let text = r#"{"Name": "n", "Definition": {"StartAt": "A"}, "RoleArn": "r", "Tags": {"Key": "a"}}"#;
        let problems = states.read_sdk_input(create, &parse(text).unwrap()).unwrap_err();
        assert_eq!(problems, [SdkProblem::Invalid("Tags".into())]);
    }

    #[test]
    fn payloads_travel_beside_the_document() {
        let lambda = Models::embedded().service("lambda").unwrap();
        let invoke = lambda.operation_of_sdk("invoke").unwrap();
        let read = lambda.read_sdk_input(invoke, &parse(r#"{"FunctionName": "f", "Payload": {"a": 1}}"#).unwrap());
        let read = read.unwrap();
        assert_eq!(read.input.to_text(), r#"{"FunctionName":"f"}"#);
        assert_eq!(&*read.body, br#"{"a":1}"#);
        let reply = Reply::from(object! { "StatusCode" => 200 });
        let written = lambda.write_sdk_output(invoke, &reply, b"[1]", SdkInstants::Rfc3339);
        assert_eq!(written.to_text(), r#"{"StatusCode":200,"Payload":"[1]"}"#);
    }

    #[test]
    fn results_are_pascal_case_with_instants() {
        let states = Models::embedded().service("states").unwrap();
        let describe = states.operation_of_sdk("describeExecution").unwrap();
        let reply = Reply::from(
            object! { "executionArn" => "a", "startDate" => Number::from_literal("1.5"), "name" => Value::Null },
        );
        for (instants, expected) in [
            (SdkInstants::Rfc3339, r#"{"ExecutionArn":"a","StartDate":"1970-01-01T00:00:01.500Z"}"#),
            (SdkInstants::EpochMs, r#"{"ExecutionArn":"a","StartDate":1500}"#),
        ] {
            assert_eq!(states.write_sdk_output(describe, &reply, b"", instants).to_text(), expected);
        }
    }
}
