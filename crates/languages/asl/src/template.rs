//! Payload templates of both languages.

use windlass_jsonata::Expression;
use windlass_value::{Object, Text, Value};

use crate::evaluate::{Location, expression, noted};
use crate::failure::{Failure, shown};
use crate::intrinsic::Intrinsic;
use crate::jsonpath::{NoResult, Path, Reason};
use crate::scope::Scope;

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

impl Template {
    /// The document with its holes filled. `field` is where the template stands
    /// in the state, in AWS's grammar: `Arguments`, `Choices[1]/Output`.
    ///
    /// # Errors
    /// `States.Runtime` where a path selects nothing, `States.IntrinsicFailure`,
    /// and `States.QueryEvaluationError` with its location for expressions.
    pub fn evaluate(&self, scope: &Scope<'_>, field: &str) -> Result<Value, Failure> {
        self.fill(scope, &Location::Root(field))
    }

    /// The templates are only as deep as the JSON text they were read from.
    fn fill(&self, scope: &Scope<'_>, location: &Location<'_>) -> Result<Value, Failure> {
        match self {
            Template::Literal(value) => Ok(value.clone()),
            Template::Object(members) => {
                let mut object = Object::with_capacity(members.len());
                for (name, member) in members {
                    object.insert(name.clone(), member.fill(scope, &Location::Member(location, name))?);
                }
                Ok(Value::from(object))
            }
            Template::Array(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (at, item) in items.iter().enumerate() {
                    values.push(item.fill(scope, &Location::Element(location, at))?);
                }
                Ok(Value::array(values))
            }
            Template::Path(path) => {
                let found = path.evaluate(scope).map_err(|error| {
                    let field = format!("{}.$", location.name());
                    path_failure(path, &error, scope, &field)
                });
                noted(found, scope, location)
            }
            Template::Intrinsic(intrinsic) => noted(intrinsic.evaluate(scope), scope, location),
            Template::Expression(source) => expression(source, scope, location),
        }
    }
}

/// Why a path of a template or of `ErrorPath` and `CausePath` gave nothing, in
/// AWS's words.
pub(crate) fn path_failure(path: &Path, error: &NoResult, scope: &Scope<'_>, field: &str) -> Failure {
    match error.reason {
        Reason::Unsuitable | Reason::TooMuch => Failure::runtime(error.message.clone()),
        Reason::NotFound | Reason::NoVariable => {
            let input = path.document(scope).unwrap_or(scope.input);
            Failure::runtime(format!(
                "The JSONPath '{}' specified for the field '{field}' could not be found in the input '{}'",
                path.text(),
                shown(input)
            ))
        }
    }
}
