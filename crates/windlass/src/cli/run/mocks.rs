//! Answers to tasks, given beforehand: no service is there to give them.

use std::collections::HashMap;
use std::path::Path;

use windlass_asl::{Machine, State, StateKind};
use windlass_value::{Payload, Text, Value, parse};

use super::super::{Failure, source};
use super::states;

/// Largest mock file that is read, in bytes.
const MOCKS_BYTES_MAX: u64 = 64 << 20;
/// How many names a message lists.
const NAMES_MAX: usize = 12;

/// What a task answers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// Its result.
    Return(Payload),
    /// Its failure.
    Throw { error: Text, cause: Option<Text> },
}

/// The answers of one state, one a call; the last is given again and again.
#[derive(Debug, Default)]
struct Answers {
    in_order: Vec<Answer>,
    given: usize,
}

/// The answers by state.
#[derive(Debug, Default)]
pub(super) struct Mocks {
    by_state: HashMap<Text, Answers>,
}

impl Mocks {
    /// From the arguments: `results` and `errors` in their order, the errors of
    /// a state before its results; they replace what the file says of a state.
    ///
    /// # Errors
    /// Where an argument or the file is malformed, or names no Task state.
    pub(super) fn new(
        machine: &Machine,
        results: &[String],
        errors: &[String],
        file: Option<&Path>,
    ) -> Result<Mocks, Failure> {
        let names = TaskNames::of(machine);
        let mut mocks = Mocks::default();
        for argument in errors {
            let (state, text) = names.split(argument, "--mock-error", "STATE=ERROR")?;
            let (error, cause) = match text.split_once(':') {
                Some((error, cause)) => (error.trim(), Some(cause.trim().into())),
                None => (text.trim(), None),
            };
            if error.is_empty() {
                return Err(Failure(format!("--mock-error {argument}: the name of the error is missing")));
            }
            mocks.add(state, Answer::Throw { error: error.into(), cause });
        }
        for argument in results {
            let (state, text) = names.split(argument, "--mock", "STATE=JSON")?;
            let payload = match text.strip_prefix('@') {
                Some(path) => Payload::from_text(source::read(Path::new(path), MOCKS_BYTES_MAX)?),
                None => Payload::from_text(text),
            };
            let payload = payload.map_err(|error| {
                let quotes = if text.starts_with(['{', '[', '"', '@']) {
                    ""
                } else {
                    "\nA string needs quotes of its own: --mock 'STATE=\"text\"'"
                };
                Failure(format!("--mock {state}: the answer is no JSON: {error}{quotes}"))
            })?;
            mocks.add(state, Answer::Return(payload));
        }
        if let Some(path) = file {
            let text = source::read(path, MOCKS_BYTES_MAX)?;
            let shown = source::name(path);
            let value = parse(&text).map_err(|error| Failure(format!("{shown} is no JSON: {error}")))?;
            for (state, answers) in read_file(&value, &shown)? {
                let state = names.check(&state, &shown)?;
                mocks.by_state.entry(state).or_insert(Answers { in_order: answers, given: 0 });
            }
        }
        Ok(mocks)
    }

    fn add(&mut self, state: Text, answer: Answer) {
        self.by_state.entry(state).or_default().in_order.push(answer);
    }

    /// The answer to the next call of a state.
    pub(super) fn answer(&mut self, state: &str) -> Option<Answer> {
        let answers = self.by_state.get_mut(state)?;
        let index = answers.given.min(answers.in_order.len().checked_sub(1)?);
        answers.given += 1;
        answers.in_order.get(index).cloned()
    }
}

/// Reads `{"STATE": {"Return": …} | {"Throw": …} | [ … ]}`.
fn read_file(value: &Value, file: &str) -> Result<Vec<(Text, Vec<Answer>)>, Failure> {
    const SHAPE: &str = r#"Expected: {"STATE": {"Return": RESULT}} or {"STATE": {"Throw": {"Error": NAME, "Cause": TEXT}}}, or a list of these, one a call"#;
    let wrong = |what: String| Failure(format!("{file}: {what}\n{SHAPE}"));
    let states = value.as_object().ok_or_else(|| wrong("it is no JSON object".to_owned()))?;
    let mut all = Vec::with_capacity(states.len());
    for (state, written) in states.iter() {
        let list = written.as_array().map_or_else(|| vec![written.clone()], |items| items.to_vec());
        if list.is_empty() {
            return Err(wrong(format!("state '{state}' has no answer")));
        }
        let answers = list.iter().map(read_answer).collect::<Option<Vec<_>>>();
        all.push((state.clone(), answers.ok_or_else(|| wrong(format!("state '{state}' has a malformed answer")))?));
    }
    Ok(all)
}

fn read_answer(value: &Value) -> Option<Answer> {
    let object = value.as_object().filter(|object| object.len() == 1)?;
    if let Some(result) = object.get("Return") {
        return Some(Answer::Return(Payload::from_value(result.clone())));
    }
    let thrown = object.get("Throw")?.as_object()?;
    let text = |member: &str| match thrown.get(member) {
        None => Some(None),
        Some(value) => value.as_str().map(|text| Some(Text::from(text))),
    };
    if thrown.keys().any(|key| !matches!(&**key, "Error" | "Cause")) {
        return None;
    }
    Some(Answer::Throw { error: text("Error")??, cause: text("Cause")? })
}

/// The states that can be mocked.
struct TaskNames {
    tasks: Vec<Text>,
    others: Vec<Text>,
}

impl TaskNames {
    fn of(machine: &Machine) -> TaskNames {
        let mut names = TaskNames { tasks: Vec::new(), others: Vec::new() };
        states::each(machine, &mut |state: &State| match state.kind {
            StateKind::Task(_) => names.tasks.push(state.name.clone()),
            _ => names.others.push(state.name.clone()),
        });
        names
    }

    /// Splits `STATE=…`; a state's name may have an equals sign in it.
    fn split<'a>(&self, argument: &'a str, flag: &str, shape: &str) -> Result<(Text, &'a str), Failure> {
        let after = |name: &Text| argument.strip_prefix(&**name)?.strip_prefix('=');
        let known = self.tasks.iter().filter_map(|name| Some((name, after(name)?))).max_by_key(|(name, _)| name.len());
        if let Some((name, text)) = known {
            return Ok((name.clone(), text));
        }
        let Some((name, text)) = argument.split_once('=') else {
            return Err(Failure(format!("{flag} {argument}: expected {shape}")));
        };
        self.check(name, flag).map(|name| (name, text))
    }

    /// # Errors
    /// Where there is no Task state of that name.
    fn check(&self, name: &str, place: &str) -> Result<Text, Failure> {
        if let Some(known) = self.tasks.iter().find(|known| &***known == name) {
            return Ok(known.clone());
        }
        let what = if self.others.iter().any(|other| &**other == name) {
            format!("state '{name}' is no Task state; only tasks are mocked")
        } else {
            format!("there is no state '{name}'")
        };
        let listed: Vec<&str> = self.tasks.iter().take(NAMES_MAX).map(|name| &**name).collect();
        let more = if self.tasks.len() > NAMES_MAX { ", …" } else { "" };
        let tasks = match listed.is_empty() {
            true => "The definition has no Task state.".to_owned(),
            false => format!("The definition's tasks: {}{more}", listed.join(", ")),
        };
        Err(Failure(format!("{place}: {what}\n{tasks}")))
    }
}
