use windlass_value::{Text, Value, uuid_v4};

use super::format::Template;
use super::{Function, arrays, encoding, json, math, text};
use crate::failure::{Failure, shown};
use crate::jsonpath::Path;
use crate::scope::Scope;

/// A call with its arguments.
pub(super) struct Call {
    text: Text,
    function: Function,
    arguments: Vec<Argument>,
}

/// What may stand in a call.
pub(super) enum Argument {
    Literal(Value),
    /// A text with `{}` in it.
    Template(Template),
    Path(Path),
    Call(Box<Call>),
}

impl Call {
    pub(super) fn new(text: Text, function: Function, arguments: Vec<Argument>) -> Call {
        Call { text, function, arguments }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn function(&self) -> Function {
        self.function
    }

    pub(super) fn collect_paths<'a>(&'a self, paths: &mut Vec<&'a Path>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => paths.push(path),
                Argument::Call(call) => call.collect_paths(paths),
                Argument::Literal(_) | Argument::Template(_) => {}
            }
        }
    }

    /// Nesting is bounded where the call is read.
    pub(super) fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        let mut values = Vec::with_capacity(self.arguments.len());
        for argument in &self.arguments {
            values.push(match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Template(template) => Value::from(template.text()),
                Argument::Call(call) => call.evaluate(scope)?,
                Argument::Path(path) => self.path(path, scope)?,
            });
        }
        self.apply(&values, scope).map_err(|message| Failure::intrinsic(self.framed(&message)))
    }

    fn framed(&self, message: &str) -> String {
        format!("The function '{}' had the following error: {message}", self.text)
    }

    fn path(&self, path: &Path, scope: &Scope<'_>) -> Result<Value, Failure> {
        path.evaluate_present(scope).map_err(|_| {
            let input = path.document(scope).unwrap_or(scope.input);
            let message = format!(
                "The JsonPath argument for the field '{}' could not be found in the input '{}'",
                path.text(),
                shown(input)
            );
            Failure::runtime(self.framed(&message))
        })
    }

    fn apply(&self, values: &[Value], scope: &Scope<'_>) -> Result<Value, String> {
        let random = || scope.surroundings.random();
        match (self.function, values) {
            (Function::Format, [template, values @ ..]) => {
                let text = match &self.arguments[0] {
                    Argument::Template(template) => template.fill(values),
                    _ => Template::from_text(text::string(template, "first")?).fill(values),
                };
                text.map(Value::from)
            }
            (Function::Array, values) => Ok(Value::array(values.to_vec())),
            (Function::StringToJson, [text]) => json::parse(text),
            (Function::JsonToString, [value]) => text::json(value).map(Value::from),
            (Function::JsonMerge, [left, right, deep]) => json::merge(left, right, deep),
            (Function::ArrayPartition, [items, size]) => arrays::partition(items, size),
            (Function::ArrayContains, [items, wanted]) => arrays::contains(items, wanted),
            (Function::ArrayRange, [first, last, step]) => arrays::range(first, last, step),
            (Function::ArrayGetItem, [items, index]) => arrays::item(items, index),
            (Function::ArrayLength, [items]) => Ok(Value::from(arrays::items(items)?.len())),
            (Function::ArrayUnique, [items]) => arrays::unique(items),
            (Function::Base64Encode, [text]) => encoding::encode(text),
            (Function::Base64Decode, [text]) => encoding::decode(text),
            (Function::Hash, [value, algorithm]) => encoding::hash(value, algorithm),
            (Function::StringSplit, [text, separators]) => json::split(text, separators),
            (Function::MathAdd, [left, right]) => math::add(left, right),
            (Function::MathRandom, [first, last]) => math::random(first, last, random()),
            (Function::MathRandom, [first, last, seed]) => math::seeded(first, last, seed),
            (Function::Uuid, []) => Ok(Value::from(uuid_v4((u128::from(random()) << 64) | u128::from(random())))),
            // The parser has checked the number of arguments.
            (function, values) => Err(format!("{} does not take {} arguments", function.name(), values.len())),
        }
    }
}
