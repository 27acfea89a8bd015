//! Tokens to syntax: an operator-precedence parser.

use windlass_value::Text;

use crate::error::CompileError;
use crate::syntax::{Form, Operator, Syntax};
use crate::token::{Lexer, Token, error, quoted};

/// Levels of nesting in the text; AWS evaluates 100, so more can only fail.
pub(crate) const NESTING_MAX: usize = 500;

/// Bytes of expression text; a state machine's definition is at most 1 MiB.
pub(crate) const SOURCE_BYTES_MAX: usize = 1 << 20;

pub(crate) fn parse(source: &str) -> Result<Syntax, CompileError> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(error("S0500", "Expression is too long", SOURCE_BYTES_MAX));
    }
    let mut parser = Parser { lexer: Lexer { source, at: 0 }, token: Token::End, position: 0, nesting: 0 };
    parser.advance(false)?;
    let tree = parser.expression(0)?;
    if parser.token != Token::End {
        let shown = quoted(&parser.token.shown());
        return Err(error("S0201", format!("Syntax error: {shown}"), parser.position));
    }
    Ok(tree)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    position: usize,
    nesting: usize,
}

fn binding_power(token: &Token) -> u8 {
    let Token::Operator(operator) = token else { return 0 };
    match *operator {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "<" | ">" | "^" | "!=" | "<=" | ">=" | "~>" | "??" | "?:" | "in" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

fn binary(operator: &str) -> Option<Operator> {
    Some(match operator {
        "+" => Operator::Add,
        "-" => Operator::Subtract,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        "%" => Operator::Modulo,
        "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "&" => Operator::Concatenate,
        "and" => Operator::And,
        "or" => Operator::Or,
        "in" => Operator::In,
        _ => return None,
    })
}

impl Form {
    fn height(&self) -> usize {
        let pairs = |pairs: &[(Syntax, Syntax)]| pairs.iter().map(|(a, b)| a.height.max(b.height)).max().unwrap_or(0);
        let list = |items: &[Syntax]| items.iter().map(|item| item.height).max().unwrap_or(0);
        match self {
            Form::Step(a, b)
            | Form::Predicate(a, b)
            | Form::Apply(a, b)
            | Form::Binary(_, a, b)
            | Form::Coalesce(a, b)
            | Form::Default(a, b) => a.height.max(b.height),
            Form::Group(a, rest) => a.height.max(pairs(rest)),
            Form::OrderBy(a, terms) => terms.iter().map(|(_, term)| term.height).max().unwrap_or(0).max(a.height),
            Form::Bind(_, a) | Form::Focus(a, _) | Form::Index(a, _) | Form::Negate(a) => a.height,
            Form::Array(items) | Form::Block(items) => list(items),
            Form::Object(rest) => pairs(rest),
            Form::Call { procedure, arguments, .. } => procedure.height.max(list(arguments)),
            Form::Lambda { body, .. } => body.height,
            Form::Condition { condition, then, otherwise } => {
                condition.height.max(then.height).max(otherwise.as_ref().map_or(0, |node| node.height))
            }
            Form::Transform { pattern, update, delete } => {
                pattern.height.max(update.height).max(delete.as_ref().map_or(0, |node| node.height))
            }
            _ => 0,
        }
    }
}

impl Parser<'_> {
    fn advance(&mut self, infix: bool) -> Result<(), CompileError> {
        (self.token, self.position) = self.lexer.next(infix)?;
        Ok(())
    }

    #[inline(always)]
    fn is(&self, operator: &str) -> bool {
        matches!(&self.token, Token::Operator(found) if *found == operator)
    }

    fn expect(&mut self, operator: &str, infix: bool) -> Result<(), CompileError> {
        if self.is(operator) {
            return self.advance(infix);
        }
        let wanted = quoted(operator);
        Err(match &self.token {
            Token::End => error("S0203", format!("Expected {wanted} before end of expression"), self.position),
            token => error("S0202", format!("Expected {wanted}, got {}", quoted(&token.shown())), self.position),
        })
    }

    fn node(&self, kind: Form, position: usize) -> Result<Syntax, CompileError> {
        let height = kind.height() + 1;
        if height > NESTING_MAX {
            return Err(error("S0500", "Expression is nested too deeply", position));
        }
        Ok(Syntax { kind, position, keep_array: false, height })
    }

    fn expression(&mut self, power: u8) -> Result<Syntax, CompileError> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(error("S0500", "Expression is nested too deeply", self.position));
        }
        let result = if self.nesting.is_multiple_of(crate::LEVELS_A_CHECK) {
            stacker::maybe_grow(crate::STACK_RED_ZONE, crate::STACK_SEGMENT, || self.operations(power))
        } else {
            self.operations(power)
        };
        self.nesting -= 1;
        result
    }

    fn operations(&mut self, power: u8) -> Result<Syntax, CompileError> {
        let mut left = self.operand()?;
        while power < binding_power(&self.token) {
            left = self.operation(left)?;
        }
        Ok(left)
    }

    fn boxed(&mut self, power: u8) -> Result<Box<Syntax>, CompileError> {
        self.expression(power).map(Box::new)
    }

    fn operand(&mut self) -> Result<Syntax, CompileError> {
        let position = self.position;
        let token = std::mem::replace(&mut self.token, Token::End);
        let Token::Operator(operator) = token else {
            let kind = match token {
                Token::End => return Err(error("S0207", "Unexpected end of expression", position)),
                Token::Name(name) => Form::Name(name),
                Token::Variable(name) => Form::Variable(name),
                Token::String(text) => Form::String(text),
                Token::Number(number) => Form::Number(number),
                Token::True => Form::Bool(true),
                Token::False => Form::Bool(false),
                Token::Regex(pattern, flags) => Form::Regex(pattern, flags),
                Token::Null | Token::Operator(_) => Form::Null,
            };
            self.advance(true)?;
            return self.node(kind, position);
        };
        // After a word used as a name, or a finished step, `/` divides.
        self.advance(matches!(operator, "and" | "or" | "in" | "*" | "**" | "%"))?;
        let kind = match operator {
            "and" | "or" | "in" => Form::Name(operator.into()),
            "*" => Form::Wildcard,
            "**" => Form::Descendant,
            "%" => Form::Parent,
            "-" => Form::Negate(self.boxed(70)?),
            "(" => {
                let mut parts = Vec::new();
                while !self.is(")") {
                    parts.push(self.expression(0)?);
                    if !self.is(";") {
                        break;
                    }
                    self.advance(false)?;
                }
                self.expect(")", true)?;
                Form::Block(parts)
            }
            "[" => {
                let mut items = Vec::new();
                if !self.is("]") {
                    loop {
                        let mut item = self.expression(0)?;
                        if self.is("..") {
                            let position = self.position;
                            self.advance(false)?;
                            let end = self.boxed(0)?;
                            item = self.node(Form::Binary(Operator::Range, Box::new(item), end), position)?;
                        }
                        items.push(item);
                        if !self.is(",") {
                            break;
                        }
                        self.advance(false)?;
                    }
                }
                self.expect("]", true)?;
                Form::Array(items)
            }
            "{" => Form::Object(self.pairs()?),
            "|" => {
                let pattern = self.boxed(0)?;
                self.expect("|", false)?;
                let update = self.boxed(0)?;
                let delete = if self.is(",") {
                    self.advance(false)?;
                    Some(self.boxed(0)?)
                } else {
                    None
                };
                self.expect("|", true)?;
                Form::Transform { pattern, update, delete }
            }
            other => {
                let message = format!("The symbol {} cannot be used as a unary operator", quoted(other));
                return Err(error("S0211", message, position));
            }
        };
        self.node(kind, position)
    }

    /// Pairs up to and with `}`.
    fn pairs(&mut self) -> Result<Vec<(Syntax, Syntax)>, CompileError> {
        let mut pairs = Vec::new();
        if !self.is("}") {
            loop {
                let key = self.expression(0)?;
                self.expect(":", false)?;
                let value = self.expression(0)?;
                pairs.push((key, value));
                if !self.is(",") {
                    break;
                }
                self.advance(false)?;
            }
        }
        self.expect("}", true)?;
        Ok(pairs)
    }

    fn operation(&mut self, left: Syntax) -> Result<Syntax, CompileError> {
        let position = self.position;
        let Token::Operator(operator) = self.token else { return Ok(left) };
        self.advance(false)?;
        if let Some(operator) = binary(operator) {
            let power = binding_power(&Token::Operator(operator.symbol()));
            let right = self.boxed(power)?;
            return self.node(Form::Binary(operator, Box::new(left), right), position);
        }
        let kind = match operator {
            "." => Form::Step(Box::new(left), self.boxed(75)?),
            "~>" => Form::Apply(Box::new(left), self.boxed(40)?),
            "??" => Form::Coalesce(Box::new(left), self.boxed(0)?),
            "?:" => Form::Default(Box::new(left), self.boxed(0)?),
            "{" => Form::Group(Box::new(left), self.pairs()?),
            "[" if self.is("]") => {
                self.advance(true)?;
                let mut left = left;
                let mut step = &mut left;
                while let Form::Predicate(inner, _) = &mut step.kind {
                    step = inner;
                }
                step.keep_array = true;
                return Ok(left);
            }
            "[" => {
                let predicate = self.boxed(0)?;
                self.expect("]", true)?;
                Form::Predicate(Box::new(left), predicate)
            }
            "^" => {
                self.expect("(", false)?;
                let mut terms = Vec::new();
                loop {
                    let descending = self.is(">");
                    if descending || self.is("<") {
                        self.advance(false)?;
                    }
                    terms.push((descending, self.expression(0)?));
                    if !self.is(",") {
                        break;
                    }
                    self.advance(false)?;
                }
                self.expect(")", true)?;
                Form::OrderBy(Box::new(left), terms)
            }
            ":=" => {
                let Form::Variable(name) = left.kind else {
                    let message = "The left side of := must be a variable name (start with $)";
                    return Err(error("S0212", message, left.position));
                };
                Form::Bind(name, self.boxed(9)?)
            }
            "@" | "#" => {
                let right = self.expression(80)?;
                let Form::Variable(name) = right.kind else {
                    let message =
                        format!("The right side of {} must be a variable name (start with $)", quoted(operator));
                    return Err(error("S0214", message, right.position));
                };
                if operator == "@" { Form::Focus(Box::new(left), name) } else { Form::Index(Box::new(left), name) }
            }
            "?" => {
                let then = self.boxed(0)?;
                let otherwise = if self.is(":") {
                    self.advance(false)?;
                    Some(self.boxed(0)?)
                } else {
                    None
                };
                Form::Condition { condition: Box::new(left), then, otherwise }
            }
            "(" => return self.call(left, position),
            other => {
                let message = format!("Unknown operator: {}", quoted(other));
                return Err(error("S0204", message, position));
            }
        };
        self.node(kind, position)
    }

    fn call(&mut self, procedure: Syntax, position: usize) -> Result<Syntax, CompileError> {
        let mut arguments = Vec::new();
        let mut partial = false;
        if !self.is(")") {
            loop {
                if self.is("?") {
                    partial = true;
                    let placeholder = self.node(Form::Placeholder, self.position)?;
                    arguments.push(placeholder);
                    self.advance(true)?;
                } else {
                    arguments.push(self.expression(0)?);
                }
                if !self.is(",") {
                    break;
                }
                self.advance(false)?;
            }
        }
        self.expect(")", true)?;
        let is_lambda = matches!(&procedure.kind, Form::Name(name) if matches!(&**name, "function" | "λ"));
        if !is_lambda {
            return self.node(Form::Call { procedure: Box::new(procedure), arguments, partial }, position);
        }
        let mut parameters = Vec::with_capacity(arguments.len());
        for (index, argument) in arguments.into_iter().enumerate() {
            let Form::Variable(name) = argument.kind else {
                let message =
                    format!("Parameter {} of function definition must be a variable name (start with $)", index + 1);
                return Err(error("S0208", message, argument.position));
            };
            parameters.push(name);
        }
        let signature = if self.is("<") { Some(self.signature()?) } else { None };
        self.expect("{", false)?;
        let body = self.boxed(0)?;
        self.expect("}", true)?;
        self.node(Form::Lambda { parameters, signature, body }, position)
    }

    /// The text of a signature, `<` to its `>`; it is no expression.
    fn signature(&mut self) -> Result<Text, CompileError> {
        let start = self.position;
        let mut depth = 0usize;
        for (offset, byte) in self.lexer.source[start..].bytes().enumerate() {
            match byte {
                b'<' => depth += 1,
                b'>' => depth -= 1,
                b'{' => break,
                _ => {}
            }
            if depth == 0 {
                let end = start + offset + 1;
                let text: String = self.lexer.source[start..end].chars().filter(|c| !c.is_whitespace()).collect();
                // A malformed signature is reported before what follows it.
                crate::signature::Signature::parse(&text, start)?;
                self.lexer.at = end;
                self.advance(false)?;
                return Ok(text.into());
            }
        }
        Err(error("S0202", format!("Expected {}, got {}", quoted(">"), quoted("{")), start))
    }
}
