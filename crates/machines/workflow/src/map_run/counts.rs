/// Children, or items, by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MapRunCounts {
    /// Succeeded.
    pub succeeded: u64,
    /// Failed.
    pub failed: u64,
    /// Timed out.
    pub timed_out: u64,
    /// Aborted.
    pub aborted: u64,
}

impl MapRunCounts {
    /// All that ended.
    pub fn ended(&self) -> u64 {
        self.succeeded + self.unsuccessful()
    }

    /// Those that ended otherwise than well.
    pub fn unsuccessful(&self) -> u64 {
        self.failed + self.timed_out + self.aborted
    }
}
