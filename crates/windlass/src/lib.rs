//! The Windlass server: listeners, the gate, identity, admission, metrics, logs,
//! configuration and the command line.
//!
//! This crate knows no service's behaviour: it turns bytes into calls, hands
//! them to the dispatcher and turns answers into bytes. Services are made in
//! one place, [`services::build_services`].

// A fault is made once for a call that failed; boxing it would only hide that.
#![allow(clippy::result_large_err)]

pub mod access_log;
mod anonymous;
mod answer;
mod answer_body;
mod authentication;
pub mod backend;
mod body;
pub mod cli;
pub mod config;
mod config_error;
mod config_file;
mod console;
mod cors;
pub mod credential;
mod explain_access;
mod front;
mod gate;
mod hosted;
mod http_tasks;
mod in_flight;
mod lifecycle;
pub mod log_sink;
mod measurements;
pub mod meters;
mod object;
mod open_files;
mod otlp;
mod outgoing_settings;
mod own_api;
mod own_endpoints;
mod reception;
mod request_id;
pub mod server;
pub mod services;
mod smtp_settings;
mod tls;
mod to_the_end;
mod tracing_settings;
mod webhook;
mod webhook_settings;
mod wire;

pub use hosted::{AccessControl, Certificate, Close, Hosted, Task};
pub use outgoing_settings::OutgoingSettings;
pub use server::Server;
pub use tracing_settings::{OtlpProtocol, TracingSettings};
pub use webhook_settings::Webhook;
