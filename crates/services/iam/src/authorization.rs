use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use windlass_identity::{
    AccessRequest, Caller, CallerKind, Context, Decision, Denial, NamedPolicy, Policies, PolicyType,
    ResourcePolicyRule, evaluate, explain,
};
use windlass_protocol::{Authorizer, BoxFuture, Call, Dispatcher, Fault, Permission, Principal, permissions};
use windlass_value::{Arn, Now, Text, Timestamp, Value, object};

use crate::catalogue::{Catalogue, Edit};
use crate::effective::{Effective, Principals, name_of};
use crate::entity::{Entity, LastUsed};
use crate::policy_cache::PolicyCache;
use crate::refusal::{Refusal, Refusals, displayed, fault, message};

/// How often the last use of an access key is written down.
const LAST_USED_INTERVAL_MS: i64 = 60 * 60 * 1000;
/// Access keys whose last use is remembered.
const LAST_USED_MAX: usize = 8_192;

/// What root may do even against the resource's own policy, so that nobody locks
/// an account out of what is its own.
const ROOT_ALWAYS: [&str; 8] = [
    "s3:GetBucketPolicy",
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
    "sqs:SetQueueAttributes",
    "sqs:RemovePermission",
    "sns:SetTopicAttributes",
    "sns:RemovePermission",
    "secretsmanager:DeleteResourcePolicy",
];

/// What a link in a notification asks for, unsigned.
const LINKS: [(&str, &str); 2] = [("sns", "ConfirmSubscription"), ("sns", "Unsubscribe")];

/// Whether refusals refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthorizationMode {
    /// They do.
    Enforced,
    /// They are only logged and remembered: to see what would be refused.
    Logged,
}

/// Decides about calls by the policies of IAM and of the resources.
pub struct Authorization {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) principals: Arc<Principals>,
    pub(crate) policies: Arc<PolicyCache>,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) mode: AuthorizationMode,
    /// Whether requests from outside come over TLS.
    pub(crate) secure_transport: bool,
    pub(crate) refusals: Refusals,
    pub(crate) last_used: RwLock<HashMap<Text, Timestamp>>,
    pub(crate) now: Now,
}

impl Authorizer for Authorization {
    fn authorize<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.decide(call))
    }
}

/// A refusal on its way to the caller.
struct Refused {
    fault: Fault,
    refusal: Box<Refusal>,
}

impl Authorization {
    async fn decide(&self, call: &Call) -> Result<(), Fault> {
        let principal = &call.principal;
        // What the server does on its own behalf has no key and acts as root.
        if principal.is_server() {
            return Ok(());
        }
        if tells_of_itself(call) {
            return Ok(());
        }
        // A session has a key; its ARN alone proves nothing.
        if principal.access_key_id.is_none() && principal.arn.contains(":sts:") {
            return Err(fault(&call.service, format!("{} is no principal.", principal.arn)));
        }
        // Whoever follows a link of a notification shows its token; SNS looks at that.
        if principal.arn.is_empty() && LINKS.contains(&(&*call.service, &*call.operation)) {
            return Ok(());
        }
        let Some(effective) = self.principals.find(&principal.arn, principal.access_key_id.as_deref())? else {
            return Err(fault(&call.service, format!("{} is no principal.", principal.arn)));
        };
        self.note_use(call, &effective.caller);
        match self.judge(call, &effective).await? {
            None => Ok(()),
            Some(refused) => self.settle(*refused),
        }
    }

    /// Remembers a refusal, and refuses where refusals refuse.
    fn settle(&self, refused: Refused) -> Result<(), Fault> {
        let Refused { fault, mut refusal } = refused;
        let lets_through = self.mode == AuthorizationMode::Logged;
        refusal.let_through = lets_through;
        if lets_through {
            tracing::warn!(
                request_id = %refusal.request_id,
                principal = %refusal.principal,
                action = %refusal.action,
                resource = %refusal.resource,
                advice = %refusal.advice,
                "a call would be refused, were permissions enforced"
            );
        }
        let advice = refusal.advice.clone();
        self.refusals.add(*refusal);
        if lets_through { Ok(()) } else { Err(fault.explained(advice)) }
    }

    /// Whether a call is refused.
    ///
    /// # Errors
    /// The store does not answer.
    async fn judge(&self, call: &Call, effective: &Effective) -> Result<Option<Box<Refused>>, Fault> {
        if let Some(refused) = self.check_role(call, effective) {
            return Ok(Some(refused));
        }
        let Some(needed) = permissions(call) else {
            let action: Text = format!("{}:{}", call.service, call.operation).into();
            let denial = Denial::Implicit { policy_type: PolicyType::Identity };
            let who = displayed(&effective.caller, call);
            let text = message(&who, &call.service, &action, "*", &denial);
            let advice = "It is not known what this operation needs, or the input lacks what it needs it for.";
            return Ok(Some(self.refused(call, effective, &action, "*", text, advice.to_owned())));
        };
        for permission in &needed {
            if let Some(refused) = self.check(call, effective, permission).await? {
                return Ok(Some(refused));
            }
        }
        for permission in needed.iter().filter(|permission| *permission.action == *"iam:PassRole") {
            if let Some(refused) = self.check_passed(call, effective, permission, &needed) {
                return Ok(Some(refused));
            }
        }
        Ok(None)
    }

    /// A service that acts under a role must be trusted by it; a session's role
    /// must still be there.
    fn check_role(&self, call: &Call, effective: &Effective) -> Option<Box<Refused>> {
        let caller = &effective.caller;
        if caller.kind != CallerKind::Role {
            return None;
        }
        let role_arn = caller.role_arn.clone().unwrap_or_else(|| caller.arn.clone());
        if !effective.exists {
            let text = match caller.arn.contains(":iam:") {
                true => not_assumable(service_of(call).as_deref(), &role_arn),
                false => format!("The role of the session {} does not exist any more.", caller.arn),
            };
            let advice = format!("Create the role {role_arn}.");
            return Some(self.refused(call, effective, "sts:AssumeRole", &role_arn, text, advice));
        }
        if !caller.arn.contains(":iam:") {
            return None;
        }
        // Without a resource it acts for, it was the operator's configuration that named the role.
        let service = service_of(call)?;
        if self.trusts(effective, &service, call.source_arn.as_deref(), &call.region) {
            return None;
        }
        let text = not_assumable(Some(&service), &role_arn);
        let advice = format!("Let the trust policy of {role_arn} allow sts:AssumeRole to the service {service}.");
        Some(self.refused(call, effective, "sts:AssumeRole", &role_arn, text, advice))
    }

    /// Whether a role's trust policy lets a service in.
    fn trusts(&self, role: &Effective, service: &str, source_arn: Option<&str>, region: &str) -> bool {
        let Some(caller) = Caller::read(service) else { return false };
        let mut context = Context::new();
        context.set("aws:PrincipalServiceName", service);
        context.set("aws:PrincipalIsAWSService", "true");
        add_source(&mut context, source_arn);
        let request = AccessRequest {
            action: "sts:AssumeRole",
            resource: role.caller.role_arn.as_deref().unwrap_or_default(),
            resource_account: &role.caller.account,
            caller: &caller,
            region,
            context: &context,
        };
        let policies = Policies { resource: role.trust.as_ref(), ..Policies::default() };
        evaluate(&request, &policies).is_allowed()
    }

    /// The service that gets a role must be able to use it: said when it is
    /// given, not when the work fails at night.
    fn check_passed(
        &self,
        call: &Call,
        effective: &Effective,
        passed: &Permission,
        needed: &[Permission],
    ) -> Option<Box<Refused>> {
        let (_, services) = passed.context.iter().find(|(key, _)| **key == *"iam:PassedToService")?;
        let service = services.first()?;
        let role = self.principals.find(&passed.resource, None).ok()??;
        // The thing the role is for.
        let source = needed.first().map(|first| &*first.resource).filter(|arn| *arn != "*");
        if role.exists && self.trusts(&role, service, source, &call.region) {
            return None;
        }
        let text = match &**service {
            "states.amazonaws.com" => not_assumable(Some(service), &passed.resource),
            "lambda.amazonaws.com" => "The role defined for the function cannot be assumed by Lambda.".to_owned(),
            "scheduler.amazonaws.com" => {
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.".to_owned()
            }
            "pipes.amazonaws.com" => format!("Pipes cannot assume the role {}.", passed.resource),
            // The others look at a role when they use it.
            _ => return None,
        };
        let advice = match role.exists {
            true => format!("Let the trust policy of {} allow sts:AssumeRole to {service}.", passed.resource),
            false => format!("Create the role {}, trusted by {service}.", passed.resource),
        };
        let mut refused = self.refused(call, effective, "sts:AssumeRole", &passed.resource, text.clone(), advice);
        refused.fault = match &**service {
            "lambda.amazonaws.com" => Fault::new("InvalidParameterValueException", text).with_member("Type", "User"),
            "scheduler.amazonaws.com" | "pipes.amazonaws.com" => Fault::validation(text),
            _ => refused.fault,
        };
        Some(refused)
    }

    async fn check(
        &self,
        call: &Call,
        effective: &Effective,
        permission: &Permission,
    ) -> Result<Option<Box<Refused>>, Fault> {
        let caller = &effective.caller;
        let action = &*permission.action;
        let resource = self.whole_resource(call, &permission.resource).await;
        let owner = match action {
            // A bucket is made in the caller's own account; that its name is taken, S3 says.
            "s3:CreateBucket" => None,
            _ => self.owner(&resource).await?,
        };
        let resource_account = owner.as_deref().unwrap_or(&call.account);
        if action == "iam:PassRole" && resource_account != &*call.account {
            let text = "Cross-account pass role is not allowed.".to_owned();
            let advice = "A service only gets roles of the account it works in.".to_owned();
            return Ok(Some(self.refused(call, effective, action, &resource, text, advice)));
        }
        let policy = self.resource_policy(action, &resource).await?;
        // Root needs nobody's leave, and only the resource can say no.
        if caller.kind == CallerKind::Root
            && caller.account.as_ref() == resource_account
            && (policy.is_none() || ROOT_ALWAYS.contains(&action))
        {
            return Ok(None);
        }
        let mut context = effective.context.clone();
        self.add_request(&mut context, call, resource_account);
        for (key, values) in &permission.context {
            context.set_all(key, values.clone());
        }
        let required = policy.is_some() && (resource.contains(":kms:") || action.starts_with("sts:"));
        let request = AccessRequest {
            action,
            resource: &resource,
            resource_account,
            caller,
            region: &call.region,
            context: &context,
        };
        let policies = Policies {
            identity: &effective.identity,
            boundary: effective.boundary.as_ref(),
            session: effective.session.as_deref(),
            resource: policy.as_ref(),
            resource_rule: if required { ResourcePolicyRule::Required } else { ResourcePolicyRule::Either },
        };
        let Decision::Denied(denial) = evaluate(&request, &policies) else { return Ok(None) };
        let who = displayed(caller, call);
        let text = match caller.kind {
            CallerKind::Anonymous => "Access Denied".to_owned(),
            _ => message(&who, &call.service, action, &resource, &denial),
        };
        let advice = advice(&who, action, &resource, &denial, caller);
        let mut refused = self.refused(call, effective, action, &resource, text, advice);
        refused.refusal.findings = explain(&request, &policies);
        refused.refusal.context = context;
        Ok(Some(refused))
    }

    fn refused(
        &self,
        call: &Call,
        effective: &Effective,
        action: &str,
        resource: &str,
        text: String,
        advice: String,
    ) -> Box<Refused> {
        Box::new(Refused {
            fault: fault(&call.service, text.clone()),
            refusal: Box::new(Refusal {
                request_id: call.request_id.clone(),
                at: (self.now)(),
                principal: displayed(&effective.caller, call).into(),
                account: effective.caller.account.clone(),
                operation: format!("{} {}", call.service, call.operation),
                action: action.into(),
                resource: resource.into(),
                message: text,
                advice,
                let_through: false,
                findings: Vec::new(),
                context: Context::new(),
            }),
        })
    }

    /// The condition keys of every request.
    fn add_request(&self, context: &mut Context, call: &Call, resource_account: &str) {
        const MS_PER_SECOND: i64 = 1000;
        let now = (self.now)();
        context.set("aws:CurrentTime", now.to_rfc3339());
        context.set("aws:EpochTime", now.as_ms().div_euclid(MS_PER_SECOND).to_string());
        context.set("aws:RequestedRegion", call.region.clone());
        context.set("aws:ResourceAccount", resource_account);
        let inside = call.depth > 0 || call.principal.access_key_id.is_none() && !call.principal.arn.is_empty();
        context.set("aws:SecureTransport", if inside || self.secure_transport { "true" } else { "false" });
        context.set("aws:ViaAWSService", "false");
        add_source(context, call.source_arn.as_deref());
        if let Some(arn) = call.source_arn.as_deref().filter(|_| call.service.as_ref() == "lambda" || call.depth > 0)
            && arn.contains(":function:")
        {
            context.set("lambda:SourceFunctionArn", arn);
        }
    }

    /// The ARN with what only the service knows: a secret's random end, an alias's
    /// key, a path of IAM's.
    async fn whole_resource<'a>(&self, call: &Call, resource: &'a str) -> std::borrow::Cow<'a, str> {
        if call.service.as_ref() == "iam"
            && let Some(whole) = self.with_path(&call.account, resource)
        {
            return whole.into();
        }
        let found = if resource.starts_with("arn:aws:secretsmanager:") && resource.ends_with("-??????") {
            match call.operation.as_ref() {
                "CreateSecret" => None,
                _ => {
                    let name = resource.splitn(7, ':').nth(6).unwrap_or_default().trim_end_matches("-??????");
                    let input = object! { "SecretId" => name };
                    self.ask(call, "secretsmanager", "DescribeSecret", input).await.map(|reply| reply["ARN"].clone())
                }
            }
        } else if resource.contains(":kms:") && resource.contains(":alias/") && !call.operation.ends_with("Alias") {
            let input = object! { "KeyId" => resource };
            self.ask(call, "kms", "DescribeKey", input).await.map(|reply| reply["KeyMetadata"]["Arn"].clone())
        } else {
            None
        };
        match found {
            Some(Value::String(arn)) => arn.to_string().into(),
            _ => resource.into(),
        }
    }

    /// Asks a service on the server's own behalf; what is not there is not found,
    /// which the service will say itself.
    async fn ask(&self, call: &Call, service: &str, operation: &str, input: Value) -> Option<Value> {
        if !self.dispatcher.hosts(service) {
            return None;
        }
        let account = call.account.clone();
        let asked = Call {
            service: service.into(),
            operation: operation.into(),
            input,
            body: windlass_protocol::Body::empty(),
            principal: Principal {
                arn: format!("arn:aws:iam::{account}:root").into(),
                account: account.clone(),
                access_key_id: None,
            },
            account,
            region: call.region.clone(),
            source_arn: None,
            deadline: call.deadline,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: call.depth.saturating_add(1),
            request_id: call.request_id.clone(),
        };
        self.dispatcher.call(asked).await.ok().map(|reply| reply.output)
    }

    /// An entity's ARN with its path, where the entity is there.
    fn with_path(&self, account: &str, resource: &str) -> Option<String> {
        let (kind, name) = resource.strip_prefix(&format!("arn:aws:iam::{account}:"))?.split_once('/')?;
        let key = name_of(name).to_ascii_lowercase();
        self.catalogue.read(account, |state| {
            let naming = match kind {
                "role" => &state.roles.get(&key)?.naming,
                "user" => &state.users.get(&key)?.naming,
                "group" => &state.groups.get(&key)?.naming,
                "instance-profile" => &state.profiles.get(&key)?.naming,
                _ => return None,
            };
            Some(naming.arn(account, kind))
        })
    }

    /// The account a resource belongs to: its ARN says, or its service knows. `None`:
    /// nobody does, so it is the caller's own (one that is to be made, or `*`).
    ///
    /// # Errors
    /// The store does not answer.
    async fn owner(&self, resource: &str) -> Result<Option<Text>, Fault> {
        if let Some(account) = account_of(resource) {
            return Ok(Some(account.into()));
        }
        match Arn::parse(resource) {
            Some(arn) => self.dispatcher.resource_account(&arn.service, resource).await,
            None => Ok(None),
        }
    }

    /// The policy that is attached to a resource.
    ///
    /// # Errors
    /// The store does not answer.
    async fn resource_policy(&self, action: &str, resource: &str) -> Result<Option<NamedPolicy>, Fault> {
        let Some(arn) = Arn::parse(resource) else { return Ok(None) };
        if action.starts_with("sts:") && arn.service == "iam" {
            return Ok(self.principals.find(resource, None)?.and_then(|role| role.trust.clone()));
        }
        let of_bucket;
        let attached_to = match arn.service.as_str() {
            "sqs" | "sns" | "secretsmanager" | "logs" => resource,
            "lambda" if arn.resource_type() == "function" => resource,
            "kms" if arn.resource_type() == "key" => resource,
            "events" if arn.resource_type() == "event-bus" => resource,
            "s3" => {
                of_bucket = format!("arn:aws:s3:::{}", arn.resource.split('/').next().unwrap_or_default());
                &of_bucket
            }
            _ => return Ok(None),
        };
        let policy = self.dispatcher.resource_policy(&arn.service, attached_to).await?;
        Ok(policy.filter(|text| !text.is_empty()).map(|text| NamedPolicy {
            name: format!("the policy of {attached_to}").into(),
            policy: self.policies.compile(&text),
        }))
    }

    /// Writes down that a user's key was used, now and then.
    fn note_use(&self, call: &Call, caller: &Caller) {
        let Some(id) = call.principal.access_key_id.as_ref().filter(|id| id.starts_with("AKIA")) else { return };
        if caller.kind != CallerKind::User {
            return;
        }
        let now = (self.now)();
        let known = self.last_used.read().get(id).copied();
        if known.is_some_and(|at| now < at.plus_ms(LAST_USED_INTERVAL_MS)) {
            return;
        }
        {
            let mut last_used = self.last_used.write();
            if last_used.len() >= LAST_USED_MAX {
                last_used.clear();
            }
            last_used.insert(id.clone(), now);
        }
        let used = LastUsed { at_ms: now.as_ms(), service: call.service.to_string(), region: call.region.to_string() };
        let (catalogue, id, account) = (self.catalogue.clone(), id.clone(), caller.account.clone());
        tokio::spawn(async move {
            let noted = catalogue.change_of(&account, None, |state, edits| {
                // Keys of the configuration are not IAM's.
                if let Some(key) = state.keys.get(&*id) {
                    let mut key = (**key).clone();
                    key.last_used = Some(used);
                    edits.push(Edit::put(Entity::AccessKey(key)));
                }
                Ok(Value::Null)
            });
            if let Err(error) = noted.await {
                tracing::warn!(%error, "the last use of an access key was not written down");
            }
        });
    }

    /// Why the call of that request id was refused, where it was one of the last
    /// [`crate::REFUSALS_MAX`] and the asking principal may know: it is its own, or
    /// it may simulate the refused principal's policies.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn refusal(&self, request_id: &str, asking: &Principal) -> Result<Option<Arc<Refusal>>, Fault> {
        match self.refusals.find(request_id) {
            Some(refusal) if self.may_see(asking, &refusal.principal, &refusal.account)? => Ok(Some(refusal)),
            _ => Ok(None),
        }
    }

    /// The newest refusals that the asking principal may know of.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn refusals(&self, count: usize, asking: &Principal) -> Result<Vec<Arc<Refusal>>, Fault> {
        let mut seen = Vec::new();
        for refusal in self.refusals.newest(crate::REFUSALS_MAX) {
            if seen.len() < count && self.may_see(asking, &refusal.principal, &refusal.account)? {
                seen.push(refusal);
            }
        }
        Ok(seen)
    }

    fn may_see(&self, asking: &Principal, refused: &str, account: &str) -> Result<bool, Fault> {
        if *asking.arn == *refused {
            return Ok(true);
        }
        let Some(effective) = self.principals.find(&asking.arn, asking.access_key_id.as_deref())? else {
            return Ok(false);
        };
        let account = if account.is_empty() { &*asking.account } else { account };
        let request = AccessRequest {
            action: "iam:SimulatePrincipalPolicy",
            resource: refused,
            resource_account: account,
            caller: &effective.caller,
            region: "",
            context: &effective.context,
        };
        let policies = Policies {
            identity: &effective.identity,
            boundary: effective.boundary.as_ref(),
            session: effective.session.as_deref(),
            ..Policies::default()
        };
        Ok(effective.exists && evaluate(&request, &policies).is_allowed())
    }

    /// What would be decided, were that principal to ask for that action on that
    /// resource now, with the resource's own policy; as a [`Refusal`] also where
    /// it would be allowed. `None` for an ARN that is no principal's.
    ///
    /// # Errors
    /// The store does not answer; the asking principal may not simulate that one.
    pub async fn what_if(
        &self,
        asking: &Principal,
        principal_arn: &str,
        action: &str,
        resource: &str,
        region: &str,
    ) -> Result<Option<(bool, Refusal)>, Fault> {
        let Some(effective) = self.principals.find(principal_arn, None)? else { return Ok(None) };
        let account = effective.caller.account.clone();
        if !self.may_see(asking, principal_arn, &account)? {
            let denial = Denial::Implicit { policy_type: PolicyType::Identity };
            let action = "iam:SimulatePrincipalPolicy";
            return Err(fault("iam", message(&asking.arn, "iam", action, principal_arn, &denial)));
        }
        let account = if account.is_empty() { asking.account.clone() } else { account };
        let call = Call {
            account: account.clone(),
            region: region.into(),
            service: action.split(':').next().unwrap_or_default().into(),
            operation: action.split(':').nth(1).unwrap_or_default().into(),
            input: Value::empty_object(),
            body: windlass_protocol::Body::empty(),
            principal: Principal { arn: principal_arn.into(), account, access_key_id: None },
            source_arn: None,
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: 0,
            request_id: "".into(),
        };
        let permission = Permission { action: action.into(), resource: resource.into(), context: Vec::new() };
        if let Some(refused) = self.check(&call, &effective, &permission).await? {
            return Ok(Some((false, *refused.refusal)));
        }
        let text = format!("{principal_arn} may perform {action} on {resource}.");
        Ok(Some((true, *self.refused(&call, &effective, action, resource, text, String::new()).refusal)))
    }
}

/// Whether one of our services tells the default bus what happened in it. As on AWS,
/// that needs nobody's leave; a principal without a key that is no ARN cannot come
/// from outside.
fn tells_of_itself(call: &Call) -> bool {
    let principal = &call.principal;
    if principal.access_key_id.is_some()
        || call.depth == 0
        || (&*call.service, &*call.operation) != ("events", "PutEvents")
    {
        return false;
    }
    let Some(own) = principal.arn.strip_suffix(".amazonaws.com").filter(|own| !own.contains([':', '.'])) else {
        return false;
    };
    let entries = call.input["Entries"].as_array();
    entries.is_some_and(|entries| {
        entries.iter().all(|entry| {
            entry["EventBusName"].is_null()
                && entry["Source"].as_str().and_then(|source| source.strip_prefix("aws.")) == Some(own)
        })
    })
}

/// The service that acts, of the resource on whose behalf it does.
fn service_of(call: &Call) -> Option<String> {
    let source = call.source_arn.as_deref()?;
    let service = source.split(':').nth(2).filter(|service| !service.is_empty())?;
    Some(format!("{service}.amazonaws.com"))
}

fn not_assumable(service: Option<&str>, role_arn: &str) -> String {
    match service {
        Some("states.amazonaws.com") => "Neither the global service principal states.amazonaws.com, nor the regional one is authorized to assume the provided role.".to_owned(),
        Some("lambda.amazonaws.com") => "The role defined for the function cannot be assumed by Lambda.".to_owned(),
        Some(service) => format!("User: {service} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"),
        None => format!("The role {role_arn} cannot be found."),
    }
}

fn add_source(context: &mut Context, source_arn: Option<&str>) {
    let Some(source) = source_arn else { return };
    context.set("aws:SourceArn", source);
    if let Some(account) = account_of(source) {
        context.set("aws:SourceAccount", account);
    }
}

/// The account in an ARN, where it has one.
fn account_of(arn: &str) -> Option<&str> {
    let account = arn.split(':').nth(4)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
}

/// What would let the request through.
fn advice(who: &str, action: &str, resource: &str, denial: &Denial, caller: &Caller) -> String {
    match denial {
        Denial::Explicit { policy, statement, sid, .. } => {
            let named = sid.as_ref().filter(|sid| !sid.is_empty()).map_or(String::new(), |sid| format!(" ({sid})"));
            format!("Statement {}{named} of {policy} denies it; change that statement.", statement + 1)
        }
        Denial::Implicit { policy_type: PolicyType::Identity } => {
            let holder = caller.role_arn.as_deref().unwrap_or(who);
            format!("Attach a policy to {holder} that allows {action} on {resource}.")
        }
        Denial::Implicit { policy_type: PolicyType::Boundary } => {
            format!("Let the permissions boundary of {who} allow {action} on {resource}.")
        }
        Denial::Implicit { policy_type: PolicyType::Session } => {
            format!("Assume the role with a session policy that allows {action} on {resource}, or with none.")
        }
        Denial::Implicit { policy_type: PolicyType::Resource } => {
            format!("Let the policy of {resource} allow {action} to {who}.")
        }
    }
}
