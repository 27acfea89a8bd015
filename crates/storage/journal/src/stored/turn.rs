use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_store::Key;
use windlass_value::{Payload, Timestamp};
use windlass_workflow::{Changes, Execution, HistoryEvent, RestartPoint};

use super::delta::Delta;
use super::event::{EventTexts, StoredEvent};
use super::place::{PayloadWriter, Place, mark};
use crate::contents::Content;
use crate::data_key::DataKey;

/// The newest format that is read.
const FORMAT: u32 = 2;
/// What is written where nothing needs more.
const FORMAT_PLAIN: u32 = 1;

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
    // The members of `Outline`; flattening them would cost a copy of the whole header.
    #[serde(rename = "pl", default)]
    payload_bytes: Vec<u64>,
    #[serde(rename = "sp", default, skip_serializing_if = "Vec::is_empty")]
    spilled: Vec<(u32, String, u64)>,
    #[serde(rename = "dk", default, skip_serializing_if = "Option::is_none")]
    wrapped_key: Option<String>,
    #[serde(rename = "tx", default, skip_serializing_if = "std::ops::Not::not")]
    has_texts: bool,
}

/// The part of a header that says where the payloads are.
#[derive(Debug, Default, Deserialize)]
struct Outline {
    v: u32,
    /// Lengths of the payloads that follow.
    #[serde(rename = "pl", default)]
    payload_bytes: Vec<u64>,
    /// Payloads that are contents of their own: position, id, bytes of the content.
    #[serde(rename = "sp", default)]
    spilled: Vec<(u32, String, u64)>,
    /// The data key as it is stored, where what follows is sealed.
    #[serde(rename = "dk", default)]
    wrapped_key: Option<String>,
    /// Whether the last payload holds texts of events.
    #[serde(rename = "tx", default)]
    has_texts: bool,
}

/// How a turn is kept.
#[derive(Clone, Copy)]
pub(crate) struct Keeping<'a> {
    /// The key of the execution's rows.
    pub(crate) row: &'a Key,
    /// What its data is sealed with.
    pub(crate) key: Option<&'a DataKey>,
}

/// A turn to store.
pub(crate) struct Entry {
    /// The entry of the stream.
    pub(crate) bytes: Bytes,
    /// What must be written before it.
    pub(crate) contents: Vec<Content>,
}

/// What a turn's data is bound to: it opens in its own turn only.
fn section_place(row: &Key, turn: u64) -> Vec<u8> {
    [row.as_bytes(), &turn.to_be_bytes()].concat()
}

/// What a content is bound to.
pub(crate) fn content_place(row: &Key, place: Place) -> Vec<u8> {
    [row.as_bytes(), &place.0.to_be_bytes(), &place.1.to_be_bytes()].concat()
}

/// A payload's text as the bytes of a content, which are not copied.
struct ContentText(std::sync::Arc<str>);

impl AsRef<[u8]> for ContentText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
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
    turn: u64,
    payloads: PayloadWriter,
    at: Timestamp,
    seed: u64,
    inputs: Vec<String>,
    events: Vec<StoredEvent>,
    restart: Option<StoredRestart>,
}

impl TurnWriter {
    pub(crate) fn new(owner: u128, turn: u64, at: Timestamp, seed: u64, inline_bytes_max: usize) -> TurnWriter {
        let payloads = PayloadWriter::new(owner, turn, inline_bytes_max);
        TurnWriter { turn, payloads, at, seed, inputs: Vec::new(), events: Vec::new(), restart: None }
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

    /// The entry of the stream, and the contents it refers to.
    pub(crate) fn finish(
        mut self,
        execution: &Execution,
        changes: &Changes,
        keeping: Keeping<'_>,
    ) -> Result<Entry, TurnError> {
        let malformed = |error: serde_json::Error| TurnError::Malformed(error.to_string());
        let sealing = |error: windlass_keyring::SealError| TurnError::Malformed(error.to_string());
        let delta = Delta::from_live(execution, changes, &mut self.payloads);
        let inline_bytes_max = self.payloads.inline_bytes_max;
        let mut payloads = self.payloads.payloads;
        let mut outline = Outline::default();
        if let Some(key) = keeping.key {
            outline.wrapped_key = Some(STANDARD.encode(key.wrapped()));
            let texts = self.events.iter_mut().enumerate().filter_map(|(at, event)| event.take_texts(at));
            let texts: Vec<EventTexts> = texts.collect();
            if !texts.is_empty() {
                outline.has_texts = true;
                payloads.push(Payload::from_valid_text(serde_json::to_string(&texts).map_err(malformed)?));
            }
        }
        let mut contents = Vec::new();
        let mut payload_bytes = 0;
        outline.payload_bytes.reserve(payloads.len());
        for (position, payload) in payloads.iter().enumerate() {
            let bytes = payload.bytes_len();
            let is_texts = outline.has_texts && position + 1 == payloads.len();
            if bytes <= inline_bytes_max || is_texts {
                outline.payload_bytes.push(bytes as u64);
                payload_bytes += bytes;
                continue;
            }
            outline.payload_bytes.push(0);
            let place = Place(self.turn, position as u32);
            let text = payload.text();
            let content = match keeping.key {
                Some(key) => key.seal(&content_place(keeping.row, place), text.as_bytes()).map_err(sealing)?.into(),
                None => Bytes::from_owner(ContentText(text.clone())),
            };
            let content = Content::new(content);
            outline.spilled.push((place.1, content.id.to_string(), content.bytes.len() as u64));
            contents.push(content);
        }
        let is_plain = outline.spilled.is_empty()
            && outline.wrapped_key.is_none()
            && !self.events.iter().any(StoredEvent::needs_format_2);
        let header = Header {
            v: if is_plain { FORMAT_PLAIN } else { FORMAT },
            at: self.at.as_ms(),
            seed: self.seed,
            inputs: self.inputs,
            events: self.events,
            restart: self.restart,
            delta,
            payload_bytes: outline.payload_bytes,
            spilled: outline.spilled,
            wrapped_key: outline.wrapped_key,
            has_texts: outline.has_texts,
        };
        let inline = || payloads.iter().zip(&header.payload_bytes).filter(|(_, bytes)| **bytes > 0);
        let mut out = Vec::with_capacity(512 + header.events.len() * 64 + payload_bytes);
        serde_json::to_writer(&mut out, &header).map_err(malformed)?;
        out.push(b'\n');
        match keeping.key {
            None => inline().for_each(|(payload, _)| out.extend_from_slice(payload.text().as_bytes())),
            Some(key) => {
                let mut section = Vec::with_capacity(payload_bytes);
                inline().for_each(|(payload, _)| section.extend_from_slice(payload.text().as_bytes()));
                out.extend(key.seal(&section_place(keeping.row, self.turn), &section).map_err(sealing)?);
            }
        }
        Ok(Entry { bytes: out.into(), contents })
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
    /// A content it refers to is not there, or not what it was.
    #[error("the content {0} is not there, or is damaged")]
    NoContent(String),
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
    outline: Outline,
    /// The payloads one after the other; sealed while there is a `locked` key.
    section: Bytes,
    /// Where each of them lies.
    spans: Vec<(usize, usize)>,
    /// The data key that must be opened first.
    pub(crate) locked: Option<Bytes>,
}

/// Where a payload is.
pub(crate) enum Found<'a> {
    /// Here.
    Here(Payload),
    /// In a content of that id and length, which is sealed where the turn is.
    Content(&'a str, u64),
}

/// Where the header of an entry ends.
fn header_end(bytes: &Bytes) -> Result<usize, TurnError> {
    bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| TurnError::Malformed("no header".to_owned()))
}

/// Refuses a format that this release does not read.
fn check_format(version: u32) -> Result<(), TurnError> {
    if version > FORMAT { Err(TurnError::Newer(version)) } else { Ok(()) }
}

/// Where the payloads of a section lie, from their lengths.
fn spans(lengths: &[u64], section: &Bytes) -> Result<Vec<(usize, usize)>, TurnError> {
    let mut at = 0_usize;
    let mut spans = Vec::with_capacity(lengths.len());
    for length in lengths {
        let next = usize::try_from(*length)
            .ok()
            .and_then(|length| at.checked_add(length))
            .filter(|next| *next <= section.len());
        let next = next.ok_or_else(|| TurnError::Malformed("a payload is cut off".to_owned()))?;
        spans.push((at, next));
        at = next;
    }
    Ok(spans)
}

impl StoredTurn {
    /// Reads a turn. Its data may be locked: see [`StoredTurn::unlock`].
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
        let read = StoredTurn {
            turn,
            at: Timestamp(header.at),
            seed: header.seed,
            inputs: header.inputs,
            restart: header.restart,
            events: header.events,
            delta: header.delta,
            outline: Outline {
                v: header.v,
                payload_bytes: header.payload_bytes,
                spilled: header.spilled,
                wrapped_key: header.wrapped_key,
                has_texts: header.has_texts,
            },
            section: bytes.slice(end + 1..),
            spans: Vec::new(),
            locked: None,
        };
        read.opened()
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

    /// Reads where the payloads of a turn are, without its events and its delta.
    pub(crate) fn read_outline(turn: u64, bytes: &Bytes) -> Result<StoredTurn, TurnError> {
        let end = header_end(bytes)?;
        let mut outline: Outline =
            serde_json::from_slice(&bytes[..end]).map_err(|error| TurnError::Malformed(error.to_string()))?;
        check_format(outline.v)?;
        // The texts are those of events, which are not here.
        outline.has_texts = false;
        let read = StoredTurn {
            turn,
            at: Timestamp(0),
            seed: 0,
            inputs: Vec::new(),
            events: Vec::new(),
            restart: None,
            delta: Delta::default(),
            outline,
            section: bytes.slice(end + 1..),
            spans: Vec::new(),
            locked: None,
        };
        read.opened()
    }

    fn opened(mut self) -> Result<StoredTurn, TurnError> {
        self.locked = self.wrapped_key()?;
        if self.locked.is_none() {
            self.spans = spans(&self.outline.payload_bytes, &self.section)?;
        }
        Ok(self)
    }

    /// Opens its data, and puts the texts of its events back.
    pub(crate) fn unlock(&mut self, row: &Key, key: &DataKey) -> Result<(), TurnError> {
        let malformed = |error: serde_json::Error| TurnError::Malformed(error.to_string());
        let opened = key.open(&section_place(row, self.turn), &self.section);
        self.section = opened.map_err(|error| TurnError::Malformed(error.to_string()))?;
        self.spans = spans(&self.outline.payload_bytes, &self.section)?;
        self.locked = None;
        if self.outline.has_texts
            && let Some((start, end)) = self.spans.last()
        {
            let texts: Vec<EventTexts> = serde_json::from_slice(&self.section[*start..*end]).map_err(malformed)?;
            for texts in texts {
                if let Some(event) = self.events.get_mut(texts.position as usize) {
                    event.put_texts(texts);
                }
            }
        }
        Ok(())
    }

    /// A payload of this turn, marked with its place. Not while it is locked.
    pub(crate) fn payload(&self, owner: u128, position: u32) -> Result<Found<'_>, TurnError> {
        let place = Place(self.turn, position);
        if let Some((_, id, bytes)) = self.outline.spilled.iter().find(|(at, ..)| *at == position) {
            return Ok(Found::Content(id, *bytes));
        }
        let (start, end) = *self.spans.get(position as usize).ok_or(TurnError::NoPayload(place.0, place.1))?;
        let text =
            std::str::from_utf8(&self.section[start..end]).map_err(|error| TurnError::Malformed(error.to_string()))?;
        let payload = Payload::from_valid_text(text);
        mark(&payload, owner, place);
        Ok(Found::Here(payload))
    }

    /// The contents that its payloads are, by id.
    pub(crate) fn contents(&self) -> impl Iterator<Item = &str> {
        self.outline.spilled.iter().map(|(_, id, _)| id.as_str())
    }

    /// The data key its data is sealed with, as it is stored.
    pub(crate) fn wrapped_key(&self) -> Result<Option<Bytes>, TurnError> {
        let decoded = self.outline.wrapped_key.as_ref().map(|wrapped| STANDARD.decode(wrapped)).transpose();
        decoded.map(|key| key.map(Bytes::from)).map_err(|error| TurnError::Malformed(error.to_string()))
    }
}
