use windlass_store::{Key, Table, shard_of};

use crate::blob_id::BlobId;

/// Who needs which content: key (shard, "", "", id, owner). Contents are shared by
/// accounts and regions, so the key names none.
pub(crate) static REFERENCES: Table = Table { name: "blob_references", columns: &[], indexes: &[] };

/// The tables of this crate, to open the store with.
pub static TABLES: &[&Table] = &[&REFERENCES];

/// What every reference to a content starts with.
pub(crate) fn content_key(id: &BlobId) -> Key {
    Key::new(shard_of(&id.to_string()), "", "").fixed(id.as_bytes())
}

pub(crate) fn reference_key(id: &BlobId, owner: &[u8]) -> Key {
    content_key(id).fixed(owner)
}
