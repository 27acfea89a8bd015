/// Counters since the store was opened, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Groups committed, each with one sync.
    pub commits: u64,
    /// Batches applied; divided by `commits` it is the mean group.
    pub batches: u64,
    /// Batches refused by an expectation or a duplicate append.
    pub refused: u64,
    /// Approximate bytes of the batches applied.
    pub bytes: u64,
    /// Time spent in commits (write and sync), in nanoseconds.
    pub sync_ns: u64,
    /// The longest commit, in nanoseconds.
    pub sync_ns_max: u64,
    /// Checkpoints done.
    pub checkpoints: u64,
    /// Time spent in checkpoints, in nanoseconds.
    pub checkpoint_ns: u64,
    /// Size of the write-ahead log in bytes, as last seen.
    pub wal_bytes: u64,
    /// Batches waiting for the writer now.
    pub queued: u64,
    /// A sync failed: the store no longer writes until it is opened again.
    pub poisoned: bool,
}
