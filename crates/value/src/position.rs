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

/// How far apart, in bytes, the places stand whose character count is kept.
const BLOCK_BYTES: usize = 1024;

/// Finds line and column of byte offsets in one text.
#[derive(Clone, Debug)]
pub struct LineIndex {
    starts: Vec<usize>,
    /// Characters that start before each block, so that a position in a long
    /// line costs no look at the whole line.
    characters: Vec<usize>,
}

impl LineIndex {
    /// Indexes a text.
    pub fn new(text: &str) -> LineIndex {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut count = 0;
        let characters = text
            .as_bytes()
            .chunks(BLOCK_BYTES)
            .map(|block| {
                let before = count;
                count += character_starts(block);
                before
            })
            .collect();
        LineIndex { starts, characters }
    }

    /// The position of a byte offset in the text that was indexed.
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts[line - 1];
        let column = self.characters_before(text, offset.min(text.len())) - self.characters_before(text, start) + 1;
        Position { line, column }
    }

    fn characters_before(&self, text: &str, offset: usize) -> usize {
        let block = (offset / BLOCK_BYTES).min(self.characters.len().saturating_sub(1));
        let before = self.characters.get(block).copied().unwrap_or(0);
        before + text.as_bytes().get(block * BLOCK_BYTES..offset).map_or(0, character_starts)
    }
}

/// Bytes that are not the continuation of a character.
fn character_starts(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

/// How many members written twice are kept.
pub const DUPLICATES_MAX: usize = 1000;

/// How long their pointers may be together, in bytes.
const DUPLICATES_BYTES_MAX: usize = 1 << 20;

/// A step from a node to its child.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Name(Box<str>),
    Item(usize),
}

#[derive(Clone, Debug, Default)]
struct Node {
    value: Option<Span>,
    key: Option<Span>,
}

/// Where each node of a document stands, by JSON pointer.
///
/// Kept as a tree: its size follows the document's, however deep or long-named
/// the nodes are.
#[derive(Clone, Debug)]
pub struct SpanMap {
    /// The first is the document.
    nodes: Vec<Node>,
    children: HashMap<(usize, Step), usize, foldhash::fast::RandomState>,
    duplicates: Vec<(String, Span)>,
}

impl Default for SpanMap {
    fn default() -> SpanMap {
        SpanMap { nodes: vec![Node::default()], children: HashMap::default(), duplicates: Vec::new() }
    }
}

impl SpanMap {
    /// The span of the value at a JSON pointer.
    pub fn value(&self, pointer: &str) -> Option<Span> {
        self.nodes.get(self.node(pointer)?)?.value
    }

    /// The span of the member name that leads to a JSON pointer.
    pub fn key(&self, pointer: &str) -> Option<Span> {
        self.nodes.get(self.node(pointer)?)?.key
    }

    /// Members written a second time: pointer and the span of the later name; the
    /// first [`DUPLICATES_MAX`] of them.
    pub fn duplicates(&self) -> &[(String, Span)] {
        &self.duplicates
    }

    fn node(&self, pointer: &str) -> Option<usize> {
        if pointer.is_empty() {
            return Some(0);
        }
        pointer.strip_prefix('/')?.split('/').try_fold(0, |node, step| {
            let name = step.replace("~1", "/").replace("~0", "~");
            let found = self.children.get(&(node, Step::Name(name.into_boxed_str()))).copied();
            found.or_else(|| self.children.get(&(node, Step::Item(step.parse().ok()?))).copied())
        })
    }
}

/// Writes a [`SpanMap`] while a document is read.
#[derive(Debug, Default)]
pub(crate) struct SpanWriter {
    map: SpanMap,
    /// The node that is being read.
    here: usize,
    /// Parent and step of every node, to write out a pointer.
    up: Vec<(usize, Step)>,
    duplicates_bytes: usize,
}

impl SpanWriter {
    /// Goes to a member; answers where to return to.
    pub(crate) fn enter_member(&mut self, name: &str, key: Span) -> usize {
        self.enter(Step::Name(name.into()), Some(key))
    }

    /// Goes to an element; answers where to return to.
    pub(crate) fn enter_item(&mut self, index: usize) -> usize {
        self.enter(Step::Item(index), None)
    }

    fn enter(&mut self, step: Step, key: Option<Span>) -> usize {
        let parent = self.here;
        let node = self.map.nodes.len();
        self.map.nodes.push(Node { value: None, key });
        self.up.push((parent, step.clone()));
        // A later member of the same name takes the place of the earlier.
        let again = self.map.children.insert((parent, step), node).is_some();
        self.here = node;
        if let (true, Some(key)) = (again, key)
            && self.map.duplicates.len() < DUPLICATES_MAX
            && self.duplicates_bytes < DUPLICATES_BYTES_MAX
        {
            let pointer = self.pointer();
            self.duplicates_bytes += pointer.len();
            self.map.duplicates.push((pointer, key));
        }
        parent
    }

    /// Returns from a member or an element.
    pub(crate) fn leave(&mut self, to: usize) {
        self.here = to;
    }

    /// Notes the span of the present node.
    pub(crate) fn note(&mut self, span: Span) {
        if let Some(node) = self.map.nodes.get_mut(self.here) {
            node.value = Some(span);
        }
    }

    pub(crate) fn finish(self) -> SpanMap {
        self.map
    }

    fn pointer(&self) -> String {
        let mut steps = Vec::new();
        let mut node = self.here;
        while let Some((parent, step)) = node.checked_sub(1).and_then(|at| self.up.get(at)) {
            steps.push(match step {
                Step::Name(name) => name.replace('~', "~0").replace('/', "~1"),
                Step::Item(index) => index.to_string(),
            });
            node = *parent;
        }
        steps.iter().rev().flat_map(|step| ["/", step]).collect()
    }
}

/// Parses a document and notes where every node stands.
///
/// # Errors
/// Where the text is not exactly one JSON value.
pub fn parse_with_spans(text: &str) -> Result<(Value, SpanMap), JsonError> {
    let mut parser = Parser::new(text);
    parser.spans = Some(SpanWriter::default());
    let value = parser.document()?;
    Ok((value, parser.spans.take().unwrap_or_default().finish()))
}
