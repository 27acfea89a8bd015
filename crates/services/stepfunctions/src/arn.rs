//! The ARNs of the service, and AWS's answers to wrong ones.

use windlass_protocol::{Call, Fault};
use windlass_value::Arn;

use crate::fault::invalid_arn;

/// The partition a region belongs to.
pub(crate) fn partition(region: &str) -> &'static str {
    const BY_PREFIX: [(&str, &str); 7] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
    ];
    BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix)).map_or("aws", |(_, partition)| partition)
}

/// The ARN of a resource of the caller's account and region.
pub(crate) fn of(account: &str, region: &str, resource: &str) -> String {
    format!("arn:{}:states:{region}:{account}:{resource}", partition(region))
}

/// What an ARN names: `stateMachine`, `execution`, `express`, `activity`, `mapRun`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    StateMachine,
    Execution,
    Express,
    Activity,
    MapRun,
}

impl Kind {
    fn parse(word: &str) -> Option<Kind> {
        Some(match word {
            "stateMachine" => Kind::StateMachine,
            "execution" => Kind::Execution,
            "express" => Kind::Express,
            "activity" => Kind::Activity,
            "mapRun" => Kind::MapRun,
            _ => return None,
        })
    }
}

/// An ARN of this service, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct StatesArn {
    pub(crate) kind: Kind,
    pub(crate) account: String,
    pub(crate) region: String,
    /// What follows the resource type, e.g. `name`, `name:qualifier`, `machine:execution`.
    pub(crate) id: String,
}

impl StatesArn {
    /// Takes an ARN apart whose resource type is one of `kinds`.
    ///
    /// # Errors
    /// `InvalidArn` in AWS's words.
    pub(crate) fn parse(text: &str, kinds: &[Kind]) -> Result<StatesArn, Fault> {
        if !text.starts_with("arn:") {
            return Err(invalid_arn(&format!("Invalid ARN prefix: {text}")));
        }
        let arn = Arn::parse(text).ok_or_else(|| invalid_arn(&format!("Invalid ARN: {text}")))?;
        if arn.service != "states" {
            return Err(invalid_arn(&format!("Service not valid in this context: {}", arn.service)));
        }
        let (word, id) = arn.resource.split_once(':').unwrap_or((&arn.resource, ""));
        let kind = Kind::parse(word)
            .filter(|kind| kinds.contains(kind))
            .ok_or_else(|| invalid_arn(&format!("Resource type not valid in this context: {word}")))?;
        if id.is_empty() {
            return Err(invalid_arn(&format!("Invalid ARN: {text}")));
        }
        Ok(StatesArn { kind, account: arn.account.clone(), region: arn.region.clone(), id: id.to_owned() })
    }

    /// Whether the ARN names something of the caller's account and region.
    pub(crate) fn is_of(&self, call: &Call) -> bool {
        self.account == *call.account && self.region == *call.region
    }

    /// The ARN as this server writes it, with the region's own partition.
    pub(crate) fn canonical(&self) -> String {
        let word = match self.kind {
            Kind::StateMachine => "stateMachine",
            Kind::Execution => "execution",
            Kind::Express => "express",
            Kind::Activity => "activity",
            Kind::MapRun => "mapRun",
        };
        of(&self.account, &self.region, &format!("{word}:{}", self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_are_taken_apart_or_refused_in_aws_words() {
        let cases = [
            ("arn:aws:states:us-east-1:000000000000:stateMachine:a.b-c_d", Ok("a.b-c_d")),
            ("arn:aws-cn:states:us-east-1:000000000000:stateMachine:a:1", Ok("a:1")),
            ("nothing", Err("Invalid Arn: 'Invalid ARN prefix: nothing'")),
            ("", Err("Invalid Arn: 'Invalid ARN prefix: '")),
            ("arn:aws:states", Err("Invalid Arn: 'Invalid ARN: arn:aws:states'")),
            (
                "arn:aws:states:us-east-1:000000000000:stateMachine:",
                Err("Invalid Arn: 'Invalid ARN: arn:aws:states:us-east-1:000000000000:stateMachine:'"),
            ),
            (
                "arn:aws:states:us-east-1:000000000000:execution:a:b",
                Err("Invalid Arn: 'Resource type not valid in this context: execution'"),
            ),
            (
                "arn:aws:states:us-east-1:000000000000:thing:a",
                Err("Invalid Arn: 'Resource type not valid in this context: thing'"),
            ),
            (
                "arn:aws:lambda:us-east-1:000000000000:function:f",
                Err("Invalid Arn: 'Service not valid in this context: lambda'"),
            ),
        ];
        for (text, expected) in cases {
            let found = StatesArn::parse(text, &[Kind::StateMachine]);
            let found = found.as_ref().map(|arn| arn.id.as_str()).map_err(|fault| fault.message.as_str());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn the_partition_is_that_of_the_region() {
        let cases = [
            ("us-east-1", "aws"),
            ("cn-north-1", "aws-cn"),
            ("us-gov-west-1", "aws-us-gov"),
            ("us-iso-east-1", "aws-iso"),
            ("us-isob-east-1", "aws-iso-b"),
            ("local", "aws"),
        ];
        for (region, expected) in cases {
            assert_eq!(partition(region), expected, "{region}");
        }
    }
}
