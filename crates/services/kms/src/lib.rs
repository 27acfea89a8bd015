//! AWS Key Management Service on one's own machine: symmetric and HMAC keys.
//!
//! - Key material never leaves: it lies in the store sealed by the keyring, so
//!   whoever has the data folder and its master key has the keys. This is no
//!   hardware security module.
//! - Ciphertexts name their key and its version, and are bound to the
//!   encryption context. They are ours: AWS cannot open them, nor we AWS's.
//! - A deletion that was scheduled is carried out when it is due: the material
//!   is gone, and with it what it encrypted.
//! - Asymmetric keys, imported material and custom key stores answer a typed
//!   fault.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod aliases;
mod ciphertext;
mod create;
mod describe;
mod due;
mod encrypt;
mod faults;
mod grants;
mod input;
mod key;
mod key_id;
mod kms;
mod lifecycle;
mod macs;
mod page;
mod policy;
mod random;
mod rotation;
mod tables;
mod tags;

pub use kms::{Kms, open};
pub use tables::TABLES;
