//! A pattern's text to its branches: each way of choosing one object out of every
//! `$or`, as conditions by dotted path.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use windlass_value::Number;

use crate::decimal;
use crate::error::PatternError;
use crate::glob::Glob;
use crate::ignore_case::IgnoreCase;
use crate::ip_address::{IpAddress, IpRange};
use crate::leaf::{AnythingBut, Leaf, Limit};
use crate::token::{Token, Tokens};

/// How long a pattern may be, in bytes: SNS's bound; EventBridge's is below it.
pub const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// How deep a pattern may nest.
pub const DEPTH_MAX: usize = 100;
/// How many combinations the `$or`s of a pattern may make.
pub const BRANCHES_MAX: usize = 1000;
/// How many conditions the combinations may have together, and one of them alone a
/// tenth of it.
pub const ENTRIES_MAX: usize = 20_000;

const ENTRIES_PER_BRANCH_MAX: usize = ENTRIES_MAX / 10;

/// What a pattern asks at one path.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    /// One of these must match a scalar there …
    pub(crate) leaves: Vec<Leaf>,
    /// … or, where this is set, there must be none.
    pub(crate) absent: bool,
    /// How many values the list has.
    pub(crate) values: usize,
    /// How many objects deep the list stands, from 1.
    pub(crate) depth: usize,
}

/// Conditions by dotted path, all of which must hold. Sorted, for the order of paths
/// decides what `exists: false` sees of arrays.
pub(crate) type Branch = BTreeMap<String, Arc<Condition>>;

/// Names that mean something to the matcher and may thus not be members inside `$or`.
const RESERVED: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

const OR: &str = "$or";
const ONE_KEY: &str = "Only one key allowed in match expression";
const NUMERIC_TOO_MANY: &str = "Too many elements in numeric expression";

type Compiled<T> = Result<T, PatternError>;

struct Compiler<'a> {
    tokens: Tokens<'a>,
    path: Vec<String>,
    /// How many `$or`s are open.
    alternatives: usize,
    too_complex: bool,
}

/// A pattern that was read.
pub(crate) struct Rule {
    pub(crate) branches: Vec<Branch>,
    /// A wildcard in it is one that EventBridge refuses.
    pub(crate) too_complex: bool,
}

/// Compiles a pattern.
pub(crate) fn compile(text: &str) -> Compiled<Rule> {
    if text.len() > PATTERN_BYTES_MAX {
        return Err(PatternError { reason: format!("Rule is longer than {PATTERN_BYTES_MAX} bytes") });
    }
    let mut compiler = Compiler { tokens: Tokens::new(text), path: Vec::new(), alternatives: 0, too_complex: false };
    if compiler.tokens.next()? != Token::ObjectStart {
        return Err(compiler.tokens.error("Filter is not an object"));
    }
    let mut branches = Vec::new();
    compiler.object(&mut branches, false)?;
    compiler.tokens.finish()?;
    Ok(Rule { branches, too_complex: compiler.too_complex })
}

impl Compiler<'_> {
    fn refuse<T>(&self, message: impl AsRef<str>) -> Compiled<T> {
        Err(self.tokens.error(message.as_ref()))
    }

    /// Reads the members of an object whose opening brace is read.
    fn object(&mut self, branches: &mut Vec<Branch>, inside_or: bool) -> Compiled<()> {
        let mut members = false;
        while self.tokens.next()? != Token::ObjectEnd {
            members = true;
            let name = self.tokens.name().to_owned();
            if name == OR {
                self.alternatives(branches)?;
                continue;
            }
            if inside_or && RESERVED.contains(&name.as_str()) {
                return self.refuse(format!("{name} is Ruler reserved fieldName which cannot be used inside {OR}."));
            }
            match self.tokens.next()? {
                Token::ObjectStart => {
                    self.deeper()?;
                    self.path.push(name);
                    self.object(branches, inside_or)?;
                    self.path.pop();
                }
                Token::ArrayStart => self.condition(branches, &name)?,
                _ => return self.refuse(format!("\"{name}\" must be an object or an array")),
            }
        }
        if !members {
            return self.refuse("Empty objects are not allowed");
        }
        Ok(())
    }

    /// Reads an `$or`: every branch so far goes on once with each of its objects.
    fn alternatives(&mut self, branches: &mut Vec<Branch>) -> Compiled<()> {
        if self.tokens.next()? != Token::ArrayStart {
            return self.refuse(format!("It must be an Array followed with {OR}."));
        }
        let mut before = std::mem::take(branches);
        if before.is_empty() {
            before.push(Branch::new());
        }
        let mut count = 0;
        loop {
            match self.tokens.next()? {
                Token::ArrayEnd => break,
                Token::ObjectStart => {
                    count += 1;
                    let mut with = before.clone();
                    self.deeper()?;
                    self.alternatives += 1;
                    self.object(&mut with, true)?;
                    self.alternatives -= 1;
                    branches.append(&mut with);
                    self.bound(branches)?;
                }
                _ => return self.refuse(format!("Only JSON object is allowed in array of {OR} relationship.")),
            }
        }
        if count < 2 {
            return self.refuse(format!("There must have at least 2 Objects in {OR} relationship."));
        }
        Ok(())
    }

    /// Refuses to go a level deeper than is bearable.
    fn deeper(&self) -> Compiled<()> {
        match self.path.len() + self.alternatives < DEPTH_MAX {
            true => Ok(()),
            false => self.refuse(format!("Rule nests deeper than {DEPTH_MAX} levels")),
        }
    }

    fn bound(&self, branches: &[Branch]) -> Compiled<()> {
        let entries = branches.iter().map(BTreeMap::len).sum::<usize>();
        let longest = branches.iter().map(BTreeMap::len).max().unwrap_or(0);
        if branches.len() > BRANCHES_MAX || entries > ENTRIES_MAX || longest > ENTRIES_PER_BRANCH_MAX {
            return Err(PatternError {
                reason: format!(
                    "Rule is too complex - its {OR}s make {} combinations with {entries} conditions",
                    branches.len()
                ),
            });
        }
        Ok(())
    }

    /// Reads the list of values at a path and adds it to every branch. A path that a
    /// branch already has is overridden.
    fn condition(&mut self, branches: &mut Vec<Branch>, name: &str) -> Compiled<()> {
        let mut condition = Condition::default();
        loop {
            let leaf = match self.tokens.next()? {
                Token::ArrayEnd => break,
                Token::ObjectStart => self.expression()?,
                Token::String => {
                    let text = self.tokens.text()?;
                    Some(match IpAddress::parse(text) {
                        Some(address) => Leaf::Address(address),
                        None => Leaf::Text(text.to_owned()),
                    })
                }
                Token::Number => Some(Leaf::Number(Number::from_literal(self.tokens.text()?))),
                Token::Null => Some(Leaf::Null),
                Token::True => Some(Leaf::Bool(true)),
                Token::False => Some(Leaf::Bool(false)),
                _ => return self.refuse("Match value must be String, number, true, false, or null"),
            };
            condition.values += 1;
            match leaf {
                Some(leaf) => {
                    self.too_complex |= leaf.is_too_complex();
                    condition.leaves.push(leaf);
                }
                None => condition.absent = true,
            }
        }
        if condition.values == 0 {
            return self.refuse("Empty arrays are not allowed");
        }
        condition.depth = self.path.len() + 1;
        let steps = self.path.iter().map(String::as_str).chain([name]);
        let path = steps.collect::<Vec<_>>().join(".");
        if branches.is_empty() {
            branches.push(Branch::new());
        }
        let condition = Arc::new(condition);
        for branch in branches.iter_mut() {
            branch.insert(path.clone(), condition.clone());
        }
        self.bound(branches)
    }

    /// Reads a match expression, `{"prefix": "a"}`, whose opening brace is read;
    /// `None` is `{"exists": false}`.
    fn expression(&mut self) -> Compiled<Option<Leaf>> {
        if self.tokens.next()? != Token::Name {
            return self.refuse("Match expression name not found");
        }
        let name = self.tokens.name().to_owned();
        let leaf = match name.as_str() {
            "exactly" => Leaf::Text(self.one_text("exact match pattern must be a string")?),
            "prefix" | "suffix" => return self.affix(&name).map(Some),
            "equals-ignore-case" => {
                Leaf::EqualsIgnoreCase(IgnoreCase::new(&self.one_text(MUST_BE_STRING_IGNORE_CASE)?))
            }
            "cidr" => {
                let text = self.text_or("prefix match pattern must be a string")?;
                let range = IpRange::parse(&text).map_err(|reason| PatternError { reason })?;
                self.close(ONE_KEY)?;
                Leaf::Cidr(range)
            }
            "wildcard" => {
                let text = self.text_or("wildcard match pattern must be a string")?;
                let glob = Glob::parse(&text).or_else(|reason| self.refuse(reason))?;
                self.close(ONE_KEY)?;
                Leaf::Wildcard(glob)
            }
            "numeric" => {
                if self.tokens.next()? != Token::ArrayStart {
                    return self.refuse("Value of numeric must be an array.");
                }
                let leaf = self.numeric()?;
                self.close(NUMERIC_TOO_MANY)?;
                leaf
            }
            "anything-but" => Leaf::AnythingBut(self.anything_but()?),
            "exists" => {
                let leaf = match self.tokens.next()? {
                    Token::True => Some(Leaf::Exists),
                    Token::False => None,
                    _ => return self.refuse("exists match pattern must be either true or false."),
                };
                self.close(ONE_KEY)?;
                return Ok(leaf);
            }
            _ => return self.refuse(format!("Unrecognized match type {name}")),
        };
        Ok(Some(leaf))
    }

    /// Reads the closing brace of a match expression.
    fn close(&mut self, otherwise: &str) -> Compiled<()> {
        match self.tokens.next()? {
            Token::ObjectEnd => Ok(()),
            _ => self.refuse(otherwise),
        }
    }

    fn text_or(&mut self, otherwise: &str) -> Compiled<String> {
        match self.tokens.next()? {
            Token::String => Ok(self.tokens.text()?.to_owned()),
            _ => self.refuse(otherwise),
        }
    }

    fn one_text(&mut self, otherwise: &str) -> Compiled<String> {
        let text = self.text_or(otherwise)?;
        self.close(ONE_KEY)?;
        Ok(text)
    }

    /// `"prefix": "a"` or `"prefix": {"equals-ignore-case": "a"}`, and so for `suffix`.
    fn affix(&mut self, name: &str) -> Compiled<Leaf> {
        let prefix = name == "prefix";
        match self.tokens.next()? {
            Token::String => {
                let text = self.tokens.text()?.to_owned();
                self.close(ONE_KEY)?;
                Ok(if prefix { Leaf::Prefix(text) } else { Leaf::Suffix(text) })
            }
            Token::ObjectStart => {
                if self.tokens.next()? != Token::Name {
                    let kind = if prefix { "Prefix" } else { "Suffix" };
                    return self.refuse(format!("{kind} expression name not found"));
                }
                if self.tokens.name() != "equals-ignore-case" {
                    let operator = self.tokens.name().to_owned();
                    return self.refuse(format!("Unsupported {name} pattern: {operator}"));
                }
                let text = IgnoreCase::new(&self.one_text(MUST_BE_STRING_IGNORE_CASE)?);
                self.close(ONE_KEY)?;
                Ok(if prefix { Leaf::PrefixIgnoreCase(text) } else { Leaf::SuffixIgnoreCase(text) })
            }
            _ => self.refuse(format!("{name} match pattern must be a string")),
        }
    }

    /// Reads `">", 0, "<=", 5]`.
    fn numeric(&mut self) -> Compiled<Leaf> {
        if self.tokens.next()? != Token::String {
            let found = self.tokens.text()?.to_owned();
            return self.refuse(format!("Invalid member in numeric match: {found}"));
        }
        let operator = self.tokens.text()?.to_owned();
        let token = self.tokens.next()?;
        let named = match operator.as_str() {
            "=" => "equals",
            ">=" | ">" | "<=" | "<" => operator.as_str(),
            _ => return self.refuse(format!("Unrecognized numeric range operator: {operator}")),
        };
        if token != Token::Number {
            return self.refuse(format!("Value of {named} must be numeric"));
        }
        let literal = self.tokens.text()?.to_owned();
        let open = !operator.ends_with('=');
        let token = self.tokens.next()?;
        if matches!(operator.as_str(), ">" | ">=") && token != Token::ArrayEnd {
            return self.numeric_range(token, &literal, open);
        }
        if token != Token::ArrayEnd {
            return self.refuse(NUMERIC_TOO_MANY);
        }
        let limit = Limit { value: self.comparable(&literal)?, open };
        Ok(match operator.as_str() {
            "=" => Leaf::NumericEquals(limit.value),
            ">" | ">=" => Leaf::Numeric { bottom: Some(limit), top: None },
            _ => Leaf::Numeric { bottom: None, top: Some(limit) },
        })
    }

    fn numeric_range(&mut self, token: Token, bottom: &str, bottom_open: bool) -> Compiled<Leaf> {
        if token != Token::String {
            let found = self.tokens.text()?.to_owned();
            return self.refuse(format!("Bad value in numeric range: {found}"));
        }
        let operator = self.tokens.text()?.to_owned();
        if !matches!(operator.as_str(), "<" | "<=") {
            return self.refuse(format!("Bad numeric range operator: {operator}"));
        }
        if self.tokens.next()? != Token::Number {
            return self.refuse(format!("Value of {operator} must be numeric"));
        }
        let top = self.tokens.text()?.to_owned();
        if self.tokens.next()? != Token::ArrayEnd {
            return self.refuse("Too many terms in numeric range expression");
        }
        let bottom = Limit { value: self.comparable(bottom)?, open: bottom_open };
        let top = Limit { value: self.comparable(&top)?, open: operator == "<" };
        if bottom.value >= top.value {
            return self.refuse("Bottom must be less than top");
        }
        Ok(Leaf::Numeric { bottom: Some(bottom), top: Some(top) })
    }

    fn comparable(&self, literal: &str) -> Compiled<f64> {
        decimal::comparable_text(literal).map_or_else(|| self.refuse(format!("Cannot compare number : {literal}")), Ok)
    }

    fn anything_but(&mut self) -> Compiled<AnythingBut> {
        let mut token = self.tokens.next()?;
        let mut operator = None;
        if token == Token::ObjectStart {
            if self.tokens.next()? != Token::Name {
                return self.refuse("Anything-But expression name not found");
            }
            let name = self.tokens.name().to_owned();
            operator = Some(match name.as_str() {
                "equals-ignore-case" => Operator::IgnoreCase,
                "prefix" => Operator::Prefix,
                "suffix" => Operator::Suffix,
                "wildcard" => Operator::Wildcard,
                _ => return self.refuse(format!("Unsupported anything-but pattern: {name}")),
            });
            token = self.tokens.next()?;
        }
        if !matches!(token, Token::ArrayStart | Token::String | Token::Number) {
            return self.refuse("Value of anything-but must be an array or single string/number value.");
        }
        let list = token == Token::ArrayStart;
        let but = match operator {
            None if list => self.anything_but_list()?,
            None if token == Token::String => AnythingBut::Texts(HashSet::from([self.tokens.text()?.to_owned()])),
            None => {
                let literal = self.tokens.text()?.to_owned();
                let reason = format!("Cannot compare number : {literal}");
                let number = decimal::comparable_text(&literal).ok_or(PatternError { reason })?;
                AnythingBut::Numbers(vec![number])
            }
            Some(operator) => {
                let mut texts = Vec::new();
                if list {
                    loop {
                        let token = self.tokens.next()?;
                        if token == Token::ArrayEnd {
                            break;
                        }
                        let text = self.anything_but_text(operator, token);
                        texts.push(text.or_else(|error| self.again(error))?);
                    }
                } else {
                    texts.push(self.anything_but_text(operator, token)?);
                }
                self.anything_but_texts(operator, texts)?
            }
        };
        self.close(NUMERIC_TOO_MANY)?;
        if operator.is_some() {
            self.close(NUMERIC_TOO_MANY)?;
        }
        Ok(but)
    }

    /// The matcher reports an error inside a list with the place named twice.
    fn again<T>(&self, error: PatternError) -> Compiled<T> {
        self.refuse(error.reason)
    }

    fn anything_but_list(&mut self) -> Compiled<AnythingBut> {
        let mut texts = HashSet::new();
        let mut numbers = Vec::new();
        loop {
            match self.tokens.next()? {
                Token::ArrayEnd => break,
                Token::String => {
                    texts.insert(self.tokens.text()?.to_owned());
                }
                Token::Number => {
                    let literal = self.tokens.text()?.to_owned();
                    numbers.push(self.comparable(&literal)?);
                }
                _ => {
                    let error = self.tokens.error("Inside anything but list, start|null|boolean is not supported.");
                    return self.again(error);
                }
            }
        }
        match (texts.is_empty(), numbers.is_empty()) {
            (false, true) => Ok(AnythingBut::Texts(texts)),
            (true, false) => Ok(AnythingBut::Numbers(numbers)),
            _ => self.refuse(
                "Inside anything but list, either all values are number or string, mixed type is not supported",
            ),
        }
    }

    fn anything_but_text(&mut self, operator: Operator, token: Token) -> Compiled<String> {
        if token != Token::String {
            return self.refuse(match operator {
                Operator::IgnoreCase => {
                    "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
                }
                Operator::Wildcard => "wildcard match pattern must be a string",
                Operator::Prefix | Operator::Suffix => "prefix/suffix match pattern must be a string",
            });
        }
        let text = self.tokens.text()?.to_owned();
        if text.is_empty() && matches!(operator, Operator::Prefix | Operator::Suffix) {
            return self.refuse("Null prefix/suffix not allowed");
        }
        Ok(text)
    }

    fn anything_but_texts(&self, operator: Operator, texts: Vec<String>) -> Compiled<AnythingBut> {
        Ok(match operator {
            Operator::IgnoreCase => AnythingBut::IgnoreCase(texts.iter().map(|text| IgnoreCase::new(text)).collect()),
            Operator::Prefix => AnythingBut::Prefix(texts),
            Operator::Suffix => AnythingBut::Suffix(texts),
            Operator::Wildcard => {
                let globs = texts.iter().map(|text| Glob::parse(text).or_else(|reason| self.refuse(reason)));
                AnythingBut::Wildcard(globs.collect::<Compiled<_>>()?)
            }
        })
    }
}

const MUST_BE_STRING_IGNORE_CASE: &str = "equals-ignore-case match pattern must be a string";

#[derive(Clone, Copy)]
enum Operator {
    IgnoreCase,
    Prefix,
    Suffix,
    Wildcard,
}
