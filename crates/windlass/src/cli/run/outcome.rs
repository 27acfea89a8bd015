//! How a run ended, for people and for programs.

use std::fmt::Write as _;
use std::io;

use windlass_asl::{Pattern, Resource};
use windlass_value::{Object, Value, parse};
use windlass_workflow::{Execution, HistoryEvent, Status, TaskCall};

use super::super::say;
use super::super::terminal::{Palette, Style, duration, printable};
use super::progress::Progress;

/// Says on standard error how it ended. With `quiet` a success is not mentioned.
pub(super) fn report(execution: &Execution, progress: &Progress, skipped_ms: i64, quiet: bool, palette: Palette) {
    let stopped_at = execution.stopped_at.unwrap_or(execution.identity.started_at);
    let took_ms = stopped_at.as_ms() - execution.identity.started_at.as_ms();
    let took = duration(took_ms);
    let real = match skipped_ms {
        0 => String::new(),
        _ => palette.paint(Style::Dim, &format!(" ({} without the waits)", duration(took_ms - skipped_ms))),
    };
    let mut text = String::new();
    match execution.status {
        Status::Succeeded if quiet => return,
        Status::Succeeded => {
            let _ = write!(text, "{} in {took}{real}", palette.paint(Style::Green, "✓ succeeded"));
        }
        Status::Failed | Status::Running => {
            let _ = write!(text, "{} {}after {took}{real}", palette.paint(Style::Red, "✗ failed"), place(progress));
        }
        Status::TimedOut => {
            let _ = write!(text, "{} after {took}{real}", palette.paint(Style::Red, "✗ timed out"));
            running(progress, &mut text);
        }
        Status::Aborted => {
            let _ = write!(text, "{} after {took}{real}", palette.paint(Style::Yellow, "■ stopped"));
            running(progress, &mut text);
        }
    }
    if let Some(error) = &execution.error {
        let _ = write!(text, "\n  {} {}", palette.paint(Style::Bold, "error"), printable(error));
    }
    if let Some(cause) = &execution.cause {
        let _ = write!(text, "\n  {} {}", palette.paint(Style::Bold, "cause"), indented(cause));
    }
    say(&mut io::stderr(), &text);
}

/// `in state Charge (iteration 3 of Process) `
fn place(progress: &Progress) -> String {
    let Some(failure) = progress.failure() else { return String::new() };
    let within: Vec<String> = failure
        .within
        .iter()
        .map(|(name, iteration)| match iteration {
            Some(iteration) => format!("in iteration {iteration} of {}", printable(name)),
            None => format!("in {}", printable(name)),
        })
        .collect();
    match within.is_empty() {
        true => format!("in state {} ", printable(&failure.state)),
        false => format!("in state {} ({}) ", printable(&failure.state), within.join(", ")),
    }
}

fn running(progress: &Progress, text: &mut String) {
    if !progress.running_at_end().is_empty() {
        let names: Vec<String> = progress.running_at_end().iter().map(|name| printable(name)).collect();
        let _ = write!(text, " in state {}", names.join(", "));
    }
}

/// A cause: pretty where it is a JSON object or array, as Lambda's are.
fn indented(cause: &str) -> String {
    let pretty = parse(cause).ok().filter(|value| matches!(value, Value::Object(_) | Value::Array(_)));
    let text = pretty.map_or_else(|| cause.to_owned(), |value| value.to_pretty());
    text.lines().map(printable).collect::<Vec<_>>().join("\n        ")
}

/// How it ended, in the words of `DescribeExecution`; the output as JSON, not as text.
pub(super) fn document(execution: &Execution, progress: &Progress, events: Option<&[HistoryEvent]>) -> Value {
    let identity = &execution.identity;
    let mut document = Object::new();
    document.insert("executionArn", &identity.arn);
    document.insert("stateMachineArn", &identity.machine_arn);
    document.insert("name", &identity.name);
    document.insert("status", execution.status.as_str());
    document.insert("startDate", identity.started_at.to_rfc3339());
    if let Some(stopped_at) = execution.stopped_at {
        document.insert("stopDate", stopped_at.to_rfc3339());
    }
    document.insert("input", identity.input.value());
    if let Some(output) = &execution.output {
        document.insert("output", output.value());
    }
    if let Some(failure) = progress.failure() {
        document.insert("state", &failure.state);
    }
    if let Some(error) = &execution.error {
        document.insert("error", error);
    }
    if let Some(cause) = &execution.cause {
        document.insert("cause", cause);
    }
    if let Some(events) = events {
        document.insert("events", Value::array(events.iter().map(|event| event.to_value(true)).collect()));
    }
    document.into()
}

/// Says which tasks cannot go on, and what to do.
pub(super) fn report_unanswered(calls: &[TaskCall], file: &str) {
    let mut states: Vec<&TaskCall> = Vec::new();
    for call in calls {
        // A Map asks for the same state many times.
        if !states.iter().any(|seen| seen.state == call.state) {
            states.push(call);
        }
    }
    let mut text = String::from("windlass: stopped: there is no server here that could answer");
    for call in &states {
        let _ = write!(text, "\n  state {}, {}", printable(&call.state), what(call));
        let _ = write!(text, "\n    {}", printable(&call.arn));
    }
    text.push_str("\nGive each an answer:");
    for call in &states {
        let _ = write!(text, "\n  windlass run {file} --mock {}", quoted(&format!("{}=JSON", printable(&call.state))));
    }
    text.push_str("\nor start `windlass serve`, create the state machine there and start an execution.");
    say(&mut io::stderr(), &text);
}

fn what(call: &TaskCall) -> String {
    match &call.resource {
        Resource::Function => "which calls a Lambda function".to_owned(),
        Resource::Activity => "which waits for an activity's worker".to_owned(),
        Resource::Integration { service, action, pattern } => match pattern {
            Pattern::WaitForTaskToken => format!("which calls {service}:{action} and waits for its task token"),
            Pattern::Sync | Pattern::Sync2 => format!("which runs {service}:{action} and waits for its end"),
            Pattern::RequestResponse => format!("which calls {service}:{action}"),
        },
    }
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_=./@:".contains(character);
    if argument.chars().all(plain) { argument.to_owned() } else { format!("'{}'", argument.replace('\'', r"'\''")) }
}
