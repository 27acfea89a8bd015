use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_protocol::Call;
use windlass_value::Text;

/// The name of the bus that every account has.
pub(crate) const DEFAULT_BUS: &str = "default";

/// An account in a region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// 12 digits.
    pub(crate) account: Text,
    /// E.g. `us-east-1`.
    pub(crate) region: Text,
}

impl Place {
    /// Where a call is made.
    pub(crate) fn of(call: &Call) -> Place {
        Place { account: call.account.clone(), region: call.region.clone() }
    }

    fn arn(&self, resource: &str) -> String {
        format!("arn:aws:events:{}:{}:{resource}", self.region, self.account)
    }

    /// The ARN of a bus.
    pub(crate) fn bus_arn(&self, bus: &str) -> String {
        self.arn(&format!("event-bus/{bus}"))
    }

    /// The ARN of a rule.
    pub(crate) fn rule_arn(&self, bus: &str, rule: &str) -> String {
        match bus {
            DEFAULT_BUS => self.arn(&format!("rule/{rule}")),
            bus => self.arn(&format!("rule/{bus}/{rule}")),
        }
    }

    /// The ARN of an archive.
    pub(crate) fn archive_arn(&self, archive: &str) -> String {
        self.arn(&format!("archive/{archive}"))
    }

    /// The ARN of a replay.
    pub(crate) fn replay_arn(&self, replay: &str) -> String {
        self.arn(&format!("replay/{replay}"))
    }

    /// The ARN of a connection.
    pub(crate) fn connection_arn(&self, name: &str, id: &str) -> String {
        self.arn(&format!("connection/{name}/{id}"))
    }

    /// The ARN of an API destination.
    pub(crate) fn api_destination_arn(&self, name: &str, id: &str) -> String {
        self.arn(&format!("api-destination/{name}/{id}"))
    }
}

impl Serialize for Place {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&*self.account, &*self.region).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Place, D::Error> {
        let (account, region) = <(String, String)>::deserialize(deserializer)?;
        Ok(Place { account: Arc::from(account), region: Arc::from(region) })
    }
}
