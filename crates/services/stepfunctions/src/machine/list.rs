use windlass_protocol::{Call, Fault, Reply};
use windlass_store::{IndexScan, Position, Row, Scan, Store, Table};
use windlass_value::{Object, Text, Value};
use windlass_workflow::epoch_seconds;

use super::catalog::Machines;
use super::record::{STATE_MACHINES, WorkflowKind, key};
use super::stored;
use crate::fault::of_store;
use crate::page::{Pages, Query, RESULTS_DEFAULT, RESULTS_MAX};
use crate::request::Request;

/// `ListStateMachines`, by name.
pub(crate) fn list(machines: &Machines, pages: &Pages, request: Request<'_>) -> Result<Reply, Fault> {
    let (rows, next) = rows_by_name(machines.store(), &STATE_MACHINES, pages, request)?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        let machine = stored::summary(row)?;
        let mut item = Object::new();
        item.insert("stateMachineArn", machine.arn);
        item.insert("name", machine.name);
        item.insert("type", machine.kind.as_str());
        item.insert("creationDate", epoch_seconds(machine.created_at));
        items.push(item.into());
    }
    let mut out = Object::new();
    out.insert("stateMachines", Value::array(items));
    if let Some(next) = next {
        out.insert("nextToken", next);
    }
    Ok(Value::from(out).into())
}

/// ARNs of the Standard machines of an account and region, by name, at most `max`.
pub(crate) fn arns_of_standard(
    machines: &Machines,
    account: &str,
    region: &str,
    max: usize,
) -> Result<Vec<Text>, Fault> {
    let scan = Scan::index(IndexScan::new("by_name").equal(account).equal(region), max);
    let rows = machines.store().scan(&STATE_MACHINES, scan).map_err(|error| of_store(&error))?;
    let mut arns = Vec::with_capacity(rows.len());
    for row in &rows {
        let machine = stored::summary(row)?;
        if machine.kind == WorkflowKind::Standard {
            arns.push(machine.arn.into());
        }
    }
    Ok(arns)
}

/// A page of a table whose index `by_name` leads with account, region and name,
/// and whose keys are made of the same; and the token of the next page.
pub(crate) fn rows_by_name(
    store: &Store,
    table: &'static Table,
    pages: &Pages,
    request: Request<'_>,
) -> Result<(Vec<Row>, Option<String>), Fault> {
    let call = request.call;
    let (account, region) = (&*call.account, &*call.region);
    let query = Query { operation: &call.operation, account, region, arguments: &[] };
    let limit = request.results_max(RESULTS_DEFAULT, RESULTS_MAX)?;
    let index = IndexScan::new("by_name").equal(account).equal(region);
    // One more than asked for tells whether there is a next page.
    let mut scan = Scan::index(index, limit + 1);
    if let Some(token) = request.text("nextToken")? {
        let name = pages.open(query, token)?;
        let columns = vec![account.into(), region.into(), name.as_str().into()];
        scan = scan.after(Position { columns, key: key(account, region, &name) });
    }
    let mut rows = store.scan(table, scan).map_err(|error| of_store(&error))?;
    if rows.len() <= limit {
        return Ok((rows, None));
    }
    rows.truncate(limit);
    let next = rows.last().map(|row| {
        let name = column_text(row, NAME_COLUMN).unwrap_or_default();
        pages.seal(query, name)
    });
    Ok((rows, next))
}

/// How many rows of such a table are of a call's account and region.
pub(crate) fn count_by_name(store: &Store, table: &'static Table, call: &Call) -> Result<u64, Fault> {
    let index = IndexScan::new("by_name").equal(&*call.account).equal(&*call.region);
    store.count(table, Scan::index(index, 0)).map_err(|error| of_store(&error))
}

const NAME_COLUMN: usize = 2;

fn column_text(row: &Row, at: usize) -> Option<&str> {
    match row.columns.get(at) {
        Some(windlass_store::ColumnValue::Text(text)) => Some(text),
        _ => None,
    }
}
