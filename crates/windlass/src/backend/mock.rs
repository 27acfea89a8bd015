use windlass_protocol::{BoxFuture, Call, Outcome, Reply, Service};

use super::MockAnswer;

/// Answers every call alike.
pub(super) struct Mock {
    answer: MockAnswer,
}

impl Mock {
    pub(super) fn new(answer: MockAnswer) -> Mock {
        Mock { answer }
    }
}

impl Service for Mock {
    fn name(&self) -> &'static str {
        "mock"
    }

    fn call(&self, _: Call) -> BoxFuture<'_, Outcome> {
        let answer = match &self.answer {
            MockAnswer::Output(output) => Ok(Reply::from(output.clone())),
            MockAnswer::Error(fault) => Err(fault.clone()),
        };
        Box::pin(std::future::ready(answer))
    }
}
