//! The intrinsic functions: `States.Format('{} items', $.count)`.

mod arrays;
mod call;
mod encoding;
mod format;
mod function;
mod json;
mod math;
mod parser;
mod text;

use std::fmt;
use std::sync::Arc;

use windlass_value::{Text, Value};

use crate::failure::Failure;
use crate::jsonpath::Path;
use crate::scope::Scope;
use call::Call;
pub use function::Function;

/// Deepest nesting of calls: ten calls inside each other.
pub const NESTING_MAX: usize = 10;

/// A checked call. Cloning shares.
#[derive(Clone)]
pub struct Intrinsic(Arc<Call>);

/// Text that is no call of an intrinsic function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrinsicError {
    /// What is wrong and where.
    pub message: String,
}

impl fmt::Display for IntrinsicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for IntrinsicError {}

impl Intrinsic {
    /// Checks a call: the function exists, takes that many arguments, and every
    /// argument is a text, a number, `true`, `false`, `null`, a path or a call.
    ///
    /// # Errors
    /// Where the text is anything else or nests deeper than [`NESTING_MAX`].
    pub fn parse(text: &str) -> Result<Intrinsic, IntrinsicError> {
        parser::intrinsic(text).map(|call| Intrinsic(Arc::new(call)))
    }

    /// The call as it was written.
    pub fn text(&self) -> &str {
        self.0.text()
    }

    /// The outermost function.
    pub fn function(&self) -> Function {
        self.0.function()
    }

    /// All paths among the arguments, nested calls included, in order.
    pub fn paths(&self) -> Vec<&Path> {
        let mut paths = Vec::new();
        self.0.collect_paths(&mut paths);
        paths
    }

    /// The names of all variables it reads.
    pub fn variables(&self) -> Vec<Text> {
        self.paths().into_iter().flat_map(Path::variables).collect()
    }

    /// The result in a scope.
    ///
    /// # Errors
    /// `States.Runtime` where a path argument selects nothing, else
    /// `States.IntrinsicFailure`.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        self.0.evaluate(scope)
    }
}

impl PartialEq for Intrinsic {
    fn eq(&self, other: &Intrinsic) -> bool {
        self.text() == other.text()
    }
}
impl Eq for Intrinsic {}

impl fmt::Debug for Intrinsic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Intrinsic({})", self.text())
    }
}
