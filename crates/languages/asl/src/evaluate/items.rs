use std::sync::Arc;

use windlass_value::{Object, Value};

use super::expression::{Location, unexpected};
use super::path_field::invalid_path;
use crate::failure::Failure;
use crate::program::{MapItems, PathField};
use crate::scope::Scope;
use crate::template::Template;

/// What a Map goes over.
#[derive(Clone, Debug, PartialEq)]
pub enum Items {
    /// The items of an array.
    Array(Arc<Vec<Value>>),
    /// The members of an object, as `{"Key": …, "Value": …}`.
    Object(Arc<Object>),
}

impl Items {
    /// How many iterations there are.
    pub fn len(&self) -> usize {
        match self {
            Items::Array(items) => items.len(),
            Items::Object(object) => object.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The item of an iteration: `$$.Map.Item.Value`.
    pub fn item(&self, index: usize) -> Option<Value> {
        match self {
            Items::Array(items) => items.get(index).cloned(),
            Items::Object(object) => object
                .get_index(index)
                .map(|(name, member)| windlass_value::object! { "Key" => name, "Value" => member }),
        }
    }

    /// The key of an iteration over an object: `$$.Map.Item.Key`.
    pub fn key(&self, index: usize) -> Option<&windlass_value::Text> {
        match self {
            Items::Array(_) => None,
            Items::Object(object) => object.get_index(index).map(|(name, _)| name),
        }
    }
}

impl MapItems {
    /// The items of a Map without an `ItemReader`.
    ///
    /// AWS answers an error where a path or an expression leads to an object;
    /// an object written out in `Items` is gone through member by member.
    ///
    /// # Errors
    /// `States.Runtime` for a path that does not lead to an array,
    /// `States.QueryEvaluationError` in JSONata.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Items, Failure> {
        match self {
            MapItems::Path(field) => {
                let (value, text) = match field {
                    PathField::Whole => (scope.input.clone(), "$"),
                    PathField::Discard => (Value::empty_object(), "$"),
                    PathField::Path(path) => {
                        (path.evaluate(scope).map_err(|error| invalid_path(path, &error))?, path.document_text())
                    }
                };
                match value {
                    Value::Array(items) => Ok(Items::Array(items)),
                    _ => Err(Failure::runtime(format!("Reference path \"{text}\" must point to array."))),
                }
            }
            MapItems::Template(None) => match scope.input {
                Value::Array(items) => Ok(Items::Array(items.clone())),
                other => Err(Failure::query(format!("Map state input must be an array but was: {other}"), None)),
            },
            MapItems::Template(Some(template)) => match (template.evaluate(scope, "Items")?, template) {
                (Value::Array(items), _) => Ok(Items::Array(items)),
                (value, Template::Expression(source)) => {
                    Err(unexpected(source, &Location::Root("Items"), "array", &value))
                }
                (Value::Object(object), _) => Ok(Items::Object(object)),
                (other, _) => Err(Failure::query(format!("Map state input must be an array but was: {other}"), None)),
            },
        }
    }
}
