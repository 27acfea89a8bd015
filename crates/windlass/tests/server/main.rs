//! The server from outside: raw bytes in, answers out.

mod access;
mod configuration;
mod drain;
mod gate;
mod harness;
mod identity;
mod limits;
mod log;
mod process;
mod secure;
