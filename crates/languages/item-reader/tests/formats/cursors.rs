//! Random documents, read in random chunks, stored and taken up again at random items,
//! give the items that other readers see.

use proptest::prelude::*;
use windlass_item_reader::{ObjectAddress, ReaderConfig, Source};
use windlass_value::{Object, Value, object, parse};

use crate::items::gzip;
use crate::store::{Feeding, Objects, read_all};

fn feeding() -> impl Strategy<Value = Feeding> {
    let suspend_after = prop_oneof![Just(vec![usize::MAX]), prop::collection::vec(1_usize..5, 1..4)];
    (prop::collection::vec(1_usize..40, 1..5), suspend_after, 1_usize..4)
        .prop_map(|(chunk_bytes, suspend_after, page_keys)| Feeding { chunk_bytes, suspend_after, page_keys })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z ]{0,6}",
        prop::collection::vec(
            prop::sample::select("\"\\,;\n\r\t []{}:é漢\u{1f600}\u{1}".chars().collect::<Vec<_>>()),
            0..6
        )
        .prop_map(String::from_iter)
    ]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(parse("-1.50E+3").expect("a number")),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::array),
            prop::collection::vec((text(), inner), 0..4)
                .prop_map(|members| Value::from(members.into_iter().collect::<Object>())),
        ]
    })
}

/// A document's text, indented or not.
fn written(value: &Value, pretty: bool) -> String {
    if pretty { value.to_pretty() } else { value.to_text() }
}

fn values(config: &Value, text: Vec<u8>, compressed: bool, feeding: &Feeding) -> Vec<Value> {
    let config = ReaderConfig::from_value(config, None).expect("a good configuration");
    let bytes = if compressed { gzip(&text) } else { text };
    let objects: Objects = [("key".to_owned(), bytes)].into();
    let source = Source::Object(ObjectAddress::new("bucket", "key"));
    let (items, failure) = read_all(&config, &source, &objects, feeding);
    assert_eq!(failure, None);
    items.into_iter().map(|item| item.value).collect()
}

/// A cell, in quotes where it needs them or just so.
fn cell(text: &str, quoted: bool) -> String {
    if quoted || text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

proptest! {
    #[test]
    fn csv(
        headers in prop::collection::hash_set(text(), 1..5),
        rows in prop::collection::vec(prop::collection::vec((text(), any::<bool>()), 0..6), 0..12),
        line_end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        last_line_ends in any::<bool>(),
        compressed in any::<bool>(),
        feeding in feeding(),
    ) {
        let headers: Vec<String> = headers.into_iter().collect();
        let mut lines = vec![headers.iter().map(|header| cell(header, false)).collect::<Vec<_>>().join(",")];
        lines.extend(rows.iter().map(|row| row.iter().map(|(text, quoted)| cell(text, *quoted)).collect::<Vec<_>>().join(",")));
        let mut document = lines.join(line_end);
        // A last line without anything needs its end to be one.
        if last_line_ends || lines.last().is_some_and(String::is_empty) {
            document.push_str(line_end);
        }
        // A text that begins as gzip or with a mark is another document.
        prop_assume!(!document.starts_with('\u{feff}'));
        let expected: Vec<Value> = rows.iter().map(|row| {
            let cell = |index: usize| row.get(index).map_or("", |(text, _)| text.as_str());
            Value::from(headers.iter().enumerate().map(|(index, header)| (header.as_str(), cell(index))).collect::<Object>())
        }).collect();
        let config = object! { "InputType" => "CSV", "CSVHeaderLocation" => "FIRST_ROW" };
        prop_assert_eq!(values(&config, document.into_bytes(), compressed, &feeding), expected);
    }

    #[test]
    fn json_array(items in prop::collection::vec(json(), 0..12), pretty in any::<bool>(), compressed in any::<bool>(), feeding in feeding()) {
        let document = written(&Value::array(items.clone()), pretty);
        let config = object! { "InputType" => "JSON" };
        prop_assert_eq!(values(&config, document.into_bytes(), compressed, &feeding), items);
    }

    /// Any container of any document, by its pointer.
    #[test]
    fn json_pointer(document in json(), steps in prop::collection::vec(any::<prop::sample::Index>(), 0..4), pretty in any::<bool>(), feeding in feeding()) {
        let mut pointer = String::new();
        let mut target = &document;
        for step in steps {
            let (name, next) = match target {
                Value::Array(items) if !items.is_empty() => {
                    let index = step.index(items.len());
                    (index.to_string(), &items[index])
                }
                Value::Object(members) if !members.is_empty() => {
                    let (name, next) = members.get_index(step.index(members.len())).expect("within");
                    (name.replace('~', "~0").replace('/', "~1"), next)
                }
                _ => break,
            };
            if !matches!(next, Value::Array(_) | Value::Object(_)) {
                break;
            }
            pointer.push('/');
            pointer.push_str(&name);
            target = next;
        }
        let expected: Vec<Value> = match target {
            Value::Array(items) => items.to_vec(),
            Value::Object(members) => members.iter().map(|(key, value)| object! { "Key" => key, "Value" => value }).collect(),
            _ => return Ok(()),
        };
        let config = object! { "InputType" => "JSON", "ItemsPointer" => pointer };
        prop_assert_eq!(values(&config, written(&document, pretty).into_bytes(), false, &feeding), expected);
    }

    #[test]
    fn json_lines(items in prop::collection::vec(json(), 0..12), line_end in prop::sample::select(vec!["\n", "\r\n", "\n \n"]), last_line_ends in any::<bool>(), compressed in any::<bool>(), feeding in feeding()) {
        let lines: Vec<String> = items.iter().map(Value::to_text).collect();
        let mut document = lines.join(line_end);
        if last_line_ends {
            document.push_str(line_end);
        }
        let config = object! { "InputType" => "JSONL" };
        prop_assert_eq!(values(&config, document.into_bytes(), compressed, &feeding), items);
    }

    /// The reader and the parser agree on what is JSON, wherever a document is broken.
    #[test]
    fn broken_json(items in prop::collection::vec(json(), 0..6), pretty in any::<bool>(), at in any::<prop::sample::Index>(), byte in prop::sample::select(b"[]{},:\"\\ 0-eatn\x01".to_vec()), pointed in any::<bool>(), feeding in feeding()) {
        let document = object! { "a" => object! { "b" => 1 }, "items" => Value::array(items), "z" => Value::array(vec![Value::from("x")]) };
        let mut bytes = written(if pointed { &document } else { &document["items"] }, pretty).into_bytes();
        let index = at.index(bytes.len());
        bytes[index] = byte;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut config = object! { "InputType" => "JSON" };
        if pointed {
            config = object! { "InputType" => "JSON", "ItemsPointer" => "/items" };
        }
        let config = ReaderConfig::from_value(&config, None).expect("a good configuration");
        let objects: Objects = [("key".to_owned(), text.clone().into_bytes())].into();
        let (items, failure) = read_all(&config, &Source::Object(ObjectAddress::new("bucket", "key")), &objects, &feeding);
        let parsed = parse(&text);
        match (parsed, failure) {
            (Err(_), failure) => prop_assert!(failure.is_some(), "taken for JSON: {}", text),
            (Ok(value), None) => {
                let array = if pointed { value["items"].clone() } else { value };
                let found: Vec<Value> = items.into_iter().map(|item| item.value).collect();
                match array {
                    Value::Object(members) => prop_assert_eq!(found.len(), members.len()),
                    array => prop_assert_eq!(Value::array(found), array),
                }
            }
            // Valid, but not a document with items, or with names that occur twice.
            (Ok(_), Some(failure)) => prop_assert!(
                failure.cause == "Attempting to map over non-iterable node." || failure.cause.starts_with("The ItemsPointer leads to more"),
                "{}: {}", text, failure
            ),
        }
    }
}
