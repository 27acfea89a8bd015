//! Which field belongs to which state type and language, as measured with
//! ValidateStateMachineDefinition.

use crate::program::QueryLanguage;

/// The languages a field belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum In {
    Both,
    JsonPath,
    Jsonata,
}

impl In {
    /// Whether the field may stand in a state of that language.
    pub(crate) fn allows(self, language: QueryLanguage) -> bool {
        match self {
            In::Both => true,
            In::JsonPath => language == QueryLanguage::JsonPath,
            In::Jsonata => language == QueryLanguage::Jsonata,
        }
    }
}

use In::{Both, JsonPath, Jsonata};

/// The values of `Type`, in the order AWS lists them.
pub(crate) const TYPES: [&str; 8] = ["Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"];

/// Fields of every state.
const COMMON: &[(&str, In)] = &[("Type", Both), ("Comment", Both), ("QueryLanguage", Both)];

const PASS: &[(&str, In)] = &[
    ("Next", Both),
    ("End", Both),
    ("InputPath", JsonPath),
    ("OutputPath", JsonPath),
    ("Parameters", JsonPath),
    ("Result", JsonPath),
    ("ResultPath", JsonPath),
    ("Output", Jsonata),
    ("Assign", Both),
];

const TASK: &[(&str, In)] = &[
    ("Resource", Both),
    ("Next", Both),
    ("End", Both),
    ("InputPath", JsonPath),
    ("OutputPath", JsonPath),
    ("Parameters", JsonPath),
    ("ResultPath", JsonPath),
    ("ResultSelector", JsonPath),
    ("Arguments", Jsonata),
    ("Output", Jsonata),
    ("Assign", Both),
    ("Retry", Both),
    ("Catch", Both),
    ("Credentials", Both),
    ("TimeoutSeconds", Both),
    ("TimeoutSecondsPath", JsonPath),
    ("HeartbeatSeconds", Both),
    ("HeartbeatSecondsPath", JsonPath),
];

const CHOICE: &[(&str, In)] = &[
    ("Choices", Both),
    ("Default", Both),
    ("InputPath", JsonPath),
    ("OutputPath", JsonPath),
    ("Output", Jsonata),
    ("Assign", Both),
];

const WAIT: &[(&str, In)] = &[
    ("Seconds", Both),
    ("SecondsPath", JsonPath),
    ("Timestamp", Both),
    ("TimestampPath", JsonPath),
    ("Next", Both),
    ("End", Both),
    ("InputPath", JsonPath),
    ("OutputPath", JsonPath),
    ("Output", Jsonata),
    ("Assign", Both),
];

const SUCCEED: &[(&str, In)] = &[("InputPath", JsonPath), ("OutputPath", JsonPath), ("Output", Jsonata)];

const FAIL: &[(&str, In)] = &[("Error", Both), ("Cause", Both), ("ErrorPath", JsonPath), ("CausePath", JsonPath)];

const PARALLEL: &[(&str, In)] = &[
    ("Branches", Both),
    ("Next", Both),
    ("End", Both),
    ("InputPath", JsonPath),
    ("OutputPath", JsonPath),
    ("Parameters", JsonPath),
    ("ResultPath", JsonPath),
    ("ResultSelector", JsonPath),
    ("Arguments", Jsonata),
    ("Output", Jsonata),
    ("Assign", Both),
    ("Retry", Both),
    ("Catch", Both),
];

const MAP: &[(&str, In)] = &[
    ("ItemProcessor", Both),
    ("Iterator", Both),
    ("ItemsPath", JsonPath),
    ("Items", Jsonata),
    ("ItemSelector", Both),
    ("ItemReader", Both),
    ("ItemBatcher", Both),
    ("ResultWriter", Both),
    ("MaxConcurrency", Both),
    ("MaxConcurrencyPath", JsonPath),
    ("ToleratedFailureCount", Both),
    ("ToleratedFailureCountPath", JsonPath),
    ("ToleratedFailurePercentage", Both),
    ("ToleratedFailurePercentagePath", JsonPath),
    ("Label", Both),
    ("Next", Both),
    ("End", Both),
    ("InputPath", JsonPath),
    ("OutputPath", JsonPath),
    ("Parameters", JsonPath),
    ("ResultPath", JsonPath),
    ("ResultSelector", JsonPath),
    ("Output", Jsonata),
    ("Assign", Both),
    ("Retry", Both),
    ("Catch", Both),
];

/// A state type's own fields; `None` for an unknown type.
pub(crate) fn of_type(state_type: &str) -> Option<&'static [(&'static str, In)]> {
    Some(match state_type {
        "Pass" => PASS,
        "Task" => TASK,
        "Choice" => CHOICE,
        "Wait" => WAIT,
        "Succeed" => SUCCEED,
        "Fail" => FAIL,
        "Parallel" => PARALLEL,
        "Map" => MAP,
        _ => return None,
    })
}

/// The languages of a field on a state type; `None` where it does not belong.
pub(crate) fn languages(own: &[(&str, In)], field: &str) -> Option<In> {
    COMMON.iter().chain(own).find(|(name, _)| *name == field).map(|(_, languages)| *languages)
}

/// The names a writer may have meant on a state type.
pub(crate) fn names(own: &'static [(&'static str, In)]) -> impl Iterator<Item = &'static str> {
    COMMON.iter().chain(own).map(|(name, _)| *name)
}

/// Fields of the whole definition.
pub(crate) const TOP: &[&str] = &["Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "Version", "States"];
/// Fields of a Parallel branch.
pub(crate) const BRANCH: &[&str] = &["Comment", "StartAt", "States"];
/// Fields of a Map's processor.
pub(crate) const PROCESSOR: &[&str] = &["Comment", "StartAt", "States", "ProcessorConfig"];
/// Fields of `ProcessorConfig`.
pub(crate) const PROCESSOR_CONFIG: &[&str] = &["Mode", "ExecutionType"];
/// Fields of a retrier.
pub(crate) const RETRIER: &[&str] =
    &["Comment", "ErrorEquals", "IntervalSeconds", "MaxAttempts", "BackoffRate", "MaxDelaySeconds", "JitterStrategy"];
/// Fields of a catcher.
pub(crate) const CATCHER: &[(&str, In)] = &[
    ("Comment", Both),
    ("ErrorEquals", Both),
    ("Next", Both),
    ("ResultPath", JsonPath),
    ("Output", Jsonata),
    ("Assign", Both),
];
/// Fields of a Choice rule but for its operators.
pub(crate) const RULE: &[(&str, In)] = &[
    ("Comment", Both),
    ("Next", Both),
    ("Assign", Both),
    ("Output", Jsonata),
    ("Condition", Jsonata),
    ("And", JsonPath),
    ("Or", JsonPath),
    ("Not", JsonPath),
    ("Variable", JsonPath),
];
