//! What may be set on a subscription, and what it answers.

use windlass_event_pattern::{FilterPolicy, Scope};
use windlass_protocol::Fault;
use windlass_value::{Arn, Object, Value};

use crate::delivery_policy;
use crate::endpoint::Protocol;
use crate::faults;
use crate::subscription::{State, Subscription};
use crate::topic::Topic;
use crate::topic_attributes::json;
use crate::topic_name::TopicName;

/// Why an attribute is refused.
pub(crate) enum Refusal {
    /// There is none of that name.
    Name,
    /// The value, with SNS's reason.
    Value(String),
    /// It is not built.
    Fault(Fault),
}

/// Sets an attribute among those of a subscription of a topic; an empty value takes one
/// away. Does not look at how filter policy and scope go together:
/// [`check_filter`] does.
///
/// # Errors
/// See [`Refusal`].
pub(crate) fn set(
    attributes: &mut Object,
    topic: &TopicName,
    protocol: Protocol,
    name: &str,
    value: &str,
) -> Result<(), Refusal> {
    let kept = match name {
        "RawMessageDelivery" => match value.to_ascii_lowercase().as_str() {
            flag @ ("true" | "false") => {
                if flag == "true" && !matches!(protocol, Protocol::Sqs | Protocol::Http | Protocol::Https) {
                    return Err(Refusal::Value(format!(
                        "RawMessageDelivery: Delivery protocol [{}] does not support raw message delivery.",
                        protocol.name()
                    )));
                }
                Some(flag.to_owned())
            }
            _ => {
                return Err(Refusal::Value(format!(
                    "RawMessageDelivery: Invalid value [{value}]. Must be true or false."
                )));
            }
        },
        "FilterPolicy" if value.is_empty() => None,
        "FilterPolicy" => Some(value.to_owned()),
        "FilterPolicyScope" if Scope::parse(value).is_none() => {
            return Err(Refusal::Value(format!(
                "FilterPolicyScope: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
            )));
        }
        "FilterPolicyScope" => Some(value.to_owned()),
        "RedrivePolicy" if value.is_empty() => None,
        "RedrivePolicy" => {
            redrive(topic, value).map_err(|reason| Refusal::Value(format!("RedrivePolicy: {reason}")))?
        }
        "DeliveryPolicy" if value.is_empty() => None,
        "DeliveryPolicy" => {
            let policy = json(value).map_err(|error| Refusal::Value(format!("DeliveryPolicy: {error}")))?;
            delivery_policy::check_subscription(&policy)
                .map_err(|reason| Refusal::Value(format!("DeliveryPolicy: {reason}")))?;
            Some(policy.to_text())
        }
        "SubscriptionRoleArn" => Some(value.to_owned()),
        "ReplayPolicy" => return Err(Refusal::Fault(faults::not_built("replays of archived messages"))),
        _ => return Err(Refusal::Name),
    };
    match kept {
        Some(kept) => {
            attributes.insert(name, kept);
        }
        None => {
            attributes.remove(name);
        }
    }
    Ok(())
}

/// Checks that the filter policy among attributes is one for its scope.
///
/// # Errors
/// SNS's reason.
pub(crate) fn check_filter(attributes: &Object) -> Result<(), String> {
    let Some(text) = attributes.get("FilterPolicy").and_then(Value::as_str) else { return Ok(()) };
    let scope = attributes.get("FilterPolicyScope").and_then(Value::as_str).and_then(Scope::parse).unwrap_or_default();
    FilterPolicy::parse(text, scope).map(drop).map_err(|error| error.reason)
}

fn redrive(topic: &TopicName, value: &str) -> Result<Option<String>, String> {
    let policy = json(value)?;
    let invalid = || "deadLetterTargetArn is an invalid arn".to_owned();
    let target = &policy["deadLetterTargetArn"];
    if target.is_null() && policy.as_object().is_some_and(|object| object.is_empty()) {
        return Ok(None);
    }
    let arn = target.as_str().and_then(Arn::parse).filter(|arn| arn.service == "sqs").ok_or_else(invalid)?;
    if topic.is_fifo() && !arn.resource.ends_with(".fifo") {
        return Err("must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic.".to_owned());
    }
    if !topic.is_fifo() && arn.resource.ends_with(".fifo") {
        return Err("must use a standard queue as DLQ for a subscription to a standard topic.".to_owned());
    }
    Ok(Some(policy.to_text()))
}

/// What an attribute is where it is not set.
pub(crate) fn default_of(name: &str) -> &'static str {
    match name {
        "RawMessageDelivery" => "false",
        "FilterPolicyScope" => "MessageAttributes",
        _ => "",
    }
}

/// What `GetSubscriptionAttributes` answers.
pub(crate) fn written(topic_name: &TopicName, topic: &Topic, subscription: &Subscription) -> Value {
    let text = |flag: bool| if flag { "true" } else { "false" };
    let mut out = Object::new();
    out.insert("SubscriptionArn", topic_name.subscription_arn(&subscription.id));
    out.insert("TopicArn", topic_name.to_string());
    out.insert("Owner", &subscription.owner);
    out.insert("Protocol", subscription.protocol.name());
    out.insert("Endpoint", &subscription.endpoint);
    out.insert("SubscriptionPrincipal", &subscription.principal);
    out.insert("PendingConfirmation", text(subscription.state == State::Pending));
    out.insert("ConfirmationWasAuthenticated", text(subscription.authenticated));
    out.insert("RawMessageDelivery", text(subscription.raw));
    for (name, value) in subscription.attributes.iter().filter(|(name, _)| &***name != "RawMessageDelivery") {
        out.insert(name.clone(), value);
    }
    if subscription.filter.is_some() && !out.contains_key("FilterPolicyScope") {
        out.insert("FilterPolicyScope", default_of("FilterPolicyScope"));
    }
    if subscription.protocol.is_http() {
        let effective = delivery_policy::effective_subscription(topic, subscription.attribute("DeliveryPolicy"));
        out.insert("EffectiveDeliveryPolicy", effective.to_text());
    }
    out.into()
}
