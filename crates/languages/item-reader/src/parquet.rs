use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::metadata::page_index::RowGroupPageIndex;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::ReaderProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedRowGroupReader;
use parquet::record::reader::{ReaderIter, TreeBuilder};
use parquet::record::{Field, Row};
use windlass_value::{Number, Object, Timestamp, Value, parse};

use crate::cursor::ParquetCursor;
use crate::failure::ReaderFailure;
use crate::item::ItemBounds;

/// Bytes of the file's end that are asked for first.
const FOOTER_BYTES: u64 = 64 * 1024;
/// The largest footer that is read.
const FOOTER_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The largest row group that is read: its compressed bytes are held while its rows are
/// given, and are decompressed a page a column at a time.
pub const ROW_GROUP_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Bytes of one range that is asked for.
const RANGE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// The magic number at both ends and the footer's length: what every file has.
const FILE_BYTES_MIN: u64 = 12;
/// Rows decoded at a time.
const BATCH_ROWS: usize = 256;

/// Rows of a Parquet file, a row group at a time.
pub(crate) struct ParquetRows {
    bounds: ItemBounds,
    file_bytes: Option<u64>,
    footer_bytes: u64,
    metadata: Option<Arc<ParquetMetaData>>,
    row_group: usize,
    rows_given: u64,
    rows: Option<ReaderIter>,
    /// What came of the range that is being read.
    bytes: Vec<u8>,
    /// The last range that was asked for brought nothing.
    starved: bool,
}

/// What [`ParquetRows::next`] found, or wants.
pub(crate) enum Step {
    Item(Value),
    Length,
    Range { offset: u64, length: u64 },
    End,
}

impl ParquetRows {
    pub(crate) fn new(bounds: ItemBounds, cursor: ParquetCursor) -> Result<ParquetRows, ReaderFailure> {
        Ok(ParquetRows {
            bounds,
            file_bytes: None,
            footer_bytes: FOOTER_BYTES,
            metadata: None,
            row_group: cursor.row_group,
            rows_given: cursor.rows,
            rows: None,
            bytes: Vec::new(),
            starved: false,
        })
    }

    pub(crate) fn cursor(&self) -> ParquetCursor {
        ParquetCursor { row_group: self.row_group, rows: self.rows_given }
    }

    pub(crate) fn set_length(&mut self, bytes: u64) {
        self.file_bytes = Some(bytes);
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.starved = bytes.is_empty();
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn next(&mut self) -> Result<Step, ReaderFailure> {
        if self.starved {
            return Err(ReaderFailure::new("The Parquet file ends too early."));
        }
        loop {
            let Some(file_bytes) = self.file_bytes else { return Ok(Step::Length) };
            let Some(metadata) = self.metadata.clone() else {
                match self.footer(file_bytes)? {
                    Some(step) => return Ok(step),
                    None => continue,
                }
            };
            if let Some(rows) = &mut self.rows {
                let (group, row) = (self.row_group, self.rows_given);
                match guarded(|| rows.next().transpose())? {
                    Some(found) => {
                        let value = guarded(|| Ok(item(found)))?;
                        // The offset of a row is not known; its number is.
                        self.bounds.check_row(&value, group, row)?;
                        self.rows_given += 1;
                        return Ok(Step::Item(value));
                    }
                    None => self.next_group(),
                }
                continue;
            }
            if self.row_group >= metadata.num_row_groups() {
                return Ok(Step::End);
            }
            if let Some(step) = self.row_group(&metadata, file_bytes)? {
                return Ok(step);
            }
        }
    }

    fn next_group(&mut self) {
        self.row_group += 1;
        self.rows_given = 0;
        self.rows = None;
    }

    /// Reads the file's metadata; `None` when it is there.
    fn footer(&mut self, file_bytes: u64) -> Result<Option<Step>, ReaderFailure> {
        if file_bytes < FILE_BYTES_MIN {
            return Err(ReaderFailure::new("The object is no Parquet file: it is too short."));
        }
        let wanted = self.footer_bytes.min(file_bytes);
        if let Some(step) = self.missing(file_bytes - wanted, wanted) {
            return Ok(Some(step));
        }
        let suffix = Bytes::from(std::mem::take(&mut self.bytes));
        let mut reader = ParquetMetaDataReader::new();
        let parsed = catch_unwind(AssertUnwindSafe(|| match reader.try_parse_sized(&suffix, file_bytes) {
            Ok(()) => reader.finish().map(Some),
            Err(ParquetError::NeedMoreData(needed)) => {
                self.footer_bytes = needed as u64;
                Ok(None)
            }
            Err(error) => Err(error),
        }));
        match parsed {
            Ok(Ok(Some(metadata))) => self.metadata = Some(Arc::new(metadata)),
            Ok(Ok(None)) if self.footer_bytes > FOOTER_BYTES_MAX => {
                return Err(ReaderFailure::new(format!(
                    "The footer of the Parquet file exceeds {FOOTER_BYTES_MAX} bytes, the most that is read."
                )));
            }
            Ok(Ok(None)) if self.footer_bytes > wanted => {}
            Ok(Ok(None)) => return Err(ReaderFailure::new("The footer of the Parquet file cannot be read.")),
            Ok(Err(error)) => return Err(broken(&error)),
            Err(_) => return Err(malformed()),
        }
        Ok(None)
    }

    /// Begins a row group; `None` when its rows can be asked for, or when it has none.
    fn row_group(&mut self, metadata: &Arc<ParquetMetaData>, file_bytes: u64) -> Result<Option<Step>, ReaderFailure> {
        let group = metadata.row_group(self.row_group);
        if group.num_rows() <= 0 {
            self.next_group();
            return Ok(None);
        }
        let span = guarded(|| {
            let ranges = || group.columns().iter().map(|column| column.byte_range());
            let start = ranges().map(|(start, _)| start).min().unwrap_or(0);
            let end = ranges().map(|(start, length)| start.saturating_add(length)).max().unwrap_or(0);
            Ok((start, end))
        });
        let (start, end) = span?;
        if end > file_bytes {
            return Err(ReaderFailure::new("The Parquet file ends too early."));
        }
        if end - start > ROW_GROUP_BYTES_MAX {
            return Err(ReaderFailure::new(format!(
                "Row group {} of the Parquet file exceeds {ROW_GROUP_BYTES_MAX} bytes, the most that is read.",
                self.row_group
            )));
        }
        if let Some(step) = self.missing(start, end - start) {
            return Ok(Some(step));
        }
        let bytes = Bytes::from(std::mem::take(&mut self.bytes));
        let source = Arc::new(GroupBytes { start, bytes });
        let (row_group, skipped) = (self.row_group, self.rows_given);
        self.rows = Some(guarded(|| {
            let properties = Arc::new(ReaderProperties::builder().build());
            let index = RowGroupPageIndex::new(row_group, None);
            let reader = SerializedRowGroupReader::new(source, group, index, properties)?;
            let schema = metadata.file_metadata().schema_descr_ptr();
            let mut rows = TreeBuilder::new().with_batch_size(BATCH_ROWS).as_iter(schema, &reader)?;
            for _ in 0..skipped {
                rows.next().transpose()?;
            }
            Ok(rows)
        })?);
        Ok(None)
    }

    /// What of a range is not there yet.
    fn missing(&mut self, offset: u64, length: u64) -> Option<Step> {
        let there = self.bytes.len() as u64;
        let rest = length.saturating_sub(there);
        (rest > 0).then(|| Step::Range { offset: offset + there, length: rest.min(RANGE_BYTES_MAX) })
    }
}

/// The bytes of one row group, under their offsets in the file.
struct GroupBytes {
    start: u64,
    bytes: Bytes,
}

impl Length for GroupBytes {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for GroupBytes {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let at = start.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        match at.filter(|at| *at <= self.bytes.len()) {
            Some(at) => Ok(bytes::Buf::reader(self.bytes.slice(at..))),
            None => Err(ParquetError::EOF("a page lies outside of its row group".to_owned())),
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let at = start.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        let range = at.and_then(|at| Some(at..at.checked_add(length)?));
        match range.filter(|range| range.end <= self.bytes.len()) {
            Some(range) => Ok(self.bytes.slice(range)),
            None => Err(ParquetError::EOF("a page lies outside of its row group".to_owned())),
        }
    }
}

/// Runs the library, which answers some malformed files with a panic.
fn guarded<T>(run: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ReaderFailure> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(found) => found.map_err(|error| broken(&error)),
        Err(_) => Err(malformed()),
    }
}

fn broken(error: &ParquetError) -> ReaderFailure {
    ReaderFailure::new(format!("The Parquet file cannot be read: {error}"))
}

fn malformed() -> ReaderFailure {
    ReaderFailure::new("The Parquet file cannot be read: it is malformed.")
}

fn item(row: Row) -> Value {
    Value::from(row.into_columns().into_iter().map(|(name, field)| (name, value(field))).collect::<Object>())
}

/// A cell as JSON: decimals as numbers with all digits, dates and instants in ISO 8601,
/// bytes in base64, what JSON's numbers cannot say (`NaN`, `Infinity`) as a string.
fn value(field: Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => Value::from(value),
        Field::Byte(value) => Value::int(value.into()),
        Field::Short(value) => Value::int(value.into()),
        Field::Int(value) => Value::int(value.into()),
        Field::Long(value) => Value::int(value),
        Field::UByte(value) => Value::int(value.into()),
        Field::UShort(value) => Value::int(value.into()),
        Field::UInt(value) => Value::from(value),
        Field::ULong(value) => Value::from(value),
        Field::Float16(value) => float(value.to_f64(), value.to_string()),
        // The shortest digits that mean this float, not those of the double beside it.
        Field::Float(value) => float(value.to_string().parse().unwrap_or_else(|_| value.into()), value.to_string()),
        Field::Double(value) => float(value, value.to_string()),
        Field::Decimal(_) => {
            let text = field.to_string();
            let text = text.strip_suffix('.').unwrap_or(&text);
            parse(text).unwrap_or_else(|_| Value::from(text))
        }
        Field::Str(text) => Value::from(text),
        Field::Bytes(bytes) => Value::from(BASE64_STANDARD.encode(bytes.data())),
        Field::Date(days) => {
            const DAY_MS: i64 = 86_400_000;
            let text = Timestamp(i64::from(days) * DAY_MS).to_rfc3339();
            Value::from(text.split('T').next().unwrap_or(&text))
        }
        Field::TimeMillis(ms) => Value::from(time(i64::from(ms) * 1000, 3)),
        Field::TimeMicros(us) => Value::from(time(us, 6)),
        Field::TimestampMillis(ms) => Value::from(Timestamp(ms).to_rfc3339()),
        Field::TimestampMicros(us) => {
            let text = Timestamp(us.div_euclid(1000)).to_rfc3339();
            let text = text.strip_suffix('Z').unwrap_or(&text);
            Value::from(format!("{text}{:03}Z", us.rem_euclid(1000)))
        }
        Field::Group(row) => item(row),
        Field::ListInternal(list) => Value::array(list.elements().iter().cloned().map(value).collect()),
        Field::MapInternal(map) => {
            let members = map.entries().iter().cloned().map(|(key, field)| {
                let key = match value(key) {
                    Value::String(text) => text,
                    other => other.to_text().into(),
                };
                (key, value(field))
            });
            Value::from(members.collect::<Object>())
        }
    }
}

fn float(value: f64, text: String) -> Value {
    Number::from_f64(value).map_or_else(|| Value::from(text), Value::Number)
}

/// `hh:mm:ss` with some digits of the second.
fn time(us: i64, digits: usize) -> String {
    let (seconds, us) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    let fraction = format!("{us:06}");
    format!("{:02}:{:02}:{:02}.{}", seconds / 3600, seconds / 60 % 60, seconds % 60, &fraction[..digits])
}
