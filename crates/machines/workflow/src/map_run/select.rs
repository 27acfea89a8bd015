//! What a child execution gets: the item, or what ItemSelector makes of it.

use std::cell::{Cell, OnceCell};

use windlass_asl::{Failure, Map, Scope, Surroundings};
use windlass_value::{Object, Payload, Text, Timestamp, Value, object, uuid_v4};

use super::plan::MapRunPlan;
use crate::random::Random;

/// An item and where it stands.
#[derive(Clone, Debug)]
pub struct ItemOf {
    /// Its number, from 0.
    pub index: u64,
    /// The item.
    pub value: Value,
    /// The member's name, of an object's.
    pub key: Option<Text>,
    /// `STATE_DATA`, `S3://bucket/key` or `S3://bucket`.
    pub source: Text,
}

/// What an ItemSelector sees.
struct View<'a> {
    plan: &'a MapRunPlan,
    item: &'a ItemOf,
    at: Timestamp,
    random: Random,
    fuel: Cell<u64>,
    context: OnceCell<Value>,
}

impl Surroundings for View<'_> {
    fn context(&self) -> &Value {
        self.context.get_or_init(|| {
            let mut item = Object::with_capacity(4);
            item.insert("Index", self.item.index);
            if let Some(key) = &self.item.key {
                item.insert("Key", key);
            }
            item.insert("Value", &self.item.value);
            item.insert("Source", &self.item.source);
            let known = self.plan.context.value().as_object();
            let mut context = known.map_or_else(Object::new, |known| Object::clone(known));
            context.insert("Map", object! { "Item" => item });
            context.into()
        })
    }

    fn variable(&self, name: &str) -> Option<&Value> {
        self.plan.variables.value().get(name)
    }

    fn variables(&self) -> Vec<(&str, &Value)> {
        let variables = self.plan.variables.value().as_object();
        variables.into_iter().flat_map(|all| all.iter()).map(|(name, value)| (&**name, value)).collect()
    }

    fn now(&self) -> Timestamp {
        self.at
    }

    fn random(&self) -> u64 {
        self.random.next()
    }

    fn spend(&self, fuel: u64) {
        self.fuel.set(self.fuel.get().saturating_add(fuel));
    }
}

/// An item as its child gets it. Equal arguments give equal results.
///
/// # Errors
/// What evaluating the ItemSelector answers.
pub fn item_input(plan: &MapRunPlan, map: &Map, item: &ItemOf, at: Timestamp, seed: u64) -> Result<Value, Failure> {
    let Some(selector) = &map.item_selector else { return Ok(item.value.clone()) };
    let view = View { plan, item, at, random: Random::new(seed), fuel: Cell::new(0), context: OnceCell::new() };
    selector.evaluate(&Scope::new(plan.input.value(), &view), "ItemSelector")
}

/// The input of a child that gets a batch.
pub fn batch_input(batch_input: Option<&Value>, items: Vec<Value>) -> Payload {
    let mut input = Object::with_capacity(2);
    if let Some(given) = batch_input {
        input.insert("BatchInput", given);
    }
    input.insert("Items", Value::array(items));
    Payload::from_value(input.into())
}

/// The label of a distributed Map: its own, or one that follows from the state's
/// name, which is unique in its definition.
pub fn label_of(map: &Map, state: &str) -> Text {
    if let Some(label) = &map.label {
        return label.clone();
    }
    // FNV-1a, 128 bits.
    let hash = state.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    uuid_v4(hash).into()
}
