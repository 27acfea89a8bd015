//! Operators that compute a value from two values.

use std::rc::Rc;

use super::{Evaluator, Outcome, compare_text, fail};
use crate::item::{Frame, Item};
use crate::number::Num;
use crate::syntax::Operator;
use crate::token::quoted;
use crate::tree::{Kind, Node};

impl<'v> Evaluator<'v> {
    #[inline(never)]
    pub(super) fn binary(
        &mut self,
        operator: Operator,
        left: &'v Node,
        right: &'v Node,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
    ) -> Outcome<Item<'v>> {
        match operator {
            Operator::And => {
                let value = self.evaluate(left, input, frame)?.truth() && self.evaluate(right, input, frame)?.truth();
                return Ok(Item::Bool(value));
            }
            Operator::Or => {
                let value = self.evaluate(left, input, frame)?.truth() || self.evaluate(right, input, frame)?.truth();
                return Ok(Item::Bool(value));
            }
            Operator::Concatenate => {
                let mut out = String::new();
                self.concatenate(left, right, input, frame, &mut out)?;
                return Ok(Item::string(out));
            }
            _ => {}
        }
        let left = self.evaluate(left, input, frame)?;
        let right = self.evaluate(right, input, frame)?;
        match operator {
            Operator::Equal | Operator::NotEqual => {
                if left.is_undefined() || right.is_undefined() {
                    return Ok(Item::Bool(false));
                }
                if let (Item::String(left), Item::String(right)) = (&left, &right) {
                    self.spend(left.len().min(right.len()) / 16)?;
                } else if left.letter() == right.letter() && matches!(left, Item::Array(_) | Item::Object(_)) {
                    self.spend(left.measure().bytes.min(right.measure().bytes) / 16)?;
                }
                Ok(Item::Bool(left.equals(&right) == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.comparison(operator, &left, &right)
            }
            Operator::In => {
                if left.is_undefined() || right.is_undefined() {
                    return Ok(Item::Bool(false));
                }
                let Item::Array(array) = &right else { return Ok(Item::Bool(left.equals(&right))) };
                self.spend(array.len())?;
                Ok(Item::Bool(array.iter().any(|item| item.equals(&left))))
            }
            Operator::Range => self.range(&left, &right),
            _ => self.arithmetic(operator, &left, &right),
        }
    }

    /// Appends two operands' texts; a chain makes one text at its end.
    fn concatenate(
        &mut self,
        left: &'v Node,
        right: &'v Node,
        input: &Item<'v>,
        frame: &Rc<Frame<'v>>,
        out: &mut String,
    ) -> Outcome<()> {
        let start = out.len();
        match &left.kind {
            Kind::Binary(Operator::Concatenate, first, second) if left.extra.is_none() => {
                self.enter()?;
                stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || {
                    self.concatenate(first, second, input, frame, out)
                })?;
                self.depth -= 1;
            }
            _ => {
                let left = self.evaluate(left, input, frame)?;
                let right_item = self.evaluate(right, input, frame)?;
                self.append_text(&left, out)?;
                self.append_text(&right_item, out)?;
                return self.check_made(out.len() - start);
            }
        }
        let right = self.evaluate(right, input, frame)?;
        self.append_text(&right, out)?;
        self.check_made(out.len() - start)
    }

    /// Counts a text that was made, and refuses one that is too long.
    fn check_made(&mut self, bytes: usize) -> Outcome<()> {
        self.spend(bytes / 16)?;
        self.check_text(bytes)
    }

    pub(super) fn comparison(&mut self, operator: Operator, left: &Item<'v>, right: &Item<'v>) -> Outcome<Item<'v>> {
        let comparable = |item: &Item<'v>| matches!(item, Item::Undefined | Item::Number(_) | Item::String(_));
        let symbol = || quoted(operator.symbol());
        if !comparable(left) || !comparable(right) {
            let message = format!(
                "The expressions either side of operator {} must evaluate to numeric or string values",
                symbol()
            );
            return fail("T2010", message);
        }
        let order = match (left, right) {
            (Item::Undefined, _) | (_, Item::Undefined) => return Ok(Item::Undefined),
            (Item::Number(a), Item::Number(b)) => a.compare(*b),
            (Item::String(a), Item::String(b)) => Some(compare_text(a, b)),
            _ => {
                let (a, b) = (self.shown(left), self.shown(right));
                let message = format!(
                    "The values {a} and {b} either side of operator {} must be of the same data type",
                    symbol()
                );
                return fail("T2009", message);
            }
        };
        Ok(Item::Bool(order.is_some_and(|order| match operator {
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Greater => order.is_gt(),
            _ => order.is_ge(),
        })))
    }

    pub(super) fn arithmetic(&mut self, operator: Operator, left: &Item<'v>, right: &Item<'v>) -> Outcome<Item<'v>> {
        if let (Item::Number(Num::Int(a)), Item::Number(Num::Int(b))) = (left, right)
            && let Some(value) = exact(operator, *a, *b)
        {
            return Ok(Item::Number(Num::Int(value)));
        }
        if let (Item::Number(a), Item::Number(b)) = (left, right) {
            let (a, b) = (a.as_f64(), b.as_f64());
            if a.is_finite() && b.is_finite() {
                return Ok(Item::Number(Num::from_f64(computed(operator, a, b))));
            }
        }
        let symbol = operator.symbol();
        let operand = |item: &Item<'v>, side: &str, code: &str| match item {
            Item::Undefined => Ok(None),
            Item::Number(value) if value.as_f64().is_infinite() => {
                fail("D1001", format!("Number out of range: {}", value.to_text()))
            }
            Item::Number(value) if !value.as_f64().is_nan() => Ok(Some(*value)),
            _ => fail(code, format!("The {side} side of the {} operator must evaluate to a number", quoted(symbol))),
        };
        let left = operand(left, "left", "T2001")?;
        let right = operand(right, "right", "T2002")?;
        let (Some(left), Some(right)) = (left, right) else { return Ok(Item::Undefined) };
        let (a, b) = (left.as_f64(), right.as_f64());
        Ok(Item::Number(Num::from_f64(computed(operator, a, b))))
    }

    pub(super) fn range(&mut self, left: &Item<'v>, right: &Item<'v>) -> Outcome<Item<'v>> {
        let bound = |item: &Item<'v>, side: &str, code: &str| match item {
            Item::Undefined => Ok(None),
            Item::Number(value) if value.is_integer() => Ok(Some(*value)),
            _ => fail(code, format!("The {side} side of the range operator (..) must evaluate to an integer")),
        };
        let left = bound(left, "left", "T2003")?;
        let right = bound(right, "right", "T2004")?;
        let (Some(left), Some(right)) = (left, right) else { return Ok(Item::Undefined) };
        let (left, right) = (left.truncated(), right.truncated());
        if left > right {
            return Ok(Item::Undefined);
        }
        let size = (i128::from(right) - i128::from(left) + 1) as u128;
        if size > 10_000_000 {
            let message = format!(
                "The size of the sequence allocated by the range operator (..) must not exceed 1e6.  Attempted to allocate {size}."
            );
            return fail("D2014", message);
        }
        self.check_bytes(size as usize * 8)?;
        self.sequence((left..=right).map(|value| Item::Number(Num::Int(value))).collect())
    }
}

fn computed(operator: Operator, a: f64, b: f64) -> f64 {
    match operator {
        Operator::Add => a + b,
        Operator::Subtract => a - b,
        Operator::Multiply => a * b,
        Operator::Divide => a / b,
        _ => a % b,
    }
}

/// The result of integers, where it is an integer that fits.
fn exact(operator: Operator, a: i64, b: i64) -> Option<i64> {
    match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide if b != 0 && a.checked_rem(b) == Some(0) => a.checked_div(b),
        Operator::Modulo if b != 0 => a.checked_rem(b),
        _ => None,
    }
}
