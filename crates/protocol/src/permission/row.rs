use std::collections::HashMap;

use windlass_value::{Text, Value};

use crate::permission::template::{Path, Scope, Template};

/// The rows of one service.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) by_operation: HashMap<&'static str, Vec<Row>>,
}

/// One row of one operation.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// `[*Member]`: once for each element.
    pub(crate) each: Option<Path>,
    pub(crate) guards: Vec<Guard>,
    pub(crate) demand: Demand,
}

#[derive(Clone, Debug)]
pub(crate) enum Demand {
    /// `none`
    Nothing,
    Action {
        action: Text,
        /// The first that can be filled counts.
        resource: Vec<Template>,
        keys: Vec<ContextKey>,
    },
}

/// `[Member]`, `[!Member]`, `[Member~text]`, `[!Member~text]`
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    negated: bool,
    path: Path,
    prefix: Option<&'static str>,
}

/// `key=template`
#[derive(Clone, Debug)]
pub(crate) struct ContextKey {
    name: Text,
    template: Template,
}

impl Rows {
    pub(crate) fn parse(service: &str, text: &'static str) -> Result<Rows, String> {
        let mut named: HashMap<&'static str, Vec<Template>> = HashMap::new();
        let mut by_operation: HashMap<&'static str, Vec<Row>> = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("line {}: {what}: {line}", index + 1);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let Some(first) = words.next() else { continue };
            if first == "let" {
                let (Some(name), Some(template), None) = (words.next(), words.next(), words.next()) else {
                    return Err(wrong("a name and a template"));
                };
                let resource = resource(template, &named).map_err(|error| wrong(&error))?;
                named.insert(name, resource);
                continue;
            }
            for operation in first.split(',') {
                let row = row(service, operation, words.clone(), &named).map_err(|error| wrong(&error))?;
                by_operation.entry(operation).or_default().push(row);
            }
        }
        Ok(Rows { by_operation })
    }
}

fn row(
    service: &str,
    operation: &str,
    words: impl Iterator<Item = &'static str>,
    named: &HashMap<&'static str, Vec<Template>>,
) -> Result<Row, String> {
    let mut words = words.peekable();
    let (mut each, mut guards) = (None, Vec::new());
    while let Some(guard) = words.next_if(|word| word.starts_with('[')) {
        let inside = guard.strip_prefix('[').and_then(|guard| guard.strip_suffix(']')).ok_or("a guard in brackets")?;
        match inside.strip_prefix('*') {
            Some(list) => each = Some(Path::parse(&format!("{list}[]"))),
            None => {
                let (negated, rest) = match inside.strip_prefix('!') {
                    Some(rest) => (true, rest),
                    None => (false, inside),
                };
                let (path, prefix) = match rest.split_once('~') {
                    Some((path, prefix)) => (path, Some(prefix)),
                    None => (rest, None),
                };
                guards.push(Guard { negated, path: Path::parse(path), prefix });
            }
        }
    }
    let action = match words.next().ok_or("an action")? {
        "none" if words.peek().is_none() => return Ok(Row { each, guards, demand: Demand::Nothing }),
        "=" => format!("{service}:{operation}"),
        action if action.contains(':') => action.to_owned(),
        _ => return Err("an action with its service".to_owned()),
    };
    let resource = resource(words.next().ok_or("a resource")?, named)?;
    let keys = words
        .map(|word| {
            let (name, template) = word.split_once('=').ok_or("key=template")?;
            Ok(ContextKey { name: name.into(), template: Template::parse(template)? })
        })
        .collect::<Result<Vec<ContextKey>, String>>()?;
    Ok(Row { each, guards, demand: Demand::Action { action: action.into(), resource, keys } })
}

fn resource(text: &str, named: &HashMap<&'static str, Vec<Template>>) -> Result<Vec<Template>, String> {
    let mut templates = Vec::new();
    for alternative in text.split("||") {
        match alternative.strip_prefix('@') {
            Some(name) => templates.extend(named.get(name).ok_or_else(|| format!("no template '{name}'"))?.clone()),
            None => templates.push(Template::parse(alternative)?),
        }
    }
    Ok(templates)
}

impl Guard {
    pub(crate) fn holds(&self, scope: &Scope<'_>) -> bool {
        let found = self.path.values(scope).any(|value| match (value, self.prefix) {
            (Value::String(text), Some(prefix)) => text.starts_with(prefix),
            (_, Some(_)) => false,
            (Value::Null | Value::Bool(false), None) => false,
            (Value::String(text), None) => !text.is_empty(),
            (Value::Array(items), None) => !items.is_empty(),
            (_, None) => true,
        });
        found != self.negated
    }
}

impl ContextKey {
    pub(crate) fn add_to(&self, scope: &Scope<'_>, context: &mut Vec<(Text, Vec<Text>)>) {
        if let Some(prefix) = self.name.strip_suffix('*') {
            for (name, value) in self.template.entries(scope) {
                context.push((format!("{prefix}{name}").into(), vec![value]));
            }
            return;
        }
        let values = self.template.texts(scope);
        if !values.is_empty() {
            context.push((self.name.clone(), values.into_iter().map(Text::from).collect()));
        }
    }
}
