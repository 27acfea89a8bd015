//! Operators that compute a value from two values.

use std::rc::Rc;

use super::{Evaluator, Outcome, compare_text, fail};
use crate::item::{Frame, Item};
use crate::number::Num;
use crate::syntax::Operator;
use crate::token::quoted;
use crate::tree::Node;

impl Evaluator<'_> {
    pub(super) fn binary(
        &mut self,
        operator: Operator,
        left: &Node,
        right: &Node,
        input: &Item,
        frame: &Rc<Frame>,
    ) -> Outcome<Item> {
        match operator {
            Operator::And => {
                let value = self.evaluate(left, input, frame)?.truth() && self.evaluate(right, input, frame)?.truth();
                return Ok(Item::Bool(value));
            }
            Operator::Or => {
                let value = self.evaluate(left, input, frame)?.truth() || self.evaluate(right, input, frame)?.truth();
                return Ok(Item::Bool(value));
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
                self.spend(left.measure().bytes.min(right.measure().bytes) / 16)?;
                Ok(Item::Bool(left.equals(&right) == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
                self.comparison(operator, &left, &right)
            }
            Operator::Concatenate => {
                let left = self.string_of(&left)?;
                let right = self.string_of(&right)?;
                self.check_text(left.len() + right.len())?;
                self.text(format!("{left}{right}"))
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

    pub(super) fn comparison(&mut self, operator: Operator, left: &Item, right: &Item) -> Outcome<Item> {
        let comparable = |item: &Item| matches!(item, Item::Undefined | Item::Number(_) | Item::String(_));
        let symbol = quoted(operator.symbol());
        if !comparable(left) || !comparable(right) {
            let message =
                format!("The expressions either side of operator {symbol} must evaluate to numeric or string values");
            return fail("T2010", message);
        }
        let order = match (left, right) {
            (Item::Undefined, _) | (_, Item::Undefined) => return Ok(Item::Undefined),
            (Item::Number(a), Item::Number(b)) => a.compare(*b),
            (Item::String(a), Item::String(b)) => Some(compare_text(a, b)),
            _ => {
                let (a, b) = (self.shown(left), self.shown(right));
                let message =
                    format!("The values {a} and {b} either side of operator {symbol} must be of the same data type");
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

    pub(super) fn arithmetic(&mut self, operator: Operator, left: &Item, right: &Item) -> Outcome<Item> {
        let symbol = operator.symbol();
        let operand = |item: &Item, side: &str, code: &str| match item {
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
        if let (Num::Int(a), Num::Int(b)) = (left, right) {
            let exact = match operator {
                Operator::Add => a.checked_add(b),
                Operator::Subtract => a.checked_sub(b),
                Operator::Multiply => a.checked_mul(b),
                Operator::Divide if b != 0 && a.checked_rem(b) == Some(0) => a.checked_div(b),
                Operator::Modulo if b != 0 => a.checked_rem(b),
                _ => None,
            };
            if let Some(value) = exact {
                return Ok(Item::Number(Num::Int(value)));
            }
        }
        let (a, b) = (left.as_f64(), right.as_f64());
        let value = match operator {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => a * b,
            Operator::Divide => a / b,
            _ => a % b,
        };
        Ok(Item::Number(Num::from_f64(value)))
    }

    pub(super) fn range(&mut self, left: &Item, right: &Item) -> Outcome<Item> {
        let bound = |item: &Item, side: &str, code: &str| match item {
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
