//! What is stored of a queue beside its messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_protocol::Fault;
use windlass_store::Batch;
use windlass_value::{Object, Value, object};

use crate::attributes::{Attributes, Settings};
use crate::input;
use crate::message_attribute::hex;
use crate::queue_name::QueueName;
use crate::tables::QUEUES;

const FORMAT: i64 = 1;

/// A queue's row.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Random; another queue of the same name later has another.
    pub(crate) id: u64,
    /// Seals the queue's receipt handles.
    pub(crate) secret: [u8; 16],
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) attributes: Attributes,
    /// What the attributes mean.
    pub(crate) settings: Arc<Settings>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Messages below this sequence are gone.
    pub(crate) purged_before: u64,
    pub(crate) purged_ms: Option<i64>,
    /// Whether deduplication ids are those of a group. AWS decides it when the
    /// queue is made; a later `DeduplicationScope` changes nothing about it.
    pub(crate) deduplicates_by_group: bool,
}

impl Record {
    /// The same with other attributes.
    pub(crate) fn with_attributes(&self, attributes: Attributes, now_ms: i64) -> Record {
        Record { settings: Arc::new(Settings::read(&attributes)), attributes, modified_ms: now_ms, ..self.clone() }
    }

    /// Adds the row to a batch.
    pub(crate) fn put(&self, batch: &mut Batch, name: &QueueName) {
        let columns = vec![name.account.as_str().into(), name.region.as_str().into(), name.name.as_str().into()];
        batch.put(&QUEUES, name.key(), columns, self.to_value().to_text().into_bytes());
    }

    fn to_value(&self) -> Value {
        object! {
            "format" => FORMAT,
            "id" => format!("{:016x}", self.id),
            "secret" => hex(&self.secret),
            "created_ms" => self.created_ms,
            "modified_ms" => self.modified_ms,
            "attributes" => input::to_value(&self.attributes),
            "tags" => input::to_value(&self.tags),
            "purged_before" => self.purged_before,
            "purged_ms" => self.purged_ms,
            "deduplicates_by_group" => self.deduplicates_by_group,
        }
    }

    /// Reads a row's value.
    ///
    /// # Errors
    /// The bytes are something else.
    pub(crate) fn read(bytes: &[u8]) -> Result<Record, Fault> {
        let value = str::from_utf8(bytes).ok().and_then(|text| windlass_value::parse(text).ok());
        value.as_ref().and_then(of_value).ok_or_else(|| Fault::internal("a stored queue cannot be read"))
    }
}

fn of_value(value: &Value) -> Option<Record> {
    if value["format"].as_i64() != Some(FORMAT) {
        return None;
    }
    let attributes = input::text_map(value, "attributes");
    let secret = u128::from_str_radix(value["secret"].as_str()?, 16).ok()?.to_be_bytes();
    Some(Record {
        id: u64::from_str_radix(value["id"].as_str()?, 16).ok()?,
        secret,
        created_ms: value["created_ms"].as_i64()?,
        modified_ms: value["modified_ms"].as_i64()?,
        settings: Arc::new(Settings::read(&attributes)),
        attributes,
        tags: input::text_map(value, "tags"),
        purged_before: value["purged_before"].as_i64()?.unsigned_abs(),
        purged_ms: value["purged_ms"].as_i64(),
        deduplicates_by_group: value["deduplicates_by_group"].as_bool()?,
    })
}

/// The name that a queue's row has in its columns.
pub(crate) fn name_of(row: &windlass_store::Row) -> Option<QueueName> {
    use windlass_store::ColumnValue::Text;
    match row.columns.as_slice() {
        [Text(account), Text(region), Text(name)] => {
            Some(QueueName { account: account.clone(), region: region.clone(), name: name.clone() })
        }
        _ => None,
    }
}

/// The attributes that a request asks for, of which some are computed.
pub(crate) fn select(all: Attributes, names: &[&str]) -> Value {
    let is_asked = |name: &str| names.contains(&"All") || names.contains(&name);
    let asked = all.into_iter().filter(|(name, _)| is_asked(name));
    asked.map(|(name, value)| (name, Value::from(value))).collect::<Object>().into()
}
