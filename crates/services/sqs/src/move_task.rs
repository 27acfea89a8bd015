use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::Fault;
use windlass_store::{Batch, Key, Row};
use windlass_value::{Object, Value, object};

use crate::queue_name::QueueName;
use crate::tables::MOVE_TASKS;

/// A message move task, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MoveTask {
    pub(crate) id: String,
    pub(crate) source: QueueName,
    /// `None`: each message goes back to the queue it came from.
    pub(crate) destination: Option<QueueName>,
    pub(crate) per_second_max: Option<u32>,
    pub(crate) started_ms: i64,
    pub(crate) status: Status,
    pub(crate) moved: u64,
    pub(crate) to_move: u64,
    pub(crate) failure: Option<String>,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Completed,
    Cancelling,
    Cancelled,
    Failed,
}

const STATUSES: &[(Status, &str)] = &[
    (Status::Running, "RUNNING"),
    (Status::Completed, "COMPLETED"),
    (Status::Cancelling, "CANCELLING"),
    (Status::Cancelled, "CANCELLED"),
    (Status::Failed, "FAILED"),
];

impl Status {
    /// AWS's word.
    pub(crate) fn name(self) -> &'static str {
        STATUSES.iter().find(|(status, _)| *status == self).map_or("", |(_, name)| name)
    }

    fn of_name(name: &str) -> Option<Status> {
        STATUSES.iter().find(|(_, it)| *it == name).map(|(status, _)| *status)
    }

    /// Whether the task still has something to do.
    pub(crate) fn is_active(self) -> bool {
        matches!(self, Status::Running | Status::Cancelling)
    }
}

impl MoveTask {
    /// `TaskHandle`: as at AWS, task and source in JSON in base64.
    pub(crate) fn handle(&self) -> String {
        STANDARD.encode(object! { "taskId" => self.id.as_str(), "sourceArn" => self.source.arn() }.to_text())
    }

    /// What the keys of a source's tasks begin with; they are in the order of their start.
    pub(crate) fn prefix(source: &QueueName) -> Key {
        source.shard_key().text(&source.name)
    }

    pub(crate) fn key(&self) -> Key {
        MoveTask::prefix(&self.source).number(self.started_ms.unsigned_abs()).text(&self.id)
    }

    /// Adds the task's row to a batch.
    pub(crate) fn put(&self, batch: &mut Batch) {
        let value = object! {
            "id" => self.id.as_str(),
            "source" => self.source.arn(),
            "destination" => self.destination.as_ref().map(QueueName::arn),
            "per_second_max" => self.per_second_max,
            "started_ms" => self.started_ms,
            "moved" => self.moved,
            "to_move" => self.to_move,
            "failure" => self.failure.as_deref(),
        };
        batch.put(&MOVE_TASKS, self.key(), vec![self.status.name().into()], value.to_text().into_bytes());
    }

    /// Reads a stored task.
    ///
    /// # Errors
    /// The row is something else.
    pub(crate) fn read(row: &Row) -> Result<MoveTask, Fault> {
        let value = str::from_utf8(&row.value).ok().and_then(|text| windlass_value::parse(text).ok());
        value
            .and_then(|value| of_value(&value, &row.columns))
            .ok_or_else(|| Fault::internal("a stored message move task cannot be read"))
    }

    /// As `ListMessageMoveTasks` answers it.
    pub(crate) fn to_value(&self) -> Value {
        let mut entry = Object::new();
        if self.status == Status::Running {
            entry.insert("TaskHandle", self.handle());
        }
        entry.insert("Status", self.status.name());
        entry.insert("SourceArn", self.source.arn());
        if let Some(destination) = &self.destination {
            entry.insert("DestinationArn", destination.arn());
        }
        if let Some(per_second_max) = self.per_second_max {
            entry.insert("MaxNumberOfMessagesPerSecond", per_second_max);
        }
        entry.insert("ApproximateNumberOfMessagesMoved", self.moved);
        entry.insert("ApproximateNumberOfMessagesToMove", self.to_move);
        if let Some(failure) = &self.failure {
            entry.insert("FailureReason", failure.as_str());
        }
        entry.insert("StartedTimestamp", self.started_ms);
        entry.into()
    }
}

/// The task id and source that a handle names.
pub(crate) fn read_handle(handle: &str) -> Option<(String, QueueName)> {
    let text = String::from_utf8(STANDARD.decode(handle).ok()?).ok()?;
    let value = windlass_value::parse(&text).ok()?;
    Some((value["taskId"].as_str()?.to_owned(), QueueName::of_arn(value["sourceArn"].as_str()?)?))
}

fn of_value(value: &Value, columns: &[windlass_store::ColumnValue]) -> Option<MoveTask> {
    let [windlass_store::ColumnValue::Text(status)] = columns else { return None };
    Some(MoveTask {
        id: value["id"].as_str()?.to_owned(),
        source: QueueName::of_arn(value["source"].as_str()?)?,
        destination: value["destination"].as_str().and_then(QueueName::of_arn),
        per_second_max: value["per_second_max"].as_i64().and_then(|number| u32::try_from(number).ok()),
        started_ms: value["started_ms"].as_i64()?,
        status: Status::of_name(status)?,
        moved: value["moved"].as_i64()?.unsigned_abs(),
        to_move: value["to_move"].as_i64()?.unsigned_abs(),
        failure: value["failure"].as_str().map(str::to_owned),
    })
}

/// The tasks under way, by their id, to be told to end.
#[derive(Default)]
pub(crate) struct MoveTasks {
    active: parking_lot::Mutex<std::collections::HashMap<String, Arc<ActiveTask>>>,
}

/// What a task under way shares with those who look at it.
pub(crate) struct ActiveTask {
    pub(crate) task: parking_lot::Mutex<MoveTask>,
    pub(crate) cancelled: tokio::sync::watch::Sender<bool>,
}

impl MoveTasks {
    pub(crate) fn begin(&self, task: MoveTask) -> Arc<ActiveTask> {
        let id = task.id.clone();
        let active = Arc::new(ActiveTask {
            task: parking_lot::Mutex::new(task),
            cancelled: tokio::sync::watch::Sender::new(false),
        });
        self.active.lock().insert(id, active.clone());
        active
    }

    pub(crate) fn end(&self, id: &str) {
        self.active.lock().remove(id);
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<ActiveTask>> {
        self.active.lock().get(id).cloned()
    }

    /// How many are under way, and whether one of that source is.
    pub(crate) fn count(&self, source: &QueueName) -> (usize, bool) {
        let active = self.active.lock();
        (active.len(), active.values().any(|active| active.task.lock().source == *source))
    }
}
