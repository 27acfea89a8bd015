use windlass_protocol::{Fault, Reply};
use windlass_value::object;
use windlass_workflow::epoch_seconds;

use super::named_alias;
use super::routing::Routing;
use crate::environment::Environment;
use crate::fault::{machine_deleting, missing_reference};
use crate::machine::catalog::Machines;
use crate::machine::record::StateMachine;
use crate::request::Request;

/// `UpdateStateMachineAlias`. The next start follows it.
pub(crate) async fn update_alias(
    machines: &Machines,
    environment: &Environment,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let text = request.required("stateMachineAliasArn")?;
    let (named, name) = named_alias(request)?.ok_or_else(|| missing_reference(text))?;
    let description = request.text("description")?;
    let routing = Routing::of_request(request)?;
    if description.is_none() && routing.is_none() {
        return Err(Fault::validation("Either the description or the routing configuration must be specified"));
    }
    if let Some(routing) = &routing
        && routing.machine.name != named.name
    {
        return Err(Fault::validation(format!(
            "Routing configuration must contain version ARNs of the alias's state machine. Received: [{}]",
            routing.machine.arn
        )));
    }
    let _lock = machines.lock_exclusive(&named.name).await;
    let old = machines.get(&named.account, &named.region, &named.name)?;
    let old = old.filter(|machine| machine.alias(&name).is_some()).ok_or_else(|| missing_reference(text))?;
    if old.deleting {
        return Err(machine_deleting(&old.arn()));
    }
    let routes = routing.map(|routing| routing.routes);
    if let Some(missing) = routes.iter().flatten().find(|route| old.versions.get(route.version).is_none()) {
        return Err(missing_reference(&old.version_arn(missing.version)));
    }
    let now = environment.now();
    let mut machine = StateMachine::clone(&old);
    for alias in machine.aliases.iter_mut().filter(|alias| *alias.name == *name) {
        if let Some(description) = description {
            alias.description = Some(description.clone());
        }
        if let Some(routes) = &routes {
            alias.routes.clone_from(routes);
        }
        alias.updated_at = now;
    }
    machines.put(&machine, None).await?;
    Ok(object! { "updateDate" => epoch_seconds(now) }.into())
}
