//! `SendTaskSuccess`, `SendTaskFailure`, `SendTaskHeartbeat`.

use windlass_journal::{Answer, Journal, TokenError};
use windlass_protocol::{Fault, Reply};
use windlass_value::{Payload, Text, Value};
use windlass_workflow::PAYLOAD_BYTES_MAX_AWS;

use crate::environment::Environment;
use crate::execution::check_bytes;
use crate::fault::{invalid_output, invalid_token, of_journal};
use crate::request::Request;

pub(crate) async fn success(
    journal: &Journal,
    environment: &Environment,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let output = request.required("output")?;
    if output.len() > PAYLOAD_BYTES_MAX_AWS {
        // Larger than AWS takes: whose task it is decides.
        let aws_limits = journal.aws_limits_of(request.required("taskToken")?).map_err(|error| of_journal(&error))?;
        check_bytes("output", output, environment.payload_bytes_max(aws_limits))?;
    }
    let output = Payload::from_text(Text::clone(output)).map_err(|error| invalid_output(&error.message))?;
    answer(journal, request, Answer::Success(output)).await
}

pub(crate) async fn failure(journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    let (error, cause) = (request.text("error")?.cloned(), request.text("cause")?.cloned());
    answer(journal, request, Answer::Failure { error, cause }).await
}

pub(crate) async fn heartbeat(journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    answer(journal, request, Answer::Heartbeat).await
}

async fn answer(journal: &Journal, request: Request<'_>, answer: Answer) -> Result<Reply, Fault> {
    let token = request.required("taskToken")?;
    match journal.answer(token, answer).await {
        Ok(()) => Ok(Value::empty_object().into()),
        Err(TokenError::Invalid) => Err(invalid_token()),
        Err(TokenError::TimedOut) => {
            Err(Fault::new("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'"))
        }
        Err(TokenError::DoesNotExist) => {
            Err(Fault::new("TaskDoesNotExist", "Task Does Not Exist: 'Provided task does not exist'"))
        }
        Err(TokenError::Unavailable(error)) => Err(of_journal(&error)),
    }
}
