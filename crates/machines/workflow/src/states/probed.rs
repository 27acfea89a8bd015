//! Parallel and Map whose work is answered beforehand: their fields are evaluated as ever,
//! nothing inside them runs.

use windlass_asl::{Failure, ItemReader, Items, Map, MapMode, QuantityField, Scope, State, Template};
use windlass_value::{Payload, Value};

use super::flow::{gone, output};
use super::jsonata;
use super::map_fields::{MapBounds, batching, map_bounds, map_input, map_items, selected_item, stage_number};
use crate::execution::FrameId;
use crate::history::EventType;
use crate::probe::{ProbeAnswer, ReadItem};
use crate::surroundings::{MapItem, View};
use crate::turn::{StateError, Turn};

impl Turn<'_> {
    pub(crate) fn fork_answered(&mut self, id: FrameId, state: &State, answer: &ProbeAnswer) -> Result<(), Failure> {
        let Some(view) = self.view(id) else { return Err(gone()) };
        let input = self.work_input(state, &view)?;
        self.check_parameters(id, &input)?;
        self.answered(id, EventType::ParallelStateSucceeded, answer)
    }

    pub(crate) fn map_answered(
        &mut self,
        id: FrameId,
        state: &State,
        map: &Map,
        answer: &ProbeAnswer,
    ) -> Result<(), Failure> {
        let (bounds, iterations) = {
            let Some(view) = self.view(id) else { return Err(gone()) };
            let effective = map_input(state, &view)?;
            let items = match &map.item_reader {
                None => Some(read_items(&map_items(state, map, &effective, &view)?)),
                Some(reader) => {
                    let field = format!("ItemReader/{}", arguments(state));
                    resource_arguments(reader.parameters.as_ref(), &field, &effective, &view)?;
                    let items_max = items_max(reader, &effective, &view)?;
                    let read = self.probe.and_then(|probe| probe.read_items.clone()).transpose()?;
                    let read = read.map(|items| items.into_iter().take(items_max).collect::<Vec<_>>());
                    if let (Some(items), Some(_)) = (&read, reader.config.get("ItemsPointer")) {
                        let items = Value::array(items.iter().map(|item| item.value.clone()).collect());
                        view.tell(&"ItemReader/ReaderConfig/ItemsPointer", Ok(&items));
                    }
                    read
                }
            };
            let bounds = map_bounds(map, &effective, &view)?;
            let iterations = match &items {
                Some(items) => Some(self.iteration_inputs(id, map, items, &effective)?),
                None => None,
            };
            if let Some(writer) = &map.result_writer {
                let field = format!("ResultWriter/{}", arguments(state));
                resource_arguments(writer.parameters.as_ref(), &field, &effective, &view)?;
            }
            (bounds, iterations)
        };
        if let Some(iterations) = iterations {
            self.note(id, &"Iterations", || iterations.into());
            let failed = self.probe.and_then(|probe| probe.failed_iterations).unwrap_or(0);
            if matches!(answer, ProbeAnswer::Result(_)) && bounds.are_exceeded(failed, iterations as u64) {
                let cause = "The specified tolerated failure threshold was exceeded";
                let error = StateError::new("States.ExceedToleratedFailureThreshold", Some(cause.into()));
                self.state_failed(id, error);
                return Ok(());
            }
        }
        self.answered(id, EventType::MapStateSucceeded, answer)
    }

    /// Evaluates the inputs of all iterations and answers how many there are.
    fn iteration_inputs(
        &self,
        id: FrameId,
        map: &Map,
        items: &[ReadItem],
        effective: &Payload,
    ) -> Result<usize, Failure> {
        let mut inputs = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let Some(view) = self.view(id) else { return Err(gone()) };
            let item = MapItem { index: index as u32, value: item.value.clone(), key: item.key.clone() };
            let input = selected_item(map, effective, item, view)?;
            self.check_parameters(id, &input)?;
            inputs.push(input.value().clone());
        }
        if map.item_selector.is_some() {
            self.note(id, &"ItemSelector", || Value::array(inputs.clone()));
        }
        let (Some(batcher), MapMode::Distributed { .. }) = (&map.item_batcher, map.mode) else {
            return Ok(inputs.len());
        };
        let Some(view) = self.view(id) else { return Err(gone()) };
        let batching = batching(batcher, effective, &view)?;
        let batches = batching.batches(&inputs, self.world.limits.payload_bytes_max)?;
        let count = batches.len();
        self.note(id, &"ItemBatcher", || Value::array(batches));
        Ok(count)
    }

    fn answered(&mut self, id: FrameId, event_type: EventType, answer: &ProbeAnswer) -> Result<(), Failure> {
        match answer {
            ProbeAnswer::Result(result) => {
                self.check_size(id, result)?;
                self.container_succeeded(id, event_type, result.clone())
            }
            ProbeAnswer::Failure { error, cause } => {
                let error = StateError {
                    error: self.error_cut(Some(error.clone())),
                    cause: self.cause_cut(cause.clone()),
                    heartbeat: false,
                };
                self.state_failed(id, error);
                Ok(())
            }
        }
    }
}

impl MapBounds {
    /// Whether more iterations failed than are tolerated. Nothing is held against a Map that
    /// says nothing of it: whoever answers it knows best.
    fn are_exceeded(&self, failed: u64, iterations: u64) -> bool {
        let by_count = self.tolerated_failure_count.is_some_and(|max| failed > max);
        let percentage = failed as f64 * 100.0 / iterations.max(1) as f64;
        by_count || self.tolerated_failure_percentage.is_some_and(|max| percentage > max)
    }
}

fn arguments(state: &State) -> &'static str {
    if jsonata(state) { "Arguments" } else { "Parameters" }
}

fn resource_arguments(
    template: Option<&Template>,
    field: &str,
    effective: &Payload,
    view: &View<'_>,
) -> Result<(), Failure> {
    if template.is_some() {
        let scope = Scope::new(effective.value(), view);
        view.stage(&field, output(template, &scope, field, effective))?;
    }
    Ok(())
}

fn read_items(items: &Items) -> Vec<ReadItem> {
    let read = |index| ReadItem { value: items.item(index).unwrap_or_default(), key: items.key(index).cloned() };
    (0..items.len()).map(read).collect()
}

/// `MaxItems` of a reader; 0 is no bound.
fn items_max(reader: &ItemReader, effective: &Payload, view: &View<'_>) -> Result<usize, Failure> {
    let scope = Scope::new(effective.value(), view);
    let max = stage_number(reader.max_items.as_ref(), QuantityField::MaxItems, &scope, view)?;
    Ok(max.filter(|max| *max > 0.0).map_or(usize::MAX, |max| max as usize))
}
