use windlass_keyring::random;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::object;
use zeroize::Zeroizing;

use crate::faults;
use crate::input;
use crate::secrets_manager::SecretsManager;

const LENGTH_DEFAULT: i64 = 32;
const LENGTH_MAX: i64 = 4096;

const LOWERCASE: &str = "abcdefghijklmnopqrstuvwxyz";
const UPPERCASE: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMBERS: &str = "0123456789";
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

impl SecretsManager {
    /// `GetRandomPassword`.
    pub(crate) fn random_password(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let length = input::integer(input, "PasswordLength")?.unwrap_or(LENGTH_DEFAULT);
        if !(1..=LENGTH_MAX).contains(&length) {
            return Err(faults::invalid_parameter(format!(
                "PasswordLength must be between 1 and {LENGTH_MAX}, but it is {length}."
            )));
        }
        let length = length as usize;
        let excluded = input::text(input, "ExcludeCharacters")?.unwrap_or_default();
        let mut kinds: Vec<Vec<char>> = Vec::new();
        let all = [
            ("ExcludeLowercase", LOWERCASE),
            ("ExcludeUppercase", UPPERCASE),
            ("ExcludeNumbers", NUMBERS),
            ("ExcludePunctuation", PUNCTUATION),
        ];
        for (member, letters) in all {
            if !input::flag(input, member)? {
                kinds.push(letters.chars().filter(|letter| !excluded.contains(*letter)).collect());
            }
        }
        if input::flag(input, "IncludeSpace")? && !excluded.contains(' ') {
            kinds.push(vec![' ']);
        }
        kinds.retain(|kind| !kind.is_empty());
        let letters: Vec<char> = kinds.iter().flatten().copied().collect();
        if letters.is_empty() {
            return Err(faults::invalid_parameter("No characters are left to make a password of."));
        }
        let each = match input.get("RequireEachIncludedType") {
            None | Some(windlass_value::Value::Null) => true,
            _ => input::flag(input, "RequireEachIncludedType")?,
        };
        if each && length < kinds.len() {
            return Err(faults::invalid_parameter(format!(
                "Password length {length} is too short based on the required types."
            )));
        }
        let mut password: Zeroizing<Vec<char>> = Zeroizing::new(Vec::with_capacity(length));
        if each {
            for kind in &kinds {
                password.push(kind[below(kind.len())?]);
            }
        }
        while password.len() < length {
            password.push(letters[below(letters.len())?]);
        }
        // The required ones must not always come first.
        for at in (1..password.len()).rev() {
            let other = below(at + 1)?;
            password.swap(at, other);
        }
        Ok(Reply::from(object! { "RandomPassword" => password.iter().collect::<String>() }))
    }
}

/// A random number below `bound` (at least 1), each as likely as the others.
fn below(bound: usize) -> Result<usize, Fault> {
    let bound = bound as u32;
    let fair = u32::MAX - u32::MAX % bound;
    loop {
        let number = u32::from_be_bytes(random::<4>().map_err(faults::seal)?);
        if number < fair {
            return Ok((number % bound) as usize);
        }
    }
}
