//! Which executions are traced, and which trace each is of. Ids follow from the
//! execution's ARN and the numbers of its events, so that a restart goes on with the
//! same trace, and whoever calls out knows the id of a span that is not made yet.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use windlass_protocol::TraceContext;
use windlass_value::{Text, Timestamp};

/// The trace of one execution.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ExecutionTrace {
    pub(super) trace_id: [u8; 16],
    /// The span that started the execution.
    pub(super) parent: Option<[u8; 8]>,
    /// Whether its own spans are made.
    pub(super) recorded: bool,
    /// What calls hand on where no span is made: the header as it came.
    passed_on: Option<Text>,
}

impl ExecutionTrace {
    /// Of an execution. `ratio` is the share of traces that are recorded where its
    /// starter does not say; `None`: this execution is not traced, and only hands on
    /// what it was given.
    pub(super) fn of(arn: &str, started_at: Timestamp, header: Option<&str>, ratio: Option<f64>) -> ExecutionTrace {
        let given = header.and_then(TraceContext::from_header);
        let trace_id = given.map_or_else(|| trace_id(arn, started_at), |given| given.trace_id);
        let sampled = |ratio: f64| {
            let given = given.and_then(|given| given.sampled);
            given.unwrap_or_else(|| is_sampled(&trace_id, ratio))
        };
        ExecutionTrace {
            trace_id,
            parent: given.and_then(|given| given.span_id),
            recorded: ratio.is_some_and(sampled),
            passed_on: header.map(Text::from),
        }
    }

    /// What a call for the task scheduled by that event carries.
    fn outgoing(&self, arn: &str, scheduled_id: u64) -> Option<Text> {
        if !self.recorded {
            return self.passed_on.clone();
        }
        let span_id = Some(span_id(arn, scheduled_id));
        Some(TraceContext { trace_id: self.trace_id, span_id, sampled: Some(true) }.to_header().into())
    }
}

/// The trace of an execution that nobody gave one. Its first bytes are a time, as
/// X-Ray wants it.
fn trace_id(arn: &str, started_at: Timestamp) -> [u8; 16] {
    let digest = Sha256::digest(arn.as_bytes());
    let mut id = [0; 16];
    let second = u32::try_from(started_at.as_ms() / 1000).unwrap_or(u32::MAX);
    id[..4].copy_from_slice(&second.to_be_bytes());
    id[4..].copy_from_slice(&digest[..12]);
    id
}

/// The span that an event of an execution begins: of the execution itself (its first
/// event), a state, an iteration, an attempt.
pub(super) fn span_id(arn: &str, event_id: u64) -> [u8; 8] {
    let digest = Sha256::digest(format!("{arn}#{event_id}"));
    let mut id = [0; 8];
    id.copy_from_slice(&digest[16..24]);
    // All zeros would be no id.
    if id == [0; 8] { [1; 8] } else { id }
}

/// OpenTelemetry's rule: the same for every part of a trace.
fn is_sampled(trace_id: &[u8; 16], ratio: f64) -> bool {
    let mut low = [0; 8];
    low.copy_from_slice(&trace_id[8..]);
    let bound = (ratio.clamp(0.0, 1.0) * (1_u64 << 63) as f64) as u64;
    (u64::from_be_bytes(low) >> 1) < bound
}

/// The traces of executions in memory. As many as there are executions in memory
/// that were given a trace or are recorded.
#[derive(Clone, Default)]
pub(crate) struct Traces(Arc<Mutex<HashMap<Text, Arc<ExecutionTrace>>>>);

impl Traces {
    pub(super) fn add(&self, arn: Text, trace: Arc<ExecutionTrace>) {
        self.0.lock().insert(arn, trace);
    }

    /// Forgets a trace, unless another watch of the execution has put its own.
    pub(super) fn remove(&self, arn: &Text, trace: &Arc<ExecutionTrace>) {
        let mut all = self.0.lock();
        if all.get(arn).is_some_and(|held| Arc::ptr_eq(held, trace)) {
            all.remove(arn);
        }
    }

    /// `X-Amzn-Trace-Id` of a call for the task scheduled by that event.
    pub(crate) fn outgoing(&self, arn: &Text, scheduled_id: u64) -> Option<Text> {
        let trace = self.0.lock().get(arn).cloned()?;
        trace.outgoing(arn, scheduled_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:states:us-east-1:123456789012:execution:m:e";
    const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";

    #[test]
    fn ids_follow_from_the_execution() {
        let trace = |header, ratio| ExecutionTrace::of(ARN, Timestamp(1_700_000_000_000), header, ratio);
        assert_eq!(trace(None, Some(1.0)), trace(None, Some(1.0)));
        assert_eq!(trace(None, None).trace_id[..4], 1_700_000_000_u32.to_be_bytes());
        let given = trace(Some(HEADER), Some(1.0));
        assert_eq!((given.trace_id[0], given.parent.map(|parent| parent[0])), (0x57, Some(0x53)));
        assert_ne!(span_id(ARN, 1), span_id(ARN, 2));
    }

    #[test]
    fn who_is_recorded_and_what_is_handed_on() {
        let sampled = format!("{HEADER};Sampled=1");
        let unsampled = format!("{HEADER};Sampled=0");
        let own = |recorded: bool| recorded.then(|| "own".to_owned());
        let cases = [
            (None, None, false, None),
            (None, Some(0.0), false, None),
            (None, Some(1.0), true, own(true)),
            (Some(HEADER), None, false, Some(HEADER.to_owned())),
            (Some(&*sampled), None, false, Some(sampled.clone())),
            (Some(&*sampled), Some(0.0), true, own(true)),
            (Some(&*unsampled), Some(1.0), false, Some(unsampled.clone())),
        ];
        for (header, ratio, recorded, handed_on) in cases {
            let trace = ExecutionTrace::of(ARN, Timestamp(0), header, ratio);
            assert_eq!(trace.recorded, recorded, "{header:?} {ratio:?}");
            let found = trace.outgoing(ARN, 5).map(|text| text.to_string());
            let found =
                found.map(|text| if recorded && text.ends_with(";Sampled=1") { "own".to_owned() } else { text });
            assert_eq!(found, handed_on, "{header:?} {ratio:?}");
        }
    }

    #[test]
    fn a_ratio_takes_its_share() {
        let taken = (0..2_000_u64)
            .filter(|number| is_sampled(&trace_id(&format!("{ARN}{number}"), Timestamp(0)), 0.25))
            .count();
        assert!((400..600).contains(&taken), "{taken}");
    }
}
