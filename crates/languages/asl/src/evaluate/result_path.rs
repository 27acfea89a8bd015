use windlass_value::{Object, Value};

use crate::failure::Failure;
use crate::jsonpath::{ReferencePath, ReferenceStep};
use crate::program::ResultPath;

impl ResultPath {
    /// The raw input with the result put where the path says.
    ///
    /// Missing objects on the way are made; an array's element can be replaced,
    /// not added.
    ///
    /// # Errors
    /// `States.Runtime` where the path leads through something that is neither
    /// an object nor an existing element.
    pub fn apply(&self, raw_input: &Value, result: Value) -> Result<Value, Failure> {
        match self {
            ResultPath::Replace => Ok(result),
            ResultPath::Discard => Ok(raw_input.clone()),
            ResultPath::At(path) => put(path, 0, Some(raw_input), result),
        }
    }
}

/// A copy of `target` with the result below; everything beside the way is shared.
/// Paths have a bounded number of steps.
fn put(path: &ReferencePath, at: usize, target: Option<&Value>, result: Value) -> Result<Value, Failure> {
    let Some(step) = path.steps().get(at) else { return Ok(result) };
    match step {
        ReferenceStep::Name(name) => {
            let mut object = match target {
                None => Object::new(),
                Some(Value::Object(object)) => Object::clone(object),
                Some(_) => return Err(mismatch(path, format!("Missing property in path {}", fragments(path, at)))),
            };
            let below = put(path, at + 1, object.get(name), result)?;
            object.insert(name.clone(), below);
            Ok(Value::from(object))
        }
        ReferenceStep::Index(index) => {
            let Some(Value::Array(items)) = target else {
                let message = match target {
                    None => format!("Missing property in path {}", fragments(path, at)),
                    Some(other) => {
                        format!("Filter: [{index}] can only be applied to arrays. Current context is: {other}")
                    }
                };
                return Err(mismatch(path, message));
            };
            let place = if *index < 0 { index + items.len() as i64 } else { *index };
            let Some(place) = usize::try_from(place).ok().filter(|place| *place < items.len()) else {
                return Err(mismatch(path, format!("No results for path: {}", fragments(path, at + 1))));
            };
            let mut items = Vec::clone(items);
            items[place] = put(path, at + 1, Some(&items[place]), result)?;
            Ok(Value::array(items))
        }
    }
}

fn mismatch(path: &ReferencePath, message: String) -> Failure {
    Failure::runtime(format!("Invalid path '{}' : {message}", path.text()))
}

/// `$['a'][0]`, the first steps.
fn fragments(path: &ReferencePath, steps: usize) -> String {
    let mut text = "$".to_owned();
    for step in &path.steps()[..steps] {
        match step {
            ReferenceStep::Name(name) => text.push_str(&format!("['{name}']")),
            ReferenceStep::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
