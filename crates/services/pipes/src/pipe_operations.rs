//! Pipes are made, changed, shown and removed.

use std::sync::Arc;

use windlass_protocol::{Fault, Outcome, Reply};
use windlass_value::{Arn, Object, Value};

use crate::faults;
use crate::page::page;
use crate::pipe::{Pipe, PipeRecord};
use crate::pipes::Pipes;
use crate::place::Place;
use crate::request::Request;

const TAGS_MAX: usize = 50;

pub(crate) async fn create(pipes: &Arc<Pipes>, request: Request<'_>) -> Outcome {
    let name = request.required("Name")?;
    let place = request.place();
    let now_ms = pipes.now().as_ms();
    let record = PipeRecord {
        place: place.clone(),
        name: name.to_owned(),
        description: request.text("Description")?.map(str::to_owned),
        is_running: request.text("DesiredState")? != Some("STOPPED"),
        source: request.required("Source")?.to_owned(),
        source_parameters: request.document("SourceParameters"),
        enrichment: request.text("Enrichment")?.map(str::to_owned),
        enrichment_parameters: request.document("EnrichmentParameters"),
        target: request.required("Target")?.to_owned(),
        target_parameters: request.document("TargetParameters"),
        role_arn: request.required("RoleArn")?.to_owned(),
        log_configuration: request.document("LogConfiguration"),
        kms_key: request.text("KmsKeyIdentifier")?.map(str::to_owned),
        tags: checked(request.text_map("Tags")?)?,
        created_ms: now_ms,
        modified_ms: now_ms,
    };
    let pipe = Pipe::compile(record)?;
    let lock = pipes.lock(name).await;
    if pipes.find(&place, name).is_some() {
        return Err(faults::already_exists(name));
    }
    let output = pipe.state_value("CREATING");
    pipes.put(lock, pipe).await?;
    Ok(Reply::from(Value::from(output)))
}

fn required(pipes: &Pipes, request: Request<'_>) -> Result<Arc<Pipe>, Fault> {
    let name = request.required("Name")?;
    pipes.find(&request.place(), name).ok_or_else(|| faults::not_found(name))
}

pub(crate) async fn update(pipes: &Arc<Pipes>, request: Request<'_>) -> Outcome {
    let lock = pipes.lock(request.required("Name")?).await;
    let mut record = required(pipes, request)?.record.clone();
    record.role_arn = request.required("RoleArn")?.to_owned();
    if let Some(target) = request.text("Target")? {
        record.target = target.to_owned();
    }
    if let Some(state) = request.text("DesiredState")? {
        record.is_running = state == "RUNNING";
    }
    let texts = [
        ("Description", &mut record.description),
        ("Enrichment", &mut record.enrichment),
        ("KmsKeyIdentifier", &mut record.kms_key),
    ];
    for (name, field) in texts {
        if let Some(given) = request.text(name)? {
            *field = Some(given.to_owned());
        }
    }
    let documents = [
        ("SourceParameters", &mut record.source_parameters),
        ("EnrichmentParameters", &mut record.enrichment_parameters),
        ("TargetParameters", &mut record.target_parameters),
        ("LogConfiguration", &mut record.log_configuration),
    ];
    for (name, field) in documents {
        if let Some(given) = request.document(name) {
            *field = Some(given);
        }
    }
    record.modified_ms = pipes.now().as_ms();
    let pipe = Pipe::compile(record)?;
    let output = pipe.state_value("UPDATING");
    pipes.put(lock, pipe).await?;
    Ok(Reply::from(Value::from(output)))
}

pub(crate) async fn set_state(pipes: &Arc<Pipes>, request: Request<'_>, is_running: bool) -> Outcome {
    let lock = pipes.lock(request.required("Name")?).await;
    let record = required(pipes, request)?.record.clone();
    let pipe = Pipe::compile(PipeRecord { is_running, modified_ms: pipes.now().as_ms(), ..record })?;
    let output = pipe.state_value(if is_running { "STARTING" } else { "STOPPING" });
    pipes.put(lock, pipe).await?;
    Ok(Reply::from(Value::from(output)))
}

pub(crate) async fn delete(pipes: &Arc<Pipes>, request: Request<'_>) -> Outcome {
    let lock = pipes.lock(request.required("Name")?).await;
    let pipe = required(pipes, request)?;
    let mut output = pipe.state_value("DELETING");
    output.insert("DesiredState", "DELETED");
    pipes.delete(lock, &pipe).await?;
    Ok(Reply::from(Value::from(output)))
}

pub(crate) fn describe(pipes: &Pipes, request: Request<'_>) -> Outcome {
    Ok(Reply::from(required(pipes, request)?.to_value()))
}

pub(crate) fn list(pipes: &Pipes, request: Request<'_>) -> Outcome {
    let argument = |name: &str| Ok::<_, Fault>(request.text(name)?.unwrap_or_default());
    let (prefix, source, target) = (argument("NamePrefix")?, argument("SourcePrefix")?, argument("TargetPrefix")?);
    let (desired, current) = (argument("DesiredState")?, argument("CurrentState")?);
    let all = pipes.all(&request.place());
    let named = all
        .iter()
        .filter(|(name, pipe)| {
            name.starts_with(prefix)
                && pipe.record.source.starts_with(source)
                && pipe.record.target.starts_with(target)
                && (desired.is_empty() || desired == pipe.state())
                && (current.is_empty() || current == pipe.state())
        })
        .map(|(name, pipe)| (name.as_str(), pipe));
    page(request, "Pipes", &[prefix, source, target, desired, current], named, |pipe| pipe.to_summary())
        .map(Reply::from)
}

/// The pipe that `resourceArn` names.
fn tagged(pipes: &Pipes, request: Request<'_>) -> Result<Arc<Pipe>, Fault> {
    let text = request.required("resourceArn")?;
    let arn = Arn::parse(text).filter(|arn| arn.service == "pipes");
    let found = arn.as_ref().and_then(|arn| Some((arn, arn.resource.strip_prefix("pipe/")?)));
    let (arn, name) = found.ok_or_else(|| Fault::validation(format!("{text} is not the ARN of a pipe.")))?;
    let place = Place { account: arn.account.as_str().into(), region: arn.region.as_str().into() };
    pipes.find(&place, name).ok_or_else(|| faults::not_found(name))
}

pub(crate) async fn tag(pipes: &Arc<Pipes>, request: Request<'_>) -> Outcome {
    let added = request.text_map("tags")?;
    change_tags(pipes, request, |tags| tags.extend(added)).await
}

pub(crate) async fn untag(pipes: &Arc<Pipes>, request: Request<'_>) -> Outcome {
    let keys: Vec<&str> = match request.member("tagKeys") {
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).collect(),
        // A query member that occurs once may come as a text.
        Some(Value::String(key)) => vec![key],
        _ => return Err(faults::not_null("tagKeys")),
    };
    change_tags(pipes, request, |tags| tags.retain(|key, _| !keys.contains(&key.as_str()))).await
}

pub(crate) fn list_tags(pipes: &Pipes, request: Request<'_>) -> Outcome {
    let pipe = tagged(pipes, request)?;
    let tags = pipe.record.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Object>();
    Ok(Reply::from(windlass_value::object! { "tags" => tags }))
}

type Tags = std::collections::BTreeMap<String, String>;

async fn change_tags(pipes: &Arc<Pipes>, request: Request<'_>, change: impl FnOnce(&mut Tags)) -> Outcome {
    let name = tagged(pipes, request)?.record.name.clone();
    let lock = pipes.lock(&name).await;
    let mut record = tagged(pipes, request)?.record.clone();
    change(&mut record.tags);
    record.tags = checked(record.tags)?;
    pipes.put(lock, Pipe::compile(record)?).await?;
    Ok(Reply::from(Value::empty_object()))
}

fn checked(tags: Tags) -> Result<Tags, Fault> {
    if tags.len() > TAGS_MAX {
        return Err(Fault::new("ServiceQuotaExceededException", "A pipe has at most 50 tags.").with_status(402));
    }
    match tags.keys().find(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        Some(key) => Err(Fault::validation(format!("Tag keys must not begin with 'aws:': {key}"))),
        None => Ok(tags),
    }
}
