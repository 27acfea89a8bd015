use windlass_journal::Journal;
use windlass_protocol::{Fault, Reply};
use windlass_value::object;
use windlass_workflow::epoch_seconds;

use crate::arn::{Kind, StatesArn};
use crate::environment::Environment;
use crate::fault::{execution_does_not_exist, of_journal};
use crate::request::Request;

/// `StopExecution`. Stopping a closed execution succeeds and changes nothing.
pub(crate) async fn stop(journal: &Journal, environment: &Environment, request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("executionArn")?;
    let arn = StatesArn::parse(text, &[Kind::Execution])?;
    if !arn.is_of(request.call) {
        return Err(execution_does_not_exist(text));
    }
    let (error, cause) = (request.text("error")?.cloned(), request.text("cause")?.cloned());
    let stopped = journal.stop(&arn.canonical(), error, cause).await.map_err(|error| of_journal(&error))?;
    let record = stopped.ok_or_else(|| execution_does_not_exist(text))?;
    let stopped_at = record.stopped_at.unwrap_or_else(|| environment.now());
    Ok(object! { "stopDate" => epoch_seconds(stopped_at) }.into())
}
