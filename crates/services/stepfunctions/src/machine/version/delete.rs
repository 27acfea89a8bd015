use windlass_protocol::{Fault, Reply};
use windlass_value::Value;

use crate::fault::invalid_arn;
use crate::machine::catalog::Machines;
use crate::machine::named::{Named, Qualifier};
use crate::machine::record::StateMachine;
use crate::request::Request;

/// `DeleteStateMachineVersion`. Executions that run it go on. A version that is
/// not there is no error.
pub(crate) async fn delete_version(machines: &Machines, request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("stateMachineVersionArn")?;
    let empty = || Reply::from(Value::empty_object());
    let Some(named) = Named::parse_own(text, request.call)? else { return Ok(empty()) };
    let Some(Qualifier::Version(number)) = named.qualifier else {
        return Err(invalid_arn(&format!("Invalid ARN: {text}")).explained("the ARN names no version: `…:name:1`"));
    };
    let _lock = machines.lock_exclusive(&named.name).await;
    let machine = machines.get(&named.account, &named.region, &named.name)?;
    let Some(old) = machine.filter(|machine| machine.versions.get(number).is_some()) else { return Ok(empty()) };
    let aliases = old.aliases.iter().filter(|alias| alias.leads_to(number));
    let aliases: Vec<&str> = aliases.map(|alias| &*alias.name).collect();
    if !aliases.is_empty() {
        let text = format!(
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [{}]",
            aliases.join(", ")
        );
        return Err(Fault::new("ConflictException", text));
    }
    let mut machine = StateMachine::clone(&old);
    machine.versions.remove(number);
    machines.put_without(&machine, number).await?;
    Ok(empty())
}
