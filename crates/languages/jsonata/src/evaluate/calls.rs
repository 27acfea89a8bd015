//! Calling functions; calls in tail position are made by a loop.

use std::rc::Rc;

use super::{Evaluator, Outcome, fail};
use crate::builtins::{self, Builtin};
use crate::functions::Function;
use crate::item::{Frame, Item, Measure};
use crate::tree::{Call, Kind, Lambda, Node};

/// What a function's body came to.
pub(super) enum Ending<'v> {
    Value(Item<'v>),
    /// A call in tail position, still to be made.
    Call {
        call: &'v Call,
        input: Item<'v>,
        frame: Rc<Frame<'v>>,
    },
}

impl<'v> Evaluator<'v> {
    #[inline(never)]
    pub(super) fn application(
        &mut self,
        left: &'v Node,
        right: &'v Node,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        let value = self.evaluate(left, input, frame)?;
        if let Kind::Call(call) = &right.kind
            && !call.partial
        {
            let item = self.call(call, Some(value), input, frame)?;
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

    fn arguments(
        &mut self,
        nodes: &'v [Node],
        first: Option<Item<'v>>,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Vec<Item<'v>>> {
        let mut arguments = self.spare_list();
        arguments.extend(first);
        for node in nodes {
            let item = self.evaluate(node, input, frame)?;
            arguments.push(item);
        }
        Ok(arguments)
    }

    /// The built-in function a call names, where nothing else has its name.
    fn builtin(&self, node: &'v Node) -> Option<&'static Builtin> {
        match &node.kind {
            Kind::Variable(symbol, Some(builtin))
                if node.extra.is_none()
                    && !self.program.is_bound[symbol.id as usize]
                    && self.globals.get(symbol.id).is_undefined() =>
            {
                Some(builtin)
            }
            _ => None,
        }
    }

    fn procedure(
        &mut self,
        node: &'v Node,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
        partial: bool,
    ) -> Outcome<Rc<Function<'v>>> {
        let item = self.evaluate(node, input, frame)?;
        if let Item::Function(function) = item {
            return Ok(function);
        }
        let name = procedure_name(node);
        let is_path = matches!(node.kind, Kind::Path { .. });
        let is_known = || {
            let is_bound = self.program.symbol(name).is_some_and(|symbol| self.bound(symbol, frame).is_some());
            is_bound || builtins::find(name).is_some()
        };
        if item.is_undefined() && is_path && is_known() {
            let (code, what) = if partial { ("T1007", "partially apply") } else { ("T1005", "invoke") };
            return fail(code, format!("Attempted to {what} a non-function. Did you mean ${name}?"));
        }
        if partial {
            return fail("T1008", "Attempted to partially apply a non-function");
        }
        fail("T1006", "Attempted to invoke a non-function")
    }

    #[inline(never)]
    pub(super) fn call(
        &mut self,
        call: &'v Call,
        first: Option<Item<'v>>,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        if let Some(builtin) = self.builtin(&call.procedure) {
            // The name of the function is a node like others.
            self.enter_levels(1)?;
            let arguments = self.arguments(&call.arguments, first, input, frame)?;
            self.spend(1)?;
            return builtins::call(self, builtin, arguments, input, Some(procedure_name(&call.procedure)));
        }
        let function = self.procedure(&call.procedure, input, frame, false)?;
        let arguments = self.arguments(&call.arguments, first, input, frame)?;
        self.apply(&function, arguments, input, Some(procedure_name(&call.procedure)))
    }

    #[inline(never)]
    pub(super) fn partial(&mut self, call: &'v Call, input: &Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Item<'v>> {
        let mut given = Vec::with_capacity(call.arguments.len());
        let mut height = 0;
        for node in &call.arguments {
            given.push(match node.kind {
                Kind::Placeholder => None,
                _ => {
                    let item = self.evaluate(node, input, frame)?;
                    height = height.max(item.own_height());
                    Some(item)
                }
            });
        }
        let function = self.procedure(&call.procedure, input, frame, true)?;
        let height = height.max(function.height()) + 1;
        self.check(Measure { bytes: 0, height })?;
        Ok(Item::Function(Rc::new(Function::Partial { function, arguments: given, height })))
    }

    /// Calls a function. `name` is what error messages call it.
    pub(crate) fn apply(
        &mut self,
        function: &Function<'v>,
        arguments: Vec<Item<'v>>,
        input: &Item<'v>,
        name: Option<&str>,
    ) -> Outcome<Item<'v>> {
        self.spend(1)?;
        match function {
            Function::Builtin(builtin) => builtins::call(self, builtin, arguments, input, name),
            Function::Lambda { lambda, input: own, frame } => self.apply_lambda(lambda, own, frame, arguments, input),
            // The others call functions without a node between: the stack is looked at.
            _ => stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || {
                self.apply_other(function, arguments, input, name)
            }),
        }
    }

    fn apply_other(
        &mut self,
        function: &Function<'v>,
        arguments: Vec<Item<'v>>,
        input: &Item<'v>,
        name: Option<&str>,
    ) -> Outcome<Item<'v>> {
        match function {
            Function::Builtin(_) | Function::Lambda { .. } => self.apply(function, arguments, input, name),
            Function::Transform { transform, frame } => {
                let target = arguments.into_iter().next().unwrap_or(Item::Undefined);
                self.transform(transform, frame, target)
            }
            Function::Partial { function, arguments: given, .. } => {
                let mut late = arguments.into_iter();
                let mut all: Vec<Item<'v>> = given
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
        }
    }

    #[inline(never)]
    fn apply_lambda(
        &mut self,
        lambda: &'v Lambda,
        own: &Item<'v>,
        closure: &Rc<Frame<'v>>,
        mut arguments: Vec<Item<'v>>,
        input: &Item<'v>,
    ) -> Outcome<Item<'v>> {
        if !lambda.tail_calls {
            if let Some(signature) = &lambda.signature {
                arguments = builtins::validate(self, signature, arguments, input, None)?;
            }
            let inner = self.enter_lambda(lambda, closure, arguments);
            let result = self.evaluate(&lambda.body, own, &inner);
            self.release(inner);
            return result;
        }
        let (mut lambda, mut own, mut closure) = (lambda, own.clone(), closure.clone());
        let mut call_input = input.clone();
        loop {
            if let Some(signature) = &lambda.signature {
                arguments = builtins::validate(self, signature, arguments, &call_input, None)?;
            }
            let inner = self.enter_lambda(lambda, &closure, arguments);
            if !lambda.tail_calls {
                let result = self.evaluate(&lambda.body, &own, &inner);
                self.release(inner);
                return result;
            }
            let (call, tail_input, tail_frame) = match self.tail(&lambda.body, &own, &inner)? {
                Ending::Value(item) => {
                    self.release(inner);
                    return Ok(item);
                }
                Ending::Call { call, input, frame } => (call, input, frame),
            };
            let function = self.procedure(&call.procedure, &tail_input, &tail_frame, false)?;
            arguments = self.arguments(&call.arguments, None, &tail_input, &tail_frame)?;
            match &*function {
                Function::Lambda { lambda: next, input: next_own, frame } => {
                    self.spend(1)?;
                    lambda = next;
                    own = next_own.clone();
                    closure = frame.clone();
                    call_input = tail_input;
                }
                _ => return self.apply(&function, arguments, &tail_input, Some(procedure_name(&call.procedure))),
            }
            self.release(tail_frame);
            self.release(inner);
        }
    }

    /// The scope of a function's body: its parameters.
    fn enter_lambda(
        &mut self,
        lambda: &'v Lambda,
        closure: &Rc<Frame<'v>>,
        mut arguments: Vec<Item<'v>>,
    ) -> Rc<Frame<'v>> {
        let inner = self.frame(closure);
        {
            let mut variables = inner.variables.borrow_mut();
            let mut given = arguments.drain(..);
            for parameter in &lambda.parameters {
                variables.push((parameter.id, given.next().unwrap_or(Item::Undefined)));
            }
        }
        self.release_list(arguments);
        inner
    }

    /// Evaluates a body up to the call it ends in.
    fn tail(&mut self, node: &'v Node, input: &Item<'v>, frame: &Rc<Frame<'v>>) -> Outcome<Ending<'v>> {
        let is_plain = node.predicates().is_empty() && node.group().is_none() && !node.keep_array;
        if !is_plain {
            return self.evaluate(node, input, frame).map(Ending::Value);
        }
        match &node.kind {
            Kind::Call(call) if !call.partial => Ok(Ending::Call { call, input: input.clone(), frame: frame.clone() }),
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
            Kind::Block(parts, _) => {
                self.enter()?;
                let inner = self.frame(frame);
                let Some((last, first)) = parts.split_last() else {
                    self.depth -= 1;
                    return Ok(Ending::Value(Item::Undefined));
                };
                for part in first {
                    self.evaluate(part, input, &inner)?;
                }
                let result = self.tail(last, input, &inner);
                self.depth -= 1;
                self.release(inner);
                result
            }
            _ => self.evaluate(node, input, frame).map(Ending::Value),
        }
    }
}

fn procedure_name(node: &Node) -> &str {
    match &node.kind {
        Kind::Variable(symbol, _) => &symbol.text,
        Kind::Name(field) => &field.name,
        Kind::Path { steps, .. } => steps.first().map_or("", procedure_name),
        _ => "",
    }
}
