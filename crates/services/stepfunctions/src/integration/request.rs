//! Requests and answers of HTTP as HTTP tasks and API Gateway write them.

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use ::http::{Response, StatusCode};
use bytes::Bytes;
use windlass_value::{Object, Value, object, parse};

/// How a form writes arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArrayFormat {
    /// `a[0]=x&a[1]=y`
    Indices,
    /// `a=x&a=y`
    Repeat,
    /// `a=x,y`
    Commas,
    /// `a[]=x&a[]=y`
    Brackets,
}

impl ArrayFormat {
    pub(super) fn parse(text: &str) -> Option<ArrayFormat> {
        match text {
            "INDICES" | "NONE" => Some(ArrayFormat::Indices),
            "REPEAT" => Some(ArrayFormat::Repeat),
            "COMMAS" => Some(ArrayFormat::Commas),
            "BRACKETS" => Some(ArrayFormat::Brackets),
            _ => None,
        }
    }
}

/// The texts of a header's or a query parameter's value: one, or one for each item.
pub(super) fn texts_of(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().map(text_of).collect(),
        value => vec![text_of(value)],
    }
}

/// A string as it is, anything else as JSON text.
pub(super) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.to_string(),
        other => other.to_text(),
    }
}

/// Encodes everything but letters, digits and `-._~`.
pub(super) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// `a=1&b=2`, encoded.
pub(super) fn query_string(pairs: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| format!("{}={}", percent_encode(name), percent_encode(value));
    pairs.iter().map(pair).collect::<Vec<String>>().join("&")
}

/// A document as the pairs of a form: members of members are named `a[b]`.
pub(super) fn form_pairs(document: &Value, arrays: ArrayFormat) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    if let Value::Object(members) = document {
        for (name, value) in members.iter() {
            add_pairs(name, value, arrays, &mut pairs);
        }
    }
    pairs
}

fn add_pairs(name: &str, value: &Value, arrays: ArrayFormat, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members.iter() {
                add_pairs(&format!("{name}[{member}]"), value, arrays, pairs);
            }
        }
        Value::Array(items) => match arrays {
            ArrayFormat::Commas => {
                let texts: Vec<String> = items.iter().map(text_of).collect();
                pairs.push((name.to_owned(), texts.join(",")));
            }
            _ => {
                for (index, item) in items.iter().enumerate() {
                    let name = match arrays {
                        ArrayFormat::Indices => format!("{name}[{index}]"),
                        ArrayFormat::Brackets => format!("{name}[]"),
                        ArrayFormat::Repeat | ArrayFormat::Commas => name.to_owned(),
                    };
                    add_pairs(&name, item, arrays, pairs);
                }
            }
        },
        Value::Null => {}
        value => pairs.push((name.to_owned(), text_of(value))),
    }
}

/// Adds headers; `false` where a name or value cannot be one.
pub(super) fn add_header(headers: &mut HeaderMap, name: &str, values: &[String]) -> bool {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return false };
    headers.remove(&name);
    values.iter().all(|value| match HeaderValue::from_str(value) {
        Ok(value) => {
            headers.append(&name, value);
            true
        }
        Err(_) => false,
    })
}

/// An answer's content type, without parameters and in lower case.
pub(super) fn content_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    text.split(';').next().unwrap_or_default().trim().to_owned()
}

/// Whether a content type is JSON.
pub(super) fn is_json(content_type: &str) -> bool {
    content_type == "application/json" || (content_type.starts_with("application/") && content_type.ends_with("+json"))
}

/// `{Headers, ResponseBody, StatusCode, StatusText}`; `None` where the body is no text.
pub(super) fn result(response: &Response<Bytes>) -> Option<Value> {
    let mut headers = Object::new();
    for name in response.headers().keys() {
        let values = response.headers().get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned().into());
        headers.insert(name.as_str(), Value::array(values.collect()));
    }
    let text = std::str::from_utf8(response.body()).ok()?;
    let parsed = is_json(&content_type(response.headers())).then(|| parse(text).ok()).flatten();
    Some(object! {
        "Headers" => headers,
        "ResponseBody" => parsed.unwrap_or_else(|| text.into()),
        "StatusCode" => u32::from(response.status().as_u16()),
        "StatusText" => status_text(response.status()),
    })
}

/// `Not Found` of 404.
pub(super) fn status_text(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(|| status.as_u16().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_write_arrays_as_told() {
        let document = parse(r#"{"a":["x","y z"],"b":{"c":1,"d":null},"e":"ä"}"#).unwrap();
        for (arrays, expected) in [
            (ArrayFormat::Indices, "a%5B0%5D=x&a%5B1%5D=y%20z&b%5Bc%5D=1&e=%C3%A4"),
            (ArrayFormat::Repeat, "a=x&a=y%20z&b%5Bc%5D=1&e=%C3%A4"),
            (ArrayFormat::Commas, "a=x%2Cy%20z&b%5Bc%5D=1&e=%C3%A4"),
            (ArrayFormat::Brackets, "a%5B%5D=x&a%5B%5D=y%20z&b%5Bc%5D=1&e=%C3%A4"),
        ] {
            assert_eq!(query_string(&form_pairs(&document, arrays)), expected);
        }
    }

    #[test]
    fn only_text_is_a_result() {
        let response = |content_type: &str, body: &'static [u8]| {
            let response = Response::builder().status(201).header("Content-Type", content_type);
            result(&response.body(Bytes::from_static(body)).unwrap()).map(|result| result["ResponseBody"].to_text())
        };
        assert_eq!(response("application/json; charset=utf-8", b"[1]").as_deref(), Some("[1]"));
        assert_eq!(response("application/problem+json", b"{}").as_deref(), Some("{}"));
        assert_eq!(response("application/json", b"{").as_deref(), Some(r#""{""#));
        assert_eq!(response("text/plain", b"[1]").as_deref(), Some(r#""[1]""#));
        assert_eq!(response("text/plain", b"\xff"), None);
    }
}
