//! A store that an earlier build wrote.
