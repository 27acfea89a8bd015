use windlass_protocol::{Call, Outcome};
use windlass_value::{Object, Value};

use crate::faults;
use crate::input;
use crate::object::Which;
use crate::properties;
use crate::s3::S3;

const ATTRIBUTES: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

impl S3 {
    /// `GetObjectAttributes`.
    pub(crate) fn get_object_attributes(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let key = properties::object_key(call)?;
        let bucket = self.bucket(call)?.value;
        let which = Which::of(input::text(input, "VersionId"));
        let version = self.readable(&bucket, key, which, "GET")?.found.value;
        version.properties.encryption.check_reader(input, "")?;
        let asked: Vec<&str> = match &input["ObjectAttributes"] {
            Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
            Value::String(text) => text.split(',').collect(),
            _ => Vec::new(),
        };
        let asked: Vec<&str> = asked.into_iter().map(str::trim).filter(|name| !name.is_empty()).collect();
        if asked.is_empty() || asked.iter().any(|name| !ATTRIBUTES.contains(name)) {
            return Err(faults::invalid_argument(
                "Invalid attribute name specified.",
                "x-amz-object-attributes",
                asked.join(","),
            ));
        }
        let mut output = Object::new();
        output.insert("LastModified", version.modified_seconds());
        if bucket.versioning.is_some() {
            output.insert("VersionId", version.version_text());
        }
        for name in asked {
            match name {
                "ETag" => {
                    output.insert("ETag", version.etag.as_str());
                }
                "Checksum" => {
                    if let Some(checksum) = &version.checksum {
                        let mut entry = Object::new();
                        checksum.write(&mut entry);
                        output.insert("Checksum", entry);
                    }
                }
                "StorageClass" => {
                    let class = version.properties.storage_class.as_deref().unwrap_or(properties::STANDARD);
                    output.insert("StorageClass", class);
                }
                "ObjectSize" => {
                    output.insert("ObjectSize", version.bytes);
                }
                _ if version.parts == 0 => {}
                _ => {
                    let limit = input::page_limit(call, "MaxParts", "max-parts")?;
                    let marker = input::integer(input, "PartNumberMarker").unwrap_or_default();
                    let algorithm = version.checksum.as_ref().map(|checksum| checksum.algorithm);
                    let parts = self.parts(&bucket, &version.content)?;
                    let mut rest = parts.iter().filter(|part| i64::from(part.number) > marker);
                    let mut last = marker;
                    let page = rest.by_ref().take(limit).map(|part| {
                        last = i64::from(part.number);
                        let mut entry = Object::new();
                        entry.insert("PartNumber", i64::from(part.number));
                        entry.insert("Size", part.bytes);
                        if let (Some(algorithm), Some(checksum)) = (algorithm, &part.checksum) {
                            entry.insert(algorithm.member(), checksum.as_str());
                        }
                        Value::from(entry)
                    });
                    let page: Vec<Value> = page.collect();
                    let mut entry = Object::new();
                    entry.insert("TotalPartsCount", i64::from(version.parts));
                    entry.insert("PartNumberMarker", marker.to_string());
                    entry.insert("NextPartNumberMarker", last.to_string());
                    entry.insert("MaxParts", limit);
                    entry.insert("IsTruncated", rest.next().is_some());
                    entry.insert("Parts", page);
                    output.insert("ObjectParts", entry);
                }
            }
        }
        Ok(Value::from(output).into())
    }
}
