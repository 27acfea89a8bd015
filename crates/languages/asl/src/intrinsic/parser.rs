use windlass_value::Value;

use super::call::{Argument, Call};
use super::format::Template;
use super::{Function, IntrinsicError, NESTING_MAX};
use crate::jsonpath::Path;

/// Longest call, in bytes.
const CALL_BYTES_MAX: usize = 65_536;

type Parsed<T> = Result<T, IntrinsicError>;

/// Reads a whole call.
pub(super) fn intrinsic(text: &str) -> Parsed<Call> {
    if text.len() > CALL_BYTES_MAX {
        return Err(IntrinsicError { message: format!("A call has at most {CALL_BYTES_MAX} bytes") });
    }
    let mut parser = Parser { text, at: 0 };
    let call = parser.call(1)?;
    if parser.at < text.len() {
        return Err(parser.error("expected the end"));
    }
    Ok(call)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, what: &str) -> IntrinsicError {
        IntrinsicError { message: format!("Illegal function call '{}' at position {}: {what}", self.text, self.at) }
    }

    fn eat(&mut self, token: char) -> bool {
        let hit = self.rest().starts_with(token);
        if hit {
            self.at += token.len_utf8();
        }
        hit
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn call(&mut self, depth: usize) -> Parsed<Call> {
        if depth > NESTING_MAX {
            return Err(self.error(&format!("calls nest at most {NESTING_MAX} deep")));
        }
        let from = self.at;
        let rest = self.rest();
        let end =
            rest.find(|character: char| !(character.is_ascii_alphanumeric() || character == '.')).unwrap_or(rest.len());
        let function =
            Function::from_name(&rest[..end]).ok_or_else(|| self.error(&format!("no function '{}'", &rest[..end])))?;
        self.at += end;
        if !self.eat('(') {
            return Err(self.error("expected '('"));
        }
        let mut arguments = Vec::new();
        self.blanks();
        while !self.eat(')') {
            if !arguments.is_empty() {
                if !self.eat(',') {
                    return Err(self.error("expected ',' or ')'"));
                }
                self.blanks();
            }
            arguments.push(self.argument(depth)?);
            self.blanks();
        }
        let (fewest, most) = function.arity();
        if arguments.len() < fewest || arguments.len() > most {
            return Err(self.error(&format!("{} does not take {} arguments", function.name(), arguments.len())));
        }
        Ok(Call::new(self.text[from..self.at].into(), function, arguments))
    }

    fn argument(&mut self, depth: usize) -> Parsed<Argument> {
        match self.rest().as_bytes().first() {
            Some(b'\'') => self.literal(),
            Some(b'$') => {
                let text = self.path_text()?;
                let path = Path::parse(text).map_err(|error| self.error(&error.message))?;
                self.at += text.len();
                Ok(Argument::Path(path))
            }
            Some(b'S') => Ok(Argument::Call(Box::new(self.call(depth + 1)?))),
            _ => {
                let rest = self.rest();
                let end = rest
                    .find(|character: char| !(character.is_ascii_alphanumeric() || "+-.".contains(character)))
                    .unwrap_or(rest.len());
                let value = windlass_value::parse(&rest[..end]).map_err(|_| self.error("expected an argument"))?;
                self.at += end;
                Ok(Argument::Literal(value))
            }
        }
    }

    /// A path reaches to the `,` or `)` that is inside none of its own brackets,
    /// parentheses and quotes.
    fn path_text(&self) -> Parsed<&'a str> {
        let rest = self.rest();
        let mut open = 0usize;
        let mut quote = None;
        let mut escaped = false;
        for (at, character) in rest.char_indices() {
            if escaped {
                escaped = false;
                continue;
            }
            match (quote, character) {
                (Some(_), '\\') => escaped = true,
                (Some(closing), _) if character == closing => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') if open > 0 => quote = Some(character),
                (None, '[' | '(') => open += 1,
                (None, ')' | ',') if open == 0 => return Ok(rest[..at].trim_end()),
                (None, ']' | ')') => open = open.saturating_sub(1),
                _ => {}
            }
        }
        Err(self.error("the call is not closed"))
    }

    /// A text in single quotes. `\'`, `\{`, `\}` and `\\` are the only escapes.
    fn literal(&mut self) -> Parsed<Argument> {
        self.at += 1;
        let mut template = Template::default();
        loop {
            let Some(character) = self.rest().chars().next() else {
                return Err(self.error("the quote is not closed"));
            };
            self.at += character.len_utf8();
            match character {
                '\'' => break,
                '\\' => match self.rest().chars().next() {
                    Some(escaped @ ('\'' | '{' | '}' | '\\')) => {
                        self.at += 1;
                        template.push(escaped);
                    }
                    _ => return Err(self.error("unknown escape")),
                },
                '{' if self.eat('}') => template.hole(),
                other => template.push(other),
            }
        }
        Ok(match template.plain() {
            Some(text) => Argument::Literal(Value::String(text)),
            None => Argument::Template(template),
        })
    }
}
