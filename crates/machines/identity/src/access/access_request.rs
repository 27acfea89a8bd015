use std::sync::Arc;

use windlass_value::Text;

use crate::access::caller::Caller;
use crate::access::context::Context;
use crate::access::policy::Policy;

/// What somebody asks for.
#[derive(Clone, Copy, Debug)]
pub struct AccessRequest<'a> {
    /// `sqs:SendMessage`
    pub action: &'a str,
    /// The resource's ARN; `*` for actions that have none.
    pub resource: &'a str,
    /// Whose the resource is, 12 digits.
    pub resource_account: &'a str,
    /// Who asks.
    pub caller: &'a Caller,
    /// Where, e.g. `us-east-1`.
    pub region: &'a str,
    /// The request's condition keys.
    pub context: &'a Context,
}

/// A policy, and how people call it.
#[derive(Clone, Debug)]
pub struct NamedPolicy {
    /// An ARN, or where it is: `inline policy 'p' of role 'r'`.
    pub name: Text,
    /// The policy.
    pub policy: Arc<Policy>,
}

/// All that has a say about a request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policies<'a> {
    /// Of the user and its groups, or of the role.
    pub identity: &'a [NamedPolicy],
    /// The user's or role's permissions boundary: bounds what `identity` allows.
    pub boundary: Option<&'a NamedPolicy>,
    /// Given when the session was made; `Some` bounds what the role may.
    pub session: Option<&'a [NamedPolicy]>,
    /// Attached to the resource.
    pub resource: Option<&'a NamedPolicy>,
    /// What the resource's policy decides.
    pub resource_rule: ResourcePolicyRule,
}

/// What a resource's policy decides within its own account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourcePolicyRule {
    /// It or the caller's own policies may allow.
    #[default]
    Either,
    /// It must allow or leave it to the account: KMS keys and role trust.
    Required,
}
