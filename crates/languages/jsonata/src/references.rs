//! What an expression refers to: variables it does not bind itself, members of
//! `$states`, and references that need a context item where there is none.

use windlass_value::Text;

use crate::builtins;
use crate::error::UnsupportedReference;
use crate::tree::{Kind, Node, Program, Stage};

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
    bound: Vec<Text>,
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

    fn variable(&mut self, name: &str, has_context: bool) {
        match name {
            "" if !has_context => self.refuse("$"),
            "" => {}
            "$" => self.refuse("$$"),
            _ if self.bound.iter().any(|bound| &**bound == name) => {}
            _ if builtins::find(name).is_some() => {}
            _ => add(&mut self.found.variables, name),
        }
    }

    fn stages(&mut self, stages: &[Stage]) {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => self.node(predicate, true),
                Stage::Index(name) => self.bound.push(name.clone()),
            }
        }
    }

    /// `has_context`: whether a name here would be read from an item.
    fn node(&mut self, node: &Node, has_context: bool) {
        let depth = self.bound.len();
        match &node.kind {
            Kind::Variable(name) => self.variable(name, has_context),
            Kind::Name(name) if !has_context => self.refuse(name),
            Kind::Path { steps, .. } => {
                for (index, step) in steps.iter().enumerate() {
                    if let (Kind::Variable(name), Some(Node { kind: Kind::Name(member), .. })) =
                        (&step.kind, steps.get(index + 1))
                        && &**name == "states"
                        && !self.bound.iter().any(|bound| &**bound == "states")
                    {
                        add(&mut self.found.states_members, member);
                    }
                    self.node(step, has_context || index > 0);
                    self.bound.extend(step.focus.iter().chain(&step.index).cloned());
                }
            }
            Kind::Sort(terms) => terms.iter().for_each(|(_, term)| self.node(term, true)),
            Kind::Bind(name, value) => {
                if matches!(value.kind, Kind::Lambda(_)) {
                    self.bound.push(name.clone());
                    self.node(value, has_context);
                } else {
                    self.node(value, has_context);
                    self.bound.push(name.clone());
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
            Kind::Block(parts) => {
                parts.iter().for_each(|part| self.node(part, has_context));
                self.bound.truncate(depth);
            }
            Kind::Object(pairs) => pairs.iter().for_each(|(key, value)| {
                self.node(key, has_context);
                self.node(value, has_context);
            }),
            Kind::Call { procedure, arguments, .. } => {
                self.node(procedure, has_context);
                arguments.iter().for_each(|argument| self.node(argument, has_context));
            }
            Kind::Lambda(lambda) => {
                self.bound.extend(lambda.parameters.iter().cloned());
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
        self.stages(&node.predicates);
        self.stages(&node.stages);
        for (key, value) in node.group.iter().flatten() {
            self.node(key, true);
            self.node(value, true);
        }
        if matches!(node.kind, Kind::Path { .. }) {
            self.bound.truncate(depth);
        }
    }
}
