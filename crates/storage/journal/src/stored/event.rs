use serde::{Deserialize, Serialize};
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{Details, EventType, HistoryEvent};

use super::place::{PayloadWriter, Place};

/// A history event; members that its type does not have are absent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct StoredEvent {
    i: u64,
    p: u64,
    t: String,
    #[serde(rename = "at", skip_serializing_if = "Option::is_none")]
    at: Option<i64>,
    #[serde(rename = "n", skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(rename = "x", skip_serializing_if = "Option::is_none")]
    payload: Option<Place>,
    #[serde(rename = "a", skip_serializing_if = "Vec::is_empty")]
    assigned: Vec<(String, String)>,
    /// (index in `assigned`, where its value is), of those too large for a header.
    #[serde(rename = "ap", skip_serializing_if = "Vec::is_empty")]
    assigned_places: Vec<(u32, Place)>,
    #[serde(rename = "e", skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(rename = "rt", skip_serializing_if = "Option::is_none")]
    resource_type: Option<String>,
    #[serde(rename = "rs", skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(rename = "rg", skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(rename = "ro", skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(rename = "ts", skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<i64>,
    #[serde(rename = "hs", skip_serializing_if = "Option::is_none")]
    heartbeat_seconds: Option<i64>,
    #[serde(rename = "w", skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    #[serde(rename = "k", skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
}

/// The texts of an event that may hold data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct EventTexts {
    #[serde(rename = "i")]
    pub(crate) position: u32,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    assigned: Vec<(String, String)>,
}

fn own(text: &Text) -> Option<String> {
    Some(text.to_string())
}

fn own_option(text: &Option<Text>) -> Option<String> {
    text.as_ref().map(|text| text.to_string())
}

impl StoredEvent {
    /// The payload it shows, if any.
    pub(crate) fn place(&self) -> Option<Place> {
        self.payload
    }

    /// Whether this release's oldest format has no member for something in it.
    pub(crate) fn needs_format_2(&self) -> bool {
        !self.assigned_places.is_empty()
    }

    /// Bytes of the variables it shows.
    pub(crate) fn texts_bytes(&self) -> usize {
        self.assigned.iter().map(|(_, value)| value.len()).sum()
    }

    /// Puts values that it refers to where small ones are.
    pub(crate) fn fill<E>(&mut self, mut read: impl FnMut(Place) -> Result<Payload, E>) -> Result<(), E> {
        for (index, place) in std::mem::take(&mut self.assigned_places) {
            if let Some((_, value)) = self.assigned.get_mut(index as usize) {
                *value = read(place)?.text().to_string();
            }
        }
        Ok(())
    }

    /// Takes out what must not be read without a key, with the event's position.
    pub(crate) fn take_texts(&mut self, position: usize) -> Option<EventTexts> {
        if self.error.is_none() && self.cause.is_none() && self.assigned.is_empty() {
            return None;
        }
        let assigned = std::mem::take(&mut self.assigned);
        Some(EventTexts { position: position as u32, error: self.error.take(), cause: self.cause.take(), assigned })
    }

    /// Puts it back.
    pub(crate) fn put_texts(&mut self, texts: EventTexts) {
        self.error = texts.error;
        self.cause = texts.cause;
        self.assigned = texts.assigned;
    }

    /// Whether it enters a state right after an event.
    pub(crate) fn enters_after(&self, previous: u64) -> bool {
        self.p == previous && self.t.ends_with("StateEntered")
    }

    /// Its id.
    pub(crate) fn id(&self) -> u64 {
        self.i
    }

    pub(crate) fn from_live(event: &HistoryEvent, turn_at: Timestamp, payloads: &mut PayloadWriter) -> StoredEvent {
        let mut stored = StoredEvent {
            i: event.id,
            p: event.previous_event_id,
            t: event.event_type.name().to_owned(),
            at: (event.at != turn_at).then_some(event.at.as_ms()),
            ..StoredEvent::default()
        };
        let payload = event.details.payloads().next();
        stored.payload = payload.map(|payload| payloads.place(payload));
        match &event.details {
            Details::None | Details::Output { .. } => {}
            Details::ExecutionStarted { role_arn, .. } => stored.role_arn = own(role_arn),
            Details::StateEntered { name, .. } => stored.name = own(name),
            Details::StateExited { name, assigned, .. } => {
                stored.name = own(name);
                for (index, (name, value)) in assigned.iter().enumerate() {
                    let text = if value.len() > payloads.inline_bytes_max {
                        let place = payloads.place(&Payload::from_valid_text(value.clone()));
                        stored.assigned_places.push((index as u32, place));
                        String::new()
                    } else {
                        value.to_string()
                    };
                    stored.assigned.push((name.to_string(), text));
                }
            }
            Details::Failure { error, cause } => {
                stored.error = own_option(error);
                stored.cause = own_option(cause);
            }
            Details::TaskScheduled {
                resource_type,
                resource,
                region,
                timeout_seconds,
                heartbeat_seconds,
                role_arn,
                ..
            } => {
                stored.resource_type = own(resource_type);
                stored.resource = own(resource);
                stored.region = own(region);
                stored.timeout_seconds = *timeout_seconds;
                stored.heartbeat_seconds = *heartbeat_seconds;
                stored.role_arn = own_option(role_arn);
            }
            Details::LambdaScheduled { resource, timeout_seconds, role_arn, .. } => {
                stored.resource = own(resource);
                stored.timeout_seconds = *timeout_seconds;
                stored.role_arn = own_option(role_arn);
            }
            Details::ActivityScheduled { resource, timeout_seconds, heartbeat_seconds, .. } => {
                stored.resource = own(resource);
                stored.timeout_seconds = *timeout_seconds;
                stored.heartbeat_seconds = *heartbeat_seconds;
            }
            Details::ActivityStarted { worker } => stored.worker = own_option(worker),
            Details::TaskStarted { resource_type, resource } | Details::TaskOutput { resource_type, resource, .. } => {
                stored.resource_type = own(resource_type);
                stored.resource = own(resource);
            }
            Details::TaskFailure { resource_type, resource, error, cause } => {
                stored.resource_type = own(resource_type);
                stored.resource = own(resource);
                stored.error = own_option(error);
                stored.cause = own_option(cause);
            }
            Details::MapStarted { length } => stored.count = Some(*length),
            Details::MapRun { arn } => stored.resource = own(arn),
            Details::MapRunRedriven { arn, redrive_count } => {
                stored.resource = own(arn);
                stored.count = Some(*redrive_count);
            }
            Details::Redriven { count } => stored.count = Some(*count),
            Details::Iteration { name, index } => {
                stored.name = own(name);
                stored.count = Some(*index);
            }
            Details::EvaluationFailed { error, cause, location, state } => {
                stored.name = own(state);
                stored.error = own(error);
                stored.cause = own(cause);
                stored.location = own_option(location);
            }
        }
        stored
    }

    /// The live event; `payload` is what its place names. `None` for a type
    /// this release does not know.
    pub(crate) fn into_live(self, turn_at: Timestamp, payload: Option<Payload>) -> Option<HistoryEvent> {
        use EventType as T;
        let event_type = T::parse(&self.t)?;
        let text = |value: Option<String>| -> Text { value.unwrap_or_default().into() };
        let option = |value: Option<String>| -> Option<Text> { value.map(Into::into) };
        let null = || Payload::from_valid_text("null");
        let name = event_type.name();
        let details = match event_type {
            T::ExecutionStarted => {
                Details::ExecutionStarted { input: payload.unwrap_or_else(null), role_arn: text(self.role_arn) }
            }
            _ if name.ends_with("StateEntered") => {
                Details::StateEntered { name: text(self.name), input: payload.unwrap_or_else(null) }
            }
            _ if name.ends_with("StateExited") => Details::StateExited {
                name: text(self.name),
                output: payload.unwrap_or_else(null),
                assigned: self.assigned.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            },
            T::ExecutionSucceeded | T::LambdaFunctionSucceeded | T::ActivitySucceeded => {
                Details::Output { output: payload.unwrap_or_else(null) }
            }
            T::TaskScheduled => Details::TaskScheduled {
                resource_type: text(self.resource_type),
                resource: text(self.resource),
                region: text(self.region),
                parameters: payload.unwrap_or_else(null),
                timeout_seconds: self.timeout_seconds,
                heartbeat_seconds: self.heartbeat_seconds,
                role_arn: option(self.role_arn),
            },
            T::LambdaFunctionScheduled => Details::LambdaScheduled {
                resource: text(self.resource),
                input: payload.unwrap_or_else(null),
                timeout_seconds: self.timeout_seconds,
                role_arn: option(self.role_arn),
            },
            T::ActivityScheduled => Details::ActivityScheduled {
                resource: text(self.resource),
                input: payload.unwrap_or_else(null),
                timeout_seconds: self.timeout_seconds,
                heartbeat_seconds: self.heartbeat_seconds,
            },
            T::ActivityStarted => Details::ActivityStarted { worker: option(self.worker) },
            T::TaskStarted => {
                Details::TaskStarted { resource_type: text(self.resource_type), resource: text(self.resource) }
            }
            T::TaskSucceeded | T::TaskSubmitted => Details::TaskOutput {
                resource_type: text(self.resource_type),
                resource: text(self.resource),
                output: payload.unwrap_or_else(null),
            },
            T::TaskFailed | T::TaskStartFailed | T::TaskSubmitFailed | T::TaskTimedOut => Details::TaskFailure {
                resource_type: text(self.resource_type),
                resource: text(self.resource),
                error: option(self.error),
                cause: option(self.cause),
            },
            T::MapRunStarted => Details::MapRun { arn: text(self.resource) },
            T::MapRunRedriven => {
                Details::MapRunRedriven { arn: text(self.resource), redrive_count: self.count.unwrap_or_default() }
            }
            T::ExecutionRedriven => Details::Redriven { count: self.count.unwrap_or_default() },
            T::MapStateStarted => Details::MapStarted { length: self.count.unwrap_or_default() },
            _ if name.starts_with("MapIteration") => {
                Details::Iteration { name: text(self.name), index: self.count.unwrap_or_default() }
            }
            T::EvaluationFailed => Details::EvaluationFailed {
                error: text(self.error),
                cause: text(self.cause),
                location: option(self.location),
                state: text(self.name),
            },
            _ if !event_type.details_member().is_empty() => {
                Details::Failure { error: option(self.error), cause: option(self.cause) }
            }
            _ => Details::None,
        };
        let at = self.at.map_or(turn_at, Timestamp);
        Some(HistoryEvent { id: self.i, previous_event_id: self.p, at, event_type, details })
    }
}
