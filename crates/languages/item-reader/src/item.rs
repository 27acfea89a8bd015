use windlass_value::{Text, Value};

use crate::failure::ReaderFailure;

/// How many bytes of compact JSON one item may have where the caller sets no other
/// bound: the largest payload of AWS.
pub const ITEM_BYTES_MAX: usize = 262_144;

/// An item's text may be longer than the item by this factor: blanks, `\u0041`.
const TEXT_FACTOR_MAX: usize = 32;

/// One item of the data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Counts from 0 over the whole data set, whatever the number of objects.
    pub index: u64,
    /// `$$.Map.Item.Value`; of a JSON object's member `{"Key": …, "Value": …}`.
    pub value: Value,
    /// `$$.Map.Item.Key`: the name of a JSON object's member.
    pub key: Option<Text>,
    /// `$$.Map.Item.Source`: `S3://bucket/key`, of a listing `S3://bucket`.
    pub source: Text,
}

/// What a format's reader found.
pub(crate) enum Found {
    /// An item and its key.
    Item(Value, Option<Text>),
    /// More bytes are needed.
    More,
    /// Nothing follows.
    End,
}

/// The bounds of one item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ItemBounds {
    /// Bytes of compact JSON.
    pub(crate) bytes_max: usize,
    /// Bytes of text in the object.
    pub(crate) text_bytes_max: usize,
}

impl ItemBounds {
    pub(crate) fn new(bytes_max: usize) -> ItemBounds {
        ItemBounds { bytes_max, text_bytes_max: bytes_max.saturating_mul(TEXT_FACTOR_MAX) }
    }

    /// Fails where the text of the item that begins at `offset` is too long to go on.
    pub(crate) fn check_text(self, text_bytes: usize, offset: u64) -> Result<(), ReaderFailure> {
        if text_bytes <= self.text_bytes_max { Ok(()) } else { Err(self.too_large(offset)) }
    }

    /// Fails where an item is too large.
    pub(crate) fn check(self, value: &Value, offset: u64) -> Result<(), ReaderFailure> {
        match value.text_len_within(self.bytes_max) {
            Some(_) => Ok(()),
            None => Err(self.too_large(offset)),
        }
    }

    /// Fails where a row of a Parquet file is too large.
    #[cfg(feature = "parquet")]
    pub(crate) fn check_row(self, value: &Value, row_group: usize, row: u64) -> Result<(), ReaderFailure> {
        match value.text_len_within(self.bytes_max) {
            Some(_) => Ok(()),
            None => Err(ReaderFailure::new(format!(
                "Row {row} of row group {row_group} exceeds the maximum size of an item, {} bytes.",
                self.bytes_max
            ))),
        }
    }

    fn too_large(self, offset: u64) -> ReaderFailure {
        ReaderFailure::new(format!(
            "The item at byte {offset} exceeds the maximum size of an item, {} bytes.",
            self.bytes_max
        ))
    }
}
