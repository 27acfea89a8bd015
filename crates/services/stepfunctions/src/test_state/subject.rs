//! The state under test.

use windlass_asl::{
    Diagnostic, Machine, Options, Pattern, QueryLanguage, Resource, Severity, State, StateKind,
    invalid_definition_message, parse_definition, parse_state,
};
use windlass_protocol::Fault;
use windlass_value::Text;

use crate::request::Request;

/// What a state is called whose definition stands alone.
const UNNAMED: &str = "StateName";

/// A state, and a machine that has nothing but it.
pub(super) struct Subject {
    name: Text,
    machine: Machine,
}

impl Subject {
    /// The state of a request: its definition, or the one named in a whole machine, at any
    /// depth.
    pub(super) fn of(request: Request<'_>) -> Result<Subject, Fault> {
        let definition = request.required("definition")?;
        let options = Options::default();
        let Some(name) = request.text("stateName")? else {
            let parsed = parse_state(definition, UNNAMED, &options);
            let state = accepted(parsed.state.as_deref(), &parsed.diagnostics)?;
            return Ok(Subject::new(state.clone()));
        };
        let parsed = parse_definition(definition, &options);
        let machine = accepted(parsed.machine.as_deref(), &parsed.diagnostics)?;
        let state = machine.find(name).ok_or_else(|| Fault::validation("State not found in definition"))?;
        Ok(Subject::new(state.clone()))
    }

    fn new(state: State) -> Subject {
        Subject { name: state.name.clone(), machine: Machine::of_state(state) }
    }

    pub(super) fn name(&self) -> &Text {
        &self.name
    }

    pub(super) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(super) fn state(&self) -> &State {
        // The machine was made of it.
        &self.machine.states[&self.name]
    }

    pub(super) fn is_jsonata(&self) -> bool {
        self.state().query_language == QueryLanguage::Jsonata
    }

    /// What the state calls, where it is a task.
    pub(super) fn resource(&self) -> Option<&Resource> {
        match &self.state().kind {
            StateKind::Task(task) => Some(&task.resource),
            _ => None,
        }
    }

    /// Whether a token or the end of a job answers the task.
    pub(super) fn waits_for_answer(&self) -> bool {
        match self.resource() {
            Some(Resource::Integration { pattern, .. }) => *pattern != Pattern::RequestResponse,
            Some(Resource::Activity) => true,
            Some(Resource::Function) | None => false,
        }
    }

    /// Whether a state of that name is inside this Parallel or Map.
    pub(super) fn has_inside(&self, name: &str) -> bool {
        match &self.state().kind {
            StateKind::Parallel { branches } => branches.iter().any(|branch| branch.find(name).is_some()),
            StateKind::Map(map) => map.processor.find(name).is_some(),
            _ => false,
        }
    }

    /// Refuses what AWS only takes with a mock.
    pub(super) fn check_runs_unmocked(&self, has_role: bool) -> Result<(), Fault> {
        let refused = |text: &str| Err(Fault::new("InvalidDefinition", text));
        match (&self.state().kind, self.resource()) {
            (StateKind::Parallel { .. } | StateKind::Map(_), _) => refused(
                "TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]",
            ),
            (_, Some(Resource::Activity)) => {
                refused("TestState API does not support Activity tasks when a mock is not specified.")
            }
            (_, Some(_)) if self.waits_for_answer() => refused(
                "TestState API does not support the .sync and .waitForTaskToken service integration patterns when a mock is not specified.",
            ),
            (_, Some(_)) if !has_role => Err(Fault::validation("RoleArn must be specified when testing a Task state")),
            _ => Ok(()),
        }
    }
}

/// What was parsed, unless anything stands in the way.
fn accepted<'a, T>(parsed: Option<&'a T>, diagnostics: &[Diagnostic]) -> Result<&'a T, Fault> {
    let has_errors = diagnostics.iter().any(|found| found.severity == Severity::Error);
    match parsed {
        Some(parsed) if !has_errors => Ok(parsed),
        _ => Err(Fault::new("InvalidDefinition", invalid_definition_message(diagnostics))),
    }
}
