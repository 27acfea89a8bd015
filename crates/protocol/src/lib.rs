//! AWS's wire protocols, driven by tables made from the service models, and the
//! `Call` by which services meet.
//!
//! This crate knows no service's behaviour, no storage and no socket.

mod body;
mod call;
mod cbor;
mod client;
mod constraint;
mod decode;
mod dispatcher;
mod document;
mod encode;
mod fault;
mod fault_name;
mod generic;
pub mod input;
mod limits;
mod model;
mod models;
mod pack;
mod page_token;
mod pattern;
mod permission;
mod query;
mod resolve;
mod result_check;
mod s3_address;
mod s3_request;
mod sdk;
mod table;
mod timestamp;
mod trace;
mod uri;
mod xml;
mod xml_document;

pub use body::{Body, FileBody, Pieces, Received};
pub use call::{CALL_DEPTH_MAX, Call, Principal, Reply};
pub use client::{decode_response, encode_request};
pub use decode::{decode, decode_within};
pub use dispatcher::{Authorizer, BoxFuture, Dispatcher, Outcome, Router, Service, Wiring};
pub use encode::{encode, encode_fault, encode_unresolved_fault};
pub use fault::Fault;
pub use generic::GenericService;
pub use limits::{FORM_BYTES_MAX, RequestBounds, body_bytes_max, body_too_large};
pub use model::{Operation, ServiceModel, Wire};
pub use models::Models;
pub use page_token::PageToken;
pub use permission::{Permission, has_permission_row, permissions};
pub use resolve::Resolved;
pub use result_check::ResultCheck;
pub use s3_address::s3_address;
pub use sdk::{SdkInput, SdkInstants, SdkProblem, sdk_exception};
pub use trace::{TraceContext, trace_of};
pub use uri::form_pairs;
