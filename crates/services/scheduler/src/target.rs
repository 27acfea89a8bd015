//! Targets of schedules: what they must be, and the call they stand for.

use std::sync::Arc;

use windlass_event_target::{Destination, DestinationError, EventEntry, Kind, Request};
use windlass_protocol::{Fault, Models, SdkProblem};
use windlass_value::{Text, Timestamp, Value, object};

use crate::faults;
use crate::place::Place;
use crate::request::text;

/// What reads only is no universal target, as on AWS.
const READING: &[&str] = &[
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
    "batchRead",
    "transactGet",
    "adminGet",
    "adminList",
    "retrieve",
    "testConnection",
    "testMigration",
    "isAuthorized",
    "invokeModel",
];

/// What is called, and with what.
pub(crate) struct Invocation<'a> {
    pub(crate) place: &'a Place,
    pub(crate) schedule_arn: &'a str,
    /// `Target` as it came.
    pub(crate) target: &'a Value,
    /// The input, filled in.
    pub(crate) input: Option<&'a str>,
    pub(crate) execution_id: &'a str,
    pub(crate) scheduled: Timestamp,
}

/// Refuses targets that cannot be called.
///
/// # Errors
/// `ValidationException`
pub(crate) fn check(target: &Value) -> Result<(), Fault> {
    let arn = text(target, "Arn")?.ok_or_else(|| faults::not_null("Arn"))?;
    let destination = destination(arn)?;
    text(target, "RoleArn")?.ok_or_else(|| faults::not_null("RoleArn"))?;
    let input = text(target, "Input")?;
    let needs_json =
        matches!(destination.kind, Kind::Function | Kind::StateMachine | Kind::EventBus(_) | Kind::Universal { .. });
    if needs_json && input.is_some_and(|input| windlass_value::validate(input).is_err()) {
        return Err(Fault::validation("Invalid Input: it must be a well-formed JSON document for this target."));
    }
    let group = text(&target["SqsParameters"], "MessageGroupId")?;
    match &destination.kind {
        Kind::Queue { is_fifo: true } if group.is_none() => {
            Err(Fault::validation("SqsParameters must be specified for a FIFO queue."))
        }
        Kind::EventBus(_) if target["EventBridgeParameters"].is_null() => {
            Err(Fault::validation("EventBridgeParameters must be specified for an event bus."))
        }
        Kind::LogGroup(_) | Kind::ApiDestination(_) => Err(malformed(arn)),
        Kind::Universal { service, action } => {
            let given = input.and_then(|input| windlass_value::parse(input).ok());
            if input.is_some() && given.as_ref().is_none_or(|given| given.as_object().is_none()) {
                return Err(Fault::validation("Invalid Input: it must be a JSON object for a universal target."));
            }
            known(service, action)
        }
        _ => Ok(()),
    }?;
    if let Some(queue) = text(&target["DeadLetterConfig"], "Arn")? {
        let is_queue = Destination::parse(queue).is_ok_and(|queue| queue.kind == Kind::Queue { is_fifo: false });
        if !is_queue {
            return Err(Fault::validation("The dead-letter queue must be the ARN of a standard SQS queue."));
        }
    }
    Ok(())
}

fn destination(arn: &str) -> Result<Destination, Fault> {
    Destination::parse(arn).map_err(|error| match error {
        DestinationError::Malformed => malformed(arn),
        DestinationError::NotBuilt(_) => Fault::validation(error.to_string()),
    })
}

fn malformed(arn: &str) -> Fault {
    Fault::validation(format!("Provided Arn is not in correct format: {arn}"))
}

fn known(service: &str, action: &str) -> Result<(), Fault> {
    let unsupported =
        |why: &str| Fault::validation(format!("The target aws-sdk:{service}:{action} is not valid: {why}."));
    if READING.iter().any(|reading| {
        action.strip_prefix(reading).is_some_and(|rest| !rest.starts_with(|next: char| next.is_ascii_lowercase()))
    }) {
        return Err(unsupported("schedules do not call operations that only read"));
    }
    let service = Models::embedded().generic(service).ok_or_else(|| unsupported("the service is not known"))?;
    match service.model.operation_of_sdk(action) {
        Some(_) => Ok(()),
        None => Err(unsupported("the operation is not known")),
    }
}

impl Invocation<'_> {
    /// The call.
    ///
    /// # Errors
    /// Why there is none; no further attempt would help.
    pub(crate) fn request(&self) -> Result<Request, String> {
        let arn = self.target["Arn"].as_str().unwrap_or_default();
        let destination = Destination::parse(arn).map_err(|error| error.to_string())?;
        let input: Text = match self.input {
            Some(input) => input.into(),
            None => self.notification(),
        };
        let group = self.target["SqsParameters"]["MessageGroupId"].as_str();
        match &destination.kind {
            Kind::StateMachine => Ok(Request::start_execution(&destination, self.execution_id, &input)),
            Kind::Function => Ok(Request::invoke(&destination, &input, false)),
            Kind::Queue { .. } => Ok(Request::send_message(&destination, &input, group, None)),
            Kind::Topic => Ok(Request::publish(&destination, &input, None, None)),
            Kind::EventBus(_) => {
                let parameters = &self.target["EventBridgeParameters"];
                let text = |name: &str| Text::from(parameters[name].as_str().unwrap_or_default());
                let entry = EventEntry {
                    source: text("Source"),
                    detail_type: text("DetailType"),
                    detail: self.input.map_or_else(|| "{}".into(), Text::from),
                    resources: vec![self.schedule_arn.into()],
                    time_s: Some(self.scheduled.as_ms().div_euclid(1000)),
                };
                Ok(Request::put_event(&destination, &entry))
            }
            Kind::Universal { service, action } => self.universal(service, action),
            Kind::LogGroup(_) | Kind::ApiDestination(_) => Err(format!("A schedule cannot call {arn}.")),
        }
    }

    fn universal(&self, service: &str, action: &str) -> Result<Request, String> {
        let unknown = || format!("The operation {service}:{action} is not known.");
        let known = Models::embedded().generic(service).ok_or_else(unknown)?;
        let operation = known.model.operation_of_sdk(action).ok_or_else(unknown)?;
        let parameters = match self.input {
            Some(input) => windlass_value::parse(input).map_err(|error| format!("The input is no JSON: {error:?}"))?,
            None => Value::empty_object(),
        };
        let read = known.model.read_sdk_input(operation, &parameters).map_err(|problems| problem_text(&problems))?;
        let mut input = read.input;
        // The SDK fills this in; ours follows from the instant, so that its repeat is none.
        if let (Some(token), Value::Object(members)) = (known.model.idempotency_token(operation), &mut input)
            && !members.contains_key(token)
        {
            Arc::make_mut(members).insert(token, self.execution_id);
        }
        Ok(Request {
            service: known.model.name.to_owned(),
            operation: operation.name.clone(),
            account: self.place.account.to_string(),
            region: self.place.region.to_string(),
            input,
            body: (!read.body.is_empty()).then(|| String::from_utf8_lossy(&read.body).into()),
        })
    }

    /// What a target gets whose schedule has no input.
    fn notification(&self) -> Text {
        object! {
            "version" => "0",
            "id" => self.execution_id,
            "detail-type" => "Scheduled Event",
            "source" => "aws.scheduler",
            "account" => &self.place.account,
            "time" => instant_text(self.scheduled),
            "region" => &self.place.region,
            "resources" => Value::array(vec![self.schedule_arn.into()]),
            "detail" => "{}",
        }
        .to_text()
        .into()
    }
}

fn problem_text(problems: &[SdkProblem]) -> String {
    let one = |problem: &SdkProblem| match problem {
        SdkProblem::Missing(name) => format!("the parameter {name} is missing"),
        SdkProblem::Unknown(name) => format!("the parameter {name} is not known"),
        SdkProblem::Invalid(name) => format!("the parameter {name} has another type"),
    };
    format!("The input does not fit: {}.", problems.iter().map(one).collect::<Vec<_>>().join("; "))
}

/// `2026-11-22T17:00:00Z`
pub(crate) fn instant_text(instant: Timestamp) -> String {
    let text = instant.to_rfc3339();
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}
