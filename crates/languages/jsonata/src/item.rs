//! Values during evaluation. What came from outside is shared as it is, down to
//! its leaves; what the expression makes knows its size and height, so that no
//! value is ever too big or too deep to walk.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use indexmap::IndexMap;
use windlass_value::{Number, Object, Text, Value};

use crate::functions::Function;
use crate::number::Num;

/// Levels of arrays, objects and composed functions an expression may build.
pub(crate) const HEIGHT_MAX: u32 = 400;

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Undefined,
    Null,
    Bool(bool),
    Number(Num),
    String(Text),
    Array(Array),
    Object(Record),
    Function(Rc<Function>),
    /// An item of a tuple stream: `@` and what was bound on the way.
    Tuple(Rc<Tuple>),
}

pub(crate) type Tuple = Vec<(Text, Item)>;

/// An array and what JSONata knows about where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Array {
    pub(crate) items: Items,
    /// A result sequence: of one item, it is that item; of none, nothing.
    pub(crate) sequence: bool,
    pub(crate) keep_singleton: bool,
    /// Made by `[…]` as a step: stays an array inside arrays.
    pub(crate) constructed: bool,
    pub(crate) tuple_stream: bool,
    /// The sequence around an array that is the input.
    pub(crate) wraps_input: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Items {
    Host(Arc<Vec<Value>>),
    Own(Rc<Vec<Item>>, Measure),
}

/// Size as a tree (a number 8, a character 1) and levels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measure {
    pub(crate) bytes: usize,
    pub(crate) height: u32,
}

pub(crate) type Members = IndexMap<Text, Item, foldhash::fast::RandomState>;

#[derive(Clone, Debug)]
pub(crate) enum Record {
    Host(Arc<Object>),
    Own(Rc<Members>, Measure),
}

impl Array {
    pub(crate) fn new(items: Vec<Item>, measure: Measure) -> Array {
        Array {
            items: Items::Own(Rc::new(items), measure),
            sequence: false,
            keep_singleton: false,
            constructed: false,
            tuple_stream: false,
            wraps_input: false,
        }
    }

    pub(crate) fn host(items: Arc<Vec<Value>>) -> Array {
        Array { items: Items::Host(items), ..Array::new(Vec::new(), Measure::default()) }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.items {
            Items::Host(items) => items.len(),
            Items::Own(items, _) => items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Item> {
        match &self.items {
            Items::Host(items) => items.get(index).map(Item::from_value),
            Items::Own(items, _) => items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Item> + '_ {
        (0..self.len()).map(|index| self.get(index).unwrap_or(Item::Undefined))
    }

    pub(crate) fn to_vec(&self) -> Vec<Item> {
        self.iter().collect()
    }

    pub(crate) fn measure(&self) -> Measure {
        match &self.items {
            Items::Host(items) => {
                Measure { bytes: items.iter().map(value_bytes).fold(1, usize::saturating_add), height: 0 }
            }
            // A lone item is measured when someone asks: a path makes many.
            Items::Own(items, measure) => match items.as_slice() {
                [item] => Measure { bytes: item.measure().bytes.max(1), height: measure.height },
                _ => *measure,
            },
        }
    }
}

impl Record {
    pub(crate) fn get(&self, key: &str) -> Option<Item> {
        match self {
            Record::Host(object) => object.get(key).map(Item::from_value),
            Record::Own(members, _) => members.get(key).cloned(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Record::Host(object) => object.len(),
            Record::Own(members, _) => members.len(),
        }
    }

    pub(crate) fn member(&self, index: usize) -> Option<(Text, Item)> {
        match self {
            Record::Host(object) => object.get_index(index).map(|(key, value)| (key.clone(), Item::from_value(value))),
            Record::Own(members, _) => members.get_index(index).map(|(key, item)| (key.clone(), item.clone())),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Text, Item)> + '_ {
        (0..self.len()).filter_map(|index| self.member(index))
    }

    pub(crate) fn measure(&self) -> Measure {
        match self {
            Record::Host(object) => Measure { bytes: object_bytes(object), height: 0 },
            Record::Own(_, measure) => *measure,
        }
    }
}

fn object_bytes(object: &Object) -> usize {
    object.iter().fold(1, |sum: usize, (key, value)| sum.saturating_add(key.len()).saturating_add(value_bytes(value)))
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(_) => 8,
        Value::String(text) => text.len().max(1),
        Value::Array(items) => items.iter().map(value_bytes).fold(1, usize::saturating_add),
        Value::Object(object) => object_bytes(object),
    }
}

impl Measure {
    pub(crate) fn with(self, inner: Measure) -> Measure {
        Measure { bytes: self.bytes.saturating_add(inner.bytes), height: self.height.max(inner.height + 1) }
    }
}

impl Item {
    pub(crate) fn from_value(value: &Value) -> Item {
        match value {
            Value::Null => Item::Null,
            Value::Bool(value) => Item::Bool(*value),
            Value::Number(number) => Item::Number(Num::from_value(number)),
            Value::String(text) => Item::String(text.clone()),
            Value::Array(items) => Item::Array(Array::host(items.clone())),
            Value::Object(object) => Item::Object(Record::Host(object.clone())),
        }
    }

    pub(crate) fn string(text: impl Into<Text>) -> Item {
        Item::String(text.into())
    }

    pub(crate) fn int(value: usize) -> Item {
        Item::Number(Num::Int(value as i64))
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Item::Undefined)
    }

    pub(crate) fn as_num(&self) -> Option<Num> {
        match self {
            Item::Number(value) => Some(*value),
            _ => None,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&Text> {
        match self {
            Item::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn measure(&self) -> Measure {
        match self {
            Item::Undefined | Item::Null | Item::Bool(_) => Measure { bytes: 1, height: 0 },
            Item::Number(_) => Measure { bytes: 8, height: 0 },
            Item::String(text) => Measure { bytes: text.len().max(1), height: 0 },
            Item::Array(array) => array.measure(),
            Item::Object(record) => record.measure(),
            Item::Function(function) => Measure { bytes: 8, height: function.height() },
            Item::Tuple(tuple) => tuple.iter().fold(Measure::default(), |sum, (_, item)| sum.with(item.measure())),
        }
    }

    /// The letter signatures use for the type.
    pub(crate) fn letter(&self) -> char {
        match self {
            Item::Undefined => 'm',
            Item::Null => 'l',
            Item::Bool(_) => 'b',
            Item::Number(_) => 'n',
            Item::String(_) => 's',
            Item::Array(_) => 'a',
            Item::Object(_) | Item::Tuple(_) => 'o',
            Item::Function(_) => 'f',
        }
    }

    /// JSONata's truth: empty and zero are false, and so is a function.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Item::Undefined | Item::Null | Item::Function(_) => false,
            Item::Bool(value) => *value,
            Item::Number(value) => value.as_f64() != 0.0,
            Item::String(text) => !text.is_empty(),
            Item::Array(array) => match array.len() {
                1 => array.get(0).is_some_and(|item| item.truth()),
                _ => array.iter().any(|item| item.truth()),
            },
            Item::Object(record) => record.len() > 0,
            Item::Tuple(_) => true,
        }
    }

    pub(crate) fn equals(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Null, Item::Null) | (Item::Undefined, Item::Undefined) => true,
            (Item::Bool(a), Item::Bool(b)) => a == b,
            (Item::Number(a), Item::Number(b)) => a.equals(*b),
            (Item::String(a), Item::String(b)) => a == b,
            (Item::Array(a), Item::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equals(&b)),
            (Item::Object(a), Item::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, item)| b.get(&key).is_some_and(|other| item.equals(&other)))
            }
            (Item::Function(a), Item::Function(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The value outside; `None` where it is or holds a function. Numbers are
    /// respelled, `Infinity` and `NaN` become strings.
    pub(crate) fn to_value(&self) -> Option<Value> {
        Some(match self {
            Item::Undefined | Item::Null => Value::Null,
            Item::Bool(value) => Value::Bool(*value),
            Item::Number(value) => num_value(*value),
            Item::String(text) => Value::String(text.clone()),
            Item::Array(array) => match &array.items {
                Items::Host(items) => respelled(&Value::Array(items.clone())),
                Items::Own(items, _) => Value::array(items.iter().map(Item::to_value).collect::<Option<Vec<Value>>>()?),
            },
            Item::Object(record) => match record {
                Record::Host(object) => respelled(&Value::Object(object.clone())),
                Record::Own(members, _) => {
                    let mut object = Object::with_capacity(members.len());
                    for (key, item) in members.iter() {
                        object.insert(key.clone(), item.to_value()?);
                    }
                    Value::from(object)
                }
            },
            Item::Function(_) => return None,
            Item::Tuple(tuple) => match tuple.iter().find(|(key, _)| &**key == "@") {
                Some((_, item)) => return item.to_value(),
                None => Value::Null,
            },
        })
    }
}

fn num_value(value: Num) -> Value {
    match value {
        Num::Int(value) => Value::int(value),
        Num::Float(value) if value.is_finite() => Value::Number(Number::Float(value)),
        other => Value::from(other.to_text()),
    }
}

/// The same value with numbers as arithmetic would leave them; shared where
/// nothing changes.
fn respelled(value: &Value) -> Value {
    if !has_literal(value) {
        return value.clone();
    }
    match value {
        Value::Number(number) => num_value(Num::from_value(number)),
        Value::Array(items) => Value::array(items.iter().map(respelled).collect()),
        Value::Object(object) => {
            Value::from(object.iter().map(|(key, value)| (key.clone(), respelled(value))).collect::<Object>())
        }
        other => other.clone(),
    }
}

fn has_literal(value: &Value) -> bool {
    match value {
        Value::Number(number) => !matches!(number, Number::Int(_)),
        Value::Array(items) => items.iter().any(has_literal),
        Value::Object(object) => object.values().any(has_literal),
        _ => false,
    }
}

/// A scope of variables.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    pub(crate) variables: RefCell<Vec<(Text, Item)>>,
    pub(crate) parent: RefCell<Option<Rc<Frame>>>,
}

impl Frame {
    pub(crate) fn inside(parent: &Rc<Frame>) -> Rc<Frame> {
        Rc::new(Frame { variables: RefCell::default(), parent: RefCell::new(Some(parent.clone())) })
    }

    pub(crate) fn bind(&self, name: &Text, item: Item) {
        let mut variables = self.variables.borrow_mut();
        match variables.iter_mut().find(|(known, _)| known == name) {
            Some(place) => place.1 = item,
            None => variables.push((name.clone(), item)),
        }
    }

    pub(crate) fn lookup(&self, name: &str) -> Option<Item> {
        if let Some((_, item)) = self.variables.borrow().iter().find(|(known, _)| &**known == name) {
            return Some(item.clone());
        }
        let mut frame = self.parent.borrow().clone();
        while let Some(current) = frame {
            if let Some((_, item)) = current.variables.borrow().iter().find(|(known, _)| &**known == name) {
                return Some(item.clone());
            }
            frame = current.parent.borrow().clone();
        }
        None
    }
}

impl Item {
    /// The height alone, without walking what came from outside.
    pub(crate) fn own_height(&self) -> u32 {
        match self {
            Item::Array(Array { items: Items::Own(_, measure), .. }) | Item::Object(Record::Own(_, measure)) => {
                measure.height
            }
            Item::Function(function) => function.height(),
            Item::Tuple(tuple) => tuple.iter().map(|(_, item)| item.own_height() + 1).max().unwrap_or(0),
            _ => 0,
        }
    }
}
