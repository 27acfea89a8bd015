use windlass_protocol::{Call, Fault};
use windlass_value::Text;

use crate::arn::{self, Kind, StatesArn};
use crate::fault::machine_does_not_exist;

/// What a state machine ARN names.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// As the caller wrote it, for fault texts.
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) qualifier: Option<Qualifier>,
}

/// What follows a machine's name in its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Qualifier {
    /// `:3`
    Version(u64),
    /// `:live`
    Alias(String),
    /// `/label`: the executions of a distributed Map.
    Label(String),
}

impl Qualifier {
    fn after_colon(text: &str) -> Qualifier {
        // Versions are written one way only: without signs and leading zeros.
        match text.parse() {
            Ok(number) if number > 0 && text.starts_with(|first| matches!(first, '1'..='9')) => {
                Qualifier::Version(number)
            }
            _ => Qualifier::Alias(text.to_owned()),
        }
    }
}

impl Named {
    /// Reads a state machine ARN of the caller's account and region.
    ///
    /// # Errors
    /// `InvalidArn`; `StateMachineDoesNotExist` for another account or region.
    pub(crate) fn parse(text: &str, call: &Call) -> Result<Named, Fault> {
        Named::parse_own(text, call)?.ok_or_else(|| machine_does_not_exist(text))
    }

    /// The same, `None` for another account or region.
    pub(crate) fn parse_own(text: &str, call: &Call) -> Result<Option<Named>, Fault> {
        let arn = StatesArn::parse(text, &[Kind::StateMachine])?;
        if !arn.is_of(call) {
            return Ok(None);
        }
        let (name, qualifier) = match arn.id.find([':', '/']) {
            None => (arn.id.as_str(), None),
            Some(at) => {
                let (name, rest) = arn.id.split_at(at);
                let qualifier = match rest.strip_prefix(':') {
                    Some(qualifier) => Qualifier::after_colon(qualifier),
                    None => Qualifier::Label(rest[1..].to_owned()),
                };
                (name, Some(qualifier))
            }
        };
        let name = name.to_owned();
        Ok(Some(Named { arn: text.to_owned(), account: arn.account, region: arn.region, name, qualifier }))
    }
}

/// The ARN of a machine.
pub(crate) fn machine_arn(account: &str, region: &str, name: &str) -> Text {
    arn::of(account, region, &format!("stateMachine:{name}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers_as_they_are_given_out() {
        let alias = |name: &str| Qualifier::Alias(name.to_owned());
        let cases = [
            ("1", Qualifier::Version(1)),
            ("120", Qualifier::Version(120)),
            ("0", alias("0")),
            ("01", alias("01")),
            ("+1", alias("+1")),
            ("-1", alias("-1")),
            ("99999999999999999999999", alias("99999999999999999999999")),
            ("live", alias("live")),
            ("1a", alias("1a")),
            ("", alias("")),
            ("1:2", alias("1:2")),
        ];
        for (text, expected) in cases {
            assert_eq!(Qualifier::after_colon(text), expected, "{text}");
        }
    }
}
