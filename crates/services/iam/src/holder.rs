//! What roles, users and groups have in common: inline and attached policies.

use std::sync::Arc;

use windlass_identity::PolicyKind;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::document;
use crate::entity::{Account, Entity, Grants, Group, Kind, Naming, Role, User};
use crate::faults;
use crate::iam::Iam;
use crate::input::text;
use crate::managed_policies;
use crate::page::page;

/// Managed policies attached to one user, group or role.
const ATTACHED_MAX: usize = 10;

/// One that has policies.
#[derive(Clone, Debug)]
pub(crate) enum Holder {
    Role(Role),
    User(User),
    Group(Group),
}

/// The kinds of [`Holder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HolderKind {
    Role,
    User,
    Group,
}

impl HolderKind {
    /// As texts name it.
    fn word(self) -> &'static str {
        match self {
            HolderKind::Role => "role",
            HolderKind::User => "user",
            HolderKind::Group => "group",
        }
    }

    fn name_member(self) -> &'static str {
        match self {
            HolderKind::Role => "RoleName",
            HolderKind::User => "UserName",
            HolderKind::Group => "GroupName",
        }
    }

    /// Characters of all inline policies together.
    fn inline_characters_max(self) -> usize {
        match self {
            HolderKind::Role => 10_240,
            HolderKind::User => 2_048,
            HolderKind::Group => 5_120,
        }
    }

    fn quota(self) -> &'static str {
        match self {
            HolderKind::Role => "PoliciesPerRole",
            HolderKind::User => "PoliciesPerUser",
            HolderKind::Group => "PoliciesPerGroup",
        }
    }
}

impl Holder {
    /// # Errors
    /// `NoSuchEntity`
    pub(crate) fn find(account: &Account, kind: HolderKind, input: &Value) -> Result<Holder, Fault> {
        let name = text(input, kind.name_member());
        let found = match kind {
            HolderKind::Role => Holder::Role((**role(account, name)?).clone()),
            HolderKind::User => Holder::User((**user(account, name)?).clone()),
            HolderKind::Group => Holder::Group((**group(account, name)?).clone()),
        };
        Ok(found)
    }

    pub(crate) fn naming(&self) -> &Naming {
        match self {
            Holder::Role(role) => &role.naming,
            Holder::User(user) => &user.naming,
            Holder::Group(group) => &group.naming,
        }
    }

    pub(crate) fn grants(&self) -> &Grants {
        match self {
            Holder::Role(role) => &role.grants,
            Holder::User(user) => &user.grants,
            Holder::Group(group) => &group.grants,
        }
    }

    fn grants_mut(&mut self) -> &mut Grants {
        match self {
            Holder::Role(role) => &mut role.grants,
            Holder::User(user) => &mut user.grants,
            Holder::Group(group) => &mut group.grants,
        }
    }

    fn into_edit(self) -> Edit {
        Edit::put(match self {
            Holder::Role(role) => Entity::Role(role),
            Holder::User(user) => Entity::User(user),
            Holder::Group(group) => Entity::Group(group),
        })
    }
}

/// # Errors
/// `NoSuchEntity`
pub(crate) fn role<'a>(account: &'a Account, name: &str) -> Result<&'a Arc<Role>, Fault> {
    let found = account.roles.get(&name.to_ascii_lowercase());
    found.ok_or_else(|| faults::no_such_entity(format!("The role with name {name} cannot be found.")))
}

/// # Errors
/// `NoSuchEntity`
pub(crate) fn user<'a>(account: &'a Account, name: &str) -> Result<&'a Arc<User>, Fault> {
    let found = account.users.get(&name.to_ascii_lowercase());
    found.ok_or_else(|| faults::no_such_entity(format!("The user with name {name} cannot be found.")))
}

/// # Errors
/// `NoSuchEntity`
pub(crate) fn group<'a>(account: &'a Account, name: &str) -> Result<&'a Arc<Group>, Fault> {
    let found = account.groups.get(&name.to_ascii_lowercase());
    found.ok_or_else(|| faults::no_such_entity(format!("The group with name {name} cannot be found.")))
}

/// Refuses to delete one that still has policies.
///
/// # Errors
/// `DeleteConflict`
pub(crate) fn check_without_policies(grants: &Grants) -> Result<(), Fault> {
    if !grants.attached.is_empty() {
        return Err(faults::delete_conflict("Cannot delete entity, must detach all policies first."));
    }
    if !grants.inline.is_empty() {
        return Err(faults::delete_conflict("Cannot delete entity, must delete policies first."));
    }
    Ok(())
}

/// Whether a policy of that ARN can be attached, be it AWS's or the account's.
///
/// # Errors
/// `NoSuchEntity`, `InvalidInput`
pub(crate) fn check_attachable(account: &Account, account_id: &str, arn: &str) -> Result<(), Fault> {
    if !arn.starts_with("arn:") || arn.split(':').count() != 6 {
        return Err(faults::invalid_input(format!("ARN {arn} is not valid.")));
    }
    if account.policy(account_id, arn).is_some() || managed_policies::find(arn).is_some() {
        return Ok(());
    }
    Err(faults::no_such_entity(format!("Policy {arn} does not exist or is not attachable.")))
}

impl Iam {
    /// `PutRolePolicy` and its like.
    pub(crate) async fn put_inline(&self, call: &Call, kind: HolderKind) -> Outcome {
        let input = &call.input;
        let (name, text_of) = (text(input, "PolicyName"), text(input, "PolicyDocument"));
        document::check(text_of, PolicyKind::Identity)?;
        self.catalogue
            .change(call, |account, edits| {
                let mut holder = Holder::find(account, kind, input)?;
                let holder_name = holder.naming().name.clone();
                let grants = holder.grants_mut();
                grants.inline.insert(name.to_owned(), text_of.to_owned());
                let max = kind.inline_characters_max();
                if grants.inline.values().map(|document| document::size(document)).sum::<usize>() > max {
                    return Err(faults::limit_exceeded(format!(
                        "Maximum policy size of {max} bytes exceeded for {} {holder_name}",
                        kind.word()
                    )));
                }
                edits.push(holder.into_edit());
                Ok(Value::empty_object())
            })
            .await
    }

    /// `GetRolePolicy` and its like.
    pub(crate) fn get_inline(&self, call: &Call, kind: HolderKind) -> Outcome {
        let name = text(&call.input, "PolicyName");
        self.catalogue.read(&call.account, |account| {
            let holder = Holder::find(account, kind, &call.input)?;
            let document = holder.grants().inline.get(name).ok_or_else(|| no_inline(kind, name))?;
            let output = object! {
                kind.name_member() => &holder.naming().name,
                "PolicyName" => name,
                "PolicyDocument" => document::encoded(document),
            };
            Ok(output.into())
        })
    }

    /// `ListRolePolicies` and its like.
    pub(crate) fn list_inline(&self, call: &Call, kind: HolderKind) -> Outcome {
        let holder = self.catalogue.read(&call.account, |account| Holder::find(account, kind, &call.input))?;
        let names = holder.grants().inline.keys().map(|name| (name.clone(), Value::from(name))).collect();
        page(&call.input, "PolicyNames", names)
    }

    /// `DeleteRolePolicy` and its like.
    pub(crate) async fn delete_inline(&self, call: &Call, kind: HolderKind) -> Outcome {
        let name = text(&call.input, "PolicyName");
        self.catalogue
            .change(call, |account, edits| {
                let mut holder = Holder::find(account, kind, &call.input)?;
                if holder.grants_mut().inline.remove(name).is_none() {
                    return Err(no_inline(kind, name));
                }
                edits.push(holder.into_edit());
                Ok(Value::empty_object())
            })
            .await
    }

    /// `AttachRolePolicy` and its like; twice is no error.
    pub(crate) async fn attach(&self, call: &Call, kind: HolderKind) -> Outcome {
        let arn = text(&call.input, "PolicyArn");
        self.catalogue
            .change(call, |account, edits| {
                let mut holder = Holder::find(account, kind, &call.input)?;
                check_attachable(account, &call.account, arn)?;
                let attached = &mut holder.grants_mut().attached;
                if !attached.iter().any(|known| known == arn) {
                    attached.push(arn.to_owned());
                    if attached.len() > ATTACHED_MAX {
                        let message = format!("Cannot exceed quota for {}: {ATTACHED_MAX}", kind.quota());
                        return Err(faults::limit_exceeded(message));
                    }
                    edits.push(holder.into_edit());
                }
                Ok(Value::empty_object())
            })
            .await
    }

    /// `DetachRolePolicy` and its like.
    pub(crate) async fn detach(&self, call: &Call, kind: HolderKind) -> Outcome {
        let arn = text(&call.input, "PolicyArn");
        self.catalogue
            .change(call, |account, edits| {
                let mut holder = Holder::find(account, kind, &call.input)?;
                let attached = &mut holder.grants_mut().attached;
                let before = attached.len();
                attached.retain(|known| known != arn);
                if attached.len() == before {
                    return Err(faults::no_such_entity(format!("Policy {arn} was not found.")));
                }
                edits.push(holder.into_edit());
                Ok(Value::empty_object())
            })
            .await
    }

    /// `ListAttachedRolePolicies` and its like.
    pub(crate) fn list_attached(&self, call: &Call, kind: HolderKind) -> Outcome {
        let holder = self.catalogue.read(&call.account, |account| Holder::find(account, kind, &call.input))?;
        let prefix = call.input["PathPrefix"].as_str().unwrap_or("/");
        let mut attached: Vec<(String, Value)> = holder
            .grants()
            .attached
            .iter()
            .filter(|arn| path_of(arn).starts_with(prefix))
            .map(|arn| attached_value(arn))
            .collect();
        attached.sort_by(|left, right| left.0.cmp(&right.0));
        page(&call.input, "AttachedPolicies", attached)
    }

    /// `PutRolePermissionsBoundary`, `PutUserPermissionsBoundary`.
    pub(crate) async fn put_boundary(&self, call: &Call, kind: HolderKind) -> Outcome {
        let arn = text(&call.input, "PermissionsBoundary");
        self.catalogue
            .change(call, |account, edits| {
                let mut holder = Holder::find(account, kind, &call.input)?;
                check_attachable(account, &call.account, arn)?;
                holder.grants_mut().boundary = Some(arn.to_owned());
                edits.push(holder.into_edit());
                Ok(Value::empty_object())
            })
            .await
    }

    /// `DeleteRolePermissionsBoundary`, `DeleteUserPermissionsBoundary`.
    pub(crate) async fn delete_boundary(&self, call: &Call, kind: HolderKind) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let mut holder = Holder::find(account, kind, &call.input)?;
                if holder.grants_mut().boundary.take().is_none() {
                    let name = holder.naming().name.clone();
                    return Err(faults::no_such_entity(format!(
                        "Permissions boundary for {} {name} cannot be found.",
                        kind.word()
                    )));
                }
                edits.push(holder.into_edit());
                Ok(Value::empty_object())
            })
            .await
    }
}

fn no_inline(kind: HolderKind, name: &str) -> Fault {
    faults::no_such_entity(format!("The {} policy with name {name} cannot be found.", kind.word()))
}

/// The path in a policy's ARN: `/service-role/`.
pub(crate) fn path_of(arn: &str) -> &str {
    let behind = arn.split_once(":policy").map_or("/", |(_, path)| path);
    behind.rfind('/').map_or("/", |end| &behind[..=end])
}

/// An attached policy by name, and as outputs have it.
pub(crate) fn attached_value(arn: &str) -> (String, Value) {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    (name.to_owned(), object! { "PolicyName" => name, "PolicyArn" => arn })
}

/// The inline policies, as account details have them.
pub(crate) fn inline_details(grants: &Grants) -> Value {
    let detail = |(name, document): (&String, &String)| {
        object! { "PolicyName" => name, "PolicyDocument" => document::encoded(document) }
    };
    Value::array(grants.inline.iter().map(detail).collect())
}

/// The attached policies, as account details have them.
pub(crate) fn attached_details(grants: &Grants) -> Value {
    Value::array(grants.attached.iter().map(|arn| attached_value(arn).1).collect())
}

/// Name, path, id and ARN of an entity.
pub(crate) fn naming_value(naming: &Naming, account: &str, kind: Kind, word: &str) -> Object {
    let mut output = Object::new();
    output.insert("Path", &naming.path);
    output.insert(format!("{word}Name"), &naming.name);
    output.insert(format!("{word}Id"), &naming.id);
    output.insert("Arn", naming.arn(account, kind.name()));
    output.insert("CreateDate", naming.created());
    output
}
