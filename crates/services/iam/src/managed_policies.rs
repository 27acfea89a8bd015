//! AWS's own policies: those that people attach. The broad ones (`ReadOnlyAccess`,
//! `SecurityAudit`) have only the services that can be called here and their
//! neighbours.

use std::collections::HashMap;
use std::sync::LazyLock;

use windlass_value::{Object, Value, parse};

use crate::identifier::id_of_name;

/// When all of them were made, as outputs say: AWS's first ones are of that day.
pub(crate) const CREATED_MS: i64 = 1_423_244_399_000;

/// One of AWS's policies.
#[derive(Debug)]
pub(crate) struct AwsPolicy {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) document: String,
    version: i64,
}

impl AwsPolicy {
    pub(crate) fn version_id(&self) -> String {
        format!("v{}", self.version)
    }
}

struct All {
    policies: Vec<AwsPolicy>,
    by_arn: HashMap<String, usize>,
}

static ALL: LazyLock<All> = LazyLock::new(|| {
    let list = parse(include_str!("../data/managed_policies.json"))
        // Part of the binary, and a test compiles each.
        .expect("the policies are JSON");
    let mut policies = Vec::new();
    for entry in list.as_array().into_iter().flat_map(|list| list.iter()) {
        let text = |member: &str| entry[member].as_str().unwrap_or_default().to_owned();
        let (name, path) = (text("name"), text("path"));
        let mut document = Object::new();
        document.insert("Version", "2012-10-17");
        document.insert("Statement", &entry["statement"]);
        policies.push(AwsPolicy {
            arn: format!("arn:aws:iam::aws:policy{path}{name}"),
            id: id_of_name("ANPA", &name),
            document: Value::from(document).to_text(),
            version: entry["version"].as_i64().unwrap_or(1),
            name,
            path,
        });
    }
    let by_arn = policies.iter().enumerate().map(|(index, policy)| (policy.arn.clone(), index)).collect();
    All { policies, by_arn }
});

pub(crate) fn all() -> impl Iterator<Item = &'static AwsPolicy> {
    ALL.policies.iter()
}

pub(crate) fn find(arn: &str) -> Option<&'static AwsPolicy> {
    let index = ALL.by_arn.get(arn)?;
    ALL.policies.get(*index)
}

#[cfg(test)]
mod tests {
    use windlass_identity::{Policy, PolicyKind};

    use super::*;

    #[test]
    fn each_is_a_policy() {
        for policy in all() {
            let checked = Policy::parse(&policy.document).and_then(|read| read.check(PolicyKind::Identity));
            assert_eq!(checked, Ok(()), "{}", policy.name);
            assert_eq!(find(&policy.arn).map(|found| &found.name), Some(&policy.name));
        }
        assert!(find("arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole").is_some());
        assert!(find("arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole").is_none());
    }
}
