//! What an expression refers to: variables it does not bind itself, members of
//! `$states`, and references that need a context item where there is none.

use crate::error::UnsupportedReference;
use crate::tree::{Kind, Node, Program, Stage, Symbol};

#[derive(Debug, Default)]
pub(crate) struct References {
    pub(crate) variables: Vec<String>,
    pub(crate) states_members: Vec<String>,
    pub(crate) unsupported: Vec<UnsupportedReference>,
}

pub(crate) fn collect(program: &Program) -> References {
    let mut walk = Walk { found: References::default(), bound: Vec::new() };
    walk.node(&program.root, false);
    walk.found
}

struct Walk {
    found: References,
    /// Names bound here, innermost last.
    bound: Vec<u32>,
}

fn add(list: &mut Vec<String>, name: &str) {
    if !list.iter().any(|known| known == name) {
        list.push(name.to_owned());
    }
}

impl Walk {
    fn refuse(&mut self, name: &str) {
        if !self.found.unsupported.iter().any(|known| known.name == name) {
            self.found.unsupported.push(UnsupportedReference { name: name.to_owned() });
        }
    }

    fn variable(&mut self, symbol: &Symbol, builtin: bool, has_context: bool) {
        match &*symbol.text {
            "" if !has_context => self.refuse("$"),
            "" => {}
            "$" => self.refuse("$$"),
            _ if builtin || self.bound.contains(&symbol.id) => {}
            name => add(&mut self.found.variables, name),
        }
    }

    fn stages(&mut self, stages: &[Stage]) {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => self.node(predicate, true),
                Stage::Index(name) => self.bound.push(name.id),
            }
        }
    }

    /// `has_context`: whether a name here would be read from an item.
    fn node(&mut self, node: &Node, has_context: bool) {
        let depth = self.bound.len();
        match &node.kind {
            Kind::Variable(symbol, builtin) => self.variable(symbol, builtin.is_some(), has_context),
            Kind::Name(field) if !has_context => self.refuse(&field.name),
            Kind::Path { steps, .. } => {
                for (index, step) in steps.iter().enumerate() {
                    if let (Kind::Variable(symbol, _), Some(Node { kind: Kind::Name(member), .. })) =
                        (&step.kind, steps.get(index + 1))
                        && &*symbol.text == "states"
                        && !self.bound.contains(&symbol.id)
                    {
                        add(&mut self.found.states_members, &member.name);
                    }
                    self.node(step, has_context || index > 0);
                    self.bound.extend(step.focus().into_iter().chain(step.index()).map(|symbol| symbol.id));
                }
            }
            Kind::Sort(terms) => terms.iter().for_each(|(_, term)| self.node(term, true)),
            Kind::Bind(name, value) => {
                if matches!(value.kind, Kind::Lambda(_)) {
                    self.bound.push(name.id);
                    self.node(value, has_context);
                } else {
                    self.node(value, has_context);
                    self.bound.push(name.id);
                }
                // The name lives on in the enclosing block.
                return;
            }
            Kind::Apply(a, b) | Kind::Binary(_, a, b) | Kind::Coalesce(a, b) | Kind::Default(a, b) => {
                self.node(a, has_context);
                self.node(b, has_context);
            }
            Kind::Negate(operand) => self.node(operand, has_context),
            Kind::Array(items) => items.iter().for_each(|item| self.node(item, has_context)),
            Kind::Block(parts, _) => {
                parts.iter().for_each(|part| self.node(part, has_context));
                self.bound.truncate(depth);
            }
            Kind::Object(pairs) | Kind::Record(pairs) => pairs.iter().for_each(|(key, value)| {
                self.node(key, has_context);
                self.node(value, has_context);
            }),
            Kind::Call(call) => {
                self.node(&call.procedure, has_context);
                call.arguments.iter().for_each(|argument| self.node(argument, has_context));
            }
            Kind::Lambda(lambda) => {
                self.bound.extend(lambda.parameters.iter().map(|symbol| symbol.id));
                self.node(&lambda.body, true);
                self.bound.truncate(depth);
            }
            Kind::Condition { condition, then, otherwise } => {
                self.node(condition, has_context);
                self.node(then, has_context);
                if let Some(otherwise) = otherwise {
                    self.node(otherwise, has_context);
                }
            }
            Kind::Transform(transform) => {
                self.node(&transform.pattern, true);
                self.node(&transform.update, true);
                if let Some(delete) = &transform.delete {
                    self.node(delete, true);
                }
            }
            _ => {}
        }
        self.stages(node.predicates());
        self.stages(node.stages());
        for (key, value) in node.group().into_iter().flatten() {
            self.node(key, true);
            self.node(value, true);
        }
        if matches!(node.kind, Kind::Path { .. }) {
            self.bound.truncate(depth);
        }
    }
}
