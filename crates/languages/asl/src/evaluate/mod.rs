//! Evaluation of a program's typed fields.

mod concurrency;
mod condition;
mod expression;
mod items;
mod path_field;
mod quantity;
mod result_path;
mod string_field;
mod wait;

pub use condition::choose;
pub(crate) use expression::{Location, expression, noted};
pub use items::Items;
pub use quantity::QuantityField;
pub use wait::WAIT_SECONDS_MAX;
