//! What the store and the services count, as metrics.

use windlass_blob::BlobStore;
use windlass_journal::Journal;
use windlass_sns::Sns;
use windlass_sqs::Sqs;
use windlass_store::Store;

use crate::meters::Measurement;

pub(crate) fn of_journal(journal: &Journal) -> Vec<Measurement> {
    let stats = journal.stats();
    [
        ("windlass_executions_in_memory", "Executions held in memory", stats.live as f64),
        ("windlass_timers_in_memory", "Timers due soon", stats.timers as f64),
        ("windlass_executions_started", "Standard executions started since the start", stats.started as f64),
        ("windlass_executions_closed", "Standard executions closed since the start", stats.closed as f64),
        ("windlass_turns", "Turns made durable since the start", stats.turns as f64),
        (
            "windlass_executions_throttled",
            "Turns that waited for the rate of state transitions since the start",
            stats.throttled as f64,
        ),
        (
            "windlass_executions_waiting",
            "Executions that wait for others of their concurrency key",
            stats.waiting as f64,
        ),
    ]
    .into_iter()
    .map(|(name, help, value)| Measurement { name, help, value })
    .collect()
}

pub(crate) fn of_sqs(sqs: &Sqs) -> Vec<Measurement> {
    let stats = sqs.measure();
    [
        ("windlass_sqs_queues", "Queues", stats.queues as f64),
        ("windlass_sqs_messages_visible", "Messages that may be received", stats.visible as f64),
        ("windlass_sqs_messages_in_flight", "Messages received and not deleted", stats.in_flight as f64),
        ("windlass_sqs_messages_delayed", "Messages whose delay is not over", stats.delayed as f64),
        ("windlass_sqs_messages_in_memory", "Messages indexed in memory", stats.resident as f64),
        ("windlass_sqs_receivers_waiting", "Receivers that wait", stats.waiters as f64),
        ("windlass_sqs_messages_sent", "Messages sent since the start", stats.sent as f64),
        ("windlass_sqs_messages_received", "Messages received since the start", stats.received as f64),
        ("windlass_sqs_messages_deleted", "Messages deleted by receivers since the start", stats.deleted as f64),
    ]
    .into_iter()
    .map(|(name, help, value)| Measurement { name, help, value })
    .collect()
}

pub(crate) fn of_blobs(blobs: &BlobStore) -> Vec<Measurement> {
    let stats = blobs.measure();
    [
        ("windlass_blobs_written", "Contents brought into files since the start", stats.written as f64),
        ("windlass_blobs_removed", "Contents removed since the start, for nobody needed them", stats.removed as f64),
    ]
    .into_iter()
    .map(|(name, help, value)| Measurement { name, help, value })
    .collect()
}

pub(crate) fn of_store(store: &Store) -> Vec<Measurement> {
    const NANOSECONDS_PER_SECOND: f64 = 1e9;
    let stats = store.stats();
    let mut measurements: Vec<Measurement> = [
        ("windlass_store_commits", "Groups committed since the start, each with one sync", stats.commits as f64),
        ("windlass_store_batches", "Batches applied since the start", stats.batches as f64),
        ("windlass_store_batches_refused", "Batches refused since the start", stats.refused as f64),
        ("windlass_store_bytes", "Bytes of the batches applied since the start", stats.bytes as f64),
        (
            "windlass_store_commit_seconds",
            "Time spent in commits since the start",
            stats.sync_ns as f64 / NANOSECONDS_PER_SECOND,
        ),
        (
            "windlass_store_commit_max_seconds",
            "The longest commit since the start",
            stats.sync_ns_max as f64 / NANOSECONDS_PER_SECOND,
        ),
        ("windlass_store_checkpoints", "Checkpoints since the start", stats.checkpoints as f64),
        (
            "windlass_store_checkpoint_seconds",
            "Time spent in checkpoints since the start",
            stats.checkpoint_ns as f64 / NANOSECONDS_PER_SECOND,
        ),
        ("windlass_store_wal_bytes", "Size of the write-ahead log", stats.wal_bytes as f64),
        (
            "windlass_store_poisoned",
            "1 after a failed sync: the store no longer writes",
            f64::from(u8::from(stats.poisoned)),
        ),
        ("windlass_store_queued_batches", "Batches that wait for the writer", stats.queued as f64),
    ]
    .into_iter()
    .map(|(name, help, value)| Measurement { name, help, value })
    .collect();
    if let Some(free) = store.free_bytes() {
        let help = "Bytes available where the store lives";
        measurements.push(Measurement { name: "windlass_store_free_bytes", help, value: free as f64 });
    }
    measurements
}

/// What SNS counts.
pub(crate) fn of_sns(sns: &Sns) -> Vec<Measurement> {
    sns.measure()
        .into_iter()
        .map(|counted| Measurement { name: counted.name, help: counted.help, value: counted.value })
        .collect()
}

/// What a service counts itself: names, what they mean, values.
pub(crate) fn of_service(counted: Vec<(&'static str, &'static str, f64)>) -> Vec<Measurement> {
    counted.into_iter().map(|(name, help, value)| Measurement { name, help, value }).collect()
}
