//! Filter patterns: terms, JSON conditions, and fields between blanks.
//!
//! Source: "Filter pattern syntax for metric filters, subscription filters, filter log
//! events, and Live Tail" of the CloudWatch Logs user guide.

mod fields;
mod json;
mod literal;
mod terms;

use fields::Fields;
use json::Condition;
use terms::Terms;

/// The longest pattern, in characters (the service model's bound).
const PATTERN_CHARS_MAX: usize = 1024;

/// A pattern that messages match or not.
#[derive(Clone, Debug)]
pub struct FilterPattern(Kind);

#[derive(Clone, Debug)]
enum Kind {
    All,
    Terms(Terms),
    Json(Condition),
    Fields(Fields),
}

/// A text that is no filter pattern; where and why, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(pub(crate) String);

impl std::fmt::Display for PatternError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl FilterPattern {
    /// Reads a pattern. An empty one matches every message.
    ///
    /// # Errors
    /// What is no pattern.
    pub fn parse(text: &str) -> Result<FilterPattern, PatternError> {
        let text = text.trim();
        if text.chars().count() > PATTERN_CHARS_MAX {
            return Err(PatternError(format!("the pattern has more than {PATTERN_CHARS_MAX} characters")));
        }
        let kind = match text.as_bytes() {
            [] => Kind::All,
            [b'{', ..] => Kind::Json(Condition::parse(text)?),
            [b'[', ..] => Kind::Fields(Fields::parse(text)?),
            _ => Kind::Terms(Terms::parse(text)?),
        };
        Ok(FilterPattern(kind))
    }

    /// Whether a message matches.
    pub fn matches(&self, message: &str) -> bool {
        match &self.0 {
            Kind::All => true,
            Kind::Terms(terms) => terms.matches(message),
            Kind::Json(condition) => windlass_value::parse(message).is_ok_and(|document| condition.holds(&document)),
            Kind::Fields(fields) => fields.matches(message),
        }
    }
}
