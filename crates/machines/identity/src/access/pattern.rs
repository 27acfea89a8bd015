use std::borrow::Cow;

use crate::access::context::Context;

/// A text with wildcards and policy variables: `arn:aws:s3:::b/${aws:username}/*`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pattern {
    Everything,
    Literal(Box<str>),
    /// A literal and one `*` at its end.
    Prefix(Box<str>),
    Units(Vec<Unit>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Unit {
    Literal(Box<str>),
    /// `?`
    One,
    /// `*`
    Many,
    /// `${key, 'default'}`
    Variable {
        key: Box<str>,
        default: Option<Box<str>>,
    },
}

/// What in a text is more than its letters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    /// Only policies of version 2012-10-17 have variables.
    pub(crate) variables: bool,
}

impl Pattern {
    pub(crate) fn compile(text: &str, syntax: Syntax) -> Pattern {
        let mut units = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if syntax.variables
                && let Some((unit, behind)) = variable(rest)
            {
                match unit {
                    Unit::Literal(escaped) => literal.push_str(&escaped),
                    unit => {
                        flush(&mut literal, &mut units);
                        units.push(unit);
                    }
                }
                rest = behind;
                continue;
            }
            rest = &rest[first.len_utf8()..];
            match first {
                '*' if syntax.wildcards => {
                    flush(&mut literal, &mut units);
                    // `**` means `*`, and would only cost time.
                    if units.last() != Some(&Unit::Many) {
                        units.push(Unit::Many);
                    }
                }
                '?' if syntax.wildcards => {
                    flush(&mut literal, &mut units);
                    units.push(Unit::One);
                }
                other => literal.push(other),
            }
        }
        flush(&mut literal, &mut units);
        match units.as_slice() {
            [] => Pattern::Literal("".into()),
            [Unit::Many] => Pattern::Everything,
            [Unit::Literal(literal)] => Pattern::Literal(literal.clone()),
            [Unit::Literal(literal), Unit::Many] => Pattern::Prefix(literal.clone()),
            _ => Pattern::Units(units),
        }
    }

    /// Whether a text matches. A variable that the request has no value for
    /// matches nothing.
    pub(crate) fn matches(&self, text: &str, context: &Context) -> bool {
        match self {
            Pattern::Everything => true,
            Pattern::Literal(literal) => **literal == *text,
            Pattern::Prefix(prefix) => text.starts_with(&**prefix),
            Pattern::Units(units) => match resolved(units, context) {
                Some(units) => units_match(&units, text),
                None => false,
            },
        }
    }

    /// The same, without regard to the case of ASCII letters.
    pub(crate) fn matches_any_case(&self, text: &str, context: &Context) -> bool {
        match self {
            Pattern::Everything => true,
            Pattern::Literal(literal) => literal.eq_ignore_ascii_case(text),
            Pattern::Prefix(prefix) => text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)),
            Pattern::Units(units) => {
                let Some(units) = resolved(units, context) else { return false };
                let lower = |unit: &Unit| match unit {
                    Unit::Literal(literal) => Unit::Literal(literal.to_ascii_lowercase().into()),
                    other => other.clone(),
                };
                units_match(&units.iter().map(lower).collect::<Vec<Unit>>(), &text.to_ascii_lowercase())
            }
        }
    }
}

fn flush(literal: &mut String, units: &mut Vec<Unit>) {
    if !literal.is_empty() {
        units.push(Unit::Literal(std::mem::take(literal).into()));
    }
}

/// The variable at the beginning of a text, and what follows it. `${*}`, `${?}`
/// and `${$}` are the characters themselves.
fn variable(text: &str) -> Option<(Unit, &str)> {
    let inside = text.strip_prefix("${")?;
    let end = inside.find('}')?;
    let (inside, behind) = (&inside[..end], &inside[end + 1..]);
    if matches!(inside, "*" | "?" | "$") {
        return Some((Unit::Literal(inside.into()), behind));
    }
    let (key, default) = match inside.split_once(',') {
        Some((key, default)) => {
            let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
            (key.trim(), Some(default.into()))
        }
        None => (inside.trim(), None),
    };
    (!key.is_empty()).then(|| (Unit::Variable { key: key.into(), default }, behind))
}

/// The units without variables; `None` where one has no value, or many.
fn resolved<'a>(units: &'a [Unit], context: &Context) -> Option<Cow<'a, [Unit]>> {
    if !units.iter().any(|unit| matches!(unit, Unit::Variable { .. })) {
        return Some(Cow::Borrowed(units));
    }
    let resolve = |unit: &Unit| match unit {
        Unit::Variable { key, default } => match (context.get(key), default) {
            (Some([value]), _) => Some(Unit::Literal((**value).into())),
            (None, Some(default)) => Some(Unit::Literal(default.clone())),
            _ => None,
        },
        other => Some(other.clone()),
    };
    units.iter().map(resolve).collect::<Option<Vec<Unit>>>().map(Cow::Owned)
}

/// Greedy matching that goes back to the last `*` only: quadratic at worst.
fn units_match(units: &[Unit], text: &str) -> bool {
    let (mut at, mut rest) = (0, text);
    let mut star: Option<(usize, &str)> = None;
    loop {
        let step = match units.get(at) {
            Some(Unit::Many) => {
                star = Some((at + 1, rest));
                Some(rest)
            }
            Some(Unit::One) => rest.chars().next().map(|first| &rest[first.len_utf8()..]),
            Some(Unit::Literal(literal)) => rest.strip_prefix(&**literal),
            // Resolved before.
            Some(Unit::Variable { .. }) => None,
            None if rest.is_empty() => return true,
            None => None,
        };
        match (step, star) {
            (Some(behind), _) => (at, rest) = (at + 1, behind),
            (None, Some((after, from))) => {
                let Some(first) = from.chars().next() else { return false };
                let from = &from[first.len_utf8()..];
                star = Some((after, from));
                (at, rest) = (after, from);
            }
            (None, None) => return false,
        }
    }
}
