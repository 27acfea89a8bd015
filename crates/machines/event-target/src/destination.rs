use std::fmt;

use windlass_value::Arn;

/// What a target's ARN names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A state machine, one of its versions or aliases.
    StateMachine,
    /// A function, one of its versions or aliases.
    Function,
    /// A queue.
    Queue {
        /// Whether it keeps the order of message groups.
        is_fifo: bool,
    },
    /// A topic.
    Topic,
    /// An event bus, by name.
    EventBus(String),
    /// A log group, by name.
    LogGroup(String),
    /// An API destination, by name.
    ApiDestination(String),
    /// Any operation: `arn:aws:scheduler:::aws-sdk:<service>:<action>`.
    Universal {
        /// As the SDKs for Java name it: `sqs`, `sfn`, `dynamodb`.
        service: String,
        /// With a small first letter: `sendMessage`.
        action: String,
    },
}

/// A target's ARN, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// What it names.
    pub kind: Kind,
    /// The ARN itself.
    pub arn: Arn,
}

/// Why an ARN is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationError {
    /// It is no ARN, or none of a resource.
    Malformed,
    /// It names something that cannot be called yet.
    NotBuilt(String),
}

impl fmt::Display for DestinationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DestinationError::Malformed => f.write_str("Provided Arn is not in correct format."),
            DestinationError::NotBuilt(what) => write!(f, "Windlass does not deliver to {what} yet."),
        }
    }
}

impl std::error::Error for DestinationError {}

impl Destination {
    /// Understands a target's ARN.
    ///
    /// # Errors
    /// It is no ARN, or names what cannot be called yet.
    pub fn parse(text: &str) -> Result<Destination, DestinationError> {
        const SDK: &str = "aws-sdk:";
        let arn = Arn::parse(text).ok_or(DestinationError::Malformed)?;
        if arn.service == "scheduler"
            && let Some(operation) = arn.resource.strip_prefix(SDK)
        {
            let (service, action) = operation.split_once(':').ok_or(DestinationError::Malformed)?;
            let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_word(service) || !is_word(action) {
                return Err(DestinationError::Malformed);
            }
            let kind = Kind::Universal { service: service.to_owned(), action: action.to_owned() };
            return Ok(Destination { kind, arn });
        }
        let is_account = arn.account.len() == 12 && arn.account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account || arn.region.is_empty() {
            return Err(DestinationError::Malformed);
        }
        let kind = kind(&arn)?;
        Ok(Destination { kind, arn })
    }
}

fn kind(arn: &Arn) -> Result<Kind, DestinationError> {
    let named = |name: &str| match name {
        "" => Err(DestinationError::Malformed),
        name => Ok(name.to_owned()),
    };
    let resource = arn.resource.as_str();
    match (arn.service.as_str(), arn.resource_type()) {
        ("states", "stateMachine") => named(arn.resource_id()).map(|_| Kind::StateMachine),
        ("lambda", "function") => named(arn.resource_id()).map(|_| Kind::Function),
        ("sqs", _) if !resource.contains([':', '/']) => Ok(Kind::Queue { is_fifo: resource.ends_with(".fifo") }),
        ("sns", _) if !resource.contains([':', '/']) => Ok(Kind::Topic),
        ("events", "event-bus") => named(arn.resource_id()).map(Kind::EventBus),
        // `api-destination/name/id`
        ("events", "api-destination") => {
            named(arn.resource_id().split('/').next().unwrap_or_default()).map(Kind::ApiDestination)
        }
        // `log-group:name` or `log-group:name:*`
        ("logs", "log-group") => named(arn.resource_id().trim_end_matches(":*")).map(Kind::LogGroup),
        ("sqs" | "sns" | "events" | "states" | "lambda" | "logs", _) => Err(DestinationError::Malformed),
        (service, kind) => Err(DestinationError::NotBuilt(match kind {
            kind if kind == resource => format!("targets of the service '{service}'"),
            kind => format!("targets of the service '{service}' ({kind})"),
        })),
    }
}
