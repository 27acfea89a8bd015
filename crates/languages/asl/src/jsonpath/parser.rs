use windlass_value::{Text, Value};

use super::filter::{Filter, InnerPath, Operator, Term};
use super::function::{Argument, Call, Function};
use super::step::Step;
use super::{FILTER_DEPTH_MAX, PATH_BYTES_MAX, PathError, Root};

/// Most steps of one path.
const STEPS_MAX: usize = 256;
/// Largest compiled size of a pattern in a filter, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

type Parsed<T> = Result<T, PathError>;

/// Reads a whole path: its root and its steps.
pub(super) fn path(text: &str) -> Parsed<(Root, Vec<Step>)> {
    if text.len() > PATH_BYTES_MAX {
        return Err(PathError { message: format!("A path has at most {PATH_BYTES_MAX} bytes") });
    }
    let mut parser = Parser { text, at: 0, depth: 0 };
    if !parser.eat("$") {
        return Err(parser.error("expected '$'"));
    }
    let root = if parser.eat("$") {
        Root::Context
    } else {
        let name = identifier(parser.rest());
        if name.is_empty() {
            Root::Input
        } else {
            parser.at += name.len();
            Root::Variable(name.into())
        }
    };
    let steps = parser.steps()?;
    if parser.at < text.len() {
        return Err(parser.error("expected '.' or '['"));
    }
    Ok((root, steps))
}

/// The longest identifier at the start: a letter or `_`, then letters, digits, `_`.
fn identifier(text: &str) -> &str {
    let end = text
        .char_indices()
        .find(|(at, character)| {
            !(character.is_alphabetic() || *character == '_' || (*at > 0 && character.is_alphanumeric()))
        })
        .map_or(text.len(), |(at, _)| at);
    &text[..end]
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn error(&self, what: &str) -> PathError {
        PathError { message: format!("Illegal path '{}' at position {}: {what}", self.text, self.at) }
    }

    fn eat(&mut self, token: &str) -> bool {
        let hit = self.rest().starts_with(token);
        if hit {
            self.at += token.len();
        }
        hit
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        self.blanks();
        if self.eat(token) { Ok(()) } else { Err(self.error(&format!("expected '{token}'"))) }
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|character| !wanted(character)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// One more level of nesting for `read`.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= FILTER_DEPTH_MAX {
            return Err(self.error(&format!("nested more than {FILTER_DEPTH_MAX} deep")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    /// Steps up to something that starts none.
    fn steps(&mut self) -> Parsed<Vec<Step>> {
        let mut steps = Vec::new();
        loop {
            if steps.len() >= STEPS_MAX {
                return Err(self.error(&format!("more than {STEPS_MAX} steps")));
            }
            if self.eat("..") {
                steps.push(Step::Scan);
                if self.rest().starts_with('[') {
                    steps.push(self.bracket()?);
                } else if self.eat("*") {
                    steps.push(Step::Wildcard);
                } else {
                    steps.push(self.dotted()?);
                }
            } else if self.eat(".") {
                if self.eat("*") {
                    steps.push(Step::Wildcard);
                } else if self.rest().starts_with('[') {
                    steps.push(self.bracket()?);
                } else {
                    steps.push(self.dotted()?);
                }
            } else if self.rest().starts_with('[') {
                steps.push(self.bracket()?);
            } else {
                return Ok(steps);
            }
        }
    }

    /// A name after a dot, or a call.
    fn dotted(&mut self) -> Parsed<Step> {
        let in_filter = self.depth > 0;
        let name = self.take_while(|character| match character {
            '.' | '[' | '(' | ' ' | '\t' | '\n' | '\r' => false,
            ')' | ']' | ',' | '=' | '!' | '<' | '>' | '&' | '|' | '~' | '\'' | '"' => !in_filter,
            _ => true,
        });
        if name.is_empty() {
            return Err(self.error("expected a name"));
        }
        if self.rest().starts_with('(') {
            return self.call(name);
        }
        if !in_filter && self.rest().starts_with([' ', '\t', '\n', '\r']) {
            return Err(self.error("a name with blanks is written ['name']"));
        }
        Ok(Step::Name(name.into()))
    }

    fn call(&mut self, name: &str) -> Parsed<Step> {
        let function =
            Function::from_name(name).ok_or_else(|| self.error(&format!("there is no function '{name}'")))?;
        self.expect("(")?;
        let mut arguments = Vec::new();
        self.blanks();
        while !self.eat(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
                self.blanks();
            }
            arguments.push(self.nested(|parser| match parser.rest().as_bytes().first() {
                Some(b'$' | b'@') => Ok(Argument::Path(parser.inner_path()?)),
                _ => Ok(Argument::Literal(parser.literal()?)),
            })?);
            self.blanks();
        }
        Ok(Step::Call(Call { function, arguments }))
    }

    fn bracket(&mut self) -> Parsed<Step> {
        self.expect("[")?;
        self.blanks();
        let step = match self.rest().as_bytes().first() {
            Some(b'\'' | b'"') => {
                let mut names = vec![self.quoted()?];
                self.blanks();
                while self.eat(",") {
                    self.blanks();
                    names.push(self.quoted()?);
                    self.blanks();
                }
                match <[Text; 1]>::try_from(names) {
                    Ok([name]) => Step::Name(name),
                    Err(names) => Step::Names(names),
                }
            }
            Some(b'*') => {
                self.at += 1;
                Step::Wildcard
            }
            Some(b'?') => {
                let mut filters = Vec::new();
                loop {
                    self.expect("?")?;
                    self.expect("(")?;
                    filters.push(self.nested(Parser::any)?);
                    self.expect(")")?;
                    self.blanks();
                    if !self.eat(",") {
                        break;
                    }
                }
                let filter = if filters.len() == 1 { filters.remove(0) } else { Filter::And(filters) };
                Step::Filter(Box::new(filter))
            }
            Some(b'0'..=b'9' | b'-' | b':') => self.indexes()?,
            _ => return Err(self.error("expected a quoted name, an index, '*' or '?'")),
        };
        self.expect("]")?;
        Ok(step)
    }

    fn indexes(&mut self) -> Parsed<Step> {
        let first = self.index()?;
        self.blanks();
        if self.eat(":") {
            self.blanks();
            let to = self.index()?;
            if first.is_none() && to.is_none() {
                return Err(self.error("a slice has a bound"));
            }
            return Ok(Step::Slice(first, to));
        }
        let first = first.ok_or_else(|| self.error("expected an index"))?;
        let mut indexes = vec![first];
        while self.eat(",") {
            self.blanks();
            indexes.push(self.index()?.ok_or_else(|| self.error("expected an index"))?);
            self.blanks();
        }
        Ok(if indexes.len() == 1 { Step::Index(first) } else { Step::Indexes(indexes) })
    }

    fn index(&mut self) -> Parsed<Option<i64>> {
        let from = self.at;
        self.eat("-");
        self.take_while(|character| character.is_ascii_digit());
        if self.at == from {
            return Ok(None);
        }
        // Jayway's indexes are Java ints.
        match self.text[from..self.at].parse::<i32>() {
            Ok(index) => Ok(Some(index.into())),
            Err(_) => Err(self.error("not an index")),
        }
    }

    /// A quoted text: a backslash takes the next character as it is, `\uXXXX`,
    /// `\n` and their like as in JSON.
    fn quoted(&mut self) -> Parsed<Text> {
        let quote = match self.rest().chars().next() {
            Some(quote @ ('\'' | '"')) => quote,
            _ => return Err(self.error("expected a quoted name")),
        };
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(character) = rest.chars().next() else { return Err(self.error("the quote is not closed")) };
            self.at += character.len_utf8();
            if character == quote {
                return Ok(text.into());
            }
            if character != '\\' {
                text.push(character);
                continue;
            }
            let Some(escaped) = self.rest().chars().next() else { return Err(self.error("the quote is not closed")) };
            self.at += escaped.len_utf8();
            match escaped {
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'u' => {
                    let unit = self.unit()?;
                    let code = if (0xd800..0xdc00).contains(&unit) && self.eat("\\u") {
                        let low = self.unit()?;
                        0x10000 + ((unit - 0xd800) << 10) + low.wrapping_sub(0xdc00).min(0x3ff)
                    } else {
                        unit
                    };
                    text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                other => text.push(other),
            }
        }
    }

    fn unit(&mut self) -> Parsed<u32> {
        let unit = self.rest().get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.error("expected four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }

    fn any(&mut self) -> Parsed<Filter> {
        let mut filters = vec![self.all()?];
        loop {
            self.blanks();
            if !self.eat("||") {
                break;
            }
            filters.push(self.all()?);
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::Or(filters) })
    }

    fn all(&mut self) -> Parsed<Filter> {
        let mut filters = vec![self.term()?];
        loop {
            self.blanks();
            if !self.eat("&&") {
                break;
            }
            filters.push(self.term()?);
        }
        Ok(if filters.len() == 1 { filters.remove(0) } else { Filter::And(filters) })
    }

    fn term(&mut self) -> Parsed<Filter> {
        self.blanks();
        if self.rest().starts_with('!') && !self.rest().starts_with("!=") {
            self.at += 1;
            return self.nested(|parser| Ok(Filter::Not(Box::new(parser.term()?))));
        }
        if self.eat("(") {
            let inner = self.nested(Parser::any)?;
            self.expect(")")?;
            return Ok(inner);
        }
        let left = self.operand()?;
        self.blanks();
        let Some(operator) = self.operator()? else {
            return match left {
                Term::Path(path) => Ok(Filter::Exists(path)),
                Term::Literal(Value::Bool(value)) => Ok(Filter::Literal(value)),
                _ => Err(self.error("expected an operator")),
            };
        };
        self.blanks();
        let right = self.operand()?;
        Ok(Filter::Compare(left, operator, right))
    }

    fn operator(&mut self) -> Parsed<Option<Operator>> {
        for (symbol, operator) in Operator::SYMBOLS {
            if self.eat(symbol) {
                return Ok(Some(operator));
            }
        }
        let word = identifier(self.rest());
        if word.is_empty() {
            return Ok(None);
        }
        let operator = Operator::from_word(word).ok_or_else(|| self.error("expected an operator"))?;
        self.at += word.len();
        Ok(Some(operator))
    }

    fn operand(&mut self) -> Parsed<Term> {
        match self.rest().as_bytes().first() {
            Some(b'@' | b'$') => Ok(Term::Path(self.inner_path()?)),
            Some(b'/') => self.pattern(),
            _ => Ok(Term::Literal(self.literal()?)),
        }
    }

    fn inner_path(&mut self) -> Parsed<InnerPath> {
        let current = self.eat("@");
        if !current && !self.eat("$") {
            return Err(self.error("expected '@' or '$'"));
        }
        let steps = self.nested(Parser::steps)?;
        Ok(InnerPath::new(current, steps))
    }

    /// `/…/flags`
    fn pattern(&mut self) -> Parsed<Term> {
        self.expect("/")?;
        let from = self.at;
        loop {
            match self.rest().chars().next() {
                None => return Err(self.error("the pattern is not closed")),
                Some('/') => break,
                Some('\\') => {
                    self.at += 1;
                    self.at += self.rest().chars().next().map_or(0, char::len_utf8);
                }
                Some(other) => self.at += other.len_utf8(),
            }
        }
        let source = &self.text[from..self.at];
        self.at += 1;
        let flags = self.take_while(|character| character.is_ascii_alphabetic());
        // The whole text has to match.
        let mut builder = regex::RegexBuilder::new(&format!("^(?:{source})$"));
        builder.size_limit(PATTERN_BYTES_MAX);
        for flag in flags.chars() {
            match flag {
                'i' => builder.case_insensitive(true),
                's' => builder.dot_matches_new_line(true),
                'm' => builder.multi_line(true),
                'x' => builder.ignore_whitespace(true),
                'u' | 'U' => builder.unicode(true),
                'd' => &mut builder,
                _ => return Err(self.error(&format!("unknown flag '{flag}'"))),
            };
        }
        let pattern = builder.build().map_err(|_| self.error("not a pattern"))?;
        Ok(Term::Pattern(Box::new(pattern)))
    }

    /// A literal: a quoted text in either quote, a number, a word, an array or
    /// an object of these.
    fn literal(&mut self) -> Parsed<Value> {
        self.blanks();
        match self.rest().as_bytes().first() {
            Some(b'\'' | b'"') => Ok(Value::String(self.quoted()?)),
            Some(b'[') => self.nested(|parser| {
                parser.at += 1;
                let mut items = Vec::new();
                parser.blanks();
                while !parser.eat("]") {
                    if !items.is_empty() {
                        parser.expect(",")?;
                    }
                    items.push(parser.literal()?);
                    parser.blanks();
                }
                Ok(Value::array(items))
            }),
            Some(b'{') => self.nested(|parser| {
                parser.at += 1;
                let mut object = windlass_value::Object::new();
                parser.blanks();
                while !parser.eat("}") {
                    if !object.is_empty() {
                        parser.expect(",")?;
                        parser.blanks();
                    }
                    let name = parser.quoted()?;
                    parser.expect(":")?;
                    object.insert(name, parser.literal()?);
                    parser.blanks();
                }
                Ok(Value::from(object))
            }),
            _ => {
                let word = self.rest();
                let end = word
                    .find(|character: char| !(character.is_ascii_alphanumeric() || "+-.".contains(character)))
                    .unwrap_or(word.len());
                let value = windlass_value::parse(&word[..end])
                    .map_err(|_| self.error("expected a path, a text, a number, true, false or null"))?;
                self.at += end;
                Ok(value)
            }
        }
    }
}
