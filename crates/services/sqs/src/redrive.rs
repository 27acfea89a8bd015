//! Redrive policies: where messages go that nobody could handle, and whose may come.

use windlass_protocol::Fault;
use windlass_value::Value;

use crate::faults::invalid_value;
use crate::limits::{RECEIVE_COUNT, REDRIVE_SOURCES_MAX};
use crate::queue_name::QueueName;

/// `RedrivePolicy`: after that many receives a message goes to that queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedrivePolicy {
    pub(crate) target: QueueName,
    pub(crate) receives_max: u32,
    spelled: String,
}

impl RedrivePolicy {
    /// Reads the attribute.
    ///
    /// # Errors
    /// In AWS's words.
    pub(crate) fn read(text: &str) -> Result<RedrivePolicy, Fault> {
        let refused = |reason: &str| invalid_value(text, "RedrivePolicy", reason);
        let policy = windlass_value::parse(text).ok().filter(|policy| policy.as_object().is_some());
        let policy = policy.ok_or_else(|| refused("Redrive policy is not a valid JSON map."))?;
        let missing = |name| refused(&format!("Redrive policy does not contain mandatory attribute: {name}."));
        let target = policy["deadLetterTargetArn"].as_str().ok_or_else(|| missing("deadLetterTargetArn"))?;
        let count = match &policy["maxReceiveCount"] {
            Value::Null => return Err(missing("maxReceiveCount")),
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_i64(),
        };
        let receives_max = count.filter(|count| RECEIVE_COUNT.contains(count)).ok_or_else(|| {
            let spelled =
                policy["maxReceiveCount"].as_str().map_or_else(|| policy["maxReceiveCount"].to_text(), str::to_owned);
            refused(&format!(
                "Invalid value for maxReceiveCount: {spelled}, valid values are from 1 to 1000 both inclusive."
            ))
        })?;
        let target = QueueName::of_arn(target).ok_or_else(|| refused("Invalid value for deadLetterTargetArn."))?;
        // Within RECEIVE_COUNT.
        Ok(RedrivePolicy { target, receives_max: receives_max as u32, spelled: normal(&policy, receives_max) })
    }

    /// The policy as `GetQueueAttributes` answers it.
    pub(crate) fn to_text(&self) -> String {
        self.spelled.clone()
    }
}

/// AWS answers the count as a number, however it was given.
fn normal(policy: &Value, receives_max: i64) -> String {
    let mut members = policy.as_object().map(|object| (**object).clone()).unwrap_or_default();
    members.insert("maxReceiveCount", receives_max);
    Value::from(members).to_text()
}

/// `RedriveAllowPolicy`: which queues may have this one as their dead-letter queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RedriveAllowPolicy {
    AllowAll,
    DenyAll,
    ByQueue(Vec<String>),
}

impl RedriveAllowPolicy {
    /// Reads the attribute.
    ///
    /// # Errors
    /// In AWS's words.
    pub(crate) fn read(text: &str) -> Result<RedriveAllowPolicy, Fault> {
        let refused = |reason: &str| invalid_value(text, "RedriveAllowPolicy", reason);
        let policy = windlass_value::parse(text).ok().filter(|policy| policy.as_object().is_some());
        let policy = policy.ok_or_else(|| refused("RedriveAllowPolicy is not a valid JSON map."))?;
        let sources = policy["sourceQueueArns"].as_array();
        match (policy["redrivePermission"].as_str(), sources) {
            (Some("allowAll"), None) => Ok(RedriveAllowPolicy::AllowAll),
            (Some("denyAll"), None) => Ok(RedriveAllowPolicy::DenyAll),
            (Some("allowAll" | "denyAll"), Some(_)) => {
                Err(refused("sourceQueueArns can be specified only when redrivePermission is byQueue."))
            }
            (Some("byQueue"), Some(sources)) if (1..=REDRIVE_SOURCES_MAX).contains(&sources.len()) => {
                let arns = sources.iter().map(|arn| arn.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
                arns.map(RedriveAllowPolicy::ByQueue).ok_or_else(|| refused("Invalid value for sourceQueueArns."))
            }
            (Some("byQueue"), _) => {
                Err(refused("sourceQueueArns must name 1 to 10 queues when redrivePermission is byQueue."))
            }
            _ => Err(refused("Invalid value for redrivePermission, valid values are allowAll, denyAll and byQueue.")),
        }
    }

    /// Whether that queue may send its messages here.
    pub(crate) fn allows(&self, source: &QueueName) -> bool {
        match self {
            RedriveAllowPolicy::AllowAll => true,
            RedriveAllowPolicy::DenyAll => false,
            RedriveAllowPolicy::ByQueue(arns) => arns.contains(&source.arn()),
        }
    }
}
