//! What all listings of keys share: prefix, delimiter, and where they begin.

use windlass_protocol::{Call, Fault};
use windlass_store::{Key, KeyRange};
use windlass_value::{Object, Value, object};

use crate::bucket::Bucket;
use crate::faults;
use crate::input;
use crate::uri;

/// What a listing is asked for.
pub(crate) struct Listing<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    pub(crate) limit: usize,
    encodes: bool,
}

impl<'a> Listing<'a> {
    /// What an input asks for; `limit` is the name of its member, `argument` what
    /// S3 calls it.
    ///
    /// # Errors
    /// S3's words for what does not fit.
    pub(crate) fn of(call: &'a Call, limit: &str, argument: &str) -> Result<Listing<'a>, Fault> {
        let input = &call.input;
        let encodes = match input::text(input, "EncodingType") {
            None => false,
            Some("url") => true,
            Some(other) => {
                return Err(faults::invalid_argument(
                    "Invalid Encoding Method specified in Request",
                    "encoding-type",
                    other,
                ));
            }
        };
        Ok(Listing {
            prefix: input::text(input, "Prefix").unwrap_or_default(),
            delimiter: input::text(input, "Delimiter"),
            limit: input::page_limit(call, limit, argument)?,
            encodes,
        })
    }

    /// The common prefix that a key is rolled up into, if it is.
    pub(crate) fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        Some(&key[..end])
    }

    /// The keys to walk over: those with the prefix.
    pub(crate) fn range(&self, bucket: &Bucket) -> KeyRange {
        KeyRange::prefix(&text_start(bucket.rows(), self.prefix))
    }

    /// The first key behind a marker, which may be a common prefix.
    pub(crate) fn behind(&self, bucket: &Bucket, marker: &str) -> Key {
        match self.common_prefix(marker) {
            Some(common) if common == marker => behind_prefix(bucket, common),
            _ => behind_key(bucket, marker),
        }
    }

    /// A text as the client wants it.
    pub(crate) fn text(&self, text: &str) -> Value {
        if self.encodes { uri::encode(text).into() } else { text.into() }
    }

    /// Adds what the request asked for to the answer.
    pub(crate) fn echo(&self, bucket: &Bucket, limit_member: &str, name_member: &str, output: &mut Object) {
        output.insert(name_member, bucket.name.as_str());
        output.insert("Prefix", self.text(self.prefix));
        if let Some(delimiter) = self.delimiter {
            output.insert("Delimiter", self.text(delimiter));
        }
        output.insert(limit_member, self.limit);
        if self.encodes {
            output.insert("EncodingType", "url");
        }
    }

    /// Common prefixes as the answer writes them.
    pub(crate) fn common_prefixes(&self, prefixes: &[String]) -> Value {
        Value::array(prefixes.iter().map(|prefix| object! { "Prefix" => self.text(prefix) }).collect())
    }
}

/// The first key behind every key that starts with a text.
pub(crate) fn behind_prefix(bucket: &Bucket, prefix: &str) -> Key {
    let start = text_start(bucket.rows(), prefix);
    // A bucket's rows start with its shard and account, which are not all 0xff.
    start.prefix_end().unwrap_or(start)
}

/// The first key behind every row of an object key.
pub(crate) fn behind_key(bucket: &Bucket, key: &str) -> Key {
    let start = bucket.rows().text(key);
    start.prefix_end().unwrap_or(start)
}

/// What the keys of texts with that start begin with; the end of a text part left out.
fn text_start(rows: Key, start: &str) -> Key {
    let whole = rows.clone().text(start);
    let bytes = whole.as_bytes();
    Key::from_bytes(&bytes[..bytes.len() - TEXT_END_BYTES])
}

/// A text part of a key ends with two NULs.
const TEXT_END_BYTES: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_of_texts_hold_their_texts() {
        let rows = || Key::new(1, "account", "region").text("id");
        for (start, text) in [("", "a"), ("a", "a"), ("a", "ab"), ("a\0", "a\0b"), ("ä/", "ä/ö")] {
            let range = KeyRange::prefix(&text_start(rows(), start));
            let key = rows().text(text);
            assert!(range.start.is_some_and(|from| from <= key) && range.end.is_some_and(|to| key < to), "{text}");
        }
        let range = KeyRange::prefix(&text_start(rows(), "a/"));
        assert!(range.end.is_some_and(|to| to <= rows().text("b")));
    }
}
