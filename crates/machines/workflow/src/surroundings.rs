use std::cell::{Cell, OnceCell};
use std::fmt;

use windlass_asl::{Failure, Surroundings};
use windlass_value::{Object, Payload, Text, Timestamp, Value, object};

use crate::execution::{Execution, Frame, FrameId, MapRun, Phase};
use crate::limits::{EXPRESSION_BYTES_MAX_AWS, PAYLOAD_BYTES_MAX_AWS};
use crate::probe::Probe;
use crate::random::Random;
use crate::trace::Trace;

/// What a frame's evaluations see.
pub(crate) struct View<'a> {
    pub(crate) execution: &'a Execution,
    pub(crate) frame: &'a Frame,
    pub(crate) at: Timestamp,
    pub(crate) random: &'a Random,
    /// Fuel the turn has spent.
    pub(crate) fuel: &'a Cell<u64>,
    /// `State.RetryCount`, on the states that have one.
    pub(crate) retry_count: Option<u32>,
    /// `Task.Token`, in callback tasks.
    pub(crate) token: Option<Text>,
    /// The item an `ItemSelector` is evaluated for.
    pub(crate) item: Option<MapItem>,
    pub(crate) context: OnceCell<Value>,
    /// Size of any value in an expression.
    pub(crate) expression_bytes_max: usize,
    pub(crate) trace: Option<&'a Trace>,
    pub(crate) probe: Option<&'a Probe>,
}

/// `Map.Item` of the context object.
#[derive(Clone, Debug)]
pub(crate) struct MapItem {
    pub(crate) index: u32,
    pub(crate) value: Value,
    pub(crate) key: Option<Text>,
}

impl MapItem {
    pub(crate) fn of(run: &MapRun, index: u32) -> MapItem {
        let (value, key) = run.item(index);
        MapItem { index, value, key }
    }
}

impl View<'_> {
    /// Tells whoever watches of a stage of the data flow, and hands it on.
    pub(crate) fn stage(&self, field: &dyn fmt::Display, found: Result<Payload, Failure>) -> Result<Payload, Failure> {
        if self.trace.is_some() {
            self.tell(field, found.as_ref().map(Payload::value));
        }
        found
    }

    /// Tells whoever watches of a value.
    pub(crate) fn tell(&self, field: &dyn fmt::Display, value: Result<&Value, &Failure>) {
        if let Some(trace) = self.trace {
            trace.note(self.frame, self.execution.next_event_id, field, value);
        }
    }

    fn build_context(&self) -> Value {
        if let Some(Value::Object(given)) = self.probe.and_then(|probe| probe.context.as_ref()) {
            let mut context = Object::clone(given);
            self.add_map_item(&mut context);
            return context.into();
        }
        let identity = &self.execution.identity;
        let mut execution = Object::with_capacity(7);
        execution.insert("Id", &identity.arn);
        execution.insert("Input", identity.input.value());
        execution.insert("StartTime", identity.started_at.to_rfc3339());
        execution.insert("Name", &identity.name);
        execution.insert("RoleArn", &identity.role_arn);
        if !identity.express {
            let redrives = self.execution.redrives;
            execution.insert("RedriveCount", redrives.count);
            if let Some(at) = redrives.at {
                execution.insert("RedriveTime", at.to_rfc3339());
            }
        }
        let mut context = Object::with_capacity(5);
        context.insert("Execution", execution);
        context.insert("StateMachine", object! { "Id" => &identity.machine_arn, "Name" => &identity.machine_name });
        if let Some(entered) = self.frame.entered {
            let mut state = Object::with_capacity(3);
            state.insert("Name", &self.frame.state);
            state.insert("EnteredTime", entered.at.to_rfc3339());
            if let Some(count) = self.retry_count {
                state.insert("RetryCount", count);
            }
            context.insert("State", state);
        }
        self.add_map_item(&mut context);
        if let Some(token) = &self.token {
            context.insert("Task", object! { "Token" => token });
        }
        context.into()
    }

    fn add_map_item(&self, context: &mut Object) {
        if let Some(MapItem { index, value, key }) = self.item.clone().or_else(|| self.iteration_item()) {
            let mut item = Object::with_capacity(3);
            item.insert("Index", index);
            if let Some(key) = key {
                item.insert("Key", key);
            }
            item.insert("Value", value);
            context.insert("Map", object! { "Item" => item });
        }
    }

    /// The item of the nearest iteration this frame is in.
    fn iteration_item(&self) -> Option<MapItem> {
        let mut frame = self.frame;
        while let Some(parent) = frame.parent {
            let container = self.execution.frames.get(&parent)?;
            if let Phase::Map(run) = &container.phase {
                return Some(MapItem::of(run, frame.index));
            }
            frame = container;
        }
        None
    }

    /// This frame and its ancestors, innermost first.
    fn scopes(&self) -> impl Iterator<Item = &Frame> {
        std::iter::successors(Some(self.frame), |frame| {
            frame.parent.and_then(|parent: FrameId| self.execution.frames.get(&parent))
        })
    }
}

impl Surroundings for View<'_> {
    fn context(&self) -> &Value {
        self.context.get_or_init(|| self.build_context())
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.scopes().find_map(|frame| frame.variables.as_ref()?.value().get(name))
    }

    fn variables(&self) -> Vec<(&str, &Value)> {
        let objects = self.scopes().filter_map(|frame| frame.variables.as_ref()?.value().as_object());
        objects.flat_map(|object| object.iter()).map(|(name, value)| (&**name, value)).collect()
    }

    fn now(&self) -> Timestamp {
        self.at
    }

    fn random(&self) -> u64 {
        self.random.next()
    }

    /// AWS's bound where the data is of a size that AWS takes: it stops what runs away.
    /// Larger data, which only this server takes, needs more room.
    fn expression_bytes_max(&self, result: Option<&Value>) -> Option<usize> {
        if self.expression_bytes_max <= EXPRESSION_BYTES_MAX_AWS {
            return Some(self.expression_bytes_max);
        }
        let is_large = |payload: &Payload| payload.bytes_len_within(PAYLOAD_BYTES_MAX_AWS).is_none();
        let larger = is_large(&self.frame.input)
            || self.scopes().any(|frame| frame.variables.as_ref().is_some_and(is_large))
            || result.is_some_and(|result| result.text_len_within(PAYLOAD_BYTES_MAX_AWS).is_none());
        Some(if larger { self.expression_bytes_max } else { EXPRESSION_BYTES_MAX_AWS })
    }

    fn evaluated(&self, place: &dyn fmt::Display, value: Result<&Value, &Failure>) {
        self.tell(place, value);
    }

    fn spend(&self, fuel: u64) {
        self.fuel.set(self.fuel.get().saturating_add(fuel));
    }
}
