use bytes::Bytes;
use windlass_store::{ColumnValue, Key, Row};

/// One event as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// When it happened, as its writer says.
    pub(crate) timestamp_ms: i64,
    /// Distinguishes events of one instant, in the order they came.
    pub(crate) number: u64,
    pub(crate) ingestion_ms: i64,
    pub(crate) stream_id: i64,
    pub(crate) message: String,
}

const NUMBER_BYTES: usize = 8;

impl Event {
    /// The key behind that of the group.
    pub(crate) fn key(&self, inner: &Key) -> Key {
        place(inner, self.timestamp_ms, self.number)
    }

    pub(crate) fn value(&self) -> Bytes {
        let mut value = self.ingestion_ms.to_be_bytes().to_vec();
        value.extend_from_slice(self.message.as_bytes());
        value.into()
    }

    pub(crate) fn columns(&self) -> Vec<ColumnValue> {
        vec![ColumnValue::Integer(self.stream_id)]
    }

    /// `None` for a row that is none of ours.
    pub(crate) fn read(row: &Row) -> Option<Event> {
        let (_, end) = row.key.as_bytes().split_at_checked(row.key.as_bytes().len().checked_sub(2 * NUMBER_BYTES)?)?;
        let (timestamp, number) = end.split_at(NUMBER_BYTES);
        let (ingestion, message) = row.value.split_first_chunk::<NUMBER_BYTES>()?;
        let Some(ColumnValue::Integer(stream_id)) = row.columns.first() else { return None };
        Some(Event {
            timestamp_ms: i64::try_from(u64::from_be_bytes(timestamp.try_into().ok()?)).ok()?,
            number: u64::from_be_bytes(number.try_into().ok()?),
            ingestion_ms: i64::from_be_bytes(*ingestion),
            stream_id: *stream_id,
            message: String::from_utf8(message.to_vec()).ok()?,
        })
    }
}

/// Where an event of that instant and number lies.
pub(crate) fn place(inner: &Key, timestamp_ms: i64, number: u64) -> Key {
    inner.clone().number(u64::try_from(timestamp_ms).unwrap_or(0)).number(number)
}
