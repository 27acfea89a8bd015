//! What people ask of Map Runs and of their children, and what they change.

use tokio::sync::oneshot;
use windlass_store::{ColumnValue, IndexScan, Key, Position, Scan};
use windlass_value::Text;
use windlass_workflow::{MapRunEvent, Status};

use super::child::{ExpressChild, child_arn, child_key, child_name, express_child};
use super::handle::Told;
use super::record::MapRunRecord;
use super::stored::map_run_key;
use crate::error::JournalError;
use crate::journal::Journal;
use crate::key::ExecutionKey;
use crate::query::{open_page, seal_page};
use crate::record::Record;
use crate::tables::{MAP_RUN_CHILDREN, MAP_RUNS};

/// What UpdateMapRun changes: what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MapRunUpdate {
    /// Children at once; 0: no bound.
    pub concurrency_max: Option<u64>,
    /// Items that may fail.
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of items that may fail.
    pub tolerated_failure_percentage: Option<f64>,
}

/// Which children of a Map Run to list, newest first.
#[derive(Clone, Copy, Debug)]
pub struct MapRunChildQuery<'a> {
    /// Whose.
    pub map_run_arn: &'a str,
    /// Only in this status.
    pub status: Option<Status>,
    /// After this page token.
    pub after: Option<&'a str>,
    /// At most so many.
    pub limit: usize,
}

/// A child of a Map Run.
#[derive(Clone, Debug)]
pub enum MapRunChild {
    /// A Standard execution.
    Standard(Box<Record>),
    /// An Express execution that ended.
    Express {
        /// Its ARN.
        arn: Text,
        /// Its name.
        name: Text,
        /// The rest.
        child: Box<ExpressChild>,
    },
}

impl Journal {
    /// What is known of a Map Run.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn map_run(&self, arn: &str) -> Result<Option<MapRunRecord>, JournalError> {
        let Some(key) = ExecutionKey::from_arn(arn) else { return Ok(None) };
        if let Some(handle) = self.map_runs().get(key.uid()) {
            return Ok(Some(handle.record.lock().clone()));
        }
        let row = self.store().get(&MAP_RUNS, &key.row())?;
        row.as_ref().map(MapRunRecord::read).transpose()
    }

    /// The Map Runs of an execution, newest first, and the token of the next page.
    ///
    /// # Errors
    /// Where storage fails or the page token is not ours.
    pub fn map_runs_of(
        &self,
        execution_arn: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<MapRunRecord>, Option<String>), JournalError> {
        let arn = ColumnValue::Text(execution_arn.to_owned());
        let mut scan = Scan::index(IndexScan::new("by_execution").equal(arn.clone()), limit + 1).reversed();
        if let Some(token) = after {
            let (started_at, key) = open_page(token)?;
            scan = scan.after(Position { columns: vec![arn, ColumnValue::Integer(started_at)], key });
        }
        let rows = self.store().scan(&MAP_RUNS, scan)?;
        let more = rows.len() > limit;
        let mut records = Vec::with_capacity(rows.len().min(limit));
        let mut last = None;
        for row in rows.iter().take(limit) {
            let stored = MapRunRecord::read(row)?;
            last = Some((stored.started_at.as_ms(), row.key.clone()));
            records.push(self.map_run(&stored.arn)?.unwrap_or(stored));
        }
        let next = last.filter(|_| more).map(|(started_at, key)| seal_page(started_at, &key));
        Ok((records, next))
    }

    /// Changes a Map Run that runs; answers once it is durable. `None`: there is no such
    /// Map Run; false: it is over.
    ///
    /// # Errors
    /// Where storage fails.
    pub async fn update_map_run(&self, arn: &str, update: MapRunUpdate) -> Result<Option<bool>, JournalError> {
        if self.map_run(arn)?.is_none() {
            return Ok(None);
        }
        let Some(handle) = self.map_runs().get(map_run_key(arn)?.uid()) else { return Ok(Some(false)) };
        let MapRunUpdate { concurrency_max, tolerated_failure_count, tolerated_failure_percentage } = update;
        let event = MapRunEvent::Updated { concurrency_max, tolerated_failure_count, tolerated_failure_percentage };
        let (reply, answer) = oneshot::channel();
        let _ = handle.told.send(Told::Update(event, reply));
        match answer.await {
            Ok(applied) => applied.map(Some),
            // It ended while it was asked.
            Err(_) => Ok(Some(false)),
        }
    }

    /// An Express child by its ARN, with its Map Run's; `None` where it did not end or
    /// never was.
    ///
    /// # Errors
    /// Where storage fails.
    pub fn express_child(&self, arn: &str) -> Result<Option<(Text, ExpressChild)>, JournalError> {
        let Some((map_run_arn, index)) = express_child(arn) else { return Ok(None) };
        let key = child_key(&map_run_key(&map_run_arn)?.row(), index);
        let Some(row) = self.store().get(&MAP_RUN_CHILDREN, &key)? else { return Ok(None) };
        Ok(Some((map_run_arn, ExpressChild::read(&row)?)))
    }

    /// Lists children of a Map Run and the token of the next page.
    ///
    /// # Errors
    /// Where storage fails or the page token is not ours.
    pub fn map_run_children(
        &self,
        query: MapRunChildQuery<'_>,
    ) -> Result<(Vec<MapRunChild>, Option<String>), JournalError> {
        let Some(map_run) = self.map_run(query.map_run_arn)? else { return Ok((Vec::new(), None)) };
        match map_run.express {
            true => self.express_children(query),
            false => {
                let (records, next) = self.standard_children(query)?;
                Ok((records.into_iter().map(|record| MapRunChild::Standard(Box::new(record))).collect(), next))
            }
        }
    }

    fn express_children(
        &self,
        query: MapRunChildQuery<'_>,
    ) -> Result<(Vec<MapRunChild>, Option<String>), JournalError> {
        let map_run = map_run_key(query.map_run_arn)?;
        let row = map_run.row();
        let mut after: Option<Key> = query.after.map(|token| open_page(token).map(|(_, key)| key)).transpose()?;
        let mut found: Vec<(Key, ExpressChild)> = Vec::new();
        let unsuccessful = query.status.filter(|status| *status != Status::Succeeded);
        loop {
            let want = query.limit + 1 - found.len();
            let mut scan = match unsuccessful {
                Some(status) => Scan::index(
                    IndexScan::new("by_status").equal(format!("{:032x}", map_run.uid())).equal(status.as_str()),
                    want,
                )
                .reversed(),
                None => Scan::prefix(&row, want).reversed(),
            };
            if let Some(key) = after.take() {
                let columns = unsuccessful.map_or_else(Vec::new, |status| {
                    vec![ColumnValue::Text(format!("{:032x}", map_run.uid())), status.as_str().into()]
                });
                scan = scan.after(Position { columns, key });
            }
            let rows = self.store().scan(&MAP_RUN_CHILDREN, scan)?;
            let is_last = rows.len() < want;
            after = rows.last().map(|row| row.key.clone());
            for row in &rows {
                let child = ExpressChild::read(row)?;
                if query.status.is_none_or(|status| status == child.status) {
                    found.push((row.key.clone(), child));
                }
            }
            if is_last || found.len() > query.limit {
                break;
            }
        }
        let more = found.len() > query.limit;
        found.truncate(query.limit);
        let next = found.last().filter(|_| more).map(|(key, _)| seal_page(0, key));
        let shown = found.into_iter().map(|(_, child)| {
            let name = child_name(query.map_run_arn, child.index);
            let arn = child_arn(query.map_run_arn, &name, true);
            MapRunChild::Express { arn, name, child: Box::new(child) }
        });
        Ok((shown.collect(), next))
    }
}
