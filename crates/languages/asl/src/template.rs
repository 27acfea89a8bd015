//! Payload templates of both languages.

use windlass_jsonata::Expression;
use windlass_value::{Text, Value};

use crate::intrinsic::Intrinsic;
use crate::jsonpath::Path;

/// A JSON document with holes: `Parameters`, `ResultSelector`, `ItemSelector`,
/// `Assign`, `Arguments`, `Output`, …
///
/// A subtree without holes is one `Literal` and shared as it is.
#[derive(Clone, Debug)]
pub enum Template {
    /// No hole below.
    Literal(Value),
    /// An object; names have lost their `.$`.
    Object(Vec<(Text, Template)>),
    /// An array.
    Array(Vec<Template>),
    /// JSONPath: `"k.$": "$.path"`.
    Path(Path),
    /// JSONPath: `"k.$": "States.…(…)"`.
    Intrinsic(Intrinsic),
    /// JSONata: `"{% … %}"`.
    Expression(Expression),
}
