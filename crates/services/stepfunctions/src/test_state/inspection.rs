//! The answer: how the state ended and what it evaluated.

use windlass_asl::StateKind;
use windlass_protocol::{Fault, Reply};
use windlass_value::{Number, Object, Payload, Text, Value};
use windlass_workflow::Traced;

use super::drive::{Ended, Ending};
use super::subject::Subject;
use crate::request::Request;

/// How much is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// How the state ended.
    Info,
    /// And what it evaluated.
    Debug,
    /// And the request and the response of an HTTP task.
    Trace,
}

impl Level {
    pub(super) fn of(request: Request<'_>) -> Result<Level, Fault> {
        Ok(match request.text("inspectionLevel")?.map(|level| &**level) {
            Some("DEBUG") => Level::Debug,
            Some("TRACE") => Level::Trace,
            _ => Level::Info,
        })
    }
}

/// The stages of a data flow and what AWS calls their values.
type Stages = &'static [(&'static str, &'static str)];

const INPUT_PATH: (&str, &str) = ("InputPath", "afterInputPath");
const PARAMETERS: (&str, &str) = ("Parameters", "afterParameters");
const RESULT: (&str, &str) = ("Result", "result");
const RESULT_SELECTOR: (&str, &str) = ("ResultSelector", "afterResultSelector");
const RESULT_PATH: (&str, &str) = ("ResultPath", "afterResultPath");
const ITEMS_POINTER: (&str, &str) = ("ItemReader/ReaderConfig/ItemsPointer", "afterItemsPointer");
const ITEM_SELECTOR: (&str, &str) = ("ItemSelector", "afterItemSelector");
const ITEM_BATCHER: (&str, &str) = ("ItemBatcher", "afterItemBatcher");

/// What AWS shows of a state. Recorded: of Parallel less than it evaluates, in JSONata hardly
/// anything but Arguments.
fn stages(subject: &Subject) -> Stages {
    match (&subject.state().kind, subject.is_jsonata()) {
        (StateKind::Task(_), true) => &[("Arguments", "afterArguments"), RESULT],
        (StateKind::Map(_), true) => &[ITEMS_POINTER, ITEM_SELECTOR, ITEM_BATCHER],
        (_, true) => &[],
        (StateKind::Pass { .. } | StateKind::Task(_), false) => {
            &[INPUT_PATH, PARAMETERS, RESULT, RESULT_SELECTOR, RESULT_PATH]
        }
        (StateKind::Parallel { .. }, false) => &[RESULT_SELECTOR, RESULT_PATH],
        (StateKind::Map(_), false) => &[
            INPUT_PATH,
            ("ItemsPath", "afterItemsPath"),
            ITEMS_POINTER,
            ITEM_SELECTOR,
            ITEM_BATCHER,
            RESULT_SELECTOR,
            RESULT_PATH,
        ],
        (StateKind::Choice(_) | StateKind::Wait(_) | StateKind::Succeed | StateKind::Fail(_), false) => &[INPUT_PATH],
    }
}

/// What a state evaluated.
struct Evaluated<'a>(&'a [Traced]);

impl Evaluated<'_> {
    /// The value of a stage, where it was reached.
    fn value(&self, field: &str) -> Option<&Value> {
        self.0.iter().rev().find(|entry| entry.field == field)?.value.as_ref().ok()
    }

    /// Which entry of a list answered an error (`Retry[1]`), and what it said.
    fn answering(&self, list: &str) -> Option<(usize, &Value)> {
        self.0.iter().rev().find_map(|entry| {
            let index = entry.field.strip_prefix(list)?.strip_prefix('[')?.strip_suffix(']')?;
            Some((index.parse().ok()?, entry.value.as_ref().ok()?))
        })
    }

    /// The error that Retry and Catch were asked about first.
    fn error(&self) -> (Option<Text>, Option<Text>) {
        let error = self.0.iter().find(|entry| entry.field == "Error").and_then(|entry| entry.value.as_ref().ok());
        let text = |name: &str| Some(Text::from(error?.get(name)?.as_str()?));
        (text("Error"), text("Cause"))
    }
}

/// The answer of the operation.
pub(super) fn answer(
    ended: &Ended,
    subject: &Subject,
    input: &Payload,
    variables: Option<&Payload>,
    level: Level,
    reveals: bool,
    failed_iterations: Option<u64>,
) -> Result<Reply, Fault> {
    let evaluated = Evaluated(&ended.traced);
    let iterations = evaluated.value("Iterations").and_then(Value::as_i64).and_then(|count| u64::try_from(count).ok());
    if let (Some(failed), Some(iterations)) = (failed_iterations, iterations)
        && failed > iterations
    {
        return Err(Fault::validation(
            "Map iteration failure count must be less than or equal to the number of Map iterations",
        ));
    }
    let mut out = Object::new();
    let catcher = evaluated.answering("Catch");
    let (error, cause) = match &ended.ending {
        Ending::Failed { error, cause } if catcher.is_none() => (error.clone(), cause.clone()),
        _ => evaluated.error(),
    };
    let status = match (&ended.ending, catcher) {
        (Ending::Retriable, _) => "RETRIABLE",
        (Ending::Left(_), None) => "SUCCEEDED",
        // Measured: a catcher whose Output cannot be evaluated has caught the error all the same.
        (Ending::Left(_) | Ending::Failed { .. }, Some(_)) => "CAUGHT_ERROR",
        (Ending::Failed { .. }, None) => "FAILED",
    };
    if let Ending::Left(output) = &ended.ending {
        out.insert("output", output.text());
    }
    if let Some(error) = error {
        out.insert("error", error);
    }
    if let Some(cause) = cause {
        out.insert("cause", cause);
    }
    if level >= Level::Debug {
        out.insert("inspectionData", inspection_data(ended, &evaluated, subject, input, variables, level, reveals));
    }
    let caught_by = catcher.and_then(|(index, _)| subject.state().catch.get(index));
    if let Some(next) = evaluated.value("Next").and_then(Value::as_str) {
        out.insert("nextState", next);
    } else if let (Some(catcher), "CAUGHT_ERROR") = (caught_by, status) {
        out.insert("nextState", &catcher.next);
    }
    out.insert("status", status);
    Ok(Value::from(out).into())
}

fn inspection_data(
    ended: &Ended,
    evaluated: &Evaluated<'_>,
    subject: &Subject,
    input: &Payload,
    variables: Option<&Payload>,
    level: Level,
    reveals: bool,
) -> Object {
    let mut data = Object::new();
    data.insert("input", input.text());
    for (field, member) in stages(subject) {
        if let Some(value) = evaluated.value(field) {
            data.insert(*member, value.to_text());
        }
    }
    if let StateKind::Map(_) = subject.state().kind {
        for (field, member) in
            [("ToleratedFailureCount", "toleratedFailureCount"), ("MaxConcurrency", "maxConcurrency")]
        {
            if let Some(value) = evaluated.value(field) {
                data.insert(member, value);
            }
        }
        if let Some(percentage) = evaluated.value("ToleratedFailurePercentage").and_then(Value::as_f64) {
            // A float on the wire, also when it is whole.
            data.insert("toleratedFailurePercentage", Number::from_literal(&format!("{percentage:?}")));
        }
    }
    let known = evaluated.value("Variables").or_else(|| variables.map(Payload::value));
    if let Some(Value::Object(known)) = known
        && !known.is_empty()
    {
        data.insert("variables", Value::Object(known.clone()).to_text());
    }
    let details = error_details(evaluated);
    if !details.is_empty() {
        data.insert("errorDetails", details);
    }
    if level == Level::Trace
        && let Some(exchange) = &ended.exchange
    {
        data.insert("request", exchange.request(reveals));
        if let Some(response) = &exchange.response {
            data.insert("response", response);
        }
    }
    data
}

/// Which retrier and which catcher answered the error.
fn error_details(evaluated: &Evaluated<'_>) -> Object {
    let mut details = Object::new();
    if let Some((index, _)) = evaluated.answering("Catch") {
        details.insert("catchIndex", index);
    }
    if let Some((index, granted)) = evaluated.answering("Retry") {
        details.insert("retryIndex", index);
        if let Some(delay_ms) = granted.get("DelayMs").and_then(Value::as_f64) {
            details.insert("retryBackoffIntervalSeconds", (delay_ms / 1000.0).round() as i64);
        }
    }
    details
}
