use std::collections::HashMap;

use windlass_value::{Object, Text, Value, object, parse};

use crate::answer::{Call, Given, Refusal};
use crate::entry::Validation;
use crate::error::MockError;
use crate::response::Answers;

/// Bytes of a test case at most: it is kept with every execution of it.
const CASE_BYTES_MAX: usize = 4 << 20;

/// What one execution takes of a mock file: its name and the answers by state.
#[derive(Clone, Debug)]
pub struct TestCase {
    name: Text,
    by_state: HashMap<Text, Answers>,
    validation: Validation,
    text: Text,
    responses: Object,
}

impl TestCase {
    /// A case with the response of each state as a mock file writes it; `validation` is
    /// for states that say nothing of it.
    ///
    /// # Errors
    /// What is wrong, and of which state; that it is larger than 4 MiB.
    pub fn new(name: &str, states: &Object, validation: Validation) -> Result<TestCase, MockError> {
        let mut by_state = HashMap::new();
        for (state, response) in states.iter() {
            by_state.insert(state.clone(), Answers::read(response).map_err(|error| error.within(state))?);
        }
        let text = object! { "Case" => name, "States" => states.clone(), "Validation" => validation.as_str() };
        let text = text.to_text();
        if text.len() > CASE_BYTES_MAX {
            return Err(MockError::new(format!(
                "the case '{name}' has {} bytes; it may have {CASE_BYTES_MAX}",
                text.len()
            )));
        }
        Ok(TestCase { name: name.into(), by_state, validation, text: text.into(), responses: states.clone() })
    }

    /// Reads back what [`TestCase::text`] gave.
    ///
    /// # Errors
    /// Where the text is none of ours.
    pub fn from_text(text: &str) -> Result<TestCase, MockError> {
        let value = parse(text).map_err(|error| MockError::new(error.to_string()))?;
        let name = value.get("Case").and_then(Value::as_str).unwrap_or_default();
        let states = value.get("States").and_then(Value::as_object).ok_or_else(|| MockError::new("no States"))?;
        let validation = value.get("Validation").map(Validation::read).transpose()?.unwrap_or_default();
        TestCase::new(name, states, validation)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of it as text, to keep with an execution.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// The response of each state, as written.
    pub fn responses(&self) -> &Object {
        &self.responses
    }

    /// How far the answers of states that say nothing of it are checked.
    pub fn validation(&self) -> Validation {
        self.validation
    }

    /// The states it answers for, in no order.
    pub fn states(&self) -> impl Iterator<Item = &Text> {
        self.by_state.keys()
    }

    /// Whether it answers for a state.
    pub fn mocks(&self, state: &str) -> bool {
        self.by_state.contains_key(state)
    }

    /// What a call is answered; `None` where the state is not mocked, so that the real
    /// call is made.
    ///
    /// # Errors
    /// There is no answer for this call, or what it sends is not what is expected.
    pub fn answer(&self, call: &Call<'_>) -> Option<Result<Given, Refusal>> {
        let answers = self.by_state.get(call.state)?;
        Some(answers.answer_within(call, self.validation))
    }
}
