use windlass_value::{Text, Value};

use super::expression::{Location, expression};
use crate::failure::Failure;
use crate::program::{Concurrency, StringField};
use crate::scope::Scope;
use crate::template::path_failure;

const FIELD: &str = "x-concurrency/Key";

impl Concurrency {
    /// The key of an input: a text as it is, anything else as JSON.
    ///
    /// # Errors
    /// Where the path selects nothing or the expression fails.
    pub fn key_of(&self, scope: &Scope<'_>) -> Result<Text, Failure> {
        let value = match &self.key {
            StringField::Literal(text) => return Ok(text.clone()),
            StringField::Path(path) => {
                path.evaluate(scope).map_err(|error| path_failure(path, &error, scope, FIELD))?
            }
            StringField::Intrinsic(intrinsic) => intrinsic.evaluate(scope)?,
            StringField::Expression(source) => expression(source, scope, &Location::Root(FIELD))?,
        };
        Ok(match value {
            Value::String(text) => text,
            other => other.to_text().into(),
        })
    }
}
