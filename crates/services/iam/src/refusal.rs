//! How refusals are worded, and what is remembered of them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_identity::{Caller, CallerKind, Context, Denial, Effect, Finding};
use windlass_protocol::{Call, Fault};
use windlass_value::{Object, Text, Timestamp, Value, object};

use crate::effective::name_of;

/// Refusals that are remembered.
pub const REFUSALS_MAX: usize = 1_024;

/// Why a call was refused, in more words than its caller was told.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The call's request id.
    pub request_id: Text,
    /// When.
    pub at: Timestamp,
    /// Whose call it was.
    pub principal: Text,
    /// The account of the principal, 12 digits; empty for a service's own call.
    pub account: Text,
    /// `sqs SendMessage`
    pub operation: String,
    /// `sqs:SendMessage`
    pub action: Text,
    /// The resource's ARN, or `*`.
    pub resource: Text,
    /// What the caller was told.
    pub message: String,
    /// What to do about it, where that can be said.
    pub advice: String,
    /// Whether the call was let through all the same, because refusals are only logged.
    pub let_through: bool,
    /// Every statement that was looked at.
    pub findings: Vec<Finding>,
    /// The request's condition keys.
    pub context: Context,
}

impl Refusal {
    /// As JSON, for the command that explains.
    pub fn to_value(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            let mut value = Object::new();
            value.insert("policyType", finding.policy_type.name());
            value.insert("policy", &finding.policy);
            value.insert("statement", finding.statement);
            if let Some(sid) = &finding.sid {
                value.insert("sid", sid);
            }
            value.insert("effect", if finding.effect == Effect::Allow { "Allow" } else { "Deny" });
            value.insert("applies", finding.mismatch.is_none());
            if let Some(mismatch) = &finding.mismatch {
                value.insert("because", mismatch);
            }
            Value::from(value)
        });
        let context: Object = self
            .context
            .iter()
            .map(|(key, values)| (key, Value::array(values.iter().map(Value::from).collect())))
            .collect();
        object! {
            "requestId" => &self.request_id,
            "time" => self.at.to_rfc3339(),
            "principal" => &self.principal,
            "operation" => &self.operation,
            "action" => &self.action,
            "resource" => &self.resource,
            "message" => &self.message,
            "advice" => &self.advice,
            "letThrough" => self.let_through,
            "statements" => Value::array(findings.collect()),
            "conditionKeys" => context,
        }
    }
}

/// The last refusals, the oldest forgotten first. In memory: a refusal says
/// something about policies as they are now.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<VecDeque<Arc<Refusal>>>);

impl Refusals {
    pub(crate) fn add(&self, refusal: Refusal) {
        let mut all = self.0.lock();
        if all.len() >= REFUSALS_MAX {
            all.pop_front();
        }
        all.push_back(Arc::new(refusal));
    }

    pub(crate) fn find(&self, request_id: &str) -> Option<Arc<Refusal>> {
        self.0.lock().iter().rev().find(|refusal| *refusal.request_id == *request_id).cloned()
    }

    pub(crate) fn newest(&self, count: usize) -> Vec<Arc<Refusal>> {
        self.0.lock().iter().rev().take(count).cloned().collect()
    }
}

/// The principal as AWS's texts name it: a service under a role is a session of it.
pub(crate) fn displayed(caller: &Caller, call: &Call) -> String {
    if caller.kind == CallerKind::Role && caller.arn.contains(":iam:") {
        let session = call.source_arn.as_deref().map_or("windlass", |arn| arn.split(':').nth(2).unwrap_or("windlass"));
        return format!("arn:aws:sts::{}:assumed-role/{}/{session}", caller.account, name_of(&caller.arn));
    }
    match caller.kind {
        CallerKind::Anonymous => "anonymous".to_owned(),
        _ => caller.arn.to_string(),
    }
}

/// AWS's text for a refusal.
pub(crate) fn message(who: &str, service: &str, action: &str, resource: &str, denial: &Denial) -> String {
    let action = match service {
        // As these two write it.
        "sqs" => action.to_ascii_lowercase(),
        "sns" => action.replacen("sns:", "SNS:", 1),
        _ => action.to_owned(),
    };
    let refused = match service {
        "s3" => format!("User: {who} is not authorized to perform: {action} on resource: \"{resource}\""),
        _ => format!("User: {who} is not authorized to perform: {action} on resource: {resource}"),
    };
    match (service, denial) {
        ("sts", Denial::Implicit { .. }) => refused,
        _ => format!("{refused} {}", denial.reason(&action)),
    }
}

/// The fault under the code that the service uses.
pub(crate) fn fault(service: &str, message: String) -> Fault {
    match service {
        "sns" => Fault::new("AuthorizationError", message).with_status(403),
        "iam" | "sts" | "s3" | "sqs" => Fault::new("AccessDenied", message).with_status(403),
        "lambda" | "scheduler" | "pipes" => Fault::new("AccessDeniedException", message).with_status(403),
        _ => Fault::new("AccessDeniedException", message),
    }
}
