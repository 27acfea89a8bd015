use crate::config::{InputType, ReaderConfig};
use crate::csv::Rows;
use crate::cursor::FormatCursor;
use crate::failure::ReaderFailure;
use crate::item::{Found, ItemBounds};
use crate::json::Elements;
use crate::json_lines::Lines;
use crate::plain::Plain;

/// Items out of the bytes of one object, from the first byte to the last.
pub(crate) struct ObjectReader {
    plain: Plain,
    format: Format,
    bounds: ItemBounds,
}

enum Format {
    Csv(Box<Rows>),
    Json(Elements),
    JsonLines(Lines),
}

impl ObjectReader {
    pub(crate) fn new(config: &ReaderConfig, input_type: InputType) -> Result<ObjectReader, ReaderFailure> {
        let format = match input_type {
            InputType::Csv => Format::Csv(Box::new(Rows::new(config.csv_delimiter, &config.csv_headers)?)),
            InputType::Json => Format::Json(Elements::new(config.items_pointer.as_deref())),
            InputType::JsonLines => Format::JsonLines(Lines::default()),
            InputType::Parquet => return Err(ReaderFailure::new("A Parquet file is read by ranges.")),
        };
        Ok(ObjectReader { plain: Plain::default(), format, bounds: ItemBounds::new(config.item_bytes_max) })
    }

    pub(crate) fn resume(
        config: &ReaderConfig,
        cursor: FormatCursor,
        gzip: bool,
    ) -> Result<ObjectReader, ReaderFailure> {
        let (offset, format) = match cursor {
            FormatCursor::Csv(cursor) => {
                let rows = Rows::resume(config.csv_delimiter, &config.csv_headers, cursor.clone())?;
                (cursor.offset, Format::Csv(Box::new(rows)))
            }
            FormatCursor::Json(cursor) => {
                let pointer = config.items_pointer.as_deref();
                (cursor.offset, Format::Json(Elements::resume(pointer, cursor)))
            }
            FormatCursor::JsonLines(offset) => (offset, Format::JsonLines(Lines::default())),
            FormatCursor::Parquet(_) => return Err(ReaderFailure::new("A Parquet file is read by ranges.")),
        };
        let bounds = ItemBounds::new(config.item_bytes_max);
        Ok(ObjectReader { plain: Plain::resume(offset, gzip), format, bounds })
    }

    pub(crate) fn cursor(&self) -> (FormatCursor, bool) {
        let format = match &self.format {
            Format::Csv(rows) => FormatCursor::Csv(rows.cursor()),
            Format::Json(elements) => FormatCursor::Json(elements.cursor()),
            Format::JsonLines(_) => FormatCursor::JsonLines(self.plain.input.offset()),
        };
        (format, self.plain.is_gzip())
    }

    /// Where to begin to read the object.
    pub(crate) fn open_offset(&self) -> u64 {
        self.plain.open_offset()
    }

    pub(crate) fn feed(&mut self, chunk: &[u8]) {
        self.plain.feed(chunk);
    }

    pub(crate) fn end_of_input(&mut self) {
        self.plain.end();
    }

    pub(crate) fn next(&mut self) -> Result<Found, ReaderFailure> {
        if !self.plain.is_known() {
            return Ok(Found::More);
        }
        loop {
            let input = &mut self.plain.input;
            let found = match &mut self.format {
                Format::Csv(rows) => rows.next(input, self.bounds)?,
                Format::Json(elements) => elements.next(input, self.bounds)?,
                Format::JsonLines(lines) => lines.next(input, self.bounds)?,
            };
            if !matches!(found, Found::More) || !self.plain.pump()? {
                return Ok(found);
            }
        }
    }
}
