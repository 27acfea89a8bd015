use std::collections::BTreeMap;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value, object};

use crate::catalogue::Change;
use crate::faults;
use crate::function_name::FunctionName;
use crate::input;
use crate::lambda::Lambda;

const TAGS_MAX: usize = 50;
const KEY_CHARS_MAX: usize = 128;
const VALUE_CHARS_MAX: usize = 256;

impl Lambda {
    /// `TagResource`.
    pub(crate) async fn tag_resource(&self, call: &Call) -> Outcome {
        let name = resource(call)?;
        let added =
            input::text_map(&call.input, "Tags")?.ok_or_else(|| faults::invalid_parameter("Tags must not be null"))?;
        check(&added)?;
        let tag = self.shared.catalogue.change(&name, |before| {
            let mut new = before.ok_or_else(|| faults::function_not_found(&name.arn(None)))?.clone();
            new.tags.extend(added);
            check(&new.tags)?;
            Ok(Change::To(new, ()))
        });
        tag.await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `UntagResource`.
    pub(crate) async fn untag_resource(&self, call: &Call) -> Outcome {
        let name = resource(call)?;
        let keys: Vec<&str> = match &call.input["TagKeys"] {
            Value::Array(keys) => keys.iter().filter_map(Value::as_str).collect(),
            // A query member that occurs once may come as a text.
            Value::String(key) => vec![key],
            _ => return Err(faults::invalid_parameter("TagKeys must not be null")),
        };
        let untag = self.shared.catalogue.change(&name, |before| {
            let mut new = before.ok_or_else(|| faults::function_not_found(&name.arn(None)))?.clone();
            new.tags.retain(|key, _| !keys.contains(&key.as_str()));
            Ok(Change::To(new, ()))
        });
        untag.await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `ListTags`.
    pub(crate) fn list_tags(&self, call: &Call) -> Outcome {
        let name = resource(call)?;
        let function = self.shared.catalogue.find(&name, None)?;
        Ok(Reply::from(object! { "Tags" => to_value(&function.tags) }))
    }

    /// `PutFunctionConcurrency`.
    pub(crate) async fn put_concurrency(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let reserved = input::integer(&call.input, "ReservedConcurrentExecutions", 0, i64::from(u32::MAX))?
            .ok_or_else(|| faults::invalid_parameter("ReservedConcurrentExecutions must not be null"))?;
        self.set_concurrency(&name, Some(reserved as u32)).await?;
        Ok(Reply::from(object! { "ReservedConcurrentExecutions" => reserved }))
    }

    /// `GetFunctionConcurrency`.
    pub(crate) fn get_concurrency(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let function = self.shared.catalogue.find(&name, None)?;
        Ok(Reply::from(match function.reserved_concurrency {
            Some(reserved) => object! { "ReservedConcurrentExecutions" => reserved },
            None => Value::empty_object(),
        }))
    }

    /// `DeleteFunctionConcurrency`.
    pub(crate) async fn delete_concurrency(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        self.set_concurrency(&name, None).await?;
        Ok(Reply::from(Value::empty_object()))
    }

    async fn set_concurrency(&self, name: &FunctionName, reserved: Option<u32>) -> Result<(), Fault> {
        let set = self.shared.catalogue.change(name, |before| {
            let mut new = before.ok_or_else(|| faults::function_not_found(&name.arn(None)))?.clone();
            new.reserved_concurrency = reserved;
            Ok(Change::To(new, ()))
        });
        set.await
    }
}

/// Refuses tags beyond AWS's bounds.
///
/// # Errors
/// In AWS's words.
pub(crate) fn check(tags: &BTreeMap<String, String>) -> Result<(), Fault> {
    if tags.len() > TAGS_MAX {
        return Err(faults::invalid_parameter("The number of tags exceeds the limit of 50."));
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > KEY_CHARS_MAX || value.chars().count() > VALUE_CHARS_MAX {
            return Err(faults::invalid_parameter(format!(
                "The tag '{key}' is not valid: keys have 1 to {KEY_CHARS_MAX} characters, values up to {VALUE_CHARS_MAX}."
            )));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(faults::invalid_parameter("Tag keys must not begin with 'aws:'."));
        }
    }
    Ok(())
}

/// Tags as AWS writes them.
pub(crate) fn to_value(tags: &BTreeMap<String, String>) -> Value {
    tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Object>().into()
}

fn resource(call: &Call) -> Result<FunctionName, Fault> {
    let text = input::required_text(&call.input, "Resource")?;
    if !text.starts_with("arn:") {
        let bound = "Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*):lambda:[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:\\d{12}:function:[a-zA-Z0-9-_]+";
        return Err(faults::constraint(text, "resource", bound));
    }
    let (name, qualifier) = FunctionName::read(text, None, &call.account, &call.region)?;
    if qualifier.is_some() {
        return Err(faults::invalid_parameter(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    Ok(name)
}
