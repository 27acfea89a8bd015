//! The ids that IAM gives: `AROA…`, `AKIA…`, secrets and tokens.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_protocol::Fault;

use crate::faults;

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// Letters of an id behind its four of prefix.
const ID_LETTERS: usize = 17;
/// Letters of an access key's id behind its four of prefix.
const KEY_LETTERS: usize = 16;
/// Bits of an access key's id below those of its account.
const KEY_RANDOM_BITS: u32 = 39;

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| faults::failure(format!("no randomness: {error}")))?;
    Ok(bytes)
}

/// An entity's unique id: `AROA` and 17 letters.
pub(crate) fn entity_id(prefix: &str) -> Result<String, Fault> {
    let letters = random::<ID_LETTERS>()?;
    Ok(prefix.chars().chain(letters.iter().map(|byte| BASE32[usize::from(byte % 32)] as char)).collect())
}

/// An id that a name always has, for roles that nobody made.
pub(crate) fn id_of_name(prefix: &str, name: &str) -> String {
    let mut hash = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut id = prefix.to_owned();
    for _ in 0..ID_LETTERS {
        id.push(BASE32[(hash % 32) as usize] as char);
        hash = hash.rotate_right(5).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    id
}

/// An access key's id. As at AWS its account can be read from it.
pub(crate) fn access_key_id(prefix: &str, account: &str) -> Result<String, Fault> {
    let account: u128 = account.parse().map_err(|_| faults::failure("an account is 12 digits"))?;
    let bits = u128::from_be_bytes(random()?) & ((1 << KEY_RANDOM_BITS) - 1);
    let value = (1 << (KEY_LETTERS * 5 - 1)) | (account << KEY_RANDOM_BITS) | bits;
    let letter = |index: usize| BASE32[(value >> (5 * (KEY_LETTERS - 1 - index))) as usize % 32] as char;
    Ok(prefix.chars().chain((0..KEY_LETTERS).map(letter)).collect())
}

/// The account that an access key's id tells, 12 digits.
pub(crate) fn account_of_key(access_key_id: &str) -> Option<String> {
    let letters = access_key_id.get(4..).filter(|letters| letters.len() == KEY_LETTERS)?;
    let mut value = 0_u128;
    for byte in letters.bytes() {
        let digit = BASE32.iter().position(|letter| *letter == byte)?;
        value = value << 5 | digit as u128;
    }
    let account = (value >> KEY_RANDOM_BITS) & ((1 << 40) - 1);
    (account < 1_000_000_000_000).then(|| format!("{account:012}"))
}

/// A secret access key: 40 characters.
pub(crate) fn secret_access_key() -> Result<String, Fault> {
    Ok(STANDARD.encode(random::<30>()?))
}

/// A session token.
pub(crate) fn session_token() -> Result<String, Fault> {
    Ok(format!("FwoG{}", STANDARD.encode(random::<96>()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_their_account() {
        for account in ["000000000000", "123456789012", "999999999999"] {
            let id = access_key_id("AKIA", account).expect("an id");
            assert_eq!(id.len(), 20);
            assert_eq!(account_of_key(&id).as_deref(), Some(account), "{id}");
        }
        // Published by AWS with its account.
        assert_eq!(account_of_key("ASIAQNZGKIQY56JQ7WML").as_deref(), Some("029608264753"));
        assert_eq!(account_of_key("AKIASHORT"), None);
        assert_eq!(account_of_key("AKIA1111111111111111"), None);
    }
}
