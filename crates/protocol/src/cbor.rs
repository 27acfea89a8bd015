//! CBOR (RFC 8949) as the newest services speak it, between documents and bytes. Only spoken
//! to other endpoints.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_value::{Number, Object, Value};

use crate::model::{Kind, ServiceModel, ShapeId};

/// How deep values may lie in each other.
const DEPTH_MAX: usize = 64;
/// The tag of epoch seconds.
const EPOCH_SECONDS: u64 = 1;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// Additional information: no length, the value goes on to a break.
const INDEFINITE: u8 = 31;
const BREAK: u8 = 0xff;

/// Writes a value of a shape: blobs are bytes, timestamps tagged.
pub(crate) fn write(model: &ServiceModel, id: ShapeId, value: &Value, out: &mut Vec<u8>) {
    match (&model.shape(id).kind, value) {
        (Kind::Structure(structure), Value::Object(given)) => {
            let members: Vec<_> = structure
                .members
                .iter()
                .filter_map(|member| Some((member, given.get(&member.name).filter(|value| !value.is_null())?)))
                .collect();
            head(MAP, members.len() as u64, out);
            for (member, value) in members {
                text(&member.wire_name, out);
                write(model, member.shape, value, out);
            }
        }
        (Kind::List(element), Value::Array(items)) => {
            head(ARRAY, items.len() as u64, out);
            items.iter().for_each(|item| write(model, element.shape, item, out));
        }
        (Kind::Map(_, element), Value::Object(entries)) => {
            head(MAP, entries.len() as u64, out);
            for (key, item) in entries.iter() {
                text(key, out);
                write(model, element.shape, item, out);
            }
        }
        (Kind::Blob, Value::String(given)) => match STANDARD.decode(given.as_bytes()) {
            Ok(bytes) => {
                head(BYTES, bytes.len() as u64, out);
                out.extend_from_slice(&bytes);
            }
            Err(_) => text(given, out),
        },
        (Kind::Timestamp, Value::Number(seconds)) => {
            head(TAG, EPOCH_SECONDS, out);
            number(seconds, out);
        }
        (_, value) => plain(value, out),
    }
}

fn plain(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(false) => out.push(0xf4),
        Value::Bool(true) => out.push(0xf5),
        Value::Number(given) => number(given, out),
        Value::String(given) => text(given, out),
        Value::Array(items) => {
            head(ARRAY, items.len() as u64, out);
            items.iter().for_each(|item| plain(item, out));
        }
        Value::Object(entries) => {
            head(MAP, entries.len() as u64, out);
            for (key, item) in entries.iter() {
                text(key, out);
                plain(item, out);
            }
        }
    }
}

fn number(given: &Number, out: &mut Vec<u8>) {
    match given.as_i64() {
        Some(whole) if whole >= 0 => head(UNSIGNED, whole.unsigned_abs(), out),
        Some(whole) => head(NEGATIVE, whole.unsigned_abs() - 1, out),
        None => {
            out.push(0xfb);
            out.extend_from_slice(&given.as_f64().to_be_bytes());
        }
    }
}

fn text(given: &str, out: &mut Vec<u8>) {
    head(TEXT, given.len() as u64, out);
    out.extend_from_slice(given.as_bytes());
}

/// A major type with its argument, in as few bytes as hold it.
fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    let bytes = argument.to_be_bytes();
    match argument {
        0..=23 => out.push(major | bytes[7]),
        24..=0xff => out.extend_from_slice(&[major | 24, bytes[7]]),
        0x100..=0xffff => {
            out.push(major | 25);
            out.extend_from_slice(&bytes[6..]);
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 26);
            out.extend_from_slice(&bytes[4..]);
        }
        _ => {
            out.push(major | 27);
            out.extend_from_slice(&bytes);
        }
    }
}

/// Reads a document: bytes become base64 text, undefined becomes null, infinities and NaN
/// their names.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, String> {
    let mut reader = Reader { bytes, at: 0 };
    let value = reader.value(0)?;
    if reader.at == bytes.len() { Ok(value) } else { Err("bytes after the document".to_owned()) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64) -> Result<&'a [u8], String> {
        let len = usize::try_from(len).map_err(|_| "too long".to_owned())?;
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| "the document breaks off".to_owned())?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// Major type, additional information and argument.
    fn head(&mut self) -> Result<(u8, u8, u64), String> {
        let first = self.take(1)?[0];
        let (major, info) = (first >> 5, first & 31);
        let argument = match info {
            0..=23 => u64::from(info),
            24..=27 => self.take(1 << (info - 24))?.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)),
            INDEFINITE => 0,
            _ => return Err(format!("the additional information {info}")),
        };
        Ok((major, info, argument))
    }

    fn at_break(&mut self) -> bool {
        let is_break = self.bytes.get(self.at) == Some(&BREAK);
        if is_break {
            self.at += 1;
        }
        is_break
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err("too deep".to_owned());
        }
        let (major, info, argument) = self.head()?;
        let endless = info == INDEFINITE;
        match major {
            UNSIGNED => Ok(whole(i128::from(argument))),
            NEGATIVE => Ok(whole(-1 - i128::from(argument))),
            BYTES => Ok(STANDARD.encode(self.chunks(BYTES, endless, argument)?).into()),
            TEXT => String::from_utf8(self.chunks(TEXT, endless, argument)?)
                .map(Value::from)
                .map_err(|error| error.to_string()),
            ARRAY => {
                let mut items = Vec::new();
                let mut left = argument;
                while if endless { !self.at_break() } else { left > 0 } {
                    left = left.saturating_sub(1);
                    items.push(self.value(depth + 1)?);
                }
                Ok(Value::array(items))
            }
            MAP => {
                let mut members = Object::new();
                let mut left = argument;
                while if endless { !self.at_break() } else { left > 0 } {
                    left = left.saturating_sub(1);
                    let Value::String(key) = self.value(depth + 1)? else {
                        return Err("a key that is no text".to_owned());
                    };
                    members.insert(key, self.value(depth + 1)?);
                }
                Ok(members.into())
            }
            TAG => self.value(depth + 1),
            _ => simple(info, argument),
        }
    }

    /// The bytes of a string, which may come in pieces.
    fn chunks(&mut self, major: u8, endless: bool, len: u64) -> Result<Vec<u8>, String> {
        if !endless {
            return self.take(len).map(<[u8]>::to_vec);
        }
        let mut whole = Vec::new();
        while !self.at_break() {
            match self.head()? {
                (found, info, len) if found == major && info != INDEFINITE => whole.extend_from_slice(self.take(len)?),
                _ => return Err("a piece of another type".to_owned()),
            }
        }
        Ok(whole)
    }
}

fn simple(info: u8, argument: u64) -> Result<Value, String> {
    Ok(match info {
        20 => false.into(),
        21 => true.into(),
        22 | 23 => Value::Null,
        25 => float(half(argument as u16)),
        26 => float(f64::from(f32::from_bits(argument as u32))),
        27 => float(f64::from_bits(argument)),
        _ => return Err(format!("the simple value {info}")),
    })
}

fn whole(given: i128) -> Value {
    match i64::try_from(given) {
        Ok(given) => Value::int(given),
        Err(_) => Number::from_literal(&given.to_string()).into(),
    }
}

fn float(given: f64) -> Value {
    match Number::from_f64(given) {
        Some(number) => number.into(),
        None if given.is_nan() => "NaN".into(),
        None if given > 0.0 => "Infinity".into(),
        None => "-Infinity".into(),
    }
}

/// A float of 16 bits.
fn half(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from((bits >> 10) & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of RFC 8949's appendix A.
    #[test]
    fn examples_are_read() {
        let cases = [
            ("00", "0"),
            ("1903e8", "1000"),
            ("1bffffffffffffffff", "18446744073709551615"),
            ("3903e7", "-1000"),
            ("f93c00", "1"),
            ("f90001", "5.960464477539063E-8"),
            ("fa47c35000", "100000"),
            ("fbc010666666666666", "-4.1"),
            ("f97c00", "\"Infinity\""),
            ("f4", "false"),
            ("f6", "null"),
            ("c11a514b67b0", "1363896240"),
            ("4401020304", "\"AQIDBA==\""),
            ("6449455446", "\"IETF\""),
            ("8301820203820405", "[1,[2,3],[4,5]]"),
            ("a201020304", ""),
            ("a26161016162820203", "{\"a\":1,\"b\":[2,3]}"),
            ("5f42010243030405ff", "\"AQIDBAU=\""),
            ("bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"),
            ("", ""),
            ("0000", ""),
            ("9b7fffffffffffffff", ""),
            ("1c", ""),
        ];
        for (hex, expected) in cases {
            let bytes: Vec<u8> =
                (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).expect("hex")).collect();
            assert_eq!(read(&bytes).map(|value| value.to_text()).unwrap_or_default(), expected, "{hex}");
        }
        let deep = vec![0x81; 1000];
        assert!(read(&deep).is_err());
    }
}
