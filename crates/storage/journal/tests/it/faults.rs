//! Single rules of the journal.
