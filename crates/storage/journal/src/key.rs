use std::fmt;

use sha2::{Digest, Sha256};
use windlass_store::{Key, shard_of};
use windlass_value::{Arn, Text};

/// Names an execution in the store: everything follows from its ARN.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ExecutionKey {
    arn: Text,
    shard: u16,
    account: Text,
    region: Text,
    uid: [u8; 16],
}

impl ExecutionKey {
    /// The key of an execution ARN; `None` for what is no ARN.
    pub fn from_arn(arn: &str) -> Option<ExecutionKey> {
        let parsed = Arn::parse(arn)?;
        let digest = Sha256::digest(arn.as_bytes());
        let mut uid = [0; 16];
        uid.copy_from_slice(&digest[..16]);
        Some(ExecutionKey {
            arn: arn.into(),
            shard: shard_of(arn),
            account: parsed.account.into(),
            region: parsed.region.into(),
            uid,
        })
    }

    /// The execution's ARN.
    pub fn arn(&self) -> &Text {
        &self.arn
    }

    /// The account and the region it belongs to.
    pub(crate) fn owner(&self) -> (Text, Text) {
        (self.account.clone(), self.region.clone())
    }

    /// The account it belongs to.
    pub fn account(&self) -> &Text {
        &self.account
    }

    /// The region it runs in.
    pub fn region(&self) -> &Text {
        &self.region
    }

    /// A number that stands for the execution within this server.
    pub fn uid(&self) -> u128 {
        u128::from_be_bytes(self.uid)
    }

    /// The key of its rows and the name of its stream of turns.
    pub fn row(&self) -> Key {
        Key::new(self.shard, &self.account, &self.region).fixed(&self.uid)
    }
}

impl fmt::Debug for ExecutionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}
