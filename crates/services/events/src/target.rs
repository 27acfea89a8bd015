use windlass_event_target::{AGE_SECONDS_MAX, ATTEMPTS_MAX, Destination, DestinationError, Kind, Path, RetryPolicy};
use windlass_protocol::Fault;
use windlass_value::{Text, Value};

use crate::faults;
use crate::request::{text, wrong_type};

/// How many variables an input transformer may have.
const VARIABLES_MAX: usize = 100;

/// A rule's target, understood.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) id: String,
    pub(crate) arn: Text,
    pub(crate) role_arn: Option<String>,
    pub(crate) input: Input,
    pub(crate) retry: RetryPolicy,
    /// The ARN of a queue.
    pub(crate) dead_letter: Option<String>,
    pub(crate) message_group_id: Option<String>,
    /// `HttpParameters` as they came.
    pub(crate) http: Option<Value>,
    /// The target as it came.
    pub(crate) document: Value,
}

/// What a target gets of an event.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// All of it.
    Event,
    /// Always the same.
    Constant(Text),
    /// A part.
    Path(Path),
    /// A text made from parts.
    Transformer {
        /// Name and path of each variable.
        variables: Vec<(String, Path)>,
        /// With `<name>` in it.
        template: Text,
    },
}

impl Target {
    /// Understands a target.
    ///
    /// # Errors
    /// `ValidationException` where it is none, or asks for what is not built.
    pub(crate) fn read(document: &Value) -> Result<Target, Fault> {
        let id = text(document, "Id")?.ok_or_else(|| faults::not_null("Id"))?.to_owned();
        let arn = text(document, "Arn")?.ok_or_else(|| faults::not_null("Arn"))?;
        let destination = Destination::parse(arn).map_err(|error| match error {
            DestinationError::Malformed => faults::parameter(arn, &error.to_string()),
            DestinationError::NotBuilt(_) => Fault::validation(format!("Target {id}: {error}")),
        })?;
        if let Kind::Universal { .. } = destination.kind {
            return Err(faults::parameter(arn, &DestinationError::Malformed.to_string()));
        }
        let role_arn = text(document, "RoleArn")?.map(str::to_owned);
        if role_arn.is_none() && matches!(destination.kind, Kind::StateMachine | Kind::ApiDestination(_)) {
            return Err(Fault::validation(format!("RoleArn is required for target {arn}.")));
        }
        let message_group_id = text(&document["SqsParameters"], "MessageGroupId")?.map(str::to_owned);
        if message_group_id.is_none() && destination.kind == (Kind::Queue { is_fifo: true }) {
            return Err(Fault::validation(format!("Parameter(s) SqsParameters must be specified for target: {id}.")));
        }
        let http = document.get("HttpParameters").filter(|value| !value.is_null()).cloned();
        Ok(Target {
            arn: arn.into(),
            role_arn,
            input: input(document, &id)?,
            retry: retry(&document["RetryPolicy"])?,
            dead_letter: dead_letter(document)?,
            message_group_id,
            http,
            document: document.clone(),
            id,
        })
    }
}

fn input(document: &Value, id: &str) -> Result<Input, Fault> {
    let constant = text(document, "Input")?;
    let path = text(document, "InputPath")?;
    let transformer = document.get("InputTransformer").filter(|value| !value.is_null());
    let parse_path = |member: &str, path: &str| {
        Path::parse(path).map_err(|error| faults::parameter(member, &format!("{path} is {error}.")))
    };
    match (constant, path, transformer) {
        (None, None, None) => Ok(Input::Event),
        (Some(constant), None, None) => {
            windlass_value::validate(constant)
                .map_err(|_| Fault::validation(format!("JSON syntax error in input for target {id}")))?;
            Ok(Input::Constant(constant.into()))
        }
        (None, Some(path), None) => Ok(Input::Path(parse_path("InputPath", path)?)),
        (None, None, Some(transformer)) => {
            let template = text(transformer, "InputTemplate")?.ok_or_else(|| faults::not_null("InputTemplate"))?.into();
            let variables = match &transformer["InputPathsMap"] {
                Value::Null => Vec::new(),
                Value::Object(paths) => paths
                    .iter()
                    .map(|(name, path)| {
                        let path = path.as_str().ok_or_else(|| wrong_type("InputPathsMap", "a map of strings"))?;
                        if name.to_ascii_lowercase().starts_with("aws") {
                            return Err(faults::parameter("InputPathsMap", "Keys must not begin with AWS."));
                        }
                        Ok((name.to_string(), parse_path("InputPathsMap", path)?))
                    })
                    .collect::<Result<_, _>>()?,
                _ => return Err(wrong_type("InputPathsMap", "a map of strings")),
            };
            if variables.len() > VARIABLES_MAX {
                return Err(faults::parameter("InputPathsMap", "It has more than 100 entries."));
            }
            Ok(Input::Transformer { variables, template })
        }
        _ => Err(Fault::validation(format!(
            "Only one of Input, InputPath, or InputTransformer must be provided for target {id}."
        ))),
    }
}

fn retry(document: &Value) -> Result<RetryPolicy, Fault> {
    let bounded = |name: &str, max: u32| match &document[name] {
        Value::Null => Ok(max),
        value => value
            .as_i64()
            .and_then(|value| u32::try_from(value).ok())
            .filter(|value| *value <= max)
            .ok_or_else(|| faults::parameter(name, "It is out of bounds.")),
    };
    Ok(RetryPolicy {
        attempts_max: bounded("MaximumRetryAttempts", ATTEMPTS_MAX)?,
        age_seconds_max: bounded("MaximumEventAgeInSeconds", AGE_SECONDS_MAX)?,
    })
}

fn dead_letter(document: &Value) -> Result<Option<String>, Fault> {
    let Some(arn) = text(&document["DeadLetterConfig"], "Arn")? else { return Ok(None) };
    match Destination::parse(arn).map(|destination| destination.kind) {
        Ok(Kind::Queue { is_fifo: false }) => Ok(Some(arn.to_owned())),
        _ => Err(faults::parameter("DeadLetterConfig.Arn", "It must be the ARN of a standard SQS queue.")),
    }
}
