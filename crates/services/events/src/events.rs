use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use windlass_keyring::Keyring;
use windlass_outbox::{Answers, Outbox, OutboxOptions};
use windlass_outgoing::Outgoing;
use windlass_protocol::{BoxFuture, Call, Dispatcher, Fault, Outcome, Service};
use windlass_store::Store;
use windlass_value::{Arn, Now, Text, Timestamp};

use crate::authorization::{self, Tokens};
use crate::catalogue::Catalogue;
use crate::counters::Counters;
use crate::delivery::Deliverer;
use crate::faults;
use crate::place::{DEFAULT_BUS, Place};
use crate::rate_limit::RateLimits;
use crate::request::Request;
use crate::{
    api_destination, archive, bus_operations, connection, once, put_events, replay, rule_operations, tags,
    target_operations,
};

/// Deliveries under way at once.
const CONCURRENCY_MAX: usize = 256;
/// How often archives forget what is too old.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);

/// How the service works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventsOptions {
    /// What becomes of a schedule's instants that passed while the server was down.
    pub missed_schedules: MissedSchedules,
}

/// What becomes of a schedule's instants that passed while the server was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissedSchedules {
    /// One event for all that were missed, if the first is at most 24 hours old.
    #[default]
    Once,
    /// They are left out.
    Skip,
}

/// The service `events`.
pub struct Events {
    pub(crate) store: Store,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) outgoing: Outgoing,
    pub(crate) keyring: Keyring,
    pub(crate) options: EventsOptions,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) outbox: Outbox,
    pub(crate) answers: Answers,
    pub(crate) tokens: Tokens,
    pub(crate) rate_limits: RateLimits,
    pub(crate) counters: Counters,
    clock: Now,
    stop: Notify,
}

impl Events {
    /// The service over a store opened with [`crate::TABLES`] and those of the
    /// outbox. Nothing is delivered before [`Events::start`].
    ///
    /// # Errors
    /// What the store answers; a row that cannot be read.
    pub fn open(
        store: &Store,
        dispatcher: Dispatcher,
        outgoing: Outgoing,
        keyring: Keyring,
        now: Now,
        options: EventsOptions,
    ) -> Result<Arc<Events>, Fault> {
        let outbox_options = OutboxOptions { concurrency_max: CONCURRENCY_MAX };
        let outbox =
            Outbox::open(store, "events", now.clone(), outbox_options).map_err(|error| faults::of_store(&error))?;
        Ok(Arc::new(Events {
            store: store.clone(),
            dispatcher,
            outgoing,
            keyring,
            options,
            catalogue: Arc::new(Catalogue::open(store)?),
            outbox,
            answers: Answers::open(store, "events", now.clone()),
            tokens: Tokens::default(),
            rate_limits: RateLimits::default(),
            counters: Counters::default(),
            clock: now,
            stop: Notify::new(),
        }))
    }

    /// Begins to deliver, and takes up what an earlier run left. Call within a
    /// runtime, once the dispatcher is wired.
    pub fn start(self: &Arc<Events>) {
        self.outbox.start(Arc::new(Deliverer(Arc::downgrade(self))));
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                {
                    let Some(events) = weak.upgrade() else { return };
                    archive::sweep(&events).await;
                    tokio::select! {
                        () = events.stop.notified() => return,
                        () = tokio::time::sleep(SWEEP_INTERVAL) => {}
                    }
                }
            }
        });
    }

    /// Begins no delivery any more, and waits for those under way.
    pub async fn stop(&self) {
        self.stop.notify_one();
        self.outbox.stop().await;
    }

    /// Values for metrics: name, help, value.
    pub fn measure(&self) -> Vec<(&'static str, &'static str, f64)> {
        let (delivered, failed) = self.counters.read();
        let (buses, rules, archives) = self.catalogue.counts();
        vec![
            ("windlass_events_delivered", "Events delivered to targets since the start", delivered as f64),
            ("windlass_events_given_up", "Deliveries given up since the start", failed as f64),
            (
                "windlass_events_deliveries_under_way",
                "Deliveries to targets that run now",
                self.outbox.under_way() as f64,
            ),
            ("windlass_events_buses", "Event buses", buses as f64),
            ("windlass_events_rules", "Rules", rules as f64),
            ("windlass_events_archives", "Archives", archives as f64),
        ]
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    async fn answer(&self, call: &Call) -> Outcome {
        if let Some(reply) = once::first_answer(self, call)? {
            return Ok(reply);
        }
        match self.perform(call).await {
            // The same call may have been faster.
            Err(fault) => once::first_answer(self, call)?.ok_or(fault),
            outcome => outcome,
        }
    }

    async fn perform(&self, call: &Call) -> Outcome {
        let request = Request::new(call);
        match &*call.operation {
            "PutEvents" => put_events::put_events(self, request).await,
            "CreateEventBus" => bus_operations::create(self, request).await,
            "UpdateEventBus" => bus_operations::update(self, request).await,
            "DescribeEventBus" => bus_operations::describe(self, request),
            "ListEventBuses" => bus_operations::list(self, request),
            "DeleteEventBus" => bus_operations::delete(self, request).await,
            "PutPermission" => bus_operations::put_permission(self, request).await,
            "RemovePermission" => bus_operations::remove_permission(self, request).await,
            "PutRule" => rule_operations::put(self, request).await,
            "DescribeRule" => rule_operations::describe(self, request),
            "ListRules" => rule_operations::list(self, request),
            "ListRuleNamesByTarget" => rule_operations::names_by_target(self, request),
            "EnableRule" => rule_operations::set_state(self, request, "ENABLED").await,
            "DisableRule" => rule_operations::set_state(self, request, "DISABLED").await,
            "DeleteRule" => rule_operations::delete(self, request).await,
            "TestEventPattern" => rule_operations::test_pattern(request),
            "PutTargets" => target_operations::put(self, request).await,
            "RemoveTargets" => target_operations::remove(self, request).await,
            "ListTargetsByRule" => target_operations::list(self, request),
            "CreateArchive" => archive::create(self, request).await,
            "UpdateArchive" => archive::update(self, request).await,
            "DescribeArchive" => archive::describe(self, request).await,
            "ListArchives" => archive::list(self, request).await,
            "DeleteArchive" => archive::delete(self, request).await,
            "StartReplay" => replay::start(self, request).await,
            "DescribeReplay" => replay::describe(self, request),
            "ListReplays" => replay::list(self, request),
            "CancelReplay" => replay::cancel(self, request).await,
            "CreateConnection" => connection::create(self, request).await,
            "UpdateConnection" => connection::update(self, request).await,
            "DescribeConnection" => connection::describe(self, request),
            "ListConnections" => connection::list(self, request),
            "DeauthorizeConnection" => connection::deauthorize(self, request).await,
            "DeleteConnection" => connection::delete(self, request).await,
            "CreateApiDestination" => api_destination::create(self, request).await,
            "UpdateApiDestination" => api_destination::update(self, request).await,
            "DescribeApiDestination" => api_destination::describe(self, request),
            "ListApiDestinations" => api_destination::list(self, request),
            "DeleteApiDestination" => api_destination::delete(self, request).await,
            "TagResource" => tags::tag(self, request).await,
            "UntagResource" => tags::untag(self, request).await,
            "ListTagsForResource" => tags::list(self, request),
            authorization::OPERATION => authorization::answer(self, call).await,
            operation => Err(Fault::not_built(&format!("the EventBridge operation {operation}"))),
        }
    }
}

impl Service for Events {
    fn name(&self) -> &'static str {
        "events"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(async move { self.answer(&call).await })
    }

    fn awaits_event(&self, account: &str, region: &str, source: &str, detail_type: &str) -> bool {
        let place = Place { account: account.into(), region: region.into() };
        self.catalogue.read(&place, |shelf| {
            shelf.buses.get(DEFAULT_BUS).is_some_and(|bus| {
                let rules = bus.rules.values().filter(|rule| rule.is_enabled() && rule.pattern.is_some());
                rules
                    .map(|rule| &rule.heads)
                    .chain(bus.archives.values().map(|archive| &archive.heads))
                    .any(|heads| heads.may_take(source, detail_type))
            })
        })
    }

    /// The policy of a bus.
    fn resource_policy<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        let bus = Arn::parse(resource_arn).filter(|arn| arn.service == "events").and_then(|arn| {
            let place = Place { account: arn.account.as_str().into(), region: arn.region.as_str().into() };
            self.catalogue.bus(&place, arn.resource.strip_prefix("event-bus/")?)
        });
        let policy = bus.and_then(|bus| bus.record.policy.as_deref().map(Text::from));
        Box::pin(std::future::ready(Ok(policy)))
    }
}
