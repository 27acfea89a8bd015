//! `SimulatePrincipalPolicy` and `SimulateCustomPolicy`.

use std::sync::Arc;

use windlass_identity::{
    AccessRequest, Caller, Context, Decision, Denial, NamedPolicy, Policies, PolicyKind, PolicyType,
    ResourcePolicyRule, evaluate, explain,
};
use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Text, Value, object};

use crate::document;
use crate::effective::Principals;
use crate::faults;
use crate::iam::Iam;
use crate::input::{optional, text, texts};
use crate::page::page;

/// What is simulated.
struct Simulated {
    caller: Caller,
    identity: Vec<NamedPolicy>,
    boundary: Option<NamedPolicy>,
    context: Context,
}

impl Iam {
    /// `SimulatePrincipalPolicy`
    pub(crate) fn simulate_principal(&self, call: &Call) -> Outcome {
        let simulated = self.principal(call)?;
        self.simulate(call, simulated)
    }

    /// `SimulateCustomPolicy`
    pub(crate) fn simulate_custom(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let arn = optional(input, "CallerArn")
            .map_or_else(|| format!("arn:aws:iam::{}:user/simulated", call.account), str::to_owned);
        let caller = Caller::read(&arn).ok_or_else(|| faults::invalid_input(format!("Invalid caller ARN {arn}")))?;
        let identity = given(input, "PolicyInputList")?;
        self.simulate(call, Simulated { caller, identity, boundary: None, context: Context::new() })
    }

    /// `GetContextKeysForCustomPolicy`
    pub(crate) fn context_keys(&self, call: &Call) -> Outcome {
        Ok(keys_of(&given(&call.input, "PolicyInputList")?))
    }

    /// `GetContextKeysForPrincipalPolicy`
    pub(crate) fn context_keys_of_principal(&self, call: &Call) -> Outcome {
        Ok(keys_of(&self.principal(call)?.identity))
    }

    /// The user, group or role of a request, with the policies the request adds.
    fn principal(&self, call: &Call) -> Result<Simulated, Fault> {
        let arn = text(&call.input, "PolicySourceArn");
        let mut simulated = match arn.split_once(":group/") {
            Some((_, name)) => self.group(call, arn, name)?,
            None => {
                let missing = || faults::no_such_entity(format!("Entity {arn} cannot be found."));
                let exists = self.catalogue.read(&call.account, |account| {
                    let key = crate::effective::name_of(arn).to_ascii_lowercase();
                    arn.contains(":user/") && account.users.contains_key(&key)
                        || arn.contains(":role/") && account.roles.contains_key(&key)
                });
                let principal = self.principals.find(arn, None)?.filter(|_| exists).ok_or_else(missing)?;
                Simulated {
                    caller: principal.caller.clone(),
                    identity: principal.identity.clone(),
                    boundary: principal.boundary.clone(),
                    context: principal.context.clone(),
                }
            }
        };
        simulated.identity.extend(given(&call.input, "PolicyInputList")?);
        if let Some(arn) = optional(&call.input, "CallerArn") {
            simulated.caller =
                Caller::read(arn).ok_or_else(|| faults::invalid_input(format!("Invalid caller ARN {arn}")))?;
        }
        Ok(simulated)
    }

    fn group(&self, call: &Call, arn: &str, name: &str) -> Result<Simulated, Fault> {
        let member = format!("arn:aws:iam::{}:user/simulated", call.account);
        let caller = Caller::read(&member).ok_or_else(|| faults::invalid_input(format!("Invalid ARN {arn}")))?;
        self.catalogue.read(&call.account, |account| {
            let group = crate::holder::group(account, crate::effective::name_of(name))?;
            let identity = Principals::policies_of(&self.policies, account, &call.account, &group.grants, name);
            Ok(Simulated { caller, identity, boundary: None, context: Context::new() })
        })
    }

    fn simulate(&self, call: &Call, simulated: Simulated) -> Outcome {
        let input = &call.input;
        let mut context = simulated.context;
        for entry in input["ContextEntries"].as_array().into_iter().flat_map(|entries| entries.iter()) {
            let values = texts(entry, "ContextKeyValues").into_iter().map(Text::from).collect();
            context.set_all(text(entry, "ContextKeyName"), values);
        }
        let boundary = given(input, "PermissionsBoundaryPolicyInputList")?.into_iter().next().or(simulated.boundary);
        let resource_policy = match optional(input, "ResourcePolicy") {
            Some(document) => Some(NamedPolicy {
                name: "ResourcePolicy".into(),
                policy: Arc::new(document::check(document, PolicyKind::Resource)?),
            }),
            None => None,
        };
        let owner = optional(input, "ResourceOwner").and_then(|arn| arn.split(':').nth(4)).map(str::to_owned);
        let mut resources = texts(input, "ResourceArns");
        if resources.is_empty() {
            resources.push("*");
        }
        let policies = Policies {
            identity: &simulated.identity,
            boundary: boundary.as_ref(),
            session: None,
            resource: resource_policy.as_ref(),
            resource_rule: ResourcePolicyRule::Either,
        };
        let mut results = Vec::new();
        for action in texts(input, "ActionNames") {
            for resource in &resources {
                let in_arn = resource.split(':').nth(4).filter(|account| account.len() == 12);
                let account = owner.as_deref().or(in_arn).unwrap_or(&simulated.caller.account);
                let request = AccessRequest {
                    action,
                    resource,
                    resource_account: account,
                    caller: &simulated.caller,
                    region: &call.region,
                    context: &context,
                };
                let order = format!("{:010}", results.len());
                results.push((order, result(&request, &policies, &context).into()));
            }
        }
        page(input, "EvaluationResults", results)
    }
}

fn result(request: &AccessRequest<'_>, policies: &Policies<'_>, context: &Context) -> Object {
    let decision = evaluate(request, policies);
    let word = match &decision {
        Decision::Allowed => "allowed",
        Decision::Denied(Denial::Explicit { .. }) => "explicitDeny",
        Decision::Denied(Denial::Implicit { .. }) => "implicitDeny",
    };
    let matched = explain(request, policies).into_iter().filter(|finding| finding.mismatch.is_none()).map(|finding| {
        let kind = match finding.policy_type {
            PolicyType::Resource => "resource",
            PolicyType::Identity if finding.policy.starts_with("arn:aws:iam::aws:") => "aws-managed",
            PolicyType::Identity if finding.policy.starts_with("arn:") => "user-managed",
            _ => "none",
        };
        object! { "SourcePolicyId" => &finding.policy, "SourcePolicyType" => kind }
    });
    let all = policies.identity.iter().chain(policies.boundary).chain(policies.resource);
    let mut missing: Vec<&str> =
        all.flat_map(|named| named.policy.condition_keys()).filter(|key| context.get(key).is_none()).collect();
    missing.sort_unstable();
    missing.dedup();
    let mut output = Object::new();
    output.insert("EvalActionName", request.action);
    output.insert("EvalResourceName", request.resource);
    output.insert("EvalDecision", word);
    output.insert("MatchedStatements", Value::array(matched.collect()));
    output.insert("MissingContextValues", Value::array(missing.into_iter().map(Value::from).collect()));
    if policies.boundary.is_some() {
        let bounded = decision == Decision::Denied(Denial::Implicit { policy_type: PolicyType::Boundary });
        output.insert("PermissionsBoundaryDecisionDetail", object! { "AllowedByPermissionsBoundary" => !bounded });
    }
    output
}

/// The policies that a request brings along.
fn given(input: &Value, member: &str) -> Result<Vec<NamedPolicy>, Fault> {
    let documents = texts(input, member);
    let read = |(index, document): (usize, &&str)| {
        let policy =
            document::check(document, PolicyKind::Identity).map_err(|fault| faults::invalid_input(fault.message))?;
        Ok(NamedPolicy { name: format!("{member}.{}", index + 1).into(), policy: Arc::new(policy) })
    };
    documents.iter().enumerate().map(read).collect()
}

fn keys_of(policies: &[NamedPolicy]) -> windlass_protocol::Reply {
    let mut keys: Vec<String> =
        policies.iter().flat_map(|named| named.policy.condition_keys()).map(str::to_ascii_lowercase).collect();
    keys.sort();
    keys.dedup();
    object! { "ContextKeyNames" => Value::array(keys.into_iter().map(Value::from).collect()) }.into()
}
