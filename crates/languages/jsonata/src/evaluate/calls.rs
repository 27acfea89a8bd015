//! Calling functions; calls in tail position are made by a loop.

use std::rc::Rc;

use super::{Evaluator, Outcome, fail};
use crate::builtins;
use crate::functions::Function;
use crate::item::{Frame, Item, Measure};
use crate::tree::{Kind, Lambda, Node};

/// What a function's body came to.
pub(super) enum Ending<'n> {
    Value(Item),
    /// A call in tail position, still to be made.
    Call {
        procedure: &'n Node,
        arguments: &'n [Node],
        input: Item,
        frame: Rc<Frame>,
    },
}

impl Evaluator<'_> {
    pub(super) fn application(&mut self, left: &Node, right: &Node, input: &Item, frame: &Rc<Frame>) -> Outcome<Item> {
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

    pub(super) fn arguments(
        &mut self,
        nodes: &[Node],
        first: Option<Item>,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Outcome<Vec<Item>> {
        let mut arguments = Vec::with_capacity(nodes.len() + 1);
        arguments.extend(first);
        for node in nodes {
            arguments.push(self.evaluate(node, input, frame)?);
        }
        Ok(arguments)
    }

    pub(super) fn procedure(
        &mut self,
        node: &Node,
        input: &Item,
        frame: &Rc<Frame>,
        partial: bool,
    ) -> Outcome<Rc<Function>> {
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

    pub(super) fn call(
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

    pub(super) fn partial(
        &mut self,
        procedure: &Node,
        arguments: &[Node],
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Outcome<Item> {
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

    pub(super) fn apply_lambda(
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
    pub(super) fn tail<'n>(&mut self, node: &'n Node, input: &Item, frame: &Rc<Frame>) -> Outcome<Ending<'n>> {
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
}

fn procedure_name(node: &Node) -> &str {
    match &node.kind {
        Kind::Variable(name) | Kind::Name(name) => name,
        Kind::Path { steps, .. } => steps.first().map_or("", procedure_name),
        _ => "",
    }
}
