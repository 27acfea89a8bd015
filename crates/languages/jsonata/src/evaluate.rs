//! The evaluator: a tree walk that counts every step.

use std::collections::HashMap;
use std::rc::Rc;

use windlass_value::{Text, Value};

use crate::builtins;
use crate::error::{ErrorKind, EvaluationError};
use crate::functions::Function;
use crate::item::{Array, Frame, HEIGHT_MAX, Item, Measure, Members, Record, Tuple};
use crate::limits::Limits;
use crate::number::Num;
use crate::random::Random;
use crate::syntax::Operator;
use crate::token::quoted;
use crate::tree::{Kind, Lambda, Node, Program, Stage};
use crate::world::World;

/// Errors are rare and large: boxed, so that results stay small.
pub(crate) type Outcome<T> = Result<T, Box<EvaluationError>>;

pub(crate) fn fail<T>(code: &str, message: impl Into<String>) -> Outcome<T> {
    let kind = ErrorKind::Evaluation { code: Some(code.to_owned()) };
    Err(Box::new(EvaluationError { kind, message: message.into() }))
}

fn limit<T>(message: &str) -> Outcome<T> {
    Err(Box::new(EvaluationError { kind: ErrorKind::Limit, message: message.to_owned() }))
}

const STACK_MESSAGE: &str =
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive";
const MEMORY_MESSAGE: &str = "Expression evaluation memory limit exceeded: Check for excessive memory usage";
const FUEL_MESSAGE: &str = "Expression evaluation timeout: Check for infinite loop";

/// The key of a tuple's own item.
const SELF: &str = "@";

pub(crate) fn run(
    program: &Program,
    context: Option<&Value>,
    bindings: &[(&str, Value)],
    world: &World,
    limits: &Limits,
) -> Result<Option<Value>, EvaluationError> {
    let root = Rc::new(Frame::default());
    for (name, value) in bindings {
        root.variables.borrow_mut().push((Text::from(*name), Item::from_value(value)));
    }
    let mut evaluator = Evaluator {
        program,
        limits,
        world,
        depth: 0,
        fuel: limits.fuel_max,
        random: Random::new(world.seed),
        captured: Vec::new(),
        regexes: HashMap::new(),
    };
    let mut input = context.map_or(Item::Undefined, Item::from_value);
    root.variables.borrow_mut().push((Text::from("$"), input.clone()));
    if let Item::Array(_) = &input {
        let wrapped = evaluator.array(vec![input]).map(|array| Array { sequence: true, wraps_input: true, ..array });
        input = Item::Array(wrapped.map_err(|error| *error)?);
    }
    let frame = Frame::inside(&root);
    let result = evaluator.evaluate(&program.root, &input, &frame);
    let answer = match result {
        Ok(Item::Undefined) => Ok(None),
        Ok(item) => match item.to_value() {
            Some(value) => Ok(Some(value)),
            None => Err(EvaluationError { kind: ErrorKind::FunctionResult, message: String::new() }),
        },
        Err(error) => Err(*error),
    };
    // Closures and the frames that hold them point at each other.
    for frame in evaluator.captured.iter().chain([&frame]) {
        frame.variables.take();
        frame.parent.take();
    }
    answer
}

pub(crate) struct Evaluator<'a> {
    program: &'a Program,
    pub(crate) limits: &'a Limits,
    pub(crate) world: &'a World,
    depth: usize,
    fuel: u64,
    pub(crate) random: Random,
    /// Frames that closures hold, emptied at the end.
    captured: Vec<Rc<Frame>>,
    pub(crate) regexes: HashMap<(Text, Text), Rc<regex::Regex>>,
}

/// What a function's body came to.
enum Ending<'n> {
    Value(Item),
    /// A call in tail position, still to be made.
    Call { procedure: &'n Node, arguments: &'n [Node], input: Item, frame: Rc<Frame> },
}

impl Evaluator<'_> {
    /// Counts work done.
    pub(crate) fn spend(&mut self, fuel: usize) -> Outcome<()> {
        match self.fuel.checked_sub(fuel as u64) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => {
                self.fuel = 0;
                limit(FUEL_MESSAGE)
            }
        }
    }

    pub(crate) fn check(&self, measure: Measure) -> Outcome<()> {
        if measure.bytes > self.limits.value_bytes_max {
            return limit(MEMORY_MESSAGE);
        }
        if measure.height > HEIGHT_MAX {
            return limit(STACK_MESSAGE);
        }
        Ok(())
    }

    /// Refuses a count of items before they are made.
    pub(crate) fn check_bytes(&self, bytes: usize) -> Outcome<()> {
        self.check(Measure { bytes, height: 0 })
    }

    /// An array of items within the limits.
    pub(crate) fn array(&mut self, items: Vec<Item>) -> Outcome<Array> {
        let mut measure = Measure::default();
        if let [item] = items.as_slice() {
            measure.height = item.own_height() + 1;
        } else {
            for item in &items {
                measure = measure.with(item.measure());
                if measure.bytes > self.limits.value_bytes_max {
                    break;
                }
            }
            self.spend(items.len() + measure.bytes / 256)?;
        }
        self.check(measure)?;
        Ok(Array::new(items, measure))
    }

    pub(crate) fn list(&mut self, items: Vec<Item>) -> Outcome<Item> {
        self.array(items).map(Item::Array)
    }

    pub(crate) fn sequence(&mut self, items: Vec<Item>) -> Outcome<Item> {
        Ok(Item::Array(Array { sequence: true, ..self.array(items)? }))
    }

    pub(crate) fn record(&mut self, members: Members) -> Outcome<Item> {
        self.spend(members.len())?;
        let mut measure = Measure { bytes: 1, height: 0 };
        for (key, item) in &members {
            measure.bytes = measure.bytes.saturating_add(key.len());
            measure = measure.with(item.measure());
        }
        self.spend(measure.bytes / 256)?;
        self.check(measure)?;
        Ok(Item::Object(Record::Own(Rc::new(members), measure)))
    }

    pub(crate) fn text(&mut self, text: impl Into<Text>) -> Outcome<Item> {
        let text = text.into();
        self.spend(text.len() / 16)?;
        self.check_text(text.len())?;
        Ok(Item::String(text))
    }

    /// Refuses a length before the text is made.
    pub(crate) fn check_text(&self, bytes: usize) -> Outcome<()> {
        if bytes > self.limits.string_chars_max {
            return limit(MEMORY_MESSAGE);
        }
        self.check_bytes(bytes)
    }

    fn capture(&mut self, frame: &Rc<Frame>) {
        if self.captured.last().is_some_and(|last| Rc::ptr_eq(last, frame)) {
            return;
        }
        self.captured.push(frame.clone());
    }

    pub(crate) fn evaluate(&mut self, node: &Node, input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
        self.enter()?;
        let result = stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || {
            let item = self.evaluate_kind(node, input, frame)?;
            self.finish(node, item, frame)
        });
        self.depth -= 1;
        result
    }

    fn enter(&mut self) -> Outcome<()> {
        self.spend(1)?;
        if self.depth >= self.limits.depth_max {
            return limit(STACK_MESSAGE);
        }
        self.depth += 1;
        Ok(())
    }

    /// Predicates and grouping on a node that is no step, then the sequence
    /// becomes what it stands for.
    fn finish(&mut self, node: &Node, mut item: Item, frame: &Rc<Frame>) -> Outcome<Item> {
        for stage in &node.predicates {
            if let Stage::Filter(predicate) = stage {
                item = self.filter(predicate, item, frame)?;
            }
        }
        if let Some(pairs) = &node.group
            && !matches!(node.kind, Kind::Path { .. })
        {
            item = self.group(pairs, item, frame)?;
        }
        let Item::Array(array) = &mut item else { return Ok(item) };
        if !array.sequence || array.tuple_stream {
            return Ok(item);
        }
        if node.keep_array {
            array.keep_singleton = true;
        }
        Ok(match array.len() {
            0 => Item::Undefined,
            1 if !array.keep_singleton => array.get(0).unwrap_or(Item::Undefined),
            _ => item,
        })
    }

    fn evaluate_kind(&mut self, node: &Node, input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
        match &node.kind {
            Kind::Null => Ok(Item::Null),
            Kind::Bool(value) => Ok(Item::Bool(*value)),
            Kind::Number(value) => Ok(Item::Number(*value)),
            Kind::String(text) => Ok(Item::String(text.clone())),
            Kind::Regex(pattern, flags) => {
                let pattern = self.regex(pattern, flags)?;
                Ok(Item::Function(Rc::new(Function::Regex(pattern))))
            }
            Kind::Name(name) => self.field(input, name),
            Kind::Variable(name) => self.variable(name, input, frame),
            Kind::Wildcard => self.wildcard(input),
            Kind::Descendant => self.descendants(input),
            Kind::Parent(slot) => {
                let key = self.program.ancestor_keys.get(*slot).cloned();
                Ok(key.and_then(|key| frame.lookup(&key)).unwrap_or(Item::Undefined))
            }
            Kind::Placeholder => Ok(Item::Undefined),
            Kind::Path { steps, keep_singleton } => self.path(node, steps, *keep_singleton, input, frame),
            Kind::Sort(terms) => self.sort(terms, input.clone(), frame),
            Kind::Bind(name, value) => {
                let value = self.evaluate(value, input, frame)?;
                frame.bind(name, value.clone());
                Ok(value)
            }
            Kind::Apply(left, right) => self.application(left, right, input, frame),
            Kind::Binary(operator, left, right) => self.binary(*operator, left, right, input, frame),
            Kind::Negate(operand) => match self.evaluate(operand, input, frame)? {
                Item::Undefined => Ok(Item::Undefined),
                Item::Number(value) => Ok(Item::Number(value.negate())),
                other => fail("D1002", format!("Cannot negate a non-numeric value: {}", self.shown(&other))),
            },
            Kind::Array(items) => self.construct_array(node, items, input, frame),
            Kind::Object(pairs) => self.group(pairs, input.clone(), frame),
            Kind::Call { procedure, arguments, partial: false } => {
                self.call(procedure, arguments, None, input, frame)
            }
            Kind::Call { procedure, arguments, partial: true } => self.partial(procedure, arguments, input, frame),
            Kind::Lambda(lambda) => {
                self.capture(frame);
                let function = Function::Lambda { lambda: lambda.clone(), input: input.clone(), frame: frame.clone() };
                Ok(Item::Function(Rc::new(function)))
            }
            Kind::Condition { condition, then, otherwise } => {
                if self.evaluate(condition, input, frame)?.truth() {
                    self.evaluate(then, input, frame)
                } else {
                    otherwise.as_ref().map_or(Ok(Item::Undefined), |node| self.evaluate(node, input, frame))
                }
            }
            Kind::Coalesce(left, right) => match self.evaluate(left, input, frame)? {
                Item::Undefined => self.evaluate(right, input, frame),
                item => Ok(item),
            },
            Kind::Default(left, right) => {
                let item = self.evaluate(left, input, frame)?;
                if item.truth() { Ok(item) } else { self.evaluate(right, input, frame) }
            }
            Kind::Transform(transform) => {
                self.capture(frame);
                let function = Function::Transform { transform: transform.clone(), frame: frame.clone() };
                Ok(Item::Function(Rc::new(function)))
            }
            Kind::Block(parts) => {
                let inner = Frame::inside(frame);
                let mut result = Item::Undefined;
                for part in parts {
                    result = self.evaluate(part, input, &inner)?;
                }
                Ok(result)
            }
        }
    }

    fn variable(&mut self, name: &str, input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
        if name.is_empty() {
            return Ok(match input {
                Item::Array(array) if array.wraps_input => array.get(0).unwrap_or(Item::Undefined),
                other => other.clone(),
            });
        }
        if let Some(item) = frame.lookup(name) {
            return Ok(item);
        }
        Ok(match builtins::find(name) {
            Some(builtin) => Item::Function(builtins::function(builtin)),
            None => Item::Undefined,
        })
    }

    /// A field of an object, or of each object in an array.
    pub(crate) fn field(&mut self, input: &Item, name: &str) -> Outcome<Item> {
        match input {
            Item::Object(record) => Ok(record.get(name).unwrap_or(Item::Undefined)),
            Item::Array(array) => {
                self.spend(array.len())?;
                let mut found = Vec::new();
                for item in array.iter() {
                    match self.field(&item, name)? {
                        Item::Undefined => {}
                        Item::Array(inner) => found.extend(inner.iter()),
                        other => found.push(other),
                    }
                }
                self.sequence(found)
            }
            _ => Ok(Item::Undefined),
        }
    }

    fn wildcard(&mut self, input: &Item) -> Outcome<Item> {
        let unwrapped = match input {
            Item::Array(array) if array.wraps_input => array.get(0).unwrap_or(Item::Undefined),
            other => other.clone(),
        };
        let values = match &unwrapped {
            Item::Object(record) => record.iter().map(|(_, item)| item).collect(),
            Item::Array(array) => array.to_vec(),
            _ => Vec::new(),
        };
        let mut found = Vec::new();
        let mut sequence = true;
        for value in values {
            match &value {
                Item::Array(_) => {
                    sequence = false;
                    self.flatten(&value, &mut found)?;
                }
                _ => found.push(value),
            }
        }
        let mut array = self.array(found)?;
        array.sequence = sequence || array.len() < 2;
        Ok(Item::Array(array))
    }

    pub(crate) fn flatten(&mut self, item: &Item, found: &mut Vec<Item>) -> Outcome<()> {
        self.spend(1)?;
        match item {
            Item::Array(array) => array.iter().try_for_each(|item| self.flatten(&item, found)),
            other => {
                found.push(other.clone());
                Ok(())
            }
        }
    }

    fn descendants(&mut self, input: &Item) -> Outcome<Item> {
        if input.is_undefined() {
            return Ok(Item::Undefined);
        }
        let mut found = Vec::new();
        self.descend(input, &mut found)?;
        if found.len() == 1 {
            return Ok(found.remove(0));
        }
        self.sequence(found)
    }

    fn descend(&mut self, item: &Item, found: &mut Vec<Item>) -> Outcome<()> {
        self.spend(1)?;
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || match item {
            Item::Array(array) => array.iter().try_for_each(|item| self.descend(&item, found)),
            Item::Object(record) => {
                found.push(item.clone());
                record.iter().try_for_each(|(_, item)| self.descend(&item, found))
            }
            other => {
                found.push(other.clone());
                Ok(())
            }
        })
    }

    fn construct_array(&mut self, node: &Node, items: &[Node], input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
        let mut made = Vec::new();
        let mut is_sequence = false;
        for item in items {
            let value = self.evaluate(item, input, frame)?;
            match value {
                Item::Undefined => {}
                Item::Array(array) if !matches!(item.kind, Kind::Array(_)) => {
                    if items.len() == 1 && matches!(item.kind, Kind::Binary(Operator::Range, ..)) {
                        is_sequence = false;
                    }
                    self.spend(array.len())?;
                    made.extend(array.iter());
                }
                other => made.push(other),
            }
        }
        let mut array = self.array(made)?;
        array.sequence = is_sequence;
        array.constructed = node.constructs_array;
        Ok(Item::Array(array))
    }

    // Paths

    fn path(
        &mut self,
        node: &Node,
        steps: &[Node],
        keep_singleton: bool,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Outcome<Item> {
        // The commonest path: a variable and names, nothing bound or filtered.
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

    fn step(&mut self, step: &Node, input: &Item, frame: &Rc<Frame>, is_last: bool) -> Outcome<Item> {
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

    fn stages(&mut self, stages: &[Stage], mut result: Item, frame: &Rc<Frame>) -> Outcome<Item> {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => result = self.filter(predicate, result, frame)?,
                Stage::Index(name) => {
                    let Item::Array(array) = &result else { continue };
                    let items = array.iter().enumerate().map(|(index, tuple)| tuple_with(&tuple, name, Item::int(index)));
                    let items = items.collect();
                    result = self.tuple_stream(items)?;
                }
            }
        }
        Ok(result)
    }

    fn tuple_stream(&mut self, items: Vec<Item>) -> Outcome<Item> {
        Ok(Item::Array(Array { sequence: true, tuple_stream: true, ..self.array(items)? }))
    }

    fn tuple_frame(&self, frame: &Rc<Frame>, tuple: &Item) -> Rc<Frame> {
        let inner = Frame::inside(frame);
        if let Item::Tuple(tuple) = tuple {
            *inner.variables.borrow_mut() = tuple.to_vec();
        }
        inner
    }

    fn tuple_step(&mut self, step: &Node, input: &Item, tuples: Option<Item>, frame: &Rc<Frame>) -> Outcome<Item> {
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

    fn filter(&mut self, predicate: &Node, input: Item, frame: &Rc<Frame>) -> Outcome<Item> {
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
    fn group(&mut self, pairs: &[(Node, Node)], input: Item, frame: &Rc<Frame>) -> Outcome<Item> {
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
                        return fail("T1003", format!("Key in object structure must evaluate to a string; got: {shown}"));
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

    fn merge_tuples(&mut self, tuples: &[Item]) -> Outcome<Item> {
        if let [single] = tuples {
            return Ok(single.clone());
        }
        let mut merged: indexmap::IndexMap<Text, Vec<Item>, foldhash::fast::RandomState> = indexmap::IndexMap::default();
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

    fn sort(&mut self, terms: &[(bool, Node)], input: Item, frame: &Rc<Frame>) -> Outcome<Item> {
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
                                let message = format!("Type mismatch when comparing values {a} and {b} in order-by clause");
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

    // Operators

    fn binary(&mut self, operator: Operator, left: &Node, right: &Node, input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
        match operator {
            Operator::And => {
                let value = self.evaluate(left, input, frame)?.truth() && self.evaluate(right, input, frame)?.truth();
                return Ok(Item::Bool(value));
            }
            Operator::Or => {
                let value = self.evaluate(left, input, frame)?.truth() || self.evaluate(right, input, frame)?.truth();
                return Ok(Item::Bool(value));
            }
            _ => {}
        }
        let left = self.evaluate(left, input, frame)?;
        let right = self.evaluate(right, input, frame)?;
        match operator {
            Operator::Equal | Operator::NotEqual => {
                if left.is_undefined() || right.is_undefined() {
                    return Ok(Item::Bool(false));
                }
                self.spend(left.measure().bytes.min(right.measure().bytes) / 16)?;
                Ok(Item::Bool(left.equals(&right) == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.comparison(operator, &left, &right)
            }
            Operator::Concatenate => {
                let left = self.string_of(&left)?;
                let right = self.string_of(&right)?;
                self.check_text(left.len() + right.len())?;
                self.text(format!("{left}{right}"))
            }
            Operator::In => {
                if left.is_undefined() || right.is_undefined() {
                    return Ok(Item::Bool(false));
                }
                let Item::Array(array) = &right else { return Ok(Item::Bool(left.equals(&right))) };
                self.spend(array.len())?;
                Ok(Item::Bool(array.iter().any(|item| item.equals(&left))))
            }
            Operator::Range => self.range(&left, &right),
            _ => self.arithmetic(operator, &left, &right),
        }
    }

    fn comparison(&mut self, operator: Operator, left: &Item, right: &Item) -> Outcome<Item> {
        let comparable = |item: &Item| matches!(item, Item::Undefined | Item::Number(_) | Item::String(_));
        let symbol = quoted(operator.symbol());
        if !comparable(left) || !comparable(right) {
            let message =
                format!("The expressions either side of operator {symbol} must evaluate to numeric or string values");
            return fail("T2010", message);
        }
        let order = match (left, right) {
            (Item::Undefined, _) | (_, Item::Undefined) => return Ok(Item::Undefined),
            (Item::Number(a), Item::Number(b)) => a.compare(*b),
            (Item::String(a), Item::String(b)) => Some(compare_text(a, b)),
            _ => {
                let (a, b) = (self.shown(left), self.shown(right));
                let message =
                    format!("The values {a} and {b} either side of operator {symbol} must be of the same data type");
                return fail("T2009", message);
            }
        };
        Ok(Item::Bool(order.is_some_and(|order| match operator {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            _ => order.is_ge(),
        })))
    }

    fn arithmetic(&mut self, operator: Operator, left: &Item, right: &Item) -> Outcome<Item> {
        let symbol = operator.symbol();
        let operand = |item: &Item, side: &str, code: &str| match item {
            Item::Undefined => Ok(None),
            Item::Number(value) if value.as_f64().is_infinite() => {
                fail("D1001", format!("Number out of range: {}", value.to_text()))
            }
            Item::Number(value) if !value.as_f64().is_nan() => Ok(Some(*value)),
            _ => fail(code, format!("The {side} side of the {} operator must evaluate to a number", quoted(symbol))),
        };
        let left = operand(left, "left", "T2001")?;
        let right = operand(right, "right", "T2002")?;
        let (Some(left), Some(right)) = (left, right) else { return Ok(Item::Undefined) };
        if let (Num::Int(a), Num::Int(b)) = (left, right) {
            let exact = match operator {
                Operator::Add => a.checked_add(b),
                Operator::Subtract => a.checked_sub(b),
                Operator::Multiply => a.checked_mul(b),
                Operator::Divide if b != 0 && a.checked_rem(b) == Some(0) => a.checked_div(b),
                Operator::Modulo if b != 0 => a.checked_rem(b),
                _ => None,
            };
            if let Some(value) = exact {
                return Ok(Item::Number(Num::Int(value)));
            }
        }
        let (a, b) = (left.as_f64(), right.as_f64());
        let value = match operator {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => a * b,
            Operator::Divide => a / b,
            _ => a % b,
        };
        Ok(Item::Number(Num::from_f64(value)))
    }

    fn range(&mut self, left: &Item, right: &Item) -> Outcome<Item> {
        let bound = |item: &Item, side: &str, code: &str| match item {
            Item::Undefined => Ok(None),
            Item::Number(value) if value.is_integer() => Ok(Some(*value)),
            _ => fail(code, format!("The {side} side of the range operator (..) must evaluate to an integer")),
        };
        let left = bound(left, "left", "T2003")?;
        let right = bound(right, "right", "T2004")?;
        let (Some(left), Some(right)) = (left, right) else { return Ok(Item::Undefined) };
        let (left, right) = (left.truncated(), right.truncated());
        if left > right {
            return Ok(Item::Undefined);
        }
        let size = (i128::from(right) - i128::from(left) + 1) as u128;
        if size > 10_000_000 {
            let message = format!(
                "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate {size}."
            );
            return fail("D2014", message);
        }
        self.check_bytes(size as usize * 8)?;
        self.sequence((left..=right).map(|value| Item::Number(Num::Int(value))).collect())
    }

    // Functions

    fn application(&mut self, left: &Node, right: &Node, input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
        let value = self.evaluate(left, input, frame)?;
        if let Kind::Call { procedure, arguments, partial: false } = &right.kind {
            let item = self.call(procedure, arguments, Some(value), input, frame)?;
            return self.finish(right, item, frame);
        }
        let Item::Function(function) = self.evaluate(right, input, frame)? else {
            return fail("T2006", "The right side of the function application operator ~> must be a function");
        };
        if let Item::Function(first) = value {
            let height = first.height().max(function.height()) + 1;
            self.check(Measure { bytes: 0, height })?;
            return Ok(Item::Function(Rc::new(Function::Composition { first, second: function, height })));
        }
        self.apply(&function, vec![value], &Item::Undefined, None)
    }

    fn arguments(&mut self, nodes: &[Node], first: Option<Item>, input: &Item, frame: &Rc<Frame>) -> Outcome<Vec<Item>> {
        let mut arguments = Vec::with_capacity(nodes.len() + 1);
        arguments.extend(first);
        for node in nodes {
            arguments.push(self.evaluate(node, input, frame)?);
        }
        Ok(arguments)
    }

    fn procedure(&mut self, node: &Node, input: &Item, frame: &Rc<Frame>, partial: bool) -> Outcome<Rc<Function>> {
        let item = self.evaluate(node, input, frame)?;
        if let Item::Function(function) = item {
            return Ok(function);
        }
        let name = procedure_name(node);
        let is_path = matches!(node.kind, Kind::Path { .. });
        if item.is_undefined() && is_path && (frame.lookup(name).is_some() || builtins::find(name).is_some()) {
            let (code, what) = if partial { ("T1007", "partially apply") } else { ("T1005", "invoke") };
            return fail(code, format!("Attempted to {what} a non-function. Did you mean ${name}?"));
        }
        if partial {
            return fail("T1008", "Attempted to partially apply a non-function");
        }
        fail("T1006", "Attempted to invoke a non-function")
    }

    fn call(
        &mut self,
        procedure: &Node,
        arguments: &[Node],
        first: Option<Item>,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Outcome<Item> {
        let function = self.procedure(procedure, input, frame, false)?;
        let arguments = self.arguments(arguments, first, input, frame)?;
        self.apply(&function, arguments, input, Some(procedure_name(procedure)))
    }

    fn partial(&mut self, procedure: &Node, arguments: &[Node], input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
        let mut given = Vec::with_capacity(arguments.len());
        let mut height = 0;
        for node in arguments {
            given.push(match node.kind {
                Kind::Placeholder => None,
                _ => {
                    let item = self.evaluate(node, input, frame)?;
                    height = height.max(item.own_height());
                    Some(item)
                }
            });
        }
        let function = self.procedure(procedure, input, frame, true)?;
        let height = height.max(function.height()) + 1;
        self.check(Measure { bytes: 0, height })?;
        Ok(Item::Function(Rc::new(Function::Partial { function, arguments: given, height })))
    }

    /// Calls a function. `name` is what error messages call it.
    pub(crate) fn apply(
        &mut self,
        function: &Rc<Function>,
        arguments: Vec<Item>,
        input: &Item,
        name: Option<&str>,
    ) -> Outcome<Item> {
        self.spend(1)?;
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || match &**function {
            Function::Builtin(builtin) => builtins::call(self, builtin, arguments, input, name),
            Function::Lambda { lambda, input: own, frame } => {
                self.apply_lambda(lambda.clone(), own.clone(), frame.clone(), arguments, input)
            }
            Function::Transform { transform, frame } => {
                let target = arguments.into_iter().next().unwrap_or(Item::Undefined);
                self.transform(transform, frame, target)
            }
            Function::Partial { function, arguments: given, .. } => {
                let mut late = arguments.into_iter();
                let mut all: Vec<Item> = given
                    .iter()
                    .map(|argument| argument.clone().unwrap_or_else(|| late.next().unwrap_or(Item::Undefined)))
                    .collect();
                if matches!(&**function, Function::Builtin(_)) {
                    while matches!(all.last(), Some(Item::Undefined)) && all.len() > 1 {
                        all.pop();
                    }
                }
                self.apply(function, all, input, name)
            }
            Function::Composition { first, second, .. } => {
                let between = self.apply(first, arguments, &Item::Undefined, None)?;
                self.apply(second, vec![between], &Item::Undefined, None)
            }
            Function::Regex(pattern) => {
                let Some(Item::String(text)) = arguments.first() else { return Ok(Item::Undefined) };
                let from = arguments.get(1).and_then(Item::as_num).map_or(0, |from| from.truncated().max(0) as usize);
                self.match_object(pattern, text, crate::strings::byte_offset(text, from))
            }
            Function::NextMatch { pattern, text, from } => self.match_object(pattern, text, *from),
        })
    }

    fn apply_lambda(
        &mut self,
        mut lambda: std::sync::Arc<Lambda>,
        mut own: Item,
        mut closure: Rc<Frame>,
        mut arguments: Vec<Item>,
        input: &Item,
    ) -> Outcome<Item> {
        let mut call_input = input.clone();
        loop {
            if let Some(signature) = &lambda.signature {
                arguments = builtins::validate(self, signature, arguments, &call_input, None)?;
            }
            let inner = Frame::inside(&closure);
            {
                let mut variables = inner.variables.borrow_mut();
                let mut arguments = arguments.into_iter();
                for parameter in &lambda.parameters {
                    variables.push((parameter.clone(), arguments.next().unwrap_or(Item::Undefined)));
                }
            }
            if !lambda.tail_calls {
                return self.evaluate(&lambda.body, &own, &inner);
            }
            let body = lambda.clone();
            let ending = self.tail(&body.body, &own, &inner)?;
            let (procedure, nodes, tail_input, tail_frame) = match ending {
                Ending::Value(item) => return Ok(item),
                Ending::Call { procedure, arguments, input, frame } => (procedure, arguments, input, frame),
            };
            let function = self.procedure(procedure, &tail_input, &tail_frame, false)?;
            arguments = self.arguments(nodes, None, &tail_input, &tail_frame)?;
            match &*function {
                Function::Lambda { lambda: next, input: next_own, frame } => {
                    self.spend(1)?;
                    lambda = next.clone();
                    own = next_own.clone();
                    closure = frame.clone();
                    call_input = tail_input;
                }
                _ => return self.apply(&function, arguments, &tail_input, Some(procedure_name(procedure))),
            }
        }
    }

    /// Evaluates a body up to the call it ends in.
    fn tail<'n>(&mut self, node: &'n Node, input: &Item, frame: &Rc<Frame>) -> Outcome<Ending<'n>> {
        let is_plain = node.predicates.is_empty() && node.group.is_none() && !node.keep_array;
        if !is_plain {
            return self.evaluate(node, input, frame).map(Ending::Value);
        }
        match &node.kind {
            Kind::Call { procedure, arguments, partial: false } => {
                Ok(Ending::Call { procedure, arguments, input: input.clone(), frame: frame.clone() })
            }
            Kind::Condition { condition, then, otherwise } => {
                self.enter()?;
                let result = if self.evaluate(condition, input, frame)?.truth() {
                    self.tail(then, input, frame)
                } else {
                    match otherwise {
                        Some(node) => self.tail(node, input, frame),
                        None => Ok(Ending::Value(Item::Undefined)),
                    }
                };
                self.depth -= 1;
                result
            }
            Kind::Block(parts) => {
                self.enter()?;
                let inner = Frame::inside(frame);
                let Some((last, first)) = parts.split_last() else {
                    self.depth -= 1;
                    return Ok(Ending::Value(Item::Undefined));
                };
                for part in first {
                    self.evaluate(part, input, &inner)?;
                }
                let result = self.tail(last, input, &inner);
                self.depth -= 1;
                result
            }
            _ => self.evaluate(node, input, frame).map(Ending::Value),
        }
    }

    /// A value in an error message: as JSON.
    pub(crate) fn shown(&mut self, item: &Item) -> String {
        match item {
            Item::Number(value) => value.to_text(),
            Item::Function(_) => "{}".to_owned(),
            other => other.to_value().map_or_else(|| "{}".to_owned(), |value| value.to_text()),
        }
    }
}

fn procedure_name(node: &Node) -> &str {
    match &node.kind {
        Kind::Variable(name) | Kind::Name(name) => name,
        Kind::Path { steps, .. } => steps.first().map_or("", procedure_name),
        _ => "",
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

/// JavaScript's and Java's order: by UTF-16 unit.
pub(crate) fn compare_text(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
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
