//! Functions that call functions.

use std::rc::Rc;

use crate::builtins::Arguments;
use crate::evaluate::{Evaluator, Outcome, compare_text, fail};
use crate::functions::Function;
use crate::item::{Array, Item, Members, SEQUENCE};
use crate::number::Num;
use crate::syntax::Operator;
use crate::tree::{Kind, Lambda, Node};

/// Calls back with as many of value, index and whole as the function wants.
fn callback<'v>(
    evaluator: &mut Evaluator<'v>,
    function: &Function<'v>,
    value: Item<'v>,
    key: Item<'v>,
    whole: &Item<'v>,
) -> Outcome<Item<'v>> {
    let mut arguments = evaluator.spare_list();
    let arity = function.arity();
    arguments.push(value);
    if arity >= 2 {
        arguments.push(key);
    }
    if arity >= 3 {
        arguments.push(whole.clone());
    }
    evaluator.apply(function, arguments, &Item::Undefined, None)
}

fn list_and_function<'v>(arguments: &mut Arguments<'v>) -> Option<(Array<'v>, Rc<Function<'v>>)> {
    match (arguments.take(0), arguments.take(1)) {
        (Item::Array(array), Item::Function(function)) => Some((array, function)),
        _ => None,
    }
}

pub(crate) fn map<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some((array, function)) = list_and_function(arguments) else { return Ok(Item::Undefined) };
    let whole = Item::Array(array.clone());
    let mut results = Vec::new();
    for (index, item) in array.iter().enumerate() {
        let result = callback(evaluator, &function, item, Item::int(index), &whole)?;
        if !result.is_undefined() {
            results.push(result);
        }
    }
    evaluator.sequence(results)
}

pub(crate) fn filter<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some((array, function)) = list_and_function(arguments) else { return Ok(Item::Undefined) };
    let whole = Item::Array(array.clone());
    let mut results = Vec::new();
    for (index, item) in array.iter().enumerate() {
        if callback(evaluator, &function, item.clone(), Item::int(index), &whole)?.truth() {
            results.push(item);
        }
    }
    Ok(Item::Array(evaluator.part(results)?.marked(SEQUENCE)))
}

pub(crate) fn single<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Array(array) = arguments.take(0) else { return Ok(Item::Undefined) };
    let function = match arguments.take(1) {
        Item::Function(function) => Some(function),
        _ => None,
    };
    let whole = Item::Array(array.clone());
    let mut found = None;
    for (index, item) in array.iter().enumerate() {
        evaluator.spend(1)?;
        let is_match = match &function {
            Some(function) => callback(evaluator, function, item.clone(), Item::int(index), &whole)?.truth(),
            None => true,
        };
        if is_match && found.replace(item).is_some() {
            let message = "The $single() function expected exactly 1 matching result.  Instead it matched more.";
            return fail("D3138", message);
        }
    }
    match found {
        Some(item) => Ok(item),
        None => fail("D3139", "The $single() function expected exactly 1 matching result.  Instead it matched 0."),
    }
}

pub(crate) fn reduce<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some((array, function)) = list_and_function(arguments) else { return Ok(Item::Undefined) };
    let arity = function.arity();
    if arity < 2 {
        let message = "The second argument of reduce function must be a function with at least two arguments";
        return fail("D3050", message);
    }
    let mut result = arguments.take(2);
    let mut start = 0;
    if result.is_undefined() && array.len() > 0 {
        result = array.get(0).unwrap_or(Item::Undefined);
        start = 1;
    }
    let whole = Item::Array(array.clone());
    for (index, item) in array.iter().enumerate().skip(start) {
        let mut given = evaluator.spare_list();
        given.extend([result, item]);
        if arity >= 3 {
            given.push(Item::int(index));
        }
        if arity >= 4 {
            given.push(whole.clone());
        }
        result = evaluator.apply(&function, given, &Item::Undefined, None)?;
    }
    Ok(result)
}

pub(crate) fn sift<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let whole = arguments.take(0);
    let (Item::Object(record), Item::Function(function)) = (&whole, arguments.take(1)) else {
        return Ok(Item::Undefined);
    };
    let mut members = Members::default();
    for (key, value) in record.iter() {
        if callback(evaluator, &function, value.clone(), Item::String(key.clone()), &whole)?.truth() {
            members.push(key, value);
        }
    }
    if members.is_empty() {
        return Ok(Item::Undefined);
    }
    evaluator.record(members)
}

pub(crate) fn each<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let whole = arguments.take(0);
    let (Item::Object(record), Item::Function(function)) = (&whole, arguments.take(1)) else {
        return Ok(Item::Undefined);
    };
    let mut results = Vec::new();
    for (key, value) in record.iter() {
        let result = callback(evaluator, &function, value, Item::String(key), &whole)?;
        if !result.is_undefined() {
            results.push(result);
        }
    }
    evaluator.sequence(results)
}

pub(crate) fn sort<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Array(array) = arguments.take(0) else { return Ok(Item::Undefined) };
    if array.len() <= 1 {
        return Ok(Item::Array(array));
    }
    let rounds = (usize::BITS - array.len().leading_zeros()) as usize;
    evaluator.spend(array.len().saturating_mul(rounds))?;
    let items = array.into_vec();
    let sorted = match arguments.take(1) {
        Item::Function(function) => match sorted_by_key(evaluator, &function, &items)? {
            Some(sorted) => sorted,
            None => merge_sort(evaluator, items, &function)?,
        },
        _ => {
            let letter = items[0].letter();
            if !matches!(letter, 'n' | 's') || items.iter().any(|item| item.letter() != letter) {
                let message = "The single argument form of the sort function can only be applied to an array of strings or an array of numbers.  Use the second argument to specify a comparison function";
                return fail("D3070", message);
            }
            let mut items = items;
            items.sort_by(|a, b| match (a, b) {
                (Item::Number(a), Item::Number(b)) => Num::compare(*a, *b).unwrap_or(std::cmp::Ordering::Equal),
                (Item::String(a), Item::String(b)) => compare_text(a, b),
                _ => std::cmp::Ordering::Equal,
            });
            items
        }
    };
    evaluator.part(sorted).map(Item::Array)
}

/// Sorts by keys where the comparator compares the same fields of its two
/// arguments, `$a.price > $b.price`, and the fields are numbers only, or texts
/// only: then the order is the same and every key is read once.
fn sorted_by_key<'v>(
    evaluator: &mut Evaluator<'v>,
    comparator: &Function<'v>,
    items: &[Item<'v>],
) -> Outcome<Option<Vec<Item<'v>>>> {
    let Function::Lambda { lambda, .. } = comparator else { return Ok(None) };
    let Some((fields, descending)) = compared_fields(lambda) else { return Ok(None) };
    // As deep as the call would go: the body, its operands, their steps.
    if evaluator.levels_left() < 3 {
        return Ok(None);
    }
    evaluator.spend(items.len() * (fields.len() + 1))?;
    let mut keys = Vec::with_capacity(items.len());
    for item in items {
        let mut key = item.clone();
        for field in fields.iter().filter_map(|step| match &step.kind {
            Kind::Name(field) => Some(field),
            _ => None,
        }) {
            let Item::Object(record) = &key else { return Ok(None) };
            key = record.field(field);
        }
        keys.push(key);
    }
    let is_number = |key: &Item<'v>| matches!(key, Item::Number(value) if !value.as_f64().is_nan());
    if !keys.iter().all(is_number) && !keys.iter().all(|key| matches!(key, Item::String(_))) {
        return Ok(None);
    }
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    order.sort_by(|a, b| {
        let order = match (&keys[*a as usize], &keys[*b as usize]) {
            (Item::Number(a), Item::Number(b)) => Num::compare(*a, *b).unwrap_or(std::cmp::Ordering::Equal),
            (Item::String(a), Item::String(b)) => compare_text(a, b),
            _ => std::cmp::Ordering::Equal,
        };
        if descending { order.reverse() } else { order }
    });
    Ok(Some(order.into_iter().filter_map(|at| items.get(at as usize).cloned()).collect()))
}

/// The fields a comparator reads of both its arguments, and whether the greater
/// comes first.
fn compared_fields(lambda: &Lambda) -> Option<(&[Node], bool)> {
    let [first, second] = lambda.parameters.as_slice() else { return None };
    if lambda.signature.is_some() || first.id == second.id || lambda.body.extra.is_some() {
        return None;
    }
    let Kind::Binary(operator @ (Operator::Greater | Operator::Less), left, right) = &lambda.body.kind else {
        return None;
    };
    let (left_symbol, left_fields) = fields_of(left)?;
    let (right_symbol, right_fields) = fields_of(right)?;
    let name = |step: &Node| match &step.kind {
        Kind::Name(field) => Some(field.name.clone()),
        _ => None,
    };
    let same = left_fields.iter().map(name).eq(right_fields.iter().map(name));
    let is_swapped = match (left_symbol == first.id, right_symbol == second.id) {
        (true, true) => false,
        _ if left_symbol == second.id && right_symbol == first.id => true,
        _ => return None,
    };
    // The comparator says whether its first argument comes after the second.
    same.then_some((left_fields, (*operator == Operator::Less) != is_swapped))
}

fn fields_of(node: &Node) -> Option<(u32, &[Node])> {
    let Kind::Path { steps, keep_singleton: false } = &node.kind else { return None };
    let (first, fields) = steps.split_first()?;
    let Kind::Variable(symbol, _) = &first.kind else { return None };
    let is_field = |step: &Node| matches!(step.kind, Kind::Name(_)) && step.is_plain() && !step.tuple;
    (node.is_plain() && first.is_plain() && !first.tuple && fields.iter().all(is_field)).then_some((symbol.id, fields))
}

/// Stable; the comparator answers whether its arguments are to be swapped.
fn merge_sort<'v>(
    evaluator: &mut Evaluator<'v>,
    mut items: Vec<Item<'v>>,
    comparator: &Rc<Function<'v>>,
) -> Outcome<Vec<Item<'v>>> {
    if items.len() <= 1 {
        return Ok(items);
    }
    let right = items.split_off(items.len() / 2);
    let left = merge_sort(evaluator, items, comparator)?;
    let right = merge_sort(evaluator, right, comparator)?;
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let mut given = evaluator.spare_list();
        given.extend([a.clone(), b.clone()]);
        let swap = evaluator.apply(comparator, given, &Item::Undefined, None)?.truth();
        merged.extend(if swap { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}
