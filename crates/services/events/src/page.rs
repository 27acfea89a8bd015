//! Page tokens: opaque, bound to the query they continue.

use windlass_protocol::{Fault, PageToken};
use windlass_value::{Object, Value};

use crate::request::Request;

/// One page of named things in the order of their names, as `member` of the
/// answer, and the token of the next.
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
    let after = request.text_not_empty("NextToken")?.map(|token| position(&tokens, token)).transpose()?;
    let limit = request.results_max()?;
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
    Fault::validation("Parameter NextToken is not valid.")
}
