use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value, object};
use windlass_workflow::epoch_seconds;

use crate::arn::{Kind, StatesArn};
use crate::fault::{invalid_arn, invalid_token};
use crate::machine::catalog::Machines;
use crate::machine::named::Named;
use crate::page::{Pages, Query, RESULTS_DEFAULT, RESULTS_MAX};
use crate::request::Request;

/// `ListStateMachineVersions`, newest first.
///
/// The operation has no fault for a machine that is not there: it has no versions.
pub(crate) async fn list_versions(machines: &Machines, pages: &Pages, request: Request<'_>) -> Result<Reply, Fault> {
    let call = request.call;
    let text = request.required("stateMachineArn")?;
    let machine_arn = StatesArn::parse(text, &[Kind::StateMachine])?.canonical();
    let query =
        Query { operation: &call.operation, account: &call.account, region: &call.region, arguments: &[&machine_arn] };
    let limit = request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?;
    let below = match request.text("nextToken")? {
        Some(token) => pages.open(query, token)?.parse().map_err(|_| invalid_token())?,
        None => u64::MAX,
    };
    let machine = match Named::parse_own(text, call)? {
        Some(named) if named.qualifier.is_some() => return Err(invalid_arn(&format!("Invalid ARN: {text}"))),
        Some(named) => {
            let _lock = machines.lock_shared(&named.name).await;
            machines.get(&named.account, &named.region, &named.name)?
        }
        None => None,
    };
    let mut out = Object::new();
    let Some(machine) = machine else {
        out.insert("stateMachineVersions", Value::array(Vec::new()));
        return Ok(Value::from(out).into());
    };
    let mut rest = machine.versions.list.iter().rev().skip_while(|version| version.number >= below);
    let shown: Vec<_> = rest.by_ref().take(limit).collect();
    let items = shown.iter().map(|version| {
        object! {
            "stateMachineVersionArn" => machine.version_arn(version.number),
            "creationDate" => epoch_seconds(version.at),
        }
    });
    out.insert("stateMachineVersions", Value::array(items.collect()));
    if let Some(last) = shown.last().filter(|_| rest.next().is_some()) {
        out.insert("nextToken", pages.seal(query, &last.number.to_string()));
    }
    Ok(Value::from(out).into())
}
