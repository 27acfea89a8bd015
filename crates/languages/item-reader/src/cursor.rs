use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_value::Text;

/// The version of [`Cursor`]'s stored form.
pub const CURSOR_VERSION: u32 = 1;

/// Where an [`crate::ItemReader`] stands after the last item it gave: small, to be stored
/// beside a Map Run, and cheap enough to be taken after every item. Reading taken up from it gives exactly the items that remain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// [`CURSOR_VERSION`] of the writer.
    pub version: u32,
    /// Items given so far, of the whole data set.
    pub items_given: u64,
    /// `S3://bucket/key` of the object that is being read, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<ObjectCursor>,
    /// Of a listing: the last key whose object was read, or given as an item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) after_key: Option<Text>,
    /// Of a manifest: how many of its objects were read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) objects_read: u64,
    /// Nothing follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) ended: bool,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Where an object stands that is being read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectCursor {
    pub(crate) bucket: Text,
    pub(crate) key: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) version_id: Option<Text>,
    /// The object must still have this entity tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<Text>,
    /// The object is compressed: offsets count its plain bytes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) gzip: bool,
    pub(crate) format: FormatCursor,
}

/// Where the reader of a format stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum FormatCursor {
    Csv(CsvCursor),
    Json(JsonCursor),
    JsonLines(u64),
    Parquet(ParquetCursor),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CsvCursor {
    /// Where the next row begins.
    pub(crate) offset: u64,
    /// Known once the first row was read.
    pub(crate) headers: Option<Arc<[Text]>>,
    /// A line feed at `offset` still belongs to the row before.
    #[serde(default)]
    pub(crate) after_return: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonCursor {
    /// The byte after the last item, or after the container of the items.
    pub(crate) offset: u64,
    /// The containers that are open there, arrays with the index of the element that was
    /// read last; `None`: no item was read yet.
    #[serde(default)]
    pub(crate) levels: Option<Vec<Option<u64>>>,
    /// How many of them are on the pointer's way.
    #[serde(default)]
    pub(crate) on_way: usize,
    /// The container of the items is read.
    #[serde(default)]
    pub(crate) behind: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ParquetCursor {
    pub(crate) row_group: usize,
    /// Rows of that group that were given.
    pub(crate) rows: u64,
}
