//! Which trace a call belongs to: AWS's `X-Amzn-Trace-Id` and W3C's `traceparent`.

use std::fmt::Write;

/// The longest header that is read; AWS takes 256.
const HEADER_CHARS_MAX: usize = 256;

/// A place in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Names the trace. As AWS makes them, the first four bytes are the second it began.
    pub trace_id: [u8; 16],
    /// The span that calls; `None` where the caller made none.
    pub span_id: Option<[u8; 8]>,
    /// Whether the trace is recorded; `None` leaves the decision to whoever is called.
    pub sampled: Option<bool>,
}

impl TraceContext {
    /// Reads `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
    /// `None` without a root.
    pub fn from_header(text: &str) -> Option<TraceContext> {
        if text.len() > HEADER_CHARS_MAX {
            return None;
        }
        let mut context = None;
        let (mut span_id, mut sampled) = (None, None);
        for part in text.split(';') {
            let Some((name, value)) = part.trim().split_once('=') else { continue };
            match name {
                "Root" => {
                    let (second, rest) = value.strip_prefix("1-")?.split_once('-')?;
                    context = Some(bytes_of(&[second, rest].concat())?);
                }
                "Parent" => span_id = bytes_of(value),
                "Sampled" => sampled = (value != "?").then(|| value == "1"),
                _ => {}
            }
        }
        Some(TraceContext { trace_id: context?, span_id, sampled })
    }

    /// Reads `00-<trace>-<parent>-<flags>`, of any version, as W3C asks for.
    pub fn from_traceparent(text: &str) -> Option<TraceContext> {
        let mut parts = text.trim().splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes_of::<1>(version)?;
        if version == 0xff || (version == 0 && parts.next().is_some()) {
            return None;
        }
        let (trace_id, span_id) = (bytes_of::<16>(trace)?, bytes_of::<8>(span)?);
        let [flags] = bytes_of::<1>(flags)?;
        let is_named = trace_id != [0; 16] && span_id != [0; 8];
        is_named.then_some(TraceContext { trace_id, span_id: Some(span_id), sampled: Some(flags & 1 == 1) })
    }

    /// As `X-Amzn-Trace-Id` has it.
    pub fn to_header(&self) -> String {
        let trace = hex(&self.trace_id);
        let mut out = format!("Root=1-{}-{}", &trace[..8], &trace[8..]);
        if let Some(span_id) = &self.span_id {
            // Writing to a string cannot fail.
            let _ = write!(out, ";Parent={}", hex(span_id));
        }
        if let Some(sampled) = self.sampled {
            let _ = write!(out, ";Sampled={}", u8::from(sampled));
        }
        out
    }

    /// As `traceparent` has it; `None` where no span calls.
    pub fn to_traceparent(&self) -> Option<String> {
        let span_id = self.span_id.as_ref()?;
        let flags = u8::from(self.sampled.unwrap_or_default());
        Some(format!("00-{}-{}-{flags:02x}", hex(&self.trace_id), hex(span_id)))
    }
}

/// The trace of a request: AWS's header, else W3C's as AWS writes it.
pub fn trace_of<'a>(header: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    match header("x-amzn-trace-id") {
        Some(text) => Some(text.to_owned()),
        None => TraceContext::from_traceparent(header("traceparent")?).map(|context| context.to_header()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    // W3C takes small letters only; AWS writes none other.
    if digits.len() != 2 * N || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_headers_name_the_same_place() {
        const AWS: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        const W3C: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        let context = TraceContext::from_header(AWS).expect("a context");
        assert_eq!(Some(context), TraceContext::from_traceparent(W3C));
        assert_eq!((context.to_header(), context.to_traceparent()), (AWS.to_owned(), Some(W3C.to_owned())));
    }

    #[test]
    fn headers_are_read_or_left_alone() {
        let cases = [
            ("Root=1-5759e988-bd862e3fe1be46a994272793", Some((None, None))),
            ("Self=1-67891234-a;Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0", Some((None, Some(false)))),
            ("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=?;Lineage=a:0", Some((None, None))),
            ("Root=1-5759e988-bd862e3fe1be46a9942727", None),
            ("Root=2-5759e988-bd862e3fe1be46a994272793", None),
            ("Sampled=1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let found = TraceContext::from_header(text).map(|context| (context.span_id, context.sampled));
            assert_eq!(found, expected, "{text}");
        }
        for text in [
            "00-00000000000000000000000000000000-53995c3f42cd8ad8-01",
            "00-5759e988bd862e3fe1be46a994272793-0000000000000000-01",
            "00-5759E988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01-x",
            "ff-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01",
            "00-5759e988bd862e3fe1be46a994272793",
            "",
        ] {
            assert_eq!(TraceContext::from_traceparent(text), None, "{text}");
        }
        let later = TraceContext::from_traceparent("cc-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-00-more");
        assert_eq!(later.and_then(|context| context.sampled), Some(false));
    }

    #[test]
    fn awss_header_goes_before_w3cs() {
        const W3C: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
        let both = |name: &str| Some(if name == "traceparent" { W3C } else { "anything" });
        assert_eq!(trace_of(both).as_deref(), Some("anything"));
        let one = |name: &str| (name == "traceparent").then_some(W3C);
        let expected = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        assert_eq!(trace_of(one).as_deref(), Some(expected));
        assert_eq!(trace_of(|_| None), None);
    }
}
