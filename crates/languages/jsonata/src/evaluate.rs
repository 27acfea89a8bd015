//! The evaluator: a tree walk that counts every step.

mod calls;
mod operators;
mod paths;

use std::collections::HashMap;
use std::rc::Rc;

use windlass_value::{Text, Value};

use crate::builtins;
use crate::error::{ErrorKind, EvaluationError};
use crate::functions::Function;
use crate::item::{Array, Frame, HEIGHT_MAX, Item, Measure, Members, Record};
use crate::limits::Limits;
use crate::random::Random;
use crate::tree::{Kind, Node, Program, Stage};
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

/// The answer, and the fuel it took.
pub(crate) fn run(
    program: &Program,
    context: Option<&Value>,
    bindings: &[(&str, Value)],
    world: &World,
    limits: &Limits,
) -> (Result<Option<Value>, EvaluationError>, u64) {
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
        input = match wrapped {
            Ok(wrapped) => Item::Array(wrapped),
            Err(error) => return (Err(*error), limits.fuel_max - evaluator.fuel),
        };
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
    (answer, limits.fuel_max - evaluator.fuel)
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
            Kind::Call { procedure, arguments, partial: false } => self.call(procedure, arguments, None, input, frame),
            Kind::Call { procedure, arguments, partial: true } => self.partial(procedure, arguments, input, frame),
            Kind::Lambda(lambda) => {
                self.check(Measure { bytes: 0, height: input.own_height() + 1 })?;
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
        for item in items {
            let value = self.evaluate(item, input, frame)?;
            match value {
                Item::Undefined => {}
                Item::Array(array) if !matches!(item.kind, Kind::Array(_)) => {
                    self.spend(array.len())?;
                    made.extend(array.iter());
                }
                other => made.push(other),
            }
        }
        let mut array = self.array(made)?;
        array.constructed = node.constructs_array;
        Ok(Item::Array(array))
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

/// JavaScript's and Java's order: by UTF-16 unit.
pub(crate) fn compare_text(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}
