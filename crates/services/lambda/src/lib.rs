//! AWS Lambda on one's own machine: functions are local processes that speak to
//! our own Lambda Runtime API.
//!
//! - `python3.*` runs by the `python3.N` of that version where it is on the
//!   `PATH`, else by any `python3`; `nodejs*` by `node`; `provided*` is the
//!   package's own `bootstrap`. Other runtimes are refused when the function is made.
//! - A function whose environment has `WINDLASS_FUNCTION_URL=http://…` has no
//!   process: its payload is posted there, with the Runtime API's headers. A 2xx
//!   body is the result, anything else an error. Its runtime is not looked at.
//! - Asynchronous invocations are stored before they are accepted, run at least
//!   once, and retried as at AWS.
//! - Isolation is that of processes of one user: for code one trusts. A process
//!   and what it starts in its group end with its time, its memory, its idleness
//!   or this server, even when that is killed. A process that leaves its group
//!   (`setsid`) outlives them; as process 1 of a container, the server reaps
//!   only those of its groups.
//! - Memory: the main process's resident size is looked at ten times a second
//!   while it is busy (Linux), and its data segment has a hard bound 1 GiB above
//!   the function's memory. `/tmp` is the machine's; `EphemeralStorage` is kept
//!   but not enforced.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod account;
mod alias;
mod archive;
mod catalogue;
mod code_store;
mod concurrency;
mod config;
mod configuration;
mod environment;
mod events;
mod faults;
mod function;
mod function_name;
mod input;
mod invoke;
mod lambda;
mod logs;
mod memory;
mod output;
mod pool;
mod random;
mod role_credentials;
mod runtime;
mod runtime_api;
mod settings;
mod tables;
mod tags;
mod url_function;
mod version;

pub use archive::{ArchiveError, unpack};
pub use config::{LambdaConfig, OpenError};
pub use lambda::Lambda;
pub use tables::TABLES;
