//! What waits for people; beyond AWS.

use windlass_journal::{Journal, WaitingTask};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value, object};

use super::find::seconds;
use crate::fault::of_journal;
use crate::request::Request;

/// Tasks in one list.
const WAITING_TASKS_MAX: usize = 200;
/// Tasks under way that are looked at for them.
const ROWS_MAX: usize = 20_000;

/// Callbacks and activity tasks that wait for their answer, with the tokens that
/// answer them: whoever may list them may answer them.
pub(crate) async fn waiting(journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    let (account, region) = (request.call.account.clone(), request.call.region.clone());
    let journal = journal.clone();
    let found =
        tokio::task::spawn_blocking(move || journal.waiting_tasks(&account, &region, WAITING_TASKS_MAX, ROWS_MAX));
    let tasks = found.await.map_err(|error| Fault::internal(error.to_string()))?.map_err(|error| of_journal(&error))?;
    Ok(object! { "tasks" => Value::array(tasks.iter().map(told).collect()) }.into())
}

fn told(task: &WaitingTask) -> Value {
    let mut told = Object::new();
    told.insert("executionArn", &task.execution_arn);
    told.insert("stateMachineArn", &task.machine_arn);
    told.insert("state", &task.state);
    told.insert("kind", if task.is_activity { "activity" } else { "callback" });
    if task.is_activity {
        told.insert("activityArn", &task.resource_arn);
    }
    told.insert("taskToken", &task.token);
    if let Some(since) = task.since {
        told.insert("since", seconds(since));
    }
    if let Some(deadline) = task.deadline {
        told.insert("deadline", seconds(deadline));
    }
    told.insert("input", task.input.text().to_string());
    told.into()
}
