//! The data formats of the distributed Map, pure: bytes come in, items go out.
//!
//! [`ItemReader`] is a machine without I/O. Its [`ItemReader::next`] answers an item, or
//! says what it wants from the object store; the caller fetches that and feeds it. Memory
//! does not grow with an object's size: a row or an element at a time, with a bound for
//! one item. After any item its [`Cursor`] can be stored, and [`ItemReader::resume`] gives
//! exactly the items that remain.
//!
//! [`Batcher`] makes `{"BatchInput": …, "Items": […]}` of items, [`ResultWriter`] the files
//! of the `ResultWriter`.
//!
//! ```
//! use windlass_item_reader::{ItemReader, ObjectAddress, Read, ReaderConfig, Source};
//! use windlass_value::object;
//!
//! let config = ReaderConfig::from_value(&object! { "InputType" => "CSV", "CSVHeaderLocation" => "FIRST_ROW" }, None)?;
//! let source = Source::Object(ObjectAddress::new("bucket", "people.csv"));
//! let mut reader = ItemReader::new(&config, source)?;
//! let mut names = Vec::new();
//! loop {
//!     match reader.next()? {
//!         Read::Item(item) => names.push(item.value["name"].to_text()),
//!         // A real caller asks S3 for the object's bytes from `open.offset` on.
//!         Read::Open(open) => assert_eq!((&*open.object.key, open.offset), ("people.csv", 0)),
//!         Read::NeedsInput => {
//!             reader.feed(b"name,age\nAda,36\nGrace,85\n");
//!             reader.end_of_input();
//!         }
//!         Read::End => break,
//!         other => panic!("a CSV object needs no {other:?}"),
//!     }
//! }
//! assert_eq!(names, ["\"Ada\"", "\"Grace\""]);
//! # Ok::<(), windlass_item_reader::ReaderFailure>(())
//! ```

mod batcher;
mod config;
mod csv;
mod cursor;
mod failure;
mod gunzip;
mod input;
mod item;
mod json;
mod json_lines;
mod listing;
mod manifest;
mod object_reader;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(not(feature = "parquet"))]
#[path = "without_parquet.rs"]
mod parquet;
mod plain;
mod reader;
mod result_writer;
mod source;

pub use batcher::{Batch, Batcher};
pub use config::{CsvDelimiter, CsvHeaders, InputType, ManifestType, ReaderConfig, Transformation};
pub use cursor::{CURSOR_VERSION, Cursor};
pub use failure::ReaderFailure;
pub use item::{ITEM_BYTES_MAX, Item};
pub use listing::listing_item;
pub use manifest::MANIFEST_BYTES_MAX;
pub use parquet::ROW_GROUP_BYTES_MAX;
pub use reader::{ItemReader, Read, read_text};
pub use result_writer::{
    ChildResult, FILE_BYTES_MAX, FilePiece, OutputType, ResultFiles, ResultGroup, ResultTransformation, ResultWriter,
    WriterConfig, WriterFailure, manifest, manifest_key, result_key, state_output, written_output,
};
pub use source::{List, ObjectAddress, Open, Range, Source};
