//! The tree that is evaluated: paths flattened into steps, predicates attached,
//! ancestors (`%`) resolved to the steps they name, tail calls marked.

use windlass_value::Text;

use crate::number::Num;
use crate::signature::Signature;
use crate::syntax::Operator;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    /// Byte offset in the source.
    pub(crate) position: usize,
    /// Filters on the value of a node that is no step.
    pub(crate) predicates: Vec<Stage>,
    /// Filters and index bindings on a step.
    pub(crate) stages: Vec<Stage>,
    /// `{key: value}` after the node.
    pub(crate) group: Option<Vec<(Node, Node)>>,
    pub(crate) keep_array: bool,
    /// `@$name`
    pub(crate) focus: Option<Text>,
    /// `#$name`
    pub(crate) index: Option<Text>,
    /// The ancestor slot this step's input is kept under.
    pub(crate) ancestor: Option<usize>,
    /// Takes part in a tuple stream.
    pub(crate) tuple: bool,
    /// An array constructor at an end of a path, or a block of one.
    pub(crate) constructs_array: bool,
}

#[derive(Debug)]
pub(crate) enum Stage {
    Filter(Node),
    Index(Text),
}

#[derive(Debug)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(Num),
    String(Text),
    Regex(Text, Text),
    /// A field, as a step.
    Name(Text),
    /// `$` is the empty name.
    Variable(Text),
    Wildcard,
    Descendant,
    Parent(usize),
    Placeholder,
    Path {
        steps: Vec<Node>,
        keep_singleton: bool,
    },
    Sort(Vec<(bool, Node)>),
    Bind(Text, Box<Node>),
    Apply(Box<Node>, Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    Array(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Call {
        procedure: Box<Node>,
        arguments: Vec<Node>,
        partial: bool,
    },
    Lambda(std::sync::Arc<Lambda>),
    Condition {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Option<Box<Node>>,
    },
    Coalesce(Box<Node>, Box<Node>),
    Default(Box<Node>, Box<Node>),
    Transform(std::sync::Arc<Transform>),
    Block(Vec<Node>),
}

#[derive(Debug)]
pub(crate) struct Lambda {
    pub(crate) parameters: Vec<Text>,
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
    /// The tuple key each ancestor slot is kept under.
    pub(crate) ancestor_keys: Vec<Text>,
}
