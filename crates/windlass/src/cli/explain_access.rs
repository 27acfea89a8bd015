use std::io;
use std::process::ExitCode;

use clap::Args;
use windlass_value::Value;

use super::client::{CallError, Client, Connection};
use super::{Failure, say, terminal};

const AFTER_HELP: &str = r#"Endpoint, region and credentials are found as the AWS CLI finds them (docs/cli.md). One's own
refusals are told to everybody; those of others to who may perform iam:SimulatePrincipalPolicy
on them.

EXAMPLES
  windlass explain-access                      the last refusals
  windlass explain-access 8c3f…                why the call of that request id was refused
  windlass explain-access --principal arn:aws:iam::000000000000:user/ada \
      --action sqs:SendMessage --resource arn:aws:sqs:us-east-1:000000000000:orders"#;

/// What `windlass explain-access` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ExplainAccessArgs {
    /// The request id of a refused call
    #[arg(value_name = "REQUEST_ID", conflicts_with_all = ["principal", "action", "resource"])]
    request_id: Option<String>,
    /// The ARN of a user, role or session, or a service's name
    #[arg(long, value_name = "ARN", requires = "action")]
    principal: Option<String>,
    /// The action to ask for
    #[arg(long, value_name = "ACTION", requires = "principal")]
    action: Option<String>,
    /// The resource to ask for; absent for actions without one
    #[arg(long, value_name = "ARN", requires = "action")]
    resource: Option<String>,
    #[command(flatten)]
    connection: Connection,
    /// Print the server's answer as JSON
    #[arg(long)]
    json: bool,
}

/// # Errors
/// The server cannot be asked or does not tell.
pub(super) fn explain_access(args: &ExplainAccessArgs) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let told = runtime.block_on(ask(args))?;
    let mut output = io::stdout();
    if args.json {
        say(&mut output, &told.to_pretty());
        return Ok(ExitCode::SUCCESS);
    }
    match told["refusals"].as_array() {
        Some(refusals) if refusals.is_empty() => say(&mut output, "No call was refused of late."),
        Some(refusals) => {
            for refusal in refusals.iter() {
                let text = |member: &str| refusal[member].as_str().unwrap_or_default().to_owned();
                let line =
                    format!("{}  {}  {} on {}", text("requestId"), text("principal"), text("action"), text("resource"));
                say(&mut output, &terminal::printable(&line));
            }
        }
        None => explanation(&told).lines().for_each(|line| say(&mut output, &terminal::printable(line))),
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(args: &ExplainAccessArgs) -> Result<Value, Failure> {
    let path = match (&args.request_id, &args.principal, &args.action) {
        (Some(id), ..) => format!("/_windlass/refusals/{}", encoded(id)),
        (None, Some(principal), Some(action)) => {
            let resource = args.resource.as_deref().unwrap_or("*");
            let (principal, action, resource) = (encoded(principal), encoded(action), encoded(resource));
            format!("/_windlass/access?principal={principal}&action={action}&resource={resource}")
        }
        _ => "/_windlass/refusals".to_owned(),
    };
    let client = Client::new(&args.connection)?;
    client.document_at(&path, "iam").await.map_err(|error| match error {
        CallError::Refused(fault) => Failure(fault.message),
        CallError::Unreachable(text) => Failure(text),
    })
}

/// What the server told, for people.
fn explanation(told: &Value) -> String {
    let text = |member: &str| told[member].as_str().unwrap_or_default();
    let mut lines = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            lines.push_str(&format!("{name:<11}{value}\n"));
        }
    };
    line("request", text("requestId"));
    line("time", text("time"));
    line("principal", text("principal"));
    line("action", text("action"));
    line("resource", text("resource"));
    let outcome = match (told["allowed"].as_bool(), told["letThrough"].as_bool()) {
        (Some(true), _) => "allowed",
        (_, Some(true)) => "let through, because refusals are only logged (authorization.mode)",
        _ => "refused",
    };
    line("outcome", outcome);
    if told["allowed"].as_bool() != Some(true) {
        line("told", text("message"));
        line("to do", text("advice"));
    }
    let statements = told["statements"].as_array().map(|all| all.to_vec()).unwrap_or_default();
    if statements.is_empty() && told["allowed"].as_bool() != Some(true) {
        lines.push_str("\nNo policy was there to be looked at.\n");
    }
    let mut policy = String::new();
    for statement in statements {
        let named = format!("{} ({})", text_of(&statement, "policy"), text_of(&statement, "policyType"));
        if named != policy {
            lines.push_str(&format!("\n{named}\n"));
            policy = named;
        }
        let number = statement["statement"].as_i64().unwrap_or_default() + 1;
        let sid = statement["sid"].as_str().map_or(String::new(), |sid| format!(" {sid}"));
        let verdict = match statement["because"].as_str() {
            Some(because) => format!("does not apply: {because}"),
            None if text_of(&statement, "effect") == "Deny" => "applies, and denies".to_owned(),
            None => "applies, and allows".to_owned(),
        };
        lines.push_str(&format!("  statement {number}{sid}: {verdict}\n"));
    }
    let keys = told["conditionKeys"].as_object().filter(|keys| !keys.is_empty());
    if let Some(keys) = keys {
        lines.push_str("\ncondition keys of the request\n");
        for (key, values) in keys.iter() {
            let values: Vec<&str> =
                values.as_array().map(|values| values.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
            lines.push_str(&format!("  {key} = {}\n", values.join(", ")));
        }
    }
    lines
}

fn text_of<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte as char);
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use windlass_value::parse;

    use super::*;

    #[test]
    fn an_explanation_names_each_statement() {
        let told = parse(
            r#"{"requestId": "r-1", "principal": "p", "action": "sqs:SendMessage", "resource": "q", "message": "no", "advice": "do",
                "letThrough": false, "conditionKeys": {"aws:username": ["ada"]}, "statements": [
                {"policyType": "identity-based policy", "policy": "A", "statement": 0, "sid": "S", "effect": "Allow", "applies": false, "because": "b"},
                {"policyType": "identity-based policy", "policy": "A", "statement": 1, "effect": "Deny", "applies": true}]}"#,
        )
        .expect("JSON");
        assert_eq!(
            explanation(&told),
            "request    r-1\nprincipal  p\naction     sqs:SendMessage\nresource   q\noutcome    refused\ntold       no\nto do      do\n\
             \nA (identity-based policy)\n  statement 1 S: does not apply: b\n  statement 2: applies, and denies\n\
             \ncondition keys of the request\n  aws:username = ada\n"
        );
    }
}
