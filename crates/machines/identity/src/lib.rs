//! Who sends a request (AWS Signature Version 4, in headers or presigned URLs,
//! verified and made) and whether it may (IAM policies, evaluated).
//!
//! Pure: the clock is an argument, credentials come from the caller. This crate knows
//! no store, no socket and no AWS service (but for S3's way of writing paths).

mod access;
mod canonical;
mod chunked;
mod claim;
mod credentials;
mod date;
mod hash;
mod presigned_v2;
mod sign;
mod signature_error;
mod signing_key;
mod verify;

pub use access::{
    AccessRequest, Caller, CallerKind, Context, Decision, Denial, Effect, Finding, NamedPolicy, Policies, Policy,
    PolicyError, PolicyKind, PolicyType, PrincipalPattern, ResourcePolicyRule, evaluate, explain,
};
pub use chunked::{ChunkError, ChunkedBody};
pub use claim::{Claim, ClaimKind, claim};
pub use credentials::Credentials;
pub use presigned_v2::{PresignedV2, presigned_v2};
pub use sign::{EXPIRES_SECONDS_MAX, presign, sign};
pub use signature_error::SignatureError;
pub use signing_key::{SIGNING_KEYS_MAX, SigningKeys};
pub use verify::{Body, PayloadSigning, SKEW_MINUTES_MAX, verify};
