use std::cell::{Cell, OnceCell};

use windlass_asl::Surroundings;
use windlass_value::{Object, Text, Timestamp, Value, object};

use crate::execution::{Execution, Frame, FrameId, MapRun, Phase};
use crate::random::Random;

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
    fn build_context(&self) -> Value {
        let identity = &self.execution.identity;
        let mut execution = Object::with_capacity(6);
        execution.insert("Id", &identity.arn);
        execution.insert("Input", identity.input.value());
        execution.insert("StartTime", identity.started_at.to_rfc3339());
        execution.insert("Name", &identity.name);
        execution.insert("RoleArn", &identity.role_arn);
        if !identity.express {
            execution.insert("RedriveCount", 0);
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
        if let Some(MapItem { index, value, key }) = self.item.clone().or_else(|| self.iteration_item()) {
            let mut item = Object::with_capacity(3);
            item.insert("Index", index);
            if let Some(key) = key {
                item.insert("Key", key);
            }
            item.insert("Value", value);
            context.insert("Map", object! { "Item" => item });
        }
        if let Some(token) = &self.token {
            context.insert("Task", object! { "Token" => token });
        }
        context.into()
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

    fn expression_bytes_max(&self) -> Option<usize> {
        Some(self.expression_bytes_max)
    }

    fn spend(&self, fuel: u64) {
        self.fuel.set(self.fuel.get().saturating_add(fuel));
    }
}
