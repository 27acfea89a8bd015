//! Functions on arrays.

use crate::builtins::Arguments;
use crate::evaluate::{Evaluator, Outcome};
use crate::item::{Array, Item};

pub(crate) fn count(_: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    Ok(match arguments.take(0) {
        Item::Array(array) => Item::int(array.len()),
        _ => Item::int(0),
    })
}

/// Two values as one array; nothing added to a value leaves it as it is.
pub(crate) fn join_items(evaluator: &mut Evaluator<'_>, first: Item, second: Item) -> Outcome<Item> {
    if first.is_undefined() {
        return Ok(second);
    }
    if second.is_undefined() {
        return Ok(first);
    }
    let bytes = first.measure().bytes.saturating_add(second.measure().bytes);
    evaluator.check_bytes(bytes)?;
    let mut items = match first {
        Item::Array(array) => array.to_vec(),
        other => vec![other],
    };
    match second {
        Item::Array(array) => items.extend(array.iter()),
        other => items.push(other),
    }
    let array = evaluator.array(items)?;
    Ok(Item::Array(array))
}

pub(crate) fn append(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let first = arguments.take(0);
    let second = arguments.take(1);
    join_items(evaluator, first, second)
}

pub(crate) fn zip(evaluator: &mut Evaluator<'_>, arguments: Arguments) -> Outcome<Item> {
    let arrays: Vec<Vec<Item>> = arguments
        .all()
        .into_iter()
        .map(|item| match item {
            Item::Array(array) => array.to_vec(),
            Item::Undefined => Vec::new(),
            other => vec![other],
        })
        .collect();
    let length = arrays.iter().map(Vec::len).min().unwrap_or(0);
    let mut rows = Vec::with_capacity(length);
    for index in 0..length {
        let row = arrays.iter().map(|array| array[index].clone()).collect();
        rows.push(evaluator.list(row)?);
    }
    evaluator.list(rows)
}

pub(crate) fn reverse(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let Item::Array(array) = arguments.take(0) else { return Ok(Item::Undefined) };
    if array.len() <= 1 {
        return Ok(Item::Array(array));
    }
    let mut items = array.to_vec();
    items.reverse();
    evaluator.list(items)
}

pub(crate) fn shuffle(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let Item::Array(array) = arguments.take(0) else { return Ok(Item::Undefined) };
    if array.len() <= 1 {
        return Ok(Item::Array(array));
    }
    let mut items = array.to_vec();
    for index in (1..items.len()).rev() {
        let other = evaluator.random.below(index + 1);
        items.swap(index, other);
    }
    evaluator.list(items)
}

pub(crate) fn distinct(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let item = arguments.take(0);
    let Item::Array(array) = &item else { return Ok(item) };
    if array.len() <= 1 {
        return Ok(item);
    }
    let mut kept: Vec<Item> = Vec::new();
    // Numbers and strings by hash; only the rest is compared one by one.
    let mut seen = std::collections::HashSet::new();
    let mut others: Vec<Item> = Vec::new();
    for item in array.iter() {
        evaluator.spend(1)?;
        let is_new = match &item {
            Item::String(text) => seen.insert(format!("s{text}")),
            Item::Number(value) => seen.insert(format!("n{}", value.as_f64())),
            _ => {
                evaluator.spend(others.len())?;
                let is_new = !others.iter().any(|known| known.equals(&item));
                if is_new {
                    others.push(item.clone());
                }
                is_new
            }
        };
        if is_new {
            kept.push(item);
        }
    }
    let made = evaluator.array(kept)?;
    Ok(Item::Array(Array { sequence: array.sequence, ..made }))
}
