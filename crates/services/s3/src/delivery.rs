//! How others are told: calls to their services, as S3 itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_outbox::{BoxFuture, Deliver, Delivery, Verdict};
use windlass_protocol::{Body, Call, Dispatcher, Fault, Principal};
use windlass_store::Batch;
use windlass_value::{Arn, Now, Text, Value, object};

use crate::notification::DestinationKind;

/// Who calls.
const PRINCIPAL: &str = "s3.amazonaws.com";
/// The pause before the second attempt; each further one is twice as long.
const RETRY_PAUSE_MS: i64 = 1000;
const RETRY_PAUSE_MS_MAX: i64 = 300_000;
/// How long a message is tried.
const LIFETIME_MS: i64 = 24 * 60 * 60 * 1000;
/// How often a message is tried whose destination refuses it.
const REFUSALS_MAX: u32 = 10;

/// What is to be told to whom. A stored type.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    Destination {
        kind: DestinationKind,
        arn: String,
        bucket_arn: String,
        account: String,
        region: String,
        document: String,
        depth: u8,
        /// Nothing happened yet: it only shows that the destination can be told.
        is_test: bool,
    },
    Bus {
        bucket_arn: String,
        account: String,
        region: String,
        detail_type: String,
        detail: String,
        time_ms: i64,
        depth: u8,
    },
}

/// Makes the calls.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) dispatcher: Dispatcher,
    pub(crate) now: Now,
}

impl Sender {
    /// Tells it. `id` names the message, so that it has effect once.
    ///
    /// # Errors
    /// The destination's answer.
    pub(crate) async fn send(&self, message: &Message, id: Option<&Text>) -> Result<(), Fault> {
        let (account, region, bucket_arn, depth) = match message {
            Message::Destination { account, region, bucket_arn, depth, .. }
            | Message::Bus { account, region, bucket_arn, depth, .. } => (account, region, bucket_arn, *depth),
        };
        let (service, operation, input, body) = parts(message);
        // Destinations may lie in another region or account than the bucket.
        let arn = match message {
            Message::Destination { arn, .. } => Arn::parse(arn),
            Message::Bus { .. } => None,
        };
        let place = |of_arn: Option<String>, of_bucket: &str| -> Text {
            of_arn.filter(|text| !text.is_empty()).unwrap_or_else(|| of_bucket.to_owned()).into()
        };
        let call = Call {
            account: place(arn.as_ref().map(|arn| arn.account.clone()), account),
            region: place(arn.as_ref().map(|arn| arn.region.clone()), region),
            service: service.into(),
            operation: operation.into(),
            input,
            body,
            principal: Principal { arn: PRINCIPAL.into(), account: account.as_str().into(), access_key_id: None },
            source_arn: Some(bucket_arn.as_str().into()),
            deadline: None,
            cancellation_id: None,
            idempotency_key: id.cloned(),
            trace: None,
            depth: depth.saturating_add(1),
            request_id: match id {
                Some(id) => id.clone(),
                None => crate::content::new_id()?.into(),
            },
        };
        let reply = self.dispatcher.call(call).await?;
        match reply.output["FailedEntryCount"].as_i64() {
            None | Some(0) => Ok(()),
            Some(_) => {
                let entry = &reply.output["Entries"].at(0).cloned().unwrap_or_default();
                let text = |member: &str| entry[member].as_str().unwrap_or_default().to_owned();
                Err(Fault::new(&text("ErrorCode"), text("ErrorMessage")))
            }
        }
    }
}

/// Service, operation, input and payload of a message's call.
fn parts(message: &Message) -> (&'static str, &'static str, Value, Body) {
    match message {
        Message::Destination { kind: DestinationKind::Queue, arn, document, region, .. } => {
            let queue = Arn::parse(arn);
            let (account, name) = queue.map(|arn| (arn.account, arn.resource)).unwrap_or_default();
            let url = format!("https://sqs.{region}.amazonaws.com/{account}/{name}");
            let input = object! { "QueueUrl" => url, "MessageBody" => document.as_str() };
            ("sqs", "SendMessage", input, Body::empty())
        }
        Message::Destination { kind: DestinationKind::Topic, arn, document, .. } => {
            let input = object! {
                "TopicArn" => arn.as_str(),
                "Subject" => "Amazon S3 Notification",
                "Message" => document.as_str(),
            };
            ("sns", "Publish", input, Body::empty())
        }
        Message::Destination { kind: DestinationKind::Function, arn, document, is_test, .. } => {
            // A function is not run for a test: whether it may be called is all that is asked.
            let invocation = if *is_test { "DryRun" } else { "Event" };
            let input = object! { "FunctionName" => arn.as_str(), "InvocationType" => invocation };
            ("lambda", "Invoke", input, document.clone().into())
        }
        Message::Bus { bucket_arn, detail_type, detail, time_ms, .. } => {
            let entry = object! {
                "Source" => "aws.s3",
                "DetailType" => detail_type.as_str(),
                "Detail" => detail.as_str(),
                "Resources" => vec![Value::from(bucket_arn.as_str())],
                "Time" => time_ms.div_euclid(1000),
            };
            ("events", "PutEvents", object! { "Entries" => vec![entry] }, Body::empty())
        }
    }
}

/// Takes messages from the outbox.
pub(crate) struct Deliverer {
    pub(crate) sender: Arc<Sender>,
}

impl Deliver for Deliverer {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(self.tell(delivery))
    }
}

impl Deliverer {
    async fn tell(&self, delivery: Delivery) -> Verdict {
        let id = &delivery.id;
        let message: Message = match serde_json::from_slice(&delivery.body) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%id, %error, "a notification cannot be read and is given up");
                return Verdict::Done(Batch::default());
            }
        };
        let Err(fault) = self.sender.send(&message, Some(id)).await else {
            return Verdict::Done(Batch::default());
        };
        let now = (self.sender.now)();
        let is_refused = fault.status < 500 && fault.status != 429;
        let is_old = now.as_ms().saturating_sub(delivery.added.as_ms()) > LIFETIME_MS;
        if is_old || (is_refused && delivery.attempt >= REFUSALS_MAX) {
            tracing::warn!(%id, attempts = delivery.attempt, %fault, "a notification is given up");
            return Verdict::Done(Batch::default());
        }
        let doublings = delivery.attempt.saturating_sub(1).min(30);
        let pause_ms = RETRY_PAUSE_MS.saturating_mul(1 << doublings).min(RETRY_PAUSE_MS_MAX);
        tracing::debug!(%id, attempt = delivery.attempt, %fault, "a notification will be tried again");
        Verdict::Retry { at: now.plus_ms(pause_ms) }
    }
}
