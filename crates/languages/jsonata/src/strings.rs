//! Functions on strings.

use base64::Engine;

use crate::builtins::Arguments;
use crate::error::{ErrorKind, EvaluationError};
use crate::evaluate::{Evaluator, Outcome, fail};
use crate::item::{Item, Str};
use crate::matches::Matcher;
use crate::number::Num;

/// The byte a UTF-16 offset means.
pub(crate) fn byte_offset(text: &str, units: usize) -> usize {
    let mut seen = 0;
    for (offset, c) in text.char_indices() {
        if seen >= units {
            return offset;
        }
        seen += c.len_utf16();
    }
    text.len()
}

/// The UTF-16 offset of a byte.
pub(crate) fn unit_offset(text: &str, byte: usize) -> usize {
    text.get(..byte).map_or(0, |before| before.encode_utf16().count())
}

pub(crate) fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    if !text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        out.push_str(text);
        out.push('"');
        return;
    }
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// JavaScript's `JSON.stringify`, with numbers of 15 digits and functions as
/// empty strings.
fn write_json(item: &Item<'_>, pretty: bool, level: usize, out: &mut String) {
    let line = |out: &mut String, level: usize| {
        if pretty {
            out.push('\n');
            out.push_str(&"  ".repeat(level));
        }
    };
    match item {
        Item::Undefined | Item::Null => out.push_str("null"),
        Item::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Item::Number(value) if !value.as_f64().is_finite() => out.push_str("null"),
        Item::Number(value) => value.write_to(out),
        Item::String(text) => write_json_string(text, out),
        Item::Function(_) => out.push_str("\"\""),
        Item::Array(array) if array.len() == 0 => out.push_str("[]"),
        Item::Array(array) => {
            out.push('[');
            for (index, item) in array.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, level + 1);
                write_json(&item, pretty, level + 1, out);
            }
            line(out, level);
            out.push(']');
        }
        Item::Object(record) if record.len() == 0 => out.push_str("{}"),
        Item::Object(record) => {
            out.push('{');
            for (index, (key, item)) in record.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                line(out, level + 1);
                write_json_string(&key, out);
                out.push_str(if pretty { ": " } else { ":" });
                write_json(&item, pretty, level + 1, out);
            }
            line(out, level);
            out.push('}');
        }
        Item::Tuple(_) => out.push_str("{}"),
    }
}

/// The first number inside that JSON cannot write.
fn unwritable(item: &Item<'_>) -> Option<String> {
    match item {
        Item::Number(value) if !value.as_f64().is_finite() => Some(value.to_text()),
        Item::Array(array) => array.iter().find_map(|item| unwritable(&item)),
        Item::Object(record) => record.iter().find_map(|(_, item)| unwritable(&item)),
        _ => None,
    }
}

impl<'v> Evaluator<'v> {
    /// Appends `$string` of a value; nothing is the empty string.
    pub(crate) fn append_text(&mut self, item: &Item<'v>, out: &mut String) -> Outcome<()> {
        match item {
            Item::Undefined | Item::Function(_) => {}
            Item::String(text) => {
                self.check_text(out.len() + text.len())?;
                out.push_str(text);
            }
            Item::Number(value) if value.as_f64().is_finite() => value.write_to(out),
            Item::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            _ => {
                let text = self.json_text(item, false)?;
                self.check_text(out.len() + text.len())?;
                out.push_str(&text);
            }
        }
        Ok(())
    }

    fn json_text(&mut self, item: &Item<'v>, pretty: bool) -> Outcome<String> {
        if let Item::Number(value) = item
            && !value.as_f64().is_finite()
        {
            return fail("D3001", "Attempting to invoke string function on Infinity or NaN");
        }
        self.spend(item.measure().bytes / 16)?;
        if let Some(value) = unwritable(item) {
            return fail("D1001", format!("Number out of range: {value}"));
        }
        let mut out = String::new();
        stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || write_json(item, pretty, 0, &mut out));
        self.check_text(out.len())?;
        self.spend(out.len() / 16)?;
        Ok(out)
    }
}

pub(crate) fn string<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let item = arguments.take(0);
    if item.is_undefined() {
        return Ok(item);
    }
    if let Item::String(_) = item {
        return Ok(item);
    }
    if let Item::Function(_) = item {
        return Ok(Item::string(""));
    }
    let pretty = arguments.take(1).truth();
    evaluator.json_text(&item, pretty).map(Item::string)
}

fn text<'v>(arguments: &mut Arguments<'v>, index: usize) -> Option<Str<'v>> {
    match arguments.take(index) {
        Item::String(text) => Some(text),
        _ => None,
    }
}

fn whole(item: &Item<'_>) -> Option<i64> {
    item.as_num().map(Num::truncated)
}

pub(crate) fn substring<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    evaluator.spend(text.len() / 16)?;
    let length = text.chars().count() as i64;
    let mut start = whole(&arguments.take(1)).unwrap_or(0);
    if start + length < 0 {
        start = 0;
    }
    let from = if start < 0 { length + start } else { start.min(length) };
    let to = match whole(&arguments.take(2)) {
        Some(count) if count <= 0 => return Ok(Item::string("")),
        Some(count) => from.saturating_add(count).min(length),
        None => length,
    };
    let made: String = text.chars().skip(from as usize).take((to - from).max(0) as usize).collect();
    evaluator.text(made)
}

fn around<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>, after: bool) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let Item::String(mark) = arguments.take(1) else { return Ok(Item::String(text)) };
    evaluator.spend(text.len() / 16)?;
    match text.split_once(&*mark) {
        Some((before, rest)) => evaluator.text(if after { rest } else { before }),
        None => Ok(Item::String(text)),
    }
}

pub(crate) fn substring_before<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    around(evaluator, arguments, false)
}

pub(crate) fn substring_after<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    around(evaluator, arguments, true)
}

pub(crate) fn lowercase<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    text(arguments, 0).map_or(Ok(Item::Undefined), |text| evaluator.text(text.to_lowercase()))
}

pub(crate) fn uppercase<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    text(arguments, 0).map_or(Ok(Item::Undefined), |text| evaluator.text(text.to_uppercase()))
}

pub(crate) fn length<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    evaluator.spend(text.len() / 16)?;
    Ok(Item::int(text.chars().count()))
}

pub(crate) fn trim<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let words: Vec<&str> = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()).collect();
    evaluator.text(words.join(" "))
}

pub(crate) fn pad<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let width = whole(&arguments.take(1)).unwrap_or(0);
    let fill = match arguments.take(2) {
        Item::String(fill) if !fill.is_empty() => fill,
        _ => Str::from(" "),
    };
    let missing = (width.unsigned_abs() as usize).saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok(Item::String(text));
    }
    evaluator.check_text(missing.saturating_add(text.len()))?;
    evaluator.spend(missing / 4)?;
    let padding: String = fill.chars().cycle().take(missing).collect();
    evaluator.text(if width < 0 { format!("{padding}{text}") } else { format!("{text}{padding}") })
}

pub(crate) fn join<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Item::Array(array) = arguments.take(0) else { return Ok(Item::Undefined) };
    let separator = text(arguments, 1).unwrap_or_else(|| Str::from(""));
    let parts: Vec<Item<'v>> = array.into_vec();
    let parts = || parts.iter().filter_map(Item::as_text);
    let bytes = parts().map(|part| part.len() + separator.len()).fold(0, usize::saturating_add);
    evaluator.check_text(bytes.saturating_sub(separator.len()))?;
    let mut out = String::with_capacity(bytes);
    for (index, part) in parts().enumerate() {
        if index > 0 {
            out.push_str(&separator);
        }
        out.push_str(part);
    }
    evaluator.text(out)
}

fn not_negative(item: &Item<'_>, code: &str, what: &str) -> Outcome<Option<usize>> {
    match item.as_num() {
        Some(value) if value.as_f64() < 0.0 => fail(code, format!("{what} must evaluate to a positive number")),
        Some(value) => Ok(Some(value.truncated() as usize)),
        None => Ok(None),
    }
}

pub(crate) fn match_all<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let Item::Function(function) = arguments.take(1) else { return Ok(Item::Undefined) };
    let limit = not_negative(&arguments.take(2), "D3040", "Third argument of match function")?;
    let mut matcher = Matcher::new(function, text);
    let mut results = Vec::new();
    while limit.is_none_or(|limit| results.len() < limit) {
        let Some(found) = matcher.next(evaluator, "match")? else { break };
        let groups = evaluator.list(found.groups)?;
        let members = [
            (Str::from("match"), Item::String(found.text)),
            (Str::from("index"), Item::int(found.start)),
            (Str::from("groups"), groups),
        ];
        results.push(evaluator.record(members.into_iter().collect())?);
    }
    evaluator.sequence(results)
}

pub(crate) fn contains<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    evaluator.spend(text.len() / 16)?;
    match arguments.take(1) {
        Item::String(part) => Ok(Item::Bool(text.contains(&*part))),
        Item::Function(function) => {
            let mut matcher = Matcher::new(function, text);
            Ok(Item::Bool(matcher.next(evaluator, "contains")?.is_some()))
        }
        _ => Ok(Item::Undefined),
    }
}

pub(crate) fn split<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let separator = arguments.take(1);
    let limit = not_negative(&arguments.take(2), "D3020", "Third argument of split function")?;
    let most = limit.unwrap_or(usize::MAX);
    evaluator.spend(text.len() / 4)?;
    let parts: Vec<Item<'v>> = match separator {
        Item::String(separator) if separator.is_empty() => {
            text.chars().take(most).map(|c| Item::string(c.to_string())).collect()
        }
        Item::String(separator) => text.split(&*separator).take(most).map(Item::string).collect(),
        Item::Function(function) => {
            let mut matcher = Matcher::new(function, text.clone());
            let mut parts = Vec::new();
            let mut start = 0;
            while parts.len() < most {
                let Some(found) = matcher.next(evaluator, "split")? else { break };
                let (from, to) = found.bytes;
                parts.push(Item::string(text.get(start..from).unwrap_or("")));
                start = to;
            }
            if parts.len() < most {
                parts.push(Item::string(text.get(start..).unwrap_or("")));
            }
            parts
        }
        _ => return Ok(Item::Undefined),
    };
    evaluator.list(parts)
}

pub(crate) fn replace<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let pattern = arguments.take(1);
    let replacement = arguments.take(2);
    if matches!(&pattern, Item::String(pattern) if pattern.is_empty()) {
        return fail("D3010", "Second argument of replace function cannot be an empty string");
    }
    let limit = not_negative(&arguments.take(3), "D3011", "Fourth argument of replace function")?;
    let most = limit.unwrap_or(usize::MAX);
    evaluator.spend(text.len() / 16)?;
    let mut out = String::new();
    let mut start = 0;
    let mut count = 0;
    match pattern {
        Item::String(pattern) => {
            let Item::String(replacement) = replacement else {
                return fail("D3012", "Attempted to replace a matched string with a non-string value");
            };
            while count < most {
                let Some(found) = text.get(start..).and_then(|rest| rest.find(&*pattern)) else { break };
                out.push_str(&text[start..start + found]);
                out.push_str(&replacement);
                evaluator.check_text(out.len())?;
                evaluator.spend(1 + replacement.len() / 16)?;
                start += found + pattern.len();
                count += 1;
            }
        }
        Item::Function(function) => {
            let mut matcher = Matcher::new(function, text.clone());
            while count < most {
                let Some(found) = matcher.next(evaluator, "replace")? else { break };
                let (from, to) = found.bytes;
                out.push_str(text.get(start..from).unwrap_or(""));
                match &replacement {
                    Item::String(replacement) => substitute(replacement, &found.text, &found.groups, &mut out),
                    Item::Function(function) => {
                        let object = found.object(evaluator)?;
                        match evaluator.apply(function, vec![object], &Item::Undefined, None)? {
                            Item::String(made) => out.push_str(&made),
                            _ => return fail("D3012", "Attempted to replace a matched string with a non-string value"),
                        }
                    }
                    _ => return Ok(Item::Undefined),
                }
                evaluator.check_text(out.len())?;
                start = to;
                count += 1;
            }
        }
        _ => return Ok(Item::Undefined),
    }
    out.push_str(text.get(start..).unwrap_or(""));
    evaluator.text(out)
}

/// `$0`, `$1` … in a replacement.
fn substitute(replacement: &str, matched: &str, groups: &[Item<'_>], out: &mut String) {
    let mut rest = replacement;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix('0') {
            out.push_str(matched);
            rest = after;
            continue;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let widest = groups.len().max(1).to_string().len();
        let mut wide = digits.min(widest);
        if wide > 1 && rest[..wide].parse::<usize>().is_ok_and(|index| index > groups.len()) {
            wide -= 1;
        }
        match rest[..wide].parse::<usize>() {
            Ok(index) => {
                if let Some(Item::String(group)) = groups.get(index.wrapping_sub(1)) {
                    out.push_str(group);
                }
                rest = &rest[wide..];
            }
            Err(_) => out.push('$'),
        }
    }
    out.push_str(rest);
}

pub(crate) fn base64_encode<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    evaluator.text(base64::engine::general_purpose::STANDARD.encode(text.as_bytes()))
}

pub(crate) fn base64_decode<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    match base64::engine::general_purpose::STANDARD.decode(text.as_bytes()) {
        Ok(bytes) => evaluator.text(String::from_utf8_lossy(&bytes).into_owned()),
        Err(_) => {
            // AWS shows an internal error with an id here.
            let id = windlass_value::uuid_v4(evaluator.random.wide());
            Err(Box::new(EvaluationError { kind: ErrorKind::Internal, message: id }))
        }
    }
}

fn encode<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>, plain: &str) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.as_bytes().contains(&byte) {
            out.push(byte as char);
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    evaluator.spend(text.len() / 4)?;
    evaluator.text(out)
}

pub(crate) fn encode_url_component<'v>(
    evaluator: &mut Evaluator<'v>,
    arguments: &mut Arguments<'v>,
) -> Outcome<Item<'v>> {
    encode(evaluator, arguments, "-_.!~*'()")
}

pub(crate) fn encode_url<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    encode(evaluator, arguments, "-_.!~*'();/?:@&=+$,#")
}

fn decode<'v>(
    evaluator: &mut Evaluator<'v>,
    arguments: &mut Arguments<'v>,
    kept: &str,
    name: &str,
) -> Outcome<Item<'v>> {
    let Some(text) = text(arguments, 0) else { return Ok(Item::Undefined) };
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            out.push(byte);
            at += 1;
            continue;
        }
        let decoded = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match decoded {
            Some(byte) if kept.as_bytes().contains(&byte) => out.extend_from_slice(&bytes[at..at + 3]),
            Some(byte) => out.push(byte),
            None => return malformed(name, &text),
        }
        at += 3;
    }
    evaluator.spend(bytes.len() / 4)?;
    match String::from_utf8(out) {
        Ok(made) => evaluator.text(made),
        Err(_) => malformed(name, &text),
    }
}

fn malformed<T>(name: &str, text: &str) -> Outcome<T> {
    let shown = crate::token::quoted(text);
    fail("D3140", format!("Malformed URL passed to ${name}(): {shown}"))
}

pub(crate) fn decode_url_component<'v>(
    evaluator: &mut Evaluator<'v>,
    arguments: &mut Arguments<'v>,
) -> Outcome<Item<'v>> {
    decode(evaluator, arguments, "", "decodeUrlComponent")
}

pub(crate) fn decode_url<'v>(evaluator: &mut Evaluator<'v>, arguments: &mut Arguments<'v>) -> Outcome<Item<'v>> {
    decode(evaluator, arguments, ";/?:@&=+$,#", "decodeUrl")
}
