use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use windlass_protocol::{Body, Call, Fault, Outcome, Reply, Service};
use windlass_value::object;

/// Functions that behave as their names say.
#[derive(Default)]
pub(crate) struct FakeLambda {
    /// Calls that were sent.
    pub(crate) calls: AtomicUsize,
    /// Calls dropped before they were answered.
    pub(crate) dropped: AtomicUsize,
}

struct Pending<'a>(&'a AtomicUsize);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl FakeLambda {
    async fn answer(&self, call: Call) -> Outcome {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let name = call.input["FunctionName"].as_str().unwrap_or_default();
        let name = name.rsplit(':').next().unwrap_or_default();
        let succeeded =
            |body: Body| Reply { output: object! { "StatusCode" => 200, "ExecutedVersion" => "$LATEST" }, body };
        let failed = |body: &'static str| Reply {
            output: object! { "StatusCode" => 200, "ExecutedVersion" => "$LATEST", "FunctionError" => "Unhandled" },
            body: body.into(),
        };
        match name {
            "echo" => Ok(succeeded(call.body)),
            "boom" => Ok(failed(r#"{"errorMessage": "no", "errorType": "Boom", "stackTrace": []}"#)),
            "nameless" => Ok(failed(r#"{"errorMessage": "timed out"}"#)),
            "plain" => Ok(succeeded("not json".into())),
            "nothing" => Ok(Reply { output: object! { "StatusCode" => 202 }, body: Body::empty() }),
            "inspect" => {
                let seen = object! {
                    "input" => &call.input,
                    "principal" => &call.principal.arn,
                    "source" => call.source_arn.clone(),
                    "deadline" => call.deadline.map(|at| at.to_rfc3339()),
                    "key" => call.idempotency_key.is_some(),
                };
                Ok(succeeded(seen.to_text().into()))
            }
            "slow" => {
                let _pending = Pending(&self.dropped);
                std::future::pending().await
            }
            "down" => Err(Fault::internal("down")),
            _ => Err(Fault::new("ResourceNotFoundException", format!("Function not found: {name}")).with_status(404)),
        }
    }
}

impl Service for FakeLambda {
    fn name(&self) -> &'static str {
        "lambda"
    }

    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Outcome> + Send + '_>> {
        Box::pin(self.answer(call))
    }
}
