use windlass_jsonata::{Expression, Limits, World};
use windlass_value::{Value, object};

use crate::answer::Call;
use crate::error::MockError;

/// A JSONata expression of a mock. `$states.input` is what the task sends,
/// `$states.context` says which call it is.
#[derive(Clone, Debug)]
pub(crate) struct Script(Expression);

// What is compiled follows from the source.
impl PartialEq for Script {
    fn eq(&self, other: &Script) -> bool {
        self.source() == other.source()
    }
}

impl Script {
    /// The expression between `{%` and `%}`; `None` for a text that is none.
    pub(crate) fn read(text: &str) -> Option<Result<Script, MockError>> {
        let source = text.strip_prefix("{%")?.strip_suffix("%}")?;
        let compiled = Expression::compile(source.trim());
        Some(compiled.map(Script).map_err(|error| MockError::new(format!("no valid JSONata: {error}"))))
    }

    /// Its value; an error says why it has none.
    pub(crate) fn evaluate(&self, call: &Call<'_>) -> Result<Option<Value>, String> {
        let states = object! { "input" => call.parameters, "context" => call.context() };
        let world = World { now: call.at, seed: call.seed };
        self.0.evaluate(&[("states", states)], &world, &Limits::default()).map_err(|error| error.text())
    }

    pub(crate) fn source(&self) -> &str {
        self.0.source()
    }
}
