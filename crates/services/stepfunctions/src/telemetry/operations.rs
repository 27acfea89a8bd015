//! What our own API asks about Express executions.

use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Value};
use windlass_workflow::Status;

use super::Telemetry;
use super::express_records::ExpressQuery;
use crate::arn::{Kind, StatesArn};
use crate::fault::{execution_does_not_exist, invalid_token};
use crate::page::{Pages, Query, RESULTS_DEFAULT, RESULTS_MAX};
use crate::request::Request;

/// `windlass:ListExpressExecutions`: those of the caller's account and region, of one
/// machine or status if asked for, the last ended first.
pub(crate) fn list_express(telemetry: &Telemetry, pages: &Pages, request: Request<'_>) -> Result<Reply, Fault> {
    let call = request.call;
    let (machine, status) = (request.text("stateMachineArn")?, request.text("statusFilter")?);
    if let Some(status) = status.filter(|status| Status::parse(status).is_none()) {
        return Err(Fault::validation(format!("'{status}' is no status of an execution")));
    }
    let text = |text: Option<&windlass_value::Text>| text.map_or("", |text| text).to_owned();
    let (of_machine, of_status) = (text(machine), text(status));
    let arguments = [of_machine.as_str(), of_status.as_str()];
    let query =
        Query { operation: &call.operation, account: &call.account, region: &call.region, arguments: &arguments };
    let after = request.text("nextToken")?.map(|token| pages.open(query, token)).transpose()?;
    let after = after.map(|after| after.parse().map_err(|_| invalid_token())).transpose()?;
    let page = telemetry.express_executions(&ExpressQuery {
        place: Some((call.account.clone(), call.region.clone())),
        machine_arn: machine.cloned(),
        status: status.cloned(),
        after,
        limit: request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?,
    });
    let mut out = Object::new();
    out.insert("executions", Value::array(page.executions));
    if let Some(next) = page.next {
        out.insert("nextToken", pages.seal(query, &next.to_string()));
    }
    Ok(Value::from(out).into())
}

/// `windlass:DescribeExpressExecution`, with `events` as far as they are kept.
pub(crate) fn describe_express(telemetry: &Telemetry, request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("executionArn")?;
    let arn = StatesArn::parse(text, &[Kind::Express])?;
    let found = if arn.is_of(request.call) { telemetry.express_execution(&arn.canonical()) } else { None };
    found.map(Reply::from).ok_or_else(|| {
        execution_does_not_exist(text)
            .explained("only the last Express executions are kept: [stepfunctions] express_retention")
    })
}
