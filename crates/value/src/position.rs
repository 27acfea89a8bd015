use std::collections::HashMap;

use crate::json_error::JsonError;
use crate::parse::Parser;
use crate::value::Value;

/// A stretch of source text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// A 1-based line and column (columns count characters).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
}

/// Finds line and column of byte offsets in one text.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Indexes a text.
    pub fn new(text: &str) -> LineIndex {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        LineIndex { starts }
    }

    /// The position of a byte offset in the text that was indexed.
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let end = offset.min(text.len());
        let column = text.get(start..end).map_or(end - start, |part| part.chars().count()) + 1;
        Position { line, column }
    }
}

/// Where each node of a document stands, by JSON pointer.
#[derive(Clone, Debug, Default)]
pub struct SpanMap {
    pub(crate) values: HashMap<String, Span>,
    pub(crate) keys: HashMap<String, Span>,
    pub(crate) duplicates: Vec<(String, Span)>,
}

impl SpanMap {
    /// The span of the value at a JSON pointer.
    pub fn value(&self, pointer: &str) -> Option<Span> {
        self.values.get(pointer).copied()
    }

    /// The span of the member name that leads to a JSON pointer.
    pub fn key(&self, pointer: &str) -> Option<Span> {
        self.keys.get(pointer).copied()
    }

    /// Members written a second time: pointer and the span of the later name.
    pub fn duplicates(&self) -> &[(String, Span)] {
        &self.duplicates
    }
}

/// Parses a document and notes where every node stands.
///
/// # Errors
/// Where the text is not exactly one JSON value.
pub fn parse_with_spans(text: &str) -> Result<(Value, SpanMap), JsonError> {
    let mut parser = Parser::new(text);
    parser.spans = Some((SpanMap::default(), String::new()));
    let value = parser.document()?;
    let (spans, _) = parser.spans.take().unwrap_or_default();
    Ok((value, spans))
}
