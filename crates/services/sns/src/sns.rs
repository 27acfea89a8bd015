use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::MutexGuard;
use tokio::task::JoinHandle;
use windlass_outbox::Answers;
use windlass_outgoing::Outgoing;
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Reply, Service};
use windlass_store::{Batch, CommitError, Store, shard_of};
use windlass_value::{Now, Text, Value};

use crate::catalogue::Catalogue;
use crate::config::SnsConfig;
use crate::delivery::Deliverer;
use crate::email::Mailer;
use crate::faults;
use crate::fifo::Fifo;
use crate::in_flight::InFlight;
use crate::maintenance;
use crate::outboxes::{Added, Outboxes};
use crate::signer::Signer;
use crate::topic_name::TopicName;

/// Changes of topics wait for each other in so many lanes.
const CONTROLS: usize = 64;

/// The SNS service.
pub struct Sns {
    shared: Arc<Shared>,
    maintenance: Mutex<Option<JoinHandle<()>>>,
}

/// A figure to watch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// As Prometheus names it.
    pub name: &'static str,
    /// What it is.
    pub help: &'static str,
    /// Now.
    pub value: f64,
}

/// What the service's parts share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) outgoing: Outgoing,
    pub(crate) config: SnsConfig,
    pub(crate) now: Now,
    pub(crate) outboxes: Outboxes,
    pub(crate) catalogue: Catalogue,
    pub(crate) fifo: Fifo,
    pub(crate) in_flight: InFlight,
    pub(crate) signer: Signer,
    pub(crate) mailer: Option<Mailer>,
    pub(crate) counters: Counters,
    answers: Answers,
    controls: Vec<tokio::sync::Mutex<()>>,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    published: AtomicU64,
    delivered: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(crate) fn published(&self, messages: u64) {
        self.published.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Sns {
    /// Opens the service over a store that declares [`crate::TABLES`] and the outbox's.
    /// Nothing is delivered before [`Sns::start`].
    ///
    /// # Errors
    /// The store does not answer, or the mail relay's configuration is wrong.
    pub fn open(
        store: &Store,
        dispatcher: Dispatcher,
        outgoing: Outgoing,
        config: SnsConfig,
        now: Now,
    ) -> Result<Sns, Fault> {
        let outboxes = Outboxes::open(store, &now, config.deliveries_max).map_err(|error| faults::of_store(&error))?;
        let mailer = config.smtp.as_ref().map(Mailer::new).transpose();
        let mailer = mailer.map_err(|reason| Fault::internal(format!("the mail relay cannot be used: {reason}")))?;
        let config = SnsConfig { base_url: config.base_url.trim_end_matches('/').to_owned(), ..config };
        let shared = Shared {
            store: store.clone(),
            dispatcher,
            outgoing,
            outboxes,
            catalogue: Catalogue::new(store.clone()),
            fifo: Fifo::new(store.clone()),
            in_flight: InFlight::default(),
            signer: Signer::new(store.clone(), now.clone()),
            mailer,
            counters: Counters::default(),
            answers: Answers::open(store, "sns", now.clone()),
            controls: (0..CONTROLS).map(|_| tokio::sync::Mutex::new(())).collect(),
            config,
            now,
        };
        Ok(Sns { shared: Arc::new(shared), maintenance: Mutex::new(None) })
    }

    /// Begins to deliver, also what an earlier run left. Once the services are wired.
    pub fn start(&self) {
        let weak = Arc::downgrade(&self.shared);
        self.shared.outboxes.start(Arc::new(Deliverer(weak.clone())));
        self.maintenance.lock().get_or_insert_with(|| tokio::spawn(maintenance::run(weak)));
    }

    /// Begins no delivery any more, and waits for those under way.
    pub async fn stop(&self) {
        if let Some(maintenance) = self.maintenance.lock().take() {
            maintenance.abort();
        }
        self.shared.outboxes.stop().await;
    }

    /// The certificate of the key that signs, in PEM; to be served under
    /// [`Sns::certificate_path`]. The key is made when it is first asked for.
    ///
    /// # Errors
    /// The key cannot be read or made.
    pub async fn certificate_pem(&self) -> Result<String, Fault> {
        self.shared.signer.certificate().await
    }

    /// Where notifications say that the certificate is:
    /// `/SimpleNotificationService-….pem`.
    ///
    /// # Errors
    /// As [`Sns::certificate_pem`].
    pub async fn certificate_path(&self) -> Result<String, Fault> {
        self.shared.signer.certificate_path().await
    }

    /// Figures to watch.
    pub fn measure(&self) -> Vec<Measurement> {
        let counters = &self.shared.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
        let measurement = |name, help, value| Measurement { name, help, value };
        vec![
            measurement("windlass_sns_published", "Messages published since the start", count(&counters.published)),
            measurement("windlass_sns_delivered", "Deliveries made since the start", count(&counters.delivered)),
            measurement("windlass_sns_failed", "Deliveries given up since the start", count(&counters.failed)),
            measurement(
                "windlass_sns_deliveries_under_way",
                "Deliveries being made",
                self.shared.outboxes.under_way() as f64,
            ),
            measurement(
                "windlass_sns_messages_in_flight",
                "Messages on their way to more than one subscription",
                self.shared.in_flight.len() as f64,
            ),
        ]
    }

    /// Removes deduplication ids and unconfirmed subscriptions whose time is over;
    /// happens by itself every minute after [`Sns::start`].
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn sweep(&self) -> Result<(), Fault> {
        self.shared.sweep().await
    }

    async fn answer(&self, call: Call) -> Outcome {
        let sns = &self.shared;
        if let Some(first) = sns.first_answer(&call)? {
            return Ok(first);
        }
        match &*call.operation {
            "Publish" => sns.publish(&call).await,
            "PublishBatch" => sns.publish_batch(&call).await,
            "CreateTopic" => sns.create_topic(&call).await,
            "DeleteTopic" => sns.delete_topic(&call).await,
            "ListTopics" => sns.list_topics(&call),
            "GetTopicAttributes" => sns.get_topic_attributes(&call),
            "SetTopicAttributes" => sns.set_topic_attributes(&call).await,
            "Subscribe" => sns.subscribe(&call).await,
            "ConfirmSubscription" => sns.confirm_subscription(&call).await,
            "Unsubscribe" => sns.unsubscribe(&call).await,
            "ListSubscriptions" => sns.list_subscriptions(&call),
            "ListSubscriptionsByTopic" => sns.list_subscriptions_by_topic(&call),
            "GetSubscriptionAttributes" => sns.get_subscription_attributes(&call),
            "SetSubscriptionAttributes" => sns.set_subscription_attributes(&call).await,
            "AddPermission" => sns.add_permission(&call).await,
            "RemovePermission" => sns.remove_permission(&call).await,
            "TagResource" => sns.tag_resource(&call).await,
            "UntagResource" => sns.untag_resource(&call).await,
            "ListTagsForResource" => sns.list_tags(&call),
            "GetDataProtectionPolicy" => sns.get_data_protection_policy(&call),
            "PutDataProtectionPolicy" => sns.put_data_protection_policy(&call).await,
            other => Err(Fault::not_built(&format!("the SNS operation {other}"))),
        }
    }
}

impl Shared {
    /// Holds other changes of a topic off.
    pub(crate) async fn control(&self, topic: &TopicName) -> MutexGuard<'_, ()> {
        self.controls[usize::from(shard_of(&topic.name)) % CONTROLS].lock().await
    }

    /// Commits the effect of a call and answers.
    pub(crate) async fn finish(&self, call: &Call, batch: Batch, output: Value) -> Outcome {
        self.finish_with(call, batch, output, &Added::default()).await
    }

    /// Commits the effect of a call, with deliveries, and answers.
    pub(crate) async fn finish_with(&self, call: &Call, mut batch: Batch, output: Value, added: &Added) -> Outcome {
        self.keep_answer(call, &mut batch, &output);
        match self.store.commit(batch).await {
            Ok(()) => {
                self.outboxes.committed(added);
                Ok(output.into())
            }
            Err(error) => {
                self.outboxes.refused(added);
                match self.first_answer(call)? {
                    Some(first) if matches!(error, CommitError::Expectation { .. }) => Ok(first),
                    _ => Err(faults::of_commit(&error)),
                }
            }
        }
    }

    /// Adds the answer of a call that may be repeated to the batch of its effect.
    pub(crate) fn keep_answer(&self, call: &Call, batch: &mut Batch, output: &Value) {
        if let Some(key) = &call.idempotency_key {
            self.answers.keep(batch, &call.account, &call.region, key, output.to_text());
        }
    }

    /// The answer that a call of the same key got.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn first_answer(&self, call: &Call) -> Result<Option<Reply>, Fault> {
        let Some(key) = &call.idempotency_key else { return Ok(None) };
        let found = self.answers.find(&call.account, &call.region, key).map_err(|error| faults::of_store(&error))?;
        let Some(bytes) = found else { return Ok(None) };
        let value = std::str::from_utf8(&bytes).ok().and_then(|text| windlass_value::parse(text).ok());
        value.map(|value| Some(value.into())).ok_or_else(|| Fault::internal("a first answer is broken"))
    }
}

impl Service for Sns {
    fn name(&self) -> &'static str {
        "sns"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }

    fn resource_policy<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        let read = || {
            // Subscriptions are governed by their topic.
            let Ok(name) = TopicName::parse(resource_arn, "TopicArn")
                .or_else(|_| crate::topic_name::parse_subscription(resource_arn).map(|(name, _)| name))
            else {
                return Ok(None);
            };
            let view = self.shared.catalogue.find(&name)?;
            Ok(view.map(|view| view.topic.policy(&name).to_text().into()))
        };
        Box::pin(std::future::ready(read()))
    }
}
