use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::epoch_seconds;

use super::{named_alias, routing};
use crate::fault::missing_reference;
use crate::machine::catalog::Machines;
use crate::request::Request;

/// `DescribeStateMachineAlias`.
pub(crate) async fn describe_alias(machines: &Machines, request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("stateMachineAliasArn")?;
    let (named, name) = named_alias(request)?.ok_or_else(|| missing_reference(text))?;
    let machine = {
        let _lock = machines.lock_shared(&named.name).await;
        machines.get(&named.account, &named.region, &named.name)?
    };
    let machine = machine.ok_or_else(|| missing_reference(text))?;
    let alias = machine.alias(&name).ok_or_else(|| missing_reference(text))?;
    let mut out = Object::new();
    out.insert("stateMachineAliasArn", machine.alias_arn(&alias.name));
    out.insert("name", &alias.name);
    if let Some(description) = &alias.description {
        out.insert("description", description);
    }
    out.insert("routingConfiguration", routing::to_value(&machine, &alias.routes));
    out.insert("creationDate", epoch_seconds(alias.created_at));
    out.insert("updateDate", epoch_seconds(alias.updated_at));
    Ok(Value::from(out).into())
}
