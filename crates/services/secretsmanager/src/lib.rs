//! AWS Secrets Manager on one's own machine: secrets with versions and stages,
//! recovery windows, resource policies and rotation by a Lambda function.
//!
//! - Values lie in the store sealed by the keyring, bound to secret and version.
//!   A `KmsKeyId` is recorded, and must be a key that can be used; the keyring
//!   seals all the same.
//! - A secret whose recovery window is over is really gone.
//! - Rotation is durable: its four steps are deliveries of an outbox, and go on
//!   after a crash. Replicas answer a typed fault.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod create;
mod delete;
mod describe;
mod due;
mod faults;
mod filter;
mod input;
mod kms_key;
mod list;
mod page;
mod password;
mod policy;
mod rotate;
mod rotation_rules;
mod secret;
mod secret_id;
mod secrets_manager;
mod tables;
mod tags;
mod value;
mod version_stage;

pub use secrets_manager::{SecretsManager, open};
pub use tables::TABLES;
