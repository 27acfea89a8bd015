use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use windlass_outbox::Answers;
use windlass_protocol::{BoxFuture, Call, Fault, Outcome, Service};
use windlass_store::{Batch, KeyRange, Position, Scan, Store};
use windlass_value::{Arn, Now, Text};

use crate::faults;
use crate::stream::{Stream, Streams};
use crate::tables::STREAMS;

/// The service. Clones of the `Arc` share it.
pub struct Logs {
    pub(crate) store: Store,
    pub(crate) now: Now,
    pub(crate) answers: Answers,
    pub(crate) streams: Streams,
    /// The number of the last event.
    numbers: AtomicU64,
    pub(crate) written: AtomicU64,
}

/// Counters since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogsStats {
    /// Events stored.
    pub events_written: u64,
}

impl Logs {
    /// Opens the service over a store that declares [`crate::TABLES`] and the
    /// outbox's tables. Needs a runtime.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn open(store: &Store, now: Now) -> Result<Arc<Logs>, Fault> {
        let logs = Arc::new(Logs {
            store: store.clone(),
            answers: Answers::open(store, "logs", now.clone()),
            now,
            streams: Streams::default(),
            numbers: AtomicU64::new(0),
            written: AtomicU64::new(0),
        });
        logs.count_bytes()?;
        logs.keep_sweeping();
        Ok(logs)
    }

    /// Counters for the metrics.
    pub fn measure(&self) -> LogsStats {
        LogsStats { events_written: self.written.load(Ordering::Relaxed) }
    }

    fn count_bytes(&self) -> Result<(), Fault> {
        const ROWS: usize = 1000;
        let mut scan = Scan::range(KeyRange::all(), ROWS);
        loop {
            let rows = self.store.scan(&STREAMS, scan.clone()).map_err(|error| faults::of_store(&error))?;
            for row in &rows {
                let group = match row.columns.first() {
                    Some(windlass_store::ColumnValue::Integer(group)) => *group,
                    _ => continue,
                };
                if let Some(stream) = Stream::read(row) {
                    self.streams.add_bytes(group, stream.stored_bytes);
                }
            }
            match rows.last().filter(|_| rows.len() == ROWS) {
                Some(last) => scan = scan.after(Position { columns: Vec::new(), key: last.key.clone() }),
                None => return Ok(()),
            }
        }
    }

    /// A number larger than all before, also those of an earlier run: it begins with
    /// the time, and leaves room for a thousand events in a microsecond.
    pub(crate) fn next_number(&self, now_ms: i64) -> u64 {
        const SHIFT: u32 = 20;
        let floor = u64::try_from(now_ms).unwrap_or(0) << SHIFT;
        let next = |last: u64| Some(last.saturating_add(1).max(floor));
        let update = self.numbers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        update.unwrap_or_else(|last| last).saturating_add(1).max(floor)
    }

    /// An id that no group or stream had before.
    pub(crate) fn fresh_id(&self) -> Result<i64, Fault> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| Fault::internal(format!("no randomness: {error}")))?;
        Ok(i64::from_be_bytes(bytes) & i64::MAX)
    }

    pub(crate) async fn commit(&self, batch: Batch) -> Result<(), Fault> {
        self.store.commit(batch).await.map(|_| ()).map_err(|error| faults::of_commit(&error))
    }

    async fn answer(&self, call: Call) -> Outcome {
        let call = &call;
        match &*call.operation {
            "CreateLogGroup" => self.create_group(call).await,
            "DeleteLogGroup" => self.delete_group(call).await,
            "DescribeLogGroups" => self.describe_groups(call),
            "ListLogGroups" => self.list_groups(call),
            "PutRetentionPolicy" => self.put_retention(call).await,
            "DeleteRetentionPolicy" => self.remove_member(call, "retentionInDays").await,
            "AssociateKmsKey" => self.set_member(call, "kmsKeyId").await,
            "DisassociateKmsKey" => self.remove_member(call, "kmsKeyId").await,
            "PutLogGroupDeletionProtection" => self.set_member(call, "deletionProtectionEnabled").await,
            "CreateLogStream" => self.create_stream(call).await,
            "DeleteLogStream" => self.delete_stream(call).await,
            "DescribeLogStreams" => self.describe_streams(call),
            "PutLogEvents" => self.put_events(call).await,
            "GetLogEvents" => self.get_events(call),
            "FilterLogEvents" => self.filter_events(call),
            "TestMetricFilter" => test_filter(call),
            "TagResource" | "TagLogGroup" => self.tag(call).await,
            "UntagResource" | "UntagLogGroup" => self.untag(call).await,
            "ListTagsForResource" | "ListTagsLogGroup" => self.list_tags(call),
            "PutResourcePolicy" => self.put_policy(call).await,
            "DeleteResourcePolicy" => self.delete_policy(call).await,
            "DescribeResourcePolicies" => self.describe_policies(call),
            other => Err(Fault::not_built(&format!("logs:{other}"))),
        }
    }
}

/// Which of some messages a pattern matches.
fn test_filter(call: &Call) -> Outcome {
    use windlass_value::{Value, object};
    let pattern = crate::FilterPattern::parse(call.input["filterPattern"].as_str().unwrap_or_default())
        .map_err(|error| faults::invalid("Invalid filter pattern").explained(error.to_string()))?;
    let messages = call.input["logEventMessages"].as_array().map(|items| items.as_slice()).unwrap_or_default();
    let matched = messages.iter().filter_map(Value::as_str).enumerate().filter(|(_, message)| pattern.matches(message)).map(|(at, message)| {
        object! { "eventNumber" => at as i64 + 1, "eventMessage" => message, "extractedValues" => Value::empty_object() }
    });
    Ok(windlass_protocol::Reply::from(object! { "matches" => Value::array(matched.collect()) }))
}

impl Service for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }

    fn resource_policy<'a>(&'a self, resource_arn: &'a str) -> BoxFuture<'a, Result<Option<Text>, Fault>> {
        let policy = match Arn::parse(resource_arn) {
            Some(arn) => self.combined_policy(&arn.account, &arn.region),
            None => Ok(None),
        };
        Box::pin(std::future::ready(policy))
    }
}
