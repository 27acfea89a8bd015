//! Executions and state machines by what people call them.

use tokio::task::JoinSet;
use windlass_value::{Value, object};

use super::super::client::{CallError, Client};
use super::super::{Failure, terminal};

/// State machines that are looked through for a name.
const MACHINES_MAX: usize = 5_000;
/// Questions at once.
const AT_ONCE_MAX: usize = 16;
const CANDIDATES_SHOWN_MAX: usize = 20;

/// A state machine of a list.
#[derive(Clone, Debug)]
pub(in super::super) struct Machine {
    pub(in super::super) arn: String,
    pub(in super::super) name: String,
    pub(in super::super) is_express: bool,
}

/// Every state machine.
///
/// # Errors
/// The server's.
pub(in super::super) async fn machines(client: &Client) -> Result<Vec<Machine>, CallError> {
    let mut found = Vec::new();
    let mut token = None::<Value>;
    loop {
        let mut input = windlass_value::Object::new();
        input.insert("maxResults", 1000);
        if let Some(token) = token {
            input.insert("nextToken", token);
        }
        let page = client.states("ListStateMachines", input).await?;
        for machine in items(&page, "stateMachines") {
            found.push(Machine {
                arn: text(&machine, "stateMachineArn"),
                name: text(&machine, "name"),
                is_express: machine["type"].as_str() == Some("EXPRESS"),
            });
        }
        token = page.get("nextToken").cloned().filter(|token| !token.is_null() && found.len() < MACHINES_MAX);
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// The state machine of a name or an ARN (of a version or an alias too).
///
/// # Errors
/// There is none of that name; the server's errors.
pub(super) async fn machine(client: &Client, named: &str) -> Result<Machine, Failure> {
    if named.starts_with("arn:") {
        let name = named.split(':').nth(6).unwrap_or(named).to_owned();
        return Ok(Machine { arn: named.to_owned(), name, is_express: false });
    }
    let all = machines(client).await?;
    match all.iter().find(|machine| machine.name == named) {
        Some(machine) => Ok(machine.clone()),
        None if all.is_empty() => Err(Failure(format!("there is no state machine in {} yet", client.region))),
        None => {
            let names: Vec<&str> = all.iter().map(|machine| &*machine.name).collect();
            Err(Failure(format!("there is no state machine {named} in {}\nThere are: {}", client.region, some(&names))))
        }
    }
}

/// The ARN of an execution: of an ARN itself; of a name, or MACHINE:NAME or
/// MACHINE/NAME, the one that has it.
///
/// # Errors
/// None or several have it; the server's errors.
pub(super) async fn execution(client: &Client, named: &str) -> Result<String, Failure> {
    if named.starts_with("arn:") {
        return Ok(named.to_owned());
    }
    let (machine, name) = match named.split_once([':', '/']) {
        Some((machine, name)) => (Some(machine), name),
        None => (None, named),
    };
    let all = machines(client).await?;
    let asked = all.into_iter().filter(|one| !one.is_express && machine.is_none_or(|name| one.name == name));
    let mut waiting: Vec<String> = asked.filter_map(|one| execution_arn(&one.arn, name)).collect();
    let looked_through = waiting.len();
    let mut asking = JoinSet::new();
    let mut found = Vec::new();
    loop {
        while asking.len() < AT_ONCE_MAX
            && let Some(arn) = waiting.pop()
        {
            let client = client.clone();
            asking.spawn(async move {
                let described = client.states("DescribeExecution", object! { "executionArn" => arn.as_str() }).await;
                (arn, described)
            });
        }
        let Some(answer) = asking.join_next().await else { break };
        let (arn, described) = answer?;
        match described {
            Ok(described) => found.push((arn, described)),
            Err(error) if error.is("ExecutionDoesNotExist") => {}
            Err(error) => return Err(error.into()),
        }
    }
    match &found[..] {
        [(arn, _)] => Ok(arn.clone()),
        [] => Err(Failure(format!(
            "there is no execution {named} in {} ({} looked through)\nSee the last ones: windlass executions list",
            client.region,
            terminal::plural(looked_through, "state machine")
        ))),
        _ => {
            let mut lines: Vec<String> = found
                .iter()
                .map(|(arn, described)| format!("  {:<10} {arn}", described["status"].as_str().unwrap_or_default()))
                .collect();
            lines.sort();
            lines.truncate(CANDIDATES_SHOWN_MAX);
            Err(Failure(format!(
                "{} executions are called {name}; say which by its ARN or as MACHINE:NAME\n{}",
                found.len(),
                lines.join("\n")
            )))
        }
    }
}

/// The ARN of a machine's execution.
pub(in super::super) fn execution_arn(machine_arn: &str, name: &str) -> Option<String> {
    let (head, machine) = machine_arn.split_once(":stateMachine:")?;
    Some(format!("{head}:execution:{machine}:{name}"))
}

/// `MACHINE` and `NAME` of an execution's ARN.
pub(in super::super) fn names(execution_arn: &str) -> (&str, &str) {
    let found = execution_arn.split_once(":execution:").or_else(|| execution_arn.split_once(":express:"));
    let rest = found.map_or(execution_arn, |(_, rest)| rest);
    rest.split_once(':').unwrap_or(("", rest))
}

fn some(names: &[&str]) -> String {
    let shown = names.iter().take(CANDIDATES_SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(CANDIDATES_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The items of a member that is a list.
pub(in super::super) fn items(value: &Value, member: &str) -> Vec<Value> {
    value.get(member).and_then(Value::as_array).map(|items| items.to_vec()).unwrap_or_default()
}

/// The text of a member, or none.
pub(in super::super) fn text(value: &Value, member: &str) -> String {
    value.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_and_names_belong_together() {
        let arn = execution_arn("arn:aws:states:eu-west-1:1:stateMachine:orders", "o-1").expect("a machine's ARN");
        assert_eq!(arn, "arn:aws:states:eu-west-1:1:execution:orders:o-1");
        assert_eq!(names(&arn), ("orders", "o-1"));
        assert_eq!(names("o-1"), ("", "o-1"));
        assert_eq!(names("arn:aws:states:eu-west-1:1:express:quick:e-1:uuid"), ("quick", "e-1:uuid"));
        assert!(execution_arn("arn:aws:states:eu-west-1:1:activity:a", "o-1").is_none());
    }
}
