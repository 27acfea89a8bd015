use crate::access::access_request::{AccessRequest, NamedPolicy, Policies, ResourcePolicyRule};
use crate::access::caller::CallerKind;
use crate::access::decision::{Decision, Denial, PolicyType};
use crate::access::principal_element::Naming;
use crate::access::statement::{Attached, Effect};

/// Decides a request as IAM does: an explicit deny anywhere refuses; else within
/// one account the caller's policies (within boundary and session policies) or
/// the resource's may allow; between accounts both must.
pub fn evaluate(request: &AccessRequest<'_>, policies: &Policies<'_>) -> Decision {
    match decide(request, policies) {
        Ok(()) => Decision::Allowed,
        Err(denial) => Decision::Denied(denial),
    }
}

fn decide(request: &AccessRequest<'_>, policies: &Policies<'_>) -> Result<(), Denial> {
    let identity = allowing(policies.identity, request, PolicyType::Identity)?;
    let boundary = allowing(policies.boundary, request, PolicyType::Boundary)?;
    let session = allowing(policies.session.unwrap_or_default(), request, PolicyType::Session)?;
    let resource = allowing(policies.resource, request, PolicyType::Resource)?;

    let implicit = |policy_type| Err(Denial::Implicit { policy_type });
    let own = |identity_allows: bool| {
        if !identity_allows {
            implicit(PolicyType::Identity)
        } else if policies.boundary.is_some() && boundary.is_none() {
            implicit(PolicyType::Boundary)
        } else if policies.session.is_some() && session.is_none() {
            implicit(PolicyType::Session)
        } else {
            Ok(())
        }
    };
    let identity_allows = identity.is_some() || request.caller.kind == CallerKind::Root;
    match request.caller.kind {
        // These have no policies of their own.
        CallerKind::Service | CallerKind::Anonymous => {
            return if resource.is_some() { Ok(()) } else { implicit(PolicyType::Resource) };
        }
        _ if request.caller.account.as_ref() != request.resource_account => {
            own(identity_allows)?;
            return if resource.is_some() { Ok(()) } else { implicit(PolicyType::Resource) };
        }
        _ => {}
    }
    match (resource, policies.resource_rule) {
        (Some(Naming::Exact), _) => Ok(()),
        // A session that the policy names by its role stays within its bounds.
        (Some(Naming::Broad), _) => own(true),
        (Some(Naming::Account), _) | (None, ResourcePolicyRule::Either) => own(identity_allows),
        (None, ResourcePolicyRule::Required) => implicit(PolicyType::Resource),
    }
}

/// How the most direct statement that allows names the caller; none allows: `None`.
fn allowing<'a>(
    policies: impl IntoIterator<Item = &'a NamedPolicy>,
    request: &AccessRequest<'_>,
    policy_type: PolicyType,
) -> Result<Option<Naming>, Denial> {
    let attached = if policy_type == PolicyType::Resource { Attached::ToResource } else { Attached::ToIdentity };
    let mut best = None;
    for named in policies {
        for (index, statement) in named.policy.statements.iter().enumerate() {
            let Ok(naming) = statement.applies(request, attached) else { continue };
            match statement.effect {
                Effect::Allow => best = best.max(Some(naming)),
                Effect::Deny => {
                    return Err(Denial::Explicit {
                        policy_type,
                        policy: named.name.clone(),
                        statement: index,
                        sid: statement.sid.clone(),
                    });
                }
            }
        }
    }
    Ok(best)
}
