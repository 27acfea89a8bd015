use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_value::{Payload, Timestamp};
use windlass_workflow::{Changes, Execution, HistoryEvent, RestartPoint};

use super::delta::Delta;
use super::event::StoredEvent;
use super::place::{PayloadWriter, Place, mark};

/// The format written today.
const FORMAT: u32 = 1;

/// The header of a turn.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    v: u32,
    at: i64,
    seed: u64,
    /// What happened, in words, for people who debug.
    #[serde(rename = "in", default)]
    inputs: Vec<String>,
    #[serde(rename = "ev", default)]
    events: Vec<StoredEvent>,
    /// The state that a redrive or a fork was sent to.
    #[serde(rename = "rp", default, skip_serializing_if = "Option::is_none")]
    restart: Option<StoredRestart>,
    #[serde(rename = "d")]
    delta: Delta,
    /// Lengths of the payloads that follow.
    #[serde(rename = "pl", default)]
    payload_bytes: Vec<u64>,
}

/// A state that a frame was sent to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredRestart {
    #[serde(rename = "f")]
    pub(crate) frame: u64,
    #[serde(rename = "s")]
    pub(crate) state: String,
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Place>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub(crate) variables: Option<Place>,
}

/// Stands before the inputs of a turn that is not whole.
const CUT: &str = "cut";

/// Collects what one turn stores.
pub(crate) struct TurnWriter {
    payloads: PayloadWriter,
    at: Timestamp,
    seed: u64,
    inputs: Vec<String>,
    events: Vec<StoredEvent>,
    restart: Option<StoredRestart>,
}

impl TurnWriter {
    pub(crate) fn new(owner: u128, turn: u64, at: Timestamp, seed: u64) -> TurnWriter {
        let payloads = PayloadWriter::new(owner, turn);
        TurnWriter { payloads, at, seed, inputs: Vec::new(), events: Vec::new(), restart: None }
    }

    pub(crate) fn input(&mut self, what: String) {
        self.inputs.push(what);
    }

    /// Marks the turn as the first part of another one; its inputs follow.
    pub(crate) fn cut(&mut self) {
        self.inputs.push(CUT.to_owned());
    }

    /// Keeps the state that a redrive or a fork is sent to.
    pub(crate) fn restart(&mut self, point: &RestartPoint) {
        let input = point.input.as_ref().map(|input| self.payloads.place(input));
        let variables = point.variables.as_ref().map(|variables| self.payloads.place(variables));
        let state = point.state.to_string();
        self.restart = Some(StoredRestart { frame: point.frame.0, state, input, variables });
    }

    pub(crate) fn events(&mut self, events: &[HistoryEvent]) {
        for event in events {
            self.events.push(StoredEvent::from_live(event, self.at, &mut self.payloads));
        }
    }

    pub(crate) fn place(&mut self, payload: &Payload) -> Place {
        self.payloads.place(payload)
    }

    pub(crate) fn payloads(&mut self) -> &mut PayloadWriter {
        &mut self.payloads
    }

    /// The entry of the stream.
    pub(crate) fn finish(mut self, execution: &Execution, changes: &Changes) -> Result<Bytes, TurnError> {
        let delta = Delta::from_live(execution, changes, &mut self.payloads);
        let payloads = self.payloads.payloads;
        let header = Header {
            v: FORMAT,
            at: self.at.as_ms(),
            seed: self.seed,
            inputs: self.inputs,
            events: self.events,
            restart: self.restart,
            delta,
            payload_bytes: payloads.iter().map(|payload| payload.bytes_len() as u64).collect(),
        };
        let payload_bytes: usize = payloads.iter().map(Payload::bytes_len).sum();
        let mut out = Vec::with_capacity(512 + header.events.len() * 64 + payload_bytes);
        serde_json::to_writer(&mut out, &header).map_err(|error| TurnError::Malformed(error.to_string()))?;
        out.push(b'\n');
        for payload in &payloads {
            out.extend_from_slice(payload.text().as_bytes());
        }
        Ok(out.into())
    }
}

/// Why a stored turn cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// Written by a newer release.
    #[error("the turn has format {0}, which this release does not read")]
    Newer(u32),
    /// Not what a release of this server writes.
    #[error("the turn cannot be read: {0}")]
    Malformed(String),
    /// A payload it refers to is not there.
    #[error("the payload {1} of turn {0} is not there")]
    NoPayload(u64, u32),
}

/// A turn read back.
pub(crate) struct StoredTurn {
    pub(crate) turn: u64,
    pub(crate) at: Timestamp,
    pub(crate) seed: u64,
    /// What happened, as [`TurnWriter::input`] was told.
    inputs: Vec<String>,
    pub(crate) events: Vec<StoredEvent>,
    pub(crate) restart: Option<StoredRestart>,
    pub(crate) delta: Delta,
    payload_spans: Vec<(usize, usize)>,
    bytes: Bytes,
}

/// Where the header of an entry ends.
fn header_end(bytes: &Bytes) -> Result<usize, TurnError> {
    bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| TurnError::Malformed("no header".to_owned()))
}

/// Refuses a format that this release does not read.
fn check_format(version: u32) -> Result<(), TurnError> {
    if version > FORMAT { Err(TurnError::Newer(version)) } else { Ok(()) }
}

/// Where the payloads of an entry lie, from their lengths.
fn spans(lengths: &[u64], header_end: usize, bytes: &Bytes) -> Result<Vec<(usize, usize)>, TurnError> {
    let mut at = header_end + 1;
    let mut spans = Vec::with_capacity(lengths.len());
    for length in lengths {
        let next =
            usize::try_from(*length).ok().and_then(|length| at.checked_add(length)).filter(|next| *next <= bytes.len());
        let next = next.ok_or_else(|| TurnError::Malformed("a payload is cut off".to_owned()))?;
        spans.push((at, next));
        at = next;
    }
    Ok(spans)
}

fn payload_at(bytes: &Bytes, spans: &[(usize, usize)], owner: u128, place: Place) -> Result<Payload, TurnError> {
    let (start, end) = *spans.get(place.1 as usize).ok_or(TurnError::NoPayload(place.0, place.1))?;
    let text = std::str::from_utf8(&bytes[start..end]).map_err(|error| TurnError::Malformed(error.to_string()))?;
    let payload = Payload::from_valid_text(text);
    mark(&payload, owner, place);
    Ok(payload)
}

/// One payload of an entry, without reading its events.
pub(crate) fn read_payload(bytes: &Bytes, owner: u128, place: Place) -> Result<Payload, TurnError> {
    #[derive(Deserialize)]
    struct Lengths {
        v: u32,
        #[serde(rename = "pl", default)]
        payload_bytes: Vec<u64>,
    }
    let end = header_end(bytes)?;
    let lengths: Lengths =
        serde_json::from_slice(&bytes[..end]).map_err(|error| TurnError::Malformed(error.to_string()))?;
    check_format(lengths.v)?;
    payload_at(bytes, &spans(&lengths.payload_bytes, end, bytes)?, owner, place)
}

impl StoredTurn {
    pub(crate) fn read(turn: u64, bytes: &Bytes) -> Result<StoredTurn, TurnError> {
        let malformed = |error: serde_json::Error| TurnError::Malformed(error.to_string());
        #[derive(Deserialize)]
        struct Version {
            v: u32,
        }
        let end = header_end(bytes)?;
        // The version first: a newer header may not even have today's shape.
        let header: Header = match serde_json::from_slice(&bytes[..end]) {
            Ok(header) => header,
            Err(error) => {
                let version: Version = serde_json::from_slice(&bytes[..end]).map_err(malformed)?;
                check_format(version.v)?;
                return Err(malformed(error));
            }
        };
        check_format(header.v)?;
        Ok(StoredTurn {
            turn,
            at: Timestamp(header.at),
            seed: header.seed,
            inputs: header.inputs,
            restart: header.restart,
            events: header.events,
            delta: header.delta,
            payload_spans: spans(&header.payload_bytes, end, bytes)?,
            bytes: bytes.clone(),
        })
    }

    /// The inputs, and whether the turn is one that a fork cut off: then they are
    /// those of the whole turn, and its events only the first ones.
    pub(crate) fn inputs(&self) -> (&[String], bool) {
        match self.inputs.split_first() {
            Some((first, rest)) if first == CUT => (rest, true),
            _ => (&self.inputs, false),
        }
    }

    /// Whether it begins with that input.
    pub(crate) fn begins_with(&self, input: &str) -> bool {
        self.inputs().0.first().is_some_and(|first| first == input)
    }

    /// A payload of this turn, marked with its place.
    pub(crate) fn payload(&self, owner: u128, position: u32) -> Result<Payload, TurnError> {
        payload_at(&self.bytes, &self.payload_spans, owner, Place(self.turn, position))
    }
}
