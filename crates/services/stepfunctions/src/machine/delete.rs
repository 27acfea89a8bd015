use std::sync::Arc;
use std::time::Duration;

use windlass_journal::{ExecutionQuery, ExecutionsOf, Journal};
use windlass_protocol::{Fault, Reply};
use windlass_store::{IndexScan, Scan};
use windlass_value::Value;
use windlass_workflow::Status;

use super::catalog::Machines;
use super::named::Named;
use super::record::{DELETING, STATE_MACHINES, StateMachine};
use super::stored;
use crate::fault::{of_journal, of_store};
use crate::request::Request;

/// Executions ended between two looks at what is still running.
const STOPS_MAX: usize = 100;

/// `DeleteStateMachine`, with versions and aliases. Answers once the deletion is durable; the machine's
/// executions are ended after that.
///
/// Unknown machines are no error.
pub(crate) async fn delete(machines: &Arc<Machines>, journal: &Journal, request: Request<'_>) -> Result<Reply, Fault> {
    let text = request.required("stateMachineArn")?;
    let empty = || Reply::from(Value::empty_object());
    let Some(named) = Named::parse_own(text, request.call)? else { return Ok(empty()) };
    let _lock = machines.lock_exclusive(&named.name).await;
    let machine =
        if named.qualifier.is_some() { None } else { machines.get(&named.account, &named.region, &named.name)? };
    let Some(machine) = machine.filter(|machine| !machine.deleting) else { return Ok(empty()) };
    if running(journal, &machine, 1)?.is_empty() {
        machines.remove(&machine).await?;
        return Ok(empty());
    }
    let mut deleting = StateMachine::clone(&machine);
    deleting.deleting = true;
    machines.put(&deleting, None).await?;
    end_later(machines.clone(), journal.clone(), named);
    Ok(empty())
}

/// Takes up the deletions that a restart cut off.
///
/// # Errors
/// What the store answers.
pub(crate) fn resume(machines: &Arc<Machines>, journal: &Journal) -> Result<(), Fault> {
    const ROWS_MAX: usize = 1_000;
    let mut scan = Scan::index(IndexScan::new("by_status").equal(DELETING), ROWS_MAX);
    loop {
        let rows = machines.store().scan(&STATE_MACHINES, scan.clone()).map_err(|error| of_store(&error))?;
        for row in &rows {
            let machine = stored::decode(row)?;
            let named = Named {
                arn: machine.arn().to_string(),
                account: machine.account.to_string(),
                region: machine.region.to_string(),
                name: machine.name.to_string(),
                qualifier: None,
            };
            end_later(machines.clone(), journal.clone(), named);
        }
        match rows.last() {
            Some(last) if rows.len() == ROWS_MAX => scan = scan.clone().after(scan.position(&STATE_MACHINES, last)),
            _ => return Ok(()),
        }
    }
}

fn end_later(machines: Arc<Machines>, journal: Journal, named: Named) {
    tokio::spawn(async move {
        const TRIES_MAX: u32 = 20;
        const PAUSE_MS: u64 = 500;
        for _ in 0..TRIES_MAX {
            let Err(fault) = end(&machines, &journal, &named).await else { return };
            tracing::warn!(machine = named.arn, %fault, "a state machine's deletion is held up");
            tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
        }
        // The row stays, so that the next start takes the deletion up again.
        tracing::error!(machine = named.arn, "a state machine's deletion stopped half-way");
    });
}

/// Ends the executions of a machine that is being deleted, then removes it.
async fn end(machines: &Machines, journal: &Journal, named: &Named) -> Result<(), Fault> {
    // No lock is needed until the end: nothing starts on a machine marked so.
    let machine = machines.named(named)?;
    loop {
        let executions = running(journal, &machine, STOPS_MAX)?;
        if executions.is_empty() {
            let _lock = machines.lock_exclusive(&named.name).await;
            return machines.remove(&machine).await;
        }
        for arn in executions {
            journal.stop(&arn, None, None).await.map_err(|error| of_journal(&error))?;
        }
    }
}

fn running(journal: &Journal, machine: &StateMachine, limit: usize) -> Result<Vec<String>, Fault> {
    let machine_arn = machine.arn();
    let of = ExecutionsOf::Machine(&machine_arn);
    let query = ExecutionQuery { of, status: Some(Status::Running), after: None, limit };
    let (records, _) = journal.list(query).map_err(|error| of_journal(&error))?;
    Ok(records.iter().map(|record| record.arn.to_string()).collect())
}
