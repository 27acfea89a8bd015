use windlass_value::Text;

use super::expression::{Location, expression, noted, unexpected};
use crate::failure::{Failure, shown};
use crate::program::StringField;
use crate::scope::Scope;
use crate::template::path_failure;

impl StringField {
    /// The text. `field` is the plain name, `Error` or `Cause`.
    ///
    /// # Errors
    /// `States.Runtime` where a path selects nothing or no text,
    /// `States.IntrinsicFailure`, `States.QueryEvaluationError`.
    pub fn evaluate(&self, scope: &Scope<'_>, field: &str) -> Result<Text, Failure> {
        let value = match self {
            StringField::Literal(text) => return Ok(text.clone()),
            StringField::Path(path) => {
                let found =
                    path.evaluate(scope).map_err(|error| path_failure(path, &error, scope, &format!("{field}Path")));
                noted(found, scope, &Location::Root(&format!("{field}Path")))?
            }
            StringField::Intrinsic(intrinsic) => {
                noted(intrinsic.evaluate(scope), scope, &Location::Root(&format!("{field}Path")))?
            }
            StringField::Expression(source) => expression(source, scope, &Location::Root(field))?,
        };
        if let windlass_value::Value::String(text) = value {
            return Ok(text);
        }
        Err(match self {
            StringField::Expression(source) => unexpected(source, &Location::Root(field), "string", &value),
            StringField::Path(path) => not_text(field, path.text(), &value),
            StringField::Intrinsic(intrinsic) => not_text(field, intrinsic.text(), &value),
            StringField::Literal(text) => not_text(field, text, &value),
        })
    }
}

fn not_text(field: &str, written: &str, value: &windlass_value::Value) -> Failure {
    Failure::runtime(format!(
        "The {field}Path field refers to value \"{}\" which is not a valid string: {written}",
        shown(value)
    ))
}
