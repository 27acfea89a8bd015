//! The Lambda service with real processes.

mod archives;
mod events;
mod fixture;
mod functions;
mod invocations;
mod processes;
mod runtime_api;
