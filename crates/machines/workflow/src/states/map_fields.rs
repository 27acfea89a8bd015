//! The fields of a Map, one function each: they are evaluated alike whether the Map runs
//! inline, as a Map Run, or is only tested.

use std::cell::OnceCell;

use windlass_asl::{Failure, ItemBatcher, Items, Map, Quantity, QuantityField, Scope, State};
use windlass_value::{Number, Payload, Value, object};

use super::flow::{output, path};
use super::jsonata;
use crate::surroundings::{MapItem, View};

/// The numbers that bound a Map's iterations. `None`: not written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct MapBounds {
    /// Iterations at once; 0 is no bound.
    pub(crate) max_concurrency: Option<u32>,
    /// Iterations that may fail.
    pub(crate) tolerated_failure_count: Option<u64>,
    /// Of all iterations, 0 to 100.
    pub(crate) tolerated_failure_percentage: Option<f64>,
}

/// What an `ItemBatcher` says. `None`: not written.
#[derive(Clone, Debug)]
pub(crate) struct Batching {
    /// `BatchInput`, evaluated.
    pub(crate) batch_input: Option<Value>,
    /// Items of a batch.
    pub(crate) items_max: Option<u64>,
    /// Bytes of a batch's input.
    pub(crate) input_bytes_max: Option<u64>,
}

/// What a Map's other fields work on: `InputPath` of the state's input, in JSONata the input.
pub(crate) fn map_input(state: &State, view: &View<'_>) -> Result<Payload, Failure> {
    let input = view.frame.input.clone();
    if jsonata(state) {
        return Ok(input);
    }
    view.stage(&"InputPath", path(&state.input_path, &input, view))
}

/// The items of a Map without `ItemReader`: `ItemsPath` or `Items`.
pub(crate) fn map_items(state: &State, map: &Map, effective: &Payload, view: &View<'_>) -> Result<Items, Failure> {
    let found = map.items.evaluate(&Scope::new(effective.value(), view));
    let field = if jsonata(state) { "Items" } else { "ItemsPath" };
    if view.trace.is_some() {
        let items = found.as_ref().map(items_value);
        view.tell(&field, items.as_ref().map_err(|failure| *failure));
    }
    found
}

/// The array or the object that a Map goes over.
pub(crate) fn items_value(items: &Items) -> Value {
    match items {
        Items::Array(items) => Value::Array(items.clone()),
        Items::Object(object) => Value::Object(object.clone()),
    }
}

/// `MaxConcurrency` and the tolerated failures.
pub(crate) fn map_bounds(map: &Map, effective: &Payload, view: &View<'_>) -> Result<MapBounds, Failure> {
    let scope = Scope::new(effective.value(), view);
    let number = |quantity: &Option<Quantity>, field| stage_number(quantity.as_ref(), field, &scope, view);
    if map.max_concurrency.is_none() {
        view.tell(&"MaxConcurrency", Ok(&Value::int(0)));
    }
    Ok(MapBounds {
        max_concurrency: number(&map.max_concurrency, QuantityField::MaxConcurrency)?.map(|number| number as u32),
        tolerated_failure_count: number(&map.tolerated_failure_count, QuantityField::ToleratedFailureCount)?
            .map(|number| number as u64),
        tolerated_failure_percentage: number(
            &map.tolerated_failure_percentage,
            QuantityField::ToleratedFailurePercentage,
        )?,
    })
}

/// A number's value, told as a stage.
pub(crate) fn stage_number(
    quantity: Option<&Quantity>,
    field: QuantityField,
    scope: &Scope<'_>,
    view: &View<'_>,
) -> Result<Option<f64>, Failure> {
    let Some(quantity) = quantity else { return Ok(None) };
    let found = quantity.evaluate(scope, field);
    if view.trace.is_some() {
        let value = found.as_ref().map(|number| Value::from(Number::from_f64(*number)));
        view.tell(&field.name(), value.as_ref().map_err(|failure| *failure));
    }
    found.map(Some)
}

/// An iteration's input: the item, or what `ItemSelector` makes of it.
pub(crate) fn selected_item(map: &Map, effective: &Payload, item: MapItem, view: View<'_>) -> Result<Payload, Failure> {
    let Some(selector) = &map.item_selector else { return Ok(Payload::from_value(item.value)) };
    let index = item.index;
    // The context may have been built already, without the item.
    let view = View { item: Some(item), context: OnceCell::new(), ..view };
    let found = selector.evaluate(&Scope::new(effective.value(), &view), "ItemSelector").map(Payload::from_value);
    view.stage(&format_args!("ItemSelector[{index}]"), found)
}

/// The fields of an `ItemBatcher`.
pub(crate) fn batching(batcher: &ItemBatcher, effective: &Payload, view: &View<'_>) -> Result<Batching, Failure> {
    let scope = Scope::new(effective.value(), view);
    let number = |quantity: &Option<Quantity>, field| stage_number(quantity.as_ref(), field, &scope, view);
    let items_max = number(&batcher.items_per_batch_max, QuantityField::MaxItemsPerBatch)?;
    let input_bytes_max = number(&batcher.input_bytes_per_batch_max, QuantityField::MaxInputBytesPerBatch)?;
    let batch_input = match &batcher.batch_input {
        None => None,
        template => {
            let found = output(template.as_ref(), &scope, "ItemBatcher/BatchInput", effective);
            Some(view.stage(&"ItemBatcher/BatchInput", found)?.value().clone())
        }
    };
    Ok(Batching {
        batch_input,
        items_max: items_max.map(|number| number as u64),
        input_bytes_max: input_bytes_max.map(|number| number as u64),
    })
}

impl Batching {
    /// The inputs of a batch each, of the inputs of an item each. A batch is full at its
    /// number of items, or when one more would make its text longer than may be.
    pub(crate) fn batches(&self, items: &[Value], input_bytes_default: usize) -> Result<Vec<Value>, Failure> {
        let bytes_max = self.input_bytes_max.map_or(input_bytes_default, |max| max as usize);
        // The text around the items.
        let frame_bytes = self.batch(Vec::new()).to_text().len();
        let mut batches = Vec::new();
        let mut batch: Vec<Value> = Vec::new();
        let mut bytes = frame_bytes;
        for (index, item) in items.iter().enumerate() {
            let item_bytes = item.to_text().len();
            if frame_bytes + item_bytes > bytes_max {
                return Err(Failure {
                    error: "States.ItemReaderFailed",
                    cause: format!(
                        "The item with index {index} exceeds the maximum size of a batch, {bytes_max} bytes."
                    ),
                    location: None,
                });
            }
            let comma = usize::from(!batch.is_empty());
            let is_full =
                self.items_max.is_some_and(|max| batch.len() as u64 >= max) || bytes + comma + item_bytes > bytes_max;
            if is_full && !batch.is_empty() {
                batches.push(self.batch(std::mem::take(&mut batch)));
                bytes = frame_bytes;
            }
            bytes += usize::from(!batch.is_empty()) + item_bytes;
            batch.push(item.clone());
        }
        if !batch.is_empty() {
            batches.push(self.batch(batch));
        }
        Ok(batches)
    }

    fn batch(&self, items: Vec<Value>) -> Value {
        match &self.batch_input {
            Some(input) => object! { "BatchInput" => input, "Items" => Value::array(items) },
            None => object! { "Items" => Value::array(items) },
        }
    }
}
