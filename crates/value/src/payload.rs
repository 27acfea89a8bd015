use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::json_error::JsonError;
use crate::parse::{parse, validate};
use crate::value::Value;

/// A JSON document that is text, tree or both, made on demand and shared.
///
/// What a state hands on unchanged is neither parsed nor written again.
#[derive(Clone)]
pub struct Payload(Arc<Inner>);

struct Inner {
    text: OnceLock<Arc<str>>,
    tree: OnceLock<Value>,
    /// The length of the text, where it was counted before there was one.
    length: OnceLock<usize>,
    place: OnceLock<(u128, u64)>,
}

impl Inner {
    fn of(text: OnceLock<Arc<str>>, tree: OnceLock<Value>) -> Payload {
        Payload(Arc::new(Inner { text, tree, length: OnceLock::new(), place: OnceLock::new() }))
    }
}

impl Payload {
    /// A payload from text; the text is checked but not kept as a tree yet.
    ///
    /// # Errors
    /// Where the text is not exactly one JSON value.
    pub fn from_text(text: impl Into<Arc<str>>) -> Result<Payload, JsonError> {
        let text = text.into();
        validate(&text)?;
        Ok(Payload::from_valid_text(text))
    }

    /// A payload from text that this server wrote itself, taken at its word.
    pub fn from_valid_text(text: impl Into<Arc<str>>) -> Payload {
        Inner::of(OnceLock::from(text.into()), OnceLock::new())
    }

    /// A payload from a tree; its text is written when asked for.
    pub fn from_value(value: Value) -> Payload {
        Inner::of(OnceLock::new(), OnceLock::from(value))
    }

    /// The document as text: the caller's own where it came as text, else compact.
    pub fn text(&self) -> &Arc<str> {
        self.0.text.get_or_init(|| match self.0.tree.get() {
            Some(tree) => tree.to_text().into(),
            None => "null".into(),
        })
    }

    /// The document as a tree.
    pub fn value(&self) -> &Value {
        self.0.tree.get_or_init(|| match self.0.text.get() {
            // Text was checked when the payload was made, so this cannot fail.
            Some(text) => parse(text).unwrap_or(Value::Null),
            None => Value::Null,
        })
    }

    /// The length of the text in UTF-8 bytes.
    pub fn bytes_len(&self) -> usize {
        self.text().len()
    }

    /// The length of the text, if it is at most `max`. The text of a tree is
    /// counted, not made; see [`Value::text_len_within`].
    pub fn bytes_len_within(&self, max: usize) -> Option<usize> {
        let known = self.0.text.get().map(|text| text.len()).or_else(|| self.0.length.get().copied());
        if let Some(length) = known {
            return Some(length).filter(|length| *length <= max);
        }
        let length = self.value().text_len_within(max)?;
        Some(*self.0.length.get_or_init(|| length))
    }

    /// The same document, of which no one has noted a place.
    pub fn without_place(&self) -> Payload {
        Inner::of(self.0.text.clone(), self.0.tree.clone())
    }

    /// Where `owner` has stored this document, so that it is stored once.
    pub fn place(&self, owner: u128) -> Option<u64> {
        self.0.place.get().filter(|(who, _)| *who == owner).map(|(_, place)| *place)
    }

    /// Notes where `owner` has stored this document; the first note stays.
    pub fn set_place(&self, owner: u128, place: u64) {
        let _ = self.0.place.set((owner, place));
    }

    /// Whether two handles share one document.
    pub fn same(&self, other: &Payload) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        self.same(other) || self.value() == other.value()
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Payload {
        Payload::from_value(value)
    }
}
