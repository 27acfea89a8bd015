use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_value::{Value, object};

use crate::create::names;
use crate::input;
use crate::secrets_manager::SecretsManager;

const POLICY_BYTES_MAX: usize = 20_480;

impl SecretsManager {
    /// `PutResourcePolicy`.
    pub(crate) async fn put_policy(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        let policy = input::required(&call.input, "ResourcePolicy")?;
        let document = parse(policy)?;
        if input::flag(&call.input, "BlockPublicPolicy")? && is_public(&document) {
            return Err(Fault::new(
                "PublicPolicyException",
                "The BlockPublicPolicy parameter is set to true, and the resource policy did not prevent broad access to the secret.",
            ));
        }
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            stored.secret.check_not_deleted()?;
            stored.secret.policy = Some(policy.to_owned());
            stored.secret.put(batch, Some(stored.row_version))?;
            Ok(names(&stored.secret))
        })
        .await
    }

    /// `GetResourcePolicy`.
    pub(crate) fn get_policy(&self, call: &Call) -> Outcome {
        let secret = self.secret_of(call, input::required(&call.input, "SecretId")?)?.secret;
        secret.check_not_deleted()?;
        let mut output = secret.names();
        if let Some(policy) = &secret.policy {
            output.insert("ResourcePolicy", policy.as_str());
        }
        Ok(Reply::from(Value::from(output)))
    }

    /// `DeleteResourcePolicy`; none is no error.
    pub(crate) async fn delete_policy(&self, call: &Call) -> Outcome {
        let secret_id = input::required(&call.input, "SecretId")?;
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            stored.secret.check_not_deleted()?;
            if stored.secret.policy.take().is_some() {
                stored.secret.put(batch, Some(stored.row_version))?;
            }
            Ok(names(&stored.secret))
        })
        .await
    }

    /// `ValidateResourcePolicy`.
    pub(crate) fn validate_policy(&self, call: &Call) -> Outcome {
        if let Some(secret_id) = input::text(&call.input, "SecretId")? {
            self.secret_of(call, secret_id)?;
        }
        let errors = match parse(input::required(&call.input, "ResourcePolicy")?) {
            Ok(document) if is_public(&document) => {
                vec![object! {
                    "CheckName" => "PUBLIC_POLICY",
                    "ErrorMessage" => "The resource policy allows broad access to the secret.",
                }]
            }
            Ok(_) => Vec::new(),
            Err(fault) => vec![object! { "CheckName" => "SYNTAX_ERROR", "ErrorMessage" => fault.message }],
        };
        Ok(Reply::from(object! { "PolicyValidationPassed" => errors.is_empty(), "ValidationErrors" => errors }))
    }
}

/// Reads a policy.
///
/// # Errors
/// `MalformedPolicyDocumentException`
fn parse(policy: &str) -> Result<Value, Fault> {
    let malformed = |what: &str| Fault::new("MalformedPolicyDocumentException", what);
    if policy.len() > POLICY_BYTES_MAX {
        return Err(malformed("This resource policy is too long."));
    }
    let document =
        windlass_value::parse(policy).map_err(|_| malformed("This resource policy contains invalid Json."))?;
    let is_statement = |statement: &Value| {
        let has = |names: &[&str]| names.iter().any(|name| statement.get(name).is_some());
        matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"))
            && has(&["Principal", "NotPrincipal"])
            && has(&["Action", "NotAction"])
            && has(&["Resource", "NotResource"])
    };
    let is_policy = statements(&document).is_some_and(|all| !all.is_empty() && all.iter().all(is_statement));
    if is_policy { Ok(document) } else { Err(malformed("This resource policy contains a syntax error.")) }
}

fn statements(document: &Value) -> Option<Vec<Value>> {
    match &document["Statement"] {
        Value::Array(statements) => Some(statements.to_vec()),
        statement @ Value::Object(_) => Some(vec![statement.clone()]),
        _ => None,
    }
}

/// Whether everyone is let in.
fn is_public(document: &Value) -> bool {
    let is_everyone = |principal: &Value| match principal {
        Value::String(text) => &**text == "*",
        Value::Array(many) => many.iter().any(|one| one.as_str() == Some("*")),
        _ => false,
    };
    statements(document).unwrap_or_default().iter().any(|statement| {
        statement["Effect"].as_str() == Some("Allow")
            && statement.get("Condition").is_none()
            && (is_everyone(&statement["Principal"]) || is_everyone(&statement["Principal"]["AWS"]))
    })
}
