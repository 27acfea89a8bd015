use windlass_value::Value;

use crate::failure::Failure;
use crate::jsonpath::{NoResult, Path};
use crate::program::PathField;
use crate::scope::Scope;

impl PathField {
    /// The document a state works on or hands over: for `InputPath` and
    /// `OutputPath`, `$` is `scope.input`.
    ///
    /// # Errors
    /// `States.Runtime` where the path selects nothing.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        match self {
            PathField::Whole => Ok(scope.input.clone()),
            PathField::Discard => Ok(Value::empty_object()),
            PathField::Path(path) => path.evaluate(scope).map_err(|error| invalid_path(path, &error)),
        }
    }
}

/// `Invalid path '$.x' : No results for path: $['x']`
pub(super) fn invalid_path(path: &Path, error: &NoResult) -> Failure {
    Failure::runtime(format!("Invalid path '{}' : {}", path.text(), error.message))
}
