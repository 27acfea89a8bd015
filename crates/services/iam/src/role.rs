use windlass_identity::PolicyKind;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::document;
use crate::entity::{Account, Entity, Grants, Kind, Naming, Role, add_boundary, tags_value};
use crate::faults;
use crate::holder::{check_attachable, check_without_policies, naming_value, role};
use crate::iam::Iam;
use crate::identifier::entity_id;
use crate::input::{add_tags, optional, text, texts};
use crate::page::page;

/// Roles of an account.
const ROLES_MAX: usize = 1_000;
/// Characters of a trust policy, blanks left out.
const TRUST_CHARACTERS_MAX: usize = 2_048;
/// How long sessions last where the role does not say, in seconds.
pub(crate) const SESSION_SECONDS_DEFAULT: i64 = 3_600;
/// The bounds of `MaxSessionDuration`.
const SESSION_SECONDS: std::ops::RangeInclusive<i64> = 3_600..=43_200;

impl Iam {
    /// `CreateRole`
    pub(crate) async fn create_role(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let (name, trust) = (text(input, "RoleName"), text(input, "AssumeRolePolicyDocument"));
        check_trust(trust)?;
        let path = optional(input, "Path").unwrap_or("/");
        let role = self.new_role(name, path, trust, input)?;
        self.insert_role(call, role).await
    }

    /// `CreateServiceLinkedRole`: a role that the service trusts, without policies
    /// of its own, for what it would do is done here.
    pub(crate) async fn create_service_linked_role(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let service = text(input, "AWSServiceName");
        let Some(first) = service.strip_suffix(".amazonaws.com").filter(|first| !first.is_empty()) else {
            return Err(faults::invalid_input(format!("{service} is not a valid service principal.")));
        };
        let words: String = first.split(['.', '-']).map(capitalised).collect();
        let suffix = optional(input, "CustomSuffix").map_or_else(String::new, |suffix| format!("_{suffix}"));
        let name = format!("AWSServiceRoleFor{words}{suffix}");
        let trust = object! {
            "Version" => "2012-10-17",
            "Statement" => vec![object! {
                "Effect" => "Allow",
                "Action" => vec![Value::from("sts:AssumeRole")],
                "Principal" => object! { "Service" => vec![Value::from(service)] },
            }],
        };
        let role = self.new_role(&name, &format!("/aws-service-role/{service}/"), &trust.to_text(), input)?;
        let exists = self.catalogue.read(&call.account, |account| account.roles.contains_key(&role.naming.key()));
        if exists {
            return Err(faults::invalid_input(format!(
                "Service role name {name} has been taken in this account, please try a different suffix."
            )));
        }
        self.insert_role(call, role).await
    }

    fn new_role(&self, name: &str, path: &str, trust: &str, input: &Value) -> Result<Role, Fault> {
        let mut role = Role {
            naming: Naming {
                name: name.to_owned(),
                path: path.to_owned(),
                id: entity_id("AROA")?,
                created_ms: (self.now)().as_ms(),
            },
            trust: trust.to_owned(),
            description: optional(input, "Description").map(str::to_owned),
            session_seconds_max: session_seconds(input)?.unwrap_or(SESSION_SECONDS_DEFAULT),
            grants: Grants { boundary: optional(input, "PermissionsBoundary").map(str::to_owned), ..Grants::default() },
            tags: Default::default(),
        };
        add_tags(input, &mut role.tags)?;
        Ok(role)
    }

    async fn insert_role(&self, call: &Call, role: Role) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                if account.roles.contains_key(&role.naming.key()) {
                    let message = format!("Role with name {} already exists.", role.naming.name);
                    return Err(faults::already_exists(message));
                }
                if account.roles.len() >= ROLES_MAX {
                    return Err(faults::limit_exceeded(format!(
                        "Cannot exceed quota for RolesPerAccount: {ROLES_MAX}"
                    )));
                }
                if let Some(arn) = &role.grants.boundary {
                    check_attachable(account, &call.account, arn)?;
                }
                let output = object! { "Role" => role_value(&role, &call.account) };
                edits.push(Edit::put(Entity::Role(role)));
                Ok(output)
            })
            .await
    }

    /// `GetRole`
    pub(crate) fn get_role(&self, call: &Call) -> Outcome {
        self.catalogue.read(&call.account, |account| {
            let role = role(account, text(&call.input, "RoleName"))?;
            Ok(object! { "Role" => role_value(role, &call.account) }.into())
        })
    }

    /// `ListRoles`
    pub(crate) fn list_roles(&self, call: &Call) -> Outcome {
        let prefix = optional(&call.input, "PathPrefix").unwrap_or("/");
        let roles = self.catalogue.read(&call.account, |account| {
            let roles = account.roles.iter().filter(|(_, role)| role.naming.path.starts_with(prefix));
            roles
                .map(|(key, role)| {
                    let mut value = role_value(role, &call.account);
                    // Lists leave these out.
                    value.remove("Tags");
                    value.remove("PermissionsBoundary");
                    (key.clone(), value.into())
                })
                .collect()
        });
        page(&call.input, "Roles", roles)
    }

    /// `UpdateRole` and `UpdateRoleDescription`
    pub(crate) async fn update_role(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let answers_role = &*call.operation == "UpdateRoleDescription";
        let seconds = session_seconds(input)?;
        self.change_role(call, |role| {
            if let Some(description) = optional(input, "Description") {
                role.description = Some(description.to_owned());
            }
            if let Some(seconds) = seconds {
                role.session_seconds_max = seconds;
            }
            match answers_role {
                true => Ok(object! { "Role" => role_value(role, &call.account) }),
                false => Ok(Value::empty_object()),
            }
        })
        .await
    }

    /// `UpdateAssumeRolePolicy`
    pub(crate) async fn update_trust(&self, call: &Call) -> Outcome {
        let trust = text(&call.input, "PolicyDocument");
        check_trust(trust)?;
        self.change_role(call, |role| {
            role.trust = trust.to_owned();
            Ok(Value::empty_object())
        })
        .await
    }

    /// `DeleteRole` and `DeleteServiceLinkedRole`
    pub(crate) async fn delete_role(&self, call: &Call) -> Outcome {
        let linked = &*call.operation == "DeleteServiceLinkedRole";
        self.catalogue
            .change(call, |account, edits| {
                let role = role(account, text(&call.input, "RoleName"))?;
                if account.profiles.values().any(|profile| profile.role == Some(role.naming.key())) {
                    return Err(faults::delete_conflict(
                        "Cannot delete entity, must remove roles from instance profile first.",
                    ));
                }
                if role.naming.path.starts_with("/aws-service-role/") && !linked {
                    return Err(Fault::new(
                        "UnmodifiableEntity",
                        format!(
                            "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
                            role.naming.name
                        ),
                    ));
                }
                check_without_policies(&role.grants)?;
                edits.push(Edit::Delete(Kind::Role, role.naming.key()));
                match linked {
                    true => {
                        let task = format!("task{}{}/{}", role.naming.path, role.naming.name, role.naming.id);
                        Ok(object! { "DeletionTaskId" => task })
                    }
                    false => Ok(Value::empty_object()),
                }
            })
            .await
    }

    /// `GetServiceLinkedRoleDeletionStatus`: it is done before it is asked for.
    pub(crate) fn service_linked_deletion(&self, call: &Call) -> Outcome {
        let task = text(&call.input, "DeletionTaskId");
        match task.starts_with("task/aws-service-role/") {
            true => Ok(object! { "Status" => "SUCCEEDED" }.into()),
            false => Err(faults::no_such_entity(format!("The deletion task with id {task} cannot be found."))),
        }
    }

    /// `TagRole`
    pub(crate) async fn tag_role(&self, call: &Call) -> Outcome {
        self.change_role(call, |role| {
            add_tags(&call.input, &mut role.tags)?;
            Ok(Value::empty_object())
        })
        .await
    }

    /// `UntagRole`
    pub(crate) async fn untag_role(&self, call: &Call) -> Outcome {
        self.change_role(call, |role| {
            texts(&call.input, "TagKeys").into_iter().for_each(|key| drop(role.tags.remove(key)));
            Ok(Value::empty_object())
        })
        .await
    }

    /// `ListRoleTags`
    pub(crate) fn list_role_tags(&self, call: &Call) -> Outcome {
        let tags = self.catalogue.read(&call.account, |account| {
            role(account, text(&call.input, "RoleName")).map(|role| role.tags.clone())
        })?;
        page(&call.input, "Tags", tag_items(&tags))
    }

    async fn change_role(&self, call: &Call, change: impl FnOnce(&mut Role) -> Result<Value, Fault> + Send) -> Outcome {
        self.catalogue
            .change(call, |account: &Account, edits| {
                let mut role = (**role(account, text(&call.input, "RoleName"))?).clone();
                let output = change(&mut role)?;
                edits.push(Edit::put(Entity::Role(role)));
                Ok(output)
            })
            .await
    }
}

/// Tags as a page takes them.
pub(crate) fn tag_items(tags: &std::collections::BTreeMap<String, String>) -> Vec<(String, Value)> {
    tags.iter().map(|(key, value)| (key.clone(), object! { "Key" => key, "Value" => value })).collect()
}

/// A role as outputs have it.
pub(crate) fn role_value(role: &Role, account: &str) -> Object {
    let mut output = naming_value(&role.naming, account, Kind::Role, "Role");
    output.insert("AssumeRolePolicyDocument", document::encoded(&role.trust));
    if let Some(description) = &role.description {
        output.insert("Description", description);
    }
    output.insert("MaxSessionDuration", role.session_seconds_max);
    add_boundary(&mut output, &role.grants);
    if !role.tags.is_empty() {
        output.insert("Tags", tags_value(&role.tags));
    }
    output.insert("RoleLastUsed", Value::empty_object());
    output
}

fn check_trust(document: &str) -> Result<(), Fault> {
    document::check(document, PolicyKind::Trust)?;
    if document::size(document) > TRUST_CHARACTERS_MAX {
        let message = format!("Cannot exceed quota for ACLSizePerRole: {TRUST_CHARACTERS_MAX}");
        return Err(faults::limit_exceeded(message));
    }
    Ok(())
}

fn session_seconds(input: &Value) -> Result<Option<i64>, Fault> {
    match input["MaxSessionDuration"].as_i64() {
        Some(seconds) if !SESSION_SECONDS.contains(&seconds) => Err(faults::validation(format!(
            "1 validation error detected: Value '{seconds}' at 'maxSessionDuration' failed to satisfy constraint: Member must have value between 3600 and 43200"
        ))),
        seconds => Ok(seconds),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().collect::<String>() + letters.as_str()).unwrap_or_default()
}
