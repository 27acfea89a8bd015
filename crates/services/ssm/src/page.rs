//! Pages of lists: what they have in common. Tokens are sealed, and bound to
//! the list they continue.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use windlass_keyring::Keyring;
use windlass_protocol::{Call, Fault};
use windlass_value::Value;

use crate::faults;
use crate::input;

/// Which page a call asks for.
pub(crate) struct Page {
    /// What the token is bound to.
    list: String,
    /// Where the page before ended.
    pub(crate) after: Option<String>,
    /// At least 1.
    pub(crate) limit: usize,
}

impl Page {
    /// Reads `MaxResults` and `NextToken`; `arguments`: what must not change from page to page.
    ///
    /// # Errors
    /// A token that is not one of this list; a number out of bounds.
    pub(crate) fn read(keyring: &Keyring, call: &Call, limit_max: usize, arguments: &[&Value]) -> Result<Page, Fault> {
        let limit = match input::integer(&call.input, "MaxResults")? {
            None => limit_max,
            Some(limit) => {
                usize::try_from(limit).ok().filter(|limit| (1..=limit_max).contains(limit)).ok_or_else(|| {
                    Fault::validation(format!(
                        "1 validation error detected: Value '{limit}' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and {limit_max}"
                    ))
                })?
            }
        };
        let arguments = Value::array(arguments.iter().map(|argument| (*argument).clone()).collect());
        let list = format!("page {} {} {} {arguments}", call.operation, call.account, call.region);
        let after = match input::text(&call.input, "NextToken")? {
            None => None,
            Some(token) => {
                let sealed = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid_token())?;
                let after = keyring.open_sealed(&list, &sealed).map_err(|_| invalid_token())?;
                Some(after.as_text().ok_or_else(invalid_token)?.to_owned())
            }
        };
        Ok(Page { list, after, limit })
    }

    /// The token of the page behind a position.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn token(&self, keyring: &Keyring, position: &str) -> Result<String, Fault> {
        Ok(URL_SAFE_NO_PAD.encode(keyring.seal(&self.list, position.as_bytes()).map_err(faults::seal)?))
    }
}

/// A token that is none of this list.
pub(crate) fn invalid_token() -> Fault {
    Fault::new("InvalidNextToken", "The specified token is not valid.")
}
