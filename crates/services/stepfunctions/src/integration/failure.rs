use windlass_protocol::{Fault, ServiceModel, sdk_exception};
use windlass_value::Text;

/// How a task failed, as Retry, Catch and the history see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) error: Text,
    pub(super) cause: Text,
}

impl Failure {
    /// A failure of any name.
    pub(super) fn new(error: &str, cause: impl Into<Text>) -> Failure {
        Failure { error: error.into(), cause: cause.into() }
    }

    /// `States.TaskFailed`.
    pub(super) fn task(cause: String) -> Failure {
        Failure { error: "States.TaskFailed".into(), cause: cause.into() }
    }

    /// `States.Permissions`: the task may not do what it asks for.
    pub(super) fn permissions(cause: String) -> Failure {
        Failure { error: "States.Permissions".into(), cause: cause.into() }
    }

    /// `States.Runtime`: cannot be retried nor caught.
    pub(super) fn runtime(cause: String) -> Failure {
        Failure { error: "States.Runtime".into(), cause: cause.into() }
    }

    /// A fault of a service, as the optimized integrations write it:
    /// `Lambda.ResourceNotFoundException`, `… (Service: AWSLambda; Status Code: 404; …)`.
    pub(super) fn of_fault(
        fault: &Fault,
        names: ServiceNames,
        model: Option<&ServiceModel>,
        request_id: &str,
    ) -> Failure {
        let ServiceNames { prefix, service, unmodelled } = names;
        if let Some(failure) = of_no_service(fault, prefix) {
            return failure;
        }
        // What the service model does not name, the SDK knows by its own name.
        let error = match model.and_then(|model| model.error_name(&fault.code)) {
            Some(name) if name.ends_with("Exception") => format!("{prefix}.{name}"),
            Some(name) => format!("{prefix}.{name}Exception"),
            None => format!("{prefix}.{unmodelled}"),
        };
        let Fault { code, message, status, .. } = fault;
        let cause = format!(
            "{message} (Service: {service}; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
        );
        Failure { error: error.into(), cause: cause.into() }
    }

    /// The same, as the `aws-sdk` integrations write it:
    /// `Sfn.ExecutionDoesNotExistException`, `… (Service: Sfn, Status Code: 400, …)`.
    pub(super) fn of_sdk_fault(fault: &Fault, prefix: &str, model: &ServiceModel, request_id: &str) -> Failure {
        if let Some(failure) = of_no_service(fault, prefix) {
            return failure;
        }
        let error = match model.error_name(&fault.code) {
            Some(name) => format!("{prefix}.{}", sdk_exception(name)),
            None => format!("{prefix}.{prefix}Exception"),
        };
        let Fault { message, status, .. } = fault;
        // S3 names each request twice.
        let extended = match fault.members.get("HostId").and_then(windlass_value::Value::as_str) {
            Some(id) => format!(", Extended Request ID: {id}"),
            None if prefix == "S3" => format!(", Extended Request ID: {request_id}"),
            None => String::new(),
        };
        let cause = format!("{message} (Service: {prefix}, Status Code: {status}, Request ID: {request_id}{extended})");
        Failure { error: error.into(), cause: cause.into() }
    }
}

/// A fault that no service of AWS's answers: nothing is built or configured for the
/// call, which the text explains, or the service was not reached.
fn of_no_service(fault: &Fault, prefix: &str) -> Option<Failure> {
    match fault.code.as_str() {
        NOT_BUILT | NO_BACKEND => Some(Failure::task(fault.message.clone())),
        NOT_REACHED => Some(Failure::new(&format!("{prefix}.{NOT_REACHED}"), fault.message.clone())),
        _ => None,
    }
}

const NOT_BUILT: &str = "NotImplementedException";
/// The dispatcher's code for services that nothing is configured for.
const NO_BACKEND: &str = "NoBackendConfigured";
/// The code of what stood between us and the service's endpoint.
const NOT_REACHED: &str = "SdkClientException";

/// Whether the same call may succeed a little later.
pub(super) fn is_passing(fault: &Fault) -> bool {
    let code = fault.code.as_str();
    fault.code == NOT_REACHED
        || (fault.status >= 500 && fault.code != NOT_BUILT && fault.code != NO_BACKEND)
        || ["Throttl", "TooManyRequests", "RequestLimitExceeded", "ServiceUnavailable"]
            .iter()
            .any(|part| code.contains(part))
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
