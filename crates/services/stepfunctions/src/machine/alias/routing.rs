use windlass_protocol::{Call, Fault};
use windlass_value::{Value, object};

use super::record::{Route, WEIGHTS_SUM};
use crate::fault::not_null;
use crate::machine::named::{Named, Qualifier};
use crate::machine::record::StateMachine;
use crate::request::Request;

/// Routes an alias may have, as on AWS.
const ROUTES_MAX: usize = 2;

/// A checked `routingConfiguration`.
#[derive(Debug)]
pub(super) struct Routing {
    /// The machine whose versions they are, as one of them names it.
    pub(super) machine: Named,
    pub(super) routes: Vec<Route>,
}

impl Routing {
    /// The routing of a request, if it names one.
    ///
    /// # Errors
    /// `ValidationException` in AWS's words, `InvalidArn`,
    /// `StateMachineDoesNotExist` for another account or region.
    pub(super) fn of_request(request: Request<'_>) -> Result<Option<Routing>, Fault> {
        let Some(items) = request.member("routingConfiguration") else { return Ok(None) };
        let items = items.as_array().ok_or_else(|| not_null("routingConfiguration"))?;
        if items.is_empty() || items.len() > ROUTES_MAX {
            return Err(Fault::validation(format!(
                "1 validation error detected: Value at 'routingConfiguration' failed to satisfy constraint: Member must have length between 1 and {ROUTES_MAX}"
            )));
        }
        checked(items, request.call).map(Some)
    }
}

fn checked(items: &[Value], call: &Call) -> Result<Routing, Fault> {
    let mut arns = Vec::with_capacity(items.len());
    let mut weights = Vec::with_capacity(items.len());
    for item in items {
        arns.push(item["stateMachineVersionArn"].as_str().ok_or_else(|| not_null("stateMachineVersionArn"))?);
        weights.push(
            item["weight"].as_i64().and_then(|weight| u64::try_from(weight).ok()).ok_or_else(|| not_null("weight"))?,
        );
    }
    let received = || format!("Received: [{}]", arns.join(", "));
    let named = arns.iter().map(|arn| Named::parse(arn, call)).collect::<Result<Vec<Named>, Fault>>()?;
    let version = |named: &Named| match named.qualifier {
        Some(Qualifier::Version(number)) => Some(number),
        _ => None,
    };
    let versions: Option<Vec<u64>> = named.iter().map(version).collect();
    let versions = versions.ok_or_else(|| {
        Fault::validation(format!("Routing configuration must contain state machine version ARNs. {}", received()))
    })?;
    let of_one_machine = named.iter().all(|one| named.first().is_some_and(|first| first.name == one.name));
    let machine = named.into_iter().next().filter(|_| of_one_machine).ok_or_else(|| {
        Fault::validation(format!(
            "Routing configuration must contain version ARNs of the same state machine. {}",
            received()
        ))
    })?;
    if versions.iter().enumerate().any(|(at, version)| versions[..at].contains(version)) {
        return Err(Fault::validation(format!(
            "Routing configuration must contain distinct state machine version ARNs. {}",
            received()
        )));
    }
    let sum = weights.iter().fold(0_u64, |sum, weight| sum.saturating_add(*weight));
    if sum != WEIGHTS_SUM {
        let weights: Vec<String> = weights.iter().map(u64::to_string).collect();
        return Err(Fault::validation(format!(
            "Sum of routing configuration weights must equal {WEIGHTS_SUM}. Received: [{}]",
            weights.join(", ")
        )));
    }
    let routes = versions.into_iter().zip(weights).map(|(version, weight)| Route { version, weight }).collect();
    Ok(Routing { machine, routes })
}

/// Routes as `DescribeStateMachineAlias` answers them.
pub(super) fn to_value(machine: &StateMachine, routes: &[Route]) -> Value {
    let item = |route: &Route| {
        object! { "stateMachineVersionArn" => machine.version_arn(route.version), "weight" => route.weight }
    };
    Value::array(routes.iter().map(item).collect())
}
