//! Paths: steps, predicates, tuple streams, grouping and order.

use std::rc::Rc;

use windlass_value::Text;

use super::{Evaluator, Outcome, compare_text, fail};
use crate::item::{Array, Frame, Item, Measure, Members, Tuple};
use crate::number::Num;
use crate::token::quoted;
use crate::tree::{Kind, Node, Stage};

/// The key of a tuple's own item.
const SELF: &str = "@";

impl Evaluator<'_> {
    pub(super) fn path(
        &mut self,
        node: &Node,
        steps: &[Node],
        keep_singleton: bool,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Outcome<Item> {
        let mut current = match input {
            Item::Array(_) if !matches!(steps.first().map(|step| &step.kind), Some(Kind::Variable(_))) => input.clone(),
            other => {
                let mut array = Array::new(vec![other.clone()], Measure::default());
                array.sequence = true;
                Item::Array(array)
            }
        };
        let mut tuples: Option<Item> = None;
        let mut is_tuple_stream = false;
        let mut result = Item::Undefined;
        for (index, step) in steps.iter().enumerate() {
            is_tuple_stream |= step.tuple;
            if index == 0 && step.constructs_array {
                result = self.evaluate(step, &current, frame)?;
            } else if is_tuple_stream {
                tuples = Some(self.tuple_step(step, &current, tuples, frame)?);
            } else {
                result = self.step(step, &current, frame, index + 1 == steps.len())?;
            }
            if !is_tuple_stream && matches!(&result, Item::Undefined) {
                break;
            }
            if !is_tuple_stream && matches!(&result, Item::Array(array) if array.len() == 0) {
                break;
            }
            if step.focus.is_none() && !is_tuple_stream {
                current = result.clone();
            }
        }
        if is_tuple_stream && let Some(Item::Array(stream)) = &tuples {
            result = if node.tuple {
                Item::Array(stream.clone())
            } else {
                let items = stream.iter().map(|tuple| tuple_self(&tuple)).collect();
                self.sequence(items)?
            };
        }
        if keep_singleton && let Item::Array(array) = &mut result {
            if array.constructed && !array.sequence {
                let inner = result.clone();
                result = self.sequence(vec![inner])?;
            }
            if let Item::Array(array) = &mut result {
                array.keep_singleton = true;
            }
        }
        if let Some(pairs) = &node.group {
            let grouped = if is_tuple_stream { tuples.unwrap_or(Item::Undefined) } else { result };
            result = self.group(pairs, grouped, frame)?;
        }
        Ok(result)
    }

    pub(super) fn step(&mut self, step: &Node, input: &Item, frame: &Rc<Frame>, is_last: bool) -> Outcome<Item> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = self.sort(terms, input.clone(), frame)?;
            return self.stages(&step.stages, sorted, frame);
        }
        let Item::Array(inputs) = input else { return Ok(Item::Undefined) };
        let mut results = Vec::new();
        for item in inputs.iter() {
            let mut value = self.evaluate(step, &item, frame)?;
            for stage in &step.stages {
                if let Stage::Filter(predicate) = stage {
                    value = self.filter(predicate, value, frame)?;
                }
            }
            if !value.is_undefined() {
                results.push(value);
            }
        }
        if is_last
            && results.len() == 1
            && let Item::Array(array) = &results[0]
            && !array.sequence
        {
            return Ok(results.remove(0));
        }
        if results.iter().any(|item| matches!(item, Item::Array(array) if !array.constructed)) {
            let mut flat = Vec::with_capacity(results.len());
            for item in results {
                match item {
                    Item::Array(array) if !array.constructed => {
                        self.spend(array.len())?;
                        flat.extend(array.iter());
                    }
                    other => flat.push(other),
                }
            }
            results = flat;
        }
        self.sequence(results)
    }

    pub(super) fn stages(&mut self, stages: &[Stage], mut result: Item, frame: &Rc<Frame>) -> Outcome<Item> {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => result = self.filter(predicate, result, frame)?,
                Stage::Index(name) => {
                    let Item::Array(array) = &result else { continue };
                    let items =
                        array.iter().enumerate().map(|(index, tuple)| tuple_with(&tuple, name, Item::int(index)));
                    let items = items.collect();
                    result = self.tuple_stream(items)?;
                }
            }
        }
        Ok(result)
    }

    pub(super) fn tuple_stream(&mut self, items: Vec<Item>) -> Outcome<Item> {
        Ok(Item::Array(Array { sequence: true, tuple_stream: true, ..self.array(items)? }))
    }

    pub(super) fn tuple_frame(&self, frame: &Rc<Frame>, tuple: &Item) -> Rc<Frame> {
        let inner = Frame::inside(frame);
        if let Item::Tuple(tuple) = tuple {
            *inner.variables.borrow_mut() = tuple.to_vec();
        }
        inner
    }

    pub(super) fn tuple_step(
        &mut self,
        step: &Node,
        input: &Item,
        tuples: Option<Item>,
        frame: &Rc<Frame>,
    ) -> Outcome<Item> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = match tuples {
                Some(tuples) => self.sort(terms, tuples, frame)?,
                None => {
                    let sorted = self.sort(terms, input.clone(), frame)?;
                    let Item::Array(sorted) = sorted else { return Ok(Item::Undefined) };
                    let tuples = sorted.iter().enumerate().map(|(index, item)| {
                        let mut tuple: Tuple = vec![(SELF.into(), item)];
                        if let Some(name) = &step.index {
                            tuple.push((name.clone(), Item::int(index)));
                        }
                        Item::Tuple(Rc::new(tuple))
                    });
                    let tuples = tuples.collect();
                    self.tuple_stream(tuples)?
                }
            };
            return self.stages(&step.stages, sorted, frame);
        }
        let key: Text = SELF.into();
        let inputs: Vec<Item> = match tuples {
            Some(Item::Array(stream)) => stream.to_vec(),
            _ => match input {
                Item::Array(array) => {
                    array.iter().map(|item| Item::Tuple(Rc::new(vec![(key.clone(), item)]))).collect()
                }
                _ => Vec::new(),
            },
        };
        let mut results = Vec::new();
        for tuple in inputs {
            let inner = self.tuple_frame(frame, &tuple);
            let own = tuple_self(&tuple);
            let value = self.evaluate(step, &own, &inner)?;
            let (values, is_stream) = match &value {
                Item::Undefined => continue,
                Item::Array(array) => (array.to_vec(), array.tuple_stream),
                other => (vec![other.clone()], false),
            };
            self.spend(values.len())?;
            for (index, value) in values.into_iter().enumerate() {
                let mut made = tuple.clone();
                if is_stream {
                    if let Item::Tuple(carried) = &value {
                        for (key, item) in carried.iter() {
                            made = tuple_with(&made, key, item.clone());
                        }
                    }
                } else {
                    made = match &step.focus {
                        Some(name) => tuple_with(&made, name, value),
                        None => tuple_with(&made, &key, value),
                    };
                    if let Some(name) = &step.index {
                        made = tuple_with(&made, name, Item::int(index));
                    }
                    if let Some(label) = step.ancestor.and_then(|slot| self.program.ancestor_keys.get(slot)) {
                        made = tuple_with(&made, label, own.clone());
                    }
                }
                results.push(made);
            }
        }
        let stream = self.tuple_stream(results)?;
        self.stages(&step.stages, stream, frame)
    }

    pub(super) fn filter(&mut self, predicate: &Node, input: Item, frame: &Rc<Frame>) -> Outcome<Item> {
        let array = match input {
            Item::Array(array) => array,
            Item::Undefined => Array { sequence: true, ..Array::new(Vec::new(), Measure::default()) },
            other => Array { sequence: true, ..self.array(vec![other])? },
        };
        let is_stream = array.tuple_stream;
        let length = array.len();
        if let Kind::Number(number) = &predicate.kind {
            let found = position(number.as_f64(), length).and_then(|index| array.get(index));
            return match found {
                Some(item @ Item::Array(_)) => Ok(item),
                found => {
                    let mut made = self.array(found.into_iter().collect())?;
                    (made.sequence, made.tuple_stream) = (true, is_stream);
                    Ok(Item::Array(made))
                }
            };
        }
        let mut results = Vec::new();
        for (index, item) in array.iter().enumerate() {
            let value = if is_stream {
                let inner = self.tuple_frame(frame, &item);
                self.evaluate(predicate, &tuple_self(&item), &inner)?
            } else {
                self.evaluate(predicate, &item, frame)?
            };
            let positions: Option<Vec<f64>> = match &value {
                Item::Number(number) => Some(vec![number.as_f64()]),
                Item::Array(array) if array.len() > 0 => {
                    self.spend(array.len())?;
                    array.iter().map(|item| item.as_num().map(Num::as_f64)).collect()
                }
                _ => None,
            };
            match positions {
                Some(positions) => {
                    for wanted in positions {
                        if position(wanted, length) == Some(index) {
                            results.push(item.clone());
                        }
                    }
                }
                None if value.truth() => results.push(item),
                None => {}
            }
        }
        let mut made = self.array(results)?;
        (made.sequence, made.tuple_stream) = (true, is_stream);
        Ok(Item::Array(made))
    }

    /// `{key: value}` over an item or each item of an array.
    pub(super) fn group(&mut self, pairs: &[(Node, Node)], input: Item, frame: &Rc<Frame>) -> Outcome<Item> {
        struct Group {
            data: Vec<Item>,
            pair: usize,
        }
        let is_stream = matches!(&input, Item::Array(array) if array.tuple_stream);
        let mut items = match &input {
            Item::Array(array) => array.to_vec(),
            other => vec![other.clone()],
        };
        if items.is_empty() {
            items.push(Item::Undefined);
        }
        let mut groups: indexmap::IndexMap<Text, Group, foldhash::fast::RandomState> = indexmap::IndexMap::default();
        for item in items {
            let (own, inner) = if is_stream {
                (tuple_self(&item), self.tuple_frame(frame, &item))
            } else {
                (item.clone(), frame.clone())
            };
            for (index, (key, _)) in pairs.iter().enumerate() {
                let key = match self.evaluate(key, &own, &inner)? {
                    Item::Undefined => continue,
                    Item::String(key) => key,
                    other => {
                        let shown = self.shown(&other);
                        return fail(
                            "T1003",
                            format!("Key in object structure must evaluate to a string; got: {shown}"),
                        );
                    }
                };
                match groups.get_mut(&key) {
                    Some(group) if group.pair != index => {
                        let shown = quoted(&key);
                        return fail("D1009", format!("Multiple key definitions evaluate to same key: {shown}"));
                    }
                    Some(group) => group.data.push(item.clone()),
                    None => {
                        groups.insert(key, Group { data: vec![item.clone()], pair: index });
                    }
                }
            }
        }
        let mut members = Members::default();
        for (key, mut group) in groups {
            let (context, inner) = if is_stream {
                let merged = self.merge_tuples(&group.data)?;
                let inner = self.tuple_frame(frame, &merged);
                (tuple_self(&merged), inner)
            } else if group.data.len() == 1 {
                (group.data.remove(0), frame.clone())
            } else {
                let mut flat = Vec::with_capacity(group.data.len());
                for item in group.data {
                    match item {
                        Item::Array(array) => flat.extend(array.iter()),
                        Item::Undefined => {}
                        other => flat.push(other),
                    }
                }
                (self.sequence(flat)?, frame.clone())
            };
            let Some((_, value)) = pairs.get(group.pair) else { continue };
            let value = self.evaluate(value, &context, &inner)?;
            if !value.is_undefined() {
                members.insert(key, value);
            }
        }
        self.record(members)
    }

    pub(super) fn merge_tuples(&mut self, tuples: &[Item]) -> Outcome<Item> {
        if let [single] = tuples {
            return Ok(single.clone());
        }
        let mut merged: indexmap::IndexMap<Text, Vec<Item>, foldhash::fast::RandomState> =
            indexmap::IndexMap::default();
        for tuple in tuples {
            let Item::Tuple(tuple) = tuple else { continue };
            self.spend(tuple.len())?;
            for (key, item) in tuple.iter() {
                let list = merged.entry(key.clone()).or_default();
                match item {
                    Item::Array(array) => list.extend(array.iter()),
                    other => list.push(other.clone()),
                }
            }
        }
        let mut result: Tuple = Vec::with_capacity(merged.len());
        for (key, items) in merged {
            result.push((key, self.sequence(items)?));
        }
        Ok(Item::Tuple(Rc::new(result)))
    }

    pub(super) fn sort(&mut self, terms: &[(bool, Node)], input: Item, frame: &Rc<Frame>) -> Outcome<Item> {
        let Item::Array(array) = &input else { return Ok(input) };
        let is_stream = array.tuple_stream;
        let mut keyed: Vec<(Vec<Item>, Item)> = Vec::with_capacity(array.len());
        for item in array.iter() {
            let mut keys = Vec::with_capacity(terms.len());
            let (own, inner) = if is_stream {
                (tuple_self(&item), self.tuple_frame(frame, &item))
            } else {
                (item.clone(), frame.clone())
            };
            for (_, term) in terms {
                keys.push(self.evaluate(term, &own, &inner)?);
            }
            keyed.push((keys, item));
        }
        if keyed.len() > 1 {
            for index in 0..terms.len() {
                let mut first: Option<&Item> = None;
                for (keys, _) in &keyed {
                    match &keys[index] {
                        Item::Undefined => {}
                        key @ (Item::Number(_) | Item::String(_)) => match first {
                            None => first = Some(key),
                            Some(known) if known.letter() != key.letter() => {
                                let (a, b) = (self.shown(known), self.shown(key));
                                let message =
                                    format!("Type mismatch when comparing values {a} and {b} in order-by clause");
                                return fail("T2007", message);
                            }
                            Some(_) => {}
                        },
                        _ => {
                            let message =
                                "The expressions within an order-by clause must evaluate to numeric or string values";
                            return fail("T2008", message);
                        }
                    }
                }
            }
        }
        let rounds = usize::BITS - keyed.len().leading_zeros();
        self.spend(keyed.len().saturating_mul(rounds as usize))?;
        keyed.sort_by(|(a, _), (b, _)| {
            for (index, (descending, _)) in terms.iter().enumerate() {
                let order = compare_keys(&a[index], &b[index], *descending);
                if order.is_ne() {
                    return order;
                }
            }
            std::cmp::Ordering::Equal
        });
        let mut sorted = self.array(keyed.into_iter().map(|(_, item)| item).collect())?;
        (sorted.sequence, sorted.tuple_stream) = (array.sequence, is_stream);
        Ok(Item::Array(sorted))
    }
}

fn tuple_self(tuple: &Item) -> Item {
    match tuple {
        Item::Tuple(tuple) => {
            tuple.iter().find(|(key, _)| &**key == SELF).map_or(Item::Undefined, |(_, item)| item.clone())
        }
        other => other.clone(),
    }
}

fn tuple_with(tuple: &Item, key: &Text, item: Item) -> Item {
    let mut made: Tuple = match tuple {
        Item::Tuple(tuple) => tuple.to_vec(),
        other => vec![(SELF.into(), other.clone())],
    };
    match made.iter_mut().find(|(known, _)| known == key) {
        Some(place) => place.1 = item,
        None => made.push((key.clone(), item)),
    }
    Item::Tuple(Rc::new(made))
}

/// The place a (possibly negative, possibly broken) index means.
fn position(index: f64, length: usize) -> Option<usize> {
    let index = index.floor();
    let index = if index < 0.0 { index + length as f64 } else { index };
    (index >= 0.0 && index < length as f64).then_some(index as usize)
}

/// Keys without a value come last, whichever the direction.
fn compare_keys(a: &Item, b: &Item, descending: bool) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    let order = match (a, b) {
        (Item::Undefined, Item::Undefined) => return Ordering::Equal,
        (Item::Undefined, _) => return Ordering::Greater,
        (_, Item::Undefined) => return Ordering::Less,
        (Item::Number(a), Item::Number(b)) => a.compare(*b).unwrap_or(Ordering::Equal),
        (Item::String(a), Item::String(b)) => compare_text(a, b),
        _ => Ordering::Equal,
    };
    if descending { order.reverse() } else { order }
}
