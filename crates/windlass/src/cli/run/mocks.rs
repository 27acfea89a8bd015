//! Answers to tasks, given beforehand: no service is there to give them.

use std::collections::HashMap;
use std::path::Path;

use windlass_asl::{Machine, State, StateKind};
use windlass_task_mock::{MockFile, TestCase, Validation};
use windlass_value::{Object, Text, Value, object, parse};

use super::super::{Failure, source};
use super::states;

/// Largest mock file that is read, in bytes.
const MOCKS_BYTES_MAX: u64 = 64 << 20;
/// How many names a message lists.
const NAMES_MAX: usize = 12;

/// The test case of a run: what its tasks answer.
pub(super) type Mocks = TestCase;

/// What is said of a mock file.
pub(super) struct FromFile<'a> {
    pub(super) path: &'a Path,
    /// The test case; the only one where it is not said.
    pub(super) case: Option<&'a str>,
    /// The state machine's name, from that of its file.
    pub(super) machine: &'a str,
}

/// From the arguments: `results` and `errors` in their order, the errors of a state
/// before its results, the last one again and again; they replace what the file says
/// of a state.
///
/// # Errors
/// Where an argument or the file is malformed, or names no Task state.
pub(super) fn mocks(
    machine: &Machine,
    results: &[String],
    errors: &[String],
    file: Option<FromFile<'_>>,
) -> Result<Mocks, Failure> {
    let names = TaskNames::of(machine);
    let mut given: HashMap<Text, Vec<Value>> = HashMap::new();
    for argument in errors {
        let (state, text) = names.split(argument, "--mock-error", "STATE=ERROR")?;
        let (error, cause) = match text.split_once(':') {
            Some((error, cause)) => (error.trim(), Some(cause.trim())),
            None => (text.trim(), None),
        };
        if error.is_empty() {
            return Err(Failure(format!("--mock-error {argument}: the name of the error is missing")));
        }
        let mut thrown = Object::new();
        thrown.insert("Error", error);
        if let Some(cause) = cause {
            thrown.insert("Cause", cause);
        }
        given.entry(state).or_default().push(object! { "Throw" => thrown });
    }
    for argument in results {
        let (state, text) = names.split(argument, "--mock", "STATE=JSON")?;
        let result = match text.strip_prefix('@') {
            Some(path) => parse(&source::read(Path::new(path), MOCKS_BYTES_MAX)?),
            None => parse(text),
        };
        let result = result.map_err(|error| {
            let quotes = if text.starts_with(['{', '[', '"', '@']) {
                ""
            } else {
                "\nA string needs quotes of its own: --mock 'STATE=\"text\"'"
            };
            Failure(format!("--mock {state}: the answer is no JSON: {error}{quotes}"))
        })?;
        given.entry(state).or_default().push(object! { "Return" => result });
    }
    let (mut responses, name, validation) = match file {
        None => (Object::new(), Text::from("run"), Validation::default()),
        Some(file) => {
            let shown = source::name(file.path);
            let case = case_of(&file, &shown)?;
            for state in case.responses().keys() {
                names.check(state, &shown)?;
            }
            (case.responses().clone(), case.name().into(), case.validation())
        }
    };
    for (state, answers) in given {
        responses.insert(state, in_order(answers));
    }
    TestCase::new(&name, &responses, validation).map_err(|error| Failure(error.to_string()))
}

/// One answer a call, the last again and again.
fn in_order(answers: Vec<Value>) -> Object {
    let last = answers.len().saturating_sub(1);
    let key = |index: usize| if index == last { format!("{index}-") } else { index.to_string() };
    answers.into_iter().enumerate().map(|(index, answer)| (Text::from(key(index)), answer)).collect()
}

/// The test case that a run takes of a mock file.
fn case_of(file: &FromFile<'_>, shown: &str) -> Result<TestCase, Failure> {
    let text = source::read(file.path, MOCKS_BYTES_MAX)?;
    let mocks = MockFile::read(&text).map_err(|error| Failure(format!("{shown}: {error}")))?;
    let machines: Vec<&Text> = mocks.machines().collect();
    let machine = match &machines[..] {
        _ if machines.iter().any(|name| &***name == file.machine) => file.machine,
        [only] => only,
        [] => return Err(Failure(format!("{shown}: there are no StateMachines in it"))),
        several => {
            return Err(Failure(format!(
                "{shown}: it has no state machine '{}', the name that the definition's file gives\nIts state machines: {}",
                file.machine,
                listed(several)
            )));
        }
    };
    let cases = mocks.cases(machine);
    let case = match (file.case, &cases[..]) {
        (Some(case), _) => case,
        (None, [only]) => only,
        (None, []) => return Err(Failure(format!("{shown}: '{machine}' has no TestCases"))),
        (None, several) => {
            return Err(Failure(format!(
                "{shown}: '{machine}' has {} test cases; say which: --case NAME\nIts test cases: {}",
                several.len(),
                listed(several)
            )));
        }
    };
    mocks.case(machine, case).cloned().ok_or_else(|| {
        Failure(format!("{shown}: '{machine}' has no test case '{case}'\nIts test cases: {}", listed(&cases)))
    })
}

fn listed(names: &[&Text]) -> String {
    let more = if names.len() > NAMES_MAX { ", …" } else { "" };
    let names: Vec<&str> = names.iter().take(NAMES_MAX).map(|name| &***name).collect();
    format!("{}{more}", names.join(", "))
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
