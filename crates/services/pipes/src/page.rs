//! Pages of pipes, and their tokens: opaque, bound to the query they continue.

use windlass_protocol::{Fault, PageToken};
use windlass_value::{Object, Value};

use crate::request::Request;

const RESULTS_MAX: usize = 100;

/// One page of named things in the order of their names.
///
/// # Errors
/// A token that is not of this query.
pub(crate) fn page<'a, T>(
    request: Request<'_>,
    member: &str,
    arguments: &[&str],
    named: impl Iterator<Item = (&'a str, T)>,
    write: impl Fn(T) -> Value,
) -> Result<Value, Fault> {
    let tokens = PageToken::of(request.call, arguments);
    let after = request.text("NextToken")?.filter(|token| !token.is_empty());
    let after = after.map(|token| position(&tokens, token)).transpose()?;
    let limit = match request.member("Limit") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(value) => value.as_i64().and_then(|limit| usize::try_from(limit).ok()),
        None => None,
    };
    let limit = limit.unwrap_or(RESULTS_MAX).clamp(1, RESULTS_MAX);
    let mut rest = named.skip_while(|(name, _)| after.as_deref().is_some_and(|after| *name <= after)).peekable();
    let mut items = Vec::new();
    let mut last = "";
    while items.len() < limit
        && let Some((name, thing)) = rest.next()
    {
        last = name;
        items.push(write(thing));
    }
    let mut output = Object::new();
    output.insert(member, Value::array(items));
    if rest.peek().is_some() {
        output.insert("NextToken", tokens.seal(last.as_bytes()));
    }
    Ok(output.into())
}

fn position(tokens: &PageToken, token: &str) -> Result<String, Fault> {
    let position = tokens.open(token).ok_or_else(invalid)?;
    String::from_utf8(position).map_err(|_| invalid())
}

fn invalid() -> Fault {
    Fault::validation("Invalid NextToken.")
}
