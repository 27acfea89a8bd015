use windlass_value::Text;

/// What is known about a request: condition keys and their values. Names of
/// keys are compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Few enough that walking them beats hashing.
    entries: Vec<(Box<str>, Vec<Text>)>,
}

impl Context {
    /// Knows nothing.
    pub fn new() -> Context {
        Context::default()
    }

    /// Sets a key to one value.
    pub fn set(&mut self, key: &str, value: impl Into<Text>) {
        self.set_all(key, vec![value.into()]);
    }

    /// Sets a key to many values. None at all is a key that is there and empty.
    pub fn set_all(&mut self, key: &str, values: Vec<Text>) {
        let key = key.to_ascii_lowercase();
        match self.entries.iter_mut().find(|(known, _)| **known == *key) {
            Some((_, old)) => *old = values,
            None => self.entries.push((key.into(), values)),
        }
    }

    /// Sets every key of another context.
    pub fn extend(&mut self, other: &Context) {
        for (key, values) in &other.entries {
            self.set_all(key, values.clone());
        }
    }

    /// The values of a key; `None` where the request has no such key.
    pub fn get(&self, key: &str) -> Option<&[Text]> {
        self.entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, values)| values.as_slice())
    }

    /// Keys in lower case, and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Text])> {
        self.entries.iter().map(|(key, values)| (&**key, values.as_slice()))
    }
}
