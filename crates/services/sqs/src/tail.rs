use std::collections::BTreeSet;

/// The messages of a queue that are not in memory: all stored ones behind a
/// sequence, but for those whose commit is under way.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    count: usize,
    after: u64,
    committing: BTreeSet<u64>,
}

impl Tail {
    /// Whether messages sent now must join it, so as not to overtake it.
    pub(crate) fn is_open(&self) -> bool {
        self.count > 0 || !self.committing.is_empty()
    }

    /// How many stored messages are in it, nearly.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Whether a stored message of that sequence is in it.
    pub(crate) fn covers(&self, sequence: u64) -> bool {
        self.is_open() && sequence > self.after
    }

    /// A message of that sequence, the highest so far, is on its way to the disk.
    pub(crate) fn begin(&mut self, sequence: u64) {
        if !self.is_open() {
            self.after = sequence - 1;
        }
        self.committing.insert(sequence);
    }

    /// Its commit is over. Answers false for one that is not of the tail.
    pub(crate) fn settle(&mut self, sequence: u64, stored: bool) -> bool {
        let ours = self.committing.remove(&sequence);
        self.count += usize::from(ours && stored);
        ours
    }

    /// Adds stored messages, at the start.
    pub(crate) fn add_stored(&mut self, after: u64, count: usize) {
        if !self.is_open() {
            self.after = after;
        }
        self.count += count;
    }

    /// One of its stored messages has gone.
    pub(crate) fn remove_one(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// The sequences to read next: behind the first, before the second.
    pub(crate) fn range(&self, next_sequence: u64) -> (u64, u64) {
        (self.after, self.committing.first().copied().unwrap_or(next_sequence))
    }

    /// So many messages were read up to that sequence; `all` when the range has
    /// no more.
    pub(crate) fn advance(&mut self, after: u64, read: usize, all: bool) {
        self.after = after;
        self.count = self.count.saturating_sub(read);
        if all && self.committing.is_empty() {
            self.count = 0;
        }
    }

    /// Forgets the messages below that sequence, which is all stored ones.
    pub(crate) fn purge(&mut self, before: u64) {
        self.count = 0;
        self.committing = self.committing.split_off(&before);
        self.after = before - 1;
    }
}
