use windlass_value::{LineIndex, Span, SpanMap};

use crate::diagnostic::{Diagnostic, Severity};

/// A finding whose place in the text is still to be looked up.
#[derive(Default)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) location: Option<String>,
    /// JSON pointer of the node at `location`.
    pub(crate) anchor: String,
    /// The offending node.
    pub(crate) pointer: String,
    /// The member's name is at fault, not its value.
    pub(crate) at_name: bool,
    /// How many bytes into a string value, past its opening quote.
    pub(crate) offset: Option<usize>,
    /// Where it stands, when that is known already.
    pub(crate) span: Option<Span>,
    pub(crate) help: Option<String>,
}

impl Finding {
    /// Where it comes among the findings: what a state is made of, then where
    /// states lead, then the end; within these in the order of the text.
    pub(crate) fn order(&self, spans: &SpanMap) -> (u8, usize) {
        let phase = match self.code {
            "MISSING_END_STATE" => 2,
            "MISSING_TRANSITION_TARGET" => 1,
            _ => 0,
        };
        (phase, spans.value(&self.anchor).map_or(usize::MAX, |span| span.start))
    }

    /// Looks up where it stands in the text.
    pub(crate) fn locate(self, text: &str, spans: &SpanMap, lines: &LineIndex) -> Diagnostic {
        let span = self.span(text, spans);
        Diagnostic {
            severity: self.severity,
            code: self.code,
            message: self.message,
            location: self.location,
            pointer: self.pointer,
            span,
            start: lines.position(text, span.start),
            end: lines.position(text, span.end),
            help: self.help,
        }
    }

    fn span(&self, text: &str, spans: &SpanMap) -> Span {
        if let Some(span) = self.span {
            return span;
        }
        if self.at_name
            && let Some(span) = spans.key(&self.pointer)
        {
            return span;
        }
        let mut pointer = self.pointer.as_str();
        loop {
            if let Some(span) = spans.value(pointer) {
                return match self.offset {
                    Some(offset) if pointer == self.pointer => within(text, span, offset),
                    _ => span,
                };
            }
            match pointer.rfind('/') {
                Some(at) => pointer = &pointer[..at],
                None => return Span::default(),
            }
        }
    }
}

/// The rest of a string from an offset in it; the whole string where an escape
/// makes offsets in the value and in the text differ.
fn within(text: &str, span: Span, offset: usize) -> Span {
    let start = span.start + 1 + offset;
    match text.get(span.start..span.end) {
        Some(literal) if !literal.contains('\\') && start < span.end && text.is_char_boundary(start) => {
            Span { start, end: span.end - 1 }
        }
        _ => span,
    }
}
