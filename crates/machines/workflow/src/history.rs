use windlass_value::{Number, Object, Payload, Text, Timestamp, Value, object};

macro_rules! event_types {
    ($($name:ident => $details:literal),* $(,)?) => {
        /// The types of history events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "AWS's own words")]
        pub enum EventType { $($name),* }

        impl EventType {
            /// AWS's name of the type.
            pub fn name(self) -> &'static str {
                match self { $(EventType::$name => stringify!($name)),* }
            }

            /// From AWS's name.
            pub fn parse(name: &str) -> Option<EventType> {
                match name { $(stringify!($name) => Some(EventType::$name),)* _ => None }
            }

            /// The member of the event that holds its details.
            pub fn details_member(self) -> &'static str {
                match self { $(EventType::$name => $details),* }
            }
        }
    };
}

event_types! {
    ActivityFailed => "activityFailedEventDetails",
    ActivityScheduled => "activityScheduledEventDetails",
    ActivityScheduleFailed => "activityScheduleFailedEventDetails",
    ActivityStarted => "activityStartedEventDetails",
    ActivitySucceeded => "activitySucceededEventDetails",
    ActivityTimedOut => "activityTimedOutEventDetails",
    ChoiceStateEntered => "stateEnteredEventDetails",
    ChoiceStateExited => "stateExitedEventDetails",
    EvaluationFailed => "evaluationFailedEventDetails",
    ExecutionAborted => "executionAbortedEventDetails",
    ExecutionFailed => "executionFailedEventDetails",
    ExecutionRedriven => "executionRedrivenEventDetails",
    ExecutionStarted => "executionStartedEventDetails",
    ExecutionSucceeded => "executionSucceededEventDetails",
    ExecutionTimedOut => "executionTimedOutEventDetails",
    FailStateEntered => "stateEnteredEventDetails",
    LambdaFunctionFailed => "lambdaFunctionFailedEventDetails",
    LambdaFunctionScheduled => "lambdaFunctionScheduledEventDetails",
    LambdaFunctionScheduleFailed => "lambdaFunctionScheduleFailedEventDetails",
    LambdaFunctionStarted => "",
    LambdaFunctionStartFailed => "lambdaFunctionStartFailedEventDetails",
    LambdaFunctionSucceeded => "lambdaFunctionSucceededEventDetails",
    LambdaFunctionTimedOut => "lambdaFunctionTimedOutEventDetails",
    MapIterationAborted => "mapIterationAbortedEventDetails",
    MapIterationFailed => "mapIterationFailedEventDetails",
    MapIterationStarted => "mapIterationStartedEventDetails",
    MapIterationSucceeded => "mapIterationSucceededEventDetails",
    MapStateAborted => "",
    MapStateEntered => "stateEnteredEventDetails",
    MapStateExited => "stateExitedEventDetails",
    MapStateFailed => "",
    MapStateStarted => "mapStateStartedEventDetails",
    MapStateSucceeded => "",
    ParallelStateAborted => "",
    ParallelStateEntered => "stateEnteredEventDetails",
    ParallelStateExited => "stateExitedEventDetails",
    ParallelStateFailed => "",
    ParallelStateStarted => "",
    ParallelStateSucceeded => "",
    PassStateEntered => "stateEnteredEventDetails",
    PassStateExited => "stateExitedEventDetails",
    SucceedStateEntered => "stateEnteredEventDetails",
    SucceedStateExited => "stateExitedEventDetails",
    TaskFailed => "taskFailedEventDetails",
    TaskScheduled => "taskScheduledEventDetails",
    TaskStarted => "taskStartedEventDetails",
    TaskStartFailed => "taskStartFailedEventDetails",
    TaskStateAborted => "",
    TaskStateEntered => "stateEnteredEventDetails",
    TaskStateExited => "stateExitedEventDetails",
    TaskSubmitFailed => "taskSubmitFailedEventDetails",
    TaskSubmitted => "taskSubmittedEventDetails",
    TaskSucceeded => "taskSucceededEventDetails",
    TaskTimedOut => "taskTimedOutEventDetails",
    WaitStateAborted => "",
    WaitStateEntered => "stateEnteredEventDetails",
    WaitStateExited => "stateExitedEventDetails",
}

/// One event of an execution's history.
#[derive(Clone, Debug)]
pub struct HistoryEvent {
    /// 1, 2, 3, … without gaps.
    pub id: u64,
    /// The event of the same thread of control before it; 0 for none.
    pub previous_event_id: u64,
    /// When.
    pub at: Timestamp,
    /// Its type.
    pub event_type: EventType,
    /// What the type's details hold.
    pub details: Details,
}

/// The details of events, one variant a shape.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the members are AWS's own words")]
pub enum Details {
    None,
    ExecutionStarted {
        input: Payload,
        role_arn: Text,
    },
    StateEntered {
        name: Text,
        input: Payload,
    },
    /// `assigned` holds each variable's value as JSON text.
    StateExited {
        name: Text,
        output: Payload,
        assigned: Vec<(Text, Text)>,
    },
    /// ExecutionSucceeded, LambdaFunctionSucceeded, ActivitySucceeded.
    Output {
        output: Payload,
    },
    /// Failed, aborted, timed out: of executions, functions and activities.
    Failure {
        error: Option<Text>,
        cause: Option<Text>,
    },
    TaskScheduled {
        resource_type: Text,
        resource: Text,
        region: Text,
        parameters: Payload,
        timeout_seconds: Option<i64>,
        heartbeat_seconds: Option<i64>,
        role_arn: Option<Text>,
    },
    LambdaScheduled {
        resource: Text,
        input: Payload,
        timeout_seconds: Option<i64>,
        role_arn: Option<Text>,
    },
    ActivityScheduled {
        resource: Text,
        input: Payload,
        timeout_seconds: Option<i64>,
        heartbeat_seconds: Option<i64>,
    },
    ActivityStarted {
        worker: Option<Text>,
    },
    TaskStarted {
        resource_type: Text,
        resource: Text,
    },
    TaskOutput {
        resource_type: Text,
        resource: Text,
        output: Payload,
    },
    TaskFailure {
        resource_type: Text,
        resource: Text,
        error: Option<Text>,
        cause: Option<Text>,
    },
    MapStarted {
        length: u32,
    },
    /// ExecutionRedriven: how often it was by then.
    Redriven {
        count: u32,
    },
    Iteration {
        name: Text,
        index: u32,
    },
    EvaluationFailed {
        error: Text,
        cause: Text,
        location: Option<Text>,
        state: Text,
    },
}

impl Details {
    /// Bytes of what is stored beside the payloads and has no small bound.
    pub(crate) fn texts_bytes(&self) -> usize {
        let length = |text: &Option<Text>| text.as_ref().map_or(0, |text| text.len());
        match self {
            Details::StateExited { assigned, .. } => {
                assigned.iter().map(|(name, value)| name.len() + value.len()).sum()
            }
            Details::Failure { error, cause } | Details::TaskFailure { error, cause, .. } => {
                length(error) + length(cause)
            }
            Details::EvaluationFailed { error, cause, location, .. } => error.len() + cause.len() + length(location),
            _ => 0,
        }
    }

    /// The payloads in here, for whoever stores them once.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> {
        match self {
            Details::ExecutionStarted { input, .. }
            | Details::StateEntered { input, .. }
            | Details::LambdaScheduled { input, .. }
            | Details::ActivityScheduled { input, .. } => Some(input),
            Details::StateExited { output, .. } | Details::Output { output } | Details::TaskOutput { output, .. } => {
                Some(output)
            }
            Details::TaskScheduled { parameters, .. } => Some(parameters),
            _ => None,
        }
        .into_iter()
    }
}

impl HistoryEvent {
    /// The event as `GetExecutionHistory` answers it; `include_data` false
    /// leaves inputs and outputs out.
    pub fn to_value(&self, include_data: bool) -> Value {
        let mut event = Object::with_capacity(5);
        event.insert("timestamp", epoch_seconds(self.at));
        event.insert("type", self.event_type.name());
        event.insert("id", self.id);
        event.insert("previousEventId", self.previous_event_id);
        if let Some(details) = self.details_value(include_data) {
            event.insert(self.event_type.details_member(), details);
        }
        event.into()
    }

    fn details_value(&self, include_data: bool) -> Option<Value> {
        let mut out = Object::new();
        let data = |out: &mut Object, member: &str, payload: &Payload| {
            if include_data {
                out.insert(member, payload.text());
                if member != "parameters" {
                    out.insert(format!("{member}Details"), object! { "truncated" => false });
                }
            } else if member == "parameters" {
                // The service model requires the member; without data it is empty.
                out.insert(member, "");
            }
        };
        let optional = |out: &mut Object, member: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(member, value);
            }
        };
        let text = |value: &Option<Text>| value.as_ref().map(Value::from);
        let role = |role: &Option<Text>| role.as_ref().map(|arn| object! { "roleArn" => arn });
        match &self.details {
            Details::None => return None,
            Details::ExecutionStarted { input, role_arn } => {
                data(&mut out, "input", input);
                out.insert("roleArn", role_arn);
            }
            Details::StateEntered { name, input } => {
                out.insert("name", name);
                data(&mut out, "input", input);
            }
            Details::StateExited { name, output, assigned } => {
                out.insert("name", name);
                data(&mut out, "output", output);
                if !assigned.is_empty() && include_data {
                    out.insert("assignedVariables", assigned.iter().cloned().collect::<Object>());
                    out.insert("assignedVariablesDetails", object! { "truncated" => false });
                }
            }
            Details::Output { output } => data(&mut out, "output", output),
            Details::Failure { error, cause } => {
                optional(&mut out, "error", text(error));
                optional(&mut out, "cause", text(cause));
            }
            Details::TaskScheduled {
                resource_type,
                resource,
                region,
                parameters,
                timeout_seconds,
                heartbeat_seconds,
                role_arn,
            } => {
                out.insert("resourceType", resource_type);
                out.insert("resource", resource);
                out.insert("region", region);
                data(&mut out, "parameters", parameters);
                optional(&mut out, "timeoutInSeconds", timeout_seconds.map(Value::from));
                optional(&mut out, "heartbeatInSeconds", heartbeat_seconds.map(Value::from));
                optional(&mut out, "taskCredentials", role(role_arn));
            }
            Details::LambdaScheduled { resource, input, timeout_seconds, role_arn } => {
                out.insert("resource", resource);
                data(&mut out, "input", input);
                optional(&mut out, "timeoutInSeconds", timeout_seconds.map(Value::from));
                optional(&mut out, "taskCredentials", role(role_arn));
            }
            Details::ActivityScheduled { resource, input, timeout_seconds, heartbeat_seconds } => {
                out.insert("resource", resource);
                data(&mut out, "input", input);
                optional(&mut out, "timeoutInSeconds", timeout_seconds.map(Value::from));
                optional(&mut out, "heartbeatInSeconds", heartbeat_seconds.map(Value::from));
            }
            Details::ActivityStarted { worker } => optional(&mut out, "workerName", text(worker)),
            Details::TaskStarted { resource_type, resource } => {
                out.insert("resourceType", resource_type);
                out.insert("resource", resource);
            }
            Details::TaskOutput { resource_type, resource, output } => {
                out.insert("resourceType", resource_type);
                out.insert("resource", resource);
                data(&mut out, "output", output);
            }
            Details::TaskFailure { resource_type, resource, error, cause } => {
                out.insert("resourceType", resource_type);
                out.insert("resource", resource);
                optional(&mut out, "error", text(error));
                optional(&mut out, "cause", text(cause));
            }
            Details::MapStarted { length } => {
                out.insert("length", *length);
            }
            Details::Redriven { count } => {
                out.insert("redriveCount", *count);
            }
            Details::Iteration { name, index } => {
                out.insert("name", name);
                out.insert("index", *index);
            }
            Details::EvaluationFailed { error, cause, location, state } => {
                out.insert("error", error);
                out.insert("cause", cause);
                optional(&mut out, "location", text(location));
                out.insert("state", state);
            }
        }
        Some(out.into())
    }
}

/// An instant as AWS's JSON protocols write it: epoch seconds with milliseconds.
pub fn epoch_seconds(at: Timestamp) -> Value {
    let (seconds, ms) = (at.as_ms().div_euclid(1000), at.as_ms().rem_euclid(1000));
    Value::Number(Number::from_literal(&format!("{seconds}.{ms:03}")))
}

/// Where `step` writes history. `Off` only counts, so that an Express execution
/// without logging builds no event.
#[derive(Debug)]
pub enum History {
    /// Events are counted and dropped.
    Off,
    /// Events are kept for whoever stores them.
    On(Vec<HistoryEvent>),
}

impl History {
    /// Takes what was written.
    pub fn take(&mut self) -> Vec<HistoryEvent> {
        match self {
            History::Off => Vec::new(),
            History::On(events) => std::mem::take(events),
        }
    }
}
