use windlass_asl::{Pattern, Resource};
use windlass_protocol::Operation;
use windlass_value::Value;
use windlass_workflow::{TaskCall, TaskFailure};

use super::api_gateway;
use super::aws_sdk;
use super::bedrock;
use super::failure::Failure;
use super::http;
use super::job::Job;
use super::lambda;
use super::models::SdkService;
use super::optimized::Optimized;
use super::task_call::{Answered, TaskCaller};

/// How a task's call is made.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) kind: Kind,
    pub(super) pattern: Pattern,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// A function's ARN as Resource.
    Function,
    /// `lambda:invoke`.
    LambdaInvoke,
    /// An action of the table.
    Optimized(&'static Optimized),
    /// `bedrock:invokeModel`.
    InvokeModel,
    /// `apigateway:invoke`.
    ApiGateway,
    /// `http:invoke`.
    Http,
    /// `aws-sdk:…`.
    AwsSdk { service: SdkService, operation: &'static Operation },
}

impl Plan {
    /// The plan for a resource; an error says why this build cannot perform it.
    pub(super) fn of(resource: &Resource) -> Result<Plan, String> {
        let (service, action, pattern) = match resource {
            Resource::Function => return Ok(Plan { kind: Kind::Function, pattern: Pattern::RequestResponse }),
            Resource::Activity => return Err("An activity is performed by its workers.".to_owned()),
            Resource::Integration { service, action, pattern } => (&**service, &**action, *pattern),
        };
        let kind = match (service, action) {
            ("lambda", "invoke") => Kind::LambdaInvoke,
            ("bedrock", "invokeModel") => Kind::InvokeModel,
            ("apigateway", "invoke") => Kind::ApiGateway,
            ("http", "invoke") => Kind::Http,
            _ => match service.strip_prefix("aws-sdk:") {
                Some(sdk) => {
                    let service = SdkService::of(sdk).ok_or_else(|| {
                        format!("The service integration 'aws-sdk:{sdk}:{action}' cannot be called: this build has no model of a service '{sdk}'. Check its name (that of the AWS SDK for Java 2.x, in lower case).")
                    })?;
                    Kind::AwsSdk { service, operation: aws_sdk::operation(service, sdk, action)? }
                }
                None => match Optimized::of(service, action) {
                    Some(row) => {
                        row.api()?;
                        Kind::Optimized(row)
                    }
                    None => return Err(no_backend(service, action, pattern)),
                },
            },
        };
        let plan = Plan { kind, pattern };
        if plan.is_sync() && plan.job().is_none() {
            return Err(no_backend(service, action, pattern));
        }
        Ok(plan)
    }

    /// Whether the task waits for a job to end.
    pub(super) fn is_sync(&self) -> bool {
        matches!(self.pattern, Pattern::Sync | Pattern::Sync2)
    }

    /// The job that a `.sync` task waits for.
    pub(super) fn job(&self) -> Option<(&'static Optimized, &'static Job)> {
        match self.kind {
            Kind::Optimized(row) if self.is_sync() => Some((row, row.job?)),
            _ => None,
        }
    }

    /// Whether the call takes a slot. Calls to our own service do not: they hold
    /// nothing outside, and one may wait for another that would need a slot too.
    pub(super) fn is_outgoing(&self) -> bool {
        match &self.kind {
            Kind::Optimized(row) => !row.is_own(),
            Kind::AwsSdk { service, .. } => !service.is_own(),
            Kind::Function | Kind::LambdaInvoke | Kind::InvokeModel | Kind::ApiGateway | Kind::Http => true,
        }
    }

    /// The dispatcher's service and the operation that the task calls; `None` where it is
    /// no such call.
    pub(super) fn operation(&self) -> Option<(SdkService, &'static Operation)> {
        match &self.kind {
            Kind::Optimized(row) => row.api().ok(),
            Kind::AwsSdk { service, operation } => Some((*service, operation)),
            Kind::Function | Kind::LambdaInvoke | Kind::InvokeModel | Kind::ApiGateway | Kind::Http => None,
        }
    }

    /// Why these parameters cannot start the task; `None` when they can.
    pub(super) fn refusal(&self, parameters: &Value) -> Option<String> {
        match &self.kind {
            Kind::Function => None,
            Kind::LambdaInvoke => lambda::refusal(parameters),
            Kind::Optimized(row) => row.refusal(parameters),
            Kind::InvokeModel => bedrock::refusal(parameters),
            Kind::ApiGateway => api_gateway::refusal(parameters),
            Kind::Http => http::refusal(parameters),
            Kind::AwsSdk { service, operation } => aws_sdk::refusal(*service, operation, parameters),
        }
    }

    /// Makes the call.
    pub(super) async fn perform(&self, caller: TaskCaller<'_>, call: &TaskCall) -> Result<Answered, Failure> {
        let output = match &self.kind {
            Kind::Function => lambda::call_function(caller, call).await?,
            Kind::LambdaInvoke => lambda::invoke(caller, call).await?,
            Kind::Optimized(row) => row.call(caller, call, self.pattern).await?,
            Kind::InvokeModel => bedrock::invoke_model(caller, call).await?,
            Kind::ApiGateway => api_gateway::invoke(caller, call).await?,
            Kind::Http => http::invoke(caller, call).await?,
            Kind::AwsSdk { service, operation } => aws_sdk::call(caller, call, *service, operation).await?,
        };
        let is_answer = self.pattern == Pattern::RequestResponse;
        Ok(if is_answer { Answered::Result(output) } else { Answered::Submitted(output) })
    }

    /// What a failure of the call is called in the history.
    pub(super) fn failure(&self) -> TaskFailure {
        if self.pattern == Pattern::RequestResponse { TaskFailure::Run } else { TaskFailure::Submit }
    }
}

/// The cause of a task that this build cannot perform.
fn no_backend(service: &str, action: &str, pattern: Pattern) -> String {
    format!(
        "This build of Windlass cannot perform the service integration '{service}:{action}{}'. Call it from a Lambda function or an activity worker instead.",
        pattern.suffix()
    )
}
