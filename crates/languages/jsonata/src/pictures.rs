//! Numbers and dates by picture. The pictures themselves are the work of
//! jsonata-core; the clock is always ours.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator as Engine};
use jsonata_core::value::JValue;
use windlass_value::{Text, Timestamp};

use crate::builtins::Arguments;
use crate::error::{ErrorKind, EvaluationError};
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::Item;
use crate::number::Num;

/// Bytes of a picture; the engine's work grows with it.
const PICTURE_BYTES_MAX: usize = 4096;

thread_local! {
    static CALLS: RefCell<HashMap<&'static str, Option<Rc<AstNode>>>> = RefCell::default();
}

fn convert(item: &Item) -> JValue {
    match item {
        Item::Null => JValue::Null,
        Item::Bool(value) => JValue::Bool(*value),
        Item::Number(value) => JValue::Number(value.as_f64()),
        Item::String(text) => JValue::string(&**text),
        Item::Object(record) => {
            JValue::object(record.iter().map(|(key, item)| (key.to_string(), convert(&item))).collect())
        }
        _ => JValue::Undefined,
    }
}

/// Has jsonata-core run one function call on scalar arguments.
fn delegate(evaluator: &mut Evaluator<'_>, call: &'static str, arguments: &[Item]) -> Outcome<Item> {
    evaluator.spend(50)?;
    let bytes = arguments.iter().map(|item| item.measure().bytes).sum::<usize>();
    if bytes > PICTURE_BYTES_MAX {
        return evaluator.check_text(usize::MAX).map(|()| Item::Undefined);
    }
    let ast = CALLS.with_borrow_mut(|calls| {
        calls.entry(call).or_insert_with(|| jsonata_core::parser::parse(call).ok().map(Rc::new)).clone()
    });
    let Some(ast) = ast else { return internal("a picture call does not parse") };
    let mut context = Context::new();
    for (name, item) in ["a", "b", "c"].iter().zip(arguments) {
        context.bind((*name).to_owned(), convert(item));
    }
    let mut engine = Engine::with_context(context);
    // Not our code: a panic there must not end the caller's thread.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| engine.evaluate(&ast, &JValue::Undefined)));
    let Ok(outcome) = outcome else { return internal("a picture could not be applied") };
    match outcome {
        Ok(JValue::String(text)) => evaluator.text(&*text),
        Ok(JValue::Number(value)) => Ok(Item::Number(Num::from_f64(value))),
        Ok(_) => Ok(Item::Undefined),
        Err(error) => {
            let message = error.message();
            match error.code() {
                Some(code) => fail(code, message[code.len() + 1..].trim_start()),
                None => {
                    let kind = ErrorKind::Evaluation { code: None };
                    Err(Box::new(EvaluationError { kind, message: message.to_owned() }))
                }
            }
        }
    }
}

fn internal<T>(message: &str) -> Outcome<T> {
    Err(Box::new(EvaluationError { kind: ErrorKind::Internal, message: message.to_owned() }))
}

pub(crate) fn format_number(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let given = [arguments.take(0), arguments.take(1), arguments.take(2)];
    match (&given[0], &given[2]) {
        (Item::Undefined, _) => Ok(Item::Undefined),
        (_, Item::Undefined) => delegate(evaluator, "$formatNumber($a,$b)", &given),
        _ => delegate(evaluator, "$formatNumber($a,$b,$c)", &given),
    }
}

/// Roman numerals grow with the number; beyond this they are refused.
const ROMAN_MAX: f64 = 1_000_000.0;

/// Digits of a width in a date picture.
const WIDTH_DIGITS_MAX: usize = 4;

/// Refuses a picture that asks for more text than anyone reads.
fn check_picture(evaluator: &Evaluator<'_>, picture: &Item) -> Outcome<()> {
    let Item::String(picture) = picture else { return Ok(()) };
    let is_wide = picture
        .split([',', '-'])
        .skip(1)
        .any(|rest| rest.bytes().take_while(u8::is_ascii_digit).count() > WIDTH_DIGITS_MAX);
    if is_wide && picture.contains('[') { evaluator.check_text(usize::MAX) } else { Ok(()) }
}

pub(crate) fn format_integer(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let given = [arguments.take(0), arguments.take(1)];
    if let (Item::Number(value), Item::String(picture)) = (&given[0], &given[1])
        && value.as_f64().abs() > ROMAN_MAX
        && matches!(picture.chars().next(), Some('I' | 'i'))
    {
        evaluator.check_text(usize::MAX)?;
    }
    if given[0].is_undefined() {
        return Ok(Item::Undefined);
    }
    delegate(evaluator, "$formatInteger($a,$b)", &given)
}

pub(crate) fn parse_integer(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let given = [arguments.take(0), arguments.take(1)];
    if given[0].is_undefined() {
        return Ok(Item::Undefined);
    }
    delegate(evaluator, "$parseInteger($a,$b)", &given)
}

/// Milliseconds beyond which no date exists in ECMAScript.
const MILLIS_MAX: i64 = 8_640_000_000_000_000;

fn format_millis(evaluator: &mut Evaluator<'_>, millis: Item, picture: Item, zone: Item) -> Outcome<Item> {
    let Item::Number(value) = &millis else { return Ok(Item::Undefined) };
    check_picture(evaluator, &picture)?;
    if value.truncated().unsigned_abs() > MILLIS_MAX as u64 {
        return fail("D3110", format!("The time value {} is out of range", value.to_text()));
    }
    match (&picture, &zone) {
        (Item::Undefined, Item::Undefined) if (0..253_402_300_800_000).contains(&value.truncated()) => {
            evaluator.text(Timestamp(value.truncated()).to_rfc3339())
        }
        (_, Item::Undefined) if !picture.is_undefined() => {
            delegate(evaluator, "$fromMillis($a,$b)", &[millis, picture])
        }
        _ => delegate(evaluator, "$fromMillis($a,$b,$c)", &[millis, picture, zone]),
    }
}

pub(crate) fn from_millis(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let (millis, picture, zone) = (arguments.take(0), arguments.take(1), arguments.take(2));
    format_millis(evaluator, millis, picture, zone)
}

pub(crate) fn now(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let millis = Item::Number(Num::Int(evaluator.world.now.as_ms()));
    let (picture, zone) = (arguments.take(0), arguments.take(1));
    format_millis(evaluator, millis, picture, zone)
}

pub(crate) fn millis(evaluator: &mut Evaluator<'_>, _: Arguments) -> Outcome<Item> {
    Ok(Item::Number(Num::Int(evaluator.world.now.as_ms())))
}

/// The component letters a date picture has.
fn components(picture: &str) -> Vec<char> {
    let mut found = Vec::new();
    let mut chars = picture.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '[' {
            continue;
        }
        match chars.find(|c| !c.is_whitespace()) {
            Some('[') | None => {}
            Some(letter) => found.push(letter),
        }
    }
    found
}

/// The parts of today a picture leaves out, put before picture and text: what a
/// date lacks at its large end is taken from now.
fn completed(now: Timestamp, picture: &str, text: &str) -> (String, String) {
    let has = |letters: &str| components(picture).iter().any(|letter| letters.contains(*letter));
    let today = now.to_rfc3339();
    let (year, month, day) = (today.get(..4), today.get(5..7), today.get(8..10));
    let (Some(year), Some(month), Some(day)) = (year, month, day) else {
        return (picture.to_owned(), text.to_owned());
    };
    if has("YX") || !has("MDdFWwxHhPmsf") {
        return (picture.to_owned(), text.to_owned());
    }
    let (more_picture, more_text) = if has("Md") {
        ("[Y0001]|".to_owned(), format!("{year}|"))
    } else if has("D") {
        ("[Y0001]-[M01]|".to_owned(), format!("{year}-{month}|"))
    } else if has("FWwx") {
        return (picture.to_owned(), text.to_owned());
    } else {
        ("[Y0001]-[M01]-[D01]|".to_owned(), format!("{year}-{month}-{day}|"))
    };
    (format!("{more_picture}{picture}"), format!("{more_text}{text}"))
}

pub(crate) fn to_millis(evaluator: &mut Evaluator<'_>, mut arguments: Arguments) -> Outcome<Item> {
    let text = arguments.take(0);
    let Item::String(stamp) = &text else { return Ok(Item::Undefined) };
    match arguments.take(1) {
        Item::String(picture) => {
            check_picture(evaluator, &Item::String(picture.clone()))?;
            let (picture, stamp) = completed(evaluator.world.now, &picture, stamp);
            let given = [Item::String(Text::from(stamp)), Item::String(Text::from(picture))];
            delegate(evaluator, "$toMillis($a,$b)", &given)
        }
        _ => delegate(evaluator, "$toMillis($a)", &[text]),
    }
}
