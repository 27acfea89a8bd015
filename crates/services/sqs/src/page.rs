//! Pages of lists by name. A token is the last name in base64: it tells nobody
//! more than the page did, and any name is a place to go on behind.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::Fault;
use windlass_value::{Object, Value};

use crate::faults::{invalid_parameter, invalid_value};
use crate::input;
use crate::limits::PAGE_RESULTS_MAX;
use crate::queue::Queue;

const TOKEN_PREFIX: &str = "sqs:1:";

/// What page of a list a request asks for.
pub(crate) struct Page {
    /// The name before the first.
    pub(crate) after: String,
    pub(crate) limit: usize,
    /// Without `MaxResults` the list is cut off at [`PAGE_RESULTS_MAX`] and has no token, as at AWS.
    is_paged: bool,
}

impl Page {
    /// Reads `MaxResults` and `NextToken`.
    ///
    /// # Errors
    /// A number out of bounds, or a token that is none.
    pub(crate) fn read(input: &Value) -> Result<Page, Fault> {
        let results_max = input::integer(input, "MaxResults");
        if let Some(number) = results_max.filter(|number| !(1..=PAGE_RESULTS_MAX as i64).contains(number)) {
            return Err(invalid_value(number, "MaxResults", "MaxResults must be an integer between 1 and 1000."));
        }
        let after = input::text(input, "NextToken").map_or(Some(String::new()), read_token);
        Ok(Page {
            after: after.ok_or_else(|| invalid_parameter("Invalid or expired next token."))?,
            limit: results_max.map_or(PAGE_RESULTS_MAX, |number| number.unsigned_abs() as usize),
            is_paged: results_max.is_some(),
        })
    }

    /// The answer with a page of `found`, which has one more than the page takes
    /// where there are more.
    pub(crate) fn answer(&self, member: &str, found: &[Arc<Queue>], show: impl Fn(&Queue) -> String) -> Value {
        let mut answer = Object::new();
        let shown = &found[..found.len().min(self.limit)];
        if !shown.is_empty() {
            answer.insert(member, shown.iter().map(|queue| Value::from(show(queue))).collect::<Vec<_>>());
        }
        if let Some(last) = shown.last().filter(|_| self.is_paged && found.len() > self.limit) {
            answer.insert("NextToken", STANDARD.encode(format!("{TOKEN_PREFIX}{}", last.name.name)));
        }
        answer.into()
    }
}

fn read_token(token: &str) -> Option<String> {
    let text = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    text.strip_prefix(TOKEN_PREFIX).map(str::to_owned)
}
