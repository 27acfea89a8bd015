//! Pages of pipes, and their tokens: opaque, bound to the query they continue.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use windlass_protocol::Fault;
use windlass_value::{Object, Value};

use crate::request::Request;

const SEAL_BYTES: usize = 8;
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
    let query = query(request, arguments);
    let after = request.text("NextToken")?.filter(|token| !token.is_empty());
    let after = after.map(|token| open(&query, token)).transpose()?;
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
        output.insert("NextToken", seal(&query, last));
    }
    Ok(output.into())
}

fn query(request: Request<'_>, arguments: &[&str]) -> Vec<u8> {
    let call = request.call;
    let parts = [&*call.operation, &*call.account, &*call.region].into_iter().chain(arguments.iter().copied());
    parts.flat_map(|part| [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()].concat()).collect()
}

fn check(query: &[u8], position: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(query).chain_update(position).finalize()[..SEAL_BYTES].to_vec()
}

fn seal(query: &[u8], position: &str) -> String {
    URL_SAFE_NO_PAD.encode([&check(query, position.as_bytes()), position.as_bytes()].concat())
}

fn open(query: &[u8], token: &str) -> Result<String, Fault> {
    let invalid = || Fault::validation("Invalid NextToken.");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    let (seal, position) = bytes.split_at_checked(SEAL_BYTES).ok_or_else(invalid)?;
    if check(query, position) != seal {
        return Err(invalid());
    }
    String::from_utf8(position.to_vec()).map_err(|_| invalid())
}
