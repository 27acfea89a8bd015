//! Child executions of Map Runs: how they are named, and what is stored of Express
//! ones, which have no turns.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use windlass_store::{ColumnValue, Key, Row};
use windlass_value::{Arn, Payload, Text, Timestamp, uuid_v4};
use windlass_workflow::{Ending, Status};

use crate::error::JournalError;
use crate::key::ExecutionKey;

/// The child's number within its name: the last 48 bits.
const INDEX_BITS: u32 = 48;

/// Which child of which Map Run an execution is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildOf {
    /// The Map Run.
    pub map_run_arn: Text,
    /// The child's number, from 0.
    pub index: u64,
    /// How many items it got.
    pub items: u64,
}

fn bits_of(map_run_arn: &str) -> u128 {
    let digest = Sha256::digest(map_run_arn.as_bytes());
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[16..]);
    u128::from_be_bytes(bits)
}

/// The name of a child: always the same for the same number, so that none is
/// started twice.
pub(crate) fn child_name(map_run_arn: &str, index: u64) -> Text {
    uuid_v4(bits_of(map_run_arn) ^ u128::from(index & ((1 << INDEX_BITS) - 1))).into()
}

/// The number that a child of this Map Run has by its name.
fn child_index(map_run_arn: &str, name: &str) -> Option<u64> {
    let digits: String = name.chars().filter(|character| *character != '-').collect();
    let bits = u128::from_str_radix(&digits, 16).ok()?;
    let index = ((bits ^ bits_of(map_run_arn)) & ((1 << INDEX_BITS) - 1)) as u64;
    (*child_name(map_run_arn, index) == *name).then_some(index)
}

/// `(arn:…:account, machine/label, uuid)` of a Map Run's ARN.
pub(crate) fn map_run_parts(map_run_arn: &str) -> Option<(&str, &str, &str)> {
    let (prefix, rest) = map_run_arn.split_once(":mapRun:")?;
    let (machine, uuid) = rest.split_once(':')?;
    Some((prefix, machine, uuid))
}

/// The ARN of a child.
pub(crate) fn child_arn(map_run_arn: &str, name: &str, express: bool) -> Text {
    let (prefix, machine, uuid) = map_run_parts(map_run_arn).unwrap_or_default();
    match express {
        true => format!("{prefix}:express:{machine}:{name}:{uuid}").into(),
        false => format!("{prefix}:execution:{machine}:{name}").into(),
    }
}

/// The Map Run and the number of an Express child, by its ARN.
pub(crate) fn express_child(arn: &str) -> Option<(Text, u64)> {
    let parsed = Arn::parse(arn)?;
    let mut parts = parsed.resource.strip_prefix("express:")?.split(':');
    let (machine, name, uuid) = (parts.next()?, parts.next()?, parts.next()?);
    if !machine.contains('/') {
        return None;
    }
    let Arn { partition, service, region, account, .. } = &parsed;
    let map_run: Text = format!("arn:{partition}:{service}:{region}:{account}:mapRun:{machine}:{uuid}").into();
    let index = child_index(&map_run, name)?;
    Some((map_run, index))
}

/// The key of what is stored of a child under its Map Run.
pub(crate) fn child_key(map_run: &Key, index: u64) -> Key {
    map_run.clone().number(index)
}

/// The number at the end of such a key.
pub(crate) fn number_of(key: &Key) -> Option<u64> {
    let bytes = key.as_bytes();
    let at = bytes.len().checked_sub(8)?;
    bytes[at..].try_into().ok().map(u64::from_be_bytes)
}

pub(crate) fn ending_of(status: Status) -> Ending {
    match status {
        Status::Succeeded => Ending::Succeeded,
        Status::TimedOut => Ending::TimedOut,
        Status::Aborted => Ending::Aborted,
        // A child that ended does not run.
        Status::Failed | Status::Running => Ending::Failed,
    }
}

/// An Express child that ended.
#[derive(Clone, Debug)]
pub struct ExpressChild {
    /// Its number.
    pub index: u64,
    /// How many items it got.
    pub items: u64,
    /// How it ended.
    pub status: Status,
    /// When it started.
    pub started_at: Timestamp,
    /// When it ended.
    pub stopped_at: Timestamp,
    /// Its input.
    pub input: Payload,
    /// Its output, if it succeeded.
    pub output: Option<Payload>,
    /// Its error.
    pub error: Option<Text>,
    /// Its cause.
    pub cause: Option<Text>,
    /// How often its Map Run had been redriven when it ran last.
    pub redrive_count: u32,
}

#[derive(Serialize, Deserialize)]
struct Head {
    /// Format.
    v: u32,
    s: i64,
    e: i64,
    /// Items.
    n: u64,
    /// Bytes of the input, which follows.
    i: usize,
    /// Bytes of the output behind it; absent for none, 0 for the input's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    o: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    r: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

const FORMAT: u32 = 1;

impl ExpressChild {
    /// The columns: those that succeeded are in no index.
    pub(crate) fn columns(&self, map_run: &ExecutionKey) -> Vec<ColumnValue> {
        let unsuccessful = match self.status {
            Status::Succeeded => ColumnValue::Null,
            _ => ColumnValue::Text(format!("{:032x}", map_run.uid())),
        };
        vec![unsuccessful, ColumnValue::Text(self.status.as_str().to_owned())]
    }

    pub(crate) fn value(&self) -> Vec<u8> {
        let input = self.input.text();
        let output = self.output.as_ref().map(Payload::text);
        let is_same = output.is_some_and(|output| output == input);
        let head = Head {
            v: FORMAT,
            s: self.started_at.as_ms(),
            e: self.stopped_at.as_ms(),
            n: self.items,
            i: input.len(),
            o: output.map(|output| if is_same { 0 } else { output.len() }),
            error: self.error.as_ref().map(|text| text.to_string()),
            cause: self.cause.as_ref().map(|text| text.to_string()),
            r: self.redrive_count,
        };
        // Strings and numbers always serialise.
        let mut bytes = serde_json::to_vec(&head).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(input.as_bytes());
        if let Some(output) = output.filter(|_| !is_same) {
            bytes.extend_from_slice(output.as_bytes());
        }
        bytes
    }

    pub(crate) fn read(row: &Row) -> Result<ExpressChild, JournalError> {
        let damaged = |reason: &str| JournalError::Record { arn: format!("{:?}", row.key), reason: reason.to_owned() };
        let end = row.value.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it has no head"))?;
        let head: Head = serde_json::from_slice(&row.value[..end]).map_err(|error| damaged(&error.to_string()))?;
        if head.v > FORMAT {
            return Err(damaged(&format!("it has format {}, which this release does not read", head.v)));
        }
        let text = |from: usize, length: usize| {
            let part = row.value.get(from..from + length).and_then(|part| std::str::from_utf8(part).ok());
            part.map(Payload::from_valid_text).ok_or_else(|| damaged("it is cut off"))
        };
        let input = text(end + 1, head.i)?;
        let output = match head.o {
            None => None,
            Some(0) => Some(input.clone()),
            Some(length) => Some(text(end + 1 + head.i, length)?),
        };
        let status = match row.columns.get(1) {
            Some(ColumnValue::Text(status)) => Status::parse(status),
            _ => None,
        };
        Ok(ExpressChild {
            index: number_of(&row.key).ok_or_else(|| damaged("its key has no number"))?,
            items: head.n,
            status: status.ok_or_else(|| damaged("unknown status"))?,
            started_at: Timestamp(head.s),
            stopped_at: Timestamp(head.e),
            input,
            output,
            error: head.error.map(Into::into),
            cause: head.cause.map(Into::into),
            redrive_count: head.r,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "arn:aws:states:us-east-1:123456789012:mapRun:m/L:5833eee9-9e28-43fb-beeb-8da2cc20d0a1";

    #[test]
    fn names_say_the_number() {
        for index in [0, 1, 77, 1 << 40] {
            let name = child_name(RUN, index);
            assert_eq!(child_index(RUN, &name), Some(index));
            let arn = child_arn(RUN, &name, true);
            assert_eq!(express_child(&arn), Some((RUN.into(), index)), "{arn}");
        }
        assert_eq!(child_index(RUN, "5833eee9-9e28-43fb-beeb-8da2cc20d0a1"), None);
        assert_eq!(express_child("arn:aws:states:us-east-1:1:express:m:n:u"), None);
        assert_eq!(&*child_arn(RUN, "n", false), "arn:aws:states:us-east-1:123456789012:execution:m/L:n");
    }

    #[test]
    fn a_row_gives_the_child_back() {
        let key = ExecutionKey::from_arn(RUN).unwrap();
        for (status, output) in
            [(Status::Succeeded, Some("[1, 2]")), (Status::Succeeded, Some("{ }")), (Status::Failed, None)]
        {
            let child = ExpressChild {
                index: 9,
                items: 3,
                status,
                started_at: Timestamp(5),
                stopped_at: Timestamp(6),
                input: Payload::from_valid_text("[1, 2]"),
                output: output.map(Payload::from_valid_text),
                error: output.is_none().then(|| "E".into()),
                cause: None,
                redrive_count: 1,
            };
            let row = Row {
                key: child_key(&key.row(), 9),
                columns: child.columns(&key),
                value: child.value().into(),
                version: 1,
            };
            assert_eq!(format!("{:?}", ExpressChild::read(&row).unwrap()), format!("{child:?}"));
        }
    }
}
