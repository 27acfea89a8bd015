//! Services as the integrations name them, and the documents of their calls.

use bytes::Bytes;
use windlass_protocol::{Fault, Models, Operation, Reply, SdkInput, SdkProblem, ServiceModel};
use windlass_value::{Object, Text, Value};
use windlass_workflow::TaskCall;

use super::failure::Failure;
use super::task_call::TaskCaller;

/// The largest payload of an answer that is taken into memory.
const ANSWER_BODY_BYTES_MAX: u64 = 16 << 20;

/// A service as the SDK knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SdkService {
    pub(super) model: &'static ServiceModel,
    /// The dispatcher's name of it.
    pub(super) name: &'static str,
    /// Before the dot of error names.
    pub(super) prefix: &'static str,
}

impl SdkService {
    /// The service of a resource's `aws-sdk:<name>`; `None` where no model is known.
    pub(super) fn of(sdk: &str) -> Option<SdkService> {
        let service = Models::embedded().generic(sdk)?;
        Some(SdkService { model: service.model, name: service.model.name, prefix: service.error_prefix })
    }

    /// Whether this is Step Functions itself.
    pub(super) fn is_own(self) -> bool {
        self.name == "states"
    }
}

/// What a service answered.
pub(super) struct ApiAnswer {
    pub(super) reply: Reply,
    pub(super) body: Bytes,
    pub(super) request_id: Text,
}

/// A fault, and the request that met it.
pub(super) struct ApiFault {
    pub(super) fault: Fault,
    pub(super) request_id: Text,
}

/// Makes a call of an operation. A call to our own service runs to its end even
/// when its task is cancelled: dropped half-way it could leave behind an
/// execution that nobody goes on with.
pub(super) async fn call_api(
    caller: TaskCaller<'_>,
    task: &TaskCall,
    service: SdkService,
    operation: &Operation,
    mut input: SdkInput,
) -> Result<ApiAnswer, ApiFault> {
    // The SDK fills this in; ours follows from the attempt, so that its repeat is none.
    if let (Some(token), Value::Object(given)) = (service.model.idempotency_token(operation), &input.input)
        && !given.contains_key(token)
    {
        let mut members = Object::clone(given);
        members.insert(token, caller.name_for(task));
        input.input = members.into();
    }
    let call = caller.call(task, service.name, &operation.name, input.input, input.body);
    let request_id = call.request_id.clone();
    let outcome = if service.is_own() { caller.make(call).await } else { caller.dispatcher.call(call).await };
    let refused = |fault: Fault| ApiFault { fault, request_id: request_id.clone() };
    let reply = outcome.map_err(refused)?;
    let body = match reply.body.in_memory() {
        Some(bytes) => bytes.clone(),
        None => {
            let body = reply.body.clone();
            let read = tokio::task::spawn_blocking(move || body.read(ANSWER_BODY_BYTES_MAX)).await;
            let read = read.map_err(|error| error.to_string()).and_then(|read| read.map_err(|error| error.to_string()));
            read.map_err(|error| refused(Fault::internal(error)))?
        }
    };
    Ok(ApiAnswer { reply, body, request_id })
}

/// The cause of a task that cannot start with these parameters, all of its
/// problems together.
pub(super) fn cannot_start(parameters: &Value, problems: &[String]) -> String {
    format!("The Parameters '{parameters}' could not be used to start the Task: [{}]", problems.join(", "))
}

/// A problem in AWS's words.
pub(super) fn problem_text(problem: &SdkProblem) -> String {
    match problem {
        SdkProblem::Missing(name) => format!("The field '{name}' is required but was missing"),
        SdkProblem::Unknown(name) => format!("The field '{name}' is not supported by Step Functions"),
        SdkProblem::Invalid(name) => format!("The value of the field '{name}' has an invalid format"),
    }
}

/// The failure of a call whose parameters turned out to be unusable only now.
pub(super) fn unusable(parameters: &Value, problems: &[SdkProblem]) -> Failure {
    let problems: Vec<String> = problems.iter().map(problem_text).collect();
    Failure::runtime(cannot_start(parameters, &problems))
}
