use memchr::memchr2;
use windlass_value::{DEPTH_MAX, Text, Value, object, parse};

use crate::cursor::JsonCursor;
use crate::failure::ReaderFailure;
use crate::input::Input;
use crate::item::{Found, ItemBounds};

/// The elements of an array, or the members of an object, inside a JSON document that is
/// never held whole.
///
/// The document around the items is walked token by token and checked strictly; an
/// element is cut out by its brackets and given to the parser. Items are given as they
/// come, so a document that turns out broken fails after the items before the break; with
/// `MaxItems` the rest is not looked at. Of equal names on the pointer's way the first
/// holds the items; the second is a failure, as the items would then not be those that
/// other readers see. Members of equal names in the items' own object are an item each.
pub(crate) struct Elements {
    /// The way to the items.
    steps: Vec<String>,
    /// Whether an object may hold the items: with a pointer.
    objects: bool,
    /// The containers that are open, the outermost first.
    levels: Vec<Level>,
    /// How many of them, from the outermost, are on the pointer's way.
    on_way: usize,
    phase: Phase,
    target: Target,
    /// How far the next token or element was looked through.
    scan: Scan,
    /// A member's name in the items' object, when its value comes next.
    name: Option<Text>,
    /// Where reading can be taken up again.
    safe: JsonCursor,
}

/// A container that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Whether the member that comes next is a step of the way.
    Object { step: bool },
    /// The index of the element that comes next.
    Array { next: u64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A value, or the end of an array that has none yet.
    FirstValue,
    Value,
    /// A name, or the end of an object that has none yet.
    FirstName,
    Name,
    Colon,
    /// A comma or the end of the container; after the document only blanks.
    AfterValue,
    /// Inside a string that nobody needs.
    String,
}

/// The container of the items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Ahead,
    /// How many levels are open while items are read.
    Open(usize),
    Behind,
}

impl Elements {
    pub(crate) fn new(pointer: Option<&str>) -> Elements {
        let steps = pointer.and_then(|pointer| pointer.strip_prefix('/')).map(|steps| {
            steps.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect::<Vec<String>>()
        });
        Elements {
            steps: steps.unwrap_or_default(),
            objects: pointer.is_some(),
            levels: Vec::new(),
            on_way: 0,
            phase: Phase::Value,
            target: Target::Ahead,
            scan: Scan::default(),
            name: None,
            safe: JsonCursor::default(),
        }
    }

    pub(crate) fn resume(pointer: Option<&str>, cursor: JsonCursor) -> Elements {
        let mut elements = Elements::new(pointer);
        if let Some(levels) = &cursor.levels {
            elements.levels = levels
                .iter()
                .map(|next| next.map_or(Level::Object { step: false }, |next| Level::Array { next }))
                .collect();
            elements.phase = Phase::AfterValue;
            elements.on_way = cursor.on_way.min(elements.levels.len());
            elements.target = match cursor.behind {
                true => Target::Behind,
                false => Target::Open(elements.levels.len()),
            };
        }
        elements.safe = cursor;
        elements
    }

    pub(crate) fn cursor(&self) -> JsonCursor {
        self.safe.clone()
    }

    pub(crate) fn next(&mut self, input: &mut Input, bounds: ItemBounds) -> Result<Found, ReaderFailure> {
        if input.skip_mark().is_none() {
            return Ok(Found::More);
        }
        loop {
            if self.phase == Phase::String {
                if !self.scan.string(input)? {
                    return self.starved(input);
                }
                self.phase = Phase::AfterValue;
                continue;
            }
            let blanks = input.rest().iter().take_while(|byte| is_blank(**byte)).count();
            input.consume(blanks);
            let Some(byte) = input.peek() else { return self.starved(input) };
            match self.phase {
                Phase::FirstValue | Phase::Value => {
                    if byte == b']' && self.phase == Phase::FirstValue {
                        self.close(input);
                    } else if self.target == Target::Open(self.levels.len()) {
                        return match self.scan.element(input, bounds)? {
                            None => self.starved(input),
                            Some(value) => Ok(self.found(value, input)),
                        };
                    } else if !self.value(byte, input, bounds)? {
                        return self.starved(input);
                    }
                }
                Phase::FirstName if byte == b'}' => self.close(input),
                Phase::FirstName | Phase::Name => {
                    if byte != b'"' {
                        return Err(unexpected(input, "a name in double quotes"));
                    }
                    let Some(name) = self.scan.element(input, bounds)? else { return self.starved(input) };
                    self.enter(name.as_str().unwrap_or_default());
                    self.phase = Phase::Colon;
                }
                Phase::Colon if byte == b':' => {
                    input.consume(1);
                    self.phase = Phase::Value;
                }
                Phase::Colon => return Err(unexpected(input, "a colon")),
                Phase::AfterValue => match (self.levels.last_mut(), byte) {
                    (Some(Level::Object { .. }), b',') => {
                        input.consume(1);
                        self.phase = Phase::Name;
                    }
                    (Some(Level::Array { next }), b',') => {
                        *next += 1;
                        input.consume(1);
                        self.phase = Phase::Value;
                    }
                    (Some(Level::Object { .. }), b'}') | (Some(Level::Array { .. }), b']') => self.close(input),
                    (Some(Level::Object { .. }), _) => return Err(unexpected(input, "a comma or }")),
                    (Some(Level::Array { .. }), _) => return Err(unexpected(input, "a comma or ]")),
                    (None, _) => return Err(unexpected(input, "the end of the document")),
                },
                Phase::String => {}
            }
        }
    }

    /// More bytes are needed; fails where there are none.
    fn starved(&self, input: &Input) -> Result<Found, ReaderFailure> {
        if !input.ended() {
            return Ok(Found::More);
        }
        if self.phase != Phase::AfterValue || !self.levels.is_empty() {
            let place = input.offset();
            return Err(ReaderFailure::new(format!(
                "The object is not valid JSON: it ends at byte {place} too early."
            )));
        }
        match self.target {
            Target::Ahead => Err(self.not_iterable()),
            _ => Ok(Found::End),
        }
    }

    fn not_iterable(&self) -> ReaderFailure {
        ReaderFailure::new("Attempting to map over non-iterable node.")
    }

    /// Whether the value that comes next is the one the pointer leads to.
    fn is_target(&self) -> bool {
        self.on_way == self.levels.len() && self.levels.len() == self.steps.len() && self.next_is_step()
    }

    /// Whether the value that comes next in the innermost container is on the way.
    fn next_is_step(&self) -> bool {
        match self.levels.last() {
            None => true,
            Some(Level::Object { step }) => *step,
            Some(Level::Array { next }) => {
                self.steps.get(self.levels.len() - 1).is_some_and(|step| *step == next.to_string())
            }
        }
    }

    /// Notes the name of the member that comes next.
    fn enter(&mut self, name: &str) {
        let depth = self.levels.len();
        if self.target == Target::Open(depth) {
            self.name = Some(Text::from(name));
        } else if let Some(Level::Object { step }) = self.levels.last_mut() {
            *step = self.on_way == depth && self.steps.get(depth - 1).is_some_and(|step| step == name);
        }
    }

    /// Walks a value that is no item; `false` where its bytes are still to come.
    fn value(&mut self, byte: u8, input: &mut Input, bounds: ItemBounds) -> Result<bool, ReaderFailure> {
        let target = self.is_target();
        if target && self.target == Target::Behind {
            return Err(ReaderFailure::new("The ItemsPointer leads to more than one value of the object."));
        }
        if target && !(byte == b'[' || byte == b'{' && self.objects) {
            return Err(self.not_iterable());
        }
        let level = match byte {
            b'[' => Level::Array { next: 0 },
            b'{' => Level::Object { step: false },
            b'"' => {
                input.consume(1);
                self.phase = Phase::String;
                return Ok(true);
            }
            _ => {
                let found = self.scan.element(input, bounds)?.is_some();
                if found {
                    self.phase = Phase::AfterValue;
                }
                return Ok(found);
            }
        };
        if self.levels.len() >= DEPTH_MAX {
            return Err(ReaderFailure::new(format!("The object nests deeper than {DEPTH_MAX} levels.")));
        }
        if self.on_way == self.levels.len() && self.next_is_step() && self.levels.len() <= self.steps.len() {
            self.on_way += 1;
        }
        input.consume(1);
        self.levels.push(level);
        self.phase = if byte == b'[' { Phase::FirstValue } else { Phase::FirstName };
        if target {
            self.target = Target::Open(self.levels.len());
        }
        Ok(true)
    }

    fn close(&mut self, input: &mut Input) {
        input.consume(1);
        let was_target = self.target == Target::Open(self.levels.len());
        self.levels.pop();
        self.on_way = self.on_way.min(self.levels.len());
        self.phase = Phase::AfterValue;
        if was_target {
            self.target = Target::Behind;
            self.note(input);
        }
    }

    fn found(&mut self, value: Value, input: &Input) -> Found {
        self.phase = Phase::AfterValue;
        self.note(input);
        match self.name.take() {
            Some(name) => Found::Item(object! { "Key" => &name, "Value" => value }, Some(name)),
            None => Found::Item(value, None),
        }
    }

    /// Reading can be taken up again from here.
    fn note(&mut self, input: &Input) {
        self.safe.offset = input.offset();
        self.safe.on_way = self.on_way;
        self.safe.behind = self.target == Target::Behind;
        let levels = self.safe.levels.get_or_insert_default();
        levels.clear();
        levels.extend(self.levels.iter().map(|level| match level {
            Level::Object { .. } => None,
            Level::Array { next } => Some(*next),
        }));
    }
}

/// The bytes that shape an element: brackets, quotes, and what ends a number or a word.
const SHAPES: [bool; 256] = {
    let mut shapes = [false; 256];
    let bytes = b"\"[]{}, \t\r\n";
    let mut index = 0;
    while index < bytes.len() {
        shapes[bytes[index] as usize] = true;
        index += 1;
    }
    shapes
};

/// How far a token or an element was looked through while its end was not there.
#[derive(Default)]
struct Scan {
    /// Bytes that were looked at.
    at: usize,
    depth: usize,
    in_string: bool,
}

impl Scan {
    /// Cuts out the value that begins at the next byte and takes it; `None` while its
    /// end is not there.
    fn element(&mut self, input: &mut Input, bounds: ItemBounds) -> Result<Option<Value>, ReaderFailure> {
        let start = input.offset();
        let rest = input.rest();
        let Some(end) = self.end(rest).or((input.ended() && self.is_plain()).then_some(rest.len())) else {
            bounds.check_text(rest.len(), start)?;
            return Ok(None);
        };
        if end == 0 {
            return Err(unexpected(input, "a value"));
        }
        let value = element(&rest[..end], start, bounds)?;
        input.consume(end);
        *self = Scan::default();
        Ok(Some(value))
    }

    /// Whether what was looked at is a number or a word, which the end of input ends.
    fn is_plain(&self) -> bool {
        self.depth == 0 && !self.in_string && self.at > 0
    }

    /// Where the value ends, by brackets and quotes alone: the parser sees the rest.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            if self.in_string {
                match memchr2(b'"', b'\\', &bytes[self.at.min(bytes.len())..]) {
                    None => {
                        self.at = bytes.len().max(self.at);
                        return None;
                    }
                    Some(found) if bytes[self.at + found] == b'\\' => self.at += found + 2,
                    Some(found) => {
                        self.at += found + 1;
                        self.in_string = false;
                        if self.depth == 0 {
                            return Some(self.at);
                        }
                    }
                }
                continue;
            }
            let skipped = bytes[self.at.min(bytes.len())..].iter().position(|byte| SHAPES[usize::from(*byte)]);
            let Some(skipped) = skipped else {
                self.at = bytes.len().max(self.at);
                return None;
            };
            self.at += skipped;
            match bytes[self.at] {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' if self.depth > 1 => self.depth -= 1,
                b']' | b'}' if self.depth == 1 => return Some(self.at + 1),
                _ if self.depth == 0 => return Some(self.at),
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Goes through a string that nobody needs, after its opening quote; whether its end
    /// was there.
    fn string(&mut self, input: &mut Input) -> Result<bool, ReaderFailure> {
        loop {
            let rest = input.rest();
            let plain = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(rest.len());
            input.consume(plain);
            match input.peek() {
                None => return Ok(false),
                Some(b'"') => {
                    input.consume(1);
                    return Ok(true);
                }
                Some(b'\\') => {
                    let rest = input.rest();
                    let length = match rest.get(1) {
                        None => return Ok(false),
                        Some(b'u') => 6,
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(_) => return Err(unexpected(input, "an escape sequence")),
                    };
                    if rest.len() < length {
                        return Ok(false);
                    }
                    if !rest[2..length].iter().all(u8::is_ascii_hexdigit) {
                        return Err(unexpected(input, "an escape sequence"));
                    }
                    input.consume(length);
                }
                Some(_) => return Err(unexpected(input, "no control character in a string")),
            }
        }
    }
}

/// Parses one item's text that begins at `offset` of the object.
pub(crate) fn element(bytes: &[u8], offset: u64, bounds: ItemBounds) -> Result<Value, ReaderFailure> {
    bounds.check_text(bytes.len(), offset)?;
    let text = String::from_utf8_lossy(bytes);
    let value = parse(&text).map_err(|error| {
        let place = offset + error.offset as u64;
        ReaderFailure::new(format!("The object is not valid JSON at byte {place}: {}", error.message))
    })?;
    // Compact text is never longer than the text it was parsed from.
    if text.len() > bounds.bytes_max {
        bounds.check(&value, offset)?;
    }
    Ok(value)
}

fn unexpected(input: &Input, wanted: &str) -> ReaderFailure {
    let shown = input.peek().map_or("nothing".into(), |byte| byte.escape_ascii().to_string());
    let place = input.offset();
    ReaderFailure::new(format!("The object is not valid JSON at byte {place}: expected {wanted} but found {shown}"))
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
