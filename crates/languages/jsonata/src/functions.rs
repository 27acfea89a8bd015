//! Functions as values.

use std::rc::Rc;
use std::sync::Arc;

use windlass_value::Text;

use crate::builtins::Builtin;
use crate::item::{Frame, Item};
use crate::tree::{Lambda, Transform};

#[derive(Debug)]
pub(crate) enum Function {
    Builtin(&'static Builtin),
    Lambda {
        lambda: Arc<Lambda>,
        input: Item,
        frame: Rc<Frame>,
    },
    Transform {
        transform: Arc<Transform>,
        frame: Rc<Frame>,
    },
    /// Some arguments given; the `None`s are still to come.
    Partial {
        function: Rc<Function>,
        arguments: Vec<Option<Item>>,
        height: u32,
    },
    /// `$f ~> $g`
    Composition {
        first: Rc<Function>,
        second: Rc<Function>,
        height: u32,
    },
    Regex(Rc<regex::Regex>),
    /// `next` of a match: searches on from a byte offset.
    NextMatch {
        pattern: Rc<regex::Regex>,
        text: Text,
        from: usize,
    },
}

impl Function {
    /// Levels of functions inside functions.
    pub(crate) fn height(&self) -> u32 {
        match self {
            Function::Partial { height, .. } | Function::Composition { height, .. } => *height,
            Function::Lambda { input, .. } => input.own_height() + 1,
            _ => 0,
        }
    }

    /// How many arguments a callback wants.
    pub(crate) fn arity(&self) -> usize {
        match self {
            Function::Builtin(builtin) => builtin.arity,
            Function::Lambda { lambda, .. } => lambda.parameters.len(),
            Function::Partial { arguments, .. } => arguments.iter().filter(|argument| argument.is_none()).count(),
            Function::Regex(_) => 2,
            Function::NextMatch { .. } => 0,
            Function::Transform { .. } | Function::Composition { .. } => 1,
        }
    }
}
