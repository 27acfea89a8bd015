//! Functions that write and read numbers and dates by picture: the pictures of
//! XPath's functions and operators, as JSONata has them.

mod calendar;
mod date;
mod integer;
mod number;
mod read_date;
mod words;

use windlass_value::Timestamp;

use self::integer::IntegerPicture;
use self::number::Symbols;
use self::read_date::MILLIS_MAX;
use crate::builtins::Arguments;
use crate::error::{ErrorKind, EvaluationError};
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::Item;
use crate::number::Num;
use crate::token::quoted;

/// Bytes of a picture and the text read by it; work grows with both.
const PICTURE_BYTES_MAX: usize = 4096;

/// What a picture without components is: the default of dates.
const ISO_PICTURE: &str = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]";

/// Counts the work of a picture and refuses one that is too long.
fn charge(evaluator: &mut Evaluator<'_>, bytes: usize) -> Outcome<()> {
    evaluator.spend(5 + bytes / 4)?;
    if bytes > PICTURE_BYTES_MAX { evaluator.check_text(usize::MAX) } else { Ok(()) }
}

pub(crate) fn format_number<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Number(value) = arguments.take(0) else { return Ok(Item::Undefined) };
    let Item::String(picture) = arguments.take(1) else { return Ok(Item::Undefined) };
    let mut symbols = Symbols::default();
    let mut bytes = picture.len();
    if let Item::Object(record) = arguments.take(2) {
        for (name, item) in record.iter() {
            if let Item::String(text) = item {
                bytes += text.len();
                symbols.set(&name, &text);
            }
        }
    }
    charge(evaluator, bytes)?;
    match number::format(value, &picture, &symbols) {
        Ok(text) => evaluator.text(text),
        Err((code, message)) => fail(code, message),
    }
}

pub(crate) fn format_integer<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Number(value) = arguments.take(0) else { return Ok(Item::Undefined) };
    let Item::String(picture) = arguments.take(1) else { return Ok(Item::Undefined) };
    charge(evaluator, picture.len())?;
    let mut out = String::new();
    let value = match value {
        Num::Float(value) => Num::from_f64(value.floor()),
        value => value,
    };
    IntegerPicture::parse(&picture)?.format(evaluator, value, &mut out)?;
    evaluator.text(out)
}

pub(crate) fn parse_integer<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::String(text) = arguments.take(0) else { return Ok(Item::Undefined) };
    let Item::String(picture) = arguments.take(1) else { return Ok(Item::Undefined) };
    charge(evaluator, picture.len() + text.len())?;
    IntegerPicture::parse(&picture)?.read(&text).map(Item::Number)
}

/// Minutes ahead of UTC of a zone such as `-0530`.
fn zone_offset(zone: &str) -> Outcome<i64> {
    let digits = zone.strip_prefix(['-', '+']).unwrap_or(zone);
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    match digits[..length].parse::<i64>() {
        Ok(value) if value <= 9_999 => {
            let minutes = value / 100 * 60 + value % 100;
            Ok(if zone.starts_with('-') { -minutes } else { minutes })
        }
        _ => {
            let message = format!("The timezone must be an offset such as -0500, but was {}", quoted(zone));
            Err(Box::new(EvaluationError { kind: ErrorKind::Evaluation { code: None }, message }))
        }
    }
}

fn format_millis<'v>(
    evaluator: &mut Evaluator<'v>,
    millis: Item<'v>,
    picture: Item<'v>,
    zone: Item<'v>,
) -> Outcome<Item<'v>> {
    let Item::Number(value) = &millis else { return Ok(Item::Undefined) };
    let instant = value.truncated();
    if value.as_f64().is_nan() || instant.unsigned_abs() > MILLIS_MAX as u64 {
        return fail("D3110", format!("The time value {} is out of range", value.to_text()));
    }
    let picture = match &picture {
        Item::String(picture) => Some(&**picture),
        _ => None,
    };
    let offset = match &zone {
        Item::String(zone) => zone_offset(zone)?,
        _ => 0,
    };
    if picture.is_none() && offset == 0 && read_date::has_plain_year(instant) {
        return evaluator.text(Timestamp(instant).to_rfc3339());
    }
    let picture = picture.unwrap_or(ISO_PICTURE);
    charge(evaluator, picture.len())?;
    let parts = date::parse(evaluator, picture)?;
    let mut out = String::new();
    date::write(evaluator, &parts, instant, offset, &mut out)?;
    evaluator.text(out)
}

pub(crate) fn from_millis<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let (millis, picture, zone) = (arguments.take(0), arguments.take(1), arguments.take(2));
    format_millis(evaluator, millis, picture, zone)
}

pub(crate) fn now<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let millis = Item::Number(Num::Int(evaluator.world.now.as_ms()));
    let (picture, zone) = (arguments.take(0), arguments.take(1));
    format_millis(evaluator, millis, picture, zone)
}

pub(crate) fn millis<'v>(evaluator: &mut Evaluator<'v>, _: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    Ok(Item::Number(Num::Int(evaluator.world.now.as_ms())))
}

pub(crate) fn to_millis<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::String(text) = arguments.take(0) else { return Ok(Item::Undefined) };
    let Item::String(picture) = arguments.take(1) else {
        evaluator.spend(1)?;
        return match read_date::iso(&text) {
            Some(millis) => Ok(Item::Number(Num::Int(millis))),
            None => {
                let shown = quoted(&text);
                let message = format!(
                    "The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given {shown}"
                );
                fail("D3110", message)
            }
        };
    };
    charge(evaluator, picture.len() + text.len())?;
    let parts = date::parse(evaluator, &picture)?;
    let found = read_date::read(evaluator, &parts, &text)?;
    Ok(found.map_or(Item::Undefined, Item::Number))
}
