use windlass_store::{Column, ColumnKind, Index, Table};

const fn text(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Text }
}

const fn integer(name: &'static str) -> Column {
    Column { name, kind: ColumnKind::Integer }
}

/// Buckets: key (shard, "", "", name). Their names are one name space over all
/// accounts and regions, so the key has neither.
pub(crate) static BUCKETS: Table = Table {
    name: "s3_buckets",
    columns: &[text("account"), text("bucket"), text("region"), integer("created_ms")],
    indexes: &[Index { name: BUCKETS_BY_ACCOUNT, columns: &["account", "bucket"] }],
};
pub(crate) const BUCKETS_BY_ACCOUNT: &str = "by_account";

/// What is configured for a bucket: key (bucket, kind).
pub(crate) static SETTINGS: Table =
    Table { name: "s3_bucket_settings", columns: &[text("bucket"), text("kind")], indexes: &[] };

/// The current version of each key, delete markers too: key (bucket, object key).
pub(crate) static OBJECTS: Table =
    Table { name: "s3_objects", columns: &[text("bucket"), text("object_key"), integer("bytes")], indexes: &[] };

/// The versions that are no longer current: key (bucket, object key, descending sequence).
/// A key has rows here only if it has one in [`OBJECTS`].
pub(crate) static VERSIONS: Table =
    Table { name: "s3_versions", columns: &[text("bucket"), text("object_key"), integer("bytes")], indexes: &[] };

/// Small contents, and the lists of the parts of large ones: key (bucket, content id).
pub(crate) static CONTENTS: Table = Table { name: "s3_contents", columns: &[], indexes: &[] };

/// Multipart uploads under way: key (bucket, object key, upload id).
pub(crate) static UPLOADS: Table =
    Table { name: "s3_uploads", columns: &[text("bucket"), text("object_key")], indexes: &[] };

/// Their parts: key (bucket, upload id, number).
pub(crate) static PARTS: Table = Table { name: "s3_parts", columns: &[], indexes: &[] };

/// The tables of this service, to open the store with.
pub static TABLES: &[&Table] = &[&BUCKETS, &SETTINGS, &OBJECTS, &VERSIONS, &CONTENTS, &UPLOADS, &PARTS];
