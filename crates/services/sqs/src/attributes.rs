//! The attributes of a queue: which there are, what they may be, and what the
//! service reads from them.

use std::collections::BTreeMap;

use windlass_protocol::Fault;
use windlass_value::Text;

use crate::faults::{invalid_attribute, unknown_attribute};
use crate::limits::{
    DELAY_S_MAX, KMS_REUSE_S, MESSAGE_BYTES_MAX, MESSAGE_BYTES_MIN, POLICY_BYTES_MAX, RETENTION_S, VISIBILITY_S_MAX,
    WAIT_S_MAX,
};
use crate::redrive::{RedriveAllowPolicy, RedrivePolicy};

/// Attributes by name, as clients set and see them.
pub(crate) type Attributes = BTreeMap<String, String>;

const MS_PER_S: i64 = 1000;

/// Attributes that only the service sets.
const COMPUTED: &[&str] = &[
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
];
const FIFO_ONLY: &[&str] = &["ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit"];
const SETTABLE: &[&str] = &[
    "DelaySeconds",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "Policy",
    "ReceiveMessageWaitTimeSeconds",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
];
/// An empty text removes them.
const REMOVABLE: &[&str] = &["KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy"];

/// The default is not answered, even where it was set.
const KMS_REUSE_DEFAULT_S: &str = "300";

/// What a queue's attributes mean.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) delay_ms: i64,
    pub(crate) visibility_timeout_ms: i64,
    pub(crate) wait_ms: i64,
    pub(crate) retention_ms: i64,
    pub(crate) message_bytes_max: usize,
    pub(crate) content_based_deduplication: bool,
    pub(crate) redrive: Option<RedrivePolicy>,
    pub(crate) redrive_allow: RedriveAllowPolicy,
    pub(crate) policy: Option<Text>,
}

impl Settings {
    /// Reads attributes that were checked when they were set.
    pub(crate) fn read(attributes: &Attributes) -> Settings {
        let integer = |name: &str, default: i64| {
            attributes.get(name).and_then(|text| text.parse::<i64>().ok()).unwrap_or(default)
        };
        let document = |name: &str| attributes.get(name).filter(|text| !text.is_empty());
        Settings {
            delay_ms: integer("DelaySeconds", 0) * MS_PER_S,
            visibility_timeout_ms: integer("VisibilityTimeout", 30) * MS_PER_S,
            wait_ms: integer("ReceiveMessageWaitTimeSeconds", 0) * MS_PER_S,
            retention_ms: integer("MessageRetentionPeriod", 345_600) * MS_PER_S,
            message_bytes_max: integer("MaximumMessageSize", MESSAGE_BYTES_MAX).unsigned_abs() as usize,
            content_based_deduplication: attributes.get("ContentBasedDeduplication").is_some_and(|it| it == "true"),
            redrive: document("RedrivePolicy").and_then(|text| RedrivePolicy::read(text).ok()),
            redrive_allow: document("RedriveAllowPolicy")
                .and_then(|text| RedriveAllowPolicy::read(text).ok())
                .unwrap_or(RedriveAllowPolicy::AllowAll),
            policy: document("Policy").map(|text| text.as_str().into()),
        }
    }
}

/// The attributes of a queue for which none were given.
pub(crate) fn defaults(fifo: bool) -> Attributes {
    let standard = [
        ("DelaySeconds", "0"),
        ("MaximumMessageSize", "1048576"),
        ("MessageRetentionPeriod", "345600"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("SqsManagedSseEnabled", "true"),
        ("VisibilityTimeout", "30"),
    ];
    let more = [
        ("ContentBasedDeduplication", "false"),
        ("DeduplicationScope", "queue"),
        ("FifoQueue", "true"),
        ("FifoThroughputLimit", "perQueue"),
    ];
    let more = more.into_iter().filter(|_| fifo);
    standard.into_iter().chain(more).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Whether that is an attribute at all, of any queue.
pub(crate) fn is_known(name: &str) -> bool {
    [COMPUTED, FIFO_ONLY, SETTABLE].iter().any(|names| names.contains(&name))
}

/// Puts given attributes over those of a queue, checked one by one; queues that
/// policies name are the caller's to check.
///
/// # Errors
/// In AWS's words.
pub(crate) fn put_over(current: &mut Attributes, given: &Attributes, fifo: bool) -> Result<(), Fault> {
    if given.get("SqsManagedSseEnabled").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        && given.get("KmsMasterKeyId").is_some_and(|key| !key.is_empty())
    {
        return Err(Fault::new(
            "InvalidAttributeName",
            "You can use one type of server-side encryption (SSE) at one time. You can either enable KMS SSE or SQS SSE.",
        ));
    }
    for (name, value) in given {
        let value = checked(name, value, fifo)?;
        let is_default = name == "KmsDataKeyReusePeriodSeconds" && value == KMS_REUSE_DEFAULT_S;
        if is_default || value.is_empty() && REMOVABLE.contains(&name.as_str()) {
            current.remove(name);
        } else {
            current.insert(name.clone(), value);
        }
    }
    // One encryption drives out the other.
    if given.contains_key("KmsMasterKeyId") && current.contains_key("KmsMasterKeyId") {
        current.insert("SqsManagedSseEnabled".to_owned(), "false".to_owned());
    } else if given.get("SqsManagedSseEnabled").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        current.remove("KmsMasterKeyId");
        current.remove("KmsDataKeyReusePeriodSeconds");
    }
    let per_group = current.get("FifoThroughputLimit").is_some_and(|limit| limit == "perMessageGroupId");
    if per_group && current.get("DeduplicationScope").is_none_or(|scope| scope != "messageGroup") {
        return Err(Fault::new(
            "InvalidAttributeValue",
            "Invalid value for the parameter FifoThroughputLimit. Reason: The perMessageGroupId value is allowed only when the value for DeduplicationScope is messageGroup.",
        ));
    }
    Ok(())
}

/// The first attribute that differs from what was given.
pub(crate) fn first_difference<'a>(current: &Attributes, given: &'a Attributes, fifo: bool) -> Option<&'a str> {
    let differs = |name: &str, value: &str| {
        let given = checked(name, value, fifo).unwrap_or_default();
        let current = current.get(name).map_or("", String::as_str);
        // Documents are the same however they are spelled.
        let same_document =
            || matches!((windlass_value::parse(current), windlass_value::parse(&given)), (Ok(a), Ok(b)) if a == b);
        current != given && !same_document()
    };
    given.iter().find(|(name, value)| differs(name, value)).map(|(name, _)| name.as_str())
}

/// The value of an attribute as it is kept.
fn checked(name: &str, value: &str, fifo: bool) -> Result<String, Fault> {
    if !fifo && FIFO_ONLY.contains(&name) {
        return Err(match name {
            "DeduplicationScope" | "FifoThroughputLimit" => Fault::new(
                "InvalidAttributeName",
                format!("You can specify the {name} only when FifoQueue is set to true."),
            ),
            name => unknown_attribute(name),
        });
    }
    let refused = || invalid_attribute(name);
    let within = |min: i64, max: i64| match value.trim().parse::<i64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number.to_string()),
        _ => Err(refused()),
    };
    let one_of =
        |allowed: &[&str]| allowed.iter().find(|it| **it == value).map(|it| (*it).to_owned()).ok_or_else(refused);
    let flag = || match value.to_ascii_lowercase().as_str() {
        text @ ("true" | "false") => Ok(text.to_owned()),
        _ => Err(refused()),
    };
    match name {
        "DelaySeconds" => within(0, DELAY_S_MAX),
        "VisibilityTimeout" => within(0, VISIBILITY_S_MAX),
        "ReceiveMessageWaitTimeSeconds" => within(0, WAIT_S_MAX),
        "MaximumMessageSize" => within(MESSAGE_BYTES_MIN, MESSAGE_BYTES_MAX),
        "MessageRetentionPeriod" => within(*RETENTION_S.start(), *RETENTION_S.end()),
        "KmsDataKeyReusePeriodSeconds" => within(*KMS_REUSE_S.start(), *KMS_REUSE_S.end()),
        "SqsManagedSseEnabled" | "ContentBasedDeduplication" => flag(),
        "FifoQueue" => match flag()?.as_str() {
            "true" => Ok("true".to_owned()),
            _ => Err(Fault::new(
                "InvalidAttributeValue",
                "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
            )),
        },
        "DeduplicationScope" => one_of(&["queue", "messageGroup"]),
        "FifoThroughputLimit" => one_of(&["perQueue", "perMessageGroupId"]),
        "KmsMasterKeyId" => Ok(value.to_owned()),
        "Policy" => {
            let is_policy = value.is_empty() || windlass_value::parse(value).is_ok_and(|it| it.as_object().is_some());
            (is_policy && value.len() <= POLICY_BYTES_MAX).then(|| value.to_owned()).ok_or_else(refused)
        }
        "RedrivePolicy" if !value.is_empty() => RedrivePolicy::read(value).map(|policy| policy.to_text()),
        "RedriveAllowPolicy" if !value.is_empty() => RedriveAllowPolicy::read(value).map(|_| value.to_owned()),
        "RedrivePolicy" | "RedriveAllowPolicy" => Ok(String::new()),
        name => Err(unknown_attribute(name)),
    }
}
