use super::PatternError;
use super::literal::Literal;

/// `[ip, user, ..., status = 4*, bytes > 1000]`: fields between blanks.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    before: Vec<Field>,
    /// `...` stands for any number of fields; `None`: there are exactly those before.
    after: Option<Vec<Field>>,
}

#[derive(Clone, Debug)]
struct Field {
    /// One of the lists must hold whole.
    any: Vec<Vec<Check>>,
}

#[derive(Clone, Debug)]
struct Check {
    operator: &'static str,
    literal: Literal,
}

const OPERATORS: [&str; 6] = ["!=", ">=", "<=", "=", ">", "<"];

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Fields, PatternError> {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        let inner =
            inner.ok_or_else(|| PatternError("the pattern begins with '[' but does not end with ']'".to_owned()))?;
        let mut fields = Fields { before: Vec::new(), after: None };
        for part in split_outside_quotes(inner, ",") {
            let part = part.trim();
            match &mut fields.after {
                None if part == "..." => fields.after = Some(Vec::new()),
                Some(_) if part == "..." => return Err(PatternError("'...' may stand once".to_owned())),
                None => fields.before.push(Field::parse(part)?),
                Some(after) => after.push(Field::parse(part)?),
            }
        }
        Ok(fields)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let found = split_message(message);
        let holds = |fields: &[Field], found: &[&str]| fields.iter().zip(found).all(|(field, text)| field.holds(text));
        match &self.after {
            None => found.len() == self.before.len() && holds(&self.before, &found),
            Some(after) => {
                found.len() >= self.before.len() + after.len()
                    && holds(&self.before, &found)
                    && holds(after, &found[found.len() - after.len()..])
            }
        }
    }
}

impl Field {
    fn parse(text: &str) -> Result<Field, PatternError> {
        let mut any = Vec::new();
        for part in split_outside_quotes(text, "||") {
            let mut all = Vec::new();
            for part in split_outside_quotes(part, "&&") {
                all.extend(Check::parse(part.trim().trim_start_matches('(').trim_end_matches(')'))?);
            }
            any.push(all);
        }
        Ok(Field { any })
    }

    fn holds(&self, text: &str) -> bool {
        self.any.iter().any(|all| all.iter().all(|check| check.holds(text)))
    }
}

impl Check {
    /// `name op literal`; a name alone checks nothing.
    fn parse(text: &str) -> Result<Option<Check>, PatternError> {
        let first = |operator: &&'static str| text.find(*operator).map(|at| (at, *operator));
        let Some((at, operator)) =
            OPERATORS.iter().filter_map(first).min_by_key(|(at, operator)| (*at, usize::MAX - operator.len()))
        else {
            return Ok(None);
        };
        let value = text[at + operator.len()..].trim();
        let literal = match value.as_bytes() {
            [] => return Err(PatternError(format!("{text:?} has nothing to compare with"))),
            [b'"', .., b'"'] if value.len() > 1 => Literal::text(&value[1..value.len() - 1]),
            [b'%', .., b'%'] if value.len() > 1 => Literal::regex(&value[1..value.len() - 1])?,
            _ => Literal::bare(value),
        };
        Ok(Some(Check { operator, literal }))
    }

    fn holds(&self, text: &str) -> bool {
        let order = || text.parse::<f64>().ok()?.partial_cmp(&self.literal.number()?);
        match self.operator {
            "=" => self.literal.equals(text),
            "!=" => !self.literal.equals(text),
            ">" => order().is_some_and(std::cmp::Ordering::is_gt),
            ">=" => order().is_some_and(std::cmp::Ordering::is_ge),
            "<" => order().is_some_and(std::cmp::Ordering::is_lt),
            _ => order().is_some_and(std::cmp::Ordering::is_le),
        }
    }
}

fn split_outside_quotes<'a>(text: &'a str, separator: &str) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let (mut start, mut quote) = (0, None);
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        match (quote, rest.as_bytes()[0]) {
            (None, byte @ (b'"' | b'%')) => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            (None, _) if rest.starts_with(separator) => {
                parts.push(&text[start..at]);
                at += separator.len();
                start = at;
                continue;
            }
            _ => {}
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    parts.push(&text[start..]);
    parts
}

/// The fields of a message: between blanks, in quotes or in brackets.
fn split_message(message: &str) -> Vec<&str> {
    let mut fields = Vec::new();
    let mut rest = message.trim();
    while !rest.is_empty() {
        let closing = match rest.as_bytes()[0] {
            b'"' => Some('"'),
            b'[' => Some(']'),
            _ => None,
        };
        let closed = closing.and_then(|closing| rest[1..].find(closing).map(|end| (&rest[1..=end], &rest[end + 2..])));
        let (field, behind) = closed.unwrap_or_else(|| {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest.split_at(end)
        });
        fields.push(field);
        rest = behind.trim_start();
    }
    fields
}
