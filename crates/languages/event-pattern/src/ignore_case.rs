//! Equality that ignores case, as the matcher has it: each character of the pattern
//! stands for its lower and its upper case form, which may be longer than one
//! character; characters beyond the basic plane stand for themselves.

/// A text to compare with case ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IgnoreCase {
    /// The lower and upper case form of each character.
    forms: Vec<(String, String)>,
}

impl IgnoreCase {
    pub(crate) fn new(text: &str) -> IgnoreCase {
        let forms = text
            .chars()
            .map(|character| match u32::from(character) {
                0..=0xffff => (character.to_lowercase().collect(), character.to_uppercase().collect()),
                _ => (character.to_string(), character.to_string()),
            })
            .collect();
        IgnoreCase { forms }
    }

    /// Whether the whole text is equal.
    pub(crate) fn equals(&self, text: &str) -> bool {
        self.strip_start(text).is_some_and(str::is_empty)
    }

    /// Whether the text starts so.
    pub(crate) fn starts(&self, text: &str) -> bool {
        self.strip_start(text).is_some()
    }

    /// Whether the text ends so.
    pub(crate) fn ends(&self, text: &str) -> bool {
        self.forms
            .iter()
            .rev()
            .try_fold(text, |rest, (lower, upper)| {
                rest.strip_suffix(lower.as_str()).or_else(|| rest.strip_suffix(upper.as_str()))
            })
            .is_some()
    }

    fn strip_start<'a>(&self, text: &'a str) -> Option<&'a str> {
        self.forms.iter().try_fold(text, |rest, (lower, upper)| {
            rest.strip_prefix(lower.as_str()).or_else(|| rest.strip_prefix(upper.as_str()))
        })
    }
}
