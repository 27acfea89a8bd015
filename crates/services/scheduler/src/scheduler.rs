use std::sync::Arc;

use windlass_outbox::{Answers, Outbox, OutboxOptions};
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Service};
use windlass_store::Store;
use windlass_value::{Now, Timestamp};

use crate::counters::Counters;
use crate::delivery::Deliverer;
use crate::faults;
use crate::request::Request;
use crate::{group, schedule_operations};

/// Invocations under way at once.
const CONCURRENCY_MAX: usize = 256;

/// How the service works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SchedulerOptions {
    /// What becomes of instants that passed while the server was down.
    pub missed_schedules: MissedSchedules,
}

/// What becomes of a schedule's instants that passed while the server was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedSchedules {
    /// One invocation for all that were missed, if the first is not older than the
    /// `MaximumEventAgeInSeconds` of the schedule's retry policy.
    #[default]
    Once,
    /// They are left out.
    Skip,
}

/// The service `scheduler`.
pub struct Scheduler {
    pub(crate) store: Store,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) options: SchedulerOptions,
    pub(crate) outbox: Outbox,
    pub(crate) answers: Answers,
    pub(crate) counters: Counters,
    clock: Now,
}

impl Scheduler {
    /// The service over a store opened with [`crate::TABLES`] and those of the
    /// outbox. Nothing fires before [`Scheduler::start`].
    ///
    /// # Errors
    /// What the store answers.
    pub fn open(
        store: &Store,
        dispatcher: Dispatcher,
        now: Now,
        options: SchedulerOptions,
    ) -> Result<Arc<Scheduler>, Fault> {
        let outbox_options = OutboxOptions { concurrency_max: CONCURRENCY_MAX };
        let outbox =
            Outbox::open(store, "scheduler", now.clone(), outbox_options).map_err(|error| faults::of_store(&error))?;
        Ok(Arc::new(Scheduler {
            store: store.clone(),
            dispatcher,
            options,
            outbox,
            answers: Answers::open(store, "scheduler", now.clone()),
            counters: Counters::default(),
            clock: now,
        }))
    }

    /// Begins to fire, and takes up what an earlier run left. Call within a runtime,
    /// once the dispatcher is wired.
    pub fn start(self: &Arc<Scheduler>) {
        self.outbox.start(Arc::new(Deliverer(Arc::downgrade(self))));
    }

    /// Fires nothing any more, and waits for invocations under way.
    pub async fn stop(&self) {
        self.outbox.stop().await;
    }

    /// Values for metrics: name, help, value.
    pub fn measure(&self) -> Vec<(&'static str, &'static str, f64)> {
        let [fired, delivered, failed] = self.counters.read();
        vec![
            ("windlass_scheduler_fired", "Instants of schedules that fired since the start", fired as f64),
            ("windlass_scheduler_delivered", "Invocations that arrived since the start", delivered as f64),
            ("windlass_scheduler_given_up", "Invocations given up since the start", failed as f64),
        ]
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    async fn answer(&self, call: &Call) -> Outcome {
        let request = Request::new(call);
        match &*call.operation {
            "CreateSchedule" => schedule_operations::create(self, request).await,
            "UpdateSchedule" => schedule_operations::update(self, request).await,
            "GetSchedule" => schedule_operations::get(self, request),
            "DeleteSchedule" => schedule_operations::delete(self, request).await,
            "ListSchedules" => schedule_operations::list(self, request),
            "CreateScheduleGroup" => group::create(self, request).await,
            "GetScheduleGroup" => group::get(self, request),
            "ListScheduleGroups" => group::list(self, request),
            "DeleteScheduleGroup" => group::delete(self, request).await,
            "TagResource" => group::tag(self, request).await,
            "UntagResource" => group::untag(self, request).await,
            "ListTagsForResource" => group::list_tags(self, request),
            operation => Err(Fault::not_built(&format!("the Scheduler operation {operation}"))),
        }
    }
}

impl Service for Scheduler {
    fn name(&self) -> &'static str {
        "scheduler"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(async move { self.answer(&call).await })
    }
}
