//! AWS IAM and STS on one's own machine: users, groups, roles, policies, access
//! keys and temporary credentials, and the decision about every call.
//!
//! - [`open`] makes the services `iam` and `sts`, the [`Identities`] that signatures
//!   are verified against, and what [`Access::authorization`] decides with.
//! - Entities are in memory and in the store; secrets are sealed by the keyring.
//! - The policies that AWS manages are those people attach; others are not found.
//! - Passwords, MFA, certificates, SAML and OpenID providers are not built.
//! - Root keys may assume roles (AWS refuses that): the keys of the server's
//!   configuration are root's.

#![allow(
    clippy::result_large_err,
    reason = "a Fault is the answer's own error; boxing it here would unbox it in the caller"
)]

mod access_key;
mod account;
mod authorization;
mod catalogue;
mod config;
mod document;
mod effective;
mod entity;
mod faults;
mod group;
mod holder;
mod iam;
mod identifier;
mod identities;
mod input;
mod instance_profile;
mod managed_policies;
mod page;
mod policy;
mod policy_cache;
mod refusal;
mod role;
mod session;
mod simulation;
mod sts;
mod tables;
mod user;

use std::sync::Arc;

use windlass_keyring::Keyring;
use windlass_protocol::Dispatcher;
use windlass_store::Store;
use windlass_value::Now;

use crate::catalogue::Catalogue;
use crate::effective::Principals;
use crate::policy_cache::PolicyCache;
use crate::session::Sessions;

pub use authorization::{Authorization, AuthorizationMode};
pub use config::{IamConfig, OpenError};
pub use iam::Iam;
pub use identities::Identities;
pub use refusal::{REFUSALS_MAX, Refusal};
pub use sts::Sts;
pub use tables::TABLES;

/// Everything about who may do what.
pub struct Access {
    /// The service `iam`.
    pub iam: Arc<Iam>,
    /// The service `sts`.
    pub sts: Arc<Sts>,
    /// Whose an access key is.
    pub identities: Identities,
    catalogue: Arc<Catalogue>,
    principals: Arc<Principals>,
    policies: Arc<PolicyCache>,
    now: Now,
}

/// Opens IAM and STS over a store that declares [`TABLES`] and those of the outbox.
///
/// # Errors
/// See [`OpenError`].
pub fn open(store: &Store, keyring: Keyring, now: Now, config: IamConfig) -> Result<Access, OpenError> {
    let catalogue = Arc::new(Catalogue::open(store, keyring.clone(), now.clone())?);
    let sessions = Arc::new(Sessions::new(store.clone(), keyring.clone(), now.clone()));
    let policies = Arc::new(PolicyCache::default());
    let principals = Arc::new(Principals::new(catalogue.clone(), sessions.clone(), policies.clone()));
    Ok(Access {
        iam: Arc::new(Iam {
            catalogue: catalogue.clone(),
            keyring: keyring.clone(),
            policies: policies.clone(),
            principals: principals.clone(),
            now: now.clone(),
        }),
        sts: Arc::new(Sts { catalogue: catalogue.clone(), sessions: sessions.clone(), config, now: now.clone() }),
        identities: Identities::new(catalogue.clone(), sessions, keyring),
        catalogue,
        principals,
        policies,
        now,
    })
}

impl Access {
    /// Decides about calls; it asks the dispatcher's services for the policies of
    /// their resources. `secure_transport`: requests from outside come over TLS.
    pub fn authorization(
        &self,
        dispatcher: Dispatcher,
        mode: AuthorizationMode,
        secure_transport: bool,
    ) -> Arc<Authorization> {
        Arc::new(Authorization {
            catalogue: self.catalogue.clone(),
            principals: self.principals.clone(),
            policies: self.policies.clone(),
            dispatcher,
            mode,
            secure_transport,
            refusals: Default::default(),
            last_used: Default::default(),
            now: self.now.clone(),
        })
    }
}
