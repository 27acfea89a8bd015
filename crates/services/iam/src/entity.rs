//! What IAM keeps, as it is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use windlass_value::{Object, Timestamp, Value, object};

/// Name, path and id: what all of IAM's entities have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Naming {
    pub(crate) name: String,
    /// `/` or `/a/b/`
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) created_ms: i64,
}

/// The policies of a user, group or role.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Grants {
    /// Documents by name.
    pub(crate) inline: BTreeMap<String, String>,
    /// ARNs in the order they were attached.
    pub(crate) attached: Vec<String>,
    /// The ARN of the permissions boundary.
    #[serde(default)]
    pub(crate) boundary: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Role {
    #[serde(flatten)]
    pub(crate) naming: Naming,
    /// Who may assume it: a document.
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    pub(crate) session_seconds_max: i64,
    pub(crate) grants: Grants,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    #[serde(flatten)]
    pub(crate) naming: Naming,
    pub(crate) grants: Grants,
    pub(crate) tags: BTreeMap<String, String>,
    /// Names in lower case.
    pub(crate) groups: BTreeSet<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Group {
    #[serde(flatten)]
    pub(crate) naming: Naming,
    pub(crate) grants: Grants,
}

/// A policy of the account's own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ManagedPolicy {
    #[serde(flatten)]
    pub(crate) naming: Naming,
    pub(crate) updated_ms: i64,
    pub(crate) description: Option<String>,
    pub(crate) versions: BTreeMap<u32, PolicyVersion>,
    pub(crate) default_version: u32,
    /// The highest number ever given: numbers are not given again.
    pub(crate) last_version: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PolicyVersion {
    pub(crate) document: String,
    pub(crate) created_ms: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct InstanceProfile {
    #[serde(flatten)]
    pub(crate) naming: Naming,
    /// The role's name in lower case.
    pub(crate) role: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A user's long-term key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AccessKey {
    pub(crate) id: String,
    /// The user's name in lower case.
    pub(crate) user: String,
    pub(crate) active: bool,
    pub(crate) created_ms: i64,
    /// The secret, sealed by the keyring, in base64.
    pub(crate) sealed: String,
    #[serde(default)]
    pub(crate) last_used: Option<LastUsed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LastUsed {
    pub(crate) at_ms: i64,
    pub(crate) service: String,
    pub(crate) region: String,
}

/// One stored thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Entity {
    Role(Role),
    User(User),
    Group(Group),
    Policy(ManagedPolicy),
    InstanceProfile(InstanceProfile),
    AccessKey(AccessKey),
    AccountAlias { alias: String },
}

/// The kinds of [`Entity`], as keys and columns name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Role,
    User,
    Group,
    Policy,
    InstanceProfile,
    AccessKey,
    AccountAlias,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Role => "role",
            Kind::User => "user",
            Kind::Group => "group",
            Kind::Policy => "policy",
            Kind::InstanceProfile => "instance-profile",
            Kind::AccessKey => "access-key",
            Kind::AccountAlias => "account-alias",
        }
    }
}

impl Entity {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Entity::Role(_) => Kind::Role,
            Entity::User(_) => Kind::User,
            Entity::Group(_) => Kind::Group,
            Entity::Policy(_) => Kind::Policy,
            Entity::InstanceProfile(_) => Kind::InstanceProfile,
            Entity::AccessKey(_) => Kind::AccessKey,
            Entity::AccountAlias { .. } => Kind::AccountAlias,
        }
    }

    /// Unique within kind and account. IAM's names differ by more than case.
    pub(crate) fn id(&self) -> String {
        match self {
            Entity::Role(Role { naming, .. })
            | Entity::User(User { naming, .. })
            | Entity::Group(Group { naming, .. })
            | Entity::Policy(ManagedPolicy { naming, .. })
            | Entity::InstanceProfile(InstanceProfile { naming, .. }) => naming.key(),
            Entity::AccessKey(key) => key.id.clone(),
            Entity::AccountAlias { .. } => String::new(),
        }
    }
}

/// All of one account, in memory.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) roles: BTreeMap<String, Arc<Role>>,
    pub(crate) users: BTreeMap<String, Arc<User>>,
    pub(crate) groups: BTreeMap<String, Arc<Group>>,
    pub(crate) policies: BTreeMap<String, Arc<ManagedPolicy>>,
    pub(crate) profiles: BTreeMap<String, Arc<InstanceProfile>>,
    pub(crate) keys: BTreeMap<String, Arc<AccessKey>>,
    pub(crate) alias: Option<String>,
}

impl Account {
    pub(crate) fn put(&mut self, entity: Entity) {
        let id = entity.id();
        match entity {
            Entity::Role(role) => drop(self.roles.insert(id, Arc::new(role))),
            Entity::User(user) => drop(self.users.insert(id, Arc::new(user))),
            Entity::Group(group) => drop(self.groups.insert(id, Arc::new(group))),
            Entity::Policy(policy) => drop(self.policies.insert(id, Arc::new(policy))),
            Entity::InstanceProfile(profile) => drop(self.profiles.insert(id, Arc::new(profile))),
            Entity::AccessKey(key) => drop(self.keys.insert(id, Arc::new(key))),
            Entity::AccountAlias { alias } => self.alias = Some(alias),
        }
    }

    pub(crate) fn remove(&mut self, kind: Kind, id: &str) {
        match kind {
            Kind::Role => drop(self.roles.remove(id)),
            Kind::User => drop(self.users.remove(id)),
            Kind::Group => drop(self.groups.remove(id)),
            Kind::Policy => drop(self.policies.remove(id)),
            Kind::InstanceProfile => drop(self.profiles.remove(id)),
            Kind::AccessKey => drop(self.keys.remove(id)),
            Kind::AccountAlias => self.alias = None,
        }
    }

    /// The account's own policy of that ARN.
    pub(crate) fn policy(&self, account: &str, arn: &str) -> Option<&Arc<ManagedPolicy>> {
        let name = arn.rsplit('/').next()?.to_ascii_lowercase();
        self.policies.get(&name).filter(|policy| policy.naming.arn(account, "policy") == arn)
    }

    /// Who has that policy attached.
    pub(crate) fn holders(&self) -> impl Iterator<Item = &Grants> {
        let roles = self.roles.values().map(|role| &role.grants);
        let users = self.users.values().map(|user| &user.grants);
        roles.chain(users).chain(self.groups.values().map(|group| &group.grants))
    }
}

impl Naming {
    pub(crate) fn key(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    pub(crate) fn arn(&self, account: &str, kind: &str) -> String {
        format!("arn:aws:iam::{account}:{kind}{}{}", self.path, self.name)
    }

    pub(crate) fn created(&self) -> Value {
        seconds(self.created_ms)
    }
}

/// An instant as outputs have it: whole seconds, as IAM answers.
pub(crate) fn seconds(ms: i64) -> Value {
    Value::int(Timestamp(ms).as_ms().div_euclid(1000))
}

pub(crate) fn tags_value(tags: &BTreeMap<String, String>) -> Value {
    Value::array(tags.iter().map(|(key, value)| object! { "Key" => key, "Value" => value }).collect())
}

/// `PermissionsBoundary` of a user or role.
pub(crate) fn add_boundary(output: &mut Object, grants: &Grants) {
    if let Some(arn) = &grants.boundary {
        output.insert(
            "PermissionsBoundary",
            object! { "PermissionsBoundaryType" => "Policy", "PermissionsBoundaryArn" => arn },
        );
    }
}
