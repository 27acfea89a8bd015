use windlass_protocol::{Fault, Reply};
use windlass_value::Value;

use super::named_alias;
use crate::machine::catalog::Machines;
use crate::machine::record::StateMachine;
use crate::request::Request;

/// `DeleteStateMachineAlias`. Executions started through it go on. An alias that
/// is not there is no error (recorded).
pub(crate) async fn delete_alias(machines: &Machines, request: Request<'_>) -> Result<Reply, Fault> {
    let empty = || Reply::from(Value::empty_object());
    let Some((named, name)) = named_alias(request)? else { return Ok(empty()) };
    let _lock = machines.lock_exclusive(&named.name).await;
    let machine = machines.get(&named.account, &named.region, &named.name)?;
    let Some(old) = machine.filter(|machine| machine.alias(&name).is_some()) else { return Ok(empty()) };
    let mut machine = StateMachine::clone(&old);
    machine.aliases.retain(|alias| *alias.name != *name);
    machines.put(&machine, None).await?;
    Ok(empty())
}
