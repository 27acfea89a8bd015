use windlass_event_pattern::{FilterPolicy, Scope};
use windlass_value::{Arn, Object, Text, Timestamp, Value};

use crate::endpoint::Protocol;

/// How far a subscription has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Waits for its endpoint to confirm.
    Pending,
    Confirmed,
    /// Unsubscribed by a link; may be taken back by its token until it is forgotten.
    Unsubscribed,
}

/// A subscription, with what its attributes mean.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    pub(crate) id: Text,
    pub(crate) owner: Text,
    pub(crate) protocol: Protocol,
    pub(crate) endpoint: Text,
    /// Who subscribed.
    pub(crate) principal: Text,
    pub(crate) state: State,
    /// Confirmed by a signed call, or by who owns it.
    pub(crate) authenticated: bool,
    /// Only a signed call may unsubscribe.
    pub(crate) authenticate_unsubscribe: bool,
    /// What confirms it, or takes it back.
    pub(crate) token: Option<Text>,
    /// When it is forgotten, if it is not confirmed until then.
    pub(crate) forgotten: Option<Timestamp>,
    /// What was set, by AWS's names.
    pub(crate) attributes: Object,
    pub(crate) raw: bool,
    pub(crate) filter: Option<FilterPolicy>,
    pub(crate) dead_letter: Option<Arn>,
}

impl Subscription {
    /// A set attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).and_then(Value::as_str)
    }

    /// Whether it is delivered to.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.state == State::Confirmed
    }

    /// Works out what the attributes mean, which were checked when they were set.
    pub(crate) fn derive(&mut self) {
        self.raw = self.attribute("RawMessageDelivery") == Some("true");
        let scope = self.attribute("FilterPolicyScope").and_then(Scope::parse).unwrap_or_default();
        self.filter = self.attribute("FilterPolicy").and_then(|text| FilterPolicy::parse(text, scope).ok());
        self.dead_letter = self
            .attribute("RedrivePolicy")
            .and_then(|text| windlass_value::parse(text).ok())
            .and_then(|policy| Arn::parse(policy["deadLetterTargetArn"].as_str()?));
    }

    /// As stored.
    pub(crate) fn to_text(&self) -> String {
        let state = match self.state {
            State::Pending => "pending",
            State::Confirmed => "confirmed",
            State::Unsubscribed => "unsubscribed",
        };
        let mut out = Object::new();
        out.insert("id", &self.id);
        out.insert("owner", &self.owner);
        out.insert("protocol", self.protocol.name());
        out.insert("endpoint", &self.endpoint);
        out.insert("principal", &self.principal);
        out.insert("state", state);
        out.insert("authenticated", self.authenticated);
        out.insert("authenticate_unsubscribe", self.authenticate_unsubscribe);
        out.insert("token", self.token.clone());
        out.insert("forgotten", self.forgotten.map(Timestamp::as_ms));
        out.insert("attributes", self.attributes.clone());
        Value::from(out).to_text()
    }

    /// Reads what [`Subscription::to_text`] wrote.
    pub(crate) fn from_text(text: &[u8]) -> Option<Subscription> {
        let value = windlass_value::parse(std::str::from_utf8(text).ok()?).ok()?;
        let text = |member: &str| value[member].as_str().map(Text::from);
        let mut subscription = Subscription {
            id: text("id")?,
            owner: text("owner")?,
            protocol: Protocol::parse(value["protocol"].as_str()?).ok()?,
            endpoint: text("endpoint")?,
            principal: text("principal")?,
            state: match value["state"].as_str()? {
                "pending" => State::Pending,
                "confirmed" => State::Confirmed,
                "unsubscribed" => State::Unsubscribed,
                _ => return None,
            },
            authenticated: value["authenticated"].as_bool()?,
            authenticate_unsubscribe: value["authenticate_unsubscribe"].as_bool()?,
            token: text("token"),
            forgotten: value["forgotten"].as_i64().map(Timestamp),
            attributes: value["attributes"].as_object().map(|object| (**object).clone())?,
            raw: false,
            filter: None,
            dead_letter: None,
        };
        subscription.derive();
        Some(subscription)
    }
}
