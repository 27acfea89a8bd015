use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value, object};

use crate::catalogue::{Alias, Change, Function};
use crate::faults;
use crate::function::page;
use crate::function_name::{FunctionName, LATEST};
use crate::input;
use crate::lambda::Lambda;
use crate::random;

const NAME_CHARS_MAX: usize = 128;

impl Lambda {
    /// `CreateAlias`.
    pub(crate) async fn create_alias(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let document = &call.input;
        let alias_name = input::required_text(document, "Name")?;
        check_name(alias_name)?;
        let alias = Alias {
            name: alias_name.to_owned(),
            version: input::required_text(document, "FunctionVersion")?.to_owned(),
            description: input::text(document, "Description")?.unwrap_or_default().to_owned(),
            weights: weights(document)?.unwrap_or_default(),
            revision_id: random::uuid()?,
        };
        let create = self.shared.catalogue.change(&name, |before| {
            let function = before.ok_or_else(|| faults::function_not_found(&name.arn(None)))?;
            if function.aliases.contains_key(alias_name) {
                return Err(faults::conflict(format!("Alias already exists: {}", name.arn(Some(alias_name)))));
            }
            check_versions(function, &alias)?;
            let output = to_value(&name, &alias);
            let mut new = function.clone();
            new.aliases.insert(alias_name.to_owned(), Arc::new(alias));
            Ok(Change::To(new, output))
        });
        Ok(create.await?.into())
    }

    /// `GetAlias`.
    pub(crate) fn get_alias(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let alias_name = input::required_text(&call.input, "Name")?;
        let function = self.shared.catalogue.find(&name, None)?;
        let alias = function.aliases.get(alias_name).ok_or_else(|| not_found(&name, alias_name))?;
        Ok(to_value(&name, alias).into())
    }

    /// `UpdateAlias`.
    pub(crate) async fn update_alias(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let document = &call.input;
        let alias_name = input::required_text(document, "Name")?;
        let version = input::text(document, "FunctionVersion")?;
        let description = input::text(document, "Description")?;
        let new_weights = weights(document)?;
        let expected = input::text(document, "RevisionId")?;
        let revision_id = random::uuid()?;
        let update = self.shared.catalogue.change(&name, |before| {
            let function = before.ok_or_else(|| faults::function_not_found(&name.arn(None)))?;
            let old = function.aliases.get(alias_name).ok_or_else(|| not_found(&name, alias_name))?;
            if expected.is_some_and(|expected| expected != old.revision_id) {
                return Err(faults::revision_mismatch());
            }
            let alias = Alias {
                name: old.name.clone(),
                version: version.unwrap_or(&old.version).to_owned(),
                description: description.unwrap_or(&old.description).to_owned(),
                weights: new_weights.unwrap_or_else(|| old.weights.clone()),
                revision_id,
            };
            check_versions(function, &alias)?;
            let output = to_value(&name, &alias);
            let mut new = function.clone();
            new.aliases.insert(alias_name.to_owned(), Arc::new(alias));
            Ok(Change::To(new, output))
        });
        Ok(update.await?.into())
    }

    /// `DeleteAlias`; one that is not there is no error.
    pub(crate) async fn delete_alias(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let alias_name = input::required_text(&call.input, "Name")?;
        let delete = self.shared.catalogue.change(&name, |before| {
            let mut new = before.ok_or_else(|| faults::function_not_found(&name.arn(None)))?.clone();
            Ok(match new.aliases.remove(alias_name) {
                Some(_) => Change::To(new, ()),
                None => Change::Keep(()),
            })
        });
        delete.await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `ListAliases`.
    pub(crate) fn list_aliases(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let version = input::text(&call.input, "FunctionVersion")?;
        let function = self.shared.catalogue.find(&name, None)?;
        let aliases = function.aliases.values().filter(|alias| version.is_none_or(|version| alias.version == version));
        page(&call.input, "Aliases", aliases.map(|alias| (alias.name.clone(), to_value(&name, alias))).collect())
    }
}

fn not_found(name: &FunctionName, alias: &str) -> Fault {
    faults::not_found(format!("Cannot find alias arn: {}", name.arn(Some(alias))))
}

fn to_value(name: &FunctionName, alias: &Alias) -> Value {
    let mut output = Object::new();
    output.insert("AliasArn", name.arn(Some(&alias.name)));
    output.insert("Name", alias.name.as_str());
    output.insert("FunctionVersion", alias.version.as_str());
    output.insert("Description", alias.description.as_str());
    if !alias.weights.is_empty() {
        let weights: Object = alias
            .weights
            .iter()
            .map(|(version, weight)| (version.as_str(), Value::from(windlass_value::Number::from_f64(*weight))))
            .collect();
        output.insert("RoutingConfig", object! { "AdditionalVersionWeights" => weights });
    }
    output.insert("RevisionId", alias.revision_id.as_str());
    output.into()
}

fn check_name(name: &str) -> Result<(), Fault> {
    let is_word = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_word || name.bytes().all(|byte| byte.is_ascii_digit()) || name.len() > NAME_CHARS_MAX {
        let bound = "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
        return Err(faults::constraint(name, "name", bound));
    }
    Ok(())
}

/// The weights a request names; `Some` of nothing takes them away.
fn weights(document: &Value) -> Result<Option<BTreeMap<String, f64>>, Fault> {
    let routing = &document["RoutingConfig"];
    if routing.is_null() {
        return Ok(None);
    }
    let object = match &routing["AdditionalVersionWeights"] {
        Value::Null => return Ok(Some(BTreeMap::new())),
        Value::Object(object) => object,
        _ => return Err(Fault::new("SerializationException", "AdditionalVersionWeights must be a map")),
    };
    let mut weights = BTreeMap::new();
    for (version, weight) in object.iter() {
        let weight = weight.as_f64().filter(|weight| (0.0..=1.0).contains(weight)).ok_or_else(|| {
            faults::constraint(
                &format!("{{{version}={weight}}}"),
                "routingConfig.additionalVersionWeights",
                "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value greater than or equal to 0.0]",
            )
        })?;
        weights.insert(version.to_string(), weight);
    }
    Ok(Some(weights))
}

fn check_versions(function: &Function, alias: &Alias) -> Result<(), Fault> {
    for version in std::iter::once(&alias.version).chain(alias.weights.keys()) {
        if function.version(version).is_none() {
            return Err(faults::function_not_found(&function.name.arn(Some(version))));
        }
    }
    if alias.weights.is_empty() {
        return Ok(());
    }
    if alias.weights.len() > 1 {
        return Err(faults::invalid_parameter("Number of items in AdditionalVersionWeights cannot be greater than 1"));
    }
    if alias.version == LATEST || alias.weights.contains_key(LATEST) {
        return Err(faults::invalid_parameter("$LATEST is not supported for an alias pointing to more than 1 version"));
    }
    if alias.weights.contains_key(&alias.version) {
        return Err(faults::invalid_parameter(format!(
            "Invalid function version {}. Function version {} is already included in routing configuration.",
            alias.version, alias.version
        )));
    }
    Ok(())
}
