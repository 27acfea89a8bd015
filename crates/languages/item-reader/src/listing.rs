use windlass_value::{Object, Value};

/// The item of an object of `ListObjectsV2`'s answer (`Contents[]`): the members AWS
/// gives, in its order, under its names.
pub fn listing_item(content: &Value) -> Value {
    const MEMBERS: [(&str, &str); 5] = [
        ("Etag", "ETag"),
        ("LastModified", "LastModified"),
        ("Key", "Key"),
        ("Size", "Size"),
        ("StorageClass", "StorageClass"),
    ];
    let members = MEMBERS.into_iter().filter_map(|(name, member)| Some((name, content.get(member)?)));
    Value::from(members.collect::<Object>())
}
