//! What a check found.

use windlass_value::{Object, Value};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// It is as it should be.
    Fine,
    /// Worth knowing; nothing to do.
    Note,
    /// It works, and may not always.
    Warning,
    /// It does not work.
    Broken,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Fine => "OK",
            Level::Note => "NOTE",
            Level::Warning => "WARNING",
            Level::Broken => "BROKEN",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What was looked at.
    pub(super) check: &'static str,
    /// What was seen.
    pub(super) text: String,
    /// What to do about it; empty where there is nothing to do.
    pub(super) advice: String,
}

impl Finding {
    pub(super) fn new(level: Level, check: &'static str, text: impl Into<String>) -> Finding {
        Finding { level, check, text: text.into(), advice: String::new() }
    }

    /// What to do about it.
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Finding {
        self.advice = advice.into();
        self
    }

    pub(super) fn to_value(&self) -> Value {
        let mut value = Object::new();
        value.insert("check", self.check);
        value.insert("level", self.level.name());
        value.insert("text", self.text.as_str());
        if !self.advice.is_empty() {
            value.insert("advice", self.advice.as_str());
        }
        value.into()
    }
}
