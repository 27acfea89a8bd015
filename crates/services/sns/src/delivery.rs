//! Carries out the outbox's entries: one attempt, and what follows from how it ended.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use windlass_outbox::{BoxFuture, Deliver, Delivery, Entry, Verdict};
use windlass_protocol::Fault;
use windlass_store::Batch;
use windlass_value::{Arn, Text};

use crate::catalogue::View;
use crate::delivery_policy::{self, MAIL, MANAGED, RetryPolicy};
use crate::endpoint::Protocol;
use crate::envelope::confirmation_type;
use crate::faults;
use crate::job::{Job, Reference};
use crate::message::Message;
use crate::publish::{entry_id, message_key};
use crate::send::{Failure, Parcel};
use crate::sns::Shared;
use crate::subscription::{State, Subscription};
use crate::tables::MESSAGES;
use crate::topic_name::TopicName;

/// The pause after our own failure (the store cannot be read).
const OWN_FAILURE_PAUSE_MS: i64 = 1_000;

/// What the outbox calls. Holds the service weakly: the service holds the outbox.
pub(crate) struct Deliverer(pub(crate) Weak<Shared>);

impl Deliver for Deliverer {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            match self.0.upgrade() {
                Some(shared) => shared.deliver(delivery).await,
                // The service is gone; the next start takes it up.
                None => Verdict::Retry { at: delivery.added },
            }
        })
    }
}

/// A topic and one of its subscriptions.
type Found = (Arc<View>, Arc<Subscription>);

impl Shared {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        let Some(job) = Job::from_bytes(&delivery.body) else {
            tracing::error!(id = &*delivery.id, "a delivery cannot be read and is dropped");
            return Verdict::Done(Batch::default());
        };
        let ended = match &job {
            Job::Notify { topic, subscription, message, dead } => {
                self.notify(&delivery, topic, subscription, message, *dead).await
            }
            Job::Confirm { topic, subscription, .. } => self.confirm(&delivery, &job, topic, subscription).await,
        };
        ended.unwrap_or_else(|fault| {
            tracing::warn!(id = &*delivery.id, %fault, "a delivery could not be made; it is made again");
            Verdict::Retry { at: (self.now)().plus_ms(OWN_FAILURE_PAUSE_MS) }
        })
    }

    async fn notify(
        &self,
        delivery: &Delivery,
        topic: &TopicName,
        id: &str,
        reference: &Reference,
        dead: bool,
    ) -> Result<Verdict, Fault> {
        let Some(message) = self.message(topic, reference)? else {
            // The last delivery removed it, and was cut off before its entry was.
            return Ok(Verdict::Done(Batch::default()));
        };
        let over = |batch: Batch| self.over(topic, reference, id, batch);
        let Some((view, subscription)) = self.receiver(topic, id, Subscription::is_confirmed)? else {
            // It went away meanwhile.
            return over(Batch::default());
        };
        if dead {
            return self.bury(delivery, &message, &subscription, over).await;
        }
        let (policy, sent) = self.attempt(delivery, &message, &view, &subscription).await?;
        let failure = match sent {
            Ok(()) => {
                self.counters.delivered();
                return over(Batch::default());
            }
            Err(failure) => failure,
        };
        let pause_ms = match &failure {
            Failure::Passing(_) => policy.pause_ms(delivery.attempt),
            Failure::Permanent(_) => None,
        };
        if let Some(pause_ms) = pause_ms {
            tracing::debug!(
                id = &*delivery.id,
                attempt = delivery.attempt,
                reason = failure.reason(),
                "a delivery failed"
            );
            return Ok(Verdict::Retry { at: (self.now)().plus_ms(pause_ms) });
        }
        self.counters.failed();
        let arn = topic.subscription_arn(id);
        tracing::warn!(
            subscription = arn,
            message = &*message.id,
            attempts = delivery.attempt,
            reason = failure.reason(),
            dead_letter = subscription.dead_letter.as_ref().map(Arn::to_string),
            "a message could not be delivered"
        );
        if subscription.dead_letter.is_none() {
            return over(Batch::default());
        }
        let job = Job::Notify { topic: topic.clone(), subscription: id.into(), message: reference.clone(), dead: true };
        let entry =
            Entry { id: delivery.id.clone(), lane: delivery.lane.clone(), due: (self.now)(), body: job.to_bytes() };
        let mut batch = Batch::default();
        self.outboxes.of(subscription.protocol).add(&mut batch, &topic.account, &topic.region, &entry);
        Ok(Verdict::Done(batch))
    }

    /// One attempt to reach a subscription; also the retries its protocol has.
    async fn attempt(
        &self,
        delivery: &Delivery,
        message: &Message,
        view: &View,
        subscription: &Subscription,
    ) -> Result<(RetryPolicy, Result<(), Failure>), Fault> {
        let protocol = subscription.protocol;
        let arn = || {
            Arn::parse(&subscription.endpoint)
                .ok_or_else(|| Fault::internal(format!("the endpoint {} is no ARN", subscription.endpoint)))
        };
        let parcel = |body: String| Parcel { topic: &message.topic, key: &delivery.id, body };
        Ok(match protocol {
            Protocol::Sqs => {
                let body = self.queue_body(message, subscription).await?;
                let sent = self.send_to_queue(parcel(body), &arn()?, Some(message), subscription.raw).await;
                (MANAGED, sent)
            }
            Protocol::Lambda => {
                let body = self.record(message, &subscription.id).await?;
                (MANAGED, self.send_to_function(parcel(body), &arn()?).await)
            }
            Protocol::Http | Protocol::Https => {
                let effective =
                    delivery_policy::effective_subscription(&view.topic, subscription.attribute("DeliveryPolicy"));
                let body = match subscription.raw {
                    true => message.text_for(protocol.name()).to_string(),
                    false => self.notification(message, protocol.name(), &subscription.id).await?,
                };
                let mut headers = headers("Notification", &message.id, &message.topic);
                headers.push(("x-amz-sns-subscription-arn", message.topic.subscription_arn(&subscription.id).into()));
                if subscription.raw {
                    headers.push(("x-amz-sns-rawdelivery", "true".into()));
                }
                let content_type = delivery_policy::content_type(&effective);
                let sent = self.send_to_url(&subscription.endpoint, &headers, &content_type, body).await;
                (delivery_policy::retry_policy(&effective), sent)
            }
            Protocol::Email | Protocol::EmailJson => (MAIL, self.send_by_mail(message, subscription, protocol).await?),
        })
    }

    async fn send_by_mail(
        &self,
        message: &Message,
        subscription: &Subscription,
        protocol: Protocol,
    ) -> Result<Result<(), Failure>, Fault> {
        let Some(mailer) = &self.mailer else {
            return Ok(Err(Failure::Permanent("no mail relay is configured".to_owned())));
        };
        let url = self.unsubscribe_url(&message.topic, &subscription.id);
        let body = match protocol {
            Protocol::EmailJson => self.notification(message, protocol.name(), &subscription.id).await?,
            _ => format!(
                "{}\n\n--\nTo get no more notifications from this topic, follow this link:\n{url}\n",
                message.text_for(protocol.name())
            ),
        };
        let subject = message.subject.as_deref().unwrap_or("AWS Notification Message");
        Ok(mailer.send(&subscription.endpoint, subject, Some(&url), body).await)
    }

    /// What a queue gets of a message.
    async fn queue_body(&self, message: &Message, subscription: &Subscription) -> Result<String, Fault> {
        let protocol = subscription.protocol.name();
        match subscription.raw {
            true => Ok(message.text_for(protocol).to_string()),
            false => self.notification(message, protocol, &subscription.id).await,
        }
    }

    /// Sends to the dead-letter queue.
    async fn bury(
        &self,
        delivery: &Delivery,
        message: &Message,
        subscription: &Subscription,
        over: impl Fn(Batch) -> Result<Verdict, Fault>,
    ) -> Result<Verdict, Fault> {
        let Some(queue) = &subscription.dead_letter else { return over(Batch::default()) };
        let body = self.queue_body(message, subscription).await?;
        let key = format!("{}/dead", delivery.id);
        let parcel = Parcel { topic: &message.topic, key: &key, body };
        match self.send_to_queue(parcel, queue, Some(message), subscription.raw).await {
            Ok(()) => over(Batch::default()),
            Err(failure) => {
                let pause_ms = match &failure {
                    Failure::Passing(_) => MANAGED.pause_ms(delivery.attempt),
                    Failure::Permanent(_) => None,
                };
                if let Some(pause_ms) = pause_ms {
                    return Ok(Verdict::Retry { at: (self.now)().plus_ms(pause_ms) });
                }
                tracing::error!(
                    subscription = message.topic.subscription_arn(&subscription.id),
                    message = &*message.id,
                    queue = %queue,
                    reason = failure.reason(),
                    "a message is lost: its dead-letter queue does not take it"
                );
                over(Batch::default())
            }
        }
    }

    /// Asks an endpoint to confirm.
    async fn confirm(&self, delivery: &Delivery, job: &Job, topic: &TopicName, id: &str) -> Result<Verdict, Fault> {
        let Job::Confirm { token, unsubscribed, id: message_id, .. } = job else {
            return Ok(Verdict::Done(Batch::default()));
        };
        let done = || Ok(Verdict::Done(Batch::default()));
        let state = if *unsubscribed { State::Unsubscribed } else { State::Pending };
        let is_asked = |one: &Subscription| one.state == state && one.token.as_ref() == Some(token);
        // Answered or asked anew meanwhile.
        let Some((view, subscription)) = self.receiver(topic, id, is_asked)? else { return done() };
        let version = if view.topic.attribute("SignatureVersion") == Some("2") { 2 } else { 1 };
        let protocol = subscription.protocol;
        let published = delivery.added.to_rfc3339();
        let endpoint = &subscription.endpoint;
        let (policy, sent) = match protocol {
            Protocol::Sqs => {
                let body = self.confirmation(job, &published, version).await?;
                let queue = Arn::parse(endpoint).ok_or_else(|| Fault::internal("the endpoint is no ARN"))?;
                let parcel = Parcel { topic, key: &delivery.id, body };
                (MANAGED, self.send_to_queue(parcel, &queue, None, false).await)
            }
            // A function of another account has no way to answer; its owner confirms
            // with the token from the record.
            Protocol::Lambda => {
                let body = self.confirmation(job, &published, version).await?;
                let function = Arn::parse(endpoint).ok_or_else(|| Fault::internal("the endpoint is no ARN"))?;
                let parcel = Parcel { topic, key: &delivery.id, body };
                (MANAGED, self.send_to_function(parcel, &function).await)
            }
            Protocol::Http | Protocol::Https => {
                let effective =
                    delivery_policy::effective_subscription(&view.topic, subscription.attribute("DeliveryPolicy"));
                let body = self.confirmation(job, &published, version).await?;
                let headers = headers(confirmation_type(*unsubscribed), message_id, topic);
                let sent = self.send_to_url(endpoint, &headers, "text/plain; charset=UTF-8", body).await;
                (delivery_policy::retry_policy(&effective), sent)
            }
            Protocol::Email | Protocol::EmailJson => {
                let Some(mailer) = &self.mailer else { return done() };
                let url = self.subscribe_url(topic, token);
                let (subject, body) = match (protocol, unsubscribed) {
                    (Protocol::EmailJson, _) => (
                        "AWS Notification - Subscription Confirmation",
                        self.confirmation(job, &published, version).await?,
                    ),
                    (_, false) => (
                        "AWS Notification - Subscription Confirmation",
                        format!(
                            "Someone subscribed this mailbox to the topic\n{topic}\n\nTo confirm, follow this link:\n{url}\n\nWithout an answer nothing more will come.\n"
                        ),
                    ),
                    (_, true) => (
                        "AWS Notification - Unsubscribe Confirmation",
                        format!(
                            "This mailbox gets no more notifications from the topic\n{topic}\n\nTo take that back, follow this link:\n{url}\n"
                        ),
                    ),
                };
                (MAIL, mailer.send(endpoint, subject, None, body).await)
            }
        };
        let Err(failure) = sent else { return done() };
        let pause_ms = match &failure {
            Failure::Passing(_) => policy.pause_ms(delivery.attempt),
            Failure::Permanent(_) => None,
        };
        if let Some(pause_ms) = pause_ms {
            return Ok(Verdict::Retry { at: (self.now)().plus_ms(pause_ms) });
        }
        tracing::warn!(
            subscription = topic.subscription_arn(id),
            endpoint = &**endpoint,
            reason = failure.reason(),
            "an endpoint could not be asked to confirm its subscription"
        );
        done()
    }

    /// The subscription that a delivery is for, with its topic. Before it says that there is
    /// none, it looks into the store: a delivery may be faster than who committed it is
    /// at forgetting what was kept in memory.
    fn receiver(
        &self,
        topic: &TopicName,
        id: &str,
        is_it: impl Fn(&Subscription) -> bool,
    ) -> Result<Option<Found>, Fault> {
        let find = || {
            let view = self.catalogue.find(topic)?;
            let found = view.and_then(|view| {
                let subscription = view.subscription(id).filter(|one| is_it(one)).cloned()?;
                Some((view, subscription))
            });
            Ok::<_, Fault>(found)
        };
        if let Some(found) = find()? {
            return Ok(Some(found));
        }
        self.catalogue.forget(topic);
        find()
    }

    /// The message that a delivery carries; `None` where it is gone.
    fn message(&self, topic: &TopicName, reference: &Reference) -> Result<Option<Arc<Message>>, Fault> {
        let broken = || Fault::internal(format!("a message of {topic} is broken"));
        match reference {
            Reference::Here(value) => {
                Message::from_value(value).map(|message| Some(Arc::new(message))).ok_or_else(broken)
            }
            Reference::Stored(id) => {
                if let Some(message) = self.in_flight.message(id) {
                    return Ok(Some(message));
                }
                let row =
                    self.store.get(&MESSAGES, &message_key(topic, id)).map_err(|error| faults::of_store(&error))?;
                let Some(row) = row else { return Ok(None) };
                let text = std::str::from_utf8(&row.value).map_err(|_| broken())?;
                let value = windlass_value::parse(text).map_err(|_| broken())?;
                let message = Arc::new(Message::from_value(&value["message"]).ok_or_else(broken)?);
                // After a start: what is left is what the outbox still holds.
                if !self.in_flight.knows(id) {
                    let recipients = value["recipients"].as_array().ok_or_else(broken)?;
                    let mut left = HashSet::new();
                    for recipient in recipients.iter().filter_map(windlass_value::Value::as_str) {
                        let held = self.outboxes.contain(topic, &entry_id(id, recipient));
                        if held.map_err(|error| faults::of_store(&error))? {
                            left.insert(recipient.into());
                        }
                    }
                    self.in_flight.resume(&message, text.len(), left);
                }
                Ok(Some(message))
            }
        }
    }

    /// The end of a delivery; the last one of a stored message removes it.
    fn over(
        &self,
        topic: &TopicName,
        reference: &Reference,
        subscription: &str,
        mut batch: Batch,
    ) -> Result<Verdict, Fault> {
        if let Reference::Stored(id) = reference
            && self.in_flight.end(id, subscription)
        {
            batch.delete(&MESSAGES, message_key(topic, id));
        }
        Ok(Verdict::Done(batch))
    }
}

fn headers(kind: &'static str, id: &Text, topic: &TopicName) -> Vec<(&'static str, Text)> {
    vec![
        ("x-amz-sns-message-type", kind.into()),
        ("x-amz-sns-message-id", id.clone()),
        ("x-amz-sns-topic-arn", topic.to_string().into()),
    ]
}
