use std::fmt;

use windlass_value::{LineIndex, Number, Object, Value};

use crate::compile::{self, Branch};
use crate::pattern::Pattern;

/// How many keys a filter policy may have; nested ones count as their parent.
pub const KEYS_MAX: usize = 5;
/// How many combinations of values a filter policy may make.
pub const COMBINATIONS_MAX: usize = 150;

/// What a filter policy looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The message's attributes, without nesting.
    #[default]
    MessageAttributes,
    /// The message itself, as a JSON object.
    MessageBody,
}

impl Scope {
    /// The scope of that name.
    pub fn parse(text: &str) -> Option<Scope> {
        match text {
            "MessageAttributes" => Some(Scope::MessageAttributes),
            "MessageBody" => Some(Scope::MessageBody),
            _ => None,
        }
    }

    /// AWS's name of the scope.
    pub fn name(self) -> &'static str {
        match self {
            Scope::MessageAttributes => "MessageAttributes",
            Scope::MessageBody => "MessageBody",
        }
    }
}

/// A message attribute with its text value.
#[derive(Clone, Copy, Debug)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: &'a str,
    /// `String`, `String.Array`, `Number`, `Binary`, or one of them with a label.
    pub data_type: &'a str,
    /// The string value; of no use for `Binary`.
    pub value: &'a str,
}

/// Why a text is no filter policy; the text is what SNS writes behind
/// `Invalid parameter: ` (or `Invalid parameter: Attributes Reason: `).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPolicyError {
    /// The reason, with `FilterPolicy: ` where SNS has it.
    pub reason: String,
}

impl fmt::Display for FilterPolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for FilterPolicyError {}

fn refuse(reason: impl fmt::Display) -> FilterPolicyError {
    FilterPolicyError { reason: format!("FilterPolicy: {reason}") }
}

/// A subscription's filter policy, ready to match. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct FilterPolicy {
    scope: Scope,
    /// `None` for `{}`, which lets everything through.
    pattern: Option<Pattern>,
}

impl FilterPolicy {
    /// Reads a filter policy.
    ///
    /// # Errors
    /// Where the text is no JSON, no pattern, or beyond SNS's limits.
    pub fn parse(text: &str, scope: Scope) -> Result<FilterPolicy, FilterPolicyError> {
        if text.len() > compile::PATTERN_BYTES_MAX {
            return Err(refuse("Filter policy is too complex"));
        }
        let value = windlass_value::parse(text).map_err(|error| {
            let position = LineIndex::new(text).position(text, error.offset.min(text.len()));
            let place = format!("line: {}, column: {}", position.line, position.column);
            let message = error.message;
            refuse(format!(
                "failed to parse JSON. {message}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); {place}]"
            ))
        })?;
        if value.as_object().is_some_and(|object| object.is_empty()) {
            return Ok(FilterPolicy { scope, pattern: None });
        }
        let branches = compile::compile(&value.to_text()).map_err(|error| refuse(error.reason))?.branches;
        if value.as_object().is_some_and(|object| object.len() > KEYS_MAX) {
            return Err(refuse(format!("Filter policy can not have more than {KEYS_MAX} keys")));
        }
        if combinations(&branches) > COMBINATIONS_MAX {
            return Err(refuse("Filter policy is too complex"));
        }
        let nested = branches.iter().flat_map(Branch::values).any(|condition| condition.depth > 1);
        if nested && scope == Scope::MessageAttributes {
            return Err(FilterPolicyError {
                reason: "Filter policy scope MessageAttributes does not support nested filter policy".to_owned(),
            });
        }
        Ok(FilterPolicy { scope, pattern: Some(Pattern::new(branches)) })
    }

    /// What the policy looks at.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether a message with these attributes passes.
    pub fn matches_attributes<'a>(&self, attributes: impl IntoIterator<Item = Attribute<'a>>) -> bool {
        let Some(pattern) = &self.pattern else { return true };
        let members = attributes.into_iter().filter_map(|attribute| Some((attribute.name, attribute.to_value()?)));
        pattern.matches(&Value::from(members.collect::<Object>()))
    }

    /// Whether a message with this body passes: none that is no JSON object.
    pub fn matches_body(&self, body: Option<&Value>) -> bool {
        match (&self.pattern, body) {
            (None, _) => true,
            (Some(pattern), Some(body)) => pattern.matches(body),
            (Some(_), None) => false,
        }
    }
}

impl Attribute<'_> {
    /// The attribute as a member of an event; binary ones are not looked at.
    fn to_value(self) -> Option<Value> {
        if self.data_type == "String.Array" {
            return windlass_value::parse(self.value).ok().filter(|value| value.as_array().is_some());
        }
        match self.data_type.split('.').next() {
            Some("Binary") => None,
            Some("Number") => Some(match windlass_value::parse(self.value.trim()) {
                Ok(Value::Number(number)) => Value::Number(number),
                // `007` or `+5` are numbers to SNS and none to JSON.
                _ => match self.value.trim().parse().ok().and_then(Number::from_f64) {
                    Some(number) => Value::Number(number),
                    None => Value::string(self.value),
                },
            }),
            _ => Some(Value::string(self.value)),
        }
    }
}

/// The sum over the combinations of `$or` of the product over the keys of how many
/// values each has, times its depth.
fn combinations(branches: &[Branch]) -> usize {
    let product = |branch: &Branch| {
        branch.values().fold(1_usize, |product, condition| {
            product.saturating_mul(condition.values).saturating_mul(condition.depth)
        })
    };
    branches.iter().map(product).fold(0, usize::saturating_add)
}
