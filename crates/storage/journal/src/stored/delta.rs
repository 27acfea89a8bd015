use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_value::{Payload, Timestamp};
use windlass_workflow::{Changes, Execution, FrameId, Identity, Phase, Redrives, Status, TimerId};

use super::frame::{StoredFrame, StoredPhase};
use super::place::{PayloadWriter, Place};

/// What one turn changed. Folding deltas needs neither program nor evaluator.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Delta {
    head: Head,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    frames: Vec<StoredFrame>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    removed: Vec<u64>,
    /// (container, index, result)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    results: Vec<(u64, u32, Place)>,
    /// (container, previous event, next index, running)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    progress: Vec<(u64, u64, u32, u32)>,
    /// (Map, the event its next iteration chains to)
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    chains: Vec<(u64, u64)>,
    /// (the root or an iteration, state, its calls), with mocks only
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calls: Vec<(u64, String, u32)>,
}

/// The counters and the outcome.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Head {
    #[serde(rename = "f")]
    next_frame: u64,
    #[serde(rename = "e")]
    next_event_id: u64,
    #[serde(rename = "t")]
    next_timer: u64,
    #[serde(rename = "to", default, skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    /// (how often it was redriven, when last)
    #[serde(rename = "rd", default, skip_serializing_if = "Option::is_none")]
    redrives: Option<(u32, i64)>,
}

/// An execution as it is stored: what deltas fold into, and what a
/// snapshot holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredExecution {
    /// The last turn that is in here.
    pub(crate) turn: u64,
    head: Head,
    frames: BTreeMap<u64, StoredFrame>,
    /// (the root or an iteration, state, its calls), with mocks only
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    calls: Vec<(u64, String, u32)>,
}

fn head_of(execution: &Execution) -> Head {
    Head {
        next_frame: execution.next_frame,
        next_event_id: execution.next_event_id,
        next_timer: execution.next_timer,
        timeout: execution.timeout.map(|timer| timer.serial),
        redrives: execution.redrives.at.map(|at| (execution.redrives.count, at.as_ms())),
    }
}

impl Delta {
    /// The id of the first event that comes after the turn.
    pub(crate) fn next_event_id(&self) -> u64 {
        self.head.next_event_id
    }

    pub(crate) fn from_live(execution: &Execution, changes: &Changes, payloads: &mut PayloadWriter) -> Delta {
        let mut delta = Delta { head: head_of(execution), ..Delta::default() };
        // Results first: a container written whole below then refers to them.
        for (container, index) in &changes.results {
            if changes.frames.contains(container) {
                continue;
            }
            let results = match execution.frames.get(container).map(|frame| &frame.phase) {
                Some(Phase::Parallel(run)) => &run.results,
                Some(Phase::Map(run)) => &run.results,
                _ => continue,
            };
            if let Some(Some(result)) = results.get(*index as usize) {
                delta.results.push((container.0, *index, payloads.place(result)));
            }
        }
        for id in &changes.progress {
            if changes.frames.contains(id) {
                continue;
            }
            let Some(frame) = execution.frames.get(id) else { continue };
            let (next, running) = match &frame.phase {
                Phase::Map(run) => {
                    delta.chains.push((id.0, run.chain_event_id));
                    (run.next_index, run.running)
                }
                Phase::Parallel(run) => (0, run.running),
                _ => continue,
            };
            delta.progress.push((id.0, frame.previous_event_id, next, running));
        }
        for id in &changes.frames {
            if let Some(frame) = execution.frames.get(id) {
                delta.frames.push(StoredFrame::from_live(frame, payloads));
            }
        }
        delta.removed = changes.removed.iter().map(|id| id.0).collect();
        let counts = changes.calls.iter().map(|(id, state)| (id.0, state.to_string(), execution.calls.of(*id, state)));
        // None: the iteration ended in the same turn.
        delta.calls = counts.filter(|(_, _, count)| *count > 0).collect();
        delta
    }
}

impl StoredExecution {
    /// The ids of the frames.
    pub(crate) fn frame_ids(&self) -> impl Iterator<Item = FrameId> {
        self.frames.keys().map(|id| FrameId(*id))
    }

    /// Folds one turn's delta.
    pub(crate) fn fold(&mut self, turn: u64, delta: Delta) {
        self.turn = turn;
        self.head = delta.head;
        for frame in delta.frames {
            self.frames.insert(frame.id, frame);
        }
        for (container, index, place) in delta.results {
            let Some(frame) = self.frames.get_mut(&container) else { continue };
            let results = match &mut frame.phase {
                StoredPhase::Parallel { results, .. } | StoredPhase::Map { results, .. } => results,
                _ => continue,
            };
            if let Some(result) = results.get_mut(index as usize) {
                *result = Some(place);
            }
        }
        for (container, previous, next_index, now_running) in delta.progress {
            let Some(frame) = self.frames.get_mut(&container) else { continue };
            frame.previous_event_id = previous;
            match &mut frame.phase {
                StoredPhase::Parallel { running, .. } => *running = now_running,
                StoredPhase::Map { next, running, .. } => {
                    *next = next_index;
                    *running = now_running;
                }
                _ => {}
            }
        }
        for (container, event_id) in delta.chains {
            if let Some(StoredFrame { phase: StoredPhase::Map { chain, .. }, .. }) = self.frames.get_mut(&container) {
                *chain = event_id;
            }
        }
        for (frame, state, count) in delta.calls {
            match self.calls.iter_mut().find(|(known, name, _)| *known == frame && *name == state) {
                Some((.., known)) => *known = count,
                None => self.calls.push((frame, state, count)),
            }
        }
        for id in delta.removed {
            self.frames.remove(&id);
        }
        let frames = &self.frames;
        self.calls.retain(|(frame, ..)| *frame == FrameId::ROOT.0 || frames.contains_key(frame));
    }

    /// A snapshot of a live execution whose payloads all have places.
    pub(crate) fn from_live(execution: &Execution, turn: u64, payloads: &mut PayloadWriter) -> StoredExecution {
        let frames =
            execution.frames.values().map(|frame| (frame.id.0, StoredFrame::from_live(frame, payloads))).collect();
        let calls = execution.calls.iter().map(|(frame, state, count)| (frame.0, state.to_string(), count)).collect();
        StoredExecution { turn, head: head_of(execution), frames, calls }
    }

    /// The live execution; `read` finds payloads by place.
    pub(crate) fn to_live<E>(
        &self,
        identity: Arc<Identity>,
        mut read: impl FnMut(Place) -> Result<Payload, E>,
    ) -> Result<Execution, E> {
        let mut execution = Execution::new_with(identity);
        execution.status = Status::Running;
        execution.next_frame = self.head.next_frame;
        execution.next_event_id = self.head.next_event_id;
        execution.next_timer = self.head.next_timer;
        execution.timeout = self.head.timeout.map(|serial| TimerId { frame: FrameId::ROOT, serial });
        for (frame, state, count) in &self.calls {
            execution.calls.set(FrameId(*frame), state.as_str().into(), *count);
        }
        execution.redrives = self
            .head
            .redrives
            .map_or_else(Redrives::default, |(count, at)| Redrives { count, at: Some(Timestamp(at)) });
        for (id, frame) in &self.frames {
            execution.frames.insert(FrameId(*id), frame.to_live(&mut read)?);
        }
        execution.rebuild_ready();
        Ok(execution)
    }
}
