use std::collections::HashMap;

use windlass_value::{Object, Text, Value, parse};

use crate::entry::Validation;
use crate::error::MockError;
use crate::response::Answers;
use crate::test_case::TestCase;

/// A mock file, checked whole.
#[derive(Clone, Debug, Default)]
pub struct MockFile {
    /// In the order of the file.
    machines: Vec<(Text, HashMap<Text, TestCase>)>,
    responses: HashMap<Text, Answers>,
}

/// Both spellings occur in AWS's own guide.
const RESPONSES: [&str; 2] = ["MockedResponses", "MockResponses"];

impl MockFile {
    /// Reads a mock file; an empty one has no machines. Top-level keys of other tools are
    /// left alone.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn read(text: &str) -> Result<MockFile, MockError> {
        let value = parse(text).map_err(|error| MockError::new(format!("it is no JSON: {error}")))?;
        let top = value.as_object().ok_or_else(|| MockError::new("it is no JSON object"))?;
        let validation = top.get("Validation").map(Validation::read).transpose();
        let validation = validation.map_err(|error| error.within("Validation"))?.unwrap_or_default();
        let mut responses: HashMap<&Text, &Value> = HashMap::new();
        let mut read = HashMap::new();
        for key in RESPONSES {
            for (name, response) in section(top, key)?.into_iter().flat_map(|section| section.iter()) {
                // Checked here, so that also one that no case names is known to be right.
                let answers = Answers::read(response).map_err(|error| error.within(name).within(key))?;
                read.insert(name.clone(), answers);
                responses.insert(name, response);
            }
        }
        let mut machines = Vec::new();
        for (name, machine) in section(top, "StateMachines")?.into_iter().flat_map(|section| section.iter()) {
            let within = |error: MockError| error.within(name).within("StateMachines");
            let machine = machine.as_object().ok_or_else(|| within(MockError::new("it must be an object")))?;
            let mut cases = HashMap::new();
            for (case, states) in section(machine, "TestCases").map_err(within)?.into_iter().flat_map(|all| all.iter())
            {
                let within = |error: MockError| within(error.within(case).within("TestCases"));
                let states = states.as_object().ok_or_else(|| within(MockError::new("it must be an object")))?;
                let states = resolved(states, &responses).map_err(within)?;
                cases.insert(case.clone(), TestCase::new(case, &states, validation).map_err(within)?);
            }
            machines.push((name.clone(), cases));
        }
        Ok(MockFile { machines, responses: read })
    }

    /// A machine's test case.
    pub fn case(&self, machine: &str, case: &str) -> Option<&TestCase> {
        self.machines.iter().find(|(name, _)| &**name == machine)?.1.get(case)
    }

    /// A response by its name.
    pub fn response(&self, name: &str) -> Option<&Answers> {
        self.responses.get(name)
    }

    /// The names of the machines, in the order of the file.
    pub fn machines(&self) -> impl Iterator<Item = &Text> {
        self.machines.iter().map(|(name, _)| name)
    }

    /// The names of a machine's test cases, sorted.
    pub fn cases(&self, machine: &str) -> Vec<&Text> {
        let cases = self.machines.iter().find(|(name, _)| &**name == machine);
        let mut names: Vec<&Text> = cases.into_iter().flat_map(|(_, cases)| cases.keys()).collect();
        names.sort_unstable();
        names
    }
}

fn section<'a>(object: &'a Object, key: &str) -> Result<Option<&'a Object>, MockError> {
    match object.get(key) {
        None => Ok(None),
        Some(value) => match value.as_object() {
            Some(section) => Ok(Some(section)),
            None => Err(MockError::new("it must be an object").within(key)),
        },
    }
}

/// The responses in place of their names; a case may also hold one itself.
fn resolved(states: &Object, responses: &HashMap<&Text, &Value>) -> Result<Object, MockError> {
    let mut resolved = Object::with_capacity(states.len());
    for (state, named) in states.iter() {
        let response = match named {
            Value::String(name) => responses.get(name).copied().cloned().ok_or_else(|| {
                MockError::new(format!("there is no response '{name}' in MockedResponses")).within(state)
            })?,
            inline @ Value::Object(_) => inline.clone(),
            _ => return Err(MockError::new("it must be the name of a response, or one itself").within(state)),
        };
        resolved.insert(state.clone(), response);
    }
    Ok(resolved)
}
