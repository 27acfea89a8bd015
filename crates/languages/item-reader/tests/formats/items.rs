//! Every case of `cases/` whole, byte by byte, compressed, and suspended after every item.

use std::io::Write;

use crate::store::{Feeding, Objects, read_all};
use windlass_item_reader::{ReaderConfig, Source};
use windlass_value::{Value, object, parse};

const CASES: [(&str, &str); 3] = [
    ("csv", include_str!("../cases/csv.json")),
    ("json", include_str!("../cases/json.json")),
    ("objects", include_str!("../cases/objects.json")),
];

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    // Two members, as tools that append write them.
    let (front, back) = bytes.split_at(bytes.len() / 2);
    let mut out = Vec::new();
    for part in [front, back] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(part).expect("in memory");
        out.extend(encoder.finish().expect("in memory"));
    }
    out
}

fn source(case: &Value) -> Source {
    let (resource, arguments) = match case.get("prefix") {
        Some(prefix) => ("arn:aws:states:::s3:listObjectsV2", object! { "Bucket" => "bucket", "Prefix" => prefix }),
        None => ("arn:aws:states:::s3:getObject", object! { "Bucket" => "bucket", "Key" => "key" }),
    };
    Source::from_arguments(resource, &arguments).expect("the case's source is complete")
}

fn outcome(case: &Value, objects: &Objects, feeding: &Feeding) -> Value {
    let config = ReaderConfig::from_value(&case["config"], None).map(|mut config| {
        if let Some(bytes) = case["item_bytes_max"].as_i64() {
            config.item_bytes_max = bytes as usize;
        }
        config
    });
    let (items, failure) = match config {
        Ok(config) => read_all(&config, &source(case), objects, feeding),
        Err(failure) => (Vec::new(), Some(failure)),
    };
    for (index, item) in items.iter().enumerate() {
        assert_eq!(item.index, index as u64);
    }
    let mut outcome = windlass_value::Object::new();
    outcome.insert("items", Value::array(items.iter().map(|item| item.value.clone()).collect()));
    if case.get("keys").is_some() {
        outcome.insert("keys", Value::array(items.iter().map(|item| Value::from(item.key.clone())).collect()));
    }
    if case.get("sources").is_some() {
        outcome.insert("sources", Value::array(items.iter().map(|item| Value::from(&item.source)).collect()));
    }
    if let Some(failure) = failure {
        assert_eq!(failure.error, "States.ItemReaderFailed");
        outcome.insert("error", failure.cause);
    }
    Value::from(outcome)
}

#[test]
fn cases() {
    let mut failures = Vec::new();
    for (file, text) in CASES {
        let cases = parse(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        for case in cases.as_array().expect("a file holds an array").iter() {
            let mut expected = windlass_value::Object::new();
            expected.insert("items", case.get("items").cloned().unwrap_or_else(|| Value::array(Vec::new())));
            for member in ["keys", "sources", "error"] {
                if let Some(value) = case.get(member) {
                    expected.insert(member, value.clone());
                }
            }
            let expected = Value::from(expected).to_text();
            let plain: Objects = case["objects"]
                .as_object()
                .expect("a case has objects")
                .iter()
                .map(|(key, text)| (key.to_string(), text.as_str().expect("an object is text").into()))
                .collect();
            // A listing shows the objects' sizes.
            let listing = case.get("prefix").is_some() && case["config"].get("Transformation").is_none();
            let compressed: Objects = plain.iter().map(|(key, bytes)| (key.clone(), gzip(bytes))).collect();
            let feedings = [
                ("whole", Feeding::whole()),
                ("byte by byte", Feeding { chunk_bytes: vec![1], ..Feeding::whole() }),
                ("three bytes, two keys", Feeding { chunk_bytes: vec![3], page_keys: 2, ..Feeding::whole() }),
                ("suspended", Feeding { suspend_after: vec![1], page_keys: 1, ..Feeding::whole() }),
                ("suspended, byte by byte", Feeding { chunk_bytes: vec![1], suspend_after: vec![1], page_keys: 2 }),
                ("suspended in turn", Feeding { chunk_bytes: vec![5, 1], suspend_after: vec![2, 1], page_keys: 3 }),
            ];
            for (how, feeding) in feedings {
                for (form, objects) in [("plain", &plain), ("gzip", &compressed)] {
                    if form == "gzip" && (listing || plain.values().any(Vec::is_empty)) {
                        continue;
                    }
                    let found = outcome(case, objects, &feeding).to_text();
                    if found != expected {
                        failures.push(format!(
                            "{file}: {} ({how}, {form})\n  expected {expected}\n  found    {found}",
                            case["name"]
                        ));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} differ\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn text_at_hand() {
    let read = |config: Value, text: &str| {
        let config = ReaderConfig::from_value(&config, None).expect("a good configuration");
        windlass_item_reader::read_text(&config, text)
            .map(|items| Value::array(items.into_iter().map(|item| item.value).collect()).to_text())
            .map_err(|failure| failure.cause)
    };
    let csv = object! { "InputType" => "CSV", "CSVHeaderLocation" => "FIRST_ROW" };
    assert_eq!(read(csv, "a\n1\n").as_deref(), Ok(r#"[{"a":"1"}]"#));
    assert_eq!(read(object! { "MaxItems" => 1 }, r#"[{"Key":"k"},2]"#).as_deref(), Ok(r#"[{"Key":"k"}]"#));
    assert_eq!(
        read(object! { "InputType" => "JSON" }, "[1").unwrap_err(),
        "The object is not valid JSON: it ends at byte 2 too early."
    );
    assert_eq!(read(object! { "InputType" => "PARQUET" }, "").unwrap_err(), "A Parquet file is no text.");
    assert_eq!(read(object! { "InputType" => "MANIFEST" }, "{}").unwrap_err(), "A manifest is no text with items.");
}

#[test]
fn readers_move_between_threads() {
    fn sent<T: Send + 'static>() {}
    sent::<windlass_item_reader::ItemReader>();
    sent::<windlass_item_reader::Batcher>();
}

/// What cursors of version 1 look like in the store: readers of later versions take them.
#[test]
fn stored_cursors_are_read() {
    let csv = object! { "InputType" => "CSV", "CSVHeaderLocation" => "FIRST_ROW" };
    let listing = object! { "InputType" => "JSON", "Transformation" => "LOAD_AND_FLATTEN" };
    let cases = [
        (
            csv,
            r#"{"version":1,"items_given":2,"object":{"bucket":"bucket","key":"key","etag":"\"tag\"","format":{"Csv":{"offset":6,"headers":["a"],"after_return":false}}}}"#,
            source(&object! {}),
            "[3]",
        ),
        (
            listing,
            r#"{"version":1,"items_given":2,"object":{"bucket":"bucket","key":"list","gzip":true,"format":{"Json":{"offset":2,"levels":[0],"on_way":1,"behind":false}}},"after_key":"key"}"#,
            source(&object! { "prefix" => "" }),
            "[5,6]",
        ),
    ];
    let objects: Objects = [("key", b"a\n1\n2\n3\n".to_vec()), ("list", gzip(b"[4,5,6]"))]
        .map(|(key, bytes)| (key.to_owned(), bytes))
        .into();
    for (config, stored, source, expected) in cases {
        let config = ReaderConfig::from_value(&config, None).expect("a good configuration");
        let cursor = serde_json::from_str(stored).expect("a cursor");
        let reader =
            windlass_item_reader::ItemReader::resume(&config, source.clone(), cursor).expect("a known version");
        assert_eq!(serde_json::to_string(&reader.cursor()).expect("a cursor is JSON"), stored);
        let mut items = Vec::new();
        let failure = crate::store::read_on(reader, &config, &source, &objects, &Feeding::whole(), &mut items).err();
        assert_eq!(failure, None);
        assert_eq!(items[0].index, 2);
        let values = items.iter().map(|item| match &item.value {
            Value::Object(row) => parse(row.get("a").and_then(Value::as_str).unwrap_or_default()).expect("a number"),
            other => other.clone(),
        });
        assert_eq!(Value::array(values.collect()).to_text(), expected);
    }
    let newer = r#"{"version":2,"items_given":0}"#;
    let config = ReaderConfig::from_value(&object! { "InputType" => "JSONL" }, None).expect("a good configuration");
    let cursor = serde_json::from_str(newer).expect("a cursor");
    assert!(windlass_item_reader::ItemReader::resume(&config, source(&object! {}), cursor).is_err());
}
