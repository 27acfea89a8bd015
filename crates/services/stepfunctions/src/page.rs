//! Page tokens: opaque, sealed, bound to the query they continue.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use windlass_protocol::Fault;
use windlass_store::{Batch, Column, Key, Store, Table};
use windlass_value::Timestamp;

use crate::environment::Environment;
use crate::fault::{invalid_token, of_commit, of_store};

/// Facts of this service, such as the key that seals page tokens.
pub static FACTS: Table = Table { name: "stepfunctions_facts", columns: &[] as &[Column], indexes: &[] };

/// Results on a page when the caller names no number.
pub(crate) const RESULTS_DEFAULT: usize = 100;
/// Results a caller may ask for.
pub(crate) const RESULTS_MAX: usize = 1000;

/// How long a token is good, as on AWS.
const VALID_MS: i64 = 24 * 60 * 60 * 1000;
const SEAL_BYTES: usize = 16;
const EXPIRY_BYTES: usize = 8;

/// The query a token belongs to: what must not change from page to page.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) operation: &'a str,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) arguments: &'a [&'a str],
}

/// Seals and opens tokens with a key that outlives the process.
#[derive(Clone)]
pub(crate) struct Pages {
    key: [u8; 32],
    environment: Environment,
}

impl Pages {
    /// Reads the key, or makes it where there is none.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) fn open_with(store: &Store, environment: &Environment) -> Result<Pages, Fault> {
        let row_key = Key::new(0, "", "").text("page_token_key");
        let stored = store.get(&FACTS, &row_key).map_err(|error| of_store(&error))?;
        let stored = stored.and_then(|row| <[u8; 32]>::try_from(&row.value[..]).ok());
        let key = match stored {
            Some(key) => key,
            None => {
                let key = environment.key();
                let mut batch = Batch::default();
                batch.put(&FACTS, row_key, Vec::new(), key.to_vec());
                store.commit(batch).wait().map_err(|error| of_commit(&error))?;
                key
            }
        };
        Ok(Pages { key, environment: environment.clone() })
    }

    /// The token of the page behind a position.
    pub(crate) fn seal(&self, query: Query<'_>, position: &str) -> String {
        seal(&self.key, query, position, self.environment.now())
    }

    /// The position a token names.
    ///
    /// # Errors
    /// `InvalidToken` for one that is not ours, of another query, or expired.
    pub(crate) fn open(&self, query: Query<'_>, token: &str) -> Result<String, Fault> {
        open(&self.key, query, token, self.environment.now())
    }
}

fn seal(key: &[u8; 32], query: Query<'_>, position: &str, now: Timestamp) -> String {
    let expiry = now.plus_ms(VALID_MS).as_ms().to_be_bytes();
    let seal = mac(key, query, &expiry, position).finalize().into_bytes();
    let mut bytes = seal[..SEAL_BYTES].to_vec();
    bytes.extend(expiry);
    bytes.extend(position.as_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn open(key: &[u8; 32], query: Query<'_>, token: &str, now: Timestamp) -> Result<String, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid_token())?;
    let (seal, rest) = bytes.split_at_checked(SEAL_BYTES).ok_or_else(invalid_token)?;
    let (expiry, position) = rest.split_at_checked(EXPIRY_BYTES).ok_or_else(invalid_token)?;
    let position = str::from_utf8(position).map_err(|_| invalid_token())?;
    mac(key, query, expiry, position).verify_truncated_left(seal).map_err(|_| invalid_token())?;
    let expiry = expiry.try_into().map(i64::from_be_bytes).map_err(|_| invalid_token())?;
    if expiry < now.as_ms() {
        return Err(invalid_token());
    }
    Ok(position.to_owned())
}

fn mac(key: &[u8; 32], query: Query<'_>, expiry: &[u8], position: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    let parts = [query.operation, query.account, query.region].into_iter().chain(query.arguments.iter().copied());
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.update(expiry);
    mac.update(position.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 32] = [7; 32];
    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn query<'a>(operation: &'a str, arguments: &'a [&'a str]) -> Query<'a> {
        Query { operation, account: "000000000000", region: "us-east-1", arguments }
    }

    #[test]
    fn a_token_opens_only_for_its_own_query_key_and_day() {
        let token = seal(&KEY, query("ListExecutions", &["arn", "RUNNING"]), "posi\0tion", NOW);
        let good = open(&KEY, query("ListExecutions", &["arn", "RUNNING"]), &token, NOW);
        assert_eq!(good.as_deref(), Ok("posi\0tion"));
        let mut cut = token.clone();
        cut.pop();
        let refused = [
            open(&KEY, query("ListExecutions", &["arn", "FAILED"]), &token, NOW),
            open(&KEY, query("ListExecutions", &["arnRUNNING", ""]), &token, NOW),
            open(&KEY, query("ListStateMachines", &["arn", "RUNNING"]), &token, NOW),
            open(&[8; 32], query("ListExecutions", &["arn", "RUNNING"]), &token, NOW),
            open(&KEY, query("ListExecutions", &["arn", "RUNNING"]), &token, NOW.plus_ms(VALID_MS + 1)),
            open(&KEY, query("ListExecutions", &["arn", "RUNNING"]), &cut, NOW),
            open(&KEY, query("ListExecutions", &["arn", "RUNNING"]), "x", NOW),
            open(&KEY, query("ListExecutions", &["arn", "RUNNING"]), "not base64 !", NOW),
        ];
        for (at, found) in refused.into_iter().enumerate() {
            assert_eq!(found, Err(invalid_token()), "{at}");
        }
    }
}
