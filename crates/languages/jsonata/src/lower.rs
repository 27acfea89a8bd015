//! Syntax to tree.

use std::collections::HashSet;

use windlass_value::Text;

use crate::builtins;
use crate::error::CompileError;
use crate::signature::Signature;
use crate::syntax::{Form, Syntax};
use crate::token::error;
use crate::tree::{Call, Extra, Field, Kind, Lambda, Node, Pattern, Program, Stage, Symbol, Transform};

pub(crate) fn lower(tree: Syntax) -> Result<Program, CompileError> {
    // The first three have fixed numbers: `$`, `$$` and a tuple's own item.
    let symbols = ["", "$", "@"].map(Text::from).to_vec();
    let mut lowering =
        Lowering { slots: Vec::new(), is_bound: vec![false; symbols.len()], symbols, patterns: 0, binds: 0, depth: 0 };
    let root = lowering.node(tree)?;
    if matches!(root.node.kind, Kind::Parent(_)) || !root.seeking.is_empty() {
        return Err(no_parent(root.node.position));
    }
    let labels: Vec<usize> = lowering.slots.iter().map(|slot| slot.label).collect();
    let ancestors = labels.into_iter().map(|label| lowering.bound(Text::from(format!("!{label}"))).id).collect();
    let Lowering { symbols, is_bound, patterns, .. } = lowering;
    Ok(Program { root: root.node, ancestors, symbols, is_bound, patterns })
}

fn no_parent(position: u32) -> CompileError {
    error("S0217", "The object representing the 'parent' cannot be derived from this expression", position as usize)
}

/// A `%` on its way to the step it names.
struct Slot {
    label: usize,
    /// Steps still to go up.
    level: usize,
}

/// A node with the ancestor slots nothing inside it has resolved yet.
struct Lowered {
    node: Node,
    seeking: Vec<usize>,
}

struct Lowering {
    slots: Vec<Slot>,
    symbols: Vec<Text>,
    /// Whether the expression itself binds the symbol somewhere.
    is_bound: Vec<bool>,
    patterns: usize,
    /// How many `:=` there were.
    binds: usize,
    /// Levels of the tree gone down.
    depth: usize,
}

fn plain(kind: Kind, position: usize) -> Node {
    // Sources are at most 1 MiB long.
    Node { kind, position: position as u32, keep_array: false, tuple: false, constructs_array: false, extra: None }
}

/// The place for what most nodes have not.
fn extra(node: &mut Node) -> &mut Extra {
    node.extra.get_or_insert_default()
}

fn last_step(node: &mut Node) -> (&mut Node, bool) {
    if matches!(&node.kind, Kind::Path { steps, .. } if !steps.is_empty()) {
        let Kind::Path { steps, .. } = &mut node.kind else { unreachable!("just matched") };
        let last = steps.len() - 1;
        return (&mut steps[last], true);
    }
    (node, false)
}

impl Lowering {
    fn symbol(&mut self, text: Text) -> Symbol {
        let id = self.symbols.iter().position(|known| *known == text).unwrap_or_else(|| {
            self.symbols.push(text.clone());
            self.is_bound.push(false);
            self.symbols.len() - 1
        });
        Symbol { id: id as u32, text }
    }

    /// A symbol where it is bound.
    fn bound(&mut self, text: Text) -> Symbol {
        let symbol = self.symbol(text);
        self.is_bound[symbol.id as usize] = true;
        symbol
    }

    /// Lowers a child and hands its open slots to the parent.
    fn child(&mut self, syntax: Syntax, seeking: &mut Vec<usize>) -> Result<Node, CompileError> {
        let lowered = self.node(syntax)?;
        self.adopt(&lowered.node, lowered.seeking, seeking);
        Ok(lowered.node)
    }

    fn adopt(&self, node: &Node, open: Vec<usize>, seeking: &mut Vec<usize>) {
        seeking.extend(open);
        if let Kind::Parent(slot) = node.kind {
            seeking.push(slot);
        }
    }

    fn children(&mut self, items: Vec<Syntax>, seeking: &mut Vec<usize>) -> Result<Vec<Node>, CompileError> {
        items.into_iter().map(|item| self.child(item, seeking)).collect()
    }

    fn pairs(
        &mut self,
        pairs: Vec<(Syntax, Syntax)>,
        seeking: &mut Vec<usize>,
    ) -> Result<Vec<(Node, Node)>, CompileError> {
        pairs.into_iter().map(|(key, value)| Ok((self.child(key, seeking)?, self.child(value, seeking)?))).collect()
    }

    fn node(&mut self, syntax: Syntax) -> Result<Lowered, CompileError> {
        self.depth += 1;
        let result = if self.depth.is_multiple_of(crate::LEVELS_A_CHECK) {
            stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || self.node_on_stack(syntax))
        } else {
            self.node_on_stack(syntax)
        };
        self.depth -= 1;
        result
    }

    fn node_on_stack(&mut self, syntax: Syntax) -> Result<Lowered, CompileError> {
        let Syntax { kind, position, keep_array, .. } = syntax;
        let mut seeking = Vec::new();
        let mut node = match kind {
            Form::Null => plain(Kind::Null, position),
            Form::Bool(value) => plain(Kind::Bool(value), position),
            Form::Number(value) => plain(Kind::Number(value), position),
            Form::String(text) => plain(Kind::String(text), position),
            Form::Regex(pattern, flags) => {
                self.patterns += 1;
                plain(Kind::Regex(Box::new(Pattern { pattern, flags, index: self.patterns - 1 })), position)
            }
            Form::Variable(name) => {
                let builtin = builtins::find(&name);
                plain(Kind::Variable(self.symbol(name), builtin), position)
            }
            Form::Wildcard => plain(Kind::Wildcard, position),
            Form::Descendant => plain(Kind::Descendant, position),
            Form::Placeholder => plain(Kind::Placeholder, position),
            Form::Name(name) => {
                let mut step = plain(Kind::Name(Field::new(name)), position);
                step.keep_array = keep_array;
                plain(Kind::Path { steps: vec![step], keep_singleton: keep_array }, position)
            }
            Form::Parent => {
                let slot = self.slots.len();
                self.slots.push(Slot { label: slot, level: 1 });
                plain(Kind::Parent(slot), position)
            }
            Form::Step(left, right) => return self.step(*left, *right, position, keep_array),
            Form::Predicate(left, right) => return self.predicate(*left, *right, keep_array),
            Form::OrderBy(left, terms) => return self.order_by(*left, terms, position, keep_array),
            Form::Group(left, pairs) => {
                let mut result = self.node(*left)?;
                if result.node.group().is_some() {
                    return Err(error("S0210", "Each step can only have one grouping expression", position));
                }
                // A `%` in a group's key or value names nothing.
                extra(&mut result.node).group = Some(self.pairs(pairs, &mut Vec::new())?);
                result.node.keep_array |= keep_array;
                return Ok(result);
            }
            Form::Focus(left, name) => {
                let mut result = self.node(*left)?;
                let (step, _) = last_step(&mut result.node);
                if !step.stages().is_empty() || !step.predicates().is_empty() {
                    let message = "A context variable binding must precede any predicates on a step";
                    return Err(error("S0215", message, position));
                }
                if matches!(step.kind, Kind::Sort(_)) {
                    let message = "A context variable binding must precede the 'order-by' clause on a step";
                    return Err(error("S0216", message, position));
                }
                step.keep_array |= keep_array;
                extra(step).focus = Some(self.bound(name));
                step.tuple = true;
                return Ok(result);
            }
            Form::Index(left, name) => {
                let mut result = self.node(*left)?;
                if !matches!(result.node.kind, Kind::Path { .. }) {
                    predicates_to_stages(&mut result.node);
                    let position = result.node.position as usize;
                    let step = result.node;
                    result.node = plain(Kind::Path { steps: vec![step], keep_singleton: false }, position);
                }
                let (step, _) = last_step(&mut result.node);
                let name = self.bound(name);
                if step.stages().is_empty() {
                    extra(step).index = Some(name);
                } else {
                    extra(step).stages.push(Stage::Index(name));
                }
                step.tuple = true;
                result.node.keep_array |= keep_array;
                return Ok(result);
            }
            Form::Bind(name, value) => {
                let value = self.child(*value, &mut seeking)?;
                self.binds += 1;
                plain(Kind::Bind(self.bound(name), Box::new(value)), position)
            }
            Form::Apply(left, right) => {
                let left = self.node(*left)?.node;
                let right = self.node(*right)?.node;
                let keep = left.keep_array || right.keep_array;
                let mut node = plain(Kind::Apply(Box::new(left), Box::new(right)), position);
                node.keep_array = keep;
                node
            }
            Form::Binary(operator, left, right) => {
                let left = self.child(*left, &mut seeking)?;
                let right = self.child(*right, &mut seeking)?;
                plain(Kind::Binary(operator, Box::new(left), Box::new(right)), position)
            }
            Form::Negate(operand) => {
                let operand = self.child(*operand, &mut seeking)?;
                match operand.kind {
                    Kind::Number(value) if operand.predicates().is_empty() => {
                        plain(Kind::Number(value.negate()), position)
                    }
                    _ => plain(Kind::Negate(Box::new(operand)), position),
                }
            }
            Form::Array(items) => plain(Kind::Array(self.children(items, &mut seeking)?), position),
            Form::Object(pairs) => {
                let pairs = self.pairs(pairs, &mut seeking)?;
                let kind = if has_literal_names(&pairs) { Kind::Record(pairs) } else { Kind::Object(pairs) };
                plain(kind, position)
            }
            Form::Call { procedure, arguments, partial } => {
                let arguments = self.children(arguments, &mut seeking)?;
                let procedure = self.node(*procedure)?.node;
                plain(Kind::Call(Box::new(Call { procedure, arguments, partial })), position)
            }
            Form::Lambda { parameters, signature, body } => {
                let signature = signature.map(|text| Signature::parse(&text, position)).transpose()?;
                let body = self.node(*body)?.node;
                let tail_calls = ends_in_call(&body);
                let parameters = parameters.into_iter().map(|name| self.bound(name)).collect();
                plain(Kind::Lambda(Box::new(Lambda { parameters, signature, body, tail_calls })), position)
            }
            Form::Condition { condition, then, otherwise } => {
                let condition = Box::new(self.child(*condition, &mut seeking)?);
                let then = Box::new(self.child(*then, &mut seeking)?);
                let otherwise = match otherwise {
                    Some(node) => Some(Box::new(self.child(*node, &mut seeking)?)),
                    None => None,
                };
                plain(Kind::Condition { condition, then, otherwise }, position)
            }
            Form::Coalesce(left, right) => {
                let left = Box::new(self.child(*left, &mut seeking)?);
                let right = Box::new(self.child(*right, &mut seeking)?);
                plain(Kind::Coalesce(left, right), position)
            }
            Form::Default(left, right) => {
                let left = Box::new(self.child(*left, &mut seeking)?);
                let right = Box::new(self.child(*right, &mut seeking)?);
                plain(Kind::Default(left, right), position)
            }
            Form::Transform { pattern, update, delete } => {
                let pattern = self.node(*pattern)?.node;
                let update = self.node(*update)?.node;
                let delete = delete.map(|node| self.node(*node)).transpose()?.map(|lowered| lowered.node);
                plain(Kind::Transform(Box::new(Transform { pattern, update, delete })), position)
            }
            Form::Block(parts) => {
                let binds = self.binds;
                let parts = self.children(parts, &mut seeking)?;
                let constructs = parts.iter().any(|part| {
                    part.constructs_array
                        || matches!(&part.kind, Kind::Path { steps, .. } if steps.first().is_some_and(|s| s.constructs_array))
                });
                let mut node = plain(Kind::Block(parts, self.binds > binds), position);
                node.constructs_array = constructs;
                node
            }
        };
        node.keep_array |= keep_array;
        Ok(Lowered { node, seeking })
    }

    fn step(
        &mut self,
        left: Syntax,
        right: Syntax,
        position: usize,
        keep_array: bool,
    ) -> Result<Lowered, CompileError> {
        let Lowered { node: left, mut seeking } = self.node(left)?;
        let (mut steps, mut keep_singleton) = (Vec::new(), false);
        let mut path = plain(Kind::Null, position);
        if let Kind::Parent(slot) = left.kind {
            seeking = vec![slot];
        }
        match left {
            Node { kind: Kind::Path { steps: own, keep_singleton: keep }, .. } => {
                path.extra = left.extra;
                path.keep_array = left.keep_array;
                path.tuple = left.tuple;
                path.position = left.position;
                (steps, keep_singleton) = (own, keep);
            }
            other => steps.push(other),
        }
        let rest = self.node(right)?;
        let mut last_seeking = rest.seeking;
        match rest.node {
            Node { kind: Kind::Path { steps: more, keep_singleton: keep }, extra: own, .. } => {
                // The right side's own grouping and predicates stay with its last step.
                keep_singleton |= keep;
                steps.extend(more);
                if let (Some(last), Some(own)) = (steps.last_mut(), own) {
                    let Extra { group, predicates, .. } = *own;
                    if group.is_some() {
                        extra(last).group = group;
                    }
                    if !predicates.is_empty() {
                        extra(last).stages.extend(predicates);
                    }
                }
            }
            mut step => {
                predicates_to_stages(&mut step);
                steps.push(step);
            }
        }
        for step in &mut steps {
            let shown = match &step.kind {
                Kind::Number(value) => value.to_text(),
                Kind::Bool(value) => value.to_string(),
                Kind::Null => "null".to_owned(),
                Kind::String(text) => {
                    step.kind = Kind::Name(Field::new(text.clone()));
                    continue;
                }
                _ => continue,
            };
            let message = format!("The literal value {shown} cannot be used as a step within a path expression");
            return Err(error("S0213", message, step.position as usize));
        }
        keep_singleton |= steps.iter().any(|step| step.keep_array);
        for index in [0, steps.len() - 1] {
            if matches!(steps[index].kind, Kind::Array(_)) {
                steps[index].constructs_array = true;
            }
        }
        self.resolve(&mut steps, &mut last_seeking, &mut seeking)?;
        path.kind = Kind::Path { steps, keep_singleton };
        path.keep_array |= keep_array;
        Ok(Lowered { node: path, seeking })
    }

    fn predicate(&mut self, left: Syntax, right: Syntax, keep_array: bool) -> Result<Lowered, CompileError> {
        let mut result = self.node(left)?;
        let mut predicate = self.node(right)?;
        let position = predicate.node.position as usize;
        let (step, is_step) = last_step(&mut result.node);
        if step.group().is_some() {
            return Err(error("S0209", "A predicate cannot follow a grouping expression in a step", position));
        }
        if let Kind::Parent(slot) = predicate.node.kind {
            predicate.seeking.push(slot);
        }
        for slot in &predicate.seeking {
            if self.slots[*slot].level == 1 {
                self.seek(step, *slot)?;
            } else {
                self.slots[*slot].level -= 1;
            }
        }
        let stage = Stage::Filter(predicate.node);
        if is_step {
            extra(step).stages.push(stage);
        } else {
            extra(step).predicates.push(stage);
        }
        // Slots above the step are sought further when the path is closed.
        result.seeking.extend(predicate.seeking.iter().filter(|slot| self.slots[**slot].level > 0));
        if keep_array {
            step.keep_array = true;
            if let Kind::Path { keep_singleton, .. } = &mut result.node.kind {
                *keep_singleton = true;
            }
        }
        Ok(result)
    }

    fn order_by(
        &mut self,
        left: Syntax,
        terms: Vec<(bool, Syntax)>,
        position: usize,
        keep_array: bool,
    ) -> Result<Lowered, CompileError> {
        let mut result = self.node(left)?;
        if !matches!(result.node.kind, Kind::Path { .. }) {
            let position = result.node.position as usize;
            result.node = plain(Kind::Path { steps: vec![result.node], keep_singleton: false }, position);
        }
        let mut open = Vec::new();
        let terms = terms
            .into_iter()
            .map(|(descending, term)| Ok((descending, self.child(term, &mut open)?)))
            .collect::<Result<Vec<_>, CompileError>>()?;
        let mut seeking = result.seeking;
        if let Kind::Path { steps, .. } = &mut result.node.kind {
            steps.push(plain(Kind::Sort(terms), position));
            self.resolve(steps, &mut open, &mut seeking)?;
        }
        result.node.keep_array |= keep_array;
        Ok(Lowered { node: result.node, seeking })
    }

    /// Walks the open slots of a path's last step up its steps; what passes the
    /// first one stays open for the path.
    fn resolve(
        &mut self,
        steps: &mut [Node],
        open: &mut Vec<usize>,
        seeking: &mut Vec<usize>,
    ) -> Result<(), CompileError> {
        if let Some(Node { kind: Kind::Parent(slot), .. }) = steps.last() {
            open.push(*slot);
        }
        for slot in open.drain(..) {
            let mut index = steps.len() - 1;
            while self.slots[slot].level > 0 {
                if index == 0 {
                    seeking.push(slot);
                    break;
                }
                index -= 1;
                // Steps that bind a focus keep their input: they are one level.
                while index > 0 && steps[index].focus().is_some() && steps[index - 1].focus().is_some() {
                    index -= 1;
                }
                self.seek(&mut steps[index], slot)?;
            }
        }
        Ok(())
    }

    fn seek(&mut self, node: &mut Node, slot: usize) -> Result<(), CompileError> {
        match &mut node.kind {
            Kind::Name(_) | Kind::Wildcard => {
                self.slots[slot].level -= 1;
                if self.slots[slot].level == 0 {
                    match node.ancestor() {
                        Some(first) => self.slots[slot].label = self.slots[first].label,
                        None => extra(node).ancestor = Some(slot),
                    }
                    node.tuple = true;
                }
            }
            Kind::Parent(_) => self.slots[slot].level += 1,
            Kind::Block(parts, _) => {
                if let Some(last) = parts.last_mut() {
                    node.tuple = true;
                    self.seek(last, slot)?;
                }
            }
            Kind::Path { steps, .. } => {
                node.tuple = true;
                let mut index = steps.len();
                while index > 0 {
                    index -= 1;
                    self.seek(&mut steps[index], slot)?;
                    if self.slots[slot].level == 0 {
                        break;
                    }
                }
            }
            _ => return Err(no_parent(node.position)),
        }
        Ok(())
    }
}

fn has_literal_names(pairs: &[(Node, Node)]) -> bool {
    let mut names = HashSet::with_capacity(pairs.len());
    pairs.iter().all(|(key, _)| match &key.kind {
        Kind::String(name) => key.is_plain() && names.insert(&**name),
        _ => false,
    })
}

/// Filters on a value become filters on a step.
fn predicates_to_stages(node: &mut Node) {
    if let Some(extra) = &mut node.extra {
        extra.stages.append(&mut extra.predicates);
    }
}

fn ends_in_call(body: &Node) -> bool {
    match &body.kind {
        Kind::Call(call) => !call.partial && body.predicates().is_empty(),
        Kind::Condition { then, otherwise, .. } => {
            ends_in_call(then) || otherwise.as_ref().is_some_and(|node| ends_in_call(node))
        }
        Kind::Block(parts, _) => parts.last().is_some_and(ends_in_call),
        _ => false,
    }
}
