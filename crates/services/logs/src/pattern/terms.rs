use regex::Regex;

use super::PatternError;
use super::literal::Literal;

/// Words that a message holds, or does not.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    all: Vec<Term>,
    any: Vec<Term>,
    none: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Term::Text(text) => message.contains(text.as_str()),
            Term::Regex(regex) => regex.is_match(message),
        }
    }
}

impl Terms {
    pub(super) fn parse(text: &str) -> Result<Terms, PatternError> {
        let mut terms = Terms { all: Vec::new(), any: Vec::new(), none: Vec::new() };
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let list = match rest.as_bytes()[0] {
                b'?' => &mut terms.any,
                b'-' => &mut terms.none,
                _ => &mut terms.all,
            };
            rest = rest.strip_prefix(['?', '-']).unwrap_or(rest);
            let (term, behind) = match rest.as_bytes().first() {
                Some(b'"') => {
                    let (quoted, behind) = quoted(rest)?;
                    (Term::Text(quoted), behind)
                }
                Some(b'%') => {
                    let (expression, behind) =
                        rest[1..].split_once('%').ok_or_else(|| PatternError(format!("{rest:?} has no closing %")))?;
                    let Literal::Regex(regex) = Literal::regex(expression)? else {
                        return Err(PatternError(String::new()));
                    };
                    (Term::Regex(regex), behind)
                }
                _ => {
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    let (word, behind) = rest.split_at(end);
                    let plain = |c: char| c.is_alphanumeric() || c == '_';
                    if word.is_empty() || !word.chars().all(plain) {
                        return Err(PatternError(format!(
                            "the term {word:?} has characters other than letters, digits and '_' and must stand in double quotes"
                        )));
                    }
                    (Term::Text(word.to_owned()), behind)
                }
            };
            list.push(term);
            rest = behind.trim_start();
        }
        Ok(terms)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        // Beside other terms the optional ones say nothing, as the guide warns.
        let any = self.any.is_empty() || !self.all.is_empty() || self.any.iter().any(|term| term.is_in(message));
        any && self.all.iter().all(|term| term.is_in(message)) && !self.none.iter().any(|term| term.is_in(message))
    }
}

/// A text in double quotes, and what stands behind it. A backslash takes the next
/// character as it is.
pub(super) fn quoted(text: &str) -> Result<(String, &str), PatternError> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((out, &text[at + 1..])),
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            c => out.push(c),
        }
    }
    Err(PatternError(format!("{text:?} has no closing quote")))
}
