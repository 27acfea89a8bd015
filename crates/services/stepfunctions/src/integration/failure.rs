use windlass_protocol::Fault;
use windlass_value::Text;

/// How a task failed, as Retry, Catch and the history see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error: Text,
    pub(super) cause: Text,
}

impl Failure {
    /// `States.TaskFailed`.
    pub(super) fn task(cause: String) -> Failure {
        Failure { error: "States.TaskFailed".into(), cause: cause.into() }
    }

    /// `States.Runtime`: cannot be retried nor caught.
    pub(super) fn runtime(cause: String) -> Failure {
        Failure { error: "States.Runtime".into(), cause: cause.into() }
    }

    /// A fault of a service, as the optimized integrations write it:
    /// `Lambda.ResourceNotFoundException`, `… (Service: AWSLambda; Status Code: 404; …)`.
    pub(super) fn of_fault(fault: &Fault, names: ServiceNames, request_id: &str) -> Failure {
        if is_not_built(fault) {
            return Failure::task(fault.message.clone());
        }
        let ServiceNames { prefix, service, unmodelled } = names;
        let error = match fault.code.as_str() {
            // What the service model does not name, the SDK knows by its own name.
            "InternalFailure" | "ServiceUnavailable" | "ValidationException" | "AccessDeniedException" => {
                format!("{prefix}.{unmodelled}")
            }
            code if code.ends_with("Exception") => format!("{prefix}.{code}"),
            code => format!("{prefix}.{code}Exception"),
        };
        let Fault { code, message, status, .. } = fault;
        let cause = format!(
            "{message} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
        );
        Failure { error: error.into(), cause: cause.into() }
    }

    /// The same, as the `aws-sdk` integrations write it:
    /// `Sfn.ExecutionDoesNotExistException`, `… (Service: Sfn, Status Code: 400, …)`.
    pub(super) fn of_sdk_fault(fault: &Fault, prefix: &str, request_id: &str) -> Failure {
        if is_not_built(fault) {
            return Failure::task(fault.message.clone());
        }
        let Fault { code, message, status, .. } = fault;
        let error = match code.as_str() {
            "InternalFailure" | "ServiceUnavailable" => format!("{prefix}.{prefix}Exception"),
            code if code.ends_with("Exception") => format!("{prefix}.{code}"),
            code => format!("{prefix}.{code}Exception"),
        };
        let cause = format!("{message} (Service: {prefix}, Status Code: {status}, Request ID: {request_id})");
        Failure { error: error.into(), cause: cause.into() }
    }
}

/// What a service is called in errors and causes.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceNames {
    /// Before the dot of error names.
    pub(super) prefix: &'static str,
    /// In causes.
    pub(super) service: &'static str,
    /// The exception for errors that are not in the service's model.
    pub(super) unmodelled: &'static str,
}

pub(super) const LAMBDA: ServiceNames =
    ServiceNames { prefix: "Lambda", service: "AWSLambda", unmodelled: "AWSLambdaException" };

pub(super) const STEP_FUNCTIONS: ServiceNames =
    ServiceNames { prefix: "StepFunctions", service: "AWSStepFunctions", unmodelled: "AWSStepFunctionsException" };

/// Whether a fault says that something is not built here, which no service of
/// AWS's would ever answer.
fn is_not_built(fault: &Fault) -> bool {
    fault.code == "NotImplementedException"
}
