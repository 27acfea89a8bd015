use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value, object};

use crate::faults;
use crate::group::Group;
use crate::service::Logs;

/// Tags on one group.
const TAGS_MAX: usize = 50;

impl Logs {
    /// The group that `resourceArn` names, or `logGroupName` of the older operations.
    fn tagged(&self, call: &Call) -> Result<Group, Fault> {
        let Some(arn) = call.input["resourceArn"].as_str() else { return self.group(call) };
        let name = arn.split_once(":log-group:").map(|(_, name)| name.trim_end_matches(":*"));
        let group = name.map(|name| self.find_group(&call.account, &call.region, name)).transpose()?.flatten();
        group.ok_or_else(|| {
            Fault::new("ResourceNotFoundException", format!("The specified log group does not exist: {arn}"))
        })
    }

    pub(crate) fn list_tags(&self, call: &Call) -> Outcome {
        let group = self.tagged(call)?;
        let tags = group.document.get("tags").cloned().unwrap_or_else(Value::empty_object);
        Ok(Reply::from(object! { "tags" => tags }))
    }

    pub(crate) async fn tag(&self, call: &Call) -> Outcome {
        let group = self.tagged(call)?;
        let Value::Object(given) = call.input["tags"].clone() else {
            return Err(faults::invalid("tags must be a map"));
        };
        let mut tags =
            group.document.get("tags").and_then(Value::as_object).map(|tags| (**tags).clone()).unwrap_or_default();
        tags.extend(given.iter().map(|(name, value)| (name.clone(), value.clone())));
        if tags.len() > TAGS_MAX {
            return Err(Fault::new(
                "TooManyTagsException",
                format!("A log group can have no more than {TAGS_MAX} tags."),
            ));
        }
        self.change_group(group, |document| {
            document.insert("tags", tags.clone());
        })
        .await
    }

    pub(crate) async fn untag(&self, call: &Call) -> Outcome {
        let group = self.tagged(call)?;
        let names = call.input["tagKeys"].as_array().or_else(|| call.input["tags"].as_array());
        let names: Vec<&str> = names.map(|names| names.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
        self.change_group(group, |document| {
            let Some(tags) = document.get("tags").and_then(Value::as_object) else { return };
            let left: Object = tags
                .iter()
                .filter(|(name, _)| !names.contains(&&***name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            document.insert("tags", left);
        })
        .await
    }
}
