//! The pattern's text as tokens, with the reading position where the matcher's own
//! JSON reader has it: after the name of a member it has already looked at the
//! beginning of the value, and of a string it has read only the opening quote until
//! someone asks for the text. Error places come out the same that way.

use windlass_value::{JsonError, LineIndex, validate};

use crate::error::PatternError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    /// A member's name; [`Tokens::name`] has it.
    Name,
    /// A string; [`Tokens::text`] reads it.
    String,
    /// A number; [`Tokens::text`] has its spelling.
    Number,
    True,
    False,
    Null,
    /// The text is over.
    End,
}

pub(crate) struct Tokens<'a> {
    source: &'a str,
    /// The error of the text as JSON, reported when reading arrives there.
    broken: Option<JsonError>,
    at: usize,
    open: Vec<Frame>,
    current: Token,
    /// The value token behind a name, read ahead.
    ahead: Option<Token>,
    /// Where the current scalar starts.
    start: usize,
    /// The current string is read up to its opening quote only.
    incomplete: bool,
    name: String,
    text: String,
}

struct Frame {
    object: bool,
    members: usize,
}

type Read<T> = Result<T, PatternError>;

impl<'a> Tokens<'a> {
    pub(crate) fn new(source: &'a str) -> Tokens<'a> {
        Tokens {
            source,
            broken: validate(source).err(),
            at: 0,
            open: Vec::new(),
            current: Token::End,
            ahead: None,
            start: 0,
            incomplete: false,
            name: String::new(),
            text: String::new(),
        }
    }

    /// The name of the member read last.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The text of the current token: a string's content, any other's spelling.
    pub(crate) fn text(&mut self) -> Read<&str> {
        match self.current {
            Token::String => {
                if self.incomplete {
                    self.text = self.string()?;
                    self.incomplete = false;
                }
            }
            Token::Number => self.text = self.source[self.start..self.at].to_owned(),
            Token::Name => self.text = self.name.clone(),
            other => {
                self.text = match other {
                    Token::ObjectStart => "{",
                    Token::ObjectEnd => "}",
                    Token::ArrayStart => "[",
                    Token::ArrayEnd => "]",
                    Token::True => "true",
                    Token::False => "false",
                    _ => "null",
                }
                .to_owned();
            }
        }
        Ok(&self.text)
    }

    pub(crate) fn next(&mut self) -> Read<Token> {
        if let Some(token) = self.ahead.take() {
            self.current = token;
            return Ok(token);
        }
        if self.incomplete {
            self.string()?;
            self.incomplete = false;
        }
        self.current = self.read()?;
        Ok(self.current)
    }

    fn read(&mut self) -> Read<Token> {
        self.blanks();
        let Some(frame) = self.open.last_mut() else {
            return match self.peek() {
                None if self.broken.as_ref().is_none_or(|broken| broken.message.starts_with("No content")) => {
                    Ok(Token::End)
                }
                _ => self.value(),
            };
        };
        let close = if frame.object { b'}' } else { b']' };
        let first = frame.members == 0;
        frame.members += 1;
        let object = frame.object;
        if self.peek() == Some(close) {
            self.at += 1;
            self.open.pop();
            return Ok(if object { Token::ObjectEnd } else { Token::ArrayEnd });
        }
        if !first {
            self.expect(b',')?;
            self.blanks();
        }
        if !object {
            return self.value();
        }
        self.expect(b'"')?;
        self.name = self.string()?;
        self.blanks();
        self.expect(b':')?;
        self.blanks();
        self.ahead = Some(self.value()?);
        Ok(Token::Name)
    }

    /// Reads a value's first token.
    fn value(&mut self) -> Read<Token> {
        self.start = self.at;
        match self.peek() {
            Some(b'{') => {
                self.at += 1;
                self.open.push(Frame { object: true, members: 0 });
                Ok(Token::ObjectStart)
            }
            Some(b'[') => {
                self.at += 1;
                self.open.push(Frame { object: false, members: 0 });
                Ok(Token::ArrayStart)
            }
            Some(b'"') => {
                self.at += 1;
                self.incomplete = true;
                Ok(Token::String)
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                self.at += self.source.as_bytes()[self.at..].iter().take_while(|byte| number(byte)).count();
                self.sound().map(|()| Token::Number)
            }
            Some(b't') => self.word("true", Token::True),
            Some(b'f') => self.word("false", Token::False),
            Some(b'n') => self.word("null", Token::Null),
            _ => Err(self.json_error()),
        }
    }

    fn word(&mut self, word: &str, token: Token) -> Read<Token> {
        if !self.source[self.at..].starts_with(word) {
            return Err(self.json_error());
        }
        self.at += word.len();
        self.sound().map(|()| token)
    }

    /// Refuses a scalar at whose end (or before) the text stops being JSON.
    fn sound(&self) -> Read<()> {
        match &self.broken {
            Some(broken) if broken.offset < self.at => Err(self.json_error()),
            _ => Ok(()),
        }
    }

    /// The content of a string whose opening quote is read.
    fn string(&mut self) -> Read<String> {
        let start = self.at;
        loop {
            match self.peek() {
                None | Some(0..0x20) => return Err(self.json_error()),
                Some(b'"') => break,
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        // With its quotes the string is a JSON document of its own.
        let quoted = self.source.get(start - 1..self.at).unwrap_or_default();
        match windlass_value::parse(quoted) {
            Ok(windlass_value::Value::String(text)) => Ok(text.to_string()),
            _ => Err(self.json_error()),
        }
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.peek() != Some(byte) {
            return Err(self.json_error());
        }
        self.at += 1;
        Ok(())
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.source.as_bytes().get(self.at).copied()
    }

    /// Refuses whatever stands behind the document.
    pub(crate) fn finish(&self) -> Read<()> {
        match &self.broken {
            Some(_) => Err(self.json_error()),
            None => Ok(()),
        }
    }

    /// The error of the text as JSON.
    fn json_error(&self) -> PatternError {
        match &self.broken {
            Some(broken) => self.error_at(&broken.message, broken.offset),
            None => self.error("Unexpected character"),
        }
    }

    /// An error at the reading position.
    pub(crate) fn error(&self, message: &str) -> PatternError {
        self.error_at(message, self.at)
    }

    fn error_at(&self, message: &str, offset: usize) -> PatternError {
        let offset = offset.min(self.source.len());
        let position = LineIndex::new(self.source).position(self.source, offset);
        let place = JsonError { message: String::new(), offset, line: position.line, column: position.column };
        PatternError { reason: format!("{message}\n at {}", place.source_location(self.source)) }
    }
}
