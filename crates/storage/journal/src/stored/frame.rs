use serde::{Deserialize, Serialize};
use windlass_value::{Payload, Timestamp};
use windlass_workflow::{
    Entered, Frame, FrameId, MapRun, ParallelRun, Phase, Retries, TaskId, TaskPhase, TaskRun, TimerId,
};

use super::place::{PayloadWriter, Place};

/// A frame; payloads are places.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredFrame {
    pub(crate) id: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<u64>,
    #[serde(default)]
    index: u32,
    state: String,
    input: Place,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    variables: Option<Place>,
    #[serde(rename = "prev")]
    pub(crate) previous_event_id: u64,
    /// (event, its previous, instant)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    entered: Option<(u64, u64, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retries: Vec<u32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    retry_count: u32,
    pub(crate) phase: StoredPhase,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_zero_event(value: &u64) -> bool {
    *value == 0
}

/// What a frame waits for. Timers of the frame are named by their serial.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum StoredPhase {
    Enter,
    Work,
    Wait {
        timer: u64,
        until: i64,
    },
    Retry {
        timer: u64,
        until: i64,
    },
    Task {
        event: u64,
        step: u8,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat_ms: Option<i64>,
    },
    MapRun {
        event: u64,
        arn: String,
        #[serde(default, skip_serializing_if = "is_zero")]
        redrives: u32,
    },
    Parallel {
        results: Vec<Option<Place>>,
        running: u32,
    },
    Map {
        items: Place,
        length: u32,
        results: Vec<Option<Place>>,
        next: u32,
        running: u32,
        max: u32,
        /// The event the next iteration chains to; 0, as older releases left
        /// it: the frame's own previous event.
        #[serde(default, skip_serializing_if = "is_zero_event")]
        chain: u64,
    },
}

impl StoredFrame {
    pub(crate) fn from_live(frame: &Frame, payloads: &mut PayloadWriter) -> StoredFrame {
        let mut places = |results: &[Option<Payload>]| -> Vec<Option<Place>> {
            results.iter().map(|result| result.as_ref().map(|payload| payloads.place(payload))).collect()
        };
        let phase = match &frame.phase {
            Phase::Enter => StoredPhase::Enter,
            Phase::Work => StoredPhase::Work,
            Phase::Wait { timer, until } => StoredPhase::Wait { timer: timer.serial, until: until.as_ms() },
            Phase::Retry { timer, until } => StoredPhase::Retry { timer: timer.serial, until: until.as_ms() },
            Phase::Task(run) => StoredPhase::Task {
                event: run.task.event_id,
                step: match run.phase {
                    TaskPhase::Scheduled => 0,
                    TaskPhase::Started => 1,
                    TaskPhase::Submitted => 2,
                },
                timeout: run.timeout.map(|timer| timer.serial),
                heartbeat: run.heartbeat.map(|timer| timer.serial),
                heartbeat_ms: run.heartbeat_ms,
            },
            Phase::MapRun { task, arn, redrives } => {
                StoredPhase::MapRun { event: task.event_id, arn: arn.to_string(), redrives: *redrives }
            }
            Phase::Parallel(run) => StoredPhase::Parallel { results: places(&run.results), running: run.running },
            Phase::Map(run) => {
                let results = places(&run.results);
                StoredPhase::Map {
                    items: payloads.place(&run.items),
                    length: run.length,
                    results,
                    next: run.next_index,
                    running: run.running,
                    max: run.concurrency_max,
                    chain: run.chain_event_id,
                }
            }
        };
        StoredFrame {
            id: frame.id.0,
            parent: frame.parent.map(|parent| parent.0),
            index: frame.index,
            state: frame.state.to_string(),
            input: payloads.place(&frame.input),
            variables: frame.variables.as_ref().map(|variables| payloads.place(variables)),
            previous_event_id: frame.previous_event_id,
            entered: frame.entered.map(|entered| (entered.event_id, entered.previous_event_id, entered.at.as_ms())),
            retries: frame.retries.by_retrier.clone(),
            retry_count: frame.retries.count,
            phase,
        }
    }

    pub(crate) fn to_live<E>(&self, read: &mut impl FnMut(Place) -> Result<Payload, E>) -> Result<Frame, E> {
        let frame = FrameId(self.id);
        let timer = |serial: u64| TimerId { frame, serial };
        let phase = match &self.phase {
            StoredPhase::Enter => Phase::Enter,
            StoredPhase::Work => Phase::Work,
            StoredPhase::Wait { timer: serial, until } => {
                Phase::Wait { timer: timer(*serial), until: Timestamp(*until) }
            }
            StoredPhase::Retry { timer: serial, until } => {
                Phase::Retry { timer: timer(*serial), until: Timestamp(*until) }
            }
            StoredPhase::Task { event, step, timeout, heartbeat, heartbeat_ms } => Phase::Task(TaskRun {
                task: TaskId { frame, event_id: *event },
                phase: match step {
                    0 => TaskPhase::Scheduled,
                    1 => TaskPhase::Started,
                    _ => TaskPhase::Submitted,
                },
                timeout: timeout.map(timer),
                heartbeat: heartbeat.map(timer),
                heartbeat_ms: *heartbeat_ms,
            }),
            StoredPhase::MapRun { event, arn, redrives } => Phase::MapRun {
                task: TaskId { frame, event_id: *event },
                arn: arn.as_str().into(),
                redrives: *redrives,
            },
            StoredPhase::Parallel { results, running } => {
                Phase::Parallel(ParallelRun { results: payloads(results, read)?, running: *running })
            }
            StoredPhase::Map { items, length, results, next, running, max, chain } => Phase::Map(MapRun {
                items: read(*items)?,
                length: *length,
                results: payloads(results, read)?,
                next_index: *next,
                running: *running,
                concurrency_max: *max,
                chain_event_id: if *chain == 0 { self.previous_event_id } else { *chain },
            }),
        };
        Ok(Frame {
            id: frame,
            parent: self.parent.map(FrameId),
            index: self.index,
            state: self.state.as_str().into(),
            input: read(self.input)?,
            variables: self.variables.map(&mut *read).transpose()?,
            previous_event_id: self.previous_event_id,
            entered: self.entered.map(|(event_id, previous_event_id, at)| Entered {
                event_id,
                previous_event_id,
                at: Timestamp(at),
            }),
            retries: Retries { count: self.retry_count, by_retrier: self.retries.clone() },
            phase,
        })
    }
}

fn payloads<E>(
    places: &[Option<Place>],
    read: &mut impl FnMut(Place) -> Result<Payload, E>,
) -> Result<Vec<Option<Payload>>, E> {
    places.iter().map(|place| place.map(&mut *read).transpose()).collect()
}
