use windlass_value::Text;

use crate::access::access_request::{AccessRequest, Policies};
use crate::access::context::Context;
use crate::access::decision::PolicyType;
use crate::access::statement::{Attached, Effect, Mismatch, Statement};

/// What one statement had to say about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What its policy is.
    pub policy_type: PolicyType,
    /// Its policy's name.
    pub policy: Text,
    /// Its place in the policy, from 0.
    pub statement: usize,
    /// Its `Sid`.
    pub sid: Option<Text>,
    /// What it does where it applies.
    pub effect: Effect,
    /// Why it does not apply, for people; `None`: it does.
    pub mismatch: Option<String>,
}

/// Every statement that was looked at for a request, and why it did or did not
/// apply.
pub fn explain(request: &AccessRequest<'_>, policies: &Policies<'_>) -> Vec<Finding> {
    let groups = [
        (PolicyType::Identity, policies.identity),
        (PolicyType::Boundary, policies.boundary.map(std::slice::from_ref).unwrap_or_default()),
        (PolicyType::Session, policies.session.unwrap_or_default()),
        (PolicyType::Resource, policies.resource.map(std::slice::from_ref).unwrap_or_default()),
    ];
    let mut findings = Vec::new();
    for (policy_type, group) in groups {
        let attached = if policy_type == PolicyType::Resource { Attached::ToResource } else { Attached::ToIdentity };
        for named in group {
            for (index, statement) in named.policy.statements.iter().enumerate() {
                let mismatch = statement.applies(request, attached).err();
                findings.push(Finding {
                    policy_type,
                    policy: named.name.clone(),
                    statement: index,
                    sid: statement.sid.clone(),
                    effect: statement.effect,
                    mismatch: mismatch.map(|mismatch| describe(statement, mismatch, request)),
                });
            }
        }
    }
    findings
}

fn describe(statement: &Statement, mismatch: Mismatch, request: &AccessRequest<'_>) -> String {
    let list = |texts: &[Text]| texts.iter().map(|text| &**text).collect::<Vec<&str>>().join(", ");
    match mismatch {
        Mismatch::Principal => format!("its Principal does not name {}", request.caller.arn),
        Mismatch::Action => match &statement.actions {
            Some(actions) if actions.negated => {
                format!("its NotAction has {} ({})", request.action, list(&actions.texts))
            }
            Some(actions) => format!("its Action ({}) does not match {}", list(&actions.texts), request.action),
            None => "it has no Action".to_owned(),
        },
        Mismatch::Resource => match &statement.resources {
            Some(resources) if resources.negated => {
                format!("its NotResource has {} ({})", request.resource, list(&resources.texts))
            }
            Some(resources) => format!("its Resource ({}) does not match {}", list(&resources.texts), request.resource),
            None => "it has no Resource".to_owned(),
        },
        Mismatch::Condition(index) => match statement.conditions.get(index) {
            Some(condition) => format!(
                "its condition {} {} ({}) does not hold: the request has {}",
                condition.operator_name,
                condition.key,
                list(&condition.values),
                actual(request.context, &condition.key)
            ),
            None => "a condition does not hold".to_owned(),
        },
    }
}

fn actual(context: &Context, key: &str) -> String {
    match context.get(key) {
        None => "no such key".to_owned(),
        Some([]) => "it empty".to_owned(),
        Some(values) => values.iter().map(|value| &**value).collect::<Vec<&str>>().join(", "),
    }
}
