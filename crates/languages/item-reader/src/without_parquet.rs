//! What stands in for the Parquet reader where it was not built: no reader is ever made.

use windlass_value::Value;

use crate::cursor::ParquetCursor;
use crate::failure::ReaderFailure;
use crate::item::ItemBounds;

/// The largest row group that is read, in bytes: none.
pub const ROW_GROUP_BYTES_MAX: u64 = 0;

pub(crate) enum ParquetRows {}

#[allow(dead_code, reason = "the reader's other form makes them")]
pub(crate) enum Step {
    Item(Value),
    Length,
    Range { offset: u64, length: u64 },
    End,
}

impl ParquetRows {
    pub(crate) fn new(_bounds: ItemBounds, _cursor: ParquetCursor) -> Result<ParquetRows, ReaderFailure> {
        Err(ReaderFailure::new("This server was built without the feature that reads Parquet files."))
    }

    pub(crate) fn cursor(&self) -> ParquetCursor {
        match *self {}
    }

    pub(crate) fn set_length(&mut self, _bytes: u64) {
        match *self {}
    }

    pub(crate) fn feed(&mut self, _bytes: &[u8]) {
        match *self {}
    }

    pub(crate) fn next(&mut self) -> Result<Step, ReaderFailure> {
        match *self {}
    }
}
