//! The tree as the parser leaves it: every operator where it was written.

use windlass_value::Text;

use crate::number::Num;

/// A two-sided operator that computes a value from two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Concatenate,
    And,
    Or,
    In,
    Range,
}

impl Operator {
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Modulo => "%",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessOrEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterOrEqual => ">=",
            Operator::Concatenate => "&",
            Operator::And => "and",
            Operator::Or => "or",
            Operator::In => "in",
            Operator::Range => "..",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Syntax {
    pub(crate) kind: Form,
    pub(crate) position: usize,
    /// `[]` followed: a single item stays an array.
    pub(crate) keep_array: bool,
    /// Levels below, and this one.
    pub(crate) height: usize,
}

#[derive(Debug)]
pub(crate) enum Form {
    Null,
    Bool(bool),
    Number(Num),
    String(Text),
    Regex(Text, Text),
    Name(Text),
    Variable(Text),
    Wildcard,
    Descendant,
    Parent,
    Placeholder,
    Step(Box<Syntax>, Box<Syntax>),
    Predicate(Box<Syntax>, Box<Syntax>),
    Group(Box<Syntax>, Vec<(Syntax, Syntax)>),
    OrderBy(Box<Syntax>, Vec<(bool, Syntax)>),
    Bind(Text, Box<Syntax>),
    Focus(Box<Syntax>, Text),
    Index(Box<Syntax>, Text),
    Apply(Box<Syntax>, Box<Syntax>),
    Binary(Operator, Box<Syntax>, Box<Syntax>),
    Negate(Box<Syntax>),
    Array(Vec<Syntax>),
    Object(Vec<(Syntax, Syntax)>),
    Call {
        procedure: Box<Syntax>,
        arguments: Vec<Syntax>,
        partial: bool,
    },
    Lambda {
        parameters: Vec<Text>,
        signature: Option<Text>,
        body: Box<Syntax>,
    },
    Condition {
        condition: Box<Syntax>,
        then: Box<Syntax>,
        otherwise: Option<Box<Syntax>>,
    },
    /// `a ?? b`: the left where it exists. Holds it once: it is evaluated once.
    Coalesce(Box<Syntax>, Box<Syntax>),
    /// `a ?: b`: the left where it is true.
    Default(Box<Syntax>, Box<Syntax>),
    Transform {
        pattern: Box<Syntax>,
        update: Box<Syntax>,
        delete: Option<Box<Syntax>>,
    },
    Block(Vec<Syntax>),
}
