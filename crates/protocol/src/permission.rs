//! What a caller needs for a call: the rows of `models/permissions`, compiled.

mod filter;
mod row;
mod template;

use std::collections::HashMap;
use std::sync::LazyLock;

use windlass_value::{Text, Value};

use crate::call::Call;
use crate::models::Models;
use crate::permission::row::{Demand, Row, Rows};
use crate::permission::template::Scope;

/// One thing a caller must be allowed to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `sqs:SendMessage`
    pub action: Text,
    /// The resource's ARN, `*` for actions without one.
    pub resource: Text,
    /// Condition keys that the input gives, each with its values.
    pub context: Vec<(Text, Vec<Text>)>,
}

macro_rules! rows {
    ($($name:literal),*) => {
        [$(($name, LazyLock::new(|| {
            Rows::parse($name, include_str!(concat!("../../../models/permissions/", $name, ".txt")))
                // The rows are part of the binary, and a test compiles each.
                .expect(concat!("the rows of '", $name, "' are well formed"))
        }))),*]
    };
}

static SERVICES: [(&str, LazyLock<Rows>); 15] = rows![
    "states",
    "lambda",
    "sts",
    "iam",
    "s3",
    "sqs",
    "sns",
    "events",
    "scheduler",
    "pipes",
    "logs",
    "secretsmanager",
    "ssm",
    "kms",
    "execute-api"
];

/// What the call's principal needs, all of it. `None`: there is no row for the
/// operation, or the input lacks what the row needs; such a call is denied.
pub fn permissions(call: &Call) -> Option<Vec<Permission>> {
    let Some(rows) = rows_of(&call.service) else { return elsewhere(call) };
    let rows = rows.get(&*call.operation)?;
    let tags = tags(&call.input);
    let mut permissions = Vec::with_capacity(rows.len());
    for row in rows {
        let Demand::Action { action, resource, keys } = &row.demand else { continue };
        for scope in scopes(row, call) {
            let mut context = tags.clone();
            for key in keys {
                key.add_to(&scope, &mut context);
            }
            let resource = resource.iter().find_map(|template| template.text(&scope))?;
            let permission = Permission { action: action.clone(), resource: resource.into(), context };
            if !permissions.contains(&permission) {
                permissions.push(permission);
            }
        }
    }
    Some(permissions)
}

/// What a call to a service that is not hosted here needs: its action, on whatever
/// resource, for whoever answers it checks its own permissions too.
fn elsewhere(call: &Call) -> Option<Vec<Permission>> {
    let model = Models::embedded().service(&call.service)?;
    let operation = model.operation(&call.operation)?;
    let action = format!("{}:{}", model.signing_name, operation.name);
    Some(vec![Permission { action: action.into(), resource: "*".into(), context: tags(&call.input) }])
}

/// Whether an operation has a row.
pub fn has_permission_row(service: &str, operation: &str) -> bool {
    rows_of(service).is_some_and(|rows| rows.contains_key(operation))
}

fn rows_of(service: &str) -> Option<&'static HashMap<&'static str, Vec<Row>>> {
    SERVICES.iter().find(|(name, _)| *name == service).map(|(_, rows)| &rows.by_operation)
}

/// The row's element for each time it counts.
fn scopes<'a>(row: &'a Row, call: &'a Call) -> Vec<Scope<'a>> {
    let whole = Scope { call, element: None };
    let scopes = match &row.each {
        Some(path) => path.values(&whole).map(|element| Scope { call, element: Some(element) }).collect(),
        None => vec![whole],
    };
    scopes.into_iter().filter(|scope| row.guards.iter().all(|guard| guard.holds(scope))).collect()
}

/// The tags that a request brings, in any of AWS's spellings.
fn tags(input: &Value) -> Vec<(Text, Vec<Text>)> {
    let mut context = Vec::new();
    let mut keys: Vec<Text> = Vec::new();
    let mut tag = |key: &str, value: &Value| {
        let value: Text = value.as_str().unwrap_or_default().into();
        context.push((Text::from(format!("aws:RequestTag/{key}")), vec![value]));
        keys.push(key.into());
    };
    for member in ["Tags", "tags"] {
        match &input[member] {
            Value::Object(tags) => tags.iter().for_each(|(key, value)| tag(key, value)),
            Value::Array(tags) => {
                for entry in tags.iter() {
                    let field = |names: [&str; 3]| names.iter().find_map(|name| entry.get(name));
                    if let Some(Value::String(key)) = field(["Key", "key", "TagKey"]) {
                        tag(key, field(["Value", "value", "TagValue"]).unwrap_or(&Value::Null));
                    }
                }
            }
            _ => {}
        }
    }
    for member in ["TagKeys", "tagKeys"] {
        if let Value::Array(names) = &input[member] {
            keys.extend(names.iter().filter_map(|name| name.as_str().map(Text::from)));
        }
    }
    if !keys.is_empty() {
        context.push(("aws:TagKeys".into(), keys));
    }
    context
}
