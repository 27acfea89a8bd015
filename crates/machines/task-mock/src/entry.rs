use windlass_value::{Object, Text, Value};

use crate::answer::Answer;
use crate::error::MockError;
use crate::expression::Script;
use crate::pattern::Pattern;

/// Longest delay, as ASL bounds its own intervals.
const DELAY_SECONDS_MAX: f64 = 99_999_999.0;

/// How far an answer is checked against the model of the API that it stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Validation {
    /// Not at all, as Step Functions Local does.
    #[default]
    None,
    /// Members that are there must be of the model.
    Present,
    /// Also, required members must be there.
    Strict,
}

impl Validation {
    /// The word of TestState's `fieldValidationMode`.
    pub fn as_str(self) -> &'static str {
        match self {
            Validation::None => "NONE",
            Validation::Present => "PRESENT",
            Validation::Strict => "STRICT",
        }
    }

    pub(crate) fn read(value: &Value) -> Result<Validation, MockError> {
        [Validation::None, Validation::Present, Validation::Strict]
            .into_iter()
            .find(|mode| Some(mode.as_str()) == value.as_str())
            .ok_or_else(|| MockError::new(format!("{value} is none of \"STRICT\", \"PRESENT\", \"NONE\"")))
    }
}

/// What an entry answers with.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Fixed(Answer),
    Computed(Script),
}

/// One answer of a response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) outcome: Outcome,
    pub(crate) delay_ms: u64,
    /// What the service answers that takes a job or a callback's request.
    pub(crate) submitted: Option<Value>,
    pub(crate) expected: Vec<Pattern>,
    pub(crate) validation: Option<Validation>,
}

/// Keys of an entry, for the message that refuses another.
const KEYS: &str = "Return, Throw, Script, Delay, Submitted, Assert, Validation";

impl Entry {
    /// Reads an entry; `input` is whether it may say which input it is for.
    pub(crate) fn read(value: &Value, with_input: bool) -> Result<Entry, MockError> {
        let object = value.as_object().ok_or_else(|| MockError::new("it must be an object with Return or Throw"))?;
        let mut outcome = None;
        let mut entry = Entry {
            outcome: Outcome::Fixed(Answer::Return(Value::Null)),
            delay_ms: 0,
            submitted: None,
            expected: Vec::new(),
            validation: None,
        };
        for (key, value) in object.iter() {
            let read = match &**key {
                "Return" => Some(Outcome::Fixed(Answer::Return(value.clone()))),
                "Throw" => Some(Outcome::Fixed(thrown(value).map_err(|error| error.within(key))?)),
                "Script" => Some(Outcome::Computed(script(value).map_err(|error| error.within(key))?)),
                "Delay" => {
                    entry.delay_ms = delay_ms(value).map_err(|error| error.within(key))?;
                    None
                }
                "Submitted" => {
                    entry.submitted = Some(value.clone());
                    None
                }
                "Assert" => {
                    entry.expected = patterns(value).map_err(|error| error.within(key))?;
                    None
                }
                "Validation" => {
                    entry.validation = Some(Validation::read(value).map_err(|error| error.within(key))?);
                    None
                }
                "Input" if with_input => None,
                other => return Err(MockError::new(format!("'{other}' is no key of an answer; there are {KEYS}"))),
            };
            if read.is_some() && outcome.is_some() {
                return Err(only_one());
            }
            outcome = outcome.or(read);
        }
        entry.outcome = outcome.ok_or_else(only_one)?;
        Ok(entry)
    }
}

fn only_one() -> MockError {
    MockError::new("it must have exactly one of Return, Throw and Script")
}

/// One pattern, or a list of which all must fit.
pub(crate) fn patterns(value: &Value) -> Result<Vec<Pattern>, MockError> {
    match value.as_array() {
        Some(list) => list.iter().map(Pattern::read).collect(),
        None => Pattern::read(value).map(|pattern| vec![pattern]),
    }
}

fn thrown(value: &Value) -> Result<Answer, MockError> {
    const SHAPE: &str = r#"it must be {"Error": "NAME", "Cause": "TEXT"}"#;
    let object: &Object = value.as_object().ok_or_else(|| MockError::new(SHAPE))?;
    let text = |name: &str| match object.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().map(|text| Some(Text::from(text))).ok_or_else(|| MockError::new(SHAPE)),
    };
    if object.keys().any(|key| !matches!(&**key, "Error" | "Cause")) {
        return Err(MockError::new(SHAPE));
    }
    Ok(Answer::Throw { error: text("Error")?.ok_or_else(|| MockError::new(SHAPE))?, cause: text("Cause")? })
}

fn script(value: &Value) -> Result<Script, MockError> {
    let read = value.as_str().and_then(Script::read);
    read.ok_or_else(|| MockError::new("it must be a text with a JSONata expression in {% %}"))?
}

fn delay_ms(value: &Value) -> Result<u64, MockError> {
    let seconds = value.as_f64().filter(|seconds| (0.0..=DELAY_SECONDS_MAX).contains(seconds));
    let seconds = seconds.ok_or_else(|| MockError::new("it must be a number of seconds, 0 to 99999999"))?;
    Ok((seconds * 1000.0).round() as u64)
}
