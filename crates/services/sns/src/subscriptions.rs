use windlass_outbox::Entry;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, ColumnValue, IndexScan, Key, Position, Row, Scan};
use windlass_value::{Arn, Object, Text, Value, object};

use crate::catalogue::{SUBSCRIPTIONS_MAX, View, subscription_key};
use crate::endpoint::Protocol;
use crate::faults;
use crate::input;
use crate::job::Job;
use crate::outboxes::Added;
use crate::page::{self, PAGE_ITEMS};
use crate::random;
use crate::sns::Shared;
use crate::subscription::{State, Subscription};
use crate::subscription_attributes::{self as attributes, Refusal};
use crate::tables::{ENDPOINTS, SUBSCRIPTIONS, topic_key};
use crate::topic_name::{TopicName, parse_subscription};

/// How long a subscription waits for its confirmation, and an unsubscription for being
/// taken back.
pub(crate) const CONFIRMATION_MS: i64 = 3 * 24 * 60 * 60 * 1000;

impl Shared {
    /// `Subscribe`.
    pub(crate) async fn subscribe(&self, call: &Call) -> Outcome {
        let name = TopicName::of_call(call, "TopicArn")?;
        let protocol_text = input::text(&call.input, "Protocol");
        let endpoint = input::text(&call.input, "Endpoint");
        let protocol = Protocol::parse(protocol_text)?;
        if endpoint.is_empty() {
            return Err(faults::invalid("Endpoint"));
        }
        protocol.check_endpoint(endpoint)?;
        if protocol.is_mail() && self.mailer.is_none() {
            return Err(faults::not_built("e-mail subscriptions without a mail relay in the configuration"));
        }
        if name.is_fifo() && protocol != Protocol::Sqs {
            return Err(faults::invalid(format!("Invalid protocol type: {}", protocol.name())));
        }
        if !name.is_fifo() && protocol == Protocol::Sqs && endpoint.ends_with(".fifo") {
            return Err(faults::invalid(
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics",
            ));
        }
        let mut given = Object::new();
        for (attribute, value) in input::text_map(&call.input, "Attributes")? {
            attributes::set(&mut given, &name, protocol, &attribute, &value).map_err(|refusal| match refusal {
                Refusal::Name => faults::invalid(format!("Attributes Reason: Unknown attribute {attribute}")),
                Refusal::Value(reason) => faults::invalid(format!("Attributes Reason: {reason}")),
                Refusal::Fault(fault) => fault,
            })?;
        }
        attributes::check_filter(&given).map_err(|reason| faults::invalid(format!("Attributes Reason: {reason}")))?;

        let _control = self.control(&name).await;
        let view = self.catalogue.get(&name)?;
        let endpoint_key = endpoint_key(&name, protocol, endpoint);
        let existing = self.store.get(&ENDPOINTS, &endpoint_key).map_err(|error| faults::of_store(&error))?;
        let existing = existing.and_then(|row| view.subscription(std::str::from_utf8(&row.value).ok()?).cloned());
        let answer = |subscription: &Subscription| {
            let pending = subscription.state == State::Pending && !input::flag(&call.input, "ReturnSubscriptionArn");
            let arn = if pending { "pending confirmation".to_owned() } else { name.subscription_arn(&subscription.id) };
            object! { "SubscriptionArn" => arn }
        };
        let mut batch = Batch::default();
        let mut added = Added::default();
        let subscription = match existing {
            Some(existing) => {
                let same = given.iter().all(|(attribute, value)| match existing.attributes.get(attribute) {
                    Some(set) => set == value,
                    None => value.as_str() == Some(attributes::default_of(attribute)),
                });
                if !same {
                    return Err(faults::invalid(
                        "Attributes Reason: Subscription already exists with different attributes",
                    ));
                }
                if existing.is_confirmed() {
                    return Ok(answer(&existing).into());
                }
                // The endpoint is asked again.
                let mut subscription = (*existing).clone();
                self.ask(&name, &mut subscription, false, &mut batch, &mut added)?;
                subscription
            }
            None => {
                if view.subscriptions.len() >= SUBSCRIPTIONS_MAX {
                    return Err(Fault::new(
                        "SubscriptionLimitExceeded",
                        format!("Subscription limit exceeded: a topic has at most {SUBSCRIPTIONS_MAX} subscriptions"),
                    )
                    .with_status(403));
                }
                let mut subscription = Subscription {
                    id: random::uuid()?.into(),
                    owner: call.principal.account.clone(),
                    protocol,
                    endpoint: endpoint.into(),
                    principal: call.principal.arn.clone(),
                    state: State::Confirmed,
                    authenticated: true,
                    authenticate_unsubscribe: false,
                    token: None,
                    forgotten: None,
                    attributes: given,
                    raw: false,
                    filter: None,
                    dead_letter: None,
                };
                if subscription.owner.is_empty() {
                    subscription.owner = call.account.clone();
                }
                if !is_of(&subscription.owner, protocol, endpoint) {
                    subscription.state = State::Pending;
                    subscription.authenticated = false;
                    self.ask(&name, &mut subscription, false, &mut batch, &mut added)?;
                }
                let columns = vec![(*name.account).into(), (*name.region).into(), (*name.name).into()];
                batch.put(&ENDPOINTS, endpoint_key, columns, subscription.id.as_bytes().to_vec());
                subscription
            }
        };
        put_subscription(&mut batch, &name, &subscription);
        let outcome = self.finish_with(call, batch, answer(&subscription), &added).await;
        self.catalogue.forget(&name);
        outcome
    }

    /// Gives a subscription a new token and has its endpoint asked for it.
    pub(crate) fn ask(
        &self,
        topic: &TopicName,
        subscription: &mut Subscription,
        unsubscribed: bool,
        batch: &mut Batch,
        added: &mut Added,
    ) -> Result<(), Fault> {
        let token = crate::confirmation::new_token(&subscription.id)?;
        let now = (self.now)();
        subscription.token = Some(token.as_str().into());
        subscription.forgotten = Some(now.plus_ms(CONFIRMATION_MS));
        let id: Text = random::uuid()?.into();
        let job = Job::Confirm {
            topic: topic.clone(),
            subscription: subscription.id.clone(),
            id: id.clone(),
            token: token.into(),
            unsubscribed,
        };
        let entry = Entry { id, lane: None, due: now, body: job.to_bytes() };
        self.outboxes.add(batch, added, subscription.protocol, topic, entry);
        Ok(())
    }

    /// `ListSubscriptions`: those of the account's topics.
    pub(crate) fn list_subscriptions(&self, call: &Call) -> Outcome {
        let index = IndexScan::new("by_account").equal(&*call.account).equal(&*call.region);
        self.list(call, index, 2)
    }

    /// `ListSubscriptionsByTopic`.
    pub(crate) fn list_subscriptions_by_topic(&self, call: &Call) -> Outcome {
        let name = TopicName::of_call(call, "TopicArn")?;
        self.catalogue.get(&name)?;
        let index = IndexScan::new("by_account").equal(&*name.account).equal(&*name.region).equal(&*name.name);
        self.list(call, index, 2)
    }

    fn list(&self, call: &Call, index: IndexScan, parts: usize) -> Outcome {
        let mut position = match page::position(&call.input, parts)? {
            None => None,
            Some(names) => {
                let name = TopicName::parse(&names[0], "NextToken")?;
                // A token of another list.
                let fits = index.equal.iter().zip([&name.account, &name.region, &name.name]);
                if !fits.into_iter().all(|(column, part)| *column == ColumnValue::from(&**part)) {
                    return Err(faults::invalid("NextToken"));
                }
                let columns =
                    vec![(*name.account).into(), (*name.region).into(), (*name.name).into(), names[1].as_str().into()];
                Some(Position { columns, key: subscription_key(&name, &names[1]) })
            }
        };
        let mut found: Vec<(TopicName, Subscription)> = Vec::new();
        // Unsubscribed ones are not listed, so a page may take more than one scan.
        while found.len() <= PAGE_ITEMS {
            let mut scan = Scan::index(index.clone(), PAGE_ITEMS + 1);
            if let Some(position) = position.take() {
                scan = scan.after(position);
            }
            let rows = self.store.scan(&SUBSCRIPTIONS, scan.clone()).map_err(|error| faults::of_store(&error))?;
            let ended = rows.len() <= PAGE_ITEMS;
            position = rows.last().map(|row| scan.position(&SUBSCRIPTIONS, row));
            found.extend(rows.iter().filter_map(read_row).filter(|(_, one)| one.state != State::Unsubscribed));
            if ended {
                break;
            }
        }
        let page = &found[..found.len().min(PAGE_ITEMS)];
        let more = (found.len() > PAGE_ITEMS).then(|| page.last()).flatten();
        let more = more.map(|(name, last)| page::token(&[&name.to_string(), &last.id]));
        let item = |(name, subscription): &(TopicName, Subscription)| {
            let arn = match subscription.state {
                State::Pending => "PendingConfirmation".to_owned(),
                _ => name.subscription_arn(&subscription.id),
            };
            object! {
                "SubscriptionArn" => arn,
                "Owner" => &subscription.owner,
                "Protocol" => subscription.protocol.name(),
                "Endpoint" => &subscription.endpoint,
                "TopicArn" => name.to_string(),
            }
        };
        let items: Vec<Value> = page.iter().map(item).collect();
        Ok(Reply::from(object! { "Subscriptions" => items, "NextToken" => more }))
    }

    /// `GetSubscriptionAttributes`.
    pub(crate) fn get_subscription_attributes(&self, call: &Call) -> Outcome {
        let (name, id) = parse_subscription(input::text(&call.input, "SubscriptionArn"))?;
        let (view, subscription) = self.subscription(&name, &id)?;
        Ok(Reply::from(object! { "Attributes" => attributes::written(&name, &view.topic, &subscription) }))
    }

    /// `SetSubscriptionAttributes`.
    pub(crate) async fn set_subscription_attributes(&self, call: &Call) -> Outcome {
        let (name, id) = parse_subscription(input::text(&call.input, "SubscriptionArn"))?;
        let attribute = input::text(&call.input, "AttributeName");
        let value = input::text(&call.input, "AttributeValue");
        let _control = self.control(&name).await;
        let (_, subscription) = self.subscription(&name, &id)?;
        let mut subscription = (*subscription).clone();
        let protocol = subscription.protocol;
        attributes::set(&mut subscription.attributes, &name, protocol, attribute, value).map_err(|refusal| {
            match refusal {
                Refusal::Name => faults::invalid("AttributeName"),
                Refusal::Value(reason) => faults::invalid(reason),
                Refusal::Fault(fault) => fault,
            }
        })?;
        attributes::check_filter(&subscription.attributes).map_err(faults::invalid)?;
        let mut batch = Batch::default();
        put_subscription(&mut batch, &name, &subscription);
        let outcome = self.finish(call, batch, Value::empty_object()).await;
        self.catalogue.forget(&name);
        outcome
    }

    /// A subscription that is there.
    pub(crate) fn subscription(
        &self,
        name: &TopicName,
        id: &str,
    ) -> Result<(std::sync::Arc<View>, std::sync::Arc<Subscription>), Fault> {
        let view = self.catalogue.find(name)?.ok_or_else(faults::no_subscription)?;
        let subscription = view.subscription(id).filter(|one| one.state != State::Unsubscribed);
        let subscription = subscription.cloned().ok_or_else(faults::no_subscription)?;
        Ok((view, subscription))
    }
}

/// Whether who subscribes owns the endpoint, so that nobody has to be asked.
fn is_of(owner: &str, protocol: Protocol, endpoint: &str) -> bool {
    matches!(protocol, Protocol::Sqs | Protocol::Lambda) && Arn::parse(endpoint).is_some_and(|arn| arn.account == owner)
}

/// The key of an endpoint's subscription.
pub(crate) fn endpoint_key(topic: &TopicName, protocol: Protocol, endpoint: &str) -> Key {
    topic_key(topic).text(protocol.name()).text(endpoint)
}

/// Writes a subscription.
pub(crate) fn put_subscription(batch: &mut Batch, topic: &TopicName, subscription: &Subscription) {
    let forgotten = subscription.forgotten.map_or(ColumnValue::Null, |at| at.as_ms().into());
    let columns = vec![
        (*topic.account).into(),
        (*topic.region).into(),
        (*topic.name).into(),
        (*subscription.id).into(),
        forgotten,
    ];
    batch.put(&SUBSCRIPTIONS, subscription_key(topic, &subscription.id), columns, subscription.to_text());
}

/// Topic and subscription of a row.
pub(crate) fn read_row(row: &Row) -> Option<(TopicName, Subscription)> {
    let text = |at: usize| match row.columns.get(at) {
        Some(ColumnValue::Text(text)) => Some(Text::from(text.as_str())),
        _ => None,
    };
    let name = TopicName { account: text(0)?, region: text(1)?, name: text(2)? };
    Some((name, Subscription::from_text(&row.value)?))
}
