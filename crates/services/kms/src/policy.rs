use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Object, Text, Value, object};

use crate::faults;
use crate::grants::Grant;
use crate::input;
use crate::key::KeyRecord;
use crate::kms::Kms;

/// The one name that a key's policy has.
const POLICY_NAME: &str = "default";
const POLICY_BYTES_MAX: usize = 32 * 1024;

impl Kms {
    /// `GetKeyPolicy`.
    pub(crate) fn get_policy(&self, call: &Call) -> Outcome {
        let stored = self.key_itself(call, input::required(&call.input, "KeyId")?)?;
        check_name(call)?;
        Ok(Reply::from(object! { "Policy" => stored.key.policy, "PolicyName" => POLICY_NAME }))
    }

    /// `ListKeyPolicies`.
    pub(crate) fn list_policies(&self, call: &Call) -> Outcome {
        self.key_itself(call, input::required(&call.input, "KeyId")?)?;
        Ok(Reply::from(object! { "PolicyNames" => vec![Value::from(POLICY_NAME)], "Truncated" => false }))
    }

    /// `PutKeyPolicy`.
    pub(crate) async fn put_policy(&self, call: &Call) -> Outcome {
        let key_id = input::required(&call.input, "KeyId")?;
        check_name(call)?;
        let policy = check(input::required(&call.input, "Policy")?)?;
        self.change(call, |batch, _| {
            let mut stored = self.key_to_change(call, key_id)?;
            stored.key.check_not_pending()?;
            stored.key.policy = policy.to_owned();
            stored.key.put(batch, Some(stored.row_version))?;
            Ok(Value::empty_object())
        })
        .await
    }

    /// The policy by which calls are judged: what a grant allows is a statement of its own.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn policy_with_grants(&self, key: &KeyRecord) -> Result<Text, Fault> {
        let grants = self.grants_of(key)?;
        if grants.is_empty() {
            return Ok(key.policy.as_str().into());
        }
        let policy = windlass_value::parse(&key.policy).map_err(|error| faults::row("a key's policy", error))?;
        let mut statements = match &policy["Statement"] {
            Value::Array(statements) => statements.to_vec(),
            statement => vec![statement.clone()],
        };
        statements.extend(grants.iter().flat_map(statements_of));
        let mut with_grants = Object::clone(policy.as_object().unwrap_or(&Default::default()));
        with_grants.insert("Statement", statements);
        Ok(Value::from(with_grants).to_text().into())
    }
}

/// What a grant allows. To hand it on has conditions of its own: whoever may do so
/// only by the grant gives nobody, itself included, more than it has.
fn statements_of(grant: &Grant) -> Vec<Value> {
    const CREATE_GRANT: &str = "CreateGrant";
    let (create, others): (Vec<&String>, Vec<&String>) =
        grant.operations.iter().partition(|operation| *operation == CREATE_GRANT);
    let mut statements = Vec::new();
    if !others.is_empty() {
        statements.push(statement(grant, &others, grant.condition()));
    }
    if !create.is_empty()
        && let Some(condition) = grant.condition_to_grant()
    {
        statements.push(statement(grant, &create, Some(condition)));
    }
    statements
}

fn statement(grant: &Grant, operations: &[&String], condition: Option<Value>) -> Value {
    let mut statement = Object::new();
    statement.insert("Effect", "Allow");
    statement.insert("Principal", grant.principal());
    let actions: Vec<Value> = operations.iter().map(|operation| format!("kms:{operation}").into()).collect();
    statement.insert("Action", actions);
    statement.insert("Resource", "*");
    if let Some(condition) = condition {
        statement.insert("Condition", condition);
    }
    statement.into()
}

fn check_name(call: &Call) -> Result<(), Fault> {
    match input::text(&call.input, "PolicyName")? {
        None | Some(POLICY_NAME) => Ok(()),
        Some(_) => Err(Fault::new("NotFoundException", "No such policy exists")),
    }
}

/// Refuses what is no policy of a key.
///
/// # Errors
/// `MalformedPolicyDocumentException`; too long.
pub(crate) fn check(policy: &str) -> Result<&str, Fault> {
    if policy.len() > POLICY_BYTES_MAX {
        return Err(Fault::new(
            "LimitExceededException",
            format!("The key policy is longer than {POLICY_BYTES_MAX} bytes."),
        ));
    }
    let malformed = |what: &str| Fault::new("MalformedPolicyDocumentException", what);
    let document = windlass_value::parse(policy).map_err(|_| malformed("Policy contains invalid json"))?;
    let statements = match &document["Statement"] {
        Value::Array(statements) if !statements.is_empty() => statements.to_vec(),
        statement @ Value::Object(_) => vec![statement.clone()],
        _ => return Err(malformed("Policy contains a statement with no resource")),
    };
    for statement in &statements {
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(malformed("Policy contains a statement with an invalid effect"));
        }
        if statement.get("Principal").is_none() && statement.get("NotPrincipal").is_none() {
            return Err(malformed("Policy contains a statement with no principal"));
        }
        if statement.get("Action").is_none() && statement.get("NotAction").is_none() {
            return Err(malformed("Policy contains a statement with no action"));
        }
        if statement.get("Resource").is_none() && statement.get("NotResource").is_none() {
            return Err(malformed("Policy contains a statement with no resource"));
        }
    }
    Ok(policy)
}
