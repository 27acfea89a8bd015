use std::fmt;

use windlass_value::{Timestamp, Value};

use crate::failure::Failure;

/// What an evaluation sees beside its input: the context object, variables, and
/// the clock and randomness that were given with the event.
pub trait Surroundings {
    /// The whole context object (`$$`, `$states.context`). Built on first use.
    fn context(&self) -> &Value;
    /// A variable in scope.
    fn variable(&self, name: &str) -> Option<&Value>;
    /// All variables in scope, inner before outer of the same name.
    fn variables(&self) -> Vec<(&str, &Value)>;
    /// The time of the event.
    fn now(&self) -> Timestamp;
    /// The next 64 random bits of the event's seed.
    fn random(&self) -> u64;
    /// Size of any value in an expression and characters of any text there, where this
    /// is the state's result so far; `None`: what AWS was measured at.
    fn expression_bytes_max(&self, _result: Option<&Value>) -> Option<usize> {
        None
    }
    /// Notes the fuel an expression burned, whether it succeeded or not.
    fn spend(&self, _fuel: u64) {}
    /// Told of every path, intrinsic function and expression: what it gave, and where it
    /// stands in its state in AWS's grammar (`Output/a/b[0]`), which is only written out
    /// for those who ask. Costs nothing where nobody does.
    fn evaluated(&self, _place: &dyn fmt::Display, _value: Result<&Value, &Failure>) {}
}
