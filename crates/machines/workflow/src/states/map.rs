use windlass_asl::{Failure, Map, MapMode, State, StateKind};
use windlass_value::{Payload, Value};

use super::flow::gone;
use super::map_fields::{items_value, map_bounds, map_input, map_items, selected_item};
use crate::execution::{FrameId, MapRun, Phase};
use crate::history::{Details, EventType};
use crate::surroundings::MapItem;
use crate::turn::Turn;

impl Turn<'_> {
    pub(crate) fn map(&mut self, id: FrameId, state: &State, map: &Map) -> Result<(), Failure> {
        if let Some(answer) = self.probe.and_then(|probe| probe.answer.as_ref()) {
            return self.map_answered(id, state, map, answer);
        }
        if let MapMode::Distributed { .. } = map.mode {
            return Err(Failure::runtime(
                "Windlass does not run Map states of mode DISTRIBUTED yet. Use the mode INLINE, or split the work into executions.",
            ));
        }
        let (items, concurrency) = {
            let Some(view) = self.view(id) else { return Err(gone()) };
            let effective = map_input(state, &view)?;
            let items = map_items(state, map, &effective, &view)?;
            let bounds = map_bounds(map, &effective, &view)?;
            (items, bounds.max_concurrency.unwrap_or(0))
        };
        self.check_depth(id)?;
        let length = items.len() as u32;
        let items = Payload::from_value(items_value(&items));
        self.check_parameters(id, &items)?;
        let started = self.emit(id, EventType::MapStateStarted, || Details::MapStarted { length });
        let concurrency_max = if concurrency == 0 { self.world.limits.map_concurrency_default } else { concurrency };
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::Map(MapRun {
                items,
                length,
                results: vec![None; length as usize],
                next_index: 0,
                running: 0,
                concurrency_max,
                chain_event_id: started,
            });
        }
        if length == 0 {
            return self.map_succeeded(id);
        }
        self.start_iterations(id, state, map)
    }

    /// Starts as many iterations as may run.
    pub(crate) fn start_iterations(&mut self, id: FrameId, state: &State, map: &Map) -> Result<(), Failure> {
        loop {
            let Some(Phase::Map(run)) = self.frame(id).map(|frame| &frame.phase) else { return Ok(()) };
            if run.running >= run.concurrency_max || run.next_index >= run.length {
                return Ok(());
            }
            if run.running > 0 && self.budget.is_heavy(self.world.limits) {
                // What begins at once must fit into one turn; the next one starts more.
                self.execution.ready.push_back(id);
                return Ok(());
            }
            let (index, previous) = (run.next_index, run.chain_event_id);
            let input = self.iteration_input(id, state, map, index)?;
            self.check_parameters(id, &input)?;
            let bytes = input.bytes_len_within(self.world.limits.payload_bytes_max);
            self.budget.add_bytes(bytes.unwrap_or(self.world.limits.payload_bytes_max));
            if let Some(frame) = self.execution.frames.get_mut(&id)
                && let Phase::Map(run) = &mut frame.phase
            {
                run.next_index += 1;
                run.running += 1;
                self.execution.changes.progress.insert(id);
            }
            let name = state.name.clone();
            self.capture(id);
            let started = self.write(previous, EventType::MapIterationStarted, || Details::Iteration { name, index });
            self.spawn(Some(id), index, map.processor.start_at.clone(), input, started);
        }
    }

    /// Starts the iterations for which the last turn had no room, or ends the
    /// Map if a redrive found all of them done.
    pub(crate) fn go_on_with_iterations(&mut self, id: FrameId) {
        let Some((state, frame)) = self.state(id).zip(self.frame(id)) else { return };
        let StateKind::Map(map) = &state.kind else { return };
        let done = matches!(&frame.phase, Phase::Map(run) if run.running == 0 && run.next_index >= run.length);
        let went = if done { self.map_succeeded(id) } else { self.start_iterations(id, state, map) };
        if let Err(failure) = went {
            self.evaluation_failed(id, failure);
        }
    }

    /// An iteration's input: the item, or what ItemSelector makes of it.
    fn iteration_input(&self, id: FrameId, state: &State, map: &Map, index: u32) -> Result<Payload, Failure> {
        let Some(view) = self.view(id) else { return Err(gone()) };
        let Phase::Map(run) = &view.frame.phase else { return Err(gone()) };
        let item = MapItem::of(run, index);
        if map.item_selector.is_none() {
            return Ok(Payload::from_value(item.value));
        }
        let effective = map_input(state, &view)?;
        selected_item(map, &effective, item, view)
    }

    /// All iterations are done.
    pub(crate) fn map_succeeded(&mut self, id: FrameId) -> Result<(), Failure> {
        let Some(frame) = self.frame(id) else { return Ok(()) };
        let Phase::Map(run) = &frame.phase else { return Ok(()) };
        let result = collect(&run.results);
        self.container_succeeded(id, EventType::MapStateSucceeded, result)
    }
}

/// The results of branches or iterations as one array, in their order.
pub(crate) fn collect(results: &[Option<Payload>]) -> Payload {
    let items = results.iter().map(|result| result.as_ref().map_or(Value::Null, |result| result.value().clone()));
    Payload::from_value(Value::array(items.collect()))
}
