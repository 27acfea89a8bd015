//! `/_windlass/executions/…`

use windlass_protocol::Fault;
use windlass_value::{Arn, Object, Value, object};

use super::{Ask, described};

/// Executions that one request redrives.
const REDRIVES_MAX: usize = 100;

/// `DescribeExecution` and what only this server knows: `forkedFrom`, `eventCount`.
pub(super) async fn describe(ask: Ask<'_>) -> Result<Value, Fault> {
    ask.call("windlass:DescribeExecution", ask.input.clone()).await
}

/// The last Express executions.
pub(super) async fn express(ask: Ask<'_>) -> Result<Value, Fault> {
    ask.call("windlass:ListExpressExecutions", ask.input.clone()).await
}

/// One of them, with its events as far as they are kept.
pub(super) async fn describe_express(ask: Ask<'_>) -> Result<Value, Fault> {
    ask.call("windlass:DescribeExpressExecution", ask.input.clone()).await
}

/// Executions of all state machines by what they are like.
pub(super) async fn find(ask: Ask<'_>) -> Result<Value, Fault> {
    ask.call("windlass:FindExecutions", ask.input.clone()).await
}

/// How executions do.
pub(super) async fn overview(ask: Ask<'_>) -> Result<Value, Fault> {
    ask.call("windlass:Overview", ask.input.clone()).await
}

/// What waits for people.
pub(super) async fn waiting(ask: Ask<'_>) -> Result<Value, Fault> {
    ask.call("windlass:ListWaitingTasks", ask.input.clone()).await
}

/// What the state of an event saw and evaluated.
pub(super) async fn moment(ask: Ask<'_>) -> Result<Value, Fault> {
    ask.call("windlass:DescribeMoment", ask.input.clone()).await
}

/// Redrives one execution, or each of `executionArns`: then every one has its
/// own result, in their order.
pub(super) async fn redrive(ask: Ask<'_>) -> Result<Value, Fault> {
    let Some(listed) = ask.input.get("executionArns") else {
        return ask.call("windlass:RedriveExecution", ask.input.clone()).await;
    };
    let Some(arns) = listed.as_array().filter(|arns| (1..=REDRIVES_MAX).contains(&arns.len())) else {
        return Err(Fault::validation(format!("'executionArns' must be a list of 1 to {REDRIVES_MAX} ARNs")));
    };
    let mut common = ask.input.clone();
    common.remove("executionArns");
    let mut results = Vec::with_capacity(arns.len());
    // One after the other: what they do next runs at once anyway.
    for arn in arns.iter() {
        let mut input = common.clone();
        input.insert("executionArn", arn.clone());
        results.push(match ask.call("windlass:RedriveExecution", input).await {
            Ok(redriven) => redriven,
            Err(fault) => object! { "executionArn" => arn.clone(), "error" => described(&fault) },
        });
    }
    Ok(object! { "results" => Value::array(results) })
}

/// Starts an execution that goes on from a moment of another one.
pub(super) async fn fork(ask: Ask<'_>) -> Result<Value, Fault> {
    let machine_arn = machine_of(ask.text("executionArn")?)?;
    let mut input: Object = ask.input.clone();
    // Leave to start executions is asked for on the state machine.
    input.insert("stateMachineArn", machine_arn);
    ask.call("windlass:ForkExecution", input).await
}

/// The ARN of an execution's state machine.
fn machine_of(execution_arn: &str) -> Result<String, Fault> {
    let invalid = || Fault::new("InvalidArn", format!("Invalid Arn: 'Invalid ARN: {execution_arn}'"));
    let arn = Arn::parse(execution_arn).ok_or_else(invalid)?;
    let name = arn.resource.strip_prefix("execution:").and_then(|rest| rest.split(':').next()).ok_or_else(invalid)?;
    let head = execution_arn.split(":execution:").next().ok_or_else(invalid)?;
    Ok(format!("{head}:stateMachine:{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_names_its_state_machine() {
        let found = machine_of("arn:aws-cn:states:cn-north-1:111111111111:execution:m:e").expect("a machine");
        assert_eq!(found, "arn:aws-cn:states:cn-north-1:111111111111:stateMachine:m");
        for wrong in ["", "x", "arn:aws:states:us-east-1:111111111111:stateMachine:m"] {
            assert!(machine_of(wrong).is_err(), "{wrong}");
        }
    }
}
