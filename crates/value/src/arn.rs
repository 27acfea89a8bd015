use std::fmt;

/// An ARN, split at its colons: `arn:partition:service:region:account:resource`.
///
/// The resource keeps every further colon and slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Arn {
    /// `aws`, `aws-cn`, `aws-us-gov`, …: any token is taken and echoed.
    pub partition: String,
    /// `states`, `lambda`, …
    pub service: String,
    /// May be empty (IAM, optimized integrations).
    pub region: String,
    /// May be empty (optimized integrations).
    pub account: String,
    /// All after the fifth colon.
    pub resource: String,
}

impl Arn {
    /// Splits an ARN; `None` when it has no `arn:` prefix or fewer than six parts.
    pub fn parse(text: &str) -> Option<Arn> {
        let mut parts = text.splitn(6, ':');
        if parts.next()? != "arn" {
            return None;
        }
        let arn = Arn {
            partition: parts.next()?.to_owned(),
            service: parts.next()?.to_owned(),
            region: parts.next()?.to_owned(),
            account: parts.next()?.to_owned(),
            resource: parts.next()?.to_owned(),
        };
        (!arn.partition.is_empty() && !arn.service.is_empty() && !arn.resource.is_empty()).then_some(arn)
    }

    /// The part of the resource before its first colon or slash.
    pub fn resource_type(&self) -> &str {
        self.resource.split([':', '/']).next().unwrap_or_default()
    }

    /// The part of the resource after its first colon or slash.
    pub fn resource_id(&self) -> &str {
        self.resource.split_once([':', '/']).map_or("", |(_, id)| id)
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arn { partition, service, region, account, resource } = self;
        write!(f, "arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}
