//! The six functions Step Functions adds.

use sha2::Digest;
use windlass_value::{Value, uuid_v4};

use crate::builtins::Arguments;
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::Item;
use crate::number::Num;
use crate::random::Random;

pub(crate) fn partition<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let array = match arguments.take(0) {
        Item::Array(array) => array,
        _ => return Ok(Item::Undefined),
    };
    if array.len() == 1 && matches!(array.get(0), Some(Item::Null)) {
        return fail("T0412", "Argument 1 of function \"partition\" must be an array of \"values\"");
    }
    let size = arguments.take(1).as_num().map_or(0, Num::truncated);
    if size <= 0 || array.len() == 0 {
        return Ok(Item::Undefined);
    }
    let items = array.to_vec();
    let mut chunks = Vec::new();
    for chunk in items.chunks(usize::try_from(size).unwrap_or(usize::MAX)) {
        chunks.push(evaluator.list(chunk.to_vec())?);
    }
    evaluator.list(chunks)
}

pub(crate) fn range<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let mut bound = |index| arguments.take(index).as_num().map(|value: Num| i128::from(value.truncated()));
    let (Some(start), Some(end), Some(step)) = (bound(0), bound(1), bound(2)) else { return Ok(Item::Undefined) };
    if step == 0 || (end - start) * step.signum() < 0 {
        return Ok(Item::Undefined);
    }
    let count = (end - start) / step + 1;
    if count > evaluator.limits.range_items_max as i128 {
        evaluator.check_bytes(usize::MAX)?;
    }
    evaluator.spend(count as usize)?;
    let items = (0..count).map(|index| Item::Number(Num::Int((start + index * step) as i64))).collect();
    evaluator.sequence(items)
}

pub(crate) fn hash<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let (Item::String(text), Item::String(algorithm)) = (arguments.take(0), arguments.take(1)) else {
        return Ok(Item::Undefined);
    };
    evaluator.spend(text.len() / 4)?;
    let bytes = text.as_bytes();
    let digest: Vec<u8> = match &*algorithm {
        "MD5" => md5::Md5::digest(bytes).to_vec(),
        "SHA-1" => sha1::Sha1::digest(bytes).to_vec(),
        "SHA-256" => sha2::Sha256::digest(bytes).to_vec(),
        "SHA-384" => sha2::Sha384::digest(bytes).to_vec(),
        "SHA-512" => sha2::Sha512::digest(bytes).to_vec(),
        _ => return fail("D3137", format!("Invalid hash algorithm: {algorithm}")),
    };
    evaluator.text(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

pub(crate) fn random<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let value = match arguments.take(0) {
        Item::Number(seed) => Random::new(seed.truncated() as u64).double(),
        _ => evaluator.random.double(),
    };
    Ok(Item::Number(Num::from_f64(value)))
}

pub(crate) fn uuid<'v>(evaluator: &mut Evaluator<'v>, _: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let bits = evaluator.random.wide();
    evaluator.text(uuid_v4(bits))
}

pub(crate) fn parse<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::String(text) = arguments.take(0) else { return Ok(Item::Undefined) };
    evaluator.spend(text.len() / 4)?;
    let value = windlass_value::parse(&text).ok().filter(is_finite);
    let Some(value) = value else { return fail("D3137", "Invalid JSON") };
    if has_duplicate_keys(&text) {
        return fail("D3137", "Invalid JSON");
    }
    let measure = Item::from_value(&value).measure();
    evaluator.check(measure)?;
    evaluator.adopt(value)
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_finite(),
        Value::Array(items) => items.iter().all(is_finite),
        Value::Object(object) => object.values().all(is_finite),
        _ => true,
    }
}

/// Whether any object of a valid JSON text names a member twice.
fn has_duplicate_keys(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut is_key = false;
    let mut keys: Vec<Vec<String>> = Vec::new();
    let mut is_object: Vec<bool> = Vec::new();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => {
                is_object.push(true);
                keys.push(Vec::new());
                is_key = true;
            }
            b'[' => {
                is_object.push(false);
                keys.push(Vec::new());
                is_key = false;
            }
            b'}' | b']' => {
                is_object.pop();
                let mut names = keys.pop().unwrap_or_default();
                names.sort_unstable();
                if names.windows(2).any(|pair| pair[0] == pair[1]) {
                    return true;
                }
                is_key = false;
            }
            b',' => is_key = is_object.last() == Some(&true),
            b':' => is_key = false,
            b'"' => {
                let start = at;
                at += 1;
                while bytes.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                if is_key && let Some(names) = keys.last_mut() {
                    let name = text.get(start..=at).and_then(|name| windlass_value::parse(name).ok());
                    names.extend(name.as_ref().and_then(Value::as_str).map(str::to_owned));
                }
            }
            _ => {}
        }
        at += 1;
    }
    false
}
