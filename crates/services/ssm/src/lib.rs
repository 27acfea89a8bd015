//! AWS Systems Manager's Parameter Store on one's own machine.
//!
//! - Values of secure strings lie in the store sealed by the keyring, bound to
//!   parameter and version. A `KeyId` is recorded, and must be a key that can be
//!   used; the keyring seals all the same.
//! - Expiration policies are carried out; the policies that only notify are kept
//!   and send nothing.
//! - Everything else of Systems Manager (documents, commands, …) answers a typed fault.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod delete;
mod describe;
mod due;
mod faults;
mod filter;
mod get;
mod history;
mod input;
mod kms_key;
mod labels;
mod name;
mod page;
mod parameter;
mod policy;
mod put;
mod ssm;
mod tables;
mod tags;

pub use ssm::{Ssm, open};
pub use tables::TABLES;
