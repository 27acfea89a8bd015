use std::fmt;

use windlass_value::Value;

/// A JSON path to one value: `$`, `$.detail.name`, `$.detail['a b']`, `$.resources[0]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
}

/// A text that is no such path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathError;

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a JSON path to one value")
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let mut rest = text.strip_prefix('$').ok_or(PathError)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let (step, after) = match rest.strip_prefix('[') {
                Some(bracket) => bracketed(bracket)?,
                None => dotted(rest.strip_prefix('.').ok_or(PathError)?)?,
            };
            steps.push(step);
            rest = after;
        }
        Ok(Path(steps))
    }

    /// The value it leads to.
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match step {
            Step::Member(name) => value.get(name),
            Step::Element(index) => value.at(*index),
        })
    }
}

fn dotted(text: &str) -> Result<(Step, &str), PathError> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let is_name = !name.is_empty() && !name.contains([']', '*', '\'', '"', ' ', '?', '@', '$', '(', ')']);
    if is_name { Ok((Step::Member(name.to_owned()), rest)) } else { Err(PathError) }
}

fn bracketed(text: &str) -> Result<(Step, &str), PathError> {
    for quote in ["'", "\""] {
        if let Some(quoted) = text.strip_prefix(quote) {
            let (name, rest) = quoted.split_once(quote).ok_or(PathError)?;
            return Ok((Step::Member(name.to_owned()), rest.strip_prefix(']').ok_or(PathError)?));
        }
    }
    let (index, rest) = text.split_once(']').ok_or(PathError)?;
    let is_index = !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    let index = is_index.then(|| index.parse().ok()).flatten().ok_or(PathError)?;
    Ok((Step::Element(index), rest))
}
