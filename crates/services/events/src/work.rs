//! What lies in the outbox: one line of JSON that says what to do, then the payload.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_event_target::RetryPolicy;
use windlass_value::Text;

use crate::place::Place;

/// One piece of durable work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Deliver the payload to a target.
    Target(Box<ToTarget>),
    /// Send the payload to a dead-letter queue.
    DeadLetter(Box<ToDeadLetter>),
    /// Fire a rule's schedule.
    Schedule(Schedule),
    /// Put the next archived events of a replay.
    Replay {
        /// Whose.
        place: Place,
        /// Its name.
        name: String,
    },
}

/// A delivery to a target, with all it takes: later changes of rule and target
/// do not change what was accepted before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ToTarget {
    /// Of the rule.
    pub(crate) place: Place,
    pub(crate) rule_arn: String,
    pub(crate) rule_name: String,
    pub(crate) target_arn: String,
    pub(crate) role_arn: Option<String>,
    pub(crate) message_group_id: Option<String>,
    /// `HttpParameters` as JSON text.
    pub(crate) http: Option<String>,
    pub(crate) attempts_max: u32,
    pub(crate) age_seconds_max: u32,
    pub(crate) dead_letter: Option<String>,
    /// The event, where a dead-letter queue may need it and the payload is another text.
    pub(crate) event: Option<String>,
    pub(crate) event_time_ms: i64,
    pub(crate) accepted_ms: i64,
    /// Attempts made before this entry was added again.
    pub(crate) attempts_before: u32,
    pub(crate) depth: u8,
    pub(crate) trace: Option<String>,
}

impl ToTarget {
    pub(crate) fn retry(&self) -> RetryPolicy {
        RetryPolicy { attempts_max: self.attempts_max, age_seconds_max: self.age_seconds_max }
    }
}

/// A delivery that was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ToDeadLetter {
    pub(crate) place: Place,
    pub(crate) queue: String,
    pub(crate) rule_arn: String,
    pub(crate) target_arn: String,
    pub(crate) error_code: String,
    pub(crate) error_message: String,
    pub(crate) exhausted: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) accepted_ms: i64,
    pub(crate) depth: u8,
}

/// The next instant of a rule's schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) place: Place,
    pub(crate) bus: String,
    pub(crate) rule: String,
    pub(crate) revision: u64,
    pub(crate) due_ms: i64,
}

impl Work {
    /// The body of an outbox entry.
    pub(crate) fn encode(&self, payload: &str) -> Bytes {
        // Plain structs of texts and numbers: writing them cannot fail.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(payload.as_bytes());
        bytes.into()
    }

    /// What a body says, and its payload; `None` where it cannot be read.
    pub(crate) fn decode(body: &Bytes) -> Option<(Work, Text)> {
        // JSON on one line has no line feed.
        let end = body.iter().position(|byte| *byte == b'\n')?;
        let work = serde_json::from_slice(&body[..end]).ok()?;
        let payload = str::from_utf8(&body[end + 1..]).ok()?;
        Some((work, payload.into()))
    }
}
