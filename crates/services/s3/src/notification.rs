//! Whom buckets tell about their objects, and of what.

use serde::{Deserialize, Serialize};
use windlass_outbox::Entry;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::Batch;
use windlass_value::{Arn, Object, Timestamp, Value, object, parse};

use crate::bucket::Bucket;
use crate::content::new_id;
use crate::delivery::Message;
use crate::event::Event;
use crate::faults;
use crate::input;
use crate::s3::S3;

const DESTINATIONS_MAX: usize = 100;

/// Whom a bucket tells. A stored type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notifications {
    #[serde(default)]
    pub(crate) destinations: Vec<Destination>,
    #[serde(default)]
    pub(crate) event_bridge: bool,
}

/// One who is told of some events of some keys. A stored type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub(crate) id: String,
    pub(crate) kind: DestinationKind,
    pub(crate) arn: String,
    pub(crate) events: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) suffix: Option<String>,
}

/// What kind of thing is told. A stored type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DestinationKind {
    Queue,
    Topic,
    Function,
}

impl DestinationKind {
    const ALL: [DestinationKind; 3] = [DestinationKind::Topic, DestinationKind::Queue, DestinationKind::Function];

    /// The list of a configuration that holds them, the member with the ARN, and the ARN's service.
    fn members(self) -> (&'static str, &'static str, &'static str) {
        match self {
            DestinationKind::Queue => ("QueueConfigurations", "QueueArn", "sqs"),
            DestinationKind::Topic => ("TopicConfigurations", "TopicArn", "sns"),
            DestinationKind::Function => ("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda"),
        }
    }
}

/// What one may ask to be told of.
const EVENTS: [&str; 29] = [
    "s3:ReducedRedundancyLostObject",
    "s3:ObjectCreated:*",
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:*",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAcl:Put",
    "s3:LifecycleExpiration:*",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:*",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectAnnotation:*",
    "s3:ObjectAcl:*",
];

impl Destination {
    fn wants(&self, event: &Event) -> bool {
        let name = event.kind.name();
        self.events.iter().any(|wanted| {
            let wanted = wanted.strip_prefix("s3:").unwrap_or(wanted);
            wanted.strip_suffix('*').map_or(wanted == name, |start| name.starts_with(start))
        }) && self.prefix.as_ref().is_none_or(|prefix| event.key.starts_with(prefix.as_str()))
            && self.suffix.as_ref().is_none_or(|suffix| event.key.ends_with(suffix.as_str()))
    }
}

impl Notifications {
    pub(crate) fn is_empty(&self) -> bool {
        self.destinations.is_empty() && !self.event_bridge
    }

    /// Reads a configuration.
    ///
    /// # Errors
    /// S3's words for what does not fit.
    fn of(configuration: &Value) -> Result<Notifications, Fault> {
        let mut destinations: Vec<Destination> = Vec::new();
        for kind in DestinationKind::ALL {
            let (list, arn_member, service) = kind.members();
            for entry in input::list(configuration, list) {
                let arn = input::text(entry, arn_member).ok_or_else(faults::malformed_xml)?;
                if Arn::parse(arn).is_none_or(|arn| arn.service != service) {
                    return Err(invalid("The ARN could not be parsed", arn_member, arn));
                }
                let id = match input::text(entry, "Id") {
                    Some(id) => id.to_owned(),
                    None => new_id()?,
                };
                if destinations.iter().any(|other| other.id == id) {
                    return Err(invalid("Same ID used for multiple configurations. IDs must be unique", "Id", &id));
                }
                let mut events = Vec::new();
                for event in input::list(entry, "Events") {
                    let event = event.as_str().unwrap_or_default();
                    if !EVENTS.contains(&event) {
                        return Err(invalid("The event is not supported for notifications", "Event", event));
                    }
                    events.push(event.to_owned());
                }
                if events.is_empty() {
                    return Err(faults::malformed_xml());
                }
                let (mut prefix, mut suffix) = (None, None);
                for rule in input::list(&entry["Filter"]["Key"], "FilterRules") {
                    let value = rule["Value"].as_str().unwrap_or_default().to_owned();
                    let name = rule["Name"].as_str().unwrap_or_default();
                    let slot = match name.to_ascii_lowercase().as_str() {
                        "prefix" => &mut prefix,
                        "suffix" => &mut suffix,
                        _ => {
                            return Err(invalid(
                                "filter rule name must be either prefix or suffix",
                                "FilterRule.Name",
                                name,
                            ));
                        }
                    };
                    if slot.replace(value).is_some() {
                        return Err(invalid(
                            &format!("Cannot specify more than one {name} rule in a filter."),
                            "FilterRule.Name",
                            name,
                        ));
                    }
                }
                destinations.push(Destination { id, kind, arn: arn.to_owned(), events, prefix, suffix });
            }
        }
        if destinations.len() > DESTINATIONS_MAX {
            return Err(faults::invalid_request("The number of notification configurations exceeds 100."));
        }
        let event_bridge = !configuration["EventBridgeConfiguration"].is_null();
        Ok(Notifications { destinations, event_bridge })
    }

    fn to_value(&self) -> Value {
        let mut output = Object::new();
        for kind in DestinationKind::ALL {
            let (list, arn_member, _) = kind.members();
            let entries = self.destinations.iter().filter(|destination| destination.kind == kind).map(|destination| {
                let mut entry = Object::new();
                entry.insert("Id", destination.id.as_str());
                entry.insert(arn_member, destination.arn.as_str());
                let events = destination.events.iter().map(Value::from).collect();
                entry.insert("Events", Value::array(events));
                let rules = [("Prefix", &destination.prefix), ("Suffix", &destination.suffix)];
                let rules: Vec<Value> = rules
                    .into_iter()
                    .filter_map(|(name, value)| Some(object! { "Name" => name, "Value" => value.as_deref()? }))
                    .collect();
                if !rules.is_empty() {
                    entry.insert("Filter", object! { "Key" => object! { "FilterRules" => rules } });
                }
                Value::from(entry)
            });
            let entries: Vec<Value> = entries.collect();
            if !entries.is_empty() {
                output.insert(list, entries);
            }
        }
        if self.event_bridge {
            output.insert("EventBridgeConfiguration", Value::empty_object());
        }
        output.into()
    }
}

fn invalid(message: &str, name: &str, value: &str) -> Fault {
    faults::invalid_argument(message, name, value)
}

impl S3 {
    /// `PutBucketNotificationConfiguration`.
    pub(crate) async fn put_notifications(&self, call: &Call) -> Outcome {
        let bucket = self.bucket(call)?.value;
        let notifications = Notifications::of(&call.input["NotificationConfiguration"])?;
        if !input::flag(&call.input, "SkipDestinationValidation") {
            for destination in &notifications.destinations {
                // Those it told before are told no second time that they will be.
                if !bucket.notifications.destinations.iter().any(|before| before.arn == destination.arn) {
                    self.try_destination(call, &bucket, destination).await?;
                }
            }
        }
        let put = self.change(call, |change| {
            let mut bucket = self.bucket_for_change(change, call)?;
            bucket.notifications.clone_from(&notifications);
            bucket.put(change);
            Ok(Value::empty_object())
        });
        put.await.map(Reply::from)
    }

    /// `GetBucketNotificationConfiguration`.
    pub(crate) fn get_notifications(&self, call: &Call) -> Outcome {
        Ok(self.bucket(call)?.value.notifications.to_value().into())
    }

    /// Sends a destination S3's test event.
    async fn try_destination(&self, call: &Call, bucket: &Bucket, destination: &Destination) -> Result<(), Fault> {
        let document = object! {
            "Service" => "Amazon S3",
            "Event" => "s3:TestEvent",
            "Time" => (self.now)().to_rfc3339(),
            "Bucket" => bucket.name.as_str(),
            "RequestId" => &call.request_id,
            "HostId" => &call.request_id,
        };
        let message = Message::Destination {
            kind: destination.kind,
            arn: destination.arn.clone(),
            bucket_arn: bucket.arn(),
            account: bucket.account.clone(),
            region: bucket.region.clone(),
            document: document.to_text(),
            depth: call.depth,
            is_test: true,
        };
        match self.sender.send(&message, None).await {
            Ok(()) => Ok(()),
            Err(fault) => Err(invalid(
                "Unable to validate the following destination configurations",
                &destination.arn,
                &fault.to_string(),
            )
            .explained(fault.to_string())),
        }
    }

    /// Adds to a change's batch what its events make others be told.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn notify(&self, call: &Call, batch: &mut Batch, events: Vec<Event>) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        for event in events {
            let bucket = &event.bucket;
            let at = if event.kind.is_creation() { Timestamp(event.modified_ms) } else { (self.now)() };
            let mut add = |message: &Message| -> Result<(), Fault> {
                let id = new_id()?;
                let entry = Entry { id: id.into(), lane: None, due: at, body: crate::stored::encode(message) };
                self.outbox.add(batch, &bucket.account, &bucket.region, &entry);
                entries.push(entry);
                Ok(())
            };
            for destination in bucket.notifications.destinations.iter().filter(|it| it.wants(&event)) {
                let records = object! { "Records" => vec![event.record(call, at, &destination.id)] };
                add(&Message::Destination {
                    kind: destination.kind,
                    arn: destination.arn.clone(),
                    bucket_arn: bucket.arn(),
                    account: bucket.account.clone(),
                    region: bucket.region.clone(),
                    document: records.to_text(),
                    depth: call.depth,
                    is_test: false,
                })?;
            }
            if bucket.notifications.event_bridge {
                add(&Message::Bus {
                    bucket_arn: bucket.arn(),
                    account: bucket.account.clone(),
                    region: bucket.region.clone(),
                    detail_type: event.kind.detail_type().0.to_owned(),
                    detail: event.detail(call).to_text(),
                    time_ms: at.as_ms(),
                    depth: call.depth,
                })?;
            }
        }
        Ok(entries)
    }

    /// Hands over what a durable change makes others be told.
    pub(crate) fn notified(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            self.outbox.committed(entries);
        }
    }

    /// The answer that was kept of a repeated call.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn first_answer(&self, call: &Call) -> Result<Option<Value>, Fault> {
        let Some(key) = &call.idempotency_key else { return Ok(None) };
        let found = self.answers.find(&call.account, &call.region, key).map_err(crate::stored::unreadable)?;
        let Some(bytes) = found else { return Ok(None) };
        let text = String::from_utf8_lossy(&bytes);
        parse(&text).map(Some).map_err(|error| faults::internal(format!("a kept answer cannot be read: {error}")))
    }
}
