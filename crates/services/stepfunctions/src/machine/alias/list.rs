use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value, object};
use windlass_workflow::epoch_seconds;

use super::record::Alias;
use crate::fault::{invalid_token, machine_deleting, machine_does_not_exist, missing_reference};
use crate::machine::catalog::Machines;
use crate::machine::named::{Named, Qualifier};
use crate::page::{Pages, Query, RESULTS_DEFAULT, RESULTS_MAX};
use crate::request::Request;

/// `ListStateMachineAliases`, oldest first (recorded); with a version's ARN those
/// that lead to it.
pub(crate) async fn list_aliases(machines: &Machines, pages: &Pages, request: Request<'_>) -> Result<Reply, Fault> {
    let call = request.call;
    let named = Named::parse(request.required("stateMachineArn")?, call)?;
    let machine = {
        let _lock = machines.lock_shared(&named.name).await;
        machines.get(&named.account, &named.region, &named.name)?
    };
    let machine = machine.ok_or_else(|| machine_does_not_exist(&named.arn))?;
    if machine.deleting {
        return Err(machine_deleting(&named.arn));
    }
    let version = match &named.qualifier {
        None => None,
        Some(Qualifier::Version(number)) => {
            machine.versions.get(*number).ok_or_else(|| missing_reference(&named.arn))?;
            Some(*number)
        }
        Some(Qualifier::Alias(_) | Qualifier::Label(_)) => return Err(machine_does_not_exist(&named.arn)),
    };
    let listed_arn = version.map_or_else(|| machine.arn(), |version| machine.version_arn(version));
    let query =
        Query { operation: &call.operation, account: &call.account, region: &call.region, arguments: &[&listed_arn] };
    let limit = request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?;
    let after = request.text("nextToken")?.map(|token| pages.open(query, token)).transpose()?;
    let after = after.map(|position| parse_position(&position).ok_or_else(invalid_token)).transpose()?;
    let mut aliases: Vec<&Alias> = machine.aliases.iter().collect();
    aliases.retain(|alias| version.is_none_or(|version| alias.leads_to(version)));
    aliases.sort_by(|a, b| place(a).cmp(&place(b)));
    if let Some((created_at_ms, name)) = &after {
        aliases.retain(|alias| place(alias) > (*created_at_ms, name.as_str()));
    }
    let has_more = aliases.len() > limit;
    aliases.truncate(limit);
    let items = aliases.iter().map(|alias| {
        object! {
            "stateMachineAliasArn" => machine.alias_arn(&alias.name),
            "creationDate" => epoch_seconds(alias.created_at),
        }
    });
    let mut out = Object::new();
    out.insert("stateMachineAliases", Value::array(items.collect()));
    if let Some(last) = aliases.last().filter(|_| has_more) {
        let (created_at_ms, name) = place(last);
        out.insert("nextToken", pages.seal(query, &format!("{created_at_ms} {name}")));
    }
    Ok(Value::from(out).into())
}

/// Where an alias stands in the list. Unlike a number of aliases, it stays when
/// another one is deleted between two pages.
fn place(alias: &Alias) -> (i64, &str) {
    (alias.created_at.as_ms(), &alias.name)
}

fn parse_position(text: &str) -> Option<(i64, String)> {
    let (created_at_ms, name) = text.split_once(' ')?;
    Some((created_at_ms.parse().ok()?, name.to_owned()))
}
