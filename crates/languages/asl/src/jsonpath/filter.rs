use windlass_value::{Text, Value};

use super::compare::{self, Operand};
use super::evaluate::{Fuel, select};
use super::step::{self, Step};
use super::{NoResult, Reason};

/// A condition inside `[?(…)]`.
#[derive(Debug)]
pub(super) enum Filter {
    /// `a || b`
    Or(Vec<Filter>),
    /// `a && b`, also `[?(a), ?(b)]`
    And(Vec<Filter>),
    /// `!a`
    Not(Box<Filter>),
    /// A path alone: it selects something.
    Exists(InnerPath),
    /// `left operator right`
    Compare(Term, Operator, Term),
    /// `true` or `false` alone.
    Literal(bool),
}

/// A path inside a filter.
#[derive(Debug)]
pub(super) struct InnerPath {
    /// `@`, else `$`.
    pub(super) current: bool,
    pub(super) steps: Vec<Step>,
    pub(super) definite: bool,
}

/// One side of a comparison.
#[derive(Debug)]
pub(super) enum Term {
    Path(InnerPath),
    Literal(Value),
    Pattern(Box<regex::Regex>),
}

/// Jayway's relational operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    SameTypeEqual,
    NotSameTypeEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    In,
    NotIn,
    Contains,
    All,
    Size,
    Empty,
    SubsetOf,
    AnyOf,
    NoneOf,
    Type,
}

impl Operator {
    /// The symbolic operators, longest first.
    pub(super) const SYMBOLS: [(&'static str, Operator); 10] = [
        ("===", Operator::SameTypeEqual),
        ("!==", Operator::NotSameTypeEqual),
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("=~", Operator::Matches),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<>", Operator::NotEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];

    /// The operators that are words, in any case.
    pub(super) fn from_word(word: &str) -> Option<Operator> {
        Some(match word.to_ascii_lowercase().as_str() {
            "in" => Operator::In,
            "nin" => Operator::NotIn,
            "contains" => Operator::Contains,
            "all" => Operator::All,
            "size" => Operator::Size,
            "empty" => Operator::Empty,
            "subsetof" => Operator::SubsetOf,
            "anyof" => Operator::AnyOf,
            "noneof" => Operator::NoneOf,
            "type" => Operator::Type,
            _ => return None,
        })
    }
}

/// What a filter reads: the item and the whole document.
#[derive(Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) current: &'a Value,
    pub(super) root: &'a Value,
}

impl Filter {
    /// Whether the item passes.
    pub(super) fn accepts(&self, item: Item<'_>, fuel: &mut Fuel) -> Result<bool, NoResult> {
        fuel.burn(1)?;
        match self {
            Filter::Or(filters) => {
                for filter in filters {
                    if filter.accepts(item, fuel)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::And(filters) => {
                for filter in filters {
                    if !filter.accepts(item, fuel)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Filter::Not(filter) => Ok(!filter.accepts(item, fuel)?),
            Filter::Literal(value) => Ok(*value),
            Filter::Exists(path) => Ok(match path.value(item, fuel)? {
                None => false,
                Some(Value::Array(values)) if !path.definite => !values.is_empty(),
                Some(_) => true,
            }),
            Filter::Compare(left, operator, right) => {
                let left = left.operand(item, fuel)?;
                let right = right.operand(item, fuel)?;
                compare::holds(&left, *operator, &right, fuel)
            }
        }
    }
}

impl Term {
    fn operand(&self, item: Item<'_>, fuel: &mut Fuel) -> Result<Operand<'_>, NoResult> {
        Ok(match self {
            Term::Literal(value) => Operand::Value(value.clone()),
            Term::Pattern(pattern) => Operand::Pattern(pattern),
            Term::Path(path) => path.value(item, fuel)?.map_or(Operand::Undefined, Operand::Value),
        })
    }
}

impl InnerPath {
    pub(super) fn new(current: bool, steps: Vec<Step>) -> InnerPath {
        let definite = step::definite(&steps);
        InnerPath { current, steps, definite }
    }

    /// The value, `None` where there is none. Only running out of fuel is an error.
    fn value(&self, item: Item<'_>, fuel: &mut Fuel) -> Result<Option<Value>, NoResult> {
        let from = if self.current { item.current } else { item.root };
        match select(&self.steps, self.definite, from, item.root, fuel) {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.reason == Reason::TooMuch => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// The names a `type` comparison speaks of.
pub(super) fn type_name(value: &Value) -> Text {
    Text::from(value.kind())
}
