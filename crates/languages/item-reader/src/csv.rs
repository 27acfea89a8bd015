use std::collections::HashSet;
use std::sync::Arc;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use windlass_value::{Object, Text, Value};

use crate::config::{CsvDelimiter, CsvHeaders};
use crate::cursor::CsvCursor;
use crate::failure::ReaderFailure;
use crate::input::Input;
use crate::item::{Found, ItemBounds};

/// Room for cells at first; both grow with the largest row.
const ROW_BYTES: usize = 1024;
const ROW_CELLS: usize = 32;
/// What a byte of text becomes in JSON at most.
const ESCAPED_BYTES_MAX: usize = 6;

/// Rows of a CSV object: every cell a string, short rows filled with `""`, cells beyond
/// the header dropped, a blank line a row of empty strings.
pub(crate) struct Rows {
    parser: Reader,
    cells: Vec<u8>,
    cells_len: usize,
    ends: Vec<usize>,
    ends_len: usize,
    headers: Option<Headers>,
    /// Where the row that is being read begins.
    row_start: u64,
    /// Whether that row began: bytes of it were taken.
    in_row: bool,
    /// The last row ended with a carriage return whose line feed may follow.
    after_return: bool,
}

impl Rows {
    pub(crate) fn new(delimiter: CsvDelimiter, headers: &CsvHeaders) -> Result<Rows, ReaderFailure> {
        let headers = match headers {
            CsvHeaders::FirstRow => None,
            CsvHeaders::Given(headers) => Some(Headers::unique(headers.clone())?),
        };
        Ok(Rows {
            parser: ReaderBuilder::new().delimiter(delimiter.byte()).build(),
            cells: vec![0; ROW_BYTES],
            cells_len: 0,
            ends: vec![0; ROW_CELLS],
            ends_len: 0,
            headers,
            row_start: 0,
            in_row: false,
            after_return: false,
        })
    }

    pub(crate) fn resume(
        delimiter: CsvDelimiter,
        headers: &CsvHeaders,
        cursor: CsvCursor,
    ) -> Result<Rows, ReaderFailure> {
        let mut rows = Rows::new(delimiter, headers)?;
        rows.headers = cursor.headers.map(Headers::new);
        rows.row_start = cursor.offset;
        rows.after_return = cursor.after_return;
        Ok(rows)
    }

    pub(crate) fn cursor(&self) -> CsvCursor {
        CsvCursor {
            offset: self.row_start,
            headers: self.headers.as_ref().map(|headers| headers.names.clone()),
            after_return: self.after_return,
        }
    }

    pub(crate) fn next(&mut self, input: &mut Input, bounds: ItemBounds) -> Result<Found, ReaderFailure> {
        loop {
            if !self.row(input, bounds)? {
                return Ok(if input.ended() { Found::End } else { Found::More });
            }
            let start = std::mem::replace(&mut self.row_start, input.offset());
            match &self.headers {
                Some(headers) => {
                    let value = self.item(&headers.names);
                    if headers.text_len_max + ESCAPED_BYTES_MAX * self.cells_len > bounds.bytes_max {
                        bounds.check(&value, start)?;
                    }
                    return Ok(Found::Item(value, None));
                }
                None => {
                    // A blank line has one cell, which is empty.
                    let headers = (0..self.ends_len.max(1)).map(|cell| Text::from(&*self.cell(cell))).collect();
                    self.headers = Some(Headers::unique(headers)?);
                }
            }
        }
    }

    /// Reads one row into `cells`; `false` where there is none, or not all of it yet.
    fn row(&mut self, input: &mut Input, bounds: ItemBounds) -> Result<bool, ReaderFailure> {
        if !self.in_row {
            (self.cells_len, self.ends_len) = (0, 0);
            if input.skip_mark().is_none() {
                return Ok(false);
            }
            if self.after_return && input.peek() == Some(b'\n') {
                input.consume(1);
                self.after_return = false;
                self.row_start = input.offset();
            }
            let Some(byte) = input.peek() else {
                if input.ended() {
                    self.row_start = input.offset();
                }
                return Ok(false);
            };
            self.after_return = false;
            self.row_start = input.offset();
            // The parser goes past blank lines; here they are rows.
            if matches!(byte, b'\n' | b'\r') {
                input.consume(1);
                self.after_return = byte == b'\r';
                return Ok(true);
            }
            self.in_row = true;
        }
        loop {
            let rest = input.rest();
            if rest.is_empty() && !input.ended() {
                return Ok(false);
            }
            let (result, read, written, ended) =
                self.parser.read_record(rest, &mut self.cells[self.cells_len..], &mut self.ends[self.ends_len..]);
            let last = read.checked_sub(1).and_then(|last| rest.get(last)).copied();
            input.consume(read);
            self.cells_len += written;
            self.ends_len += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    bounds.check_text(self.cells.len(), self.row_start)?;
                    self.cells.resize(self.cells.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    bounds.check_text(self.ends.len(), self.row_start)?;
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::Record => {
                    self.in_row = false;
                    self.after_return = last == Some(b'\r');
                    return Ok(true);
                }
                ReadRecordResult::End => {
                    self.in_row = false;
                    self.row_start = input.offset();
                    return Ok(false);
                }
            }
        }
    }

    fn cell(&self, index: usize) -> std::borrow::Cow<'_, str> {
        let bytes = match self.ends.get(index) {
            Some(end) if index < self.ends_len => {
                let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
                &self.cells[start..*end]
            }
            _ => &[],
        };
        String::from_utf8_lossy(bytes)
    }

    fn item(&self, headers: &[Text]) -> Value {
        let mut object = Object::with_capacity(headers.len());
        for (index, header) in headers.iter().enumerate() {
            object.insert(header.clone(), &*self.cell(index));
        }
        Value::from(object)
    }
}

/// The names of the columns.
struct Headers {
    names: Arc<[Text]>,
    /// How long an item's JSON gets at most but for its cells: counted once, so that few
    /// items have to be.
    text_len_max: usize,
}

impl Headers {
    fn new(names: Arc<[Text]>) -> Headers {
        // Four quotes, a colon and a comma beside each name.
        let text_len_max = 2 + names.iter().map(|name| 6 + ESCAPED_BYTES_MAX * name.len()).sum::<usize>();
        Headers { names, text_len_max }
    }

    fn unique(names: Vec<Text>) -> Result<Headers, ReaderFailure> {
        let mut seen = HashSet::with_capacity(names.len());
        if names.iter().all(|name| seen.insert(name)) {
            Ok(Headers::new(names.into()))
        } else {
            Err(ReaderFailure::new("CSV headers cannot contain duplicates."))
        }
    }
}
