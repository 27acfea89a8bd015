use std::fmt;

use serde::{Deserialize, Serialize};
use windlass_value::{Object, Text, Timestamp, Value, object, parse};

/// How long a result file gets: what S3 takes in one object.
pub const FILE_BYTES_MAX: u64 = 5 * 1024 * 1024 * 1024;

/// `Transformation` of a `WriterConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultTransformation {
    /// Outputs with what is known of their executions.
    None,
    /// Outputs.
    Compact,
    /// Outputs; those that are arrays give their elements.
    Flatten,
}

/// `OutputType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputType {
    /// An array.
    Json,
    /// An entry a line.
    JsonLines,
}

/// A checked `WriterConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriterConfig {
    /// What is written of a child that succeeded.
    pub transformation: ResultTransformation,
    /// How it is written.
    pub output_type: OutputType,
}

/// Why results cannot be written: how the Map Run fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterFailure {
    /// `States.ResultWriterFailed`.
    pub error: &'static str,
    /// What people read.
    pub cause: String,
}

impl WriterFailure {
    /// `States.ResultWriterFailed`.
    pub fn new(cause: impl Into<String>) -> WriterFailure {
        WriterFailure { error: "States.ResultWriterFailed", cause: cause.into() }
    }
}

impl fmt::Display for WriterFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error, self.cause)
    }
}

impl std::error::Error for WriterFailure {}

impl WriterConfig {
    /// Reads a `WriterConfig`. Without one, results that go to S3 (`exported`) carry their
    /// metadata and those that stay in the state's output are the outputs alone.
    ///
    /// # Errors
    /// `States.ResultWriterFailed` for words AWS does not know.
    pub fn from_value(config: Option<&Value>, exported: bool) -> Result<WriterConfig, WriterFailure> {
        let word = |member: &str| config.and_then(|config| config.get(member)).filter(|value| !value.is_null());
        let unknown = |member: &str, words: &str, value: &Value| {
            WriterFailure::new(format!("{member} must be one of {words} but was: {value}"))
        };
        let transformation = match word("Transformation") {
            None if exported => ResultTransformation::None,
            None => ResultTransformation::Compact,
            Some(value) => match value.as_str() {
                Some("NONE") => ResultTransformation::None,
                Some("COMPACT") => ResultTransformation::Compact,
                Some("FLATTEN") => ResultTransformation::Flatten,
                _ => return Err(unknown("Transformation", "NONE, COMPACT, FLATTEN", value)),
            },
        };
        let output_type = match word("OutputType") {
            None => OutputType::Json,
            Some(value) => match value.as_str() {
                Some("JSON") => OutputType::Json,
                Some("JSONL") => OutputType::JsonLines,
                _ => return Err(unknown("OutputType", "JSON, JSONL", value)),
            },
        };
        Ok(WriterConfig { transformation, output_type })
    }
}

/// Which file a child's result goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ResultGroup {
    /// Children that failed, timed out or were aborted.
    Failed,
    /// Children that were not started, or wait for a redrive.
    Pending,
    /// Children that succeeded.
    Succeeded,
}

impl ResultGroup {
    /// All of them, in the manifest's order.
    pub const ALL: [ResultGroup; 3] = [ResultGroup::Failed, ResultGroup::Pending, ResultGroup::Succeeded];

    /// `FAILED`, `PENDING`, `SUCCEEDED`.
    pub fn name(self) -> &'static str {
        match self {
            ResultGroup::Failed => "FAILED",
            ResultGroup::Pending => "PENDING",
            ResultGroup::Succeeded => "SUCCEEDED",
        }
    }
}

/// What a result file says about a child execution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChildResult {
    /// The child's ARN.
    pub execution_arn: Text,
    /// The child's name.
    pub name: Text,
    /// The ARN of the child's state machine: `…:stateMachine:<machine>/<label>`.
    pub state_machine_arn: Text,
    /// `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`, `PENDING`, …
    pub status: Text,
    /// The input's JSON text.
    pub input: Text,
    /// The output's JSON text, of a child that succeeded.
    pub output: Option<Text>,
    /// Of a child that failed.
    pub error: Option<Text>,
    /// Of a child that failed.
    pub cause: Option<Text>,
    /// How often it was redriven.
    pub redrive_count: u64,
    /// `NOT_REDRIVABLE`, `REDRIVABLE_BY_MAP_RUN`, …
    pub redrive_status: Text,
    /// Why it cannot be redriven.
    pub redrive_status_reason: Option<Text>,
    /// When it was started; `None` where it was not.
    pub start_date: Option<Timestamp>,
    /// When it ended; `None` where it did not.
    pub stop_date: Option<Timestamp>,
}

impl ChildResult {
    /// The entry with metadata: inputs and outputs as text, members in AWS's order.
    pub fn entry(&self) -> Value {
        let included = || object! { "Included" => true };
        let mut entry = Object::with_capacity(15);
        let optional = |entry: &mut Object, name: &str, value: Option<Value>| {
            if let Some(value) = value {
                entry.insert(name, value);
            }
        };
        optional(&mut entry, "Cause", self.cause.as_ref().map(Value::from));
        optional(&mut entry, "Error", self.error.as_ref().map(Value::from));
        entry.insert("ExecutionArn", &self.execution_arn);
        entry.insert("Input", &self.input);
        entry.insert("InputDetails", included());
        entry.insert("Name", &self.name);
        optional(&mut entry, "Output", self.output.as_ref().map(Value::from));
        optional(&mut entry, "OutputDetails", self.output.as_ref().map(|_| included()));
        entry.insert("RedriveCount", self.redrive_count);
        entry.insert("RedriveStatus", &self.redrive_status);
        optional(&mut entry, "RedriveStatusReason", self.redrive_status_reason.as_ref().map(Value::from));
        optional(&mut entry, "StartDate", self.start_date.map(|date| Value::from(date.to_rfc3339())));
        entry.insert("StateMachineArn", &self.state_machine_arn);
        entry.insert("Status", &self.status);
        optional(&mut entry, "StopDate", self.stop_date.map(|date| Value::from(date.to_rfc3339())));
        Value::from(entry)
    }

    /// Appends what is written of this child, each entry behind `before`.
    fn write(
        &self,
        transformation: ResultTransformation,
        mut before: impl FnMut(&mut String),
        out: &mut String,
    ) -> Result<(), WriterFailure> {
        let parsed = |text: &str| {
            parse(text)
                .map_err(|error| WriterFailure::new(format!("The output of {} is not valid JSON: {error}", self.name)))
        };
        match (transformation, &self.output) {
            (ResultTransformation::None, _) | (_, None) => {
                before(out);
                self.entry().write_to(out);
            }
            (ResultTransformation::Compact, Some(output)) => {
                before(out);
                // Written anew: an output may span lines, an entry of JSON Lines must not.
                parsed(output)?.write_to(out);
            }
            (ResultTransformation::Flatten, Some(output)) => match parsed(output)? {
                Value::Array(items) => items.iter().for_each(|item| {
                    before(out);
                    item.write_to(out);
                }),
                other => {
                    before(out);
                    other.write_to(out);
                }
            },
        }
        Ok(())
    }
}

/// Some bytes of a result file, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePiece {
    /// The file's number, from 0.
    pub file: u32,
    /// What is appended to it.
    pub bytes: Vec<u8>,
    /// Whether the file is complete with this.
    pub closes: bool,
}

/// Where a [`ResultWriter`] stands: stored beside the parts that were uploaded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultFiles {
    /// The lengths of the files that are closed.
    pub closed_bytes: Vec<u64>,
    /// The length of the file that is open; 0 where none is.
    pub open_bytes: u64,
}

/// Writes the files of one group, a child at a time: the pieces of a file are the parts of
/// a multipart upload, gathered by the caller to the size a part must have.
#[derive(Clone, Debug)]
pub struct ResultWriter {
    transformation: ResultTransformation,
    output_type: OutputType,
    file_bytes_max: u64,
    files: ResultFiles,
}

impl ResultWriter {
    /// A writer that goes on where `files` says: at the start, the default. Children that
    /// did not succeed are always written with their metadata.
    pub fn new(group: ResultGroup, config: WriterConfig, files: ResultFiles) -> ResultWriter {
        let transformation = match group {
            ResultGroup::Succeeded => config.transformation,
            ResultGroup::Failed | ResultGroup::Pending => ResultTransformation::None,
        };
        ResultWriter { transformation, output_type: config.output_type, file_bytes_max: FILE_BYTES_MAX, files }
    }

    /// Another length at which a file is closed, in bytes.
    pub fn with_file_bytes_max(mut self, file_bytes_max: u64) -> ResultWriter {
        self.file_bytes_max = file_bytes_max;
        self
    }

    /// Where the writer stands.
    pub fn files(&self) -> &ResultFiles {
        &self.files
    }

    /// What a child adds: a piece, before it the end of the file that has no room for it.
    ///
    /// # Errors
    /// `States.ResultWriterFailed` where an output to transform is no JSON.
    pub fn entry(&mut self, child: &ChildResult) -> Result<Vec<FilePiece>, WriterFailure> {
        let mut text = String::new();
        let json = self.output_type == OutputType::Json;
        let mut entries = 0_u64;
        let before = |out: &mut String| {
            entries += 1;
            match (json, entries) {
                (true, 1) => {}
                (true, _) => out.push(','),
                (false, 1) => {}
                (false, _) => out.push('\n'),
            }
        };
        child.write(self.transformation, before, &mut text)?;
        let mut pieces = Vec::new();
        if entries == 0 {
            return Ok(pieces);
        }
        // The comma before and the bracket behind, or the line end.
        let around = if json { 2 } else { 1 };
        if self.files.open_bytes > 0 && self.files.open_bytes + text.len() as u64 + around > self.file_bytes_max {
            pieces.extend(self.close());
        }
        let mut bytes = Vec::with_capacity(text.len() + 1);
        match (json, self.files.open_bytes) {
            (true, 0) => bytes.push(b'['),
            (true, _) => bytes.push(b','),
            (false, _) => {}
        }
        bytes.extend_from_slice(text.as_bytes());
        if !json {
            bytes.push(b'\n');
        }
        self.files.open_bytes += bytes.len() as u64;
        pieces.push(FilePiece { file: self.file(), bytes, closes: false });
        Ok(pieces)
    }

    /// Ends the file that is open; `None` where none is.
    pub fn close(&mut self) -> Option<FilePiece> {
        if self.files.open_bytes == 0 {
            return None;
        }
        let bytes = if self.output_type == OutputType::Json { b"]".to_vec() } else { Vec::new() };
        let piece = FilePiece { file: self.file(), closes: true, bytes };
        self.files.closed_bytes.push(self.files.open_bytes + piece.bytes.len() as u64);
        self.files.open_bytes = 0;
        Some(piece)
    }

    fn file(&self) -> u32 {
        self.files.closed_bytes.len() as u32
    }
}

/// The key of a result file: `<prefix>/<id>/SUCCEEDED_0.json`, `.jsonl` for JSON Lines.
/// `map_run_id` is the last part of the Map Run's ARN.
pub fn result_key(prefix: &str, map_run_id: &str, group: ResultGroup, file: u32, output_type: OutputType) -> String {
    let ending = match output_type {
        OutputType::Json => "json",
        OutputType::JsonLines => "jsonl",
    };
    format!("{}{}_{file}.{ending}", folder(prefix, map_run_id), group.name())
}

/// The key of the manifest: `<prefix>/<id>/manifest.json`.
pub fn manifest_key(prefix: &str, map_run_id: &str) -> String {
    format!("{}manifest.json", folder(prefix, map_run_id))
}

fn folder(prefix: &str, map_run_id: &str) -> String {
    match prefix.strip_suffix('/').unwrap_or(prefix) {
        "" => format!("{map_run_id}/"),
        prefix => format!("{prefix}/{map_run_id}/"),
    }
}

/// The document `manifest.json`; `files` are the keys and lengths of a group's files.
pub fn manifest(bucket: &str, map_run_arn: &str, files: impl Fn(ResultGroup) -> Vec<(String, u64)>) -> Value {
    let groups = ResultGroup::ALL.map(|group| {
        let files = files(group).into_iter().map(|(key, bytes)| object! { "Key" => key, "Size" => bytes });
        (group.name(), Value::array(files.collect()))
    });
    object! {
        "DestinationBucket" => bucket,
        "MapRunArn" => map_run_arn,
        "ResultFiles" => groups.into_iter().collect::<Object>()
    }
}

/// The state's result where the results went to S3.
pub fn written_output(map_run_arn: &str, bucket: &str, manifest_key: &str) -> Value {
    object! {
        "MapRunArn" => map_run_arn,
        "ResultWriterDetails" => object! { "Bucket" => bucket, "Key" => manifest_key }
    }
}

/// The state's result where the results did not go to S3, in the order of the items: an
/// array; with `JSONL` a string of lines.
///
/// # Errors
/// `States.ResultWriterFailed` where an output is no JSON.
pub fn state_output<'a>(
    children: impl IntoIterator<Item = &'a ChildResult>,
    config: WriterConfig,
) -> Result<Value, WriterFailure> {
    let mut text = String::new();
    for child in children {
        let before = |out: &mut String| out.push(if out.is_empty() { '[' } else { ',' });
        let line = |out: &mut String| {
            if !out.is_empty() {
                out.push('\n');
            }
        };
        match config.output_type {
            OutputType::Json => child.write(config.transformation, before, &mut text)?,
            OutputType::JsonLines => child.write(config.transformation, line, &mut text)?,
        }
    }
    if config.output_type == OutputType::JsonLines {
        return Ok(Value::from(text));
    }
    text.push_str(if text.is_empty() { "[]" } else { "]" });
    parse(&text).map_err(|error| WriterFailure::new(format!("The results nest too deep: {error}")))
}
