//! Map Runs as they are stored: what never changes in one row, how they stand in
//! another.

use serde::{Deserialize, Serialize};
use windlass_store::{ColumnValue, Row};
use windlass_value::{Object, Payload, Text, Timestamp, Value, object, parse};
use windlass_workflow::{
    FrameId, ItemBatching, MapRunCounts, MapRunFailure, MapRunPhase, MapRunPlan, MapRunSettings, MapRunState,
    MapRunStatus, MapSource, ResultWriting, TaskId, Window,
};

use crate::error::JournalError;
use crate::key::ExecutionKey;

const FORMAT: u32 = 1;

/// What of a Map Run is of its execution and its definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub(crate) arn: String,
    pub(crate) execution_arn: String,
    /// Of the children: `…:stateMachine:machine/label`.
    pub(crate) machine_arn: String,
    pub(crate) role_arn: String,
    pub(crate) region: String,
    /// Hash of the definition its execution runs.
    pub(crate) definition: String,
    /// The state's frame and the id of its MapRunStarted event.
    pub(crate) task: (u64, u64),
    pub(crate) started_at: i64,
    /// Whose limits its execution has, and its children.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) aws_limits: Option<bool>,
    /// The mocks of its execution, which are its children's too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mocks: Option<String>,
}

impl Origin {
    pub(crate) fn task_id(&self) -> TaskId {
        TaskId { frame: FrameId(self.task.0), event_id: self.task.1 }
    }
}

/// The row that changes.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredMapRun {
    v: u32,
    pub(crate) origin: Origin,
    phase: String,
    /// Nobody waits for it any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    aborting: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    max_concurrency: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tolerated_count: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tolerated_percentage: Option<f64>,
    executions: [u64; 4],
    items: [u64; 4],
    written: (u64, u64),
    read: (u64, u64),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    exhausted: bool,
    /// (first, children, items, before)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    windows: Vec<(u64, u64, u64, Option<String>)>,
    #[serde(default)]
    redrives: u32,
    #[serde(default)]
    again: (u64, u64),
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) redriven_at: Option<i64>,
    pub(crate) express: bool,
    /// Whether results go to the object store.
    pub(crate) exported: bool,
}

fn counts(counts: &MapRunCounts) -> [u64; 4] {
    [counts.succeeded, counts.failed, counts.timed_out, counts.aborted]
}

fn counts_of([succeeded, failed, timed_out, aborted]: [u64; 4]) -> MapRunCounts {
    MapRunCounts { succeeded, failed, timed_out, aborted }
}

impl StoredMapRun {
    pub(crate) fn new(
        origin: Origin,
        state: &MapRunState,
        redriven_at: Option<Timestamp>,
        express: bool,
        exported: bool,
    ) -> StoredMapRun {
        let own = |text: &Text| text.to_string();
        StoredMapRun {
            v: FORMAT,
            origin,
            phase: state.phase.as_str().to_owned(),
            aborting: state.status == MapRunStatus::Aborted,
            error: state.failure.as_ref().map(|failure| own(&failure.error)),
            cause: state.failure.as_ref().and_then(|failure| failure.cause.as_ref().map(own)),
            max_concurrency: state.settings.concurrency_max,
            tolerated_count: state.settings.tolerated_failure_count,
            tolerated_percentage: state.settings.tolerated_failure_percentage,
            executions: counts(&state.executions),
            items: counts(&state.items),
            written: (state.executions_written, state.items_written),
            read: (state.children_read, state.items_read),
            position: state.position.as_ref().map(own),
            exhausted: state.exhausted,
            windows: state
                .windows
                .iter()
                .map(|window| (window.first, window.children, window.items, window.before.as_ref().map(own)))
                .collect(),
            redrives: state.redrive_count,
            again: (state.executions_again, state.items_again),
            redriven_at: redriven_at.map(Timestamp::as_ms),
            express,
            exported,
        }
    }

    pub(crate) fn read(row: &Row) -> Result<StoredMapRun, JournalError> {
        let arn = match row.columns.first() {
            Some(ColumnValue::Text(arn)) => arn.clone(),
            _ => String::new(),
        };
        let damaged = |reason: String| JournalError::Record { arn: arn.clone(), reason };
        let stored: StoredMapRun = serde_json::from_slice(&row.value).map_err(|error| damaged(error.to_string()))?;
        match stored.v > FORMAT {
            true => Err(damaged(format!("it has format {}, which this release does not read", stored.v))),
            false => Ok(stored),
        }
    }

    /// The value of the row.
    pub(crate) fn value(&self) -> Vec<u8> {
        // Strings and finite numbers always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The Map Run as it stood; `status` is a column.
    pub(crate) fn state(&self, status: MapRunStatus) -> MapRunState {
        let mut state = MapRunState::new(MapRunSettings {
            concurrency_max: self.max_concurrency,
            tolerated_failure_count: self.tolerated_count,
            tolerated_failure_percentage: self.tolerated_percentage,
        });
        state.status = if self.aborting { MapRunStatus::Aborted } else { status };
        state.phase = MapRunPhase::parse(&self.phase).unwrap_or_default();
        state.failure = self
            .error
            .as_ref()
            .map(|error| MapRunFailure { error: error.as_str().into(), cause: self.cause.as_deref().map(Into::into) });
        state.executions = counts_of(self.executions);
        state.items = counts_of(self.items);
        (state.executions_written, state.items_written) = self.written;
        (state.children_read, state.items_read) = self.read;
        state.position = self.position.as_deref().map(Into::into);
        state.exhausted = self.exhausted;
        state.windows = self
            .windows
            .iter()
            .map(|(first, children, items, before)| {
                Window::new(*first, *children, *items, before.as_deref().map(Into::into))
            })
            .collect();
        state.redrive_count = self.redrives;
        (state.executions_again, state.items_again) = self.again;
        state
    }
}

/// The columns of a Map Run. `is_open`: something is left to do for it.
pub(crate) fn columns(
    origin: &Origin,
    status: MapRunStatus,
    stopped_at: Option<Timestamp>,
    is_open: bool,
) -> Vec<ColumnValue> {
    vec![
        ColumnValue::Text(origin.arn.clone()),
        ColumnValue::Text(origin.execution_arn.clone()),
        ColumnValue::Text(status.as_str().to_owned()),
        ColumnValue::Integer(origin.started_at),
        stopped_at.map_or(ColumnValue::Null, |at| ColumnValue::Integer(at.as_ms())),
        if is_open { ColumnValue::Integer(1) } else { ColumnValue::Null },
    ]
}

/// The status column and when it stopped.
pub(crate) fn standing(row: &Row) -> (MapRunStatus, Option<Timestamp>) {
    let status = match row.columns.get(2) {
        Some(ColumnValue::Text(status)) => MapRunStatus::parse(status).unwrap_or_default(),
        _ => MapRunStatus::default(),
    };
    let stopped_at = match row.columns.get(4) {
        Some(ColumnValue::Integer(at)) => Some(Timestamp(*at)),
        _ => None,
    };
    (status, stopped_at)
}

/// A plan as JSON text.
pub(crate) fn plan_value(plan: &MapRunPlan) -> Vec<u8> {
    let mut out = Object::new();
    out.insert("v", FORMAT);
    out.insert("label", &plan.label);
    out.insert("state", &plan.state);
    out.insert("express", plan.express);
    let source = match &plan.source {
        MapSource::Items(items) => object! { "items" => items.value() },
        MapSource::Reader { resource, arguments, config, items_max } => {
            object! { "resource" => resource, "arguments" => arguments, "config" => config, "max" => *items_max }
        }
        MapSource::Refused { cause } => object! { "refused" => cause },
    };
    out.insert("source", source);
    out.insert("input", plan.input.value());
    out.insert("variables", plan.variables.value());
    out.insert("context", plan.context.value());
    if let Some(batching) = &plan.batching {
        let ItemBatching { items_max, input_bytes_max, batch_input } = batching;
        out.insert(
            "batching",
            object! { "items" => *items_max, "bytes" => *input_bytes_max, "input" => batch_input.clone() },
        );
    }
    if let Some(ResultWriting { arguments, config }) = &plan.writing {
        out.insert("writing", object! { "arguments" => arguments.clone(), "config" => config });
    }
    Value::from(out).to_text().into_bytes()
}

/// A plan from its JSON text.
pub(crate) fn read_plan(value: &[u8], origin: &Origin) -> Result<MapRunPlan, JournalError> {
    let damaged = |reason: &str| JournalError::Record { arn: origin.arn.clone(), reason: reason.to_owned() };
    let text = std::str::from_utf8(value).map_err(|_| damaged("its plan is no text"))?;
    let plan = parse(text).map_err(|error| damaged(&error.to_string()))?;
    if plan["v"].as_i64().is_none_or(|version| version > i64::from(FORMAT)) {
        return Err(damaged("its plan has a format that this release does not read"));
    }
    let text = |value: &Value| Text::from(value.as_str().unwrap_or_default());
    let number = |value: &Value| value.as_i64().and_then(|number| u64::try_from(number).ok());
    let present = |value: &Value| Some(value.clone()).filter(|value| !value.is_null());
    let source = &plan["source"];
    let source = if let Some(items) = source.get("items") {
        MapSource::Items(Payload::from_value(items.clone()))
    } else if let Some(cause) = source.get("refused") {
        MapSource::Refused { cause: text(cause) }
    } else {
        MapSource::Reader {
            resource: text(&source["resource"]),
            arguments: source["arguments"].clone(),
            config: source["config"].clone(),
            items_max: number(&source["max"]),
        }
    };
    Ok(MapRunPlan {
        task: origin.task_id(),
        arn: origin.arn.as_str().into(),
        label: text(&plan["label"]),
        state: text(&plan["state"]),
        express: plan["express"].as_bool() == Some(true),
        source,
        input: Payload::from_value(plan["input"].clone()),
        variables: Payload::from_value(plan["variables"].clone()),
        context: Payload::from_value(plan["context"].clone()),
        batching: present(&plan["batching"]).map(|batching| ItemBatching {
            items_max: number(&batching["items"]),
            input_bytes_max: number(&batching["bytes"]),
            batch_input: present(&batching["input"]),
        }),
        writing: present(&plan["writing"]).map(|writing| ResultWriting {
            arguments: present(&writing["arguments"]),
            config: writing["config"].clone(),
        }),
        settings: MapRunSettings::default(),
    })
}

/// The key of a Map Run's rows.
pub(crate) fn map_run_key(arn: &str) -> Result<ExecutionKey, JournalError> {
    ExecutionKey::from_arn(arn).ok_or_else(|| JournalError::Record { arn: arn.to_owned(), reason: "not an ARN".into() })
}
