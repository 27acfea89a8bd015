//! OpenTelemetry's protocol over HTTP: spans as JSON or protobuf, and the sender.
//!
//! The two encodings of one message are written by hand: they are frozen, and
//! small beside the crates that would bring a second HTTP client with them.

mod exporter;
mod json;
mod protobuf;

pub(crate) use exporter::SpanExporter;

use windlass_stepfunctions::SpanKind;

/// Who sends: the instrumentation scope.
const SCOPE: &str = "windlass";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// OpenTelemetry's numbers of kinds.
fn kind_number(kind: SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
    }
}

/// The status of a span that failed.
const ERROR_STATUS: u64 = 2;

fn nanoseconds(ms: i64) -> u64 {
    u64::try_from(ms).unwrap_or_default().saturating_mul(1_000_000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use windlass_stepfunctions::{Span, SpanKind, SpanValue};
    use windlass_value::{Timestamp, parse};

    use super::*;

    fn span() -> Span {
        Span {
            trace_id: *b"0123456789abcdef",
            span_id: *b"01234567",
            parent_id: Some(*b"parentid"),
            name: "State".into(),
            kind: SpanKind::Internal,
            started_at: Timestamp(1_700_000_000_000),
            ended_at: Timestamp(1_700_000_000_500),
            attributes: vec![("a", SpanValue::Text("x".into())), ("n", SpanValue::Int(300))],
            failure: Some("E: c".into()),
        }
    }

    fn resource() -> Vec<(String, String)> {
        vec![("service.name".into(), "windlass".into())]
    }

    #[test]
    fn json_has_the_protocols_names() {
        let text = json::encode(&resource(), &[span()]);
        let document = parse(&text).expect("JSON");
        let spans = &document["resourceSpans"].at(0).expect("a resource")["scopeSpans"];
        let span = spans.at(0).expect("a scope")["spans"].at(0).expect("a span").clone();
        let expected = parse(
            r#"{"traceId":"30313233343536373839616263646566","spanId":"3031323334353637",
            "parentSpanId":"706172656e746964","name":"State","kind":1,
            "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000000500000000",
            "attributes":[{"key":"a","value":{"stringValue":"x"}},{"key":"n","value":{"intValue":"300"}}],
            "status":{"message":"E: c","code":2},"flags":1}"#,
        );
        assert_eq!(span, expected.expect("JSON"));
        let attributes = &document["resourceSpans"].at(0).expect("a resource")["resource"]["attributes"];
        assert_eq!(attributes.to_text(), r#"[{"key":"service.name","value":{"stringValue":"windlass"}}]"#);
    }

    /// The fields of a message: number to values; groups are not read.
    fn fields(mut bytes: &[u8]) -> BTreeMap<u64, Vec<Vec<u8>>> {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let (byte, rest) = bytes.split_first().expect("a byte");
                *bytes = rest;
                value |= u64::from(byte & 0x7f) << shift;
                shift += 7;
                if byte & 0x80 == 0 {
                    return value;
                }
            }
        }
        let mut found: BTreeMap<u64, Vec<Vec<u8>>> = BTreeMap::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes);
            let length = match tag & 7 {
                0 => {
                    found.entry(tag >> 3).or_default().push(varint(&mut bytes).to_le_bytes().to_vec());
                    continue;
                }
                1 => 8,
                2 => varint(&mut bytes) as usize,
                5 => 4,
                wire => panic!("wire type {wire}"),
            };
            let (value, rest) = bytes.split_at(length);
            found.entry(tag >> 3).or_default().push(value.to_vec());
            bytes = rest;
        }
        found
    }

    #[test]
    fn protobuf_has_the_protocols_numbers() {
        let request = fields(&protobuf::encode(&resource(), &[span()]));
        let resource_spans = fields(&request[&1][0]);
        let attribute = fields(&fields(&resource_spans[&1][0])[&1][0]);
        assert_eq!(
            (attribute[&1][0].as_slice(), fields(&attribute[&2][0])[&1][0].as_slice()),
            (&b"service.name"[..], &b"windlass"[..])
        );
        let scope_spans = fields(&resource_spans[&2][0]);
        assert_eq!(fields(&scope_spans[&1][0])[&1][0], b"windlass");
        let span = fields(&scope_spans[&2][0]);
        assert_eq!(span[&1][0], b"0123456789abcdef");
        assert_eq!(span[&2][0], b"01234567");
        assert_eq!(span[&4][0], b"parentid");
        assert_eq!(span[&5][0], b"State");
        assert_eq!(span[&6][0], 1_u64.to_le_bytes());
        assert_eq!(span[&7][0], 1_700_000_000_000_000_000_u64.to_le_bytes());
        assert_eq!(span[&8][0], 1_700_000_000_500_000_000_u64.to_le_bytes());
        let number = fields(&span[&9][1]);
        assert_eq!(
            (number[&1][0].as_slice(), fields(&number[&2][0])[&3][0].as_slice()),
            (&b"n"[..], &300_u64.to_le_bytes()[..])
        );
        let status = fields(&span[&15][0]);
        assert_eq!((status[&2][0].as_slice(), status[&3][0].as_slice()), (&b"E: c"[..], &2_u64.to_le_bytes()[..]));
        assert_eq!(span[&16][0], 1_u32.to_le_bytes());
    }
}
