use windlass_value::Value;

use crate::surroundings::Surroundings;

/// What one evaluation reads.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// JSONPath: `$`. JSONata: `$states.input`.
    pub input: &'a Value,
    /// JSONata: `$states.result`, where there is one.
    pub result: Option<&'a Value>,
    /// JSONata: `$states.errorOutput`, in a catcher.
    pub error_output: Option<&'a Value>,
    /// Context object, variables, clock, randomness.
    pub surroundings: &'a dyn Surroundings,
}

impl<'a> Scope<'a> {
    /// A scope with only an input.
    pub fn new(input: &'a Value, surroundings: &'a dyn Surroundings) -> Scope<'a> {
        Scope { input, result: None, error_output: None, surroundings }
    }
}
