use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_store::{ColumnValue, Key, Row};
use windlass_value::{Object, Payload, Text, Timestamp, Value, parse};
use windlass_workflow::{Execution, Identity, Status};

use crate::concurrency::Ticket;
use crate::data_key::DataKey;
use crate::error::JournalError;
use crate::journal::{NewExecution, Qualifiers};
use crate::key::ExecutionKey;
use crate::map_run::ChildOf;
use crate::stored::Place;

/// What is known of an execution without looking into its turns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its ARN.
    pub arn: Text,
    /// Its name.
    pub name: Text,
    /// Its state machine.
    pub machine_arn: Text,
    /// The version and the alias it was started through.
    pub qualifiers: Qualifiers,
    /// Name of its state machine.
    pub machine_name: Text,
    /// Its role.
    pub role_arn: Text,
    /// Its region.
    pub region: Text,
    /// Where it stands.
    pub status: Status,
    /// When it started.
    pub started_at: Timestamp,
    /// When it closed.
    pub stopped_at: Option<Timestamp>,
    /// Hash of the definition it runs.
    pub definition_hash: Text,
    /// Error of a failed one.
    pub error: Option<Text>,
    /// Cause of a failed one.
    pub cause: Option<Text>,
    /// Whether there is an output.
    pub has_output: bool,
    /// What answers its tasks in place of services.
    pub mocks: Option<Text>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redriven_at: Option<Timestamp>,
    /// Whose its first turns were, of a fork; the oldest first.
    pub(crate) pasts: Vec<Past>,
    /// The tokens of the last redrives, the newest last, and when those were.
    pub(crate) redrive_tokens: Vec<(Text, Timestamp)>,
    /// The token of the redrive that is being made.
    pub(crate) redrive_token: Option<Text>,
    /// Further members that its starter keeps with it, as JSON text of an object.
    pub details: Text,
    /// The child of a Map Run it is.
    pub child_of: Option<ChildOf>,
    /// AWS's limits, this server's own, or whichever the server has.
    pub aws_limits: Option<bool>,
    /// The data key it was started with, as it is stored; `None`: its data is not sealed.
    pub wrapped_key: Option<Bytes>,
    pub(crate) output: Option<Place>,
    /// Its place in the line of its key.
    pub(crate) ticket: Option<Ticket>,
    /// Error and cause, where these are sealed.
    pub(crate) sealed: Option<Sealed>,
}

/// A sealed part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sealed {
    pub(crate) wrapped: Bytes,
    bytes: Bytes,
}

/// What is sealed of a record.
#[derive(Serialize, Deserialize)]
struct SealedTexts {
    error: Option<String>,
    cause: Option<String>,
}

/// Redrives whose tokens are remembered.
const REDRIVE_TOKENS_MAX: usize = 10;

/// The execution that a fork's first turns are copied from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Past {
    /// The last turn of its.
    #[serde(rename = "t")]
    pub(crate) until_turn: u64,
    pub(crate) arn: String,
    pub(crate) name: String,
    #[serde(rename = "at")]
    pub(crate) started_at: i64,
}

#[derive(Serialize, Deserialize)]
struct StoredRedrives {
    n: u32,
    at: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tokens: Vec<(String, i64)>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    name: String,
    machine_name: String,
    role_arn: String,
    region: String,
    definition: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<Place>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    redrives: Option<StoredRedrives>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pasts: Vec<Past>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    details: String,
    /// Items of a Map Run's child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aws_limits: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped_key: Option<String>,
    /// The data key as it is stored, and error and cause sealed with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mocks: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ticket: Option<Ticket>,
}

/// 2 added sealed data; other records are written in format 1.
const FORMAT: u32 = 2;

impl Record {
    /// Of an execution that starts.
    pub(crate) fn new(new: &NewExecution) -> Record {
        let NewExecution { identity, definition, qualifiers, details, options, concurrency: _ } = new;
        Record {
            qualifiers: qualifiers.clone(),
            aws_limits: options.aws_limits,
            wrapped_key: options.data_key.as_ref().map(|key| key.wrapped().clone()),
            ..Record::of_identity(identity, &definition.hash, details.clone())
        }
    }

    /// Of an execution of which no more is known.
    pub(crate) fn of_identity(identity: &Identity, definition_hash: &str, details: Object) -> Record {
        let details = if details.is_empty() { Text::default() } else { Value::from(details).to_text().into() };
        Record {
            arn: identity.arn.clone(),
            name: identity.name.clone(),
            machine_arn: identity.machine_arn.clone(),
            qualifiers: Qualifiers::default(),
            machine_name: identity.machine_name.clone(),
            role_arn: identity.role_arn.clone(),
            region: identity.region.clone(),
            status: Status::Running,
            started_at: identity.started_at,
            stopped_at: None,
            definition_hash: definition_hash.into(),
            error: None,
            cause: None,
            has_output: false,
            mocks: identity.mocks.clone(),
            redrive_count: 0,
            redriven_at: None,
            pasts: Vec::new(),
            redrive_tokens: Vec::new(),
            redrive_token: None,
            details,
            child_of: None,
            aws_limits: None,
            wrapped_key: None,
            output: None,
            sealed: None,
            ticket: None,
        }
    }

    /// Whether its data is sealed.
    pub fn is_sealed(&self) -> bool {
        self.wrapped_key.is_some()
    }

    /// The details as an object.
    pub fn details(&self) -> Object {
        let value = parse(&self.details).unwrap_or_default();
        value.as_object().map_or_else(Object::new, |object| Object::clone(object))
    }

    /// Takes over how the execution stands; error and cause sealed, where there is a key.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn update(
        &mut self,
        execution: &Execution,
        output: Option<Place>,
        key: Option<&DataKey>,
    ) -> Result<(), JournalError> {
        self.status = execution.status;
        self.stopped_at = execution.stopped_at;
        self.error = execution.error.clone();
        self.cause = execution.cause.clone();
        self.output = output;
        self.has_output = output.is_some();
        let redrives = execution.redrives;
        if let Some(at) = redrives.at.filter(|_| redrives.count != self.redrive_count)
            && let Some(token) = self.redrive_token.take()
        {
            self.redrive_tokens.push((token, at));
            let surplus = self.redrive_tokens.len().saturating_sub(REDRIVE_TOKENS_MAX);
            self.redrive_tokens.drain(..surplus);
        }
        self.redrive_count = redrives.count;
        self.redriven_at = redrives.at;
        self.sealed = None;
        if let Some(key) = key
            && (self.error.is_some() || self.cause.is_some())
        {
            let text = |text: Option<Text>| text.map(|text| text.to_string());
            let texts = SealedTexts { error: text(self.error.take()), cause: text(self.cause.take()) };
            let failed = |reason: String| JournalError::Record { arn: self.arn.to_string(), reason };
            let plain = serde_json::to_vec(&texts).map_err(|error| failed(error.to_string()))?;
            let bytes = key.seal(&self.place(), &plain).map_err(|error| failed(error.to_string()))?;
            self.sealed = Some(Sealed { wrapped: key.wrapped().clone(), bytes: bytes.into() });
        }
        Ok(())
    }

    fn place(&self) -> Vec<u8> {
        [b"record\0", self.arn.as_bytes()].concat()
    }

    /// Fills in what is sealed.
    ///
    /// # Errors
    /// It was sealed with another key, or is damaged.
    pub(crate) fn open(&mut self, key: &DataKey) -> Result<(), JournalError> {
        let Some(sealed) = &self.sealed else { return Ok(()) };
        let failed = |reason: String| JournalError::Record { arn: self.arn.to_string(), reason };
        let plain = key.open(&self.place(), &sealed.bytes).map_err(|error| failed(error.to_string()))?;
        let texts: SealedTexts = serde_json::from_slice(&plain).map_err(|error| failed(error.to_string()))?;
        self.error = texts.error.map(Into::into);
        self.cause = texts.cause.map(Into::into);
        Ok(())
    }

    /// The pasts of a fork that leaves this execution in a turn.
    pub(crate) fn pasts_until(&self, turn: u64) -> Vec<Past> {
        let mut pasts: Vec<Past> = self.pasts.iter().filter(|past| past.until_turn < turn).cloned().collect();
        // In a turn that was copied already it is that one's owner whom the fork leaves.
        pasts.push(match self.pasts.iter().find(|past| turn <= past.until_turn) {
            Some(past) => Past { until_turn: turn, ..past.clone() },
            None => Past {
                until_turn: turn,
                arn: self.arn.to_string(),
                name: self.name.to_string(),
                started_at: self.started_at.as_ms(),
            },
        });
        pasts
    }

    /// The record as of a turn: who the execution was then.
    pub(crate) fn as_of(&self, turn: u64) -> Record {
        let mut then = self.clone();
        if let Some(past) = self.pasts.iter().find(|past| turn <= past.until_turn) {
            then.arn = past.arn.as_str().into();
            then.name = past.name.as_str().into();
            then.started_at = Timestamp(past.started_at);
        }
        then
    }

    pub(crate) fn identity(&self, input: Payload) -> Arc<Identity> {
        Arc::new(Identity {
            arn: self.arn.clone(),
            name: self.name.clone(),
            machine_arn: self.machine_arn.clone(),
            machine_name: self.machine_name.clone(),
            role_arn: self.role_arn.clone(),
            region: self.region.clone(),
            started_at: self.started_at,
            input,
            express: false,
            mocks: self.mocks.clone(),
        })
    }

    pub(crate) fn columns(&self) -> Vec<ColumnValue> {
        let optional =
            |text: &Option<Text>| text.as_ref().map_or(ColumnValue::Null, |text| ColumnValue::Text(text.to_string()));
        vec![
            ColumnValue::Text(self.arn.to_string()),
            ColumnValue::Text(self.machine_arn.to_string()),
            ColumnValue::Text(self.name.to_string()),
            ColumnValue::Text(self.status.as_str().to_owned()),
            ColumnValue::Integer(self.started_at.as_ms()),
            self.stopped_at.map_or(ColumnValue::Null, |at| ColumnValue::Integer(at.as_ms())),
            optional(&self.qualifiers.version_arn),
            optional(&self.qualifiers.alias_arn),
            self.child_of.as_ref().map_or(ColumnValue::Null, |child| child.map_run_arn.to_string().into()),
            self.child_of
                .as_ref()
                .and_then(|child| i64::try_from(child.index).ok())
                .map_or(ColumnValue::Null, ColumnValue::Integer),
        ]
    }

    pub(crate) fn value(&self) -> Vec<u8> {
        let stored = Stored {
            v: if self.wrapped_key.is_some() { FORMAT } else { 1 },
            name: self.name.to_string(),
            machine_name: self.machine_name.to_string(),
            role_arn: self.role_arn.to_string(),
            region: self.region.to_string(),
            definition: self.definition_hash.to_string(),
            error: self.error.as_ref().map(|text| text.to_string()),
            cause: self.cause.as_ref().map(|text| text.to_string()),
            output: self.output,
            pasts: self.pasts.clone(),
            redrives: self.redriven_at.map(|at| StoredRedrives {
                n: self.redrive_count,
                at: at.as_ms(),
                tokens: self.redrive_tokens.iter().map(|(token, at)| (token.to_string(), at.as_ms())).collect(),
            }),
            details: self.details.to_string(),
            items: self.child_of.as_ref().map(|child| child.items),
            aws_limits: self.aws_limits,
            wrapped_key: self.wrapped_key.as_ref().map(|key| STANDARD.encode(key)),
            sealed: self
                .sealed
                .as_ref()
                .map(|sealed| (STANDARD.encode(&sealed.wrapped), STANDARD.encode(&sealed.bytes))),
            mocks: self.mocks.as_ref().map(|mocks| mocks.to_string()),
            ticket: self.ticket.clone(),
        };
        // Strings and numbers always serialise.
        serde_json::to_vec(&stored).unwrap_or_default()
    }

    pub(crate) fn read(row: &Row) -> Result<Record, JournalError> {
        let optional = |index: usize| match row.columns.get(index) {
            Some(ColumnValue::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let text = |index: usize| optional(index).unwrap_or_default();
        let integer = |index: usize| match row.columns.get(index) {
            Some(ColumnValue::Integer(value)) => Some(*value),
            _ => None,
        };
        let arn = text(0);
        let damaged = |reason: String| JournalError::Record { arn: arn.clone(), reason };
        let stored: Stored = serde_json::from_slice(&row.value).map_err(|error| damaged(error.to_string()))?;
        if stored.v > FORMAT {
            return Err(damaged(format!("it has format {}, which this release does not read", stored.v)));
        }
        let status = text(3);
        let bytes = |text: String| STANDARD.decode(text).map(Bytes::from).map_err(|error| damaged(error.to_string()));
        let sealed = match stored.sealed {
            Some((wrapped, sealed)) => Some(Sealed { wrapped: bytes(wrapped)?, bytes: bytes(sealed)? }),
            None => None,
        };
        Ok(Record {
            aws_limits: stored.aws_limits,
            wrapped_key: stored.wrapped_key.map(bytes).transpose()?,
            sealed,
            status: Status::parse(&status).ok_or_else(|| damaged(format!("unknown status '{status}'")))?,
            arn: arn.clone().into(),
            name: stored.name.into(),
            machine_arn: text(1).into(),
            qualifiers: Qualifiers { version_arn: optional(6).map(Into::into), alias_arn: optional(7).map(Into::into) },
            machine_name: stored.machine_name.into(),
            role_arn: stored.role_arn.into(),
            region: stored.region.into(),
            started_at: Timestamp(integer(4).unwrap_or_default()),
            stopped_at: integer(5).map(Timestamp),
            definition_hash: stored.definition.into(),
            error: stored.error.map(Into::into),
            cause: stored.cause.map(Into::into),
            has_output: stored.output.is_some(),
            redrive_count: stored.redrives.as_ref().map_or(0, |redrives| redrives.n),
            pasts: stored.pasts,
            redriven_at: stored.redrives.as_ref().map(|redrives| Timestamp(redrives.at)),
            redrive_tokens: stored.redrives.map_or_else(Vec::new, |redrives| {
                redrives.tokens.into_iter().map(|(token, at)| (token.into(), Timestamp(at))).collect()
            }),
            redrive_token: None,
            details: stored.details.into(),
            child_of: optional(8).zip(integer(9)).map(|(map_run_arn, index)| ChildOf {
                map_run_arn: map_run_arn.into(),
                index: index.unsigned_abs(),
                items: stored.items.unwrap_or(1),
            }),
            mocks: stored.mocks.map(Into::into),
            output: stored.output,
            ticket: stored.ticket,
        })
    }

    pub(crate) fn key(&self) -> Result<(ExecutionKey, Key), JournalError> {
        let key = ExecutionKey::from_arn(&self.arn);
        let key = key.ok_or_else(|| JournalError::Record { arn: self.arn.to_string(), reason: "not an ARN".into() })?;
        let row = key.row();
        Ok((key, row))
    }
}
