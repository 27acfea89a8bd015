use std::cell::OnceCell;

use windlass_asl::{Machine, Scope, Surroundings};
use windlass_journal::ConcurrencyLimit;
use windlass_protocol::Fault;
use windlass_value::{Timestamp, Value, object};
use windlass_workflow::Identity;

use crate::environment::Environment;
use crate::fault::invalid_execution_input;

/// The limit that a machine sets for executions of this input's key; `None` where it sets none.
///
/// # Errors
/// `InvalidExecutionInput` where the input has no key.
pub(super) fn limit_of(
    program: &Machine,
    identity: &Identity,
    environment: &Environment,
) -> Result<Option<ConcurrencyLimit>, Fault> {
    let Some(concurrency) = program.concurrency.as_ref().filter(|_| !identity.express) else { return Ok(None) };
    let start = Start { identity, environment, context: OnceCell::new() };
    let key = concurrency.key_of(&Scope::new(identity.input.value(), &start));
    let key = key.map_err(|failure| invalid_execution_input(&format!("x-concurrency: {}", failure.cause)))?;
    Ok(Some(ConcurrencyLimit { key, limit: concurrency.limit, policy: concurrency.policy }))
}

/// What a key may read beside the input.
struct Start<'a> {
    identity: &'a Identity,
    environment: &'a Environment,
    context: OnceCell<Value>,
}

impl Surroundings for Start<'_> {
    fn context(&self) -> &Value {
        self.context.get_or_init(|| {
            let Identity { arn, name, machine_arn, machine_name, role_arn, started_at, input, .. } = self.identity;
            object! {
                "Execution" => object! {
                    "Id" => arn,
                    "Input" => input.value(),
                    "StartTime" => started_at.to_rfc3339(),
                    "Name" => name,
                    "RoleArn" => role_arn,
                },
                "StateMachine" => object! { "Id" => machine_arn, "Name" => machine_name },
            }
        })
    }

    fn variable(&self, _: &str) -> Option<&Value> {
        None
    }

    fn variables(&self) -> Vec<(&str, &Value)> {
        Vec::new()
    }

    fn now(&self) -> Timestamp {
        self.identity.started_at
    }

    fn random(&self) -> u64 {
        self.environment.draw(u64::MAX)
    }
}
