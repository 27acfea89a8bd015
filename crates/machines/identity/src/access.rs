//! IAM policies: read, checked as AWS checks them, and evaluated.

mod access_request;
mod caller;
mod cidr;
mod condition;
mod context;
mod decision;
mod evaluate;
mod explanation;
mod operand;
mod operator;
mod pattern;
mod policy;
mod policy_check;
mod policy_error;
mod principal_element;
mod resource_pattern;
mod statement;

pub use access_request::{AccessRequest, NamedPolicy, Policies, ResourcePolicyRule};
pub use caller::{Caller, CallerKind};
pub use context::Context;
pub use decision::{Decision, Denial, PolicyType};
pub use evaluate::evaluate;
pub use explanation::{Finding, explain};
pub use policy::Policy;
pub use policy_check::PolicyKind;
pub use policy_error::PolicyError;
pub use principal_element::PrincipalPattern;
pub use statement::Effect;
