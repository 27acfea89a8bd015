//! Rules that look at more than one state or field.

pub(crate) mod reachability;
pub(crate) mod similar;
