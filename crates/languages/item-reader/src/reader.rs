use std::collections::VecDeque;

use windlass_value::{Text, Value};

use crate::config::{InputType, ManifestType, ReaderConfig, Transformation};
use crate::cursor::{CURSOR_VERSION, Cursor, FormatCursor, ObjectCursor, ParquetCursor};
use crate::failure::ReaderFailure;
use crate::item::{Found, Item, ItemBounds};
use crate::listing::listing_item;
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::object_reader::ObjectReader;
use crate::parquet::{ParquetRows, Step};
use crate::plain::Plain;
use crate::source::{List, ObjectAddress, Open, Range, Source};

/// What [`ItemReader::next`] found, or wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// The next item.
    Item(Item),
    /// The bytes of an object from an offset on, by [`ItemReader::feed`] and, behind the
    /// last, [`ItemReader::end_of_input`]. Said once an object.
    Open(Open),
    /// More bytes of the object that is open.
    NeedsInput,
    /// The length of an object, by [`ItemReader::object_length`].
    Length(ObjectAddress),
    /// Some bytes of an object, by [`ItemReader::feed_range`].
    Range(Range),
    /// A page of a listing, by [`ItemReader::feed_list`].
    List(List),
    /// All items were given.
    End,
}

/// The items of a distributed Map's data set, one at a time; see the crate's example.
pub struct ItemReader {
    config: ReaderConfig,
    plan: Plan,
    current: Option<Current>,
    items_given: u64,
    ended: bool,
}

/// Which objects there are.
enum Plan {
    /// One object.
    Object(ObjectAddress),
    /// A listing, whose objects are the items or hold them.
    Listing {
        bucket: Text,
        prefix: Text,
        source: Text,
        page: VecDeque<Value>,
        last_page: bool,
        after_key: Option<Text>,
    },
    /// The objects a manifest names.
    Manifest {
        kind: ManifestType,
        address: ObjectAddress,
        manifest: Option<Manifest>,
        objects_read: u64,
        /// Where to take up the object after the manifest was read again.
        resume: Option<Box<ObjectCursor>>,
    },
}

/// The object that is being read.
struct Current {
    address: ObjectAddress,
    source: Text,
    etag: Option<Text>,
    opened: bool,
    body: Body,
}

enum Body {
    Manifest(Box<Plain>),
    Stream(Box<ObjectReader>),
    Ranges(Box<ParquetRows>),
}

impl Current {
    fn new(address: ObjectAddress, body: Body) -> Current {
        Current { source: address.uri(), address, etag: None, opened: false, body }
    }
}

impl ItemReader {
    /// A reader that stands before the first item.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` where configuration and source do not go together.
    pub fn new(config: &ReaderConfig, source: Source) -> Result<ItemReader, ReaderFailure> {
        let plan = match (source, config.manifest_type) {
            (Source::Object(address), Some(kind)) => {
                Plan::Manifest { kind, address, manifest: None, objects_read: 0, resume: None }
            }
            (Source::Object(address), None) => {
                // What would fail at the first item fails now.
                body(config)?;
                Plan::Object(address)
            }
            (Source::Listing { .. }, Some(_)) => {
                return Err(ReaderFailure::new("A manifest is read with s3:getObject, not with s3:listObjectsV2."));
            }
            (Source::Listing { bucket, prefix }, None) => {
                if config.transformation == Transformation::LoadAndFlatten {
                    body(config)?;
                }
                let source = format!("S3://{bucket}").into();
                Plan::Listing { bucket, prefix, source, page: VecDeque::new(), last_page: false, after_key: None }
            }
        };
        Ok(ItemReader { config: config.clone(), plan, current: None, items_given: 0, ended: false })
    }

    /// A reader that stands where the cursor was taken; configuration and source must be
    /// those of the reader it was taken from.
    ///
    /// # Errors
    /// As [`ItemReader::new`]; also where the cursor's version is newer than this crate.
    pub fn resume(config: &ReaderConfig, source: Source, cursor: Cursor) -> Result<ItemReader, ReaderFailure> {
        if cursor.version > CURSOR_VERSION {
            let known = CURSOR_VERSION;
            return Err(ReaderFailure::new(format!(
                "The stored cursor has version {}, which is newer than {known}, the last one known here.",
                cursor.version
            )));
        }
        let mut reader = ItemReader::new(config, source)?;
        reader.items_given = cursor.items_given;
        reader.ended = cursor.ended;
        match (&mut reader.plan, cursor.object) {
            (Plan::Manifest { objects_read, resume, .. }, object) => {
                *objects_read = cursor.objects_read;
                *resume = object.map(Box::new);
            }
            (plan, object) => {
                if let Plan::Listing { after_key, .. } = plan {
                    *after_key = cursor.after_key;
                }
                if let Some(object) = object {
                    reader.current = Some(taken_up(&reader.config, object)?);
                }
            }
        }
        Ok(reader)
    }

    /// Where the reader stands after the last item it gave, whatever it was fed since.
    pub fn cursor(&self) -> Cursor {
        let object = match (&self.current, &self.plan) {
            _ if self.ended => None,
            (Some(current), _) => current.cursor(),
            (None, Plan::Manifest { resume, .. }) => resume.as_deref().cloned(),
            (None, _) => None,
        };
        // A manifest that is being read again does not lose the object it led to.
        let object = match (&self.plan, object) {
            (Plan::Manifest { resume: Some(resume), .. }, None) if !self.ended => Some((**resume).clone()),
            (_, object) => object,
        };
        let (after_key, objects_read) = match &self.plan {
            Plan::Object(_) => (None, 0),
            Plan::Listing { after_key, .. } => (after_key.clone(), 0),
            Plan::Manifest { objects_read, .. } => (None, *objects_read),
        };
        let (items_given, ended) = (self.items_given, self.ended);
        Cursor { version: CURSOR_VERSION, items_given, object, after_key, objects_read, ended }
    }

    /// How many items were given so far, those before a resumption included.
    pub fn items_given(&self) -> u64 {
        self.items_given
    }

    /// The entity tag of the object that is open, kept in the cursor, so that reading is
    /// never taken up in another object of the same name.
    pub fn note_etag(&mut self, etag: &str) {
        if let Some(current) = &mut self.current {
            current.etag = Some(etag.into());
        }
    }

    /// Takes bytes of the object that is open, of any length. All items in them should
    /// be asked for before the next are fed: what is fed and not read is held.
    pub fn feed(&mut self, chunk: &[u8]) {
        match self.current.as_mut().map(|current| &mut current.body) {
            Some(Body::Manifest(plain)) => plain.feed(chunk),
            Some(Body::Stream(reader)) => reader.feed(chunk),
            Some(Body::Ranges(_)) | None => {}
        }
    }

    /// The object that is open has no more bytes.
    pub fn end_of_input(&mut self) {
        match self.current.as_mut().map(|current| &mut current.body) {
            Some(Body::Manifest(plain)) => plain.end(),
            Some(Body::Stream(reader)) => reader.end_of_input(),
            Some(Body::Ranges(_)) | None => {}
        }
    }

    /// Takes the length of the object of [`Read::Length`].
    pub fn object_length(&mut self, bytes: u64) {
        if let Some(Current { body: Body::Ranges(rows), .. }) = &mut self.current {
            rows.set_length(bytes);
        }
    }

    /// Takes all bytes of [`Read::Range`].
    pub fn feed_range(&mut self, bytes: &[u8]) {
        if let Some(Current { body: Body::Ranges(rows), .. }) = &mut self.current {
            rows.feed(bytes);
        }
    }

    /// Takes the answer to [`Read::List`]: `ListObjectsV2`'s output by member name.
    pub fn feed_list(&mut self, answer: &Value) {
        if let Plan::Listing { page, last_page, .. } = &mut self.plan {
            page.extend(answer["Contents"].as_array().into_iter().flat_map(|contents| contents.iter().cloned()));
            // A page without objects has no key to go on behind.
            *last_page = answer["IsTruncated"].as_bool() != Some(true) || page.is_empty();
        }
    }

    /// The next item, or what is wanted before there can be one.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` where the data set cannot be read further; the reader is
    /// of no use afterwards.
    #[allow(clippy::should_implement_trait, reason = "it also asks for input")]
    pub fn next(&mut self) -> Result<Read, ReaderFailure> {
        loop {
            if self.ended || (self.config.items_max > 0 && self.items_given >= self.config.items_max) {
                self.ended = true;
                self.current = None;
                return Ok(Read::End);
            }
            let Some(current) = &mut self.current else {
                match self.plan.next(&self.config, &mut self.current)? {
                    Some(Planned::End) => self.ended = true,
                    Some(Planned::List(list)) => return Ok(Read::List(list)),
                    Some(Planned::Item(value, source)) => return Ok(self.give(value, None, source)),
                    None => {}
                }
                continue;
            };
            if !current.opened {
                current.opened = true;
                let offset = match &current.body {
                    Body::Manifest(_) => 0,
                    Body::Stream(reader) => reader.open_offset(),
                    Body::Ranges(_) => continue,
                };
                return Ok(Read::Open(Open { object: current.address.clone(), offset, etag: current.etag.clone() }));
            }
            match &mut current.body {
                Body::Manifest(plain) => {
                    if !plain.is_known() {
                        return Ok(Read::NeedsInput);
                    }
                    while plain.input.rest().len() <= MANIFEST_BYTES_MAX && plain.pump()? {}
                    if plain.input.rest().len() > MANIFEST_BYTES_MAX {
                        return Err(ReaderFailure::new(format!(
                            "The manifest exceeds {MANIFEST_BYTES_MAX} bytes, the most that is read."
                        )));
                    }
                    if !plain.input.ended() {
                        return Ok(Read::NeedsInput);
                    }
                    if let Plan::Manifest { kind, manifest, .. } = &mut self.plan {
                        *manifest = Some(Manifest::parse(plain.input.rest(), *kind, &self.config)?);
                    }
                    self.current = None;
                }
                Body::Stream(reader) => match reader.next()? {
                    Found::Item(value, key) => {
                        let source = current.source.clone();
                        return Ok(self.give(value, key, source));
                    }
                    Found::More => return Ok(Read::NeedsInput),
                    Found::End => self.object_read(),
                },
                Body::Ranges(rows) => match rows.next()? {
                    Step::Item(value) => {
                        let source = current.source.clone();
                        return Ok(self.give(value, None, source));
                    }
                    Step::Length => return Ok(Read::Length(current.address.clone())),
                    Step::Range { offset, length } => {
                        let (object, etag) = (current.address.clone(), current.etag.clone());
                        return Ok(Read::Range(Range { object, offset, length, etag }));
                    }
                    Step::End => self.object_read(),
                },
            }
        }
    }

    fn object_read(&mut self) {
        if let Some(current) = self.current.take() {
            self.ended = self.plan.object_read(current.address.key);
        }
    }

    fn give(&mut self, value: Value, key: Option<Text>, source: Text) -> Read {
        let index = self.items_given;
        self.items_given += 1;
        Read::Item(Item { index, value, key, source })
    }
}

/// The items of a data set that is at hand as text: what the object holds in the format
/// of `InputType`; of a listing the array of its items.
///
/// # Errors
/// `States.ItemReaderFailed` as the reader's; also for formats that are no text.
pub fn read_text(config: &ReaderConfig, text: &str) -> Result<Vec<Item>, ReaderFailure> {
    let input_type = match (config.input_type, config.manifest_type) {
        (input_type, None) => input_type.unwrap_or(InputType::Json),
        (_, Some(_)) => return Err(ReaderFailure::new("A manifest is no text with items.")),
    };
    let config = ReaderConfig { input_type: Some(input_type), ..config.clone() };
    let mut reader = ItemReader::new(&config, Source::Object(ObjectAddress::new("", "")))?;
    let mut items = Vec::new();
    loop {
        match reader.next()? {
            Read::Item(item) => items.push(item),
            Read::Open(_) => {
                reader.feed(text.as_bytes());
                reader.end_of_input();
            }
            Read::End => return Ok(items),
            _ => return Err(ReaderFailure::new("A Parquet file is no text.")),
        }
    }
}

/// What comes next where no object is being read.
enum Planned {
    Item(Value, Text),
    List(List),
    End,
}

impl Plan {
    /// Sets the next object to read, or answers what comes instead.
    fn next(&mut self, config: &ReaderConfig, current: &mut Option<Current>) -> Result<Option<Planned>, ReaderFailure> {
        match self {
            Plan::Object(address) => *current = Some(Current::new(address.clone(), body(config)?)),
            Plan::Listing { bucket, prefix, source, page, last_page, after_key } => {
                let Some(content) = page.pop_front() else {
                    return Ok(Some(match last_page {
                        true => Planned::End,
                        false => Planned::List(List {
                            bucket: bucket.clone(),
                            prefix: prefix.clone(),
                            start_after: after_key.clone(),
                        }),
                    }));
                };
                let key = Text::from(content["Key"].as_str().unwrap_or_default());
                if config.transformation == Transformation::None {
                    *after_key = Some(key);
                    return Ok(Some(Planned::Item(listing_item(&content), source.clone())));
                }
                // The empty object that stands for a folder holds no items.
                if key.ends_with('/') && content["Size"].as_i64() == Some(0) {
                    *after_key = Some(key);
                    return Ok(None);
                }
                *current = Some(Current::new(ObjectAddress::new(bucket.clone(), key), body(config)?));
            }
            Plan::Manifest { address, manifest: None, .. } => {
                *current = Some(Current::new(address.clone(), Body::Manifest(Box::default())));
            }
            Plan::Manifest { manifest: Some(manifest), objects_read, resume, .. } => {
                let index = usize::try_from(*objects_read).unwrap_or(usize::MAX);
                let Some(address) = manifest.objects.get(index) else { return Ok(Some(Planned::End)) };
                *current = Some(match resume.take() {
                    Some(cursor) if cursor.key != address.key || cursor.bucket != address.bucket => {
                        return Err(ReaderFailure::new("The manifest changed while its items were read."));
                    }
                    Some(cursor) => taken_up(&manifest.config, *cursor)?,
                    None => Current::new(address.clone(), body(&manifest.config)?),
                });
            }
        }
        Ok(None)
    }

    /// Notes that an object was read to its end; whether it was the last.
    fn object_read(&mut self, key: Text) -> bool {
        match self {
            Plan::Object(_) => return true,
            Plan::Listing { after_key, .. } => *after_key = Some(key),
            Plan::Manifest { objects_read, .. } => *objects_read += 1,
        }
        false
    }
}

impl Current {
    /// `None` for a manifest, which is read again from its start.
    fn cursor(&self) -> Option<ObjectCursor> {
        let (format, gzip) = match &self.body {
            Body::Manifest(_) => return None,
            Body::Stream(reader) => reader.cursor(),
            Body::Ranges(rows) => (FormatCursor::Parquet(rows.cursor()), false),
        };
        Some(ObjectCursor {
            bucket: self.address.bucket.clone(),
            key: self.address.key.clone(),
            version_id: self.address.version_id.clone(),
            etag: self.etag.clone(),
            gzip,
            format,
        })
    }
}

fn body(config: &ReaderConfig) -> Result<Body, ReaderFailure> {
    let input_type = config.input_type.ok_or_else(|| ReaderFailure::new("InputType must be specified."))?;
    match input_type {
        InputType::Parquet => ranges(config, ParquetCursor::default()),
        _ => Ok(Body::Stream(Box::new(ObjectReader::new(config, input_type)?))),
    }
}

fn ranges(config: &ReaderConfig, cursor: ParquetCursor) -> Result<Body, ReaderFailure> {
    Ok(Body::Ranges(Box::new(ParquetRows::new(ItemBounds::new(config.item_bytes_max), cursor)?)))
}

fn taken_up(config: &ReaderConfig, cursor: ObjectCursor) -> Result<Current, ReaderFailure> {
    let address = ObjectAddress { bucket: cursor.bucket, key: cursor.key, version_id: cursor.version_id };
    let body = match cursor.format {
        FormatCursor::Parquet(at) => ranges(config, at)?,
        format => Body::Stream(Box::new(ObjectReader::resume(config, format, cursor.gzip)?)),
    };
    Ok(Current { etag: cursor.etag, ..Current::new(address, body) })
}
