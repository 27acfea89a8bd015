//! The tree that is evaluated: paths flattened into steps, predicates attached,
//! ancestors (`%`) resolved to the steps they name, variables numbered, tail
//! calls marked.

use std::sync::atomic::AtomicU32;

use windlass_value::Text;

use crate::builtins::Builtin;
use crate::number::Num;
use crate::signature::Signature;
use crate::syntax::Operator;

/// A variable's name and its number in the program.
#[derive(Clone, Debug)]
pub(crate) struct Symbol {
    pub(crate) id: u32,
    pub(crate) text: Text,
}

/// `$`, the context item.
pub(crate) const CONTEXT: u32 = 0;
/// `$$`, the input.
pub(crate) const INPUT: u32 = 1;
/// What a tuple keeps its own item under; no variable can be called so.
pub(crate) const SELF: u32 = 2;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Byte offset in the source.
    pub(crate) position: u32,
    pub(crate) keep_array: bool,
    /// Takes part in a tuple stream.
    pub(crate) tuple: bool,
    /// An array constructor at an end of a path, or a block of one.
    pub(crate) constructs_array: bool,
    /// What most nodes have not.
    pub(crate) extra: Option<Box<Extra>>,
}

/// What may be attached to a node.
#[derive(Debug, Default)]
pub(crate) struct Extra {
    /// Filters on the value of a node that is no step.
    pub(crate) predicates: Vec<Stage>,
    /// Filters and index bindings on a step.
    pub(crate) stages: Vec<Stage>,
    /// `{key: value}` after the node.
    pub(crate) group: Option<Vec<(Node, Node)>>,
    /// `@$name`
    pub(crate) focus: Option<Symbol>,
    /// `#$name`
    pub(crate) index: Option<Symbol>,
    /// The ancestor slot this step's input is kept under.
    pub(crate) ancestor: Option<usize>,
}

impl Node {
    pub(crate) fn stages(&self) -> &[Stage] {
        self.extra.as_ref().map_or(&[], |extra| &extra.stages)
    }

    pub(crate) fn predicates(&self) -> &[Stage] {
        self.extra.as_ref().map_or(&[], |extra| &extra.predicates)
    }

    pub(crate) fn group(&self) -> Option<&[(Node, Node)]> {
        self.extra.as_ref().and_then(|extra| extra.group.as_deref())
    }

    pub(crate) fn focus(&self) -> Option<&Symbol> {
        self.extra.as_ref().and_then(|extra| extra.focus.as_ref())
    }

    pub(crate) fn index(&self) -> Option<&Symbol> {
        self.extra.as_ref().and_then(|extra| extra.index.as_ref())
    }

    pub(crate) fn ancestor(&self) -> Option<usize> {
        self.extra.as_ref().and_then(|extra| extra.ancestor)
    }

    /// Nothing is to be done with the node's value after it is computed, but to
    /// let a sequence become what it stands for.
    pub(crate) fn is_plain(&self) -> bool {
        self.extra.is_none() && !self.keep_array
    }
}

#[derive(Debug)]
pub(crate) enum Stage {
    Filter(Node),
    Index(Symbol),
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Num),
    String(Text),
    Regex(Box<Pattern>),
    /// A field, as a step.
    Name(Field),
    Variable(Symbol, Option<&'static Builtin>),
    Wildcard,
    Descendant,
    Parent(usize),
    Placeholder,
    Path {
        steps: Vec<Node>,
        keep_singleton: bool,
    },
    Sort(Vec<(bool, Node)>),
    Bind(Symbol, Box<Node>),
    Apply(Box<Node>, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Array(Vec<Node>),
    Object(Vec<(Node, Node)>),
    /// An object whose names are literals, each another.
    Record(Vec<(Node, Node)>),
    Call(Box<Call>),
    Lambda(Box<Lambda>),
    Condition {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    Coalesce(Box<Node>, Box<Node>),
    Default(Box<Node>, Box<Node>),
    Transform(Box<Transform>),
    /// The parts, and whether something inside binds a variable.
    Block(Vec<Node>, bool),
}

/// A field's name, and where an object had it last.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: Text,
    /// A hint and no more: it changes the time an answer takes, not the answer.
    pub(crate) near: AtomicU32,
}

impl Field {
    pub(crate) fn new(name: Text) -> Field {
        Field { name, near: AtomicU32::new(0) }
    }
}

/// A regular expression; compiled where it is first used.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) pattern: Text,
    pub(crate) flags: Text,
    /// Which of the program's regular expressions this is.
    pub(crate) index: usize,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) procedure: Node,
    pub(crate) arguments: Vec<Node>,
    /// Some arguments are `?`.
    pub(crate) partial: bool,
}

#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) parameters: Vec<Symbol>,
    pub(crate) signature: Option<Signature>,
    pub(crate) body: Node,
    /// The body's calls in tail position are done by a loop.
    pub(crate) tail_calls: bool,
}

#[derive(Debug)]
pub(crate) struct Transform {
    pub(crate) pattern: Node,
    pub(crate) update: Node,
    pub(crate) delete: Option<Node>,
}

/// A checked expression.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) root: Node,
    /// The symbol each ancestor slot is kept under.
    pub(crate) ancestors: Vec<u32>,
    /// The variables' names by number, and whether the expression binds them.
    pub(crate) symbols: Vec<Text>,
    pub(crate) is_bound: Vec<bool>,
    /// How many regular expressions there are.
    pub(crate) patterns: usize,
}

impl Program {
    /// The number of a variable that the expression mentions.
    pub(crate) fn symbol(&self, name: &str) -> Option<u32> {
        self.symbols.iter().position(|known| &**known == name).map(|at| at as u32)
    }
}
