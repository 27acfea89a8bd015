//! The context object of a request.

use windlass_protocol::Fault;
use windlass_value::{Object, Value, parse};

use super::not_without_mock;
use super::subject::Subject;
use crate::request::Request;

/// What a member of the context object may be.
#[derive(Clone, Copy)]
enum Is {
    Text,
    Number,
    Anything,
}

/// The members of the context object's parts.
const MEMBERS: &[(&str, &[(&str, Is)])] = &[
    (
        "Execution",
        &[
            ("Id", Is::Text),
            ("Input", Is::Anything),
            ("Name", Is::Text),
            ("RoleArn", Is::Text),
            ("StartTime", Is::Text),
            ("RedriveCount", Is::Number),
            ("RedriveTime", Is::Text),
        ],
    ),
    ("State", &[("EnteredTime", Is::Text), ("Name", Is::Text), ("RetryCount", Is::Number)]),
    ("StateMachine", &[("Id", Is::Text), ("Name", Is::Text)]),
    ("Task", &[("Token", Is::Text)]),
];

fn invalid(reason: &str) -> Fault {
    Fault::validation(format!("Invalid Context object provided: {reason}"))
}

/// The context object of a request, if it gives one.
pub(super) fn of(request: Request<'_>, subject: &Subject, is_mocked: bool) -> Result<Option<Value>, Fault> {
    let Some(text) = request.text("context")? else { return Ok(None) };
    if !is_mocked {
        return Err(not_without_mock("Context"));
    }
    let parsed = parse(text).ok();
    let Some(Value::Object(context)) = &parsed else {
        return Err(invalid("Context must be a valid JSON object"));
    };
    for (name, part) in context.iter() {
        if &**name == "Map" {
            return Err(invalid("'Map' field is not supported when mocking a Context object"));
        }
        let Some((_, members)) = MEMBERS.iter().find(|(known, _)| *known == &**name) else {
            return Err(invalid(&format!("Field '{name}' is not allowed")));
        };
        let Value::Object(part) = part else { return Err(invalid(&format!("{name} must be an object"))) };
        check(name, part, members)?;
    }
    if context.contains_key("Task") && !subject.waits_for_answer() {
        return Err(invalid(
            "Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern",
        ));
    }
    Ok(parsed)
}

fn check(part: &str, given: &Object, members: &[(&str, Is)]) -> Result<(), Fault> {
    for (name, value) in given.iter() {
        let Some((_, is)) = members.iter().find(|(known, _)| *known == &**name) else {
            return Err(invalid(&format!("Field '{part}.{name}' is not allowed")));
        };
        match (is, value) {
            (Is::Text, Value::String(_)) | (Is::Number, Value::Number(_)) | (Is::Anything, _) => {}
            (Is::Text, _) => return Err(invalid(&format!("{part}.{name} must be a string"))),
            (Is::Number, _) => return Err(invalid(&format!("{part}.{name} must be a number"))),
        }
    }
    Ok(())
}
