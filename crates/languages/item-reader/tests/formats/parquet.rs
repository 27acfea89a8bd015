//! Parquet files written here, in every codec, with several row groups.

use std::sync::Arc;

use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type, Int64Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use proptest::prelude::*;
use windlass_item_reader::{Item, ObjectAddress, ReaderConfig, Source};
use windlass_value::{Value, object, parse};

use crate::store::{Feeding, Objects, read_all};

const SCHEMA: &str = "
message order {
  required int64 id;
  optional binary name (UTF8);
  required boolean paid;
  required float weight;
  required double total;
  required int32 day (DATE);
  required int64 at (TIMESTAMP_MILLIS);
  required int64 exactly (TIMESTAMP_MICROS);
  required int64 price (DECIMAL(12,2));
  required fixed_len_byte_array(4) large (DECIMAL(9,0));
  required binary raw;
  optional group tags (LIST) { repeated group list { optional binary element (UTF8); } }
  optional group labels (MAP) { repeated group key_value { required binary key (UTF8); optional int32 value; } }
  required group place { required int32 x; optional int32 y; }
}";

/// The row with a number, as the reader gives it.
fn row(id: i64) -> Value {
    let text = |text: &str| Value::from(text);
    let name = if id % 3 == 0 { Value::Null } else { Value::from(format!("näme {id}")) };
    let tags = match id % 3 {
        0 => Value::Null,
        1 => Value::array(vec![]),
        _ => Value::array(vec![text("a"), Value::Null, Value::from(format!("t{id}"))]),
    };
    let labels = match id % 2 {
        0 => Value::Null,
        _ => object! { "k" => id, "n" => Value::Null },
    };
    let y = if id % 2 == 0 { Value::from(-id) } else { Value::Null };
    object! {
        "id" => id,
        "name" => name,
        "paid" => id % 2 == 0,
        "weight" => parse("0.1").expect("a number"),
        "total" => parse("1234.5").expect("a number"),
        "day" => "2024-02-29",
        "at" => "2024-02-29T12:30:00.007Z",
        "exactly" => "2024-02-29T12:30:00.000007Z",
        "price" => parse(&format!("-{id}.05")).expect("a number"),
        "large" => 70000,
        "raw" => "AP+A",
        "tags" => tags,
        "labels" => labels,
        "place" => object! { "x" => id, "y" => y }
    }
}

fn bytes(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
}

/// A file of `groups` row groups with `rows` rows each.
fn file(compression: Compression, groups: i64, rows: i64) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).expect("a schema"));
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).build());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, properties).expect("in memory");
    for group in 0..groups {
        let ids: Vec<i64> = (group * rows..(group + 1) * rows).collect();
        let mut row_group = writer.next_row_group().expect("in memory");
        let mut column = 0;
        while let Some(mut next) = row_group.next_column().expect("in memory") {
            let written = match column {
                0 => next.typed::<Int64Type>().write_batch(&ids, None, None),
                1 => {
                    let names: Vec<ByteArray> =
                        ids.iter().filter(|id| *id % 3 != 0).map(|id| bytes(&format!("näme {id}"))).collect();
                    let present: Vec<i16> = ids.iter().map(|id| i16::from(id % 3 != 0)).collect();
                    next.typed::<ByteArrayType>().write_batch(&names, Some(&present), None)
                }
                2 => next.typed::<BoolType>().write_batch(
                    &ids.iter().map(|id| id % 2 == 0).collect::<Vec<_>>(),
                    None,
                    None,
                ),
                3 => next.typed::<FloatType>().write_batch(&vec![0.1; ids.len()], None, None),
                4 => next.typed::<DoubleType>().write_batch(&vec![1234.5; ids.len()], None, None),
                5 => next.typed::<Int32Type>().write_batch(&vec![19_782; ids.len()], None, None),
                6 => next.typed::<Int64Type>().write_batch(&vec![1_709_209_800_007; ids.len()], None, None),
                7 => next.typed::<Int64Type>().write_batch(&vec![1_709_209_800_000_007; ids.len()], None, None),
                8 => next.typed::<Int64Type>().write_batch(
                    &ids.iter().map(|id| -(id * 100 + 5)).collect::<Vec<_>>(),
                    None,
                    None,
                ),
                9 => {
                    let large = ByteArray::from(70_000_i32.to_be_bytes().to_vec()).into();
                    next.typed::<FixedLenByteArrayType>().write_batch(&vec![large; ids.len()], None, None)
                }
                10 => {
                    let raw = ByteArray::from(vec![0, 255, 128]);
                    next.typed::<ByteArrayType>().write_batch(&vec![raw; ids.len()], None, None)
                }
                11 => {
                    let (mut tags, mut present, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
                    for id in &ids {
                        match id % 3 {
                            0 => (present.push(0), repeated.push(0)),
                            1 => (present.push(1), repeated.push(0)),
                            _ => {
                                tags.extend([bytes("a"), bytes(&format!("t{id}"))]);
                                present.extend([3, 2, 3]);
                                (repeated.push(0), repeated.extend([1, 1]))
                            }
                        };
                    }
                    next.typed::<ByteArrayType>().write_batch(&tags, Some(&present), Some(&repeated))
                }
                12 => {
                    let (mut keys, mut present, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
                    for id in &ids {
                        if id % 2 == 0 {
                            present.push(0);
                            repeated.push(0);
                        } else {
                            keys.extend([bytes("k"), bytes("n")]);
                            present.extend([2, 2]);
                            repeated.extend([0, 1]);
                        }
                    }
                    next.typed::<ByteArrayType>().write_batch(&keys, Some(&present), Some(&repeated))
                }
                13 => {
                    let (mut values, mut present, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
                    for id in &ids {
                        if id % 2 == 0 {
                            present.push(0);
                            repeated.push(0);
                        } else {
                            values.push(*id as i32);
                            present.extend([3, 2]);
                            repeated.extend([0, 1]);
                        }
                    }
                    next.typed::<Int32Type>().write_batch(&values, Some(&present), Some(&repeated))
                }
                14 => next.typed::<Int32Type>().write_batch(
                    &ids.iter().map(|id| *id as i32).collect::<Vec<_>>(),
                    None,
                    None,
                ),
                _ => {
                    let values: Vec<i32> = ids.iter().filter(|id| *id % 2 == 0).map(|id| -*id as i32).collect();
                    let present: Vec<i16> = ids.iter().map(|id| i16::from(id % 2 == 0)).collect();
                    next.typed::<Int32Type>().write_batch(&values, Some(&present), None)
                }
            };
            written.expect("the column fits the schema");
            next.close().expect("in memory");
            column += 1;
        }
        row_group.close().expect("in memory");
    }
    writer.into_inner().expect("in memory")
}

fn config(config: Value) -> ReaderConfig {
    ReaderConfig::from_value(&config, None).expect("a good configuration")
}

fn texts(items: &[Item]) -> Vec<String> {
    items.iter().map(|item| item.value.to_text()).collect()
}

fn key() -> Source {
    Source::Object(ObjectAddress::new("bucket", "key"))
}

fn one(bytes: Vec<u8>) -> Objects {
    [("key".to_owned(), bytes)].into()
}

#[test]
fn rows_of_every_codec() {
    let expected: Vec<String> = (0..700).map(|id| row(id).to_text()).collect();
    let mut codecs = vec![
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::LZ4_RAW,
    ];
    if cfg!(feature = "parquet-zstd") {
        codecs.push(Compression::ZSTD(ZstdLevel::default()));
    }
    let config = config(object! { "InputType" => "PARQUET" });
    for codec in codecs {
        let objects = one(file(codec, 2, 350));
        for suspend_after in [vec![usize::MAX], vec![1, 299, 77]] {
            let feeding = Feeding { suspend_after, ..Feeding::whole() };
            let (items, failure) = read_all(&config, &key(), &objects, &feeding);
            assert_eq!(failure, None, "{codec:?}");
            assert_eq!(texts(&items), expected, "{codec:?}");
        }
    }
}

#[test]
fn a_long_footer_is_read_whole() {
    let rows = 1;
    let groups = 100;
    let objects = one(file(Compression::UNCOMPRESSED, groups, rows));
    let footer = u32::from_le_bytes(objects["key"][objects["key"].len() - 8..][..4].try_into().expect("four bytes"));
    assert!(footer > 64 * 1024, "the footer has only {footer} bytes");
    let (items, failure) = read_all(&config(object! { "InputType" => "PARQUET" }), &key(), &objects, &Feeding::whole());
    assert_eq!((items.len(), failure), (100, None));
}

#[test]
fn an_inventory_in_parquet() {
    let mut objects: Objects = [("data/1", 3), ("data/2", 0), ("data/3", 2)]
        .into_iter()
        .map(|(key, rows)| (key.to_owned(), file(Compression::SNAPPY, i64::from(rows > 0), rows)))
        .collect();
    let files = ["data/1", "data/2", "data/3"].map(|key| object! { "key" => key });
    let manifest = object! {
        "destinationBucket" => "arn:aws:s3:::bucket", "fileFormat" => "Parquet",
        "fileSchema" => "message s3.inventory {}", "files" => Value::array(files.to_vec())
    };
    objects.insert("key".to_owned(), manifest.to_text().into());
    let config = config(object! { "ManifestType" => "S3_INVENTORY", "MaxItems" => 4 });
    for suspend_after in [usize::MAX, 1, 2, 3] {
        let feeding = Feeding { suspend_after: vec![suspend_after], ..Feeding::whole() };
        let (items, failure) = read_all(&config, &key(), &objects, &feeding);
        assert_eq!(failure, None);
        assert_eq!(texts(&items), [0, 1, 2, 0].map(|id| row(id).to_text()));
    }
}

#[test]
fn no_parquet_file() {
    let config = config(object! { "InputType" => "PARQUET" });
    for (bytes, cause) in [
        ("", "The object is no Parquet file: it is too short."),
        (
            "a,b\n1,2\n3,4\n5,6\n",
            "The Parquet file cannot be read: Parquet error: Invalid Parquet file. Corrupt footer",
        ),
    ] {
        let (items, failure) = read_all(&config, &key(), &one(bytes.into()), &Feeding::whole());
        assert_eq!(items, []);
        assert_eq!(failure.expect("no Parquet").cause, cause);
    }
}

#[test]
fn a_row_larger_than_an_item_may_be() {
    let mut config = config(object! { "InputType" => "PARQUET" });
    config.item_bytes_max = row(1).to_text().len() - 1;
    let (items, failure) = read_all(&config, &key(), &one(file(Compression::SNAPPY, 1, 3)), &Feeding::whole());
    assert_eq!(items.len(), 1);
    let cause = failure.expect("the second row has a name").cause;
    assert_eq!(
        cause,
        format!("Row 1 of row group 0 exceeds the maximum size of an item, {} bytes.", config.item_bytes_max)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A broken file gives some rows and a failure, or other rows; never a panic.
    #[test]
    fn broken_files_fail(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6), cut in any::<prop::sample::Index>(), cuts in any::<bool>()) {
        let mut bytes = file(Compression::SNAPPY, 2, 5);
        for (index, byte) in flips {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut config = config(object! { "InputType" => "PARQUET" });
        config.items_max = 1000;
        read_all(&config, &key(), &one(bytes), &Feeding::whole());
    }
}
