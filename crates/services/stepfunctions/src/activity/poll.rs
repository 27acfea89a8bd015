use std::time::Duration;

use tokio::sync::oneshot;
use windlass_protocol::{Fault, Reply};
use windlass_value::{Value, object};

use super::catalog::{Activities, ActivityName};
use super::queue::{Handed, Queues};
use crate::environment::Environment;
use crate::keys::Keys;
use crate::request::Request;

/// How long a worker's poll is held open.
const POLL_MS: u64 = 60_000;

/// `GetActivityTask`: the next task, or an empty answer after [`POLL_MS`].
///
/// A task is handed out only after the journal has stored that a worker took it,
/// so that no two workers get it and a restart offers it to none.
pub(crate) async fn poll(
    activities: &Activities,
    queues: &Queues,
    environment: &Environment,
    keys: &Keys,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let named = ActivityName::parse(request.required("activityArn")?, request.call)?;
    let activity = activities.get(&named)?;
    keys.check_reader(request.call, &named.arn, &activity.encryption).await?;
    let worker = request.text("workerName")?;
    let poller = queues.join(&named.arn, environment.quotas().pollers_max).ok_or_else(|| {
        Fault::new("ActivityWorkerLimitExceeded", format!("Activity Worker Limit Exceeded: '{}'", named.arn))
    })?;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(POLL_MS);
    loop {
        let Ok(mut handed) = tokio::time::timeout_at(deadline, poller.next()).await else {
            return Ok(Value::empty_object().into());
        };
        // The start is stored to its end even when the worker goes away meanwhile: the
        // task is then the next worker's.
        let worker = worker.cloned();
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(async move {
            if handed.start(worker).await {
                // Whoever does not take it gives it back.
                drop(sender.send(handed));
            } else {
                // The task timed out or its execution ended since it was queued.
                handed.take();
            }
        });
        if let Some(task) = receiver.await.ok().and_then(Handed::take) {
            return Ok(object! { "taskToken" => task.token, "input" => task.input.text() }.into());
        }
    }
}
