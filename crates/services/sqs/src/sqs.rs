use std::sync::Arc;

use windlass_protocol::{BoxFuture, Call, Fault, Outcome, Service};
use windlass_store::Store;
use windlass_value::{Now, Text};

use crate::config::SqsConfig;
use crate::counters::SqsStats;
use crate::queue_name::QueueName;
use crate::shared::{Shared, detached};
use crate::sweep;

/// The service `sqs`.
pub struct Sqs {
    shared: Arc<Shared>,
}

impl Sqs {
    /// Opens the service over a store that declares [`crate::TABLES`] and those of
    /// the outbox. Reads what is in the queues, but for the bodies, and blocks
    /// meanwhile. Call within a tokio runtime with time.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Store, config: SqsConfig, now: Now) -> Result<Arc<Sqs>, Fault> {
        let shared = Arc::new(Shared::open(store, config, now)?);
        tokio::spawn(shared.timekeeper.clone().run(shared.now.clone(), shared.stopping()));
        tokio::spawn(sweep::run(Arc::downgrade(&shared)));
        shared.resume_move_tasks()?;
        Ok(Arc::new(Sqs { shared }))
    }

    /// Receivers that wait are answered, with nothing; the background ends. Other
    /// calls are answered as before, until the store closes.
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    /// Figures for metrics. Goes through the queues, not through their messages.
    pub fn measure(&self) -> SqsStats {
        let now_ms = self.shared.now_ms();
        let mut stats = self.shared.counters.stats();
        for queue in self.shared.catalogue.all() {
            let counts = queue.counts(now_ms);
            stats.queues += 1;
            stats.visible += counts.visible as u64;
            stats.in_flight += counts.in_flight as u64;
            stats.delayed += counts.delayed as u64;
            stats.resident += queue.state.lock().backlog.resident() as u64;
            stats.waiters += queue.waiters() as u64;
        }
        stats
    }
}

/// Answers a call that changes something; runs to its end even if the caller goes.
async fn change(shared: Arc<Shared>, call: Call) -> Outcome {
    match &*call.operation {
        "SendMessage" => shared.send(&call).await,
        "SendMessageBatch" => shared.send_batch(&call).await,
        "DeleteMessage" => shared.delete_message(&call).await,
        "DeleteMessageBatch" => shared.delete_batch(&call).await,
        "ChangeMessageVisibility" => shared.change_visibility(&call).await,
        "ChangeMessageVisibilityBatch" => shared.change_visibility_batch(&call).await,
        "CreateQueue" => shared.create_queue(&call).await,
        "DeleteQueue" => shared.delete_queue(&call).await,
        "SetQueueAttributes" => shared.set_attributes(&call).await,
        "PurgeQueue" => shared.purge_queue(&call).await,
        "TagQueue" => shared.tag_queue(&call).await,
        "UntagQueue" => shared.untag_queue(&call).await,
        "AddPermission" => shared.add_permission(&call).await,
        "RemovePermission" => shared.remove_permission(&call).await,
        "StartMessageMoveTask" => shared.start_move_task(&call).await,
        "CancelMessageMoveTask" => shared.cancel_move_task(&call).await,
        operation => Err(Fault::not_built(&format!("the SQS operation {operation}"))),
    }
}

async fn answer(shared: &Arc<Shared>, call: Call) -> Outcome {
    match &*call.operation {
        "ReceiveMessage" => shared.receive(&call).await,
        "GetQueueUrl" => shared.get_queue_url(&call),
        "GetQueueAttributes" => shared.get_attributes(&call),
        "ListQueues" => shared.list_queues(&call),
        "ListQueueTags" => shared.list_tags(&call),
        "ListDeadLetterSourceQueues" => shared.list_sources(&call),
        "ListMessageMoveTasks" => shared.list_move_tasks(&call),
        _ => detached(change(shared.clone(), call)).await,
    }
}

impl Service for Sqs {
    fn name(&self) -> &'static str {
        "sqs"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(answer(&self.shared, call))
    }

    fn resource_policy<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        let queue = QueueName::of_arn(resource_arn).and_then(|name| self.shared.catalogue.get(&name));
        let policy = queue.and_then(|queue| queue.record().settings.policy.clone());
        Box::pin(std::future::ready(Ok(policy)))
    }
}
