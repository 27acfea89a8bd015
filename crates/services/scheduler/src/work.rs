//! What lies in the outbox: one line of JSON that says what to do, then the payload.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_event_target::RetryPolicy;
use windlass_value::Text;

use crate::place::Place;
use crate::schedule::Schedule;

/// One piece of durable work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Fire a schedule.
    Fire(Fire),
    /// Call a target; the payload is its input.
    Target(Box<ToTarget>),
    /// Send the payload to a dead-letter queue.
    DeadLetter(Box<ToDeadLetter>),
    /// Delete more of a group.
    DeleteGroup {
        /// Whose.
        place: Place,
        /// Its name.
        name: String,
    },
}

/// The next instant of a schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Fire {
    pub(crate) place: Place,
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) revision: String,
    /// What the expression names.
    pub(crate) instant_ms: i64,
    /// The same, moved within the schedule's flexible window.
    pub(crate) due_ms: i64,
}

/// An invocation of a target, with all it takes: later changes of the schedule
/// do not change what fired before.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ToTarget {
    pub(crate) place: Place,
    pub(crate) schedule_arn: String,
    /// `Target` as it came, as JSON text.
    pub(crate) target: String,
    pub(crate) has_input: bool,
    pub(crate) instant_ms: i64,
    pub(crate) fired_ms: i64,
    pub(crate) attempts_max: u32,
    pub(crate) age_seconds_max: u32,
}

impl ToTarget {
    pub(crate) fn retry(&self) -> RetryPolicy {
        RetryPolicy { attempts_max: self.attempts_max, age_seconds_max: self.age_seconds_max }
    }
}

/// An invocation that was given up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ToDeadLetter {
    pub(crate) place: Place,
    pub(crate) queue: String,
    pub(crate) role_arn: String,
    pub(crate) schedule_arn: String,
    pub(crate) target_arn: String,
    pub(crate) execution_id: String,
    pub(crate) instant_ms: i64,
    pub(crate) error_code: String,
    pub(crate) error_message: String,
    pub(crate) exhausted: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) given_up_ms: i64,
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

/// The id of what a schedule fires next.
pub(crate) fn entry_id(schedule: &Schedule) -> String {
    format!("fire:{}:{}", schedule.arn(), schedule.revision)
}
