//! An object store in memory that answers what a reader wants.

use std::collections::BTreeMap;

use windlass_item_reader::{Cursor, Item, ItemReader, Read, ReaderConfig, ReaderFailure, Source};
use windlass_value::{Value, object};

/// Objects of the bucket `bucket` by key.
pub(crate) type Objects = BTreeMap<String, Vec<u8>>;

/// How a reader is fed.
#[derive(Clone, Debug)]
pub(crate) struct Feeding {
    /// Bytes a chunk; taken in turn.
    pub(crate) chunk_bytes: Vec<usize>,
    /// After how many items the reader is stored and taken up again; taken in turn.
    pub(crate) suspend_after: Vec<usize>,
    /// Keys a page of a listing.
    pub(crate) page_keys: usize,
}

impl Feeding {
    pub(crate) fn whole() -> Feeding {
        Feeding { chunk_bytes: vec![usize::MAX], suspend_after: vec![usize::MAX], page_keys: 1000 }
    }
}

/// The items, and the failure that came behind them, if one did.
pub(crate) fn read_all(
    config: &ReaderConfig,
    source: &Source,
    objects: &Objects,
    feeding: &Feeding,
) -> (Vec<Item>, Option<ReaderFailure>) {
    let mut items = Vec::new();
    let failure = ItemReader::new(config, source.clone())
        .and_then(|reader| read_on(reader, config, source, objects, feeding, &mut items))
        .err();
    (items, failure)
}

/// Reads from where a reader stands.
pub(crate) fn read_on(
    mut reader: ItemReader,
    config: &ReaderConfig,
    source: &Source,
    objects: &Objects,
    feeding: &Feeding,
    items: &mut Vec<Item>,
) -> Result<(), ReaderFailure> {
    let mut chunks = feeding.chunk_bytes.iter().copied().cycle();
    let mut suspensions = feeding.suspend_after.iter().copied().cycle();
    let mut open: Option<(&[u8], bool)> = None;
    let mut until = suspensions.next().unwrap_or(usize::MAX);
    loop {
        match reader.next()? {
            Read::Item(item) => {
                items.push(item);
                until = until.saturating_sub(1);
                if until == 0 {
                    until = suspensions.next().unwrap_or(usize::MAX).max(1);
                    // Through its stored form, as an engine does.
                    let stored = serde_json::to_string(&reader.cursor()).expect("a cursor is JSON");
                    let cursor: Cursor = serde_json::from_str(&stored).expect("a stored cursor is read again");
                    assert_eq!(cursor, reader.cursor());
                    reader = ItemReader::resume(config, source.clone(), cursor)?;
                    open = None;
                }
            }
            Read::Open(wanted) => {
                assert!(open.is_none_or(|(rest, ended)| rest.is_empty() && ended), "opened before the end was read");
                let bytes = &objects[&*wanted.object.key];
                assert!(wanted.offset <= bytes.len() as u64);
                open = Some((&bytes[wanted.offset as usize..], false));
                reader.note_etag("\"tag\"");
            }
            Read::NeedsInput => {
                let (rest, ended) = open.as_mut().expect("input is wanted of an object that is open");
                assert!(!*ended, "input is wanted behind the end");
                if rest.is_empty() {
                    *ended = true;
                    reader.end_of_input();
                } else {
                    let size = chunks.next().unwrap_or(usize::MAX).clamp(1, rest.len());
                    reader.feed(&rest[..size]);
                    *rest = &rest[size..];
                }
            }
            Read::Length(address) => reader.object_length(objects[&*address.key].len() as u64),
            Read::Range(range) => {
                let bytes = &objects[&*range.object.key];
                reader.feed_range(&bytes[range.offset as usize..(range.offset + range.length) as usize]);
            }
            Read::List(list) => {
                let after = list.start_after.as_deref().unwrap_or_default();
                let found: Vec<_> =
                    objects.iter().filter(|(key, _)| key.starts_with(&*list.prefix) && key.as_str() > after).collect();
                let contents = found.iter().take(feeding.page_keys).map(|(key, bytes)| {
                    object! {
                        "Key" => *key, "LastModified" => 1_695_297_600, "ETag" => "\"tag\"",
                        "Size" => bytes.len(), "StorageClass" => "STANDARD"
                    }
                });
                reader.feed_list(&object! {
                    "Contents" => Value::array(contents.collect()),
                    "IsTruncated" => found.len() > feeding.page_keys
                });
            }
            Read::End => return Ok(()),
        }
    }
}
