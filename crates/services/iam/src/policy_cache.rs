use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;
use windlass_identity::Policy;
use windlass_value::Text;

/// Compiled policies that are kept.
const POLICIES_MAX: usize = 8_192;

const UNREADABLE: &str = r#"{"Version": "2012-10-17", "Statement": {"Sid": "UnreadablePolicy", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}}"#;

/// Policies by their text, compiled once.
#[derive(Default)]
pub(crate) struct PolicyCache {
    compiled: RwLock<HashMap<Text, Arc<Policy>, RandomState>>,
}

impl PolicyCache {
    /// The compiled policy. A text that is no policy (IAM lets none in, another
    /// service may have) denies everything: it may have been meant to.
    pub(crate) fn compile(&self, text: &str) -> Arc<Policy> {
        if let Some(policy) = self.compiled.read().get(text) {
            return policy.clone();
        }
        let policy = Policy::parse(text).unwrap_or_else(|error| {
            tracing::error!(%error, "a stored policy cannot be read and denies everything");
            // The constant is a policy, held by a test.
            Policy::parse(UNREADABLE).expect("the policy that denies everything")
        });
        let policy = Arc::new(policy);
        let mut compiled = self.compiled.write();
        if compiled.len() >= POLICIES_MAX {
            compiled.clear();
        }
        compiled.insert(text.into(), policy.clone());
        policy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_policy_denies() {
        let policy = PolicyCache::default().compile("{");
        assert_eq!(policy.len(), 1);
    }
}
