//! Policies of parameters: when one expires, and who is told before.

use windlass_protocol::Fault;
use windlass_value::{Timestamp, Value, object};

use crate::faults;

const POLICIES_MAX: usize = 10;

/// Checks the text of `Policies`; an empty list, or one of empty objects, is none.
///
/// # Errors
/// In AWS's words.
pub(crate) fn check(text: &str) -> Result<Option<String>, Fault> {
    let invalid = |what: &str| Fault::new("InvalidPolicyAttributeException", what);
    let document =
        windlass_value::parse(text).map_err(|_| Fault::validation("The policies must be a JSON list of objects."))?;
    let policies = document.as_array().ok_or_else(|| Fault::validation("The policies must be a JSON list."))?;
    if policies.len() > POLICIES_MAX {
        return Err(Fault::new(
            "PoliciesLimitExceededException",
            format!("A parameter has at most {POLICIES_MAX} policies."),
        ));
    }
    let is_empty = |policy: &Value| policy.as_object().is_some_and(|members| members.is_empty());
    for policy in policies.iter().filter(|policy| !is_empty(policy)) {
        match policy["Type"].as_str() {
            Some("Expiration") => {
                expiration_of(policy).ok_or_else(|| {
                    invalid("The Timestamp of an Expiration policy must be an instant in the form 2018-12-02T21:34:33.000Z.")
                })?;
            }
            Some("ExpirationNotification") => {
                if policy["Attributes"]["Before"].is_null() || policy["Attributes"]["Unit"].is_null() {
                    return Err(invalid("An ExpirationNotification policy needs Before and Unit."));
                }
            }
            Some("NoChangeNotification") => {
                if policy["Attributes"]["After"].is_null() || policy["Attributes"]["Unit"].is_null() {
                    return Err(invalid("A NoChangeNotification policy needs After and Unit."));
                }
            }
            other => {
                return Err(Fault::new(
                    "InvalidPolicyTypeException",
                    format!("The policy type {} isn't supported.", other.unwrap_or("null")),
                ));
            }
        }
    }
    Ok((!policies.iter().all(is_empty)).then(|| text.to_owned()))
}

fn expiration_of(policy: &Value) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(policy["Attributes"]["Timestamp"].as_str()?).ok()
}

/// When a parameter of these policies is deleted.
pub(crate) fn expiration(policies: Option<&str>) -> Option<Timestamp> {
    let document = windlass_value::parse(policies?).ok()?;
    document.as_array()?.iter().filter(|policy| policy["Type"].as_str() == Some("Expiration")).find_map(expiration_of)
}

/// Policies as they are listed.
///
/// # Errors
/// The stored text is no JSON list.
pub(crate) fn answered(policies: Option<&str>) -> Result<Vec<Value>, Fault> {
    let Some(text) = policies else { return Ok(Vec::new()) };
    let document = windlass_value::parse(text).map_err(|error| faults::row("a parameter's policies", error))?;
    let policies = document.as_array().cloned().unwrap_or_default();
    let answered = policies.iter().map(|policy| {
        object! { "PolicyText" => policy.to_text(), "PolicyType" => policy["Type"].clone(), "PolicyStatus" => "Pending" }
    });
    Ok(answered.collect())
}
