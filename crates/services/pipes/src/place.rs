use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_protocol::Call;
use windlass_value::Text;

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

    /// The ARN of a pipe.
    pub(crate) fn pipe_arn(&self, name: &str) -> String {
        format!("arn:aws:pipes:{}:{}:pipe/{name}", self.region, self.account)
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
