//! Tasks that mocks answer.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use windlass_asl::{Pattern, Resource};
use windlass_journal::TaskJob;
use windlass_task_mock::{Answer, Call, Given, Refusal, TestCase, Validation};
use windlass_value::{Payload, Text, object};
use windlass_workflow::{Identity, MOCK_ASSERTION_FAILED, TaskCall, TaskFailure};

use super::{Integrations, mocked_result_problem};

/// Test cases kept ready; executions bring their own as text.
const CASES_MAX: usize = 64;

/// The test cases used last, by their text.
#[derive(Default)]
pub(super) struct TestCases(Mutex<Vec<(Text, Arc<TestCase>)>>);

impl TestCases {
    /// The test case that mocks a call; `None` where the real call is to be made.
    pub(super) fn of(&self, call: &TaskCall) -> Option<Arc<TestCase>> {
        let case = self.read(&call.mocked.as_ref()?.mocks)?;
        case.mocks(&call.state).then_some(case)
    }

    fn read(&self, text: &Text) -> Option<Arc<TestCase>> {
        let mut cases = self.0.lock();
        if let Some(at) = cases.iter().position(|(known, _)| Arc::ptr_eq(known, text) || known == text) {
            return cases.get(at).map(|(_, case)| case.clone());
        }
        let case = match TestCase::from_text(text) {
            Ok(case) => Arc::new(case),
            Err(error) => {
                tracing::error!(%error, "the test case of an execution cannot be read; its tasks are not mocked");
                return None;
            }
        };
        if cases.len() >= CASES_MAX {
            cases.remove(0);
        }
        cases.push((text.clone(), case.clone()));
        Some(case)
    }
}

impl Integrations {
    /// Answers a task as its mock says; the history is that of a real call. `is_submitted`
    /// is whether it has gone on as far as that already, before a restart.
    pub(super) fn answer_mocked(self: Arc<Self>, case: Arc<TestCase>, job: TaskJob, is_submitted: bool) {
        let (arn, task) = (job.identity.arn.clone(), job.call.task);
        let integrations = self.clone();
        self.running.spawn(arn, task, async move {
            let TaskJob { identity, call, started, answers } = job;
            if started.is_none() && !is_submitted && !answers.started(None).await {
                return;
            }
            let given = match integrations.given(&case, &identity, &call) {
                Ok(given) => given,
                Err(refusal) => {
                    let error = if refusal.is_assertion { MOCK_ASSERTION_FAILED } else { "States.Runtime" };
                    tracing::warn!(execution = %identity.arn, state = %call.state, case = case.name(), error, cause = refusal.cause, "a mock could not answer");
                    answers.failed(Some(error.into()), Some(refusal.cause.into()), TaskFailure::Run).await;
                    return;
                }
            };
            if is_submission(&call.resource) && !is_submitted {
                answers.submitted(Payload::from_value(given.submitted)).await;
            }
            if given.delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(given.delay_ms)).await;
            }
            match given.answer {
                Answer::Return(result) => answers.succeeded(Payload::from_value(result)).await,
                Answer::Throw { error, cause } => answers.failed(Some(error), cause, TaskFailure::Run).await,
            };
        });
    }

    fn given(&self, case: &TestCase, identity: &Identity, call: &TaskCall) -> Result<Given, Refusal> {
        let missing = || Refusal { is_assertion: false, cause: "The mock of the state is gone.".to_owned() };
        let mocked = call.mocked.as_ref().ok_or_else(missing)?;
        let execution = object! { "Id" => &identity.arn, "Name" => &identity.name, "Input" => identity.input.value() };
        let asked = Call {
            state: &call.state,
            parameters: call.parameters.value(),
            number: mocked.number,
            iteration: mocked.iteration.as_ref().map(|call| (&*call.indexes, call.number)),
            retry_count: call.retry_count,
            execution: &execution,
            at: self.environment.now(),
            seed: self.environment.draw(u64::MAX),
        };
        let given = case.answer(&asked).unwrap_or_else(|| Err(missing()))?;
        if let Answer::Return(result) = &given.answer
            && given.validation != Validation::None
            && let Some(problem) = mocked_result_problem(&call.resource, result, given.validation == Validation::Strict)
        {
            return Err(Refusal::unfit(&call.state, &problem));
        }
        Ok(given)
    }
}

/// Whether the service first takes a request that is answered later.
fn is_submission(resource: &Resource) -> bool {
    matches!(resource, Resource::Integration { pattern, .. } if *pattern != Pattern::RequestResponse)
}
