//! Text to tokens.

use windlass_value::Text;

use crate::error::CompileError;
use crate::number::Num;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// Punctuation, and the words `and`, `or`, `in`.
    Operator(&'static str),
    Name(Text),
    Variable(Text),
    String(Text),
    Number(Num),
    True,
    False,
    Null,
    Regex(Text, Text),
    End,
}

impl Token {
    /// As error messages quote it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Token::Operator(text) => (*text).to_owned(),
            Token::Name(text) | Token::Variable(text) | Token::String(text) => text.to_string(),
            Token::Number(number) => number.to_text(),
            Token::True => "true".to_owned(),
            Token::False => "false".to_owned(),
            Token::Null => "null".to_owned(),
            Token::Regex(pattern, flags) => format!("/{pattern}/{flags}"),
            Token::End => "(end)".to_owned(),
        }
    }
}

/// The operator a text begins with; the longest of several.
fn operator(text: &[u8]) -> Option<&'static str> {
    let next = text.get(1).copied().unwrap_or(0);
    Some(match (*text.first()?, next) {
        (b'.', b'.') => "..",
        (b':', b'=') => ":=",
        (b'!', b'=') => "!=",
        (b'>', b'=') => ">=",
        (b'<', b'=') => "<=",
        (b'*', b'*') => "**",
        (b'~', b'>') => "~>",
        (b'?', b':') => "?:",
        (b'?', b'?') => "??",
        (b'.', _) => ".",
        (b'[', _) => "[",
        (b']', _) => "]",
        (b'{', _) => "{",
        (b'}', _) => "}",
        (b'(', _) => "(",
        (b')', _) => ")",
        (b',', _) => ",",
        (b'@', _) => "@",
        (b'#', _) => "#",
        (b';', _) => ";",
        (b':', _) => ":",
        (b'?', _) => "?",
        (b'+', _) => "+",
        (b'-', _) => "-",
        (b'*', _) => "*",
        (b'/', _) => "/",
        (b'%', _) => "%",
        (b'|', _) => "|",
        (b'=', _) => "=",
        (b'<', _) => "<",
        (b'>', _) => ">",
        (b'^', _) => "^",
        (b'&', _) => "&",
        _ => return None,
    })
}

/// Whether a byte ends a word: a blank, or one of the operators' characters.
fn ends_word(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b)
        || matches!(byte, b'.' | b'[' | b']' | b'{' | b'}' | b'(' | b')' | b',' | b'@' | b'#' | b';' | b':' | b'?')
        || matches!(byte, b'+' | b'-' | b'/' | b'%' | b'|' | b'=' | b'<' | b'>' | b'^' | b'&' | b'!' | b'~' | b'*')
}

pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::new();
    windlass_value::Value::from(text).write_to(&mut out);
    out
}

pub(crate) fn error(code: &'static str, message: impl Into<String>, position: usize) -> CompileError {
    CompileError { code, message: message.into(), position }
}

pub(crate) struct Lexer<'a> {
    pub(crate) source: &'a str,
    pub(crate) at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), CompileError> {
        loop {
            let rest = self.rest();
            self.at += rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b)).count();
            if !self.rest().as_bytes().starts_with(b"/*") {
                return Ok(());
            }
            match self.rest()[2..].find("*/") {
                Some(end) => self.at += end + 4,
                None => return Err(error("S0106", "Comment has no closing tag", self.at)),
            }
        }
    }

    /// The next token and where it begins. `infix` says that an operand came
    /// before, so `/` divides rather than opening a regular expression.
    pub(crate) fn next(&mut self, infix: bool) -> Result<(Token, usize), CompileError> {
        self.skip_blanks_and_comments()?;
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok((Token::End, start));
        };
        if first == '/' && !infix {
            self.at += 1;
            return Ok((self.regex(start)?, start));
        }
        if let Some(operator) = operator(self.rest().as_bytes()) {
            self.at += operator.len();
            return Ok((Token::Operator(operator), start));
        }
        let token = match first {
            '!' | '~' => {
                let shown = quoted(&first.to_string());
                return Err(error("S0204", format!("Unknown operator: {shown}"), start));
            }
            '"' | '\'' => self.string(first)?,
            '0'..='9' => self.number()?,
            '`' => match self.rest()[1..].find('`') {
                Some(end) => {
                    let name = Text::from(&self.rest()[1..=end]);
                    self.at += end + 2;
                    Token::Name(name)
                }
                None => {
                    let message = "Quoted property name must be terminated with a backquote (`)";
                    return Err(error("S0105", message, self.source.len()));
                }
            },
            _ => self.word(),
        };
        Ok((token, start))
    }

    fn word(&mut self) -> Token {
        let rest = self.rest();
        let end = rest.bytes().position(ends_word).unwrap_or(rest.len());
        let word = &rest[..end];
        let token = match word {
            "and" => Token::Operator("and"),
            "or" => Token::Operator("or"),
            "in" => Token::Operator("in"),
            "true" => Token::True,
            "false" => Token::False,
            "null" => Token::Null,
            _ => match word.strip_prefix('$') {
                Some(name) => Token::Variable(name.into()),
                None => Token::Name(word.into()),
            },
        };
        self.at += end;
        token
    }

    fn string(&mut self, quote: char) -> Result<Token, CompileError> {
        self.at += 1;
        let rest = self.rest();
        if let Some(end) = rest.bytes().position(|byte| byte == quote as u8 || byte == b'\\')
            && rest.as_bytes()[end] == quote as u8
        {
            let text = Text::from(&rest[..end]);
            self.at += end + 1;
            return Ok(Token::String(text));
        }
        // Escapes name UTF-16 units, so a pair of them may make one character.
        let mut units: Vec<u16> = Vec::new();
        while let Some(c) = self.rest().chars().next() {
            let position = self.at;
            self.at += c.len_utf8();
            if c == quote {
                return Ok(Token::String(String::from_utf16_lossy(&units).into()));
            }
            if c != '\\' {
                units.extend(c.encode_utf16(&mut [0; 2]).iter());
                continue;
            }
            let Some(escaped) = self.rest().chars().next() else { break };
            self.at += escaped.len_utf8();
            let unit = match escaped {
                '"' | '\'' | '\\' | '/' | '`' => escaped as u16,
                'b' => 8,
                'f' => 12,
                'n' => 10,
                'r' => 13,
                't' => 9,
                'u' => {
                    let digits = self.rest().get(..4).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
                    let Some(unit) = digits.and_then(|hex| u16::from_str_radix(hex, 16).ok()) else {
                        let message = "The escape sequence \\u must be followed by 4 hex digits";
                        return Err(error("S0104", message, position));
                    };
                    self.at += 4;
                    unit
                }
                other => {
                    let shown = quoted(&other.to_string());
                    return Err(error("S0103", format!("Unsupported escape sequence: \\{shown}"), position));
                }
            };
            units.push(unit);
        }
        let message = "String literal must be terminated by a matching quote";
        Err(error("S0101", message, self.at))
    }

    fn number(&mut self) -> Result<Token, CompileError> {
        let start = self.at;
        let bytes = self.source.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut end = if bytes[start] == b'0' { start + 1 } else { digits(start) };
        if bytes.get(end) == Some(&b'.') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit) {
            end = digits(end + 1);
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent > end + 1 + sign {
                end = exponent;
            }
        }
        let text = &self.source[start..end];
        self.at = end;
        match Num::parse(text) {
            Some(number) => Ok(Token::Number(number)),
            None => Err(error("S0102", format!("Number out of range: {}", quoted(text)), start)),
        }
    }

    fn regex(&mut self, start: usize) -> Result<Token, CompileError> {
        let mut depth = 0usize;
        let mut escaped = false;
        for (offset, c) in self.source[self.at..].char_indices() {
            if c == '/' && !escaped && depth == 0 {
                let pattern = &self.source[self.at..self.at + offset];
                if pattern.is_empty() {
                    return Err(error("S0301", "Empty regular expressions are not allowed", start));
                }
                let after = self.at + offset + 1;
                let flags = self.source[after..].bytes().take_while(|flag| matches!(flag, b'i' | b'm')).count();
                let token = Token::Regex(pattern.into(), self.source[after..after + flags].into());
                self.at = after + flags;
                return Ok(token);
            }
            if !escaped && matches!(c, '(' | '[' | '{') {
                depth += 1;
            }
            if !escaped && matches!(c, ')' | ']' | '}') {
                depth = depth.saturating_sub(1);
            }
            escaped = c == '\\' && !escaped;
        }
        Err(error("S0302", "No terminating / in regular expression", self.source.len()))
    }
}
