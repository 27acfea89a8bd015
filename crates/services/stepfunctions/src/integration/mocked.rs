//! Tasks that are mocked: their parameters and results are held to what the integration
//! takes and gives.

use windlass_asl::{Pattern, Resource};
use windlass_protocol::{Models, ResultCheck, SdkInstants};
use windlass_value::Value;
use windlass_workflow::TaskCall;

use super::plan::{Kind, Plan};

/// Why a task could not be started with its parameters; `None` where it could, or where this
/// build does not know the integration.
pub(crate) fn parameters_refusal(call: &TaskCall) -> Option<String> {
    Plan::of(&call.resource).ok()?.refusal(call.parameters.value())
}

/// Why a document cannot be the result of a task: it is held to the API that gives the result,
/// which for `.sync` is the one that tells how the job stands. What a token's holder answers, a
/// function, a worker or any HTTP API, may be anything. `required`: what the API always answers must be there.
pub fn mocked_result_problem(resource: &Resource, result: &Value, required: bool) -> Option<String> {
    const LAMBDA_FREE: &[&str] = &["Payload"];
    const EXECUTION_FREE: &[&str] = &["Input", "Output"];
    let plan = Plan::of(resource).ok()?;
    if plan.pattern == Pattern::WaitForTaskToken {
        return None;
    }
    let models = Models::embedded();
    let of = |sdk: &str, operation: &str, naming: SdkInstants, free: &[&str]| {
        let operation = models.generic(sdk)?.model.operation(operation)?;
        models.result_problem(sdk, operation, result, &ResultCheck { required, naming, free })
    };
    let optimized = SdkInstants::EpochMs;
    match &plan.kind {
        Kind::LambdaInvoke => of("lambda", "Invoke", optimized, LAMBDA_FREE),
        Kind::Optimized(row) => match plan.job() {
            // Input and output of `.sync:2` are JSON, not text.
            Some((_, job)) if plan.pattern == Pattern::Sync2 => of(row.sdk(), job.describe, optimized, EXECUTION_FREE),
            Some((_, job)) => of(row.sdk(), job.describe, optimized, &[]),
            None => of(row.sdk(), row.operation(), optimized, &[]),
        },
        Kind::AwsSdk { service, operation } => {
            of(&service.prefix.to_lowercase(), &operation.name, SdkInstants::Rfc3339, &[])
        }
        Kind::Function | Kind::InvokeModel | Kind::ApiGateway | Kind::Http => None,
    }
}
