use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::epoch_seconds;

use super::record::Alias;
use super::routing::Routing;
use crate::environment::Environment;
use crate::fault::{machine_deleting, missing_reference, not_null, quota_exceeded};
use crate::machine::catalog::Machines;
use crate::machine::record::StateMachine;
use crate::request::Request;

const NAME_CHARS_MAX: usize = 80;

/// `CreateStateMachineAlias`. A repeat with equal members answers as the first call.
pub(crate) async fn create_alias(
    machines: &Machines,
    environment: &Environment,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let name = request.required("name")?;
    check_name(name)?;
    let description = request.text("description")?.cloned();
    let Routing { machine: named, routes } =
        Routing::of_request(request)?.ok_or_else(|| not_null("routingConfiguration"))?;
    let _lock = machines.lock_exclusive(&named.name).await;
    let old = machines.get(&named.account, &named.region, &named.name)?;
    let old = old.ok_or_else(|| missing_reference(&named.arn))?;
    if old.deleting {
        return Err(machine_deleting(&old.arn()));
    }
    if let Some(missing) = routes.iter().find(|route| old.versions.get(route.version).is_none()) {
        return Err(missing_reference(&old.version_arn(missing.version)));
    }
    let aliases_max = environment.quotas().aliases_max;
    let created_at = match old.alias(name) {
        Some(alias) if alias.has_routes(&routes) && alias.description == description => alias.created_at,
        Some(_) => {
            let text = "Failed to create alias because an alias with the same name and a different routing configuration already exists.";
            return Err(Fault::new("ConflictException", text));
        }
        None if old.aliases.len() >= aliases_max => return Err(quota_exceeded("aliases", aliases_max, &old.arn())),
        None => {
            let now = environment.now();
            let mut machine = StateMachine::clone(&old);
            machine.aliases.push(Alias { name: name.clone(), description, routes, created_at: now, updated_at: now });
            machines.put(&machine, None).await?;
            now
        }
    };
    let mut out = Object::new();
    out.insert("stateMachineAliasArn", old.alias_arn(name));
    out.insert("creationDate", epoch_seconds(created_at));
    Ok(Value::from(out).into())
}

/// For callers whom no protocol has checked.
fn check_name(name: &str) -> Result<(), Fault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    // A number alone would read as a version.
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || name.len() > NAME_CHARS_MAX || !name.chars().all(allowed) {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$"
        )));
    }
    Ok(())
}
