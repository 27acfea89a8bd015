//! Which parameters an integration takes.

use windlass_asl::integration_parameters;
use windlass_protocol::SdkProblem;
use windlass_value::{Object, Value};

use super::models::{cannot_start, problem_text};

/// What the language's own table says of an integration's parameters; `None` where it has
/// no such table.
pub(super) fn listed_problems(service: &str, action: &str, given: &Object) -> Option<Vec<SdkProblem>> {
    let asked = integration_parameters(service, action)?;
    let is_given = |name: &str| given.get(name).is_some_and(|value| !value.is_null());
    let missing = asked.required.iter().filter(|name| !is_given(name));
    let mut problems: Vec<SdkProblem> = missing.map(|name| SdkProblem::Missing((*name).to_owned())).collect();
    if let Some(optional) = asked.optional {
        let is_known = |name: &str| asked.required.contains(&name) || optional.contains(&name);
        let unknown = given.keys().filter(|name| !is_known(name));
        problems.extend(unknown.map(|name| SdkProblem::Unknown(name.to_string())));
    }
    Some(problems)
}

/// Why these parameters cannot start a task, by that table alone.
pub(super) fn refusal(service: &str, action: &str, strings: &[&str], parameters: &Value) -> Option<String> {
    let Value::Object(given) = parameters else {
        return Some(cannot_start(parameters, &["The parameters must be an object".to_owned()]));
    };
    let mut problems = listed_problems(service, action, given).unwrap_or_default();
    let is_odd = |name: &&&str| given.get(name).is_some_and(|value| !matches!(value, Value::String(_) | Value::Null));
    problems.extend(strings.iter().filter(is_odd).map(|name| SdkProblem::Invalid((*name).to_owned())));
    let problems: Vec<String> = problems.iter().map(problem_text).collect();
    (!problems.is_empty()).then(|| cannot_start(parameters, &problems))
}
