use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Value, object};

use crate::faults::{invalid_value, missing_parameter, over_limit};
use crate::input;
use crate::limits::{PERMISSION_ACTIONS_MAX, PERMISSIONS_MAX};
use crate::queue_name::partition;
use crate::record::Record;
use crate::shared::Shared;

/// What one may permit.
const ACTIONS: &[&str] = &[
    "*",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "DeleteMessage",
    "DeleteMessageBatch",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListDeadLetterSourceQueues",
    "PurgeQueue",
    "ReceiveMessage",
    "SendMessage",
    "SendMessageBatch",
];
/// What only the queue's owner may do.
const OWNER_ACTIONS: &[&str] = &[
    "AddPermission",
    "CancelMessageMoveTask",
    "CreateQueue",
    "DeleteQueue",
    "ListMessageMoveTasks",
    "ListQueueTags",
    "ListQueues",
    "RemovePermission",
    "SetQueueAttributes",
    "StartMessageMoveTask",
    "TagQueue",
    "UntagQueue",
];

impl Shared {
    /// `AddPermission`: a statement in the queue's policy.
    pub(crate) async fn add_permission(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let label = input::required_text(&call.input, "Label")?.to_owned();
        let accounts = input::texts(&call.input, "AWSAccountIds");
        let actions = input::texts(&call.input, "Actions");
        if actions.is_empty() {
            return Err(missing_parameter("Actions"));
        }
        check(&label, &accounts, &actions)?;
        let principals =
            accounts.iter().map(|account| format!("arn:{}:iam::{account}:root", partition(&queue.name.region)));
        let statement = object! {
            "Sid" => label.as_str(),
            "Effect" => "Allow",
            "Principal" => object! { "AWS" => one_or_all(principals.collect()) },
            "Action" => one_or_all(actions.iter().map(|action| format!("SQS:{action}")).collect()),
            "Resource" => queue.name.arn(),
        };
        self.change_record(&queue, |record, now_ms| {
            let (policy, mut statements) = policy_of(record, &queue.name.arn());
            if statements.iter().any(|statement| statement["Sid"].as_str() == Some(&label)) {
                return Err(invalid_value(label, "Label", "Already exists."));
            }
            if statements.len() >= PERMISSIONS_MAX {
                return Err(over_limit(format!(
                    "{PERMISSIONS_MAX} statements is the most that a queue's policy may have."
                )));
            }
            statements.push(statement);
            Ok(with_policy(record, &policy, statements, now_ms))
        })
        .await?;
        Ok(Reply::from(Value::empty_object()))
    }

    /// `RemovePermission`.
    pub(crate) async fn remove_permission(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let label = input::required_text(&call.input, "Label")?.to_owned();
        self.change_record(&queue, |record, now_ms| {
            let (policy, mut statements) = policy_of(record, &queue.name.arn());
            let before = statements.len();
            statements.retain(|statement| statement["Sid"].as_str() != Some(&label));
            if statements.len() == before {
                return Err(invalid_value(label, "Label", "can't find label."));
            }
            Ok(with_policy(record, &policy, statements, now_ms))
        })
        .await?;
        Ok(Reply::from(Value::empty_object()))
    }
}

fn check(label: &str, accounts: &[&str], actions: &[&str]) -> Result<(), Fault> {
    const LABEL_CHARS_MAX: usize = 80;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if label.is_empty() || label.len() > LABEL_CHARS_MAX || !label.bytes().all(is_plain) {
        let reason = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
        return Err(invalid_value(label, "Label", reason));
    }
    for action in actions {
        if OWNER_ACTIONS.contains(action) {
            let reason = "Only the queue owner is allowed to invoke this action.";
            return Err(invalid_value(format!("SQS:{action}"), "ActionName", reason));
        }
        if !ACTIONS.contains(action) {
            let reason = "Please refer to the appropriate WSDL for a list of valid actions. ";
            return Err(invalid_value(format!("SQS:{action}"), "ActionName", reason));
        }
    }
    if actions.len() > PERMISSION_ACTIONS_MAX {
        let count = actions.len();
        return Err(over_limit(format!("{count} Actions were found, maximum allowed is {PERMISSION_ACTIONS_MAX}.")));
    }
    let is_account = |account: &&str| account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if accounts.is_empty() || !accounts.iter().all(is_account) {
        return Err(invalid_value(format!("[{}]", accounts.join(", ")), "PrincipalId", "Unable to verify."));
    }
    Ok(())
}

/// The queue's policy, or an empty one, and its statements.
fn policy_of(record: &Record, arn: &str) -> (Value, Vec<Value>) {
    let policy = record.settings.policy.as_ref().and_then(|policy| windlass_value::parse(policy).ok());
    let policy = policy.unwrap_or_else(|| {
        object! { "Version" => "2008-10-17", "Id" => format!("{arn}/SQSDefaultPolicy"), "Statement" => Vec::new() }
    });
    let statements = match &policy["Statement"] {
        Value::Array(statements) => statements.to_vec(),
        statement @ Value::Object(_) => vec![statement.clone()],
        _ => Vec::new(),
    };
    (policy, statements)
}

fn with_policy(record: &Record, policy: &Value, statements: Vec<Value>, now_ms: i64) -> Record {
    let mut attributes = record.attributes.clone();
    if statements.is_empty() {
        attributes.remove("Policy");
    } else {
        let mut members = policy.as_object().map(|members| (**members).clone()).unwrap_or_default();
        members.insert("Statement", statements);
        attributes.insert("Policy".to_owned(), Value::from(members).to_text());
    }
    record.with_attributes(attributes, now_ms)
}

fn one_or_all(mut texts: Vec<String>) -> Value {
    match texts.len() {
        1 => Value::from(texts.remove(0)),
        _ => texts.into_iter().map(Value::from).collect::<Vec<_>>().into(),
    }
}
