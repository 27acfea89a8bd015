use windlass_asl::{Pattern, Resource};
use windlass_value::Value;
use windlass_workflow::{TaskCall, TaskFailure};

use super::aws_sdk::{self, SdkService};
use super::failure::Failure;
use super::task_call::{Answered, TaskCaller};
use super::{lambda, states};

/// How a task's call is made.
#[derive(Clone, Debug)]
pub(super) enum Plan {
    /// A function's ARN as Resource.
    Function,
    /// `lambda:invoke`; with `wait`, `.waitForTaskToken`.
    LambdaInvoke { wait: bool },
    /// `states:startExecution`; with `wait`, `.waitForTaskToken`.
    StartExecution { wait: bool },
    /// `aws-sdk:…` of a service that is hosted here.
    AwsSdk { service: SdkService, action: String, wait: bool },
}

impl Plan {
    /// The plan for an integration; `None` where this build has no backend.
    pub(super) fn of_integration(service: &str, action: &str, pattern: Pattern) -> Option<Plan> {
        let wait = match pattern {
            Pattern::RequestResponse => false,
            Pattern::WaitForTaskToken => true,
            Pattern::Sync | Pattern::Sync2 => return None,
        };
        match (service, action) {
            ("lambda", "invoke") => Some(Plan::LambdaInvoke { wait }),
            ("states", "startExecution") => Some(Plan::StartExecution { wait }),
            _ => {
                let service = SdkService::of(service.strip_prefix("aws-sdk:")?)?;
                Some(Plan::AwsSdk { service, action: action.to_owned(), wait })
            }
        }
    }

    /// Whether the call takes a slot. Calls to our own service do not: they hold
    /// nothing outside, and one may wait for another that would need a slot too.
    pub(super) fn is_outgoing(&self) -> bool {
        match self {
            Plan::Function | Plan::LambdaInvoke { .. } => true,
            Plan::StartExecution { .. } => false,
            Plan::AwsSdk { service, .. } => !service.is_own(),
        }
    }

    /// Why these parameters cannot start the task; `None` when they can.
    pub(super) fn refusal(&self, parameters: &Value) -> Option<String> {
        match self {
            Plan::Function | Plan::AwsSdk { .. } => None,
            Plan::LambdaInvoke { .. } => lambda::PARAMETERS.refusal(parameters),
            Plan::StartExecution { .. } => states::PARAMETERS.refusal(parameters),
        }
    }

    /// Makes the call.
    pub(super) async fn perform(&self, caller: TaskCaller<'_>, call: &TaskCall) -> Result<Answered, Failure> {
        let (output, wait) = match self {
            Plan::Function => (lambda::call_function(caller, call).await?, false),
            Plan::LambdaInvoke { wait } => (lambda::invoke(caller, call).await?, *wait),
            Plan::StartExecution { wait } => (states::start_execution(caller, call).await?, *wait),
            Plan::AwsSdk { service, action, wait } => (aws_sdk::call(caller, call, *service, action).await?, *wait),
        };
        Ok(if wait { Answered::Submitted(output) } else { Answered::Result(output) })
    }

    /// What a failure of the call is called in the history.
    pub(super) fn failure(&self) -> TaskFailure {
        match self {
            Plan::LambdaInvoke { wait: true }
            | Plan::StartExecution { wait: true }
            | Plan::AwsSdk { wait: true, .. } => TaskFailure::Submit,
            _ => TaskFailure::Run,
        }
    }
}

/// The cause of a task that this build cannot perform.
pub(super) fn no_backend(resource: &Resource) -> String {
    let name = match resource {
        Resource::Integration { service, action, pattern } => format!("{service}:{action}{}", pattern.suffix()),
        Resource::Function => "lambda".to_owned(),
        Resource::Activity => "activity".to_owned(),
    };
    format!(
        "This build of Windlass has no backend for the service integration '{name}'. Call it from a Lambda function or an activity worker instead, or use a build that hosts it."
    )
}
