//! JSON text to values. Strict RFC 8259, Jackson's error texts, bounded depth.

use crate::json_error::JsonError;
use crate::number::Number;
use crate::object::Object;
use crate::position::{Span, SpanWriter};
use crate::value::{Text, Value};

/// How deep a document may nest (Jackson's own bound).
pub const DEPTH_MAX: usize = 1000;

/// Member names that are remembered while a text is read.
const NAMES_MAX: usize = 64;

/// Shorter texts hardly repeat a name.
const NAMES_FROM_BYTES: usize = 300;

/// Parses exactly one JSON value.
///
/// # Errors
/// Where the text is not exactly one JSON value, or nests deeper than [`DEPTH_MAX`].
pub fn parse(text: &str) -> Result<Value, JsonError> {
    Parser::new(text).document()
}

/// Checks that a text is exactly one JSON value, without building it.
///
/// # Errors
/// As [`parse`].
pub fn validate(text: &str) -> Result<(), JsonError> {
    let mut parser = Parser::new(text);
    parser.build = false;
    parser.document().map(drop)
}

pub(crate) struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    build: bool,
    /// Member names seen last, each at a place of its own.
    names: Vec<Option<Text>>,
    pub(crate) spans: Option<SpanWriter>,
}

/// A container whose closing bracket is still to come.
struct Open {
    start: usize,
    /// What to return to when the current member is read.
    mark: usize,
    members: Members,
}

enum Members {
    /// The members so far and the name whose value comes next.
    Object(Object, Text),
    /// The items so far and how many there were (counted also when not built).
    Array(Vec<Value>, usize),
}

impl Members {
    /// Adds a value; answers the closing byte and Jackson's name of the container.
    fn add(&mut self, value: Value, build: bool) -> (u8, &'static str) {
        match self {
            Members::Object(object, key) => {
                if build {
                    object.insert(std::mem::take(key), value);
                }
                (b'}', "Object")
            }
            Members::Array(items, count) => {
                *count += 1;
                if build {
                    items.push(value);
                }
                (b']', "Array")
            }
        }
    }

    fn close(self) -> Value {
        match self {
            Members::Object(object, _) => Value::from(object),
            Members::Array(items, _) => Value::array(items),
        }
    }
}

type Parsed<T> = Result<T, JsonError>;

const VALID_TOKENS: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str) -> Parser<'a> {
        Parser { text, bytes: text.as_bytes(), at: 0, build: true, names: Vec::new(), spans: None }
    }

    pub(crate) fn document(&mut self) -> Parsed<Value> {
        self.blanks();
        if self.at == self.bytes.len() {
            return Err(self.error("No content to map due to end-of-input", self.at, 0));
        }
        let value = self.value()?;
        self.blanks();
        match self.peek() {
            None => Ok(value),
            Some(byte) if byte.is_ascii_alphabetic() => Err(self.unrecognized_token(self.at)),
            Some(_) => Err(self.unexpected(&format!("Expected space separating root-level values or {VALID_TOKENS}"))),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn error(&self, message: impl Into<String>, offset: usize, beyond: usize) -> JsonError {
        let offset = offset.min(self.text.len());
        let before = &self.bytes[..offset];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&self.bytes[start..offset]).chars().count() + 1 + beyond;
        JsonError { message: message.into(), offset, line, column }
    }

    fn unexpected(&self, expectation: &str) -> JsonError {
        match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => self.error("Unexpected end-of-input", self.at, 0),
            Some(character) => {
                let code = u32::from(character);
                let shown = match character {
                    control if control.is_ascii_control() => format!("CTRL-CHAR, code {code}"),
                    other => format!("'{other}' (code {code})"),
                };
                self.error(format!("Unexpected character ({shown}): {expectation}"), self.at, 1)
            }
        }
    }

    fn unrecognized_token(&self, start: usize) -> JsonError {
        const TOKEN_CHARS_MAX: usize = 256;
        let token: String = self.text[start..]
            .chars()
            .take_while(|character| character.is_alphanumeric() || *character == '_' || *character == '$')
            .take(TOKEN_CHARS_MAX)
            .collect();
        let message = format!("Unrecognized token '{token}': was expecting {VALID_TOKENS}");
        self.error(message, start + token.len(), 0)
    }

    /// Reads one value without recursion: a document may nest deeper than a
    /// thread's stack could follow.
    fn value(&mut self) -> Parsed<Value> {
        let mut open: Vec<Open> = Vec::new();
        loop {
            let start = self.at;
            let mut value = match self.peek() {
                Some(b'{') => {
                    self.deeper(open.len())?;
                    self.at += 1;
                    self.blanks();
                    if self.peek() == Some(b'}') {
                        self.at += 1;
                        Value::empty_object()
                    } else {
                        let (key, mark) = self.key(start)?;
                        open.push(Open { start, mark, members: Members::Object(Object::new(), key) });
                        continue;
                    }
                }
                Some(b'[') => {
                    self.deeper(open.len())?;
                    self.at += 1;
                    self.blanks();
                    match self.peek() {
                        Some(b']') => {
                            self.at += 1;
                            Value::array(Vec::new())
                        }
                        None => return Err(self.unclosed("Array", start)),
                        Some(_) => {
                            let mark = self.enter_item(0);
                            open.push(Open { start, mark, members: Members::Array(Vec::new(), 0) });
                            continue;
                        }
                    }
                }
                _ => self.scalar()?,
            };
            self.note(start);
            // Hand the value to the container that waits for it, closing as many as end here.
            loop {
                let Some(container) = open.last_mut() else { return Ok(value) };
                self.leave(container.mark);
                let (close, kind) = container.members.add(value, self.build);
                self.blanks();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.blanks();
                        let start = container.start;
                        match &mut container.members {
                            Members::Object(_, key) => {
                                let (next, mark) = self.key(start)?;
                                *key = next;
                                container.mark = mark;
                            }
                            Members::Array(_, count) => {
                                if self.peek().is_none() {
                                    return Err(self.unclosed(kind, start));
                                }
                                container.mark = self.enter_item(*count);
                            }
                        }
                        break;
                    }
                    Some(byte) if byte == close => {
                        self.at += 1;
                        let Some(Open { start, members, .. }) = open.pop() else { return Ok(Value::Null) };
                        value = members.close();
                        self.note(start);
                    }
                    None => return Err(self.unclosed(kind, container.start)),
                    Some(_) => {
                        return Err(self.unexpected(&format!("was expecting comma to separate {kind} entries")));
                    }
                }
            }
        }
    }

    fn scalar(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some(b'"') => {
                let text = self.string()?;
                Ok(if self.build { Value::String(text.into()) } else { Value::Null })
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'_' || byte == b'$' => {
                Err(self.unrecognized_token(self.at))
            }
            _ => Err(self.unexpected(&format!("expected a valid value {VALID_TOKENS}"))),
        }
    }

    /// Reads a member name and its colon, up to the value.
    fn key(&mut self, object_start: usize) -> Parsed<(Text, usize)> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {}
            None => return Err(self.unclosed("Object", object_start)),
            Some(_) => return Err(self.unexpected("was expecting double-quote to start field name")),
        }
        let key = self.string()?;
        let span = Span { start, end: self.at };
        let name = if self.build { self.name(&key) } else { Text::default() };
        self.blanks();
        match self.peek() {
            Some(b':') => self.at += 1,
            None => return Err(self.unclosed("Object", object_start)),
            Some(_) => return Err(self.unexpected("was expecting a colon to separate field name and value")),
        }
        self.blanks();
        if self.peek().is_none() {
            return Err(self.unclosed("Object", object_start));
        }
        let mark = self.spans.as_mut().map_or(0, |spans| spans.enter_member(&key, span));
        Ok((name, mark))
    }

    /// A member name; those that come again and again are shared.
    fn name(&mut self, name: &str) -> Text {
        if self.names.is_empty() {
            if self.text.len() < NAMES_FROM_BYTES {
                return name.into();
            }
            self.names.resize(NAMES_MAX, None);
        }
        let bytes = name.as_bytes();
        let mix = |byte: Option<&u8>| byte.map_or(0, |byte| usize::from(*byte));
        let place =
            (bytes.len() * 7 + mix(bytes.first()) * 31 + mix(bytes.get(bytes.len() / 2)) * 5 + mix(bytes.last()))
                % NAMES_MAX;
        match &mut self.names[place] {
            Some(known) if **known == *name => known.clone(),
            known => known.insert(name.into()).clone(),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Parsed<Value> {
        let end = self.at + word.len();
        let follows = self.bytes.get(end).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) || follows {
            return Err(self.unrecognized_token(self.at));
        }
        self.at = end;
        Ok(value)
    }

    fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => {
                self.at += 1;
                if matches!(self.peek(), Some(b'0'..=b'9')) {
                    return Err(self.error("Invalid numeric value: Leading zeroes not allowed", self.at, 1));
                }
            }
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")),
        }
        let mut integer = true;
        if self.peek() == Some(b'.') {
            integer = false;
            self.at += 1;
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.unexpected("Decimal point not followed by a digit"));
            }
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            integer = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.unexpected("Exponent indicator not followed by a digit"));
            }
            self.digits();
        }
        if self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'.') {
            return Err(self.unexpected("Expected space separating root-level values"));
        }
        if !self.build {
            return Ok(Value::Null);
        }
        let text = &self.text[start..self.at];
        Ok(Value::Number(if integer { Number::from_literal(text) } else { Number::from_fractional(text) }))
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }

    /// Reads a string; the cursor stands on its opening quote.
    fn string(&mut self) -> Parsed<std::borrow::Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let mut owned: Option<String> = None;
        let mut copied = start;
        loop {
            match self.peek() {
                None => return Err(self.error("Unexpected end-of-input in VALUE_STRING", self.at, 0)),
                Some(b'"') => {
                    let tail = &self.text[copied..self.at];
                    self.at += 1;
                    return Ok(match owned {
                        None => tail.into(),
                        Some(mut text) => {
                            text.push_str(tail);
                            text.into()
                        }
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_default();
                    text.push_str(&self.text[copied..self.at]);
                    self.at += 1;
                    let character = self.escape()?;
                    owned.get_or_insert_default().push(character);
                    copied = self.at;
                }
                Some(byte) if byte < 0x20 => {
                    let message = format!(
                        "Illegal unquoted character ((CTRL-CHAR, code {byte})): has to be escaped using backslash to be included in string value"
                    );
                    return Err(self.error(message, self.at, 1));
                }
                Some(_) => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    let is_end = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
                    self.at += rest.iter().position(is_end).unwrap_or(rest.len());
                }
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let byte = self.peek().ok_or_else(|| self.error("Unexpected end-of-input in VALUE_STRING", self.at, 0))?;
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                if (0xd800..0xdc00).contains(&high) && self.bytes.get(self.at..self.at + 2) == Some(b"\\u") {
                    let mark = self.at;
                    self.at += 2;
                    let low = self.hex4()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                    self.at = mark;
                }
                // A lone surrogate has no UTF-8 form; the replacement character stands for it.
                char::from_u32(high).unwrap_or('\u{fffd}')
            }
            _ => {
                self.at -= 1;
                return Err(self.unrecognized_escape());
            }
        })
    }

    fn unrecognized_escape(&self) -> JsonError {
        let character = self.text.get(self.at..).and_then(|rest| rest.chars().next()).unwrap_or('\u{fffd}');
        let code = u32::from(character);
        self.error(format!("Unrecognized character escape '{character}' (code {code})"), self.at, 1)
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            match digit {
                Some(digit) => code = code * 16 + digit,
                None => return Err(self.unexpected("expected a hex-digit for character escape sequence")),
            }
            self.at += 1;
        }
        Ok(code)
    }

    fn deeper(&self, depth: usize) -> Parsed<()> {
        if depth < DEPTH_MAX {
            return Ok(());
        }
        let message = format!(
            "Document nesting depth ({}) exceeds the maximum allowed ({DEPTH_MAX}, from `StreamReadConstraints.getMaxNestingDepth()`)",
            depth + 1
        );
        Err(self.error(message, self.at, 1))
    }

    fn unclosed(&self, kind: &str, start: usize) -> JsonError {
        let from = self.error("", start, 0);
        let message = format!(
            "Unexpected end-of-input: expected close marker for {kind} (start marker at {})",
            from.source_location(self.text)
        );
        self.error(message, self.at, 0)
    }

    fn note(&mut self, start: usize) {
        if let Some(spans) = &mut self.spans {
            spans.note(Span { start, end: self.at });
        }
    }

    fn enter_item(&mut self, index: usize) -> usize {
        self.spans.as_mut().map_or(0, |spans| spans.enter_item(index))
    }

    fn leave(&mut self, to: usize) {
        if let Some(spans) = &mut self.spans {
            spans.leave(to);
        }
    }
}
