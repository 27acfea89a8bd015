use regex::Regex;

use super::PatternError;

/// What a text is compared with.
#[derive(Clone, Debug)]
pub(super) enum Literal {
    /// `*` stands for any text.
    Text(Vec<String>),
    Number(f64),
    Regex(Regex),
}

/// The memory a compiled expression may take.
const REGEX_BYTES_MAX: usize = 256 * 1024;

impl Literal {
    /// A text between quotes, or one without.
    pub(super) fn text(text: &str) -> Literal {
        Literal::Text(text.split('*').map(str::to_owned).collect())
    }

    /// What stands without quotes: a number, or a text.
    pub(super) fn bare(text: &str) -> Literal {
        text.parse().map_or_else(|_| Literal::text(text), Literal::Number)
    }

    /// What stands between `%`.
    pub(super) fn regex(text: &str) -> Result<Literal, PatternError> {
        let compiled = regex::RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
        compiled
            .map(Literal::Regex)
            .map_err(|error| PatternError(format!("the expression %{text}% is not valid: {error}")))
    }

    /// Whether a whole text equals it.
    pub(super) fn equals(&self, text: &str) -> bool {
        match self {
            Literal::Text(pieces) => fits(pieces, text),
            Literal::Number(number) => text.parse::<f64>().is_ok_and(|value| value == *number),
            Literal::Regex(regex) => regex.is_match(text),
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Literal::Number(number) => Some(*number),
            Literal::Text(_) | Literal::Regex(_) => None,
        }
    }
}

/// Whether a text is the pieces with anything between them.
fn fits(pieces: &[String], text: &str) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return text.is_empty() };
    let Some(mut text) = text.strip_prefix(first.as_str()) else { return false };
    let Some((last, middle)) = rest.split_last() else { return text.is_empty() };
    for piece in middle {
        match text.find(piece.as_str()) {
            Some(at) => text = &text[at + piece.len()..],
            None => return false,
        }
    }
    text.ends_with(last.as_str())
}
