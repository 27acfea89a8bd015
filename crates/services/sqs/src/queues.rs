//! The operations on queues as such.

use std::sync::Arc;

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{Batch, CommitError};
use windlass_value::{Object, Value, object};

use crate::attributes::{self, Attributes};
use crate::backlog::State;
use crate::faults::{invalid_value, no_queue, of_commit, unknown_attribute};
use crate::input;
use crate::limits::{PURGE_INTERVAL_MS, QUEUES_MAX, RECREATE_INTERVAL_MS};
use crate::queue::Queue;
use crate::queue_name::{self, QueueName};
use crate::random;
use crate::record::{self, Record};
use crate::redrive::RedrivePolicy;
use crate::shared::Shared;
use crate::tables::{DEBRIS, QUEUES, SEQUENCES};
use crate::tags;

const MS_PER_S: i64 = 1000;

impl Shared {
    /// The queue that a request's `QueueUrl` names.
    ///
    /// # Errors
    /// It is missing, or there is no such queue.
    pub(crate) fn queue_of(&self, call: &Call) -> Result<Arc<Queue>, Fault> {
        let url = input::required_text(&call.input, "QueueUrl")?;
        self.catalogue.get(&QueueName::of_url(call, url)?).ok_or_else(no_queue)
    }

    /// `http(s)://<host>/<account>/<name>`.
    pub(crate) fn url(&self, name: &QueueName) -> String {
        format!("{}/{}/{}", self.config.base_url.trim_end_matches('/'), name.account, name.name)
    }

    /// `CreateQueue`.
    pub(crate) async fn create_queue(&self, call: &Call) -> Outcome {
        let name = input::required_text(&call.input, "QueueName")?;
        let given = input::text_map(&call.input, "Attributes");
        // Without the attribute it is the name that is wrong.
        let fifo = given.get("FifoQueue").is_some_and(|fifo| fifo.eq_ignore_ascii_case("true"));
        queue_name::check(name, fifo)?;
        let name = QueueName::of_caller(call, name);
        let mut tags = input::text_map(&call.input, "tags");
        tags.extend(input::text_map(&call.input, "Tags"));
        tags::check(&name.name, &tags)?;
        let mut attributes = attributes::defaults(fifo);
        attributes::put_over(&mut attributes, &given, fifo)?;
        self.check_redrive(&name, &given)?;
        let _changing = self.changing(&name).await;
        let answer = Reply::from(object! { "QueueUrl" => self.url(&name) });
        if let Some(queue) = self.catalogue.get(&name) {
            return match attributes::first_difference(&queue.record().attributes, &given, fifo) {
                None => Ok(answer),
                Some(attribute) => Err(Fault::new(
                    "QueueNameExists",
                    format!(
                        "A queue already exists with the same name and a different value for attribute {attribute}"
                    ),
                )),
            };
        }
        let now_ms = self.now_ms();
        if self.config.recreate_rule && self.was_deleted_recently(&name, now_ms) {
            return Err(Fault::new(
                "QueueDeletedRecently",
                "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
            ));
        }
        if self.catalogue.len() >= QUEUES_MAX {
            return Err(crate::faults::over_limit(format!("This server holds at most {QUEUES_MAX} queues.")));
        }
        let deduplicates_by_group = attributes.get("DeduplicationScope").is_some_and(|it| it == "messageGroup");
        let record = Record {
            id: u64::from_be_bytes(random::bytes()?),
            secret: random::bytes()?,
            created_ms: now_ms,
            modified_ms: now_ms,
            settings: Arc::new(attributes::Settings::read(&attributes)),
            attributes,
            tags,
            purged_before: 0,
            purged_ms: None,
            deduplicates_by_group,
        };
        let mut batch = Batch::default();
        batch.expect_absent(&QUEUES, name.key());
        record.put(&mut batch, &name);
        match self.store.commit(batch).await {
            Ok(()) => {}
            Err(error @ CommitError::Expectation { .. }) => {
                return Err(Fault::internal(format!("{name} is stored but not known: {error}")));
            }
            Err(error) => return Err(of_commit(&error)),
        }
        self.catalogue.insert(Arc::new(Queue::new(name, record, 0, &self.residents)));
        Ok(answer)
    }

    /// `DeleteQueue`. Its messages go in the background.
    pub(crate) async fn delete_queue(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let _changing = self.changing(&queue.name).await;
        let mut batch = Batch::default();
        batch.delete(&QUEUES, queue.name.key());
        batch.delete(&SEQUENCES, queue.prefix().clone());
        batch.put(&DEBRIS, queue.key(u64::MAX), Vec::new(), Vec::new());
        let commit = {
            let mut state = queue.state.lock();
            if state.closing {
                return Err(no_queue());
            }
            // Nothing is written for the queue behind this batch.
            state.closing = true;
            self.store.commit(batch)
        };
        if let Err(error) = commit.await {
            queue.state.lock().closing = false;
            return Err(of_commit(&error));
        }
        self.catalogue.remove(&queue.name);
        if self.config.recreate_rule {
            self.remember_deleted(&queue.name, self.now_ms());
        }
        queue.arrivals.notify_waiters();
        self.debris_fell();
        Ok(Reply::from(Value::empty_object()))
    }

    /// `GetQueueUrl`.
    pub(crate) fn get_queue_url(&self, call: &Call) -> Outcome {
        let mut name = QueueName::of_caller(call, input::required_text(&call.input, "QueueName")?);
        if let Some(owner) = input::text(&call.input, "QueueOwnerAWSAccountId") {
            name.account = owner.to_owned();
        }
        let queue = self.catalogue.get(&name).ok_or_else(no_queue)?;
        Ok(Reply::from(object! { "QueueUrl" => self.url(&queue.name) }))
    }

    /// `ListQueues`.
    pub(crate) fn list_queues(&self, call: &Call) -> Outcome {
        let prefix = input::text(&call.input, "QueueNamePrefix").unwrap_or_default();
        let page = crate::page::Page::read(&call.input)?;
        let is_wanted = |queue: &Queue| queue.name.name.starts_with(prefix);
        let found = self.catalogue.page(&call.account, &call.region, &page.after, page.limit + 1, is_wanted);
        Ok(Reply::from(page.answer("QueueUrls", &found, |queue| self.url(&queue.name))))
    }

    /// `ListDeadLetterSourceQueues`.
    pub(crate) fn list_sources(&self, call: &Call) -> Outcome {
        let target = self.queue_of(call)?;
        let page = crate::page::Page::read(&call.input)?;
        let is_wanted =
            |queue: &Queue| queue.record().settings.redrive.as_ref().is_some_and(|policy| policy.target == target.name);
        let QueueName { account, region, .. } = &target.name;
        let found = self.catalogue.page(account, region, &page.after, page.limit + 1, is_wanted);
        let answer = page.answer("queueUrls", &found, |queue| self.url(&queue.name));
        let mut members = answer.as_object().map(|members| (**members).clone()).unwrap_or_default();
        // This list is there even when it is empty.
        if !members.contains_key("queueUrls") {
            members.insert("queueUrls", Vec::new());
        }
        Ok(Reply::from(Value::from(members)))
    }

    /// `GetQueueAttributes`.
    pub(crate) fn get_attributes(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let names = input::texts(&call.input, "AttributeNames");
        if let Some(unknown) = names.iter().find(|name| **name != "All" && !attributes::is_known(name)) {
            return Err(unknown_attribute(unknown));
        }
        let selected = record::select(self.all_attributes(&queue), &names);
        let mut answer = Object::new();
        if selected.as_object().is_some_and(|members| !members.is_empty()) {
            answer.insert("Attributes", selected);
        }
        Ok(Reply::from(Value::from(answer)))
    }

    fn all_attributes(&self, queue: &Queue) -> Attributes {
        let counts = queue.counts(self.now_ms());
        let record = queue.record();
        let mut all = record.attributes.clone();
        for (name, value) in [
            ("ApproximateNumberOfMessages", counts.visible.to_string()),
            ("ApproximateNumberOfMessagesDelayed", counts.delayed.to_string()),
            ("ApproximateNumberOfMessagesNotVisible", counts.in_flight.to_string()),
            ("CreatedTimestamp", (record.created_ms / MS_PER_S).to_string()),
            ("LastModifiedTimestamp", (record.modified_ms / MS_PER_S).to_string()),
            ("QueueArn", queue.name.arn()),
        ] {
            all.insert(name.to_owned(), value);
        }
        all
    }

    /// `SetQueueAttributes`.
    pub(crate) async fn set_attributes(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let given = input::text_map(&call.input, "Attributes");
        self.check_redrive(&queue.name, &given)?;
        self.change_record(&queue, |record, now_ms| {
            let mut attributes = record.attributes.clone();
            attributes::put_over(&mut attributes, &given, queue.fifo)?;
            Ok(record.with_attributes(attributes, now_ms))
        })
        .await?;
        if queue.fifo && given.contains_key("DelaySeconds") {
            self.delay_anew(&queue);
        }
        Ok(Reply::from(Value::empty_object()))
    }

    /// Changes a queue's record, one change after the other.
    ///
    /// # Errors
    /// What `change` answers; the queue has gone; the store does not write.
    pub(crate) async fn change_record(
        &self,
        queue: &Arc<Queue>,
        change: impl FnOnce(&Record, i64) -> Result<Record, Fault>,
    ) -> Result<(), Fault> {
        let _changing = self.changing(&queue.name).await;
        let record = change(&queue.record(), self.now_ms())?;
        let mut batch = Batch::default();
        record.put(&mut batch, &queue.name);
        let commit = {
            let state = queue.state.lock();
            if state.closing {
                return Err(no_queue());
            }
            self.store.commit(batch)
        };
        commit.await.map_err(|error| of_commit(&error))?;
        queue.set_record(record);
        Ok(())
    }

    /// The delay of a FIFO queue holds for the messages that are in it.
    fn delay_anew(&self, queue: &Arc<Queue>) {
        let delay_ms = queue.record().settings.delay_ms;
        let mut state = queue.state.lock();
        let now_ms = self.now_ms();
        state.backlog.promote(now_ms);
        state.backlog.delay_anew(delay_ms, now_ms);
        queue.wake(&state);
        self.timekeeper.watch(queue, &mut state);
    }

    /// `PurgeQueue`: one commit marks the messages as gone; their rows go in the
    /// background.
    pub(crate) async fn purge_queue(&self, call: &Call) -> Outcome {
        let queue = self.queue_of(call)?;
        let _changing = self.changing(&queue.name).await;
        let record = queue.record();
        let now_ms = self.now_ms();
        if record.purged_ms.is_some_and(|purged_ms| purged_ms + PURGE_INTERVAL_MS > now_ms) {
            let name = &queue.name.name;
            return Err(Fault::new(
                "PurgeQueueInProgress",
                format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds."),
            )
            .with_status(403));
        }
        let mut record = (*record).clone();
        let mut batch = Batch::default();
        let (commit, before) = {
            let state = queue.state.lock();
            if state.closing {
                return Err(no_queue());
            }
            let before = state.backlog.sequences.next;
            (record.purged_before, record.purged_ms) = (before, Some(now_ms));
            record.put(&mut batch, &queue.name);
            batch.put(&DEBRIS, queue.key(before), Vec::new(), Vec::new());
            (self.store.commit(batch), before)
        };
        commit.await.map_err(|error| of_commit(&error))?;
        queue.set_record(record);
        {
            let mut state = queue.state.lock();
            state.backlog.remove_before(before);
            state.backlog.tail.purge(before);
            state.attempts.clear();
            queue.wake(&state);
        }
        self.debris_fell();
        Ok(Reply::from(Value::empty_object()))
    }

    /// The dead-letter queue of a policy, where there is one that takes messages
    /// of that queue.
    pub(crate) fn dead_letter_queue(&self, queue: &Queue, policy: &RedrivePolicy) -> Option<Arc<Queue>> {
        let target = self.catalogue.get(&policy.target)?;
        (target.fifo == queue.fifo && target.id != queue.id).then_some(target)
    }

    fn check_redrive(&self, source: &QueueName, given: &Attributes) -> Result<(), Fault> {
        let Some(text) = given.get("RedrivePolicy").filter(|text| !text.is_empty()) else { return Ok(()) };
        let refused = |reason: &str| invalid_value(text, "RedrivePolicy", reason);
        let policy = RedrivePolicy::read(text)?;
        if policy.target.account != source.account || policy.target.region != source.region {
            return Err(refused("Dead-letter target owned by another account or region is not allowed."));
        }
        if policy.target == *source {
            // As at AWS; it is as if there were no policy.
            return Ok(());
        }
        let target = self.catalogue.get(&policy.target).ok_or_else(|| refused("Dead letter target does not exist."))?;
        if target.fifo != source.is_fifo() {
            return Err(refused("Dead-letter queue must be same type of queue as the source."));
        }
        if !target.record().settings.redrive_allow.allows(source) {
            return Err(refused(
                "Queue does not have permission to use the dead-letter queue: see its RedriveAllowPolicy.",
            ));
        }
        Ok(())
    }

    fn was_deleted_recently(&self, name: &QueueName, now_ms: i64) -> bool {
        let deleted = self.deleted.lock();
        deleted.get(name).is_some_and(|deleted_ms| deleted_ms + RECREATE_INTERVAL_MS > now_ms)
    }

    fn remember_deleted(&self, name: &QueueName, now_ms: i64) {
        let mut deleted = self.deleted.lock();
        deleted.retain(|_, deleted_ms| *deleted_ms + RECREATE_INTERVAL_MS > now_ms);
        deleted.insert(name.clone(), now_ms);
    }
}

impl crate::backlog::Backlog {
    /// Gives messages that were never received another delay.
    fn delay_anew(&mut self, delay_ms: i64, now_ms: i64) {
        for sequence in self.never_received() {
            let Some(visible_ms) = self.get(sequence).map(|entry| entry.sent_ms + delay_ms) else { continue };
            let to = if visible_ms > now_ms { State::Delayed } else { State::Visible };
            self.change(sequence, to, |entry| entry.visible_ms = visible_ms);
        }
    }
}
