use subtle::ConstantTimeEq;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::{Batch, IndexScan, Scan};
use windlass_value::{Value, object};

use crate::faults;
use crate::input;
use crate::outboxes::Added;
use crate::random;
use crate::sns::Shared;
use crate::subscription::{State, Subscription};
use crate::subscriptions::{endpoint_key, put_subscription, read_row};
use crate::tables::{ENDPOINTS, SUBSCRIPTIONS};
use crate::topic_name::{TopicName, parse_subscription};
use crate::topics::put_topic;

/// Hexadecimal digits of a token: the subscription's id and 40 random bytes.
const TOKEN_DIGITS: usize = ID_DIGITS + 80;
const ID_DIGITS: usize = 32;

/// A token that confirms a subscription.
///
/// # Errors
/// The system has no randomness.
pub(crate) fn new_token(subscription: &str) -> Result<String, Fault> {
    let id = subscription.replace('-', "");
    let random: String = random::bytes::<40>()?.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(id + &random)
}

/// The id of the subscription whose token this is.
fn subscription_of(token: &str) -> Option<String> {
    let is_token = token.len() == TOKEN_DIGITS && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = token.get(..ID_DIGITS).filter(|_| is_token)?;
    Some([&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-"))
}

impl Shared {
    /// `ConfirmSubscription`, signed or by the link that an endpoint was sent.
    pub(crate) async fn confirm_subscription(&self, call: &Call) -> Outcome {
        let name = TopicName::parse(input::text(&call.input, "TopicArn"), "TopicArn")?;
        let token = input::text(&call.input, "Token");
        let id = subscription_of(token).ok_or_else(|| faults::invalid_parameter("Invalid token"))?;
        let _control = self.control(&name).await;
        let rows = self.store.scan(&SUBSCRIPTIONS, Scan::index(IndexScan::new("by_id").equal(id.as_str()), 1));
        let rows = rows.map_err(|error| faults::of_store(&error))?;
        let found = rows.first().and_then(read_row);
        let is_same = |one: &Subscription| {
            one.token.as_ref().is_some_and(|known| bool::from(known.as_bytes().ct_eq(token.as_bytes())))
        };
        let (topic, mut subscription) =
            found.filter(|(_, one)| is_same(one)).ok_or_else(|| faults::invalid("Token"))?;
        if topic != name {
            return Err(faults::invalid("Topic"));
        }
        let now = (self.now)();
        if subscription.forgotten.is_some_and(|at| at <= now) {
            return Err(faults::invalid("Token"));
        }
        let view = self.catalogue.find(&name)?.ok_or_else(|| faults::invalid("Token"))?;
        let output = object! { "SubscriptionArn" => name.subscription_arn(&subscription.id) };
        // A token may be used again: links are followed twice.
        if subscription.is_confirmed() {
            return Ok(output.into());
        }
        let mut batch = Batch::default();
        if subscription.state == State::Unsubscribed {
            let key = endpoint_key(&name, subscription.protocol, &subscription.endpoint);
            if self.store.get(&ENDPOINTS, &key).map_err(|error| faults::of_store(&error))?.is_some() {
                // It subscribed anew meanwhile.
                return Err(faults::invalid("Token"));
            }
            let columns = vec![(*name.account).into(), (*name.region).into(), (*name.name).into()];
            batch.put(&ENDPOINTS, key, columns, subscription.id.as_bytes().to_vec());
            let mut topic = view.topic.clone();
            topic.deleted = (topic.deleted - 1).max(0);
            put_topic(&mut batch, &name, &topic);
        }
        let signed = !is_anonymous(call);
        subscription.state = State::Confirmed;
        subscription.forgotten = None;
        subscription.authenticated = signed;
        if signed && input::flag(&call.input, "AuthenticateOnUnsubscribe") {
            subscription.authenticate_unsubscribe = true;
        }
        put_subscription(&mut batch, &name, &subscription);
        let outcome = self.finish(call, batch, output).await;
        self.catalogue.forget(&name);
        outcome
    }

    /// `Unsubscribe`, signed or by the link in a notification. One that is not there is
    /// no error.
    pub(crate) async fn unsubscribe(&self, call: &Call) -> Outcome {
        let (name, id) = parse_subscription(input::text(&call.input, "SubscriptionArn"))?;
        let _control = self.control(&name).await;
        let Some(view) = self.catalogue.find(&name)? else { return Ok(Value::empty_object().into()) };
        let subscription = view.subscription(&id).filter(|one| one.state != State::Unsubscribed).cloned();
        let Some(subscription) = subscription else { return Ok(Value::empty_object().into()) };
        let anonymous = is_anonymous(call);
        if anonymous && subscription.authenticate_unsubscribe {
            return Err(faults::not_authorized("Subscription requires an authenticated request to unsubscribe"));
        }
        let mut batch = Batch::default();
        let mut added = Added::default();
        batch.delete(&ENDPOINTS, endpoint_key(&name, subscription.protocol, &subscription.endpoint));
        let mut topic = view.topic.clone();
        topic.deleted += 1;
        put_topic(&mut batch, &name, &topic);
        // Whoever reads a notification can follow its link; so the endpoint is told,
        // and may take it back.
        let is_told = anonymous && subscription.is_confirmed();
        if is_told && (subscription.protocol.is_http() || subscription.protocol.is_mail()) {
            let mut subscription = (*subscription).clone();
            subscription.state = State::Unsubscribed;
            self.ask(&name, &mut subscription, true, &mut batch, &mut added)?;
            put_subscription(&mut batch, &name, &subscription);
        } else {
            batch.delete(&SUBSCRIPTIONS, crate::catalogue::subscription_key(&name, &subscription.id));
        }
        let outcome = self.finish_with(call, batch, Value::empty_object(), &added).await;
        self.catalogue.forget(&name);
        outcome
    }
}

/// Whether nobody signed the call: someone followed a link.
fn is_anonymous(call: &Call) -> bool {
    call.principal.arn.is_empty()
}
