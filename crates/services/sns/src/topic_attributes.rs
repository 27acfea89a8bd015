//! What may be set on a topic, and what it answers.

use windlass_protocol::Fault;
use windlass_value::{LineIndex, Object, Value};

use crate::delivery_policy;
use crate::faults;
use crate::topic::Topic;
use crate::topic_name::TopicName;

/// The longest display name, in characters.
const DISPLAY_NAME_CHARS_MAX: usize = 100;
const FEEDBACK_PROTOCOLS: [&str; 5] = ["HTTP", "Firehose", "Lambda", "Application", "SQS"];
const FEEDBACK_KINDS: [&str; 3] = ["SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate"];

/// Why an attribute is refused: the name is none, or the value is wrong with a reason.
pub(crate) enum Refusal {
    Name,
    Value(String),
    Fault(Fault),
}

/// Checks an attribute and answers it as it is kept; `None` takes it away.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn check(topic: &TopicName, name: &str, value: &str) -> Result<Option<String>, Refusal> {
    let kept = || Ok(Some(value.to_owned()));
    let wrong = |reason: String| Err(Refusal::Value(reason));
    match name {
        "DisplayName" if value.chars().count() > DISPLAY_NAME_CHARS_MAX => {
            wrong("DisplayName: Must be less than 100 characters.".to_owned())
        }
        "DisplayName" => kept(),
        "Policy" if value.is_empty() => Ok(None),
        "Policy" => match json(value) {
            Ok(policy) if is_policy(&policy) => Ok(Some(policy.to_text())),
            Ok(_) => wrong("Policy Error: null".to_owned()),
            Err(_) => wrong("Policy Error: PrincipalNotFound".to_owned()),
        },
        "DeliveryPolicy" if value.is_empty() => Ok(None),
        "DeliveryPolicy" => match json(value).map_err(|error| format!("DeliveryPolicy: {error}")) {
            Ok(policy) => match delivery_policy::check_topic(&policy) {
                Ok(()) => Ok(policy["http"].as_object().map(|_| policy.to_text())),
                Err(reason) => wrong(format!("DeliveryPolicy: {reason}")),
            },
            Err(reason) => wrong(reason),
        },
        "SignatureVersion" if !matches!(value, "1" | "2") => {
            wrong(format!("SignatureVersion: Invalid value [{value}]. Must be 1 or 2."))
        }
        "SignatureVersion" => kept(),
        "TracingConfig" if !matches!(value, "PassThrough" | "Active") => {
            wrong(format!("TracingConfig: Invalid value [{value}]. Must be PassThrough or Active."))
        }
        "TracingConfig" => kept(),
        "KmsMasterKeyId" if value.is_empty() => Ok(None),
        "KmsMasterKeyId" => Err(Refusal::Fault(faults::not_built("encryption of topics by a KMS key"))),
        "ArchivePolicy" => Err(Refusal::Fault(faults::not_built("archives of FIFO topics"))),
        "ContentBasedDeduplication" | "FifoThroughputScope" if !topic.is_fifo() => {
            wrong(format!("{name}: Can only be set for FIFO topics."))
        }
        "ContentBasedDeduplication" => match value.to_ascii_lowercase().as_str() {
            flag @ ("true" | "false") => Ok(Some(flag.to_owned())),
            _ => wrong(format!("ContentBasedDeduplication: Invalid value [{value}]. Must be true or false.")),
        },
        "FifoThroughputScope" if !matches!(value, "Topic" | "MessageGroup") => {
            wrong(format!("FifoThroughputScope: Invalid value [{value}]. Must be Topic or MessageGroup."))
        }
        "FifoThroughputScope" => kept(),
        // Feedback of deliveries is kept and answered; nothing is written to a log yet.
        name if is_feedback(name) => {
            let is_rate = name.ends_with("SampleRate");
            if is_rate && !value.parse::<u8>().is_ok_and(|rate| rate <= 100) {
                return wrong(format!("{name}: Must be an integer between 0 and 100."));
            }
            if value.is_empty() { Ok(None) } else { kept() }
        }
        _ => Err(Refusal::Name),
    }
}

/// What `GetTopicAttributes` answers.
pub(crate) fn written(name: &TopicName, topic: &Topic, confirmed: usize, pending: usize) -> Value {
    let mut out = Object::new();
    for (attribute, value) in &topic.attributes {
        out.insert(attribute.as_str(), value);
    }
    out.insert("TopicArn", name.to_string());
    out.insert("Owner", &name.account);
    out.insert("Policy", topic.policy(name).to_text());
    out.insert("DisplayName", topic.attribute("DisplayName").unwrap_or_default());
    out.insert("SubscriptionsConfirmed", confirmed.to_string());
    out.insert("SubscriptionsPending", pending.to_string());
    out.insert("SubscriptionsDeleted", topic.deleted.to_string());
    out.insert("EffectiveDeliveryPolicy", delivery_policy::effective_topic(topic).to_text());
    if name.is_fifo() {
        out.insert("FifoTopic", "true");
        out.insert("ContentBasedDeduplication", topic.attribute("ContentBasedDeduplication").unwrap_or("false"));
    }
    out.into()
}

fn is_feedback(name: &str) -> bool {
    FEEDBACK_PROTOCOLS
        .iter()
        .any(|protocol| name.strip_prefix(protocol).is_some_and(|kind| FEEDBACK_KINDS.contains(&kind)))
}

fn is_policy(policy: &Value) -> bool {
    let statements = match &policy["Statement"] {
        Value::Array(items) => items.to_vec(),
        statement @ Value::Object(_) => vec![statement.clone()],
        _ => return false,
    };
    !statements.is_empty()
        && statements.iter().all(|statement| {
            matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"))
                && (!statement["Action"].is_null() || !statement["NotAction"].is_null())
        })
}

/// Reads JSON.
///
/// # Errors
/// `failed to parse JSON. …`, as SNS writes it.
pub(crate) fn json(text: &str) -> Result<Value, String> {
    windlass_value::parse(text).map_err(|error| {
        let position = LineIndex::new(text).position(text, error.offset.min(text.len()));
        format!(
            "failed to parse JSON. {}\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {}, column: {}]",
            error.message, position.line, position.column
        )
    })
}
