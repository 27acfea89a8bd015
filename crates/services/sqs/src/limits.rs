//! AWS's quotas, and the bounds of what is held in memory here.

/// Queues of this server, over all accounts and regions; AWS has no bound.
pub(crate) const QUEUES_MAX: usize = 100_000;
/// Messages of a queue in flight.
pub(crate) const IN_FLIGHT_MAX: usize = 120_000;
/// Receivers that wait at one queue.
pub(crate) const WAITERS_MAX: usize = 10_000;

/// Messages of one queue, not in flight, that are indexed in memory; later ones
/// are read from the store as earlier ones leave.
pub(crate) const RESIDENT_MAX: usize = 131_072;
/// Messages of all queues that are indexed in memory before each queue is held
/// to [`RESIDENT_MIN`].
pub(crate) const RESIDENT_TOTAL_MAX: usize = 4_000_000;
/// What a queue may index when [`RESIDENT_TOTAL_MAX`] is reached.
pub(crate) const RESIDENT_MIN: usize = 2 * PAGE_ROWS;
/// Rows read from the store at a time.
pub(crate) const PAGE_ROWS: usize = 4096;
/// Messages removed from the store in one batch by the background sweep.
pub(crate) const SWEEP_ROWS: usize = 500;

/// Entries of a batch request.
pub(crate) const BATCH_ENTRIES_MAX: usize = 10;
/// Messages of a receive.
pub(crate) const RECEIVE_MESSAGES_MAX: usize = 10;
/// Messages that one look into a queue takes out for their age or for a
/// dead-letter queue.
pub(crate) const TAKEN_OUT_MAX: usize = 10;
/// A message, or a batch of them, with attributes, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: i64 = 1_048_576;
/// The least that `MaximumMessageSize` may be.
pub(crate) const MESSAGE_BYTES_MIN: i64 = 1024;
/// Attributes of a message.
pub(crate) const MESSAGE_ATTRIBUTES_MAX: usize = 10;
/// A message attribute's name or type, in bytes.
pub(crate) const ATTRIBUTE_NAME_BYTES_MAX: usize = 256;

/// Delay of a message or a queue, in seconds.
pub(crate) const DELAY_S_MAX: i64 = 900;
/// Wait of a receive, in seconds.
pub(crate) const WAIT_S_MAX: i64 = 20;
/// Visibility timeout, in seconds.
pub(crate) const VISIBILITY_S_MAX: i64 = 43_200;
/// Retention of messages, in seconds.
pub(crate) const RETENTION_S: std::ops::RangeInclusive<i64> = 60..=1_209_600;
/// `KmsDataKeyReusePeriodSeconds`.
pub(crate) const KMS_REUSE_S: std::ops::RangeInclusive<i64> = 60..=86_400;
/// `maxReceiveCount`.
pub(crate) const RECEIVE_COUNT: std::ops::RangeInclusive<i64> = 1..=1000;
/// Queues that a `RedriveAllowPolicy` may name.
pub(crate) const REDRIVE_SOURCES_MAX: usize = 10;

/// How long a deduplication id, or a receive request attempt id, is remembered.
pub(crate) const DEDUPLICATION_MS: i64 = 300_000;
/// Receive request attempts that a queue remembers.
pub(crate) const ATTEMPTS_MAX: usize = 10_000;
/// Between two purges of a queue.
pub(crate) const PURGE_INTERVAL_MS: i64 = 60_000;
/// Between deleting a queue and creating one of that name, where that rule is on.
pub(crate) const RECREATE_INTERVAL_MS: i64 = 60_000;
/// How often a send is tried again whose deduplication met another send.
pub(crate) const SEND_TRIES_MAX: usize = 20;

/// Results on a page of a list.
pub(crate) const PAGE_RESULTS_MAX: usize = 1000;
/// Tags of a queue.
pub(crate) const TAGS_MAX: usize = 50;
/// Statements that `AddPermission` may have made.
pub(crate) const PERMISSIONS_MAX: usize = 20;
/// Actions of a permission.
pub(crate) const PERMISSION_ACTIONS_MAX: usize = 7;
/// A queue's policy, in bytes.
pub(crate) const POLICY_BYTES_MAX: usize = 20_480;

/// Message move tasks of one source that are remembered.
pub(crate) const MOVE_TASKS_KEPT: usize = 10;
/// Message move tasks under way in one account and region.
pub(crate) const MOVE_TASKS_ACTIVE_MAX: usize = 100;
/// Messages per second of a move task: what may be asked for.
pub(crate) const MOVE_RATE_MAX: i64 = 500;

/// Sequences set aside by one write of a queue's counter.
pub(crate) const SEQUENCE_BLOCK: u64 = 100_000;
