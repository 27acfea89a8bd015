use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Value, object};

use crate::catalogue::{Change, Function};
use crate::code_store::{CodeStore, StoredCode};
use crate::configuration::{Configuration, Detail};
use crate::faults;
use crate::function_name::{FunctionName, LATEST};
use crate::input;
use crate::invoke::now_ms;
use crate::lambda::Lambda;
use crate::random;
use crate::settings;
use crate::tags;

/// How many functions, versions or aliases one page has at most, whatever is asked for.
pub(crate) const PAGE_MAX: usize = 50;

impl Lambda {
    /// `CreateFunction`.
    pub(crate) async fn create_function(&self, call: &Call) -> Outcome {
        let (function, qualifier) = self.function_name(call)?;
        if qualifier.is_some() {
            return Err(faults::invalid_parameter("The function name must not have a qualifier."));
        }
        let document = &call.input;
        input::required_text(document, "Role")?;
        if input::text(document, "PackageType")?.is_some_and(|kind| kind != "Zip")
            || !document["Code"]["ImageUri"].is_null()
        {
            return Err(Fault::not_built("Lambda functions from container images"));
        }
        let mut configuration = settings::defaults();
        settings::apply(&mut configuration, document)?;
        if configuration.runtime.is_empty() || configuration.handler.is_empty() {
            return Err(faults::invalid_parameter(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
            ));
        }
        let tags = input::text_map(document, "Tags")?.unwrap_or_default();
        tags::check(&tags)?;
        let is_published = input::flag(document, "Publish")?;
        if self.shared.catalogue.get(&function).is_some() {
            return Err(already_exists(&function));
        }
        self.shared.runtimes.check(&configuration).await?;
        let zip = zip_of(&document["Code"])?;
        take_code(&mut configuration, &self.shared.code.add(zip).await?);
        touch(&mut configuration)?;
        let revision_id = random::uuid()?;
        let output = self
            .shared
            .catalogue
            .change(&function, |before| {
                if before.is_some() {
                    return Err(already_exists(&function));
                }
                let mut new = Function {
                    name: function.clone(),
                    latest: Arc::new(configuration),
                    tags,
                    next_version: 1,
                    reserved_concurrency: None,
                    versions: BTreeMap::new(),
                    aliases: BTreeMap::new(),
                };
                let shown = if is_published { new.publish(None, revision_id).0 } else { new.latest.clone() };
                let output = shown.to_value(&function, shown.version_qualifier(), Detail::Full);
                Ok(Change::To(new, output))
            })
            .await?;
        Ok(output.into())
    }

    /// `GetFunction`.
    pub(crate) fn get_function(&self, call: &Call) -> Outcome {
        let (name, qualifier) = self.function_name(call)?;
        let function = self.shared.catalogue.find(&name, qualifier.as_deref())?;
        let configuration = function.qualified(qualifier.as_deref())?;
        let mut output = Object::new();
        output.insert("Configuration", configuration.to_value(&name, qualifier.as_deref(), Detail::Full));
        let mut code = Object::new();
        code.insert("RepositoryType", "S3");
        if let Some(base) = &self.shared.config.code_location_base {
            code.insert("Location", format!("{base}{}", configuration.code_sha256));
        }
        output.insert("Code", code);
        if !function.tags.is_empty() {
            output.insert("Tags", tags::to_value(&function.tags));
        }
        if let Some(reserved) = function.reserved_concurrency {
            output.insert("Concurrency", object! { "ReservedConcurrentExecutions" => reserved });
        }
        Ok(Value::from(output).into())
    }

    /// `GetFunctionConfiguration`.
    pub(crate) fn get_function_configuration(&self, call: &Call) -> Outcome {
        let (name, qualifier) = self.function_name(call)?;
        let function = self.shared.catalogue.find(&name, qualifier.as_deref())?;
        let configuration = function.qualified(qualifier.as_deref())?;
        Ok(configuration.to_value(&name, qualifier.as_deref(), Detail::Full).into())
    }

    /// `ListFunctions`.
    pub(crate) fn list_functions(&self, call: &Call) -> Outcome {
        let is_all = match input::text(&call.input, "FunctionVersion")? {
            None => false,
            Some("ALL") => true,
            Some(other) => {
                let bound = "Member must satisfy enum value set: [ALL]";
                return Err(faults::constraint(other, "functionVersion", bound));
            }
        };
        let functions = self.shared.catalogue.list(&call.account, &call.region);
        let mut items = Vec::new();
        for function in &functions {
            let latest = is_all.then_some(LATEST);
            items.push((
                format!("{}\n", function.name.name),
                function.latest.to_value(&function.name, latest, Detail::Listed),
            ));
            for (number, version) in function.versions.iter().filter(|_| is_all) {
                items.push((
                    // Padded, so that the order of texts is that of numbers.
                    format!("{}\n{number:020}", function.name.name),
                    version.to_value(&function.name, Some(&version.version), Detail::Listed),
                ));
            }
        }
        page(&call.input, "Functions", items)
    }

    /// `UpdateFunctionCode`.
    pub(crate) async fn update_function_code(&self, call: &Call) -> Outcome {
        let (function, _) = self.function_name(call)?;
        let document = &call.input;
        input::refuse_unbuilt(document, &["ImageUri", "PublishTo"])?;
        self.shared.catalogue.find(&function, None)?;
        let zip = zip_of(document)?;
        let (is_dry, is_published) = (input::flag(document, "DryRun")?, input::flag(document, "Publish")?);
        let code = if is_dry { CodeStore::describe(&zip) } else { self.shared.code.add(zip).await? };
        let revision_id = random::uuid()?;
        let output = self.shared.catalogue.change(&function, |before| {
            let mut new = before.ok_or_else(|| faults::function_not_found(&function.arn(None)))?.clone();
            check_revision(&new.latest, document)?;
            let mut configuration = (*new.latest).clone();
            settings::apply_architecture(&mut configuration, document)?;
            take_code(&mut configuration, &code);
            touch(&mut configuration)?;
            new.latest = Arc::new(configuration);
            let shown = if is_published && !is_dry { new.publish(None, revision_id).0 } else { new.latest.clone() };
            let output = shown.to_value(&function, shown.version_qualifier(), Detail::Full);
            Ok(if is_dry { Change::Keep(output) } else { Change::To(new, output) })
        });
        let output = output.await?;
        self.retire(&function);
        Ok(output.into())
    }

    /// `UpdateFunctionConfiguration`.
    pub(crate) async fn update_function_configuration(&self, call: &Call) -> Outcome {
        let (function, _) = self.function_name(call)?;
        let document = &call.input;
        let before = self.shared.catalogue.find(&function, None)?;
        let mut tried = (*before.latest).clone();
        settings::apply(&mut tried, document)?;
        self.shared.runtimes.check(&tried).await?;
        let output = self.shared.catalogue.change(&function, |before| {
            let mut new = before.ok_or_else(|| faults::function_not_found(&function.arn(None)))?.clone();
            check_revision(&new.latest, document)?;
            let mut configuration = (*new.latest).clone();
            settings::apply(&mut configuration, document)?;
            touch(&mut configuration)?;
            new.latest = Arc::new(configuration);
            let output = new.latest.to_value(&function, None, Detail::Full);
            Ok(Change::To(new, output))
        });
        let output = output.await?;
        self.retire(&function);
        Ok(output.into())
    }

    /// `DeleteFunction`: the function, or one of its versions.
    pub(crate) async fn delete_function(&self, call: &Call) -> Outcome {
        let (name, qualifier) = self.function_name(call)?;
        let delete = self.shared.catalogue.change(&name, |before| {
            let function = before.ok_or_else(|| faults::function_not_found(&name.arn(qualifier.as_deref())))?;
            let Some(qualifier) = qualifier.as_deref() else { return Ok(Change::Gone(())) };
            if qualifier == LATEST {
                return Err(faults::invalid_parameter(
                    "$LATEST version cannot be deleted without deleting the function.",
                ));
            }
            let number: u64 = qualifier
                .parse()
                .map_err(|_| faults::invalid_parameter("Deletion of aliases is not currently supported."))?;
            let users: Vec<&str> = function
                .aliases
                .values()
                .filter(|alias| alias.version == qualifier || alias.weights.contains_key(qualifier))
                .map(|alias| alias.name.as_str())
                .collect();
            if !users.is_empty() {
                let users = users.join(", ");
                return Err(faults::conflict(format!(
                    "The following aliases reference this version: [{users}]. Remove or update the aliases."
                )));
            }
            let mut new = function.clone();
            new.versions.remove(&number);
            Ok(Change::To(new, ()))
        });
        delete.await?;
        self.retire(&name);
        Ok(Reply::from(object! { "StatusCode" => 204 }))
    }

    /// Ends the idle processes of what a function no longer is.
    pub(crate) fn retire(&self, name: &FunctionName) {
        let function = self.shared.catalogue.get(name);
        self.shared.pool.retain(|key, _| {
            key.function != *name
                || function
                    .as_ref()
                    .and_then(|function| function.version(&key.version))
                    .is_some_and(|configuration| configuration.revision_id == key.revision_id)
        });
    }
}

/// One page of items that are sorted by their keys; the marker is the last key shown.
pub(crate) fn page(document: &Value, member: &str, items: Vec<(String, Value)>) -> Outcome {
    let limit =
        input::integer(document, "MaxItems", 1, 10_000)?.map_or(PAGE_MAX, |items| (items as usize).min(PAGE_MAX));
    let marker = match input::text(document, "Marker")?.filter(|marker| !marker.is_empty()) {
        None => None,
        Some(marker) => {
            let decoded = STANDARD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(decoded.ok_or_else(|| faults::invalid_parameter("Invalid Marker"))?)
        }
    };
    let mut rest =
        items.into_iter().skip_while(|(key, _)| marker.as_ref().is_some_and(|marker| key <= marker)).peekable();
    let mut shown = Vec::new();
    let mut last = String::new();
    while let Some((key, value)) = rest.next_if(|_| shown.len() < limit) {
        shown.push(value);
        last = key;
    }
    let mut output = Object::new();
    if rest.peek().is_some() {
        output.insert("NextMarker", STANDARD.encode(last));
    }
    output.insert(member, Value::array(shown));
    Ok(Value::from(output).into())
}

/// Refuses a change whose author saw an older state.
pub(crate) fn check_revision(configuration: &Configuration, document: &Value) -> Result<(), Fault> {
    match input::text(document, "RevisionId")? {
        Some(revision_id) if revision_id != configuration.revision_id => Err(faults::revision_mismatch()),
        _ => Ok(()),
    }
}

fn already_exists(function: &FunctionName) -> Fault {
    faults::conflict(format!("Function already exist: {}", function.name))
}

fn zip_of(code: &Value) -> Result<Bytes, Fault> {
    if !code["S3Bucket"].is_null() || !code["S3Key"].is_null() {
        return Err(Fault::not_built("Lambda functions from S3 objects"));
    }
    let encoded = input::text(code, "ZipFile")?
        .ok_or_else(|| faults::invalid_parameter("Please provide a source for function code."))?;
    let decoded = STANDARD.decode(encoded);
    decoded.map(Bytes::from).map_err(|_| Fault::new("SerializationException", "ZipFile must be base64"))
}

fn take_code(configuration: &mut Configuration, code: &StoredCode) {
    configuration.code_sha256.clone_from(&code.sha256);
    configuration.code_bytes = code.bytes;
}

fn touch(configuration: &mut Configuration) -> Result<(), Fault> {
    configuration.last_modified_ms = now_ms();
    configuration.revision_id = random::uuid()?;
    Ok(())
}
