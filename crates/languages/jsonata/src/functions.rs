//! Functions as values.

use std::rc::Rc;

use crate::builtins::Builtin;
use crate::item::{Frame, Item, Str};
use crate::tree::{Lambda, Transform};

#[derive(Debug)]
pub(crate) enum Function<'v> {
    Builtin(&'static Builtin),
    Lambda {
        lambda: &'v Lambda,
        input: Item<'v>,
        frame: Rc<Frame<'v>>,
    },
    Transform {
        transform: &'v Transform,
        frame: Rc<Frame<'v>>,
    },
    /// Some arguments given; the `None`s are still to come.
    Partial {
        function: Rc<Function<'v>>,
        arguments: Vec<Option<Item<'v>>>,
        height: u32,
    },
    /// `$f ~> $g`
    Composition {
        first: Rc<Function<'v>>,
        second: Rc<Function<'v>>,
        height: u32,
    },
    Regex(Rc<regex::Regex>),
    /// `next` of a match: searches on from a byte offset.
    NextMatch {
        pattern: Rc<regex::Regex>,
        text: Str<'v>,
        from: usize,
    },
}

impl Function<'_> {
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
