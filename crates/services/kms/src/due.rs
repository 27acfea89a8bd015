//! What comes by its instant: deletions and automatic rotations.

use std::sync::Weak;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use windlass_outbox::{BoxFuture, Deliver, Delivery, Entry, Verdict};
use windlass_protocol::Fault;
use windlass_store::{Batch, IndexScan, Scan, Store, StoreError, Table};
use windlass_value::Timestamp;

use crate::faults;
use crate::key::KeyRecord;
use crate::kms::Kms;
use crate::lifecycle::DAY_MS;
use crate::tables::{ALIASES, GRANTS, KEYS, MATERIALS, key_row};

/// When what could not be carried out is tried again.
const RETRY_MS: i64 = 60_000;
/// How many rows are read at once.
const SCAN_ROWS: usize = 1000;

/// A stored type.
#[derive(Serialize, Deserialize)]
struct Body {
    task: Task,
    account: String,
    region: String,
    key_id: String,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Task {
    Delete,
    Rotate,
}

/// The deletion of a key.
pub(crate) fn deletion(key: &KeyRecord, due: Timestamp) -> Entry {
    entry(Task::Delete, deletion_id(key), key, due)
}

/// The id of its entry.
pub(crate) fn deletion_id(key: &KeyRecord) -> String {
    format!("delete {}", key.arn())
}

/// The next automatic rotation of a key.
pub(crate) fn rotation(key: &KeyRecord, due: Timestamp) -> Entry {
    entry(Task::Rotate, rotation_id(key), key, due)
}

/// The id of its entry.
pub(crate) fn rotation_id(key: &KeyRecord) -> String {
    format!("rotate {}", key.arn())
}

fn entry(task: Task, id: String, key: &KeyRecord, due: Timestamp) -> Entry {
    let body = Body { task, account: key.account.clone(), region: key.region.clone(), key_id: key.id.clone() };
    // A structure of texts always has a JSON text.
    let body = serde_json::to_vec(&body).map(Bytes::from).unwrap_or_default();
    Entry { id: id.into(), lane: None, due, body }
}

/// Carries out what is due.
pub(crate) struct Due {
    pub(crate) kms: Weak<Kms>,
}

impl Deliver for Due {
    fn deliver(&self, delivery: Delivery) -> BoxFuture<'_, Verdict> {
        Box::pin(async move {
            let Some(kms) = self.kms.upgrade() else {
                return Verdict::Retry { at: delivery.added };
            };
            match kms.carry_out(&delivery) {
                Ok(batch) => Verdict::Done(batch),
                Err(fault) => {
                    tracing::error!(id = &*delivery.id, %fault, "a KMS key cannot be deleted or rotated; it is tried again");
                    Verdict::Retry { at: (kms.now)().plus_ms(RETRY_MS) }
                }
            }
        })
    }
}

impl Kms {
    fn carry_out(&self, delivery: &Delivery) -> Result<Batch, Fault> {
        let body: Body = serde_json::from_slice(&delivery.body).map_err(|error| faults::row("what is due", error))?;
        let mut batch = Batch::default();
        let Some(stored) = self.find_key(&body.account, &body.region, &body.key_id)? else { return Ok(batch) };
        let now = (self.now)();
        match body.task {
            Task::Delete => {
                // Cancelled meanwhile, or moved.
                if stored.key.deletion_ms.is_some_and(|deletion_ms| deletion_ms <= now.as_ms()) {
                    self.delete_key(&stored.key, &mut batch)?;
                    batch.expect_version(&KEYS, key_row(&body.account, &body.region, &body.key_id), stored.row_version);
                    tracing::info!(key = stored.key.arn(), "a KMS key was deleted, as scheduled");
                }
            }
            Task::Rotate => self.rotate_when_due(stored, &mut batch)?,
        }
        Ok(batch)
    }

    fn delete_key(&self, key: &KeyRecord, batch: &mut Batch) -> Result<(), Fault> {
        let row = key_row(&key.account, &key.region, &key.id);
        for table in [&MATERIALS, &GRANTS] {
            all(&self.store, table, Scan::prefix(&row, SCAN_ROWS), batch).map_err(|error| faults::store(&error))?;
        }
        let aliases =
            IndexScan::new("by_key").equal(key.account.as_str()).equal(key.region.as_str()).equal(key.id.as_str());
        all(&self.store, &ALIASES, Scan::index(aliases, SCAN_ROWS), batch).map_err(|error| faults::store(&error))?;
        batch.delete(&KEYS, row);
        self.due.remove(batch, &key.account, &key.region, &rotation_id(key));
        Ok(())
    }

    fn rotate_when_due(&self, mut stored: crate::key::StoredKey, batch: &mut Batch) -> Result<(), Fault> {
        let now = (self.now)();
        let Some(rotation) = stored.key.rotation.filter(|rotation| rotation.next_ms <= now.as_ms()) else {
            return Ok(());
        };
        let next_ms = if stored.key.state() == "Enabled" {
            self.rotate(&mut stored.key, "AUTOMATIC", batch)?;
            now.as_ms().saturating_add(rotation.period_days * DAY_MS)
        } else {
            // A key that is not enabled is not rotated; it is looked at every day.
            now.as_ms().saturating_add(DAY_MS)
        };
        stored.key.rotation = Some(crate::key::Rotation { next_ms, ..rotation });
        stored.key.put(batch, Some(stored.row_version))?;
        let next = self::rotation(&stored.key, Timestamp(next_ms));
        self.due.add(batch, &stored.key.account, &stored.key.region, &next);
        Ok(())
    }
}

/// Deletes every row of a scan.
fn all(store: &Store, table: &'static Table, mut scan: Scan, batch: &mut Batch) -> Result<(), StoreError> {
    loop {
        let rows = store.scan(table, scan.clone())?;
        let next = (rows.len() == scan.limit).then(|| rows.last().map(|row| scan.position(table, row))).flatten();
        batch.delete.extend(rows.into_iter().map(|row| (table, row.key)));
        match next {
            Some(position) => scan.after = Some(position),
            None => return Ok(()),
        }
    }
}
