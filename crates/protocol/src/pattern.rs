//! Regular expressions of the models. They are Java's; where Java's words mean
//! something else here they are rewritten, and error texts show the original.

use std::sync::OnceLock;

use fancy_regex::Regex;

/// A pattern that a whole value must match; compiled at its first use.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) text: String,
    /// The bounds of a pattern that says no more than `^.{1,100000}$`, which as an
    /// automaton would take too much memory.
    any_chars: Option<(usize, usize)>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Pattern {
        Pattern { text: text.to_owned(), any_chars: any_chars(text), regex: OnceLock::new() }
    }

    /// Whether the whole text matches. A pattern that does not compile (there is a test
    /// that all do) or runs out of its backtracking limit refuses.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if let Some((min, max)) = self.any_chars {
            return !text.contains(LINE_TERMINATORS) && (min..=max).contains(&text.chars().count());
        }
        let regex = self.regex.get_or_init(|| match Regex::new(&rewritten(&self.text)) {
            Ok(regex) => Some(regex),
            Err(error) => {
                tracing::error!(pattern = self.text, %error, "a model's pattern does not compile");
                None
            }
        });
        regex.as_ref().is_some_and(|regex| regex.is_match(text).unwrap_or(false))
    }

    #[cfg(test)]
    pub(crate) fn compiles(&self) -> Result<(), String> {
        if self.any_chars.is_some() {
            return Ok(());
        }
        Regex::new(&rewritten(&self.text)).map(drop).map_err(|error| format!("{}: {error}", self.text))
    }
}

/// What a dot does not match in Java.
const LINE_TERMINATORS: [char; 5] = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

fn any_chars(java: &str) -> Option<(usize, usize)> {
    let (min, max) = java.strip_prefix("^.{")?.strip_suffix("}$")?.split_once(',')?;
    Some((min.parse().ok()?, max.parse().ok()?))
}

/// Java's `\d \w \s` know ASCII only, `$` at the end and `matches()` the whole text.
fn rewritten(java: &str) -> String {
    let mut out = String::from(r"\A(?:");
    let mut chars = java.chars().peekable();
    // Java takes a `[` inside a class for a union, as the regex crate does, so only `&&`,
    // `~~` and `--` would differ; no model uses them.
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(class)) => {
                let ascii = match class {
                    'd' => Some("[0-9]"),
                    'D' => Some("[^0-9]"),
                    'w' => Some("[a-zA-Z0-9_]"),
                    'W' => Some("[^a-zA-Z0-9_]"),
                    's' => Some(r"[ \t\n\x0B\f\r]"),
                    'S' => Some(r"[^ \t\n\x0B\f\r]"),
                    _ => None,
                };
                match ascii {
                    Some(ascii) => out.push_str(ascii),
                    None => out.extend(['\\', *class]),
                }
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out.push_str(r")\z");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_texts() {
        let cases = [
            ("[a-z]+", "abc", true),
            ("[a-z]+", "abc1", false),
            ("[a-z]+|[0-9]+", "12", true),
            (r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", "v1", true),
            (r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$", "12", false),
            (r"\d{3}", "١٢٣", false),
            (r"[\w+=,.@-]*", "a_b@c", true),
            (r"\p{ASCII}*", "Root=1", true),
            (r"\p{ASCII}*", "é", false),
            (r"[\s\S]*", "a\nb", true),
            (r"[0-9A-Za-z\.\-_]*(?<!\.)", "a.b.", false),
            (r"a$", "a\n", false),
            ("^.{1,100000}$", "é1", true),
            ("^.{1,100000}$", "a\nb", false),
            ("^.{1,100000}$", "", false),
        ];
        for (pattern, text, expected) in cases {
            let pattern = Pattern::new(pattern);
            assert_eq!(pattern.compiles(), Ok(()));
            assert_eq!(pattern.matches(text), expected, "{pattern:?} {text:?}");
        }
    }
}
