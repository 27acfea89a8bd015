//! Reading: items out of the state's input or the object store, and the inputs of
//! children out of items, a page at a time.

use std::sync::Arc;

use windlass_asl::{Items, Map};
use windlass_item_reader::{Cursor, ItemReader, ObjectAddress, Read, ReaderConfig, ReaderFailure, Source};
use windlass_value::{Payload, Text, Value};
use windlass_workflow::{ItemBatching, ItemOf, MapRunFailure, MapSource, batch_input, item_input};

use super::objects::{ObjectPlace, Objects};
use super::spec::Spec;

/// Children read in one go.
pub(super) const PAGE_CHILDREN: u64 = 1_000;
/// Bytes of their inputs, about.
const PAGE_BYTES: usize = 1 << 20;
/// Bytes asked of the object store at once.
const PIECE_BYTES: u64 = 4 << 20;
/// Items after which others have their turn.
const ITEMS_AT_ONCE: u64 = 128;
/// AWS's source of items that come from the state's input.
const STATE_DATA: &str = "STATE_DATA";

/// A child that is to be started.
#[derive(Clone, Debug)]
pub(crate) struct NewChild {
    pub(super) input: Payload,
    pub(super) items: u64,
    /// How often it was redriven.
    pub(super) redrive_count: u32,
}

/// What was read in one go.
pub(crate) struct Page {
    pub(super) first: u64,
    pub(super) children: Vec<NewChild>,
    /// Where reading goes on; `None`: there is no more.
    pub(super) after: Option<Text>,
    /// To go on with without opening anything anew.
    pub(super) stream: Option<Stream>,
}

/// Items from where a cursor says.
pub(crate) struct Stream {
    /// The cursor of the next item.
    at: Option<Text>,
    from: From,
    /// An item that did not fit into the last batch.
    carried: Option<Value>,
}

enum From {
    Items { items: Items, next: u64 },
    Reader(Box<Opened>),
}

/// A reader and the object it has open.
struct Opened {
    reader: ItemReader,
    objects: Arc<dyn Objects>,
    object: Option<OpenObject>,
}

struct OpenObject {
    place: ObjectPlace,
    offset: u64,
    etag: Option<Text>,
}

pub(super) fn reader_failed(cause: impl Into<Text>) -> MapRunFailure {
    MapRunFailure { error: "States.ItemReaderFailed".into(), cause: Some(cause.into()) }
}

fn of_reader(failure: ReaderFailure) -> MapRunFailure {
    MapRunFailure { error: failure.error.into(), cause: Some(failure.cause.into()) }
}

fn too_large(state: &str) -> MapRunFailure {
    let cause = format!(
        "The state/task '{state}' provided parameters with a size exceeding the maximum number of bytes service limit."
    );
    MapRunFailure { error: "States.DataLimitExceeded".into(), cause: Some(cause.into()) }
}

/// Reads a page from a cursor on; `stream` is that of the page before, if it is
/// still there. `again`: so many children follow that were read before.
pub(super) async fn read_page(
    spec: &Spec,
    objects: Option<Arc<dyn Objects>>,
    stream: Option<Stream>,
    first: u64,
    from: Option<Text>,
    again: Option<u64>,
) -> Result<Page, MapRunFailure> {
    let map = spec.map().ok_or_else(|| reader_failed("The definition has no such Map."))?;
    let mut stream = match stream.filter(|stream| stream.at == from) {
        Some(stream) => stream,
        None => Stream::open(spec, objects, from)?,
    };
    let mut page = Page { first, children: Vec::new(), after: None, stream: None };
    let mut bytes = 0_usize;
    let children_max = again.unwrap_or(u64::MAX).min(PAGE_CHILDREN);
    while (page.children.len() as u64) < children_max && bytes < PAGE_BYTES {
        let child = match &spec.plan.batching {
            None => stream.next_input(spec, map).await?.map(|value| NewChild {
                input: Payload::from_value(value),
                items: 1,
                redrive_count: 0,
            }),
            Some(batching) => stream.next_batch(spec, map, batching).await?,
        };
        let Some(child) = child else {
            if again.is_some_and(|again| (page.children.len() as u64) < again) {
                return Err(reader_failed("The data set changed while its items were read."));
            }
            return Ok(page);
        };
        let length = child.input.bytes_len_within(spec.payload_bytes_max);
        bytes += length.ok_or_else(|| too_large(&spec.plan.state))?;
        page.children.push(child);
    }
    stream.at = stream.cursor();
    page.after = stream.at.clone();
    page.stream = Some(stream);
    Ok(page)
}

impl Stream {
    fn open(spec: &Spec, objects: Option<Arc<dyn Objects>>, at: Option<Text>) -> Result<Stream, MapRunFailure> {
        let from = match &spec.plan.source {
            MapSource::Refused { cause } => return Err(reader_failed(cause.clone())),
            MapSource::Items(items) => {
                let items = match items.value() {
                    Value::Array(items) => Items::Array(items.clone()),
                    Value::Object(object) => Items::Object(object.clone()),
                    _ => return Err(reader_failed("Attempting to map over non-iterable node.")),
                };
                let next = at.as_deref().and_then(|at| at.parse().ok()).unwrap_or_default();
                From::Items { items, next }
            }
            MapSource::Reader { resource, arguments, config, items_max } => {
                let objects = objects.ok_or_else(|| reader_failed("This server has no object store to read from."))?;
                let config = ReaderConfig::from_value(config, Some(items_max.unwrap_or(0))).map_err(of_reader)?;
                let source = Source::from_arguments(resource, arguments).map_err(of_reader)?;
                let reader = match &at {
                    None => ItemReader::new(&config, source),
                    Some(at) => {
                        let cursor: Cursor = serde_json::from_str(at)
                            .map_err(|error| reader_failed(format!("The stored cursor cannot be read: {error}")))?;
                        ItemReader::resume(&config, source, cursor)
                    }
                };
                From::Reader(Box::new(Opened { reader: reader.map_err(of_reader)?, objects, object: None }))
            }
        };
        Ok(Stream { at, from, carried: None })
    }

    /// Where the stream stands, after the last item it gave.
    fn cursor(&self) -> Option<Text> {
        if let (Some(_), at) = (&self.carried, &self.at) {
            return at.clone();
        }
        Some(match &self.from {
            From::Items { next, .. } => next.to_string().into(),
            From::Reader(opened) => serde_json::to_string(&opened.reader.cursor()).unwrap_or_default().into(),
        })
    }

    /// The next item as its child gets it.
    async fn next_input(&mut self, spec: &Spec, map: &Map) -> Result<Option<Value>, MapRunFailure> {
        if let Some(carried) = self.carried.take() {
            return Ok(Some(carried));
        }
        let Some(item) = self.next_item().await? else { return Ok(None) };
        if item.index % ITEMS_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        // The same item has the same input whenever it is read.
        let seed = spec.seed ^ item.index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        item_input(&spec.plan, map, &item, spec.started_at(), seed)
            .map(Some)
            .map_err(|failure| MapRunFailure { error: failure.error.into(), cause: Some(failure.cause.into()) })
    }

    /// The next batch.
    async fn next_batch(
        &mut self,
        spec: &Spec,
        map: &Map,
        batching: &ItemBatching,
    ) -> Result<Option<NewChild>, MapRunFailure> {
        let bytes_max = batching.input_bytes_max.and_then(|max| usize::try_from(max).ok());
        let bytes_max = bytes_max.unwrap_or(spec.payload_bytes_max).min(spec.payload_bytes_max);
        let items_max = batching.items_max.unwrap_or(u64::MAX);
        let mut bytes = batch_input(batching.batch_input.as_ref(), Vec::new()).bytes_len();
        let mut items: Vec<Value> = Vec::new();
        while (items.len() as u64) < items_max {
            let before = self.cursor();
            let Some(value) = self.next_input(spec, map).await? else { break };
            let comma = usize::from(!items.is_empty());
            let length = value.text_len_within(bytes_max).unwrap_or(bytes_max);
            if bytes + comma + length > bytes_max {
                if items.is_empty() {
                    return Err(too_large(&spec.plan.state));
                }
                self.at = before;
                self.carried = Some(value);
                break;
            }
            bytes += comma + length;
            items.push(value);
        }
        let count = items.len() as u64;
        let input = batch_input(batching.batch_input.as_ref(), items);
        Ok((count > 0).then_some(NewChild { input, items: count, redrive_count: 0 }))
    }

    async fn next_item(&mut self) -> Result<Option<ItemOf>, MapRunFailure> {
        match &mut self.from {
            From::Items { items, next } => {
                let index = *next;
                let at = usize::try_from(index).unwrap_or(usize::MAX);
                let Some(value) = items.item(at) else { return Ok(None) };
                *next += 1;
                Ok(Some(ItemOf { index, value, key: items.key(at).cloned(), source: STATE_DATA.into() }))
            }
            From::Reader(opened) => opened.next_item().await,
        }
    }
}

impl Opened {
    async fn next_item(&mut self) -> Result<Option<ItemOf>, MapRunFailure> {
        loop {
            match self.reader.next().map_err(of_reader)? {
                Read::Item(item) => {
                    let windlass_item_reader::Item { index, value, key, source } = item;
                    return Ok(Some(ItemOf { index, value, key, source }));
                }
                Read::End => return Ok(None),
                Read::Open(open) => {
                    self.object =
                        Some(OpenObject { place: place_of(&open.object), offset: open.offset, etag: open.etag });
                }
                Read::NeedsInput => self.feed().await?,
                Read::Length(address) => {
                    let read = self.objects.read(&place_of(&address), 0, 1, None).await.map_err(reader_failed)?;
                    self.reader.object_length(read.length);
                }
                Read::Range(range) => {
                    let place = place_of(&range.object);
                    let read = self.objects.read(&place, range.offset, range.length, range.etag.as_deref()).await;
                    self.reader.feed_range(&read.map_err(reader_failed)?.bytes);
                }
                Read::List(list) => {
                    let page = self.objects.list(&list.bucket, &list.prefix, list.start_after.as_deref()).await;
                    self.reader.feed_list(&page.map_err(reader_failed)?);
                }
            }
        }
    }

    /// Feeds the next piece of the object that is open.
    async fn feed(&mut self) -> Result<(), MapRunFailure> {
        let Some(object) = &mut self.object else {
            self.reader.end_of_input();
            return Ok(());
        };
        let read = self.objects.read(&object.place, object.offset, PIECE_BYTES, object.etag.as_deref()).await;
        let read = read.map_err(reader_failed)?;
        if object.etag.is_none()
            && let Some(etag) = &read.etag
        {
            self.reader.note_etag(etag);
            object.etag = Some(etag.clone());
        }
        object.offset += read.bytes.len() as u64;
        self.reader.feed(&read.bytes);
        if object.offset >= read.length || read.bytes.is_empty() {
            self.object = None;
            self.reader.end_of_input();
        }
        Ok(())
    }
}

fn place_of(address: &ObjectAddress) -> ObjectPlace {
    let ObjectAddress { bucket, key, version_id } = address;
    ObjectPlace { bucket: bucket.clone(), key: key.clone(), version_id: version_id.clone() }
}
