use tokio::sync::oneshot;

use crate::batch::{Append, Row};
use crate::error::{CommitError, StoreError};
use crate::key::Key;
use crate::prepared::Prepared;
use crate::scan::Plan;
use crate::stats::StoreStats;

/// What a store is made over. Tables are given by their position in the catalog,
/// batches and queries were checked against it.
pub(crate) trait Backend: Send + Sync {
    fn commit(&self, request: Request);
    fn get(&self, table: usize, key: &Key) -> Result<Option<Row>, StoreError>;
    fn scan(&self, table: usize, plan: &Plan) -> Result<Vec<Row>, StoreError>;
    fn count(&self, table: usize, plan: &Plan) -> Result<u64, StoreError>;
    fn read_stream(
        &self,
        stream: &Key,
        from_sequence: u64,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Append>, StoreError>;
    fn free_bytes(&self) -> Option<u64>;
    fn used_bytes(&self) -> Option<u64>;
    fn stats(&self) -> StoreStats;
    fn close(&self);
}

/// A batch on its way to the writer, and where its outcome goes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) batch: Prepared,
    pub(crate) outcome: oneshot::Sender<Result<(), CommitError>>,
}

impl Request {
    pub(crate) fn answer(self, outcome: Result<(), CommitError>) {
        // The committer may have stopped waiting; its batch stands all the same.
        let _ = self.outcome.send(outcome);
    }
}
