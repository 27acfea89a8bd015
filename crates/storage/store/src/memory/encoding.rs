use crate::batch::ColumnValue;
use crate::key::Key;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const TEXT: u8 = 2;

/// The first bytes after every null.
pub(super) const AFTER_NULL: u8 = INTEGER;

/// Adds a column's value so that byte order is the order of values: null,
/// integers, text by bytes; and so that no value is a prefix of another.
pub(super) fn push(bytes: &mut Vec<u8>, value: &ColumnValue) {
    const SIGN: u64 = 1 << 63;
    match value {
        ColumnValue::Null => bytes.push(NULL),
        ColumnValue::Integer(integer) => {
            bytes.push(INTEGER);
            bytes.extend((integer.cast_unsigned() ^ SIGN).to_be_bytes());
        }
        ColumnValue::Text(text) => {
            bytes.push(TEXT);
            bytes.extend(Key::from_bytes([]).text(text).as_bytes());
        }
    }
}

/// The first bytes after everything that starts with `prefix`; `None` at the end.
pub(super) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    Key::from_bytes(prefix).prefix_end().map(|key| key.as_bytes().to_vec())
}
