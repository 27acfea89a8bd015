use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_event_pattern::Pattern;
use windlass_event_target::{Destination, DestinationError, Kind};
use windlass_protocol::Fault;
use windlass_store::Batch;
use windlass_value::{Object, Value};

use crate::faults;
use crate::place::Place;
use crate::request::seconds;
use crate::tables::{PIPES, pipe_key};

/// Messages of one batch, as AWS bounds them.
const BATCH_SIZE_MAX: i64 = 10_000;
const BATCH_SIZE_DEFAULT: i64 = 10;
/// How long messages are gathered, as AWS bounds it.
const WINDOW_SECONDS_MAX: i64 = 300;

/// What is stored of a pipe.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PipeRecord {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// `DesiredState` is `RUNNING`.
    pub(crate) is_running: bool,
    pub(crate) source: String,
    /// This and the others: structures as they came, as JSON text.
    pub(crate) source_parameters: Option<String>,
    pub(crate) enrichment: Option<String>,
    pub(crate) enrichment_parameters: Option<String>,
    pub(crate) target: String,
    pub(crate) target_parameters: Option<String>,
    pub(crate) role_arn: String,
    pub(crate) log_configuration: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
}

/// A pipe, understood.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) record: PipeRecord,
    pub(crate) arn: String,
    pub(crate) source: Destination,
    /// One that matches is enough; none at all lets everything through.
    pub(crate) filters: Vec<Pattern>,
    /// 1 to 10,000.
    pub(crate) batch_size: usize,
    /// How long a batch may gather.
    pub(crate) window_seconds: u64,
    pub(crate) enrichment: Option<Destination>,
    pub(crate) enrichment_template: Option<String>,
    pub(crate) target: Destination,
    pub(crate) target_template: Option<String>,
    pub(crate) target_parameters: Value,
}

impl PipeRecord {
    /// Adds its row to a batch.
    ///
    /// # Errors
    /// It cannot be encoded, which is our failure.
    pub(crate) fn put(&self, batch: &mut Batch) -> Result<(), Fault> {
        let columns = [&*self.place.account, &*self.place.region, &self.name];
        let value = serde_json::to_vec(self).map_err(|error| faults::internal(error.to_string()))?;
        batch.put(&PIPES, pipe_key(&self.place, &self.name), columns.map(Into::into).to_vec(), value);
        Ok(())
    }
}

impl Pipe {
    /// Understands what is stored, or is to be.
    ///
    /// # Errors
    /// `ValidationException` where it makes no sense, or asks for what is not built.
    pub(crate) fn compile(record: PipeRecord) -> Result<Pipe, Fault> {
        let source = destination("Source", &record.source)?;
        if !matches!(source.kind, Kind::Queue { .. }) {
            return Err(Fault::validation(format!(
                "Windlass does not read from {} yet: the source of a pipe can be an SQS queue.",
                record.source
            )));
        }
        let parameters = document(record.source_parameters.as_deref());
        let queue = &parameters["SqsQueueParameters"];
        let batch_size = bounded(queue, "BatchSize", BATCH_SIZE_DEFAULT, 1, BATCH_SIZE_MAX)?;
        let window = bounded(queue, "MaximumBatchingWindowInSeconds", 0, 0, WINDOW_SECONDS_MAX)?;
        let enrichment = record.enrichment.as_deref().filter(|arn| !arn.is_empty());
        let enrichment = enrichment.map(|arn| destination("Enrichment", arn)).transpose()?;
        if let Some(enrichment) = &enrichment
            && !matches!(enrichment.kind, Kind::Function | Kind::StateMachine)
        {
            return Err(Fault::validation(format!(
                "Windlass does not enrich by {} yet: a function or an Express state machine can.",
                enrichment.arn
            )));
        }
        let target = destination("Target", &record.target)?;
        let target_parameters = document(record.target_parameters.as_deref());
        match &target.kind {
            Kind::ApiDestination(_) | Kind::Universal { .. } => {
                return Err(Fault::validation(format!("Windlass does not deliver from pipes to {} yet.", target.arn)));
            }
            Kind::Queue { is_fifo: true } if target_parameters["SqsQueueParameters"]["MessageGroupId"].is_null() => {
                return Err(Fault::validation("SqsQueueParameters.MessageGroupId must be specified for a FIFO queue."));
            }
            _ => {}
        }
        let template = |parameters: &Value| parameters["InputTemplate"].as_str().map(str::to_owned);
        Ok(Pipe {
            arn: record.place.pipe_arn(&record.name),
            filters: filters(&parameters["FilterCriteria"]["Filters"])?,
            batch_size: batch_size as usize,
            window_seconds: window as u64,
            enrichment_template: template(&document(record.enrichment_parameters.as_deref())),
            target_template: template(&target_parameters),
            source,
            enrichment,
            target,
            target_parameters,
            record,
        })
    }

    /// As `DescribePipe` shows it.
    pub(crate) fn to_value(&self) -> Value {
        let record = &self.record;
        let mut output = self.state_value(self.state());
        let texts = [
            ("Description", &record.description),
            ("Enrichment", &record.enrichment),
            ("KmsKeyIdentifier", &record.kms_key),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                output.insert(name, value.as_str());
            }
        }
        output.insert("Source", record.source.as_str());
        output.insert("Target", record.target.as_str());
        output.insert("RoleArn", record.role_arn.as_str());
        let documents = [
            ("SourceParameters", &record.source_parameters),
            ("EnrichmentParameters", &record.enrichment_parameters),
            ("TargetParameters", &record.target_parameters),
            ("LogConfiguration", &record.log_configuration),
        ];
        for (name, text) in documents {
            if text.is_some() {
                output.insert(name, document(text.as_deref()));
            }
        }
        // A queue is always shown with how it is read.
        let parameters = output.get("SourceParameters").and_then(Value::as_object).map(|object| Object::clone(object));
        let mut parameters = parameters.unwrap_or_default();
        let mut queue = Object::new();
        queue.insert("BatchSize", self.batch_size);
        if self.window_seconds > 0 {
            queue.insert("MaximumBatchingWindowInSeconds", self.window_seconds);
        }
        parameters.insert("SqsQueueParameters", queue);
        output.insert("SourceParameters", parameters);
        output
            .insert("Tags", record.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Object>());
        output.into()
    }

    /// As `ListPipes` shows it.
    pub(crate) fn to_summary(&self) -> Value {
        let mut output = self.state_value(self.state());
        output.insert("Source", self.record.source.as_str());
        output.insert("Target", self.record.target.as_str());
        if let Some(enrichment) = &self.record.enrichment {
            output.insert("Enrichment", enrichment.as_str());
        }
        output.into()
    }

    /// What operations that change a pipe answer.
    pub(crate) fn state_value(&self, current: &str) -> Object {
        let record = &self.record;
        let mut output = Object::new();
        output.insert("Arn", self.arn.as_str());
        output.insert("Name", record.name.as_str());
        output.insert("DesiredState", self.state());
        output.insert("CurrentState", current);
        output.insert("CreationTime", seconds(record.created_ms));
        output.insert("LastModifiedTime", seconds(record.modified_ms));
        output
    }

    pub(crate) fn state(&self) -> &'static str {
        if self.record.is_running { "RUNNING" } else { "STOPPED" }
    }
}

fn destination(member: &str, arn: &str) -> Result<Destination, Fault> {
    Destination::parse(arn).map_err(|error| match error {
        DestinationError::Malformed => Fault::validation(format!("{member} is not valid: {arn}. {error}")),
        DestinationError::NotBuilt(what) => {
            Fault::validation(format!("{member}: Windlass does not work with {what} yet."))
        }
    })
}

fn document(text: Option<&str>) -> Value {
    text.and_then(|text| windlass_value::parse(text).ok()).unwrap_or_default()
}

fn bounded(parameters: &Value, name: &str, default: i64, min: i64, max: i64) -> Result<i64, Fault> {
    match &parameters[name] {
        Value::Null => Ok(default),
        value => value
            .as_i64()
            .filter(|value| (min..=max).contains(value))
            .ok_or_else(|| Fault::validation(format!("{name} must be from {min} to {max}."))),
    }
}

fn filters(filters: &Value) -> Result<Vec<Pattern>, Fault> {
    let Value::Array(filters) = filters else { return Ok(Vec::new()) };
    let patterns = filters.iter().filter_map(|filter| filter["Pattern"].as_str()).map(|pattern| {
        Pattern::parse(pattern).map_err(|error| Fault::validation(format!("Invalid filter pattern: {error}")))
    });
    patterns.collect()
}
