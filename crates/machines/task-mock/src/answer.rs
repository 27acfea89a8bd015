use windlass_value::{Object, Text, Timestamp, Value, object};

use crate::entry::{Entry, Outcome, Validation};

/// A call that is to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Name of the state.
    pub state: &'a str,
    /// What the task sends.
    pub parameters: &'a Value,
    /// Calls that the state made before it in the execution.
    pub number: u32,
    /// Of a call in a Map: the iteration's indexes, those around it first, and the calls
    /// that the state made before it in the iteration.
    pub iteration: Option<(&'a [u32], u32)>,
    /// Retries of the state so far.
    pub retry_count: u32,
    /// `Execution` of the context that scripts see.
    pub execution: &'a Value,
    /// The instant scripts read.
    pub at: Timestamp,
    /// Where the randomness of scripts starts from.
    pub seed: u64,
}

impl Call<'_> {
    pub(crate) fn context(&self) -> Value {
        let mut mock = Object::new();
        mock.insert("Invocation", self.number);
        if let Some((indexes, _)) = self.iteration {
            mock.insert("Iteration", Value::array(indexes.iter().map(|index| Value::from(*index)).collect()));
        }
        object! {
            "Execution" => self.execution,
            "State" => object! { "Name" => self.state, "RetryCount" => self.retry_count },
            "Mock" => mock,
        }
    }
}

/// A result or a failure.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The task's result.
    Return(Value),
    /// Its failure.
    Throw {
        /// The error's name.
        error: Text,
        /// The cause, if there is one.
        cause: Option<Text>,
    },
}

/// What a call is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Given {
    /// The answer.
    pub answer: Answer,
    /// How long it takes, in milliseconds.
    pub delay_ms: u64,
    /// Of a job or a callback's request: what the service answers that takes it.
    pub submitted: Value,
    /// How far a result is to be checked against its API.
    pub validation: Validation,
}

impl Given {
    pub(crate) fn of(entry: &Entry, call: &Call<'_>, validation: Validation) -> Result<Given, Refusal> {
        let answer = match &entry.outcome {
            Outcome::Fixed(answer) => answer.clone(),
            Outcome::Computed(script) => match script.evaluate(call) {
                Ok(Some(value)) => Answer::Return(value),
                Ok(None) => return Err(Refusal::runtime(call, "its Script returned nothing (undefined)")),
                Err(error) => return Err(Refusal::runtime(call, &format!("its Script failed: {error}"))),
            },
        };
        let submitted = entry.submitted.clone().unwrap_or_else(|| match &answer {
            Answer::Return(value) => value.clone(),
            Answer::Throw { .. } => Value::empty_object(),
        });
        Ok(Given { answer, delay_ms: entry.delay_ms, submitted, validation })
    }
}

/// Why a call gets no answer: its execution fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whether what was sent is not what was expected; else there is no answer.
    pub is_assertion: bool,
    /// The cause.
    pub cause: String,
}

impl Refusal {
    pub(crate) fn runtime(call: &Call<'_>, why: &str) -> Refusal {
        Refusal { is_assertion: false, cause: format!("The mock of the state '{}': {why}.", call.state) }
    }

    /// A result that its API could not have given.
    pub fn unfit(state: &str, problem: &str) -> Refusal {
        let cause = format!("The mock of the state '{state}': its result could not be one of the API: {problem}.");
        Refusal { is_assertion: false, cause }
    }

    pub(crate) fn assertion(call: &Call<'_>, differences: &[String]) -> Refusal {
        let cause =
            format!("The state '{}' did not send what its mock expects: {}.", call.state, differences.join("; "));
        Refusal { is_assertion: true, cause }
    }

    pub(crate) fn within(self, place: &str) -> Refusal {
        let cause = self.cause.strip_suffix('.').unwrap_or(&self.cause);
        Refusal { cause: format!("{cause} ({place})."), ..self }
    }
}
