//! What a principal may: the policies of users with their groups, of roles and
//! of sessions, compiled and kept until IAM changes.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;
use windlass_identity::{Caller, CallerKind, Context, NamedPolicy};
use windlass_protocol::Fault;
use windlass_value::Text;

use crate::catalogue::Catalogue;
use crate::entity::{Account, Grants};
use crate::managed_policies;
use crate::policy_cache::PolicyCache;
use crate::session::{Session, Sessions};

/// Principals that are kept.
const PRINCIPALS_MAX: usize = 8_192;

/// A principal with its policies.
#[derive(Clone, Debug)]
pub(crate) struct Effective {
    pub(crate) caller: Caller,
    pub(crate) identity: Vec<NamedPolicy>,
    pub(crate) boundary: Option<NamedPolicy>,
    /// `None`: the session has no policies of its own, or there is no session.
    pub(crate) session: Option<Vec<NamedPolicy>>,
    /// Condition keys that the principal gives to all its requests.
    pub(crate) context: Context,
    /// Whether the role is there; true for all that is no role.
    pub(crate) exists: bool,
    /// Who may assume the role.
    pub(crate) trust: Option<NamedPolicy>,
    generation: u64,
}

/// Makes and keeps [`Effective`]s.
pub(crate) struct Principals {
    catalogue: Arc<Catalogue>,
    sessions: Arc<Sessions>,
    policies: Arc<PolicyCache>,
    /// By ARN, and of sessions by access key.
    kept: RwLock<HashMap<Text, Arc<Effective>, RandomState>>,
}

impl Principals {
    pub(crate) fn new(catalogue: Arc<Catalogue>, sessions: Arc<Sessions>, policies: Arc<PolicyCache>) -> Principals {
        Principals { catalogue, sessions, policies, kept: RwLock::default() }
    }

    /// The principal of an ARN, or of the session that an access key stands for.
    /// `None` for an ARN that is no principal's.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn find(&self, arn: &str, access_key_id: Option<&str>) -> Result<Option<Arc<Effective>>, Fault> {
        let session_key = access_key_id.filter(|id| id.starts_with("ASIA"));
        let key = session_key.unwrap_or(arn);
        let generation = self.catalogue.generation();
        if let Some(kept) = self.kept.read().get(key)
            && kept.generation == generation
        {
            return Ok(Some(kept.clone()));
        }
        let session = match session_key {
            Some(id) => self.sessions.find(id)?,
            None => None,
        };
        let Some(made) = self.make(arn, session_key.is_some(), session.as_deref(), generation) else { return Ok(None) };
        let made = Arc::new(made);
        let mut kept = self.kept.write();
        if kept.len() >= PRINCIPALS_MAX {
            kept.clear();
        }
        kept.insert(key.into(), made.clone());
        Ok(Some(made))
    }

    fn make(&self, arn: &str, is_session: bool, session: Option<&Session>, generation: u64) -> Option<Effective> {
        let mut caller = Caller::read(arn)?;
        if let Some(role_arn) = session.and_then(|session| session.role_arn.as_ref()) {
            caller.role_arn = Some(role_arn.as_str().into());
        }
        let mut effective = Effective {
            context: Context::new(),
            identity: Vec::new(),
            boundary: None,
            session: None,
            exists: true,
            trust: None,
            generation,
            caller,
        };
        let account = effective.caller.account.clone();
        self.catalogue.read(&account, |state| match effective.caller.kind {
            CallerKind::User => self.add_user(&mut effective, state, &account),
            CallerKind::Role => self.add_role(&mut effective, state, &account),
            CallerKind::Root | CallerKind::Service | CallerKind::Anonymous => {}
        });
        match session {
            Some(session) => self.add_session(&mut effective, session),
            // What bounds it is gone, and without its bounds it may nothing.
            None if is_session && effective.caller.kind == CallerKind::Role => effective.exists = false,
            None => {}
        }
        self.add_context(&mut effective);
        Some(effective)
    }

    fn add_user(&self, effective: &mut Effective, state: &Account, account: &str) {
        let name = name_of(&effective.caller.arn);
        effective.context.set("aws:username", name);
        // A user of the configuration need not be one of IAM: then it has no policies.
        let Some(user) = state.users.get(&name.to_ascii_lowercase()) else {
            effective.context.set("aws:userid", name);
            return;
        };
        effective.context.set("aws:userid", user.naming.id.as_str());
        for (key, value) in &user.tags {
            effective.context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        self.add_grants(effective, state, account, &user.grants, &format!("user {}", user.naming.name));
        for group in user.groups.iter().filter_map(|group| state.groups.get(group)) {
            self.add_grants(effective, state, account, &group.grants, &format!("group {}", group.naming.name));
        }
        effective.boundary = user.grants.boundary.as_ref().map(|arn| self.managed(state, account, arn));
    }

    fn add_role(&self, effective: &mut Effective, state: &Account, account: &str) {
        let arn = effective.caller.role_arn.clone().unwrap_or_else(|| effective.caller.arn.clone());
        let role = state.roles.get(&name_of(&arn).to_ascii_lowercase());
        // A session's ARN has no path; whoever made the session knew it.
        let is_role = effective.caller.arn.contains(":iam:");
        let role = role.filter(|role| !is_role || *role.naming.arn(account, "role") == *arn);
        let Some(role) = role else {
            effective.exists = false;
            return;
        };
        effective.caller.role_arn = Some(role.naming.arn(account, "role").into());
        let session_name = effective.caller.arn.rsplit('/').next().unwrap_or_default();
        effective.context.set("aws:userid", format!("{}:{session_name}", role.naming.id));
        for (key, value) in &role.tags {
            effective.context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        self.add_grants(effective, state, account, &role.grants, &format!("role {}", role.naming.name));
        effective.boundary = role.grants.boundary.as_ref().map(|arn| self.managed(state, account, arn));
        effective.trust = Some(NamedPolicy {
            name: format!("the trust policy of role {}", role.naming.name).into(),
            policy: self.policies.compile(&role.trust),
        });
    }

    fn add_session(&self, effective: &mut Effective, session: &Session) {
        let account = effective.caller.account.clone();
        if !session.policy.is_empty() || !session.policy_arns.is_empty() {
            let mut policies: Vec<NamedPolicy> = self.catalogue.read(&account, |state| {
                session.policy_arns.iter().map(|arn| self.managed(state, &account, arn)).collect()
            });
            if !session.policy.is_empty() {
                policies.push(NamedPolicy {
                    name: "the session's policy".into(),
                    policy: self.policies.compile(&session.policy),
                });
            }
            effective.session = Some(policies);
        }
        for (key, value) in &session.tags {
            effective.context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        if let Some(identity) = &session.source_identity {
            effective.context.set("aws:SourceIdentity", identity.as_str());
        }
        effective.context.set("aws:TokenIssueTime", windlass_value::Timestamp(session.issued_ms).to_rfc3339());
        effective.context.set("aws:MultiFactorAuthPresent", "false");
    }

    fn add_context(&self, effective: &mut Effective) {
        let context = &mut effective.context;
        let caller = &effective.caller;
        let kind = match caller.kind {
            CallerKind::Root => "Account",
            CallerKind::User => "User",
            CallerKind::Role => "AssumedRole",
            CallerKind::Service => {
                context.set("aws:PrincipalServiceName", caller.arn.clone());
                context.set("aws:PrincipalIsAWSService", "true");
                return;
            }
            CallerKind::Anonymous => {
                context.set("aws:PrincipalType", "Anonymous");
                context.set("aws:PrincipalIsAWSService", "false");
                return;
            }
        };
        context.set("aws:PrincipalType", kind);
        context.set("aws:PrincipalIsAWSService", "false");
        context.set("aws:PrincipalAccount", caller.account.clone());
        // Policies name the role, whatever its session is called.
        context.set("aws:PrincipalArn", caller.role_arn.clone().unwrap_or_else(|| caller.arn.clone()));
        if caller.kind == CallerKind::Root {
            context.set("aws:userid", caller.account.clone());
        }
    }

    fn add_grants(&self, effective: &mut Effective, state: &Account, account: &str, grants: &Grants, of: &str) {
        effective.identity.extend(Principals::policies_of(&self.policies, state, account, grants, of));
    }

    /// The inline and attached policies of one holder.
    pub(crate) fn policies_of(
        policies: &PolicyCache,
        state: &Account,
        account: &str,
        grants: &Grants,
        of: &str,
    ) -> Vec<NamedPolicy> {
        let inline = grants.inline.iter().map(|(name, document)| NamedPolicy {
            name: format!("the inline policy {name} of {of}").into(),
            policy: policies.compile(document),
        });
        let attached = grants.attached.iter().map(|arn| managed(policies, state, account, arn));
        inline.chain(attached).collect()
    }

    fn managed(&self, state: &Account, account: &str, arn: &str) -> NamedPolicy {
        managed(&self.policies, state, account, arn)
    }
}

fn managed(policies: &PolicyCache, state: &Account, account: &str, arn: &str) -> NamedPolicy {
    let own = state.policy(account, arn).and_then(|policy| policy.versions.get(&policy.default_version));
    let document = own.map(|version| version.document.as_str());
    let document = document.or_else(|| managed_policies::find(arn).map(|policy| policy.document.as_str()));
    // Attached policies cannot be deleted; one that is missing anyhow counts as one that cannot be read.
    NamedPolicy { name: arn.into(), policy: policies.compile(document.unwrap_or_default()) }
}

/// What stands behind the last slash.
pub(crate) fn name_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
