//! Mocks of tasks: what is answered in place of the services that tasks call.
//!
//! The format is the mock file of Step Functions Local, as it is, with further keys
//! of our own. A [`MockFile`] is read and checked whole; a [`TestCase`] is what one
//! execution takes of it and keeps as text, so that a later edit of the file changes
//! nothing about it; [`TestCase::answer`] says what one call is answered. Nothing here
//! knows a clock, a file or what performs tasks.

mod answer;
mod entry;
mod error;
mod expression;
mod file;
mod pattern;
mod response;
mod test_case;

pub use answer::{Answer, Call, Given, Refusal};
pub use entry::Validation;
pub use error::MockError;
pub use file::MockFile;
pub use response::Answers;
pub use test_case::TestCase;
