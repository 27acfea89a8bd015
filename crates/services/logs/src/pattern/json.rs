use windlass_value::Value;

use super::PatternError;
use super::literal::Literal;
use super::terms::quoted;

/// How deep parentheses may stand in each other.
const DEPTH_MAX: usize = 32;

/// `{ $.level = "ERROR" && $.latency > 100 }`
#[derive(Clone, Debug)]
pub(super) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Compare(Vec<Step>, Operator, Literal),
    Is(Vec<Step>, Is),
    Exists(Vec<Step>, bool),
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Member(String),
    Index(usize),
    /// `[*]`: any element.
    Each,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Is {
    True,
    False,
    Null,
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Condition, PatternError> {
        let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
        let inner =
            inner.ok_or_else(|| PatternError("the pattern begins with '{' but does not end with '}'".to_owned()))?;
        let mut parser = Parser { rest: inner.trim(), depth: 0 };
        let condition = parser.any()?;
        if parser.rest.is_empty() { Ok(condition) } else { Err(parser.unexpected()) }
    }

    pub(super) fn holds(&self, document: &Value) -> bool {
        match self {
            Condition::All(conditions) => conditions.iter().all(|condition| condition.holds(document)),
            Condition::Any(conditions) => conditions.iter().any(|condition| condition.holds(document)),
            Condition::Exists(path, exists) => found(document, path).next().is_some() == *exists,
            Condition::Is(path, is) => found(document, path).any(|value| match is {
                Is::True => *value == Value::Bool(true),
                Is::False => *value == Value::Bool(false),
                Is::Null => value.is_null(),
            }),
            Condition::Compare(path, operator, literal) => {
                found(document, path).any(|value| compares(value, *operator, literal))
            }
        }
    }
}

fn compares(value: &Value, operator: Operator, literal: &Literal) -> bool {
    let equal = match value {
        Value::String(text) => literal.equals(text),
        Value::Number(number) => literal.number().is_some_and(|expected| number.as_f64() == expected),
        _ => return false,
    };
    let order = || match value {
        Value::Number(number) => number.as_f64().partial_cmp(&literal.number()?),
        _ => None,
    };
    match operator {
        Operator::Equal => equal,
        Operator::NotEqual => !equal,
        Operator::Less => order().is_some_and(std::cmp::Ordering::is_lt),
        Operator::LessOrEqual => order().is_some_and(std::cmp::Ordering::is_le),
        Operator::Greater => order().is_some_and(std::cmp::Ordering::is_gt),
        Operator::GreaterOrEqual => order().is_some_and(std::cmp::Ordering::is_ge),
    }
}

/// The values at a path.
fn found<'a>(document: &'a Value, path: &[Step]) -> Box<dyn Iterator<Item = &'a Value> + 'a> {
    let Some((step, rest)) = path.split_first() else { return Box::new(std::iter::once(document)) };
    match (step, document) {
        (Step::Member(name), Value::Object(members)) => match members.get(name.as_str()) {
            Some(value) => found(value, rest),
            None => Box::new(std::iter::empty()),
        },
        (Step::Index(index), Value::Array(items)) => match items.get(*index) {
            Some(value) => found(value, rest),
            None => Box::new(std::iter::empty()),
        },
        (Step::Each, Value::Array(items)) => {
            let inside: Vec<&Value> = items.iter().flat_map(|item| found(item, rest)).collect();
            Box::new(inside.into_iter())
        }
        _ => Box::new(std::iter::empty()),
    }
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn unexpected(&self) -> PatternError {
        match self.rest.is_empty() {
            true => PatternError("the pattern ends too early".to_owned()),
            false => PatternError(format!("unexpected {:?}", self.rest)),
        }
    }

    fn skip(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// A word in any case, not followed by more of a word.
    fn word(&mut self, word: &str) -> bool {
        let Some(start) = self.rest.get(..word.len()) else { return false };
        let ends = !self.rest[word.len()..].starts_with(|c: char| c.is_alphanumeric());
        if start.eq_ignore_ascii_case(word) && ends {
            self.rest = self.rest[word.len()..].trim_start();
            return true;
        }
        false
    }

    fn any(&mut self) -> Result<Condition, PatternError> {
        let mut conditions = vec![self.all()?];
        while self.skip("||") {
            conditions.push(self.all()?);
        }
        Ok(Condition::Any(conditions))
    }

    fn all(&mut self) -> Result<Condition, PatternError> {
        let mut conditions = vec![self.one()?];
        while self.skip("&&") {
            conditions.push(self.one()?);
        }
        Ok(Condition::All(conditions))
    }

    fn one(&mut self) -> Result<Condition, PatternError> {
        if self.skip("(") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(PatternError("the parentheses stand too deep in each other".to_owned()));
            }
            let inner = self.any()?;
            self.depth -= 1;
            return if self.skip(")") { Ok(inner) } else { Err(self.unexpected()) };
        }
        let path = self.path()?;
        if self.word("NOT") {
            return if self.word("EXISTS") { Ok(Condition::Exists(path, false)) } else { Err(self.unexpected()) };
        }
        if self.word("EXISTS") {
            return Ok(Condition::Exists(path, true));
        }
        if self.word("IS") {
            let is = [("TRUE", Is::True), ("FALSE", Is::False), ("NULL", Is::Null)];
            let is = is.into_iter().find(|(word, _)| self.word(word)).map(|(_, is)| is);
            return is.map(|is| Condition::Is(path, is)).ok_or_else(|| self.unexpected());
        }
        let operators = [
            ("!=", Operator::NotEqual),
            (">=", Operator::GreaterOrEqual),
            ("<=", Operator::LessOrEqual),
            ("=", Operator::Equal),
            (">", Operator::Greater),
            ("<", Operator::Less),
        ];
        let operator = operators.into_iter().find(|(token, _)| self.skip(token)).map(|(_, operator)| operator);
        let operator = operator.ok_or_else(|| self.unexpected())?;
        let literal = self.literal()?;
        if !matches!(operator, Operator::Equal | Operator::NotEqual) && literal.number().is_none() {
            return Err(PatternError("'<', '<=', '>' and '>=' compare with numbers only".to_owned()));
        }
        Ok(Condition::Compare(path, operator, literal))
    }

    fn literal(&mut self) -> Result<Literal, PatternError> {
        let rest = self.rest;
        let (literal, behind) = if rest.starts_with('"') {
            let (text, behind) = quoted(rest)?;
            (Literal::text(&text), behind)
        } else if let Some(inner) = rest.strip_prefix('%') {
            let (expression, behind) = inner.split_once('%').ok_or_else(|| self.unexpected())?;
            (Literal::regex(expression)?, behind)
        } else {
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ')' | '&' | '|')).unwrap_or(rest.len());
            let (text, behind) = rest.split_at(end);
            if text.is_empty() {
                return Err(self.unexpected());
            }
            (Literal::bare(text), behind)
        };
        self.rest = behind.trim_start();
        Ok(literal)
    }

    /// `$.a.b[0]['c d']`
    fn path(&mut self) -> Result<Vec<Step>, PatternError> {
        let Some(mut rest) = self.rest.strip_prefix('$') else { return Err(self.unexpected()) };
        let mut steps = Vec::new();
        loop {
            if let Some(inner) = rest.strip_prefix('.') {
                let end = inner
                    .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '@' | '/')))
                    .unwrap_or(inner.len());
                if end == 0 {
                    return Err(PatternError(format!("a name is missing before {inner:?}")));
                }
                steps.push(Step::Member(inner[..end].to_owned()));
                rest = &inner[end..];
            } else if let Some(inner) = rest.strip_prefix('[') {
                let (inside, behind) =
                    inner.split_once(']').ok_or_else(|| PatternError(format!("{rest:?} has no closing ']'")))?;
                let inside = inside.trim();
                let name = inside.strip_prefix(['\'', '"']).and_then(|name| name.strip_suffix(['\'', '"']));
                steps.push(match (name, inside) {
                    (Some(name), _) => Step::Member(name.to_owned()),
                    (None, "*") => Step::Each,
                    (None, index) => {
                        Step::Index(index.parse().map_err(|_| PatternError(format!("{index:?} is no index")))?)
                    }
                });
                rest = behind;
            } else {
                break;
            }
        }
        if steps.is_empty() {
            return Err(self.unexpected());
        }
        self.rest = rest.trim_start();
        Ok(steps)
    }
}
