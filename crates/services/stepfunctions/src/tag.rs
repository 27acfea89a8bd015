//! Tags of state machines and activities, and the operations on them.

use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Text, Value, object};

use crate::activity::{Activities, ActivityName};
use crate::arn::{Kind, StatesArn};
use crate::fault::{not_null, resource_not_found};
use crate::machine::{Machines, Named, StateMachine};
use crate::request::Request;

/// Tags a resource may have.
pub const TAGS_MAX: usize = 50;

/// The tag by which a state machine has AWS's limits (`true`) or this server's own
/// (`false`), whichever the server has. It counts for executions started afterwards.
pub const AWS_LIMITS_TAG: &str = "windlass:aws-limits";

/// Tags in the order they were first set.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tags(Object);

impl Tags {
    /// The tags of a request's `tags`; the last of equal keys wins.
    ///
    /// # Errors
    /// `ValidationException` for a reserved key.
    pub(crate) fn of_request(request: Request<'_>) -> Result<Tags, Fault> {
        let items = request.member("tags").and_then(Value::as_array);
        let mut tags = Object::new();
        for item in items.iter().flat_map(|items| items.iter()) {
            let key = item["key"].as_str().ok_or_else(|| Fault::validation("Tag key must not be null"))?;
            if key.to_ascii_lowercase().starts_with("aws:") {
                let text = format!("Tag keys starting with 'aws:' are reserved for system use. Received: {key}");
                return Err(Fault::validation(text));
            }
            let value = item["value"].as_str().unwrap_or_default();
            if key == AWS_LIMITS_TAG && !matches!(value, "true" | "false") {
                let text = format!("The tag {AWS_LIMITS_TAG} takes the value 'true' or 'false', not '{value}'");
                return Err(Fault::validation(text));
            }
            tags.insert(key, value);
        }
        Ok(Tags(tags))
    }

    /// What [`AWS_LIMITS_TAG`] says.
    pub(crate) fn aws_limits(&self) -> Option<bool> {
        match self.0.get(AWS_LIMITS_TAG).and_then(Value::as_str) {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        }
    }

    /// Adds and replaces.
    ///
    /// # Errors
    /// `TooManyTags`; nothing is changed then.
    pub(crate) fn extend(&mut self, more: Tags, arn: &str) -> Result<(), Fault> {
        let mut tags = self.0.clone();
        tags.extend(more.0);
        check_count(&tags, arn)?;
        self.0 = tags;
        Ok(())
    }

    /// Refuses more than [`TAGS_MAX`].
    pub(crate) fn check(&self, arn: &str) -> Result<(), Fault> {
        check_count(&self.0, arn)
    }

    /// Removes the tags of those keys; unknown ones are no error.
    pub(crate) fn remove(&mut self, keys: &[Value]) {
        for key in keys.iter().filter_map(Value::as_str) {
            self.0.remove(key);
        }
    }

    /// As `ListTagsForResource` answers them.
    pub(crate) fn to_value(&self) -> Value {
        Value::array(self.0.iter().map(|(key, value)| object! { "key" => key, "value" => value }).collect())
    }

    /// From [`Tags::to_value`], as stored.
    pub(crate) fn from_value(value: &Value) -> Tags {
        let pair = |item: &Value| Some((Text::from(item["key"].as_str()?), item["value"].clone()));
        Tags(value.as_array().iter().flat_map(|items| items.iter()).filter_map(pair).collect())
    }
}

fn check_count(tags: &Object, arn: &str) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        let text = format!("Too many tags: '{arn}' can have at most {TAGS_MAX} tags");
        return Err(Fault::new("TooManyTags", text).with_member("resourceName", arn));
    }
    Ok(())
}

/// `TagResource`.
pub(crate) async fn tag(machines: &Machines, activities: &Activities, request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("resourceArn")?;
    let more = Tags::of_request(request)?;
    if request.member("tags").is_none() {
        return Err(not_null("tags"));
    }
    change(machines, activities, request, |tags| tags.extend(more.clone(), text)).await
}

/// `UntagResource`.
pub(crate) async fn untag(machines: &Machines, activities: &Activities, request: Request<'_>) -> Result<Reply, Fault> {
    let keys = request.member("tagKeys").and_then(Value::as_array).ok_or_else(|| not_null("tagKeys"))?;
    change(machines, activities, request, |tags| {
        tags.remove(keys);
        Ok(())
    })
    .await
}

/// `ListTagsForResource`.
pub(crate) async fn list(machines: &Machines, activities: &Activities, request: Request<'_>) -> Result<Reply, Fault> {
    let tags = match resource(request)? {
        Resource::Machine(named) => {
            let _lock = machines.lock_shared(&named.name).await;
            tagged_machine(machines, &named)?.tags.to_value()
        }
        Resource::Activity(named) => {
            activities.find(&named)?.ok_or_else(|| resource_not_found(&named.text))?.tags.to_value()
        }
    };
    Ok(object! { "tags" => tags }.into())
}

enum Resource {
    Machine(Named),
    Activity(ActivityName),
}

fn resource(request: Request<'_>) -> Result<Resource, Fault> {
    let text = request.required("resourceArn")?;
    let arn = StatesArn::parse(text, &[Kind::StateMachine, Kind::Activity])?;
    if !arn.is_of(request.call) {
        return Err(resource_not_found(text));
    }
    Ok(match arn.kind {
        Kind::Activity => Resource::Activity(ActivityName::parse(text, request.call)?),
        _ => Resource::Machine(Named::parse(text, request.call)?),
    })
}

fn tagged_machine(machines: &Machines, named: &Named) -> Result<StateMachine, Fault> {
    let found =
        if named.qualifier.is_some() { None } else { machines.get(&named.account, &named.region, &named.name)? };
    found.map(|machine| StateMachine::clone(&machine)).ok_or_else(|| resource_not_found(&named.arn))
}

/// Changes a resource's tags; equal tags are not written again.
async fn change(
    machines: &Machines,
    activities: &Activities,
    request: Request<'_>,
    edit: impl Fn(&mut Tags) -> Result<(), Fault>,
) -> Result<Reply, Fault> {
    match resource(request)? {
        Resource::Machine(named) => {
            let _lock = machines.lock_exclusive(&named.name).await;
            let mut machine = tagged_machine(machines, &named)?;
            let before = machine.tags.clone();
            edit(&mut machine.tags)?;
            if machine.tags != before {
                machines.put(&machine, None).await?;
            }
        }
        // Activities have no lock: whoever comes second reads anew.
        Resource::Activity(named) => loop {
            let mut activity = activities.find(&named)?.ok_or_else(|| resource_not_found(&named.text))?;
            let before = activity.tags.clone();
            edit(&mut activity.tags)?;
            if activity.tags == before || activities.put(&activity).await? {
                break;
            }
        },
    }
    Ok(Value::empty_object().into())
}
