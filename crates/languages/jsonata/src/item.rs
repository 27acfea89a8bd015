//! Values during evaluation. What came from outside is borrowed as it is, down to
//! its leaves; what the expression makes knows its size and height, so that no
//! value is ever too big or too deep to walk.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use windlass_value::{Number, Object, Text, Value};

use crate::functions::Function;
use crate::number::Num;
use crate::tree::{Field, SELF};

pub(crate) use crate::members::Members;

/// Levels of arrays, objects and composed functions an expression may build.
pub(crate) const HEIGHT_MAX: u32 = 400;

#[derive(Clone, Debug)]
pub(crate) enum Item<'v> {
    Undefined,
    Null,
    Bool(bool),
    Number(Num),
    String(Str<'v>),
    Array(Array<'v>),
    Object(Record<'v>),
    Function(Rc<Function<'v>>),
    /// An item of a tuple stream: `@` and what was bound on the way.
    Tuple(Rc<Tuple<'v>>),
}

pub(crate) type Tuple<'v> = Vec<(u32, Item<'v>)>;

/// A string: of the expression or its input, or made.
#[derive(Clone, Debug)]
pub(crate) enum Str<'v> {
    Host(&'v Text),
    Own(Text),
}

impl Str<'_> {
    pub(crate) fn into_text(self) -> Text {
        match self {
            Str::Host(text) => text.clone(),
            Str::Own(text) => text,
        }
    }
}

impl std::ops::Deref for Str<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        match self {
            Str::Host(text) => text,
            Str::Own(text) => text,
        }
    }
}

impl PartialEq for Str<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl Eq for Str<'_> {}

impl std::hash::Hash for Str<'_> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl std::borrow::Borrow<str> for Str<'_> {
    fn borrow(&self) -> &str {
        self
    }
}

impl std::fmt::Display for Str<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self)
    }
}

impl<T: Into<Text>> From<T> for Str<'_> {
    fn from(text: T) -> Self {
        Str::Own(text.into())
    }
}

/// An array and what JSONata knows about where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Array<'v> {
    pub(crate) items: Items<'v>,
    pub(crate) flags: u8,
}

/// A result sequence: of one item, it is that item; of none, nothing.
pub(crate) const SEQUENCE: u8 = 1;
pub(crate) const KEEP_SINGLETON: u8 = 2;
/// Made by `[…]` as a step: stays an array inside arrays.
pub(crate) const CONSTRUCTED: u8 = 4;
pub(crate) const TUPLE_STREAM: u8 = 8;
/// The sequence around an array that is the input.
pub(crate) const WRAPS_INPUT: u8 = 16;

#[derive(Clone, Debug)]
pub(crate) enum Items<'v> {
    Host(&'v Arc<Vec<Value>>),
    Own(Rc<List<'v>>),
}

#[derive(Debug)]
pub(crate) struct List<'v> {
    pub(crate) items: Vec<Item<'v>>,
    /// `None` where no one asked yet.
    bytes: Cell<Option<usize>>,
    height: u32,
}

/// Size as a tree (a number 8, a character 1) and levels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measure {
    pub(crate) bytes: usize,
    pub(crate) height: u32,
}

#[derive(Clone, Debug)]
pub(crate) enum Record<'v> {
    Host(&'v Arc<Object>),
    Own(Rc<OwnRecord<'v>>),
}

#[derive(Debug)]
pub(crate) struct OwnRecord<'v> {
    pub(crate) members: Members<'v>,
    measure: Measure,
}

impl<'v> Array<'v> {
    pub(crate) fn new(items: Vec<Item<'v>>, measure: Measure) -> Array<'v> {
        let list = List { items, bytes: Cell::new(Some(measure.bytes)), height: measure.height };
        Array { items: Items::Own(Rc::new(list)), flags: 0 }
    }

    /// Items of a value that exists: measured when someone asks.
    pub(crate) fn part(items: Vec<Item<'v>>, height: u32) -> Array<'v> {
        Array { items: Items::Own(Rc::new(List { items, bytes: Cell::new(None), height })), flags: 0 }
    }

    pub(crate) fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The same items, marked.
    pub(crate) fn marked(mut self, flags: u8) -> Array<'v> {
        self.flags |= flags;
        self
    }

    pub(crate) fn len(&self) -> usize {
        match &self.items {
            Items::Host(items) => items.len(),
            Items::Own(list) => list.items.len(),
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<Item<'v>> {
        match &self.items {
            Items::Host(items) => items.get(index).map(Item::from_value),
            Items::Own(list) => list.items.get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = Item<'v>> + '_ {
        (0..self.len()).map(|index| self.get(index).unwrap_or(Item::Undefined))
    }

    pub(crate) fn to_vec(&self) -> Vec<Item<'v>> {
        match &self.items {
            Items::Host(items) => items.iter().map(Item::from_value).collect(),
            Items::Own(list) => list.items.clone(),
        }
    }

    /// The items, without copying where no one else holds them.
    pub(crate) fn into_vec(self) -> Vec<Item<'v>> {
        match self.items {
            Items::Host(items) => items.iter().map(Item::from_value).collect(),
            Items::Own(list) => Rc::try_unwrap(list).map_or_else(|list| list.items.clone(), |list| list.items),
        }
    }

    pub(crate) fn measure(&self) -> Measure {
        match &self.items {
            Items::Host(items) => {
                Measure { bytes: items.iter().map(value_bytes).fold(1, usize::saturating_add), height: 0 }
            }
            // A lone item is measured when someone asks: a path makes many.
            Items::Own(list) => match list.items.as_slice() {
                [item] => Measure { bytes: item.measure().bytes.max(1), height: list.height },
                items => {
                    let bytes = list.bytes.get().unwrap_or_else(|| {
                        items.iter().fold(0, |sum: usize, item| sum.saturating_add(item.measure().bytes))
                    });
                    list.bytes.set(Some(bytes));
                    Measure { bytes, height: list.height }
                }
            },
        }
    }
}

impl<'v> Record<'v> {
    pub(crate) fn own(members: Members<'v>, measure: Measure) -> Record<'v> {
        Record::Own(Rc::new(OwnRecord { members, measure }))
    }

    pub(crate) fn get(&self, key: &str) -> Option<Item<'v>> {
        match self {
            Record::Host(object) => object.get(key).map(Item::from_value),
            Record::Own(record) => record.members.get(key).cloned(),
        }
    }

    /// As `get`; looks first where the last object had the field.
    #[inline]
    pub(crate) fn field(&self, field: &Field) -> Item<'v> {
        match self {
            Record::Host(object) => host_field(object, field).map_or(Item::Undefined, Item::from_value),
            Record::Own(record) => record.members.get(&field.name).cloned().unwrap_or(Item::Undefined),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Record::Host(object) => object.len(),
            Record::Own(record) => record.members.len(),
        }
    }

    pub(crate) fn member(&self, index: usize) -> Option<(Str<'v>, Item<'v>)> {
        match self {
            Record::Host(object) => {
                object.get_index(index).map(|(key, value)| (Str::Host(key), Item::from_value(value)))
            }
            Record::Own(record) => record.members.entries().get(index).cloned(),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Str<'v>, Item<'v>)> + '_ {
        (0..self.len()).filter_map(|index| self.member(index))
    }

    pub(crate) fn measure(&self) -> Measure {
        match self {
            Record::Host(object) => Measure { bytes: object_bytes(object), height: 0 },
            Record::Own(record) => record.measure,
        }
    }
}

/// A field of an object from outside.
#[inline]
pub(crate) fn host_field<'v>(object: &'v Object, field: &Field) -> Option<&'v Value> {
    let near = field.near.load(Ordering::Relaxed) as usize;
    let (place, value) = object.get_near(&field.name, near)?;
    if place != near {
        field.near.store(place as u32, Ordering::Relaxed);
    }
    Some(value)
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

impl<'v> Item<'v> {
    pub(crate) fn from_value(value: &'v Value) -> Item<'v> {
        match value {
            Value::Null => Item::Null,
            Value::Bool(value) => Item::Bool(*value),
            Value::Number(number) => Item::Number(Num::from_value(number)),
            Value::String(text) => Item::String(Str::Host(text)),
            Value::Array(items) => Item::Array(Array { items: Items::Host(items), flags: 0 }),
            Value::Object(object) => Item::Object(Record::Host(object)),
        }
    }

    pub(crate) fn string(text: impl Into<Text>) -> Item<'v> {
        Item::String(Str::Own(text.into()))
    }

    pub(crate) fn int(value: usize) -> Item<'v> {
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

    pub(crate) fn as_text(&self) -> Option<&Str<'v>> {
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
            Item::Array(array) => array.iter().any(|item| item.truth()),
            Item::Object(record) => record.len() > 0,
            Item::Tuple(_) => true,
        }
    }

    pub(crate) fn equals(&self, other: &Item<'v>) -> bool {
        match (self, other) {
            (Item::Null, Item::Null) | (Item::Undefined, Item::Undefined) => true,
            (Item::Bool(a), Item::Bool(b)) => a == b,
            (Item::Number(a), Item::Number(b)) => a.equals(*b),
            (Item::String(a), Item::String(b)) => a == b,
            (Item::Array(a), Item::Array(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equals(&b)),
            (Item::Object(a), Item::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(key, item)| b.get(&key).is_some_and(|other| item.equals(&other)))
            }
            (Item::Function(a), Item::Function(b)) => match (&**a, &**b) {
                (Function::Builtin(a), Function::Builtin(b)) => std::ptr::eq(*a, *b),
                _ => Rc::ptr_eq(a, b),
            },
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
            Item::String(text) => Value::String(text.clone().into_text()),
            Item::Array(array) => match &array.items {
                Items::Host(items) => respelled_array(items),
                Items::Own(list) => {
                    let mut values = Vec::with_capacity(list.items.len());
                    for item in &list.items {
                        values.push(item.to_value()?);
                    }
                    Value::array(values)
                }
            },
            Item::Object(record) => match record {
                Record::Host(object) => respelled_object(object),
                Record::Own(record) => {
                    let mut entries = Vec::with_capacity(record.members.len());
                    for (key, item) in record.members.entries() {
                        entries.push((key.clone().into_text(), item.to_value()?));
                    }
                    Value::from(Object::from_distinct(entries))
                }
            },
            Item::Function(_) => return None,
            Item::Tuple(tuple) => match tuple.iter().find(|(key, _)| *key == SELF) {
                Some((_, item)) => return item.to_value(),
                None => Value::Null,
            },
        })
    }

    /// The height alone, without walking what came from outside.
    pub(crate) fn own_height(&self) -> u32 {
        match self {
            Item::Array(Array { items: Items::Own(list), .. }) => list.height,
            Item::Object(Record::Own(record)) => record.measure.height,
            Item::Function(function) => function.height(),
            Item::Tuple(tuple) => tuple.iter().map(|(_, item)| item.own_height() + 1).max().unwrap_or(0),
            _ => 0,
        }
    }
}

fn num_value(value: Num) -> Value {
    match value {
        Num::Int(value) => Value::int(value),
        Num::Float(value) if value.is_finite() => Value::Number(Number::Float(value)),
        other => Value::from(other.to_text()),
    }
}

fn respelled_array(items: &Arc<Vec<Value>>) -> Value {
    if items.iter().all(is_spelled) {
        return Value::Array(items.clone());
    }
    Value::array(items.iter().map(respelled).collect())
}

fn respelled_object(object: &Arc<Object>) -> Value {
    if object.values().all(is_spelled) {
        return Value::Object(object.clone());
    }
    Value::from(Object::from_distinct(object.iter().map(|(key, value)| (key.clone(), respelled(value))).collect()))
}

/// The same value with numbers as arithmetic would leave them; shared where
/// nothing changes.
fn respelled(value: &Value) -> Value {
    match value {
        Value::Number(number) if !is_spelled(value) => num_value(Num::from_value(number)),
        Value::Array(items) => respelled_array(items),
        Value::Object(object) => respelled_object(object),
        other => other.clone(),
    }
}

/// Whether arithmetic would spell every number inside in the same way.
fn is_spelled(value: &Value) -> bool {
    match value {
        Value::Number(Number::Int(_)) => true,
        Value::Number(Number::Float(value)) => value.fract() != 0.0,
        Value::Number(Number::Decimal(digits, scale)) => is_plain_decimal(*digits, *scale),
        Value::Number(Number::Literal(_)) => false,
        Value::Array(items) => items.iter().all(is_spelled),
        Value::Object(object) => object.values().all(is_spelled),
        _ => true,
    }
}

/// A decimal between a thousandth and ten million without a zero too many: a
/// double's shortest spelling is the same.
fn is_plain_decimal(digits: i64, scale: u8) -> bool {
    let power = 10i64.pow(u32::from(scale));
    digits % 10 != 0 && digits.abs() < power.saturating_mul(10_000_000) && digits.abs() >= power / 1000 && scale > 0
}

/// A scope of variables.
#[derive(Debug, Default)]
pub(crate) struct Frame<'v> {
    pub(crate) variables: RefCell<Vec<(u32, Item<'v>)>>,
    pub(crate) parent: RefCell<Option<Rc<Frame<'v>>>>,
}

impl<'v> Frame<'v> {
    pub(crate) fn bind(&self, symbol: u32, item: Item<'v>) {
        let mut variables = self.variables.borrow_mut();
        match variables.iter_mut().find(|(known, _)| *known == symbol) {
            Some(place) => place.1 = item,
            None => variables.push((symbol, item)),
        }
    }

    pub(crate) fn lookup(&self, symbol: u32) -> Option<Item<'v>> {
        if let Some((_, item)) = self.variables.borrow().iter().find(|(known, _)| *known == symbol) {
            return Some(item.clone());
        }
        self.parent.borrow().as_ref()?.lookup(symbol)
    }
}
