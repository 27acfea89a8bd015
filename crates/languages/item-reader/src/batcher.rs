use windlass_value::{Object, Value};

use crate::cursor::Cursor;
use crate::failure::ReaderFailure;

/// Gathers items into the inputs of child executions: `ItemBatcher`.
///
/// A batch is full at its number of items, or when the next item would make its text, the
/// whole `{"BatchInput":…,"Items":[…]}` in compact UTF-8, longer than the bound. Pending
/// items need not be stored: they are read again from [`Batcher::pending_from`].
#[derive(Clone, Debug)]
pub struct Batcher {
    batch_input: Option<Value>,
    items_max: u64,
    input_bytes_max: usize,
    /// The text around the items.
    frame_bytes: usize,
    items: Vec<Value>,
    items_bytes: usize,
    from: Option<Cursor>,
}

/// A full batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The child's input.
    pub input: Value,
    /// How many items it holds.
    pub items: u64,
    /// Where its first item is read.
    pub from: Cursor,
}

impl Batcher {
    /// `items_max`: `MaxItemsPerBatch`, 0 without. `input_bytes_max`:
    /// `MaxInputBytesPerBatch`, or the largest input a child may have. `batch_input`: the
    /// evaluated `BatchInput`.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` where `batch_input` leaves no room for an item.
    pub fn new(items_max: u64, input_bytes_max: usize, batch_input: Option<Value>) -> Result<Batcher, ReaderFailure> {
        let frame = input(batch_input.as_ref(), Vec::new());
        let frame_bytes = frame.text_len_within(input_bytes_max).ok_or_else(|| {
            ReaderFailure::new(format!("The batch input exceeds the maximum size of a batch, {input_bytes_max} bytes."))
        })?;
        let (items, items_bytes, from) = (Vec::new(), 0, None);
        Ok(Batcher { batch_input, items_max, input_bytes_max, frame_bytes, items, items_bytes, from })
    }

    /// Takes an item and the reader's cursor before it; answers the batch this filled.
    /// The item may be its last, or already the first of the next.
    ///
    /// # Errors
    /// `States.ItemReaderFailed` where the item alone is larger than a batch may be.
    pub fn push(&mut self, item: Value, before: Cursor) -> Result<Option<Batch>, ReaderFailure> {
        let room = self.input_bytes_max - self.frame_bytes;
        let bytes = item.text_len_within(room).ok_or_else(|| {
            ReaderFailure::new(format!(
                "The item with index {} exceeds the maximum size of a batch, {} bytes.",
                before.items_given, self.input_bytes_max
            ))
        })?;
        let comma = usize::from(!self.items.is_empty());
        let full = if self.items_bytes + comma + bytes > room { self.finish() } else { None };
        let comma = usize::from(!self.items.is_empty());
        self.items_bytes += comma + bytes;
        self.items.push(item);
        self.from.get_or_insert(before);
        if full.is_none() && self.items.len() as u64 == self.items_max {
            return Ok(self.finish());
        }
        Ok(full)
    }

    /// The pending items as a batch that is not full; `None` without any.
    pub fn finish(&mut self) -> Option<Batch> {
        let from = self.from.take()?;
        self.items_bytes = 0;
        let items = std::mem::take(&mut self.items);
        let count = items.len() as u64;
        Some(Batch { input: input(self.batch_input.as_ref(), items), items: count, from })
    }

    /// Where to read again after a crash: the cursor before the first pending item.
    /// `None`: none is pending, the reader's own cursor it is.
    pub fn pending_from(&self) -> Option<&Cursor> {
        self.from.as_ref()
    }
}

fn input(batch_input: Option<&Value>, items: Vec<Value>) -> Value {
    let mut object = Object::with_capacity(2);
    if let Some(batch_input) = batch_input {
        object.insert("BatchInput", batch_input);
    }
    object.insert("Items", Value::array(items));
    Value::from(object)
}
