//! Pages of lists: what they have in common. Markers are sealed, and bound to
//! the list they continue.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use windlass_keyring::Keyring;
use windlass_protocol::{Call, Fault};
use windlass_value::{Object, Value};

use crate::input;

/// Entries on a page when the caller names no number.
pub(crate) const LIMIT_DEFAULT: usize = 100;
/// Entries a caller may ask for.
pub(crate) const LIMIT_MAX: usize = 1000;

/// Which page a call asks for.
pub(crate) struct Page {
    /// What the marker is bound to.
    list: String,
    /// The name of the last entry of the page before.
    pub(crate) after: Option<String>,
    /// At least 1.
    pub(crate) limit: usize,
}

impl Page {
    /// Reads `Limit` and `Marker`; `arguments`: what must not change from page to page.
    ///
    /// # Errors
    /// A marker that is not one of this list; a limit out of bounds.
    pub(crate) fn read(keyring: &Keyring, call: &Call, arguments: &[&str]) -> Result<Page, Fault> {
        let limit = match input::integer(&call.input, "Limit")? {
            None => LIMIT_DEFAULT,
            Some(limit) => {
                usize::try_from(limit).ok().filter(|limit| (1..=LIMIT_MAX).contains(limit)).ok_or_else(|| {
                    Fault::validation(format!("Limit must be between 1 and {LIMIT_MAX}, but it is {limit}"))
                })?
            }
        };
        let list = format!("page {} {} {} {arguments:?}", call.operation, call.account, call.region);
        let after = match input::text(&call.input, "Marker")? {
            None => None,
            Some(marker) => {
                let sealed = URL_SAFE_NO_PAD.decode(marker).map_err(|_| invalid_marker())?;
                let after = keyring.open_sealed(&list, &sealed).map_err(|_| invalid_marker())?;
                Some(after.as_text().ok_or_else(invalid_marker)?.to_owned())
            }
        };
        Ok(Page { list, after, limit })
    }

    /// The answer of a list of (name, entry): `found` may be one longer than the page.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn answer(
        &self,
        keyring: &Keyring,
        member: &str,
        mut found: Vec<(String, Value)>,
    ) -> Result<Object, Fault> {
        let is_truncated = found.len() > self.limit;
        found.truncate(self.limit);
        let next = match found.last() {
            Some((name, _)) if is_truncated => {
                let sealed = keyring.seal(&self.list, name.as_bytes()).map_err(crate::faults::seal)?;
                Some(URL_SAFE_NO_PAD.encode(sealed))
            }
            _ => None,
        };
        let mut output = Object::new();
        output.insert(member, found.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>());
        if let Some(next) = next {
            output.insert("NextMarker", next);
        }
        output.insert("Truncated", is_truncated);
        Ok(output)
    }
}

fn invalid_marker() -> Fault {
    Fault::new("InvalidMarkerException", "The marker is not valid.")
}
