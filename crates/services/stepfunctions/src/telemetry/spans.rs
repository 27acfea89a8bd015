//! From history events to spans: one for the execution, each state it was in, each
//! iteration and each attempt of a task.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use windlass_value::{Text, Timestamp};
use windlass_workflow::{Details, EventType, HistoryEvent, Identity};

use super::traces::{ExecutionTrace, span_id};

/// Events whose place is remembered; the earliest are forgotten.
const PLACES_MAX: usize = 100_000;
/// What a span says of a failure's cause.
const CAUSE_CHARS_MAX: usize = 1_024;

/// One span of a trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace_id: [u8; 16],
    /// Names it within the trace.
    pub span_id: [u8; 8],
    /// The span it is part of.
    pub parent_id: Option<[u8; 8]>,
    /// What it is called.
    pub name: String,
    /// Whether something was called outside of the execution, or the execution itself.
    pub kind: SpanKind,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// What it says beside: names of OpenTelemetry's conventions.
    pub attributes: Vec<(&'static str, SpanValue)>,
    /// Why it failed.
    pub failure: Option<String>,
}

/// The place of a span among calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// An execution: somebody asked for it.
    Server,
    /// A state or iteration.
    Internal,
    /// An attempt of a task: it asks somebody.
    Client,
}

/// What a span says of itself.
#[derive(Clone, Debug, PartialEq)]
pub enum SpanValue {
    /// A text.
    Text(Text),
    /// A number.
    Int(i64),
}

/// Takes spans to wherever they are collected. Must not block.
pub trait SpanSink: Send + Sync + 'static {
    /// Takes spans that have ended.
    fn take(&self, spans: Vec<Span>);
}

/// The scope of the execution itself.
const ROOT: u64 = 0;

/// A state or iteration that has not ended. Named by the event that began it.
#[derive(Debug)]
struct Scope {
    parent: u64,
    /// The state's name.
    name: Text,
    /// The iteration's number; `None` for a state.
    index: Option<u32>,
    state_type: &'static str,
    since: Timestamp,
}

/// An attempt that has not ended.
#[derive(Debug)]
struct Attempt {
    scheduled_id: u64,
    scope: u64,
    name: String,
    attributes: Vec<(&'static str, SpanValue)>,
    since: Timestamp,
}

/// Folds the events of one execution, in order.
#[derive(Debug)]
pub(super) struct SpanBuilder {
    identity: Arc<Identity>,
    trace: Arc<ExecutionTrace>,
    /// The next event.
    pub(super) next_id: u64,
    /// When the execution was started or redriven, and the event.
    began: (Timestamp, u64),
    scopes: BTreeMap<u64, Scope>,
    iterations: HashMap<(u64, u32), u64>,
    /// By event: the scope that its followers are in.
    places: BTreeMap<u64, u64>,
    /// Scopes that have ended, and what was around them: later events may follow
    /// events within.
    closed: BTreeMap<u64, u64>,
    /// By the last event of the attempt.
    attempts: HashMap<u64, Attempt>,
}

impl SpanBuilder {
    pub(super) fn new(identity: Arc<Identity>, trace: Arc<ExecutionTrace>) -> SpanBuilder {
        SpanBuilder {
            began: (identity.started_at, 1),
            identity,
            trace,
            next_id: 1,
            scopes: BTreeMap::new(),
            iterations: HashMap::new(),
            places: BTreeMap::new(),
            closed: BTreeMap::new(),
            attempts: HashMap::new(),
        }
    }

    /// Takes the next event; answers the spans it ends.
    pub(super) fn push(&mut self, event: &HistoryEvent) -> Vec<Span> {
        let mut ended = Vec::new();
        self.next_id = event.id + 1;
        let before = self.place_of(event.previous_event_id);
        let name = event.event_type.name();
        let place = match &event.details {
            Details::StateEntered { name, .. } => self.enter(event, before, name),
            Details::StateExited { name, .. } => self.exit(event, before, name, &mut ended),
            Details::Iteration { name, index } => self.iterate(event, before, name, *index, &mut ended),
            Details::LambdaScheduled { .. } | Details::TaskScheduled { .. } | Details::ActivityScheduled { .. } => {
                self.schedule(event, before);
                before
            }
            _ if name.starts_with("Execution") => {
                self.execution(event, &mut ended);
                ROOT
            }
            _ if is_of_container(event.event_type) => self.container(before).unwrap_or(before),
            _ => {
                self.attempt(event, &mut ended);
                before
            }
        };
        if place != ROOT {
            self.places.insert(event.id, place);
            if self.places.len() > PLACES_MAX {
                self.places.pop_first();
            }
        }
        ended
    }

    fn place_of(&self, event_id: u64) -> u64 {
        let mut scope = self.places.get(&event_id).copied().unwrap_or(ROOT);
        while scope != ROOT && !self.scopes.contains_key(&scope) {
            scope = self.closed.get(&scope).copied().unwrap_or(ROOT);
        }
        scope
    }

    /// Takes a scope away.
    fn end(&mut self, id: u64) -> Option<Scope> {
        let scope = self.scopes.remove(&id)?;
        if let Some(index) = scope.index {
            self.iterations.remove(&(scope.parent, index));
        }
        self.closed.insert(id, scope.parent);
        if self.closed.len() > PLACES_MAX {
            self.closed.pop_first();
        }
        Some(scope)
    }

    fn enter(&mut self, event: &HistoryEvent, parent: u64, name: &Text) -> u64 {
        let state_type = event.event_type.name().strip_suffix("StateEntered").unwrap_or_default();
        let scope = Scope { parent, name: name.clone(), index: None, state_type, since: event.at };
        self.scopes.insert(event.id, scope);
        event.id
    }

    fn exit(&mut self, event: &HistoryEvent, before: u64, name: &Text, ended: &mut Vec<Span>) -> u64 {
        let Some(id) = self.enclosing(before, |scope| scope.index.is_none() && scope.name == *name) else {
            return before;
        };
        self.close(id, event.at, None, ended)
    }

    fn iterate(&mut self, event: &HistoryEvent, before: u64, name: &Text, index: u32, ended: &mut Vec<Span>) -> u64 {
        let Some(map) = self.enclosing(before, |scope| scope.index.is_none() && scope.name == *name) else {
            return before;
        };
        if event.event_type == EventType::MapIterationStarted {
            let scope = Scope { parent: map, name: name.clone(), index: Some(index), state_type: "", since: event.at };
            self.scopes.insert(event.id, scope);
            self.iterations.insert((map, index), event.id);
            return event.id;
        }
        let failure = match event.event_type {
            EventType::MapIterationFailed => Some("failed"),
            EventType::MapIterationAborted => Some("aborted"),
            _ => None,
        };
        if let Some(id) = self.iterations.get(&(map, index)).copied() {
            self.close(id, event.at, failure.map(str::to_owned), ended);
        }
        map
    }

    fn schedule(&mut self, event: &HistoryEvent, scope: u64) {
        let text = |text: &Text| SpanValue::Text(text.clone());
        let (name, attributes) = match &event.details {
            Details::LambdaScheduled { resource, .. } => {
                let function = resource.rsplit("function:").next().unwrap_or(resource);
                (
                    function.to_owned(),
                    vec![
                        ("faas.invoked_name", SpanValue::Text(function.into())),
                        ("cloud.resource_id", text(resource)),
                    ],
                )
            }
            Details::ActivityScheduled { resource, .. } => {
                let activity = resource.rsplit(':').next().unwrap_or(resource);
                (activity.to_owned(), vec![("aws.step_functions.activity.arn", text(resource))])
            }
            Details::TaskScheduled { resource_type, resource, region, .. } => (
                format!("{resource_type}:{resource}"),
                vec![
                    ("rpc.system", SpanValue::Text("aws-api".into())),
                    ("rpc.service", text(resource_type)),
                    ("rpc.method", text(resource)),
                    ("cloud.region", text(region)),
                ],
            ),
            _ => return,
        };
        let attempt = Attempt { scheduled_id: event.id, scope, name, attributes, since: event.at };
        self.attempts.insert(event.id, attempt);
    }

    /// An event of an attempt: it goes on, or it is over.
    fn attempt(&mut self, event: &HistoryEvent, ended: &mut Vec<Span>) {
        let Some(attempt) = self.attempts.remove(&event.previous_event_id) else { return };
        let name = event.event_type.name();
        if name.ends_with("Started") || name.ends_with("Submitted") {
            self.attempts.insert(event.id, attempt);
            return;
        }
        let failure = match &event.details {
            Details::Failure { error, cause } | Details::TaskFailure { error, cause, .. } => {
                Some(failure_text(error.as_ref(), cause.as_ref()))
            }
            _ => None,
        };
        ended.push(self.attempt_span(attempt, event.at, failure));
    }

    fn attempt_span(&self, attempt: Attempt, ended_at: Timestamp, failure: Option<String>) -> Span {
        let mut attributes = attempt.attributes;
        attributes.push(("aws.step_functions.event.id", SpanValue::Int(attempt.scheduled_id as i64)));
        Span {
            trace_id: self.trace.trace_id,
            span_id: span_id(&self.identity.arn, attempt.scheduled_id),
            parent_id: Some(self.id_of(attempt.scope)),
            name: attempt.name,
            kind: SpanKind::Client,
            started_at: attempt.since,
            ended_at,
            attributes,
            failure,
        }
    }

    /// The execution begins, goes on or ends.
    fn execution(&mut self, event: &HistoryEvent, ended: &mut Vec<Span>) {
        let failure = match event.event_type {
            EventType::ExecutionSucceeded => None,
            EventType::ExecutionFailed | EventType::ExecutionTimedOut | EventType::ExecutionAborted => {
                match &event.details {
                    Details::Failure { error, cause } if error.is_some() || cause.is_some() => {
                        Some(failure_text(error.as_ref(), cause.as_ref()))
                    }
                    _ => Some(event.event_type.name().trim_start_matches("Execution").to_owned()),
                }
            }
            // Started or redriven.
            _ => {
                self.began = (event.at, event.id);
                return;
            }
        };
        self.close_within(ROOT, event.at, ended);
        let identity = &self.identity;
        let text = |text: &Text| SpanValue::Text(text.clone());
        ended.push(Span {
            trace_id: self.trace.trace_id,
            span_id: self.id_of(ROOT),
            parent_id: self.trace.parent,
            name: identity.machine_name.to_string(),
            kind: SpanKind::Server,
            started_at: self.began.0,
            ended_at: event.at,
            attributes: vec![
                ("aws.step_functions.state_machine.arn", text(&identity.machine_arn)),
                ("aws.step_functions.execution.arn", text(&identity.arn)),
                ("cloud.region", text(&identity.region)),
            ],
            failure,
        });
        self.places.clear();
        self.closed.clear();
    }

    /// Ends a scope and whatever goes on within it; answers the scope around it.
    fn close(&mut self, id: u64, at: Timestamp, failure: Option<String>, ended: &mut Vec<Span>) -> u64 {
        let is_container = self
            .scopes
            .get(&id)
            .is_some_and(|scope| scope.index.is_some() || matches!(scope.state_type, "Map" | "Parallel"));
        if is_container {
            self.close_within(id, at, ended);
        }
        let Some(scope) = self.end(id) else { return ROOT };
        let parent = scope.parent;
        ended.push(self.scope_span(id, scope, at, failure));
        parent
    }

    /// What is still open within a scope was cut short.
    fn close_within(&mut self, within: u64, at: Timestamp, ended: &mut Vec<Span>) {
        let inside = |builder: &SpanBuilder, mut id: u64| {
            while id != ROOT {
                if id == within {
                    return true;
                }
                id = builder.scopes.get(&id).map_or(ROOT, |scope| scope.parent);
            }
            within == ROOT
        };
        let cut: Vec<u64> =
            self.attempts.iter().filter(|(_, one)| inside(self, one.scope)).map(|(id, _)| *id).collect();
        for id in cut {
            if let Some(attempt) = self.attempts.remove(&id) {
                ended.push(self.attempt_span(attempt, at, Some("aborted".to_owned())));
            }
        }
        // Inner scopes began later than those around them.
        let open: Vec<u64> =
            self.scopes.keys().rev().copied().filter(|id| *id != within && inside(self, *id)).collect();
        for id in open {
            if let Some(scope) = self.end(id) {
                let failure = (scope.state_type != "Fail").then(|| "aborted".to_owned());
                ended.push(self.scope_span(id, scope, at, failure));
            }
        }
    }

    fn scope_span(&self, id: u64, scope: Scope, ended_at: Timestamp, failure: Option<String>) -> Span {
        let mut attributes = vec![
            ("aws.step_functions.state.name", SpanValue::Text(scope.name.clone())),
            ("aws.step_functions.event.id", SpanValue::Int(id as i64)),
        ];
        let name = match scope.index {
            Some(index) => {
                attributes.push(("aws.step_functions.map.index", SpanValue::Int(i64::from(index))));
                format!("{}[{index}]", scope.name)
            }
            None => {
                attributes.push(("aws.step_functions.state.type", SpanValue::Text(scope.state_type.into())));
                scope.name.to_string()
            }
        };
        Span {
            trace_id: self.trace.trace_id,
            span_id: self.id_of(id),
            parent_id: Some(self.id_of(scope.parent)),
            name,
            kind: SpanKind::Internal,
            started_at: scope.since,
            ended_at,
            attributes,
            failure,
        }
    }

    fn id_of(&self, scope: u64) -> [u8; 8] {
        span_id(&self.identity.arn, if scope == ROOT { self.began.1 } else { scope })
    }

    /// The nearest scope, from one on outwards, that fits.
    fn enclosing(&self, from: u64, fits: impl Fn(&Scope) -> bool) -> Option<u64> {
        let mut id = from;
        loop {
            let scope = self.scopes.get(&id)?;
            if fits(scope) {
                return Some(id);
            }
            id = scope.parent;
        }
    }

    fn container(&self, from: u64) -> Option<u64> {
        self.enclosing(from, |scope| scope.index.is_none() && matches!(scope.state_type, "Map" | "Parallel"))
    }
}

/// Events of a Map or Parallel state as a whole.
fn is_of_container(event: EventType) -> bool {
    let name = event.name();
    name.starts_with("MapState") || name.starts_with("ParallelState") || name.starts_with("MapRun")
}

fn failure_text(error: Option<&Text>, cause: Option<&Text>) -> String {
    let cause = cause.map(|cause| cause.chars().take(CAUSE_CHARS_MAX).collect::<String>());
    match (error, cause) {
        (Some(error), Some(cause)) => format!("{error}: {cause}"),
        (Some(error), None) => error.to_string(),
        (None, Some(cause)) => cause,
        (None, None) => "failed".to_owned(),
    }
}
