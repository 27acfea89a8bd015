use crate::access::context::Context;
use crate::access::pattern::{Pattern, Syntax};

/// How many parts an ARN has; the last keeps all further colons.
const PARTS: usize = 6;

/// An ARN with wildcards. Each of the six parts is matched for itself, so that a
/// `*` for the account cannot reach into the resource.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ResourcePattern {
    /// `*`
    Everything,
    /// One for each part.
    Parts(Box<[Pattern; PARTS]>),
    /// No ARN: matched as it stands.
    Plain(Pattern),
}

impl ResourcePattern {
    /// Missing parts are taken as `*`, as AWS completes them.
    pub(crate) fn compile(text: &str, variables: bool) -> ResourcePattern {
        let syntax = Syntax { wildcards: true, variables };
        if text == "*" {
            return ResourcePattern::Everything;
        }
        let parts = split(text, variables);
        if parts.first() != Some(&"arn") {
            return ResourcePattern::Plain(Pattern::compile(text, syntax));
        }
        ResourcePattern::Parts(Box::new(std::array::from_fn(|index| {
            parts.get(index).map_or(Pattern::Everything, |part| Pattern::compile(part, syntax))
        })))
    }

    pub(crate) fn matches(&self, arn: &str, context: &Context) -> bool {
        match self {
            ResourcePattern::Everything => true,
            ResourcePattern::Plain(pattern) => pattern.matches(arn, context),
            ResourcePattern::Parts(patterns) => {
                let mut parts = arn.splitn(PARTS, ':');
                patterns.iter().all(|pattern| match parts.next() {
                    Some(part) => pattern.matches(part, context),
                    None => *pattern == Pattern::Everything,
                })
            }
        }
    }
}

/// Splits at the first five colons that lie outside `${…}`.
fn split(text: &str, variables: bool) -> Vec<&str> {
    let mut parts = Vec::with_capacity(PARTS);
    let (mut start, mut inside) = (0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'$' if variables && text[at..].starts_with("${") => inside = true,
            b'}' => inside = false,
            b':' if !inside && parts.len() < PARTS - 1 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}
