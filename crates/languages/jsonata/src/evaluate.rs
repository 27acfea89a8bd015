//! The evaluator: a tree walk that counts every step.

mod calls;
mod operators;
mod paths;

use std::rc::Rc;

use windlass_value::{Text, Value};

use crate::builtins::Builtin;
use crate::error::{ErrorKind, EvaluationError};
use crate::functions::Function;
use crate::item::{
    Array, CONSTRUCTED, Frame, HEIGHT_MAX, Item, KEEP_SINGLETON, Measure, Members, Record, SEQUENCE, Str, TUPLE_STREAM,
    WRAPS_INPUT, host_field,
};
use crate::limits::Limits;
use crate::random::Random;
use crate::tree::{CONTEXT, Field, INPUT, Kind, Node, Program, Stage, Symbol};
use crate::world::World;

/// Errors are rare and large: boxed, so that results stay small.
pub(crate) type Outcome<T> = Result<T, Box<EvaluationError>>;

#[cold]
pub(crate) fn fail<T>(code: &str, message: impl Into<String>) -> Outcome<T> {
    let kind = ErrorKind::Evaluation { code: Some(code.to_owned()) };
    Err(Box::new(EvaluationError { kind, message: message.into() }))
}

#[cold]
fn limit<T>(message: &str) -> Outcome<T> {
    Err(Box::new(EvaluationError { kind: ErrorKind::Limit, message: message.to_owned() }))
}

const STACK_MESSAGE: &str =
    "Stack overflow error: Check for non-terminating recursive function. Consider rewriting as tail-recursive";
const MEMORY_MESSAGE: &str = "Expression evaluation memory limit exceeded: Check for excessive memory usage";
const FUEL_MESSAGE: &str = "Expression evaluation timeout: Check for infinite loop";

/// Frames and lists kept for the next call.
const SPARE_MAX: usize = 32;

/// The answer, and the fuel it took.
pub(crate) fn run<'v>(
    program: &'v Program,
    context: Option<&'v Value>,
    bindings: &'v [(&str, Value)],
    world: &'v World,
    limits: &'v Limits,
) -> (Result<Option<Value>, EvaluationError>, u64) {
    if let Some(answer) = fields_only(program, bindings, limits) {
        return answer;
    }
    let mut globals = Globals::new(program.symbols.len());
    for (name, value) in bindings {
        if let Some(symbol) = program.symbol(name) {
            globals.set(symbol, Item::from_value(value));
        }
    }
    let mut input = context.map_or(Item::Undefined, Item::from_value);
    globals.set(INPUT, input.clone());
    if let Item::Array(_) = &input {
        input = Item::Array(Array::new(vec![input], Measure { bytes: 0, height: 1 }).marked(SEQUENCE | WRAPS_INPUT));
    }
    let mut evaluator = Evaluator {
        program,
        limits,
        world,
        depth: 0,
        fuel: limits.fuel_max,
        random: Random::new(world.seed),
        globals,
        captured: Vec::new(),
        patterns: Vec::new(),
        spare_frames: Vec::new(),
        spare_lists: Vec::new(),
    };
    let frame = Rc::new(Frame::default());
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

/// The answer of an expression that reads a member of a variable and does
/// nothing else, `$states.input.order.id`, as most are in a state machine.
/// `None` where the general way must be gone.
fn fields_only(
    program: &Program,
    bindings: &[(&str, Value)],
    limits: &Limits,
) -> Option<(Result<Option<Value>, EvaluationError>, u64)> {
    let Kind::Path { steps, keep_singleton: false } = &program.root.kind else { return None };
    let (first, fields) = steps.split_first()?;
    let Kind::Variable(symbol, _) = &first.kind else { return None };
    let fuel = steps.len() as u64 + 1;
    let is_plain = |node: &Node| node.is_plain() && !node.tuple;
    if !is_plain(&program.root) || !is_plain(first) || limits.depth_max < 2 || limits.fuel_max < fuel {
        return None;
    }
    let (_, mut value) =
        bindings.iter().rev().find(|(name, _)| *name == &*symbol.text).map(|(name, value)| (name, value))?;
    for step in fields {
        let Kind::Name(field) = &step.kind else { return None };
        let Value::Object(object) = value else { return None };
        value = crate::item::host_field(object, field).filter(|_| is_plain(step))?;
    }
    match value {
        Value::Array(_) => None,
        value => Some((Ok(Item::from_value(value).to_value()), fuel)),
    }
}

/// Symbols kept without an allocation.
const GLOBALS_FEW: usize = 8;

/// The values of variables from outside, by symbol.
struct Globals<'v> {
    few: [Item<'v>; GLOBALS_FEW],
    more: Vec<Item<'v>>,
}

impl<'v> Globals<'v> {
    fn new(count: usize) -> Globals<'v> {
        let mut more = Vec::new();
        if count > GLOBALS_FEW {
            more.resize(count - GLOBALS_FEW, Item::Undefined);
        }
        Globals { few: [const { Item::Undefined }; GLOBALS_FEW], more }
    }

    fn set(&mut self, symbol: u32, item: Item<'v>) {
        let symbol = symbol as usize;
        let place =
            if symbol < GLOBALS_FEW { self.few.get_mut(symbol) } else { self.more.get_mut(symbol - GLOBALS_FEW) };
        if let Some(place) = place {
            *place = item;
        }
    }

    #[inline]
    fn get(&self, symbol: u32) -> &Item<'v> {
        let symbol = symbol as usize;
        let place = if symbol < GLOBALS_FEW { self.few.get(symbol) } else { self.more.get(symbol - GLOBALS_FEW) };
        place.unwrap_or(&Item::Undefined)
    }
}

pub(crate) struct Evaluator<'v> {
    pub(crate) program: &'v Program,
    pub(crate) limits: &'v Limits,
    pub(crate) world: &'v World,
    depth: usize,
    fuel: u64,
    pub(crate) random: Random,
    /// What came in under the program's variables.
    globals: Globals<'v>,
    /// Frames that closures hold, emptied at the end.
    captured: Vec<Rc<Frame<'v>>>,
    /// The regular expressions used so far, by their place in the program.
    pub(crate) patterns: Vec<Option<Rc<Function<'v>>>>,
    spare_frames: Vec<Rc<Frame<'v>>>,
    spare_lists: Vec<Vec<Item<'v>>>,
}

impl<'v> Evaluator<'v> {
    /// Counts work done.
    #[inline]
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
    pub(crate) fn array(&mut self, items: Vec<Item<'v>>) -> Outcome<Array<'v>> {
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

    /// An array of items that one array holds already, each once at most: it
    /// is no bigger than that one and need not be measured.
    pub(crate) fn part(&mut self, items: Vec<Item<'v>>) -> Outcome<Array<'v>> {
        self.spend(items.len())?;
        let height = items.iter().map(|item| item.own_height() + 1).max().unwrap_or(0);
        Ok(Array::part(items, height))
    }

    pub(crate) fn list(&mut self, items: Vec<Item<'v>>) -> Outcome<Item<'v>> {
        self.array(items).map(Item::Array)
    }

    pub(crate) fn sequence(&mut self, items: Vec<Item<'v>>) -> Outcome<Item<'v>> {
        Ok(Item::Array(self.array(items)?.marked(SEQUENCE)))
    }

    /// What a sequence of the items stands for: nothing, the item, or an array.
    pub(crate) fn reduced(&mut self, mut items: Vec<Item<'v>>) -> Outcome<Item<'v>> {
        match items.len() {
            0 => Ok(Item::Undefined),
            1 => Ok(items.pop().unwrap_or(Item::Undefined)),
            _ => self.sequence(items),
        }
    }

    pub(crate) fn record(&mut self, members: Members<'v>) -> Outcome<Item<'v>> {
        self.spend(members.len())?;
        let mut measure = Measure { bytes: 1, height: 0 };
        for (key, item) in members.entries() {
            measure.bytes = measure.bytes.saturating_add(key.len());
            measure = measure.with(item.measure());
        }
        self.spend(measure.bytes / 256)?;
        self.check(measure)?;
        Ok(Item::Object(Record::own(members, measure)))
    }

    pub(crate) fn text(&mut self, text: impl Into<Text>) -> Outcome<Item<'v>> {
        let text = text.into();
        self.spend(text.len() / 16)?;
        self.check_text(text.len())?;
        Ok(Item::string(text))
    }

    /// Refuses a length before the text is made.
    pub(crate) fn check_text(&self, bytes: usize) -> Outcome<()> {
        if bytes > self.limits.string_chars_max {
            return limit(MEMORY_MESSAGE);
        }
        self.check_bytes(bytes)
    }

    /// A value made during the evaluation, as the expression's own.
    pub(crate) fn adopt(&mut self, value: Value) -> Outcome<Item<'v>> {
        self.spend(1)?;
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || self.adopt_parts(&value))
    }

    fn adopt_parts(&mut self, value: &Value) -> Outcome<Item<'v>> {
        Ok(match value {
            Value::Null => Item::Null,
            Value::Bool(value) => Item::Bool(*value),
            Value::Number(number) => Item::Number(crate::number::Num::from_value(number)),
            Value::String(text) => Item::string(text.clone()),
            Value::Array(items) => {
                let items = items.iter().map(|item| self.adopt(item.clone())).collect::<Outcome<Vec<_>>>()?;
                self.list(items)?
            }
            Value::Object(object) => {
                let mut members = Members::with_capacity(object.len());
                for (key, item) in object.iter() {
                    members.push(Str::from(key.clone()), self.adopt(item.clone())?);
                }
                self.record(members)?
            }
        })
    }

    fn capture(&mut self, frame: &Rc<Frame<'v>>) {
        if self.captured.last().is_some_and(|last| Rc::ptr_eq(last, frame)) {
            return;
        }
        self.captured.push(frame.clone());
    }

    /// A scope inside another.
    pub(crate) fn frame(&mut self, parent: &Rc<Frame<'v>>) -> Rc<Frame<'v>> {
        let frame = self.spare_frames.pop().unwrap_or_default();
        frame.parent.replace(Some(parent.clone()));
        frame
    }

    /// Takes back a scope that no closure holds.
    pub(crate) fn release(&mut self, frame: Rc<Frame<'v>>) {
        if Rc::strong_count(&frame) == 1 && self.spare_frames.len() < SPARE_MAX {
            frame.variables.borrow_mut().clear();
            frame.parent.take();
            self.spare_frames.push(frame);
        }
    }

    /// An empty list for arguments.
    pub(crate) fn spare_list(&mut self) -> Vec<Item<'v>> {
        self.spare_lists.pop().unwrap_or_default()
    }

    pub(crate) fn release_list(&mut self, mut list: Vec<Item<'v>>) {
        if self.spare_lists.len() < SPARE_MAX {
            list.clear();
            self.spare_lists.push(list);
        }
    }

    pub(crate) fn evaluate(&mut self, node: &'v Node, input: &Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Item<'v>> {
        // Literals and fields of the context are most of the leaves: no calls for them.
        match &node.kind {
            Kind::Number(value) if node.extra.is_none() => {
                self.enter_levels(1)?;
                return Ok(Item::Number(*value));
            }
            Kind::String(text) if node.extra.is_none() => {
                self.enter_levels(1)?;
                return Ok(Item::String(Str::Host(text)));
            }
            Kind::Path { steps, keep_singleton: false } if node.is_plain() => {
                if let [step] = steps.as_slice()
                    && let (Kind::Name(field), Item::Object(Record::Host(object))) = (&step.kind, input)
                    && step.is_plain()
                    && !step.tuple
                {
                    self.spend(1)?;
                    self.enter_levels(2)?;
                    return Ok(host_field(object, field).map_or(Item::Undefined, Item::from_value));
                }
            }
            _ => {}
        }
        self.enter()?;
        let result = if self.depth.is_multiple_of(crate::LEVELS_A_CHECK) {
            stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || self.finished(node, input, frame))
        } else {
            self.finished(node, input, frame)
        };
        self.depth -= 1;
        result
    }

    #[inline]
    fn finished(&mut self, node: &'v Node, input: &Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Item<'v>> {
        let item = self.evaluate_kind(node, input, frame)?;
        match &item {
            Item::Array(_) => self.finish(node, item, frame),
            _ if node.extra.is_some() => self.finish(node, item, frame),
            _ => Ok(item),
        }
    }

    #[inline]
    fn enter(&mut self) -> Outcome<()> {
        self.enter_levels(1)?;
        self.depth += 1;
        Ok(())
    }

    /// How much deeper evaluation may go.
    pub(crate) fn levels_left(&self) -> usize {
        self.limits.depth_max.saturating_sub(self.depth)
    }

    /// Counts a node evaluated without a call, so many levels down.
    #[inline]
    pub(crate) fn enter_levels(&mut self, levels: usize) -> Outcome<()> {
        self.spend(1)?;
        if self.depth + levels > self.limits.depth_max {
            return limit(STACK_MESSAGE);
        }
        Ok(())
    }

    /// Predicates and grouping on a node that is no step, then the sequence
    /// becomes what it stands for.
    #[inline(never)]
    fn finish(&mut self, node: &'v Node, mut item: Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Item<'v>> {
        for stage in node.predicates() {
            if let Stage::Filter(predicate) = stage {
                item = self.filter(predicate, item, frame)?;
            }
        }
        if let Some(pairs) = node.group()
            && !matches!(node.kind, Kind::Path { .. })
        {
            item = self.group(pairs, item, frame)?;
        }
        let Item::Array(array) = &mut item else { return Ok(item) };
        if !array.is(SEQUENCE) || array.is(TUPLE_STREAM) {
            return Ok(item);
        }
        if node.keep_array {
            array.flags |= KEEP_SINGLETON;
        }
        Ok(match array.len() {
            0 => Item::Undefined,
            1 if !array.is(KEEP_SINGLETON) => array.get(0).unwrap_or(Item::Undefined),
            _ => item,
        })
    }

    fn evaluate_kind(&mut self, node: &'v Node, input: &Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Item<'v>> {
        match &node.kind {
            Kind::Null => Ok(Item::Null),
            Kind::Bool(value) => Ok(Item::Bool(*value)),
            Kind::Number(value) => Ok(Item::Number(*value)),
            Kind::String(text) => Ok(Item::String(Str::Host(text))),
            Kind::Regex(pattern) => self.regex(pattern).map(Item::Function),
            Kind::Name(field) => self.field(input, field),
            Kind::Variable(symbol, builtin) => Ok(self.variable(symbol, *builtin, input, frame)),
            Kind::Wildcard => self.wildcard(input),
            Kind::Descendant => self.descendants(input),
            Kind::Parent(slot) => {
                let symbol = self.program.ancestors.get(*slot);
                Ok(symbol.and_then(|symbol| frame.lookup(*symbol)).unwrap_or(Item::Undefined))
            }
            Kind::Placeholder => Ok(Item::Undefined),
            Kind::Path { steps, keep_singleton } => self.path(node, steps, *keep_singleton, input, frame),
            Kind::Sort(terms) => self.sort(terms, input.clone(), frame),
            Kind::Bind(symbol, value) => {
                let value = self.evaluate(value, input, frame)?;
                frame.bind(symbol.id, value.clone());
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
            Kind::Record(pairs) => self.construct_object(pairs, input, frame),
            Kind::Call(call) if call.partial => self.partial(call, input, frame),
            Kind::Call(call) => self.call(call, None, input, frame),
            Kind::Lambda(lambda) => {
                self.check(Measure { bytes: 0, height: input.own_height() + 1 })?;
                self.capture(frame);
                let function = Function::Lambda { lambda, input: input.clone(), frame: frame.clone() };
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
                let function = Function::Transform { transform, frame: frame.clone() };
                Ok(Item::Function(Rc::new(function)))
            }
            Kind::Block(parts, false) => {
                let mut result = Item::Undefined;
                for part in parts {
                    result = self.evaluate(part, input, frame)?;
                }
                Ok(result)
            }
            Kind::Block(parts, true) => {
                let inner = self.frame(frame);
                let mut result = Item::Undefined;
                for part in parts {
                    result = self.evaluate(part, input, &inner)?;
                }
                self.release(inner);
                Ok(result)
            }
        }
    }

    /// What a variable came in with, or was bound to.
    pub(crate) fn bound(&self, symbol: u32, frame: &Frame<'v>) -> Option<Item<'v>> {
        if self.program.is_bound.get(symbol as usize) == Some(&true)
            && let Some(item) = frame.lookup(symbol)
        {
            return Some(item);
        }
        match self.globals.get(symbol) {
            Item::Undefined => None,
            item => Some(item.clone()),
        }
    }

    #[inline]
    pub(crate) fn variable(
        &self,
        symbol: &Symbol,
        builtin: Option<&'static Builtin>,
        input: &Item<'v>,
        frame: &Frame<'v>,
    ) -> Item<'v> {
        if symbol.id == CONTEXT {
            return match input {
                Item::Array(array) if array.is(WRAPS_INPUT) => array.get(0).unwrap_or(Item::Undefined),
                other => other.clone(),
            };
        }
        if let Some(item) = self.bound(symbol.id, frame) {
            return item;
        }
        builtin.map_or(Item::Undefined, |builtin| Item::Function(Rc::new(Function::Builtin(builtin))))
    }

    /// A field of an object, or of each object in an array.
    pub(crate) fn field(&mut self, input: &Item<'v>, field: &Field) -> Outcome<Item<'v>> {
        match input {
            Item::Object(record) => Ok(record.field(field)),
            Item::Array(array) => {
                self.spend(array.len())?;
                let mut found = Vec::new();
                for item in array.iter() {
                    match self.field(&item, field)? {
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

    #[inline(never)]
    fn wildcard(&mut self, input: &Item<'v>) -> Outcome<Item<'v>> {
        let unwrapped = match input {
            Item::Array(array) if array.is(WRAPS_INPUT) => array.get(0).unwrap_or(Item::Undefined),
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
        let array = self.array(found)?;
        let flags = if sequence || array.len() < 2 { SEQUENCE } else { 0 };
        Ok(Item::Array(array.marked(flags)))
    }

    pub(crate) fn flatten(&mut self, item: &Item<'v>, found: &mut Vec<Item<'v>>) -> Outcome<()> {
        self.spend(1)?;
        match item {
            Item::Array(array) => array.iter().try_for_each(|item| self.flatten(&item, found)),
            other => {
                found.push(other.clone());
                Ok(())
            }
        }
    }

    #[inline(never)]
    fn descendants(&mut self, input: &Item<'v>) -> Outcome<Item<'v>> {
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

    fn descend(&mut self, item: &Item<'v>, found: &mut Vec<Item<'v>>) -> Outcome<()> {
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

    #[inline(never)]
    fn construct_array(
        &mut self,
        node: &'v Node,
        items: &'v [Node],
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        let mut made = Vec::with_capacity(items.len());
        for item in items {
            let value = self.evaluate(item, input, frame)?;
            match value {
                Item::Undefined => {}
                Item::Array(array) if !matches!(item.kind, Kind::Array(_)) => {
                    self.spend(array.len())?;
                    made.extend(array.into_vec());
                }
                other => made.push(other),
            }
        }
        let flags = if node.constructs_array { CONSTRUCTED } else { 0 };
        Ok(Item::Array(self.array(made)?.marked(flags)))
    }

    /// An object of literal names, each another.
    #[inline(never)]
    fn construct_object(
        &mut self,
        pairs: &'v [(Node, Node)],
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        if matches!(input, Item::Array(_) | Item::Tuple(_)) {
            return self.group(pairs, input.clone(), frame);
        }
        if let Some(more) = pairs.len().checked_sub(1) {
            // The names are nodes like others.
            self.enter_levels(1)?;
            self.spend(more)?;
        }
        let mut members = Members::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Kind::String(name) = &key.kind else { continue };
            let item = self.evaluate(value, input, frame)?;
            if !item.is_undefined() {
                members.push(Str::Host(name), item);
            }
        }
        self.record(members)
    }

    /// A value in an error message: as JSON.
    pub(crate) fn shown(&mut self, item: &Item<'v>) -> String {
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
