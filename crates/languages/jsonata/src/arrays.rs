//! Functions on arrays.

use std::collections::HashSet;

use crate::builtins::Arguments;
use crate::evaluate::{Evaluator, Outcome};
use crate::item::{Item, SEQUENCE, Str};

pub(crate) fn count<'v>(_: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(match arguments.take(0) {
        Item::Array(array) => Item::int(array.len()),
        _ => Item::int(0),
    })
}

/// Two values as one array; nothing added to a value leaves it as it is.
pub(crate) fn join_items<'v>(evaluator: &mut Evaluator<'v>, first: Item<'v>, second: Item<'v>) -> Outcome<Item<'v>> {
    if first.is_undefined() {
        return Ok(second);
    }
    if second.is_undefined() {
        return Ok(first);
    }
    let bytes = first.measure().bytes.saturating_add(second.measure().bytes);
    evaluator.check_bytes(bytes)?;
    let mut items = match first {
        Item::Array(array) => array.into_vec(),
        other => vec![other],
    };
    match second {
        Item::Array(array) => items.extend(array.into_vec()),
        other => items.push(other),
    }
    let array = evaluator.array(items)?;
    Ok(Item::Array(array))
}

pub(crate) fn append<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let first = arguments.take(0);
    let second = arguments.take(1);
    join_items(evaluator, first, second)
}

pub(crate) fn zip<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let arrays: Vec<Vec<Item<'v>>> = arguments
        .all()
        .into_iter()
        .map(|item| match item {
            Item::Array(array) => array.into_vec(),
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

pub(crate) fn reverse<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Array(array) = arguments.take(0) else { return Ok(Item::Undefined) };
    if array.len() <= 1 {
        return Ok(Item::Array(array));
    }
    let mut items = array.into_vec();
    items.reverse();
    evaluator.list(items)
}

pub(crate) fn shuffle<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
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

/// Items up to here are compared with each other; more are hashed.
const COMPARED_MAX: usize = 16;

pub(crate) fn distinct<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let item = arguments.take(0);
    let Item::Array(array) = &item else { return Ok(item) };
    if array.len() <= 1 {
        return Ok(item);
    }
    if array.len() <= COMPARED_MAX {
        let mut kept: Vec<Item<'v>> = Vec::with_capacity(array.len());
        for item in array.iter() {
            evaluator.spend(1 + kept.len())?;
            if !kept.iter().any(|known| known.equals(&item)) {
                kept.push(item);
            }
        }
        let flags = array.flags & SEQUENCE;
        return Ok(Item::Array(evaluator.part(kept)?.marked(flags)));
    }
    let mut kept: Vec<Item<'v>> = Vec::new();
    // Numbers and strings by hash; only the rest is compared one by one.
    let mut texts: HashSet<Str<'v>, foldhash::fast::RandomState> = HashSet::default();
    let mut numbers: HashSet<u64, foldhash::fast::RandomState> = HashSet::default();
    let mut others: Vec<Item<'v>> = Vec::new();
    for item in array.iter() {
        evaluator.spend(1)?;
        let is_new = match &item {
            Item::String(text) => texts.insert(text.clone()),
            // Both zeros are one number.
            Item::Number(value) => numbers.insert((value.as_f64() + 0.0).to_bits()),
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
    let flags = array.flags & SEQUENCE;
    Ok(Item::Array(evaluator.part(kept)?.marked(flags)))
}
