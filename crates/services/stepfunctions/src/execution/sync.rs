use windlass_journal::Journal;
use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Payload, Timestamp, Value, object};
use windlass_workflow::epoch_seconds;

use super::describe::{data_members, optional};
use super::details;
use super::start::{new_execution, runnable};
use crate::environment::Environment;
use crate::fault::{invalid_arn, machine_type_not_supported};
use crate::integration::Depths;
use crate::keys::Keys;
use crate::machine::{Machines, Named};
use crate::request::Request;

/// `StartSyncExecution`: Express only; answers when the execution is over.
pub(crate) async fn start_sync(
    machines: &Machines,
    journal: &Journal,
    environment: &Environment,
    depths: &Depths,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let arn = request.required("stateMachineArn")?;
    if arn.contains('#') {
        return Err(invalid_arn(&format!("StartSyncExecution takes no test case: {arn}")));
    }
    let named = Named::parse(arn, request.call)?;
    let new = {
        let _lock = machines.lock_shared(&named.name).await;
        let target = runnable(machines, &named, environment)?;
        if !target.machine.is_express() {
            return Err(machine_type_not_supported());
        }
        new_execution(&target, None, environment, keys, request).await?
    };
    let identity = new.identity.clone();
    let trace_header = details::trace_header(&new.details).cloned();
    let _entered = depths.enter(&identity.arn, request.call.depth);
    let outcome = journal.run_express(new, false).await;
    let mut out = Object::new();
    out.insert("executionArn", &identity.arn);
    out.insert("stateMachineArn", &identity.machine_arn);
    out.insert("name", &identity.name);
    out.insert("startDate", epoch_seconds(outcome.started_at));
    out.insert("stopDate", epoch_seconds(outcome.stopped_at));
    out.insert("status", outcome.status.as_str());
    optional(&mut out, "error", outcome.error.as_ref().map(Value::from));
    optional(&mut out, "cause", outcome.cause.as_ref().map(Value::from));
    data_members(request, &mut out, &identity.input, outcome.output.as_ref())?;
    optional(&mut out, "traceHeader", trace_header);
    out.insert(
        "billingDetails",
        billing(outcome.started_at, outcome.stopped_at, &identity.input, outcome.output.as_ref()),
    );
    Ok(Value::from(out).into())
}

/// What AWS would bill of an Express execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Billed {
    /// In steps of 100 ms.
    pub(crate) duration_ms: u64,
    /// In steps of 64 MB.
    pub(crate) memory_bytes: u64,
}

const MB: u64 = 1 << 20;

/// Reckons what AWS would bill, `bytes` being what input and output take. The memory is that of the payloads, far above which
/// no execution gets here.
pub(crate) fn billed(started_at: Timestamp, stopped_at: Timestamp, bytes: usize) -> Billed {
    const STEP_MS: u64 = 100;
    const STEP_BYTES: u64 = 64 * MB;
    let duration_ms = (stopped_at.as_ms() - started_at.as_ms()).max(1).unsigned_abs();
    Billed {
        duration_ms: duration_ms.div_ceil(STEP_MS) * STEP_MS,
        memory_bytes: (bytes as u64).div_ceil(STEP_BYTES).max(1) * STEP_BYTES,
    }
}

fn billing(started_at: Timestamp, stopped_at: Timestamp, input: &Payload, output: Option<&Payload>) -> Value {
    let billed = billed(started_at, stopped_at, input.bytes_len() + output.map_or(0, Payload::bytes_len));
    object! {
        "billedMemoryUsedInMB" => billed.memory_bytes / MB,
        "billedDurationInMilliseconds" => billed.duration_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_billed_in_steps_of_100_ms() {
        for (duration_ms, billed_ms) in [(0, 100), (1, 100), (100, 100), (101, 200), (250, 300), (-5, 100)] {
            let found =
                billing(Timestamp(1_000), Timestamp(1_000 + duration_ms), &Payload::from_valid_text("{}"), None);
            let expected = object! { "billedMemoryUsedInMB" => 64, "billedDurationInMilliseconds" => billed_ms };
            assert_eq!(found, expected, "{duration_ms}");
        }
    }
}
