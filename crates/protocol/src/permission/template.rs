use windlass_value::{Text, Value};

use crate::call::Call;
use crate::permission::filter::Filter;

/// What a template is filled from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) call: &'a Call,
    /// The element of a row that counts once for each.
    pub(crate) element: Option<&'a Value>,
}

/// `arn:aws:sqs:{region}:{account}:{QueueName}`
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Literal(String),
    Account,
    Region,
    Principal,
    Member(Path, Option<Filter>),
}

/// `Delete.Objects[]`, `.Key` (of the element)
#[derive(Clone, Debug)]
pub(crate) struct Path {
    relative: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Member(String),
    Each,
}

impl Path {
    pub(crate) fn parse(text: &str) -> Path {
        let (relative, rest) = match text.strip_prefix('.') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut steps = Vec::new();
        for name in rest.split('.').filter(|name| !name.is_empty()) {
            match name.strip_suffix("[]") {
                Some(list) => {
                    if !list.is_empty() {
                        steps.push(Step::Member(list.to_owned()));
                    }
                    steps.push(Step::Each);
                }
                None => steps.push(Step::Member(name.to_owned())),
            }
        }
        Path { relative, steps }
    }

    /// The values there, none where a member is missing.
    pub(crate) fn values<'a>(&self, scope: &Scope<'a>) -> std::vec::IntoIter<&'a Value> {
        let start = if self.relative { scope.element } else { Some(&scope.call.input) };
        let mut values: Vec<&Value> = start.into_iter().collect();
        for step in &self.steps {
            values = match step {
                Step::Member(name) => values.into_iter().filter_map(|value| value.get(name)).collect(),
                Step::Each => values.into_iter().filter_map(Value::as_array).flat_map(|items| items.iter()).collect(),
            };
        }
        values.into_iter()
    }
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once('{') {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let (inside, behind) = behind.split_once('}').ok_or("a brace is not closed")?;
            parts.push(match inside {
                "account" => Part::Account,
                "region" => Part::Region,
                "principal" => Part::Principal,
                member => {
                    let (path, filter) = match member.split_once(':') {
                        Some((path, filter)) => {
                            (path, Some(Filter::parse(filter).ok_or_else(|| format!("no filter '{filter}'"))?))
                        }
                        None => (member, None),
                    };
                    Part::Member(Path::parse(path), filter)
                }
            });
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Template(parts))
    }

    /// The filled template; `None` where a member is missing or empty.
    pub(crate) fn text(&self, scope: &Scope<'_>) -> Option<String> {
        let mut text = String::with_capacity(96);
        for part in &self.0 {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Account => text.push_str(&scope.call.account),
                Part::Region => text.push_str(&scope.call.region),
                Part::Principal => text.push_str(&scope.call.principal.arn),
                Part::Member(path, filter) => {
                    let value = path.values(scope).next()?;
                    match filter {
                        Some(filter) => text.push_str(&filter.apply(value, scope)?),
                        None => text.push_str(&scalar(value).filter(|value| !value.is_empty())?),
                    }
                }
            }
        }
        Some(text)
    }

    /// Each value of a template that is one member; else the filled template.
    pub(crate) fn texts(&self, scope: &Scope<'_>) -> Vec<String> {
        match self.0.as_slice() {
            [Part::Member(path, None)] => path.values(scope).filter_map(scalar).collect(),
            [Part::Member(path, Some(filter))] => {
                path.values(scope).flat_map(|value| filter.texts(value, scope)).collect()
            }
            _ => self.text(scope).into_iter().collect(),
        }
    }

    /// The entries of a template that is one member, a map.
    pub(crate) fn entries(&self, scope: &Scope<'_>) -> Vec<(Text, Text)> {
        let [Part::Member(path, _)] = self.0.as_slice() else { return Vec::new() };
        let maps = path.values(scope).filter_map(Value::as_object);
        maps.flat_map(|map| map.iter())
            .filter_map(|(name, value)| Some((name.clone(), scalar(value)?.into())))
            .collect()
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_text()),
        _ => None,
    }
}
