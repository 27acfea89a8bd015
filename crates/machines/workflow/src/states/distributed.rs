//! A Map in mode DISTRIBUTED: to its execution one thing that is waited for, the
//! Map Run.

use windlass_asl::{Failure, Map, MapMode, QuantityField, Scope, State, StateKind};
use windlass_value::{Object, Payload, Text, Value, uuid_v4};

use super::flow::{evaluate, gone};
use super::jsonata;
use super::map_fields::{Batching, batching, items_value, map_input, map_items};
use crate::effect::Effect;
use crate::execution::{FrameId, Phase, TaskId};
use crate::history::{Details, EventType};
use crate::map_run::{ItemBatching, MapRunPlan, MapRunSettings, MapSource, ResultWriting, label_of};
use crate::turn::{StateError, Turn};

/// Said of an ItemReader that cannot begin.
const READER_FAILED: &str = "States.ItemReaderFailed";

/// What is known before MapStateStarted.
struct Begun {
    effective: Payload,
    items: Option<Payload>,
    length: u32,
    concurrency_max: u64,
}

impl Turn<'_> {
    /// Starts a Map Run.
    pub(crate) fn distribute(&mut self, id: FrameId, state: &State, map: &Map) -> Result<(), Failure> {
        let begun = self.begin_map_run(id, state, map)?;
        if let Some(items) = &begun.items {
            self.check_parameters(id, items)?;
        }
        let length = begun.length;
        self.emit(id, EventType::MapStateStarted, || Details::MapStarted { length });
        let arn = self.map_run_arn(map, &state.name);
        let mut plan = self.map_run_plan(id, state, map, begun, arn.clone())?;
        let event_id = self.emit(id, EventType::MapRunStarted, || Details::MapRun { arn: arn.clone() });
        plan.task = TaskId { frame: id, event_id };
        let task = plan.task;
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::MapRun { task, arn, redrives: 0 };
        }
        let bytes = [&plan.input, &plan.variables, &plan.context].iter().map(|payload| payload.bytes_len()).sum();
        self.budget.add_bytes(bytes);
        self.effects.push(Effect::StartMapRun(Box::new(plan)));
        Ok(())
    }

    fn begin_map_run(&self, id: FrameId, state: &State, map: &Map) -> Result<Begun, Failure> {
        let Some(view) = self.view(id) else { return Err(gone()) };
        let effective = map_input(state, &view)?;
        // Recorded: with an ItemReader ItemsPath is not looked at, and the length is 0.
        let (items, length) = match &map.item_reader {
            Some(_) => (None, 0),
            None => {
                let items = map_items(state, map, &effective, &view)?;
                (Some(Payload::from_value(items_value(&items))), items.len() as u32)
            }
        };
        let concurrency = {
            let scope = Scope::new(effective.value(), &view);
            let field = map.max_concurrency.as_ref();
            field.map(|field| field.evaluate(&scope, QuantityField::MaxConcurrency)).transpose()?
        };
        Ok(Begun { effective, items, length, concurrency_max: concurrency.unwrap_or(0.0) as u64 })
    }

    /// What the Map Run is to do. Recorded: all this is evaluated after
    /// MapStateStarted.
    fn map_run_plan(
        &self,
        id: FrameId,
        state: &State,
        map: &Map,
        begun: Begun,
        arn: Text,
    ) -> Result<MapRunPlan, Failure> {
        let Some(view) = self.view(id) else { return Err(gone()) };
        let scope = Scope::new(begun.effective.value(), &view);
        let number = |quantity: &Option<windlass_asl::Quantity>, field: QuantityField| {
            quantity.as_ref().map(|quantity| quantity.evaluate(&scope, field)).transpose()
        };
        let count = number(&map.tolerated_failure_count, QuantityField::ToleratedFailureCount)?;
        let percentage = number(&map.tolerated_failure_percentage, QuantityField::ToleratedFailurePercentage)?;
        let call = if jsonata(state) { "Arguments" } else { "Parameters" };
        let source = match (&map.item_reader, begun.items) {
            (None, items) => MapSource::Items(items.unwrap_or_else(|| Payload::from_valid_text("[]"))),
            (Some(reader), _) => {
                let field = format!("ItemReader/{call}");
                let arguments = evaluate(reader.parameters.as_ref(), &scope, &field)?;
                match number(&reader.max_items, QuantityField::MaxItems) {
                    Ok(items_max) => MapSource::Reader {
                        resource: reader.resource.clone(),
                        arguments: arguments.unwrap_or_else(Value::empty_object),
                        config: reader.config.clone(),
                        // 0 is no bound.
                        items_max: items_max.map(|max| max as u64).filter(|max| *max > 0),
                    },
                    Err(failure) if failure.error == READER_FAILED => {
                        MapSource::Refused { cause: failure.cause.into() }
                    }
                    Err(failure) => return Err(failure),
                }
            }
        };
        let batching = match &map.item_batcher {
            None => None,
            Some(batcher) => {
                let Batching { batch_input, items_max, input_bytes_max } = batching(batcher, &begun.effective, &view)?;
                Some(ItemBatching { items_max, input_bytes_max, batch_input })
            }
        };
        let writing = match &map.result_writer {
            None => None,
            Some(writer) => {
                let arguments = evaluate(writer.parameters.as_ref(), &scope, &format!("ResultWriter/{call}"))?;
                Some(ResultWriting {
                    arguments: writer.resource.as_ref().and(arguments),
                    config: writer.config.clone().unwrap_or_else(Value::empty_object),
                })
            }
        };
        // Inner variables before outer ones of the same name: the first counts.
        let mut variables = Object::new();
        for (name, value) in windlass_asl::Surroundings::variables(&view) {
            if variables.get(name).is_none() {
                variables.insert(name, value);
            }
        }
        let context = Payload::from_value(windlass_asl::Surroundings::context(&view).clone());
        drop(view);
        Ok(MapRunPlan {
            task: TaskId { frame: id, event_id: 0 },
            arn,
            label: label_of(map, &state.name),
            state: state.name.clone(),
            express: map.mode == MapMode::Distributed { express: true },
            source,
            input: begun.effective.clone(),
            variables: Payload::from_value(variables.into()),
            context,
            batching,
            writing,
            settings: MapRunSettings {
                concurrency_max: begun.concurrency_max,
                tolerated_failure_count: count.map(|count| count as u64),
                tolerated_failure_percentage: percentage,
            },
        })
    }

    /// `…:mapRun:machine/label:uuid`.
    fn map_run_arn(&self, map: &Map, state: &str) -> Text {
        let identity = &self.execution.identity;
        let prefix = identity.machine_arn.split(":stateMachine:").next().unwrap_or_default();
        // A child's machine is named with the label of the Map it belongs to.
        let machine = identity.machine_name.split('/').next().unwrap_or_default();
        let random = u128::from(self.random.next()) << 64 | u128::from(self.random.next());
        format!("{prefix}:mapRun:{machine}/{}:{}", label_of(map, state), uuid_v4(random)).into()
    }

    /// Whether a frame waits for this Map Run.
    fn awaited_map_run(&self, task: TaskId) -> bool {
        self.execution.map_run(task).is_some()
            && self.state(task.frame).is_some_and(|state| matches!(state.kind, StateKind::Map(_)))
    }

    pub(crate) fn map_run_succeeded(&mut self, task: TaskId, output: Payload) {
        if !self.awaited_map_run(task) {
            return;
        }
        let id = task.frame;
        let started = self.frame(id).map_or(0, |frame| frame.previous_event_id);
        let succeeded = self.write(started, EventType::MapRunSucceeded, || Details::None);
        let closed = self.write(succeeded, EventType::MapStateSucceeded, || Details::None);
        if let Some(frame) = self.frame_mut(id) {
            frame.phase = Phase::Work;
        }
        let Some(state) = self.state(id) else { return };
        // Recorded since late 2024: Exited chains to MapRunStarted, past both markers.
        let left = self.leave_with_result(id, state, output).and_then(|leaving| self.exit(id, state, leaving));
        if let Err(failure) = left {
            if let Some(frame) = self.frame_mut(id) {
                frame.previous_event_id = closed;
            }
            self.evaluation_failed(id, failure);
        }
    }

    pub(crate) fn map_run_failed(&mut self, task: TaskId, error: Option<Text>, cause: Option<Text>) {
        if !self.awaited_map_run(task) {
            return;
        }
        let (error, cause) = (self.error_cut(error), self.cause_cut(cause));
        let id = task.frame;
        self.emit(id, EventType::MapRunFailed, || Details::Failure { error: error.clone(), cause: cause.clone() });
        // If nothing helps, a redrive goes on with this Map Run.
        self.set_container_aside(id);
        self.state_failed(id, StateError { error, cause, heartbeat: false });
    }

    /// Writes that every Map Run the execution waits for is aborted.
    pub(crate) fn write_map_runs_aborted(&mut self) {
        let waiting: Vec<(FrameId, u64)> = self
            .execution
            .frames
            .values()
            .filter(|frame| matches!(frame.phase, Phase::MapRun { .. }))
            .map(|frame| (frame.id, frame.previous_event_id))
            .collect();
        for (id, chain) in waiting {
            self.write_map_run_aborted(id, chain);
        }
    }

    /// Writes that the Map Run a frame waits for is aborted with it.
    pub(crate) fn write_map_run_aborted(&mut self, id: FrameId, chain: u64) {
        if self.frame(id).is_some_and(|frame| matches!(frame.phase, Phase::MapRun { .. })) {
            self.write(chain, EventType::MapRunAborted, || Details::None);
        }
    }
}
