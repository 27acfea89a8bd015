use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use windlass_protocol::{BoxFuture, Call, Fault, Outcome, Service};
use windlass_task_mock::{Answer, Call as MockedCall};
use windlass_value::Value;

use super::document::{with_payload, without_payload};
use super::rule::MockTarget;

/// Answers calls as a response of a mock file says. Calls are counted since the server
/// started.
pub(super) struct Mock {
    target: MockTarget,
    calls: AtomicU32,
}

impl Mock {
    pub(super) fn new(target: MockTarget) -> Mock {
        Mock { target, calls: AtomicU32::new(0) }
    }

    async fn answer(&self, call: Call) -> Outcome {
        let number = self.calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |calls| calls.checked_add(1));
        let parameters = with_payload(&call).await?;
        let asked = MockedCall {
            state: &call.operation,
            parameters: &parameters,
            number: number.unwrap_or(u32::MAX),
            iteration: None,
            retry_count: 0,
            execution: &Value::Null,
            at: super::endpoint::now(),
            seed: getrandom::u64().map_err(|error| Fault::internal(error.to_string()))?,
        };
        let given = self.target.answers.answer(&asked).map_err(|refusal| {
            tracing::warn!(service = %call.service, operation = %call.operation, cause = refusal.cause, "a mock could not answer");
            Fault::internal(refusal.cause)
        })?;
        if given.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(given.delay_ms)).await;
        }
        match given.answer {
            Answer::Return(output) => Ok(without_payload(&call, output)),
            Answer::Throw { error, cause } => {
                Err(Fault::new(&error, cause.as_deref().unwrap_or_default()).with_status(self.target.error_status))
            }
        }
    }
}

impl Service for Mock {
    fn name(&self) -> &'static str {
        "mock"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }
}
