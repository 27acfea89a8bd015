//! Paths: steps, predicates, tuple streams, grouping and order.

use std::rc::Rc;

use super::{Evaluator, Outcome, compare_text, fail};
use windlass_value::{Object, Value};

use crate::item::{
    Array, CONSTRUCTED, Frame, Item, Items, KEEP_SINGLETON, Measure, Members, Record, SEQUENCE, Str, TUPLE_STREAM,
    Tuple, host_field,
};
use crate::number::Num;
use crate::token::quoted;
use crate::tree::{Kind, Node, SELF, Stage};

/// The items a path has come to.
enum Current<'v> {
    One(Item<'v>),
    /// A sequence, not counted yet.
    Many(Vec<Item<'v>>),
    Array(Array<'v>),
    /// No sequence: nothing, or what only a first or a sorting step gives.
    Whole(Item<'v>),
}

impl Current<'_> {
    fn is_empty(&self) -> bool {
        match self {
            Current::One(_) => false,
            Current::Many(items) => items.is_empty(),
            Current::Array(array) => array.len() == 0,
            Current::Whole(item) => item.is_undefined(),
        }
    }
}

fn add<'v>(value: Item<'v>, results: &mut Vec<Item<'v>>, has_lists: &mut bool) {
    match &value {
        Item::Undefined => return,
        Item::Array(array) => *has_lists |= !array.is(CONSTRUCTED),
        _ => {}
    }
    results.push(value);
}

impl<'v> Evaluator<'v> {
    #[inline(never)]
    pub(super) fn path(
        &mut self,
        node: &'v Node,
        steps: &'v [Node],
        keep_singleton: bool,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        if steps.iter().any(|step| step.tuple) {
            return self.tuple_path(node, steps, keep_singleton, input, frame);
        }
        // The fields of one object after another need no list of items.
        let mut done = 0;
        let mut item = None;
        if let Some(first) = steps.first()
            && let Kind::Variable(symbol, builtin) = &first.kind
            && first.is_plain()
        {
            self.enter_levels(1)?;
            item = Some(self.variable(symbol, *builtin, input, frame));
            done = 1;
        }
        if let Item::Object(Record::Host(object)) = item.as_ref().unwrap_or(input) {
            let mut object: &'v Object = object;
            while let Some(step) = steps.get(done)
                && let Kind::Name(field) = &step.kind
                && step.is_plain()
            {
                self.enter_levels(1)?;
                done += 1;
                match host_field(object, field) {
                    Some(Value::Object(inner)) if done < steps.len() => {
                        object = inner;
                        // The general way goes on from here, if the next step is no field.
                        if !matches!(steps[done].kind, Kind::Name(_)) || !steps[done].is_plain() {
                            item = Some(Item::Object(Record::Host(inner)));
                        }
                    }
                    found => {
                        item = Some(found.map_or(Item::Undefined, Item::from_value));
                        break;
                    }
                }
            }
        } else {
            while let Some(step) = steps.get(done)
                && let Kind::Name(field) = &step.kind
                && step.is_plain()
                && let Item::Object(record) = item.as_ref().unwrap_or(input)
            {
                self.enter_levels(1)?;
                item = Some(record.field(field));
                done += 1;
            }
        }
        let is_simple = !keep_singleton && node.group().is_none();
        let mut current = match (item, input) {
            (Some(item), _) if done == steps.len() && is_simple && !matches!(item, Item::Array(_)) => return Ok(item),
            (Some(Item::Undefined), _) if is_simple => return Ok(Item::Undefined),
            (Some(item), _) => self.settled(item, done == steps.len())?,
            (None, Item::Array(array)) if !matches!(steps.first().map(|step| &step.kind), Some(Kind::Variable(..))) => {
                Current::Array(array.clone())
            }
            (None, _) => Current::One(input.clone()),
        };
        for (index, step) in steps.iter().enumerate().skip(done) {
            if index == done && done > 0 && current.is_empty() {
                break;
            }
            let is_last = index + 1 == steps.len();
            current = if index == 0 && step.constructs_array {
                let wrapped = self.stream(current)?;
                match self.evaluate(step, &wrapped, frame)? {
                    Item::Array(array) => Current::Array(array),
                    other => Current::Whole(other),
                }
            } else {
                self.step(step, current, frame, is_last)?
            };
            if current.is_empty() {
                break;
            }
        }
        let mut result = match current {
            // What is left as it is where nothing has to be noted on it.
            Current::Many(items) if is_simple => return self.reduced(items),
            Current::Many(items) => self.sequence(items)?,
            Current::One(item) if is_simple => return Ok(item),
            Current::One(item) => self.sequence(vec![item])?,
            Current::Array(array) => Item::Array(array),
            Current::Whole(item) => item,
        };
        if keep_singleton {
            result = self.kept_singleton(result)?;
        }
        match node.group() {
            Some(pairs) => self.group(pairs, result, frame),
            None => Ok(result),
        }
    }

    /// The result of a path with `[]` in it: of one item it stays an array.
    fn kept_singleton(&mut self, result: Item<'v>) -> Outcome<Item<'v>> {
        let result = match result {
            Item::Array(array) if array.is(CONSTRUCTED) && !array.is(SEQUENCE) => {
                self.sequence(vec![Item::Array(array)])?
            }
            other => other,
        };
        Ok(match result {
            Item::Array(array) => Item::Array(array.marked(KEEP_SINGLETON)),
            other => other,
        })
    }

    /// A path's items as an array.
    fn stream(&mut self, current: Current<'v>) -> Outcome<Item<'v>> {
        Ok(match current {
            Current::One(item) => Item::Array(Array::new(vec![item], Measure::default()).marked(SEQUENCE)),
            Current::Many(items) => self.sequence(items)?,
            Current::Array(array) => Item::Array(array),
            Current::Whole(item) => item,
        })
    }

    /// One step over the items so far.
    #[inline(never)]
    fn step(
        &mut self,
        step: &'v Node,
        current: Current<'v>,
        frame: &Rc<Frame<'v>>,
        is_last: bool,
    ) -> Outcome<Current<'v>> {
        if let Kind::Sort(terms) = &step.kind {
            let input = self.stream(current)?;
            let sorted = self.sort(terms, input, frame)?;
            return Ok(match self.stages(step.stages(), sorted, frame)? {
                Item::Array(array) => Current::Array(array),
                other => Current::Whole(other),
            });
        }
        let mut results = Vec::new();
        // Whether some result is an array whose items become the step's own.
        let mut has_lists = false;
        match current {
            Current::Whole(_) => return Ok(Current::Whole(Item::Undefined)),
            Current::One(item) => {
                let value = self.step_value(step, &item, frame)?;
                return self.settled(value, is_last);
            }
            Current::Array(Array { items: Items::Host(items), .. }) => {
                results.reserve(items.len());
                for value in items.iter() {
                    let value = self.step_value(step, &Item::from_value(value), frame)?;
                    add(value, &mut results, &mut has_lists);
                }
            }
            Current::Array(Array { items: Items::Own(list), .. }) => {
                results.reserve(list.items.len());
                for item in &list.items {
                    let value = self.step_value(step, item, frame)?;
                    add(value, &mut results, &mut has_lists);
                }
            }
            Current::Many(items) => {
                results.reserve(items.len());
                for item in &items {
                    let value = self.step_value(step, item, frame)?;
                    add(value, &mut results, &mut has_lists);
                }
            }
        }
        if is_last
            && let [Item::Array(array)] = results.as_slice()
            && !array.is(SEQUENCE)
        {
            return Ok(Current::Array(array.clone()));
        }
        if has_lists {
            let mut flat = Vec::with_capacity(results.len());
            for item in results {
                match item {
                    Item::Array(array) if !array.is(CONSTRUCTED) => {
                        self.spend(array.len())?;
                        flat.extend(array.into_vec());
                        // No item is smaller than one byte.
                        self.check_bytes(flat.len())?;
                    }
                    other => flat.push(other),
                }
            }
            results = flat;
        }
        Ok(Current::Many(results))
    }

    /// What a step's value for the only item makes of the path.
    #[inline(never)]
    fn settled(&mut self, value: Item<'v>, is_last: bool) -> Outcome<Current<'v>> {
        Ok(match value {
            Item::Undefined => Current::Many(Vec::new()),
            Item::Array(array) if is_last && !array.is(SEQUENCE) => Current::Array(array),
            Item::Array(array) if array.is(CONSTRUCTED) => Current::One(Item::Array(array)),
            Item::Array(array) if array.len() == 0 => Current::Many(Vec::new()),
            Item::Array(array) if is_last => {
                self.spend(array.len())?;
                Current::Many(array.into_vec())
            }
            Item::Array(array) => {
                self.spend(array.len())?;
                Current::Array(array)
            }
            value => Current::One(value),
        })
    }

    /// A step's value for one item, after the step's filters.
    #[inline]
    fn step_value(&mut self, step: &'v Node, item: &Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Item<'v>> {
        let mut value = match (&step.kind, item) {
            (Kind::Name(field), Item::Object(record)) if !step.keep_array => {
                self.enter_levels(1)?;
                record.field(field)
            }
            _ => self.evaluate(step, item, frame)?,
        };
        for stage in step.stages() {
            if let Stage::Filter(predicate) = stage {
                value = self.filter(predicate, value, frame)?;
            }
        }
        Ok(value)
    }

    /// A path whose items carry what was bound on the way.
    #[inline(never)]
    fn tuple_path(
        &mut self,
        node: &'v Node,
        steps: &'v [Node],
        keep_singleton: bool,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        let mut current = match input {
            Item::Array(array) if !matches!(steps.first().map(|step| &step.kind), Some(Kind::Variable(..))) => {
                Item::Array(array.clone())
            }
            other => Item::Array(Array::new(vec![other.clone()], Measure::default()).marked(SEQUENCE)),
        };
        let mut tuples: Option<Item<'v>> = None;
        let mut is_tuple_stream = false;
        let mut result = Item::Undefined;
        for (index, step) in steps.iter().enumerate() {
            is_tuple_stream |= step.tuple;
            if index == 0 && step.constructs_array {
                result = self.evaluate(step, &current, frame)?;
            } else if is_tuple_stream {
                tuples = Some(self.tuple_step(step, &current, tuples, frame)?);
            } else {
                let items = match std::mem::replace(&mut current, Item::Undefined) {
                    Item::Array(array) => Current::Array(array),
                    other => Current::Whole(other),
                };
                let stepped = self.step(step, items, frame, index + 1 == steps.len())?;
                result = self.stream(stepped)?;
            }
            if !is_tuple_stream {
                match &result {
                    Item::Undefined => break,
                    Item::Array(array) if array.len() == 0 => break,
                    _ => {}
                }
            }
            if !is_tuple_stream {
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
        if keep_singleton {
            result = self.kept_singleton(result)?;
        }
        if let Some(pairs) = node.group() {
            let grouped = if is_tuple_stream { tuples.unwrap_or(Item::Undefined) } else { result };
            result = self.group(pairs, grouped, frame)?;
        }
        Ok(result)
    }

    pub(super) fn stages(
        &mut self,
        stages: &'v [Stage],
        mut result: Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => result = self.filter(predicate, result, frame)?,
                Stage::Index(name) => {
                    let Item::Array(array) = &result else { continue };
                    let items =
                        array.iter().enumerate().map(|(index, tuple)| tuple_with(&tuple, name.id, Item::int(index)));
                    let items = items.collect();
                    result = self.tuple_stream(items)?;
                }
            }
        }
        Ok(result)
    }

    pub(super) fn tuple_stream(&mut self, items: Vec<Item<'v>>) -> Outcome<Item<'v>> {
        Ok(Item::Array(self.array(items)?.marked(SEQUENCE | TUPLE_STREAM)))
    }

    pub(super) fn tuple_frame(&mut self, frame: &Rc<Frame<'v>>, tuple: &Item<'v>) -> Rc<Frame<'v>> {
        let inner = self.frame(frame);
        if let Item::Tuple(tuple) = tuple {
            inner.variables.borrow_mut().extend(tuple.iter().cloned());
        }
        inner
    }

    #[inline(never)]
    pub(super) fn tuple_step(
        &mut self,
        step: &'v Node,
        input: &Item<'v>,
        tuples: Option<Item<'v>>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        if let Kind::Sort(terms) = &step.kind {
            let sorted = match tuples {
                Some(tuples) => self.sort(terms, tuples, frame)?,
                None => {
                    let sorted = self.sort(terms, input.clone(), frame)?;
                    let Item::Array(sorted) = sorted else { return Ok(Item::Undefined) };
                    let tuples = sorted.iter().enumerate().map(|(index, item)| {
                        let mut tuple: Tuple<'v> = vec![(SELF, item)];
                        if let Some(name) = step.index() {
                            tuple.push((name.id, Item::int(index)));
                        }
                        Item::Tuple(Rc::new(tuple))
                    });
                    let tuples = tuples.collect();
                    self.tuple_stream(tuples)?
                }
            };
            return self.stages(step.stages(), sorted, frame);
        }
        let inputs: Vec<Item<'v>> = match tuples {
            Some(Item::Array(stream)) => stream.to_vec(),
            _ => match input {
                Item::Array(array) => array.iter().map(|item| Item::Tuple(Rc::new(vec![(SELF, item)]))).collect(),
                _ => Vec::new(),
            },
        };
        let mut results = Vec::new();
        for tuple in inputs {
            let inner = self.tuple_frame(frame, &tuple);
            let own = tuple_self(&tuple);
            let value = self.evaluate(step, &own, &inner)?;
            self.release(inner);
            let (values, is_stream) = match &value {
                Item::Undefined => continue,
                Item::Array(array) => (array.to_vec(), array.is(TUPLE_STREAM)),
                other => (vec![other.clone()], false),
            };
            self.spend(values.len())?;
            for (index, value) in values.into_iter().enumerate() {
                let mut made = tuple.clone();
                if is_stream {
                    if let Item::Tuple(carried) = &value {
                        for (key, item) in carried.iter() {
                            made = tuple_with(&made, *key, item.clone());
                        }
                    }
                } else {
                    made = match step.focus() {
                        Some(name) => tuple_with(&made, name.id, value),
                        None => tuple_with(&made, SELF, value),
                    };
                    if let Some(name) = step.index() {
                        made = tuple_with(&made, name.id, Item::int(index));
                    }
                    if let Some(label) = step.ancestor().and_then(|slot| self.program.ancestors.get(slot)) {
                        made = tuple_with(&made, *label, own.clone());
                    }
                }
                results.push(made);
            }
        }
        let stream = self.tuple_stream(results)?;
        self.stages(step.stages(), stream, frame)
    }

    #[inline(never)]
    pub(super) fn filter(&mut self, predicate: &'v Node, input: Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Item<'v>> {
        let array = match input {
            Item::Array(array) => array,
            Item::Undefined => return Ok(Item::Array(Array::new(Vec::new(), Measure::default()).marked(SEQUENCE))),
            other => self.array(vec![other])?.marked(SEQUENCE),
        };
        let is_stream = array.is(TUPLE_STREAM);
        let flags = if is_stream { SEQUENCE | TUPLE_STREAM } else { SEQUENCE };
        let length = array.len();
        if let Kind::Number(number) = &predicate.kind {
            let found = position(number.as_f64(), length).and_then(|index| array.get(index));
            return match found {
                Some(item @ Item::Array(_)) => Ok(item),
                found => Ok(Item::Array(self.array(found.into_iter().collect())?.marked(flags))),
            };
        }
        let mut results = Vec::new();
        let mut repeats = false;
        match &array.items {
            Items::Host(items) => {
                for (index, value) in items.iter().enumerate() {
                    let item = Item::from_value(value);
                    let value = self.evaluate(predicate, &item, frame)?;
                    repeats |= self.pick(&value, index, length, item, &mut results)?;
                }
            }
            Items::Own(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    let value = if is_stream {
                        let inner = self.tuple_frame(frame, item);
                        let value = self.evaluate(predicate, &tuple_self(item), &inner)?;
                        self.release(inner);
                        value
                    } else {
                        self.evaluate(predicate, item, frame)?
                    };
                    repeats |= self.pick(&value, index, length, item.clone(), &mut results)?;
                }
            }
        }
        let made = if repeats { self.array(results)? } else { self.part(results)? };
        Ok(Item::Array(made.marked(flags)))
    }

    /// Takes an item if its predicate is true, or as often as it says its place;
    /// answers whether that was more than once.
    #[inline]
    fn pick(
        &mut self,
        value: &Item<'v>,
        index: usize,
        length: usize,
        item: Item<'v>,
        results: &mut Vec<Item<'v>>,
    ) -> Outcome<bool> {
        match value {
            Item::Bool(true) => results.push(item),
            Item::Bool(false) => {}
            Item::Number(number) if position(number.as_f64(), length) == Some(index) => results.push(item),
            Item::Number(_) => {}
            Item::Array(array) if array.len() > 0 => {
                self.spend(array.len())?;
                let places: Option<Vec<f64>> = array.iter().map(|item| item.as_num().map(Num::as_f64)).collect();
                match places {
                    Some(places) => {
                        let count = places.into_iter().filter(|place| position(*place, length) == Some(index)).count();
                        results.extend(std::iter::repeat_n(item, count));
                        return Ok(count > 1);
                    }
                    None if value.truth() => results.push(item),
                    None => {}
                }
            }
            value if value.truth() => results.push(item),
            _ => {}
        }
        Ok(false)
    }

    /// `{key: value}` over an item or each item of an array.
    #[inline(never)]
    pub(super) fn group(
        &mut self,
        pairs: &'v [(Node, Node)],
        input: Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        struct Group<'v> {
            data: Vec<Item<'v>>,
            pair: usize,
        }
        let is_stream = matches!(&input, Item::Array(array) if array.is(TUPLE_STREAM));
        let mut items = match input {
            Item::Array(array) => array.into_vec(),
            other => vec![other],
        };
        if items.is_empty() {
            items.push(Item::Undefined);
        }
        let mut groups: indexmap::IndexMap<Str<'v>, Group<'v>, foldhash::fast::RandomState> =
            indexmap::IndexMap::default();
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
                match groups.get_mut(&*key) {
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
                (group.data.pop().unwrap_or(Item::Undefined), frame.clone())
            } else {
                let mut flat = Vec::with_capacity(group.data.len());
                for item in group.data {
                    match item {
                        Item::Array(array) => flat.extend(array.into_vec()),
                        Item::Undefined => {}
                        other => flat.push(other),
                    }
                }
                (self.sequence(flat)?, frame.clone())
            };
            let Some((_, value)) = pairs.get(group.pair) else { continue };
            let value = self.evaluate(value, &context, &inner)?;
            if !value.is_undefined() {
                members.push(key, value);
            }
        }
        self.record(members)
    }

    pub(super) fn merge_tuples(&mut self, tuples: &[Item<'v>]) -> Outcome<Item<'v>> {
        if let [single] = tuples {
            return Ok(single.clone());
        }
        let mut merged: indexmap::IndexMap<u32, Vec<Item<'v>>, foldhash::fast::RandomState> =
            indexmap::IndexMap::default();
        for tuple in tuples {
            let Item::Tuple(tuple) = tuple else { continue };
            self.spend(tuple.len())?;
            for (key, item) in tuple.iter() {
                let list = merged.entry(*key).or_default();
                match item {
                    Item::Array(array) => list.extend(array.iter()),
                    other => list.push(other.clone()),
                }
            }
        }
        let mut result: Tuple<'v> = Vec::with_capacity(merged.len());
        for (key, items) in merged {
            result.push((key, self.sequence(items)?));
        }
        Ok(Item::Tuple(Rc::new(result)))
    }

    #[inline(never)]
    pub(super) fn sort(
        &mut self,
        terms: &'v [(bool, Node)],
        input: Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        let Item::Array(array) = input else { return Ok(input) };
        let is_stream = array.is(TUPLE_STREAM);
        let flags = array.flags & (SEQUENCE | TUPLE_STREAM);
        let width = terms.len();
        // The keys of all items, one item's after another's.
        let mut keys = Vec::with_capacity(array.len() * width);
        for item in array.iter() {
            if is_stream {
                let inner = self.tuple_frame(frame, &item);
                let own = tuple_self(&item);
                for (_, term) in terms {
                    keys.push(self.evaluate(term, &own, &inner)?);
                }
                self.release(inner);
            } else {
                for (_, term) in terms {
                    keys.push(self.evaluate(term, &item, frame)?);
                }
            }
        }
        if array.len() > 1 {
            for index in 0..width {
                let mut first: Option<&Item<'v>> = None;
                for key in keys.iter().skip(index).step_by(width) {
                    match key {
                        Item::Undefined => {}
                        Item::Number(_) | Item::String(_) => match first {
                            None => first = Some(key),
                            Some(known) if known.letter() != key.letter() => {
                                let (a, b) = (known.clone(), key.clone());
                                let (a, b) = (self.shown(&a), self.shown(&b));
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
        let rounds = usize::BITS - array.len().leading_zeros();
        self.spend(array.len().saturating_mul(rounds as usize))?;
        let mut order: Vec<u32> = (0..array.len() as u32).collect();
        order.sort_by(|a, b| {
            let (a, b) = (*a as usize * width, *b as usize * width);
            for (index, (descending, _)) in terms.iter().enumerate() {
                let order = compare_keys(&keys[a + index], &keys[b + index], *descending);
                if order.is_ne() {
                    return order;
                }
            }
            std::cmp::Ordering::Equal
        });
        let sorted = order.into_iter().map(|at| array.get(at as usize).unwrap_or(Item::Undefined)).collect();
        Ok(Item::Array(self.part(sorted)?.marked(flags)))
    }
}

fn tuple_self<'v>(tuple: &Item<'v>) -> Item<'v> {
    match tuple {
        Item::Tuple(tuple) => {
            tuple.iter().find(|(key, _)| *key == SELF).map_or(Item::Undefined, |(_, item)| item.clone())
        }
        other => other.clone(),
    }
}

fn tuple_with<'v>(tuple: &Item<'v>, key: u32, item: Item<'v>) -> Item<'v> {
    let mut made: Tuple<'v> = match tuple {
        Item::Tuple(tuple) => tuple.to_vec(),
        other => vec![(SELF, other.clone())],
    };
    match made.iter_mut().find(|(known, _)| *known == key) {
        Some(place) => place.1 = item,
        None => made.push((key, item)),
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
fn compare_keys(a: &Item<'_>, b: &Item<'_>, descending: bool) -> std::cmp::Ordering {
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
