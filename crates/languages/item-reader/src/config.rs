use windlass_value::{Text, Value};

use crate::failure::ReaderFailure;
use crate::item::ITEM_BYTES_MAX;

/// `InputType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputType {
    /// Rows of a delimited text.
    Csv,
    /// The elements of an array or the members of an object.
    Json,
    /// A value a line.
    JsonLines,
    /// Rows of a Parquet file.
    Parquet,
}

/// `ManifestType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestType {
    /// The list of data files that Athena's UNLOAD writes: an `s3://` address a line.
    AthenaData,
    /// The `manifest.json` of an S3 inventory.
    S3Inventory,
}

/// `Transformation` of a `ReaderConfig`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transformation {
    /// The listed objects are the items.
    None,
    /// The items are what the listed objects hold.
    LoadAndFlatten,
}

/// Where the names of the columns come from: `CSVHeaderLocation` and `CSVHeaders`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvHeaders {
    /// The first row of every object.
    FirstRow,
    /// Written in the definition; every row is an item.
    Given(Vec<Text>),
}

/// `CSVDelimiter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the variants are AWS's own words")]
pub enum CsvDelimiter {
    Comma,
    Pipe,
    Semicolon,
    Space,
    Tab,
}

impl CsvDelimiter {
    /// The byte between two cells.
    pub fn byte(self) -> u8 {
        match self {
            CsvDelimiter::Comma => b',',
            CsvDelimiter::Pipe => b'|',
            CsvDelimiter::Semicolon => b';',
            CsvDelimiter::Space => b' ',
            CsvDelimiter::Tab => b'\t',
        }
    }
}

/// `MaxItems` above this is this.
pub(crate) const ITEMS_MAX: u64 = 100_000_000;

/// A checked `ReaderConfig`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReaderConfig {
    /// The format of the objects. `None`: S3's listing is the data set, or the manifest
    /// says what its objects are.
    pub input_type: Option<InputType>,
    /// Whether the object lists the objects to read.
    pub manifest_type: Option<ManifestType>,
    /// What is done with a listing.
    pub transformation: Transformation,
    /// CSV only.
    pub csv_headers: CsvHeaders,
    /// CSV only.
    pub csv_delimiter: CsvDelimiter,
    /// JSON only: the JSON Pointer of the array or object that holds the items. Without
    /// one the document must be an array.
    pub items_pointer: Option<Text>,
    /// How many items are given at most; 0: all.
    pub items_max: u64,
    /// Bytes of compact JSON one item may have; [`ITEM_BYTES_MAX`] unless set.
    pub item_bytes_max: usize,
}

impl ReaderConfig {
    /// Reads an evaluated `ReaderConfig`. `items_max` is the value of `MaxItems` or
    /// `MaxItemsPath` where the caller evaluated it; `None` takes the member `MaxItems`.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` for words AWS does not know, members that do not go
    /// together and a negative `MaxItems`.
    pub fn from_value(config: &Value, items_max: Option<u64>) -> Result<ReaderConfig, ReaderFailure> {
        let words = [
            ("CSV", (Some(InputType::Csv), false)),
            ("JSON", (Some(InputType::Json), false)),
            ("JSONL", (Some(InputType::JsonLines), false)),
            ("PARQUET", (Some(InputType::Parquet), false)),
            ("MANIFEST", (None, true)),
        ];
        let (input_type, is_manifest) = word(config, "InputType", &words)?.unwrap_or((None, false));
        let words = [("ATHENA_DATA", ManifestType::AthenaData), ("S3_INVENTORY", ManifestType::S3Inventory)];
        // InputType MANIFEST is the older spelling of S3_INVENTORY.
        let manifest_type = word(config, "ManifestType", &words)?.or(is_manifest.then_some(ManifestType::S3Inventory));
        match (manifest_type, input_type) {
            (Some(ManifestType::S3Inventory), Some(_)) => {
                return Err(ReaderFailure::new("InputType cannot be specified when ManifestType is S3_INVENTORY."));
            }
            (Some(ManifestType::AthenaData), None | Some(InputType::Json)) => {
                return Err(ReaderFailure::new(
                    "InputType must be one of CSV, JSONL, PARQUET when ManifestType is ATHENA_DATA.",
                ));
            }
            _ => {}
        }
        let words = [("NONE", Transformation::None), ("LOAD_AND_FLATTEN", Transformation::LoadAndFlatten)];
        let transformation = word(config, "Transformation", &words)?.unwrap_or(Transformation::None);
        let words = [("FIRST_ROW", true), ("GIVEN", false)];
        let csv_headers = match word(config, "CSVHeaderLocation", &words)? {
            Some(false) => CsvHeaders::Given(headers(config)?),
            _ => CsvHeaders::FirstRow,
        };
        let words = [
            ("COMMA", CsvDelimiter::Comma),
            ("PIPE", CsvDelimiter::Pipe),
            ("SEMICOLON", CsvDelimiter::Semicolon),
            ("SPACE", CsvDelimiter::Space),
            ("TAB", CsvDelimiter::Tab),
        ];
        let csv_delimiter = word(config, "CSVDelimiter", &words)?.unwrap_or(CsvDelimiter::Comma);
        let items_pointer = match config.get("ItemsPointer") {
            None | Some(Value::Null) => None,
            Some(Value::String(pointer)) if pointer.is_empty() || pointer.starts_with('/') => Some(pointer.clone()),
            Some(other) => {
                return Err(ReaderFailure::new(format!("ItemsPointer must be a JSON Pointer but was: {other}")));
            }
        };
        let items_max = match items_max {
            Some(items_max) => items_max,
            None => member_items_max(config)?,
        };
        Ok(ReaderConfig {
            input_type,
            manifest_type,
            transformation,
            csv_headers,
            csv_delimiter,
            items_pointer,
            items_max: items_max.min(ITEMS_MAX),
            item_bytes_max: ITEM_BYTES_MAX,
        })
    }
}

fn word<T: Copy>(config: &Value, member: &str, words: &[(&str, T)]) -> Result<Option<T>, ReaderFailure> {
    let Some(value) = config.get(member).filter(|value| !value.is_null()) else { return Ok(None) };
    let known = words.iter().find(|(word, _)| value.as_str() == Some(word));
    known.map(|(_, meaning)| Some(*meaning)).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let shown = value.as_str().map_or_else(|| value.to_text(), str::to_owned);
        ReaderFailure::new(format!("{member} must be one of {} but was: {shown}", words.join(", ")))
    })
}

fn headers(config: &Value) -> Result<Vec<Text>, ReaderFailure> {
    let headers = config.get("CSVHeaders").and_then(Value::as_array);
    let texts = headers.map(|headers| headers.iter().map(|header| header.as_str().map(Text::from)).collect());
    match texts {
        Some(Some(headers)) => Ok(headers),
        Some(None) => Err(ReaderFailure::new("CSVHeaders must be an array of strings.")),
        None => Err(ReaderFailure::new("CSVHeaders must be specified when CSVHeaderLocation is GIVEN.")),
    }
}

fn member_items_max(config: &Value) -> Result<u64, ReaderFailure> {
    match config.get("MaxItems") {
        None | Some(Value::Null) => Ok(0),
        Some(value) => match value.as_f64() {
            Some(number) if number < 0.0 => Err(ReaderFailure::new("field MaxItems must be positive")),
            // Larger numbers saturate.
            Some(number) if number.fract() == 0.0 => Ok(number as u64),
            _ => Err(ReaderFailure::new(format!("MaxItems must be an integer but was: {value}"))),
        },
    }
}
