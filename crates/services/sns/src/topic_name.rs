use std::fmt;

use windlass_protocol::{Call, Fault};
use windlass_value::{Text, Value};

use crate::faults;

/// The longest name of a topic, in characters.
const NAME_CHARS_MAX: usize = 256;
const FIFO_SUFFIX: &str = ".fifo";

/// A topic's name with its account and region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TopicName {
    pub(crate) account: Text,
    pub(crate) region: Text,
    pub(crate) name: Text,
}

impl TopicName {
    /// The name of a topic to be made by a call.
    ///
    /// # Errors
    /// `Invalid parameter: Topic Name`.
    pub(crate) fn of_new(call: &Call, name: &str) -> Result<TopicName, Fault> {
        let stem = name.strip_suffix(FIFO_SUFFIX).unwrap_or(name);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if stem.is_empty() || name.len() > NAME_CHARS_MAX || !stem.chars().all(fits) {
            return Err(faults::invalid("Topic Name"));
        }
        Ok(TopicName { account: call.account.clone(), region: call.region.clone(), name: name.into() })
    }

    /// Reads a topic's ARN from a member.
    ///
    /// # Errors
    /// As AWS words them, with the member's name.
    pub(crate) fn parse(arn: &str, member: &str) -> Result<TopicName, Fault> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let [prefix, partition, service, region, account, name] = parts[..] else {
            return Err(faults::invalid(format!(
                "{member} Reason: An ARN must have at least 6 elements, not {}",
                parts.len()
            )));
        };
        let complete = prefix == "arn" && !partition.is_empty() && service == "sns" && !region.is_empty();
        if !complete || account.is_empty() || name.is_empty() || name.contains(':') {
            return Err(faults::invalid(member));
        }
        Ok(TopicName { account: account.into(), region: region.into(), name: name.into() })
    }

    /// The topic that a call names, in the call's region.
    ///
    /// # Errors
    /// As [`TopicName::parse`]; a topic of another region.
    pub(crate) fn of_call(call: &Call, member: &str) -> Result<TopicName, Fault> {
        let topic = TopicName::parse(call.input[member].as_str().unwrap_or_default(), member)?;
        if topic.region != call.region {
            return Err(faults::invalid(member));
        }
        Ok(topic)
    }

    /// Whether the name is that of a FIFO topic.
    pub(crate) fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO_SUFFIX)
    }

    /// The ARN of a subscription of this topic.
    pub(crate) fn subscription_arn(&self, id: &str) -> String {
        format!("{self}:{id}")
    }

    /// As stored.
    pub(crate) fn to_value(&self) -> Value {
        Value::array(vec![(&self.account).into(), (&self.region).into(), (&self.name).into()])
    }

    /// Reads what [`TopicName::to_value`] wrote.
    pub(crate) fn from_value(value: &Value) -> Option<TopicName> {
        let part = |index| Some(Text::from(value.at(index)?.as_str()?));
        Some(TopicName { account: part(0)?, region: part(1)?, name: part(2)? })
    }
}

impl fmt::Display for TopicName {
    /// The ARN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:sns:{}:{}:{}", self.region, self.account, self.name)
    }
}

/// Splits a subscription's ARN into its topic and id.
///
/// # Errors
/// As AWS words them.
pub(crate) fn parse_subscription(arn: &str) -> Result<(TopicName, String), Fault> {
    let parts = arn.splitn(7, ':').count();
    if arn.is_empty() {
        return Err(faults::invalid("SubscriptionArn Reason: no value for required parameter"));
    }
    if parts < 6 {
        return Err(faults::invalid(format!(
            "SubscriptionArn Reason: An ARN must have at least 6 elements, not {parts}"
        )));
    }
    let (topic, id) = arn.rsplit_once(':').ok_or_else(|| faults::invalid("SubscriptionArn"))?;
    if parts < 7 || id.is_empty() {
        return Err(faults::invalid("SubscriptionId"));
    }
    Ok((TopicName::parse(topic, "SubscriptionArn")?, id.to_owned()))
}
