use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::entity::{Account, Entity, InstanceProfile, Kind, Naming, tags_value};
use crate::faults;
use crate::holder::{naming_value, role};
use crate::iam::Iam;
use crate::identifier::entity_id;
use crate::input::{add_tags, optional, text, texts};
use crate::page::page;
use crate::role::{role_value, tag_items};

/// Instance profiles of an account.
const PROFILES_MAX: usize = 1_000;

impl Iam {
    /// `CreateInstanceProfile`
    pub(crate) async fn create_profile(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let mut profile = InstanceProfile {
            naming: Naming {
                name: text(input, "InstanceProfileName").to_owned(),
                path: optional(input, "Path").unwrap_or("/").to_owned(),
                id: entity_id("AIPA")?,
                created_ms: (self.now)().as_ms(),
            },
            role: None,
            tags: Default::default(),
        };
        add_tags(input, &mut profile.tags)?;
        self.catalogue
            .change(call, |account, edits| {
                if account.profiles.contains_key(&profile.naming.key()) {
                    let message = format!("Instance Profile {} already exists.", profile.naming.name);
                    return Err(faults::already_exists(message));
                }
                if account.profiles.len() >= PROFILES_MAX {
                    let message = format!("Cannot exceed quota for InstanceProfilesPerAccount: {PROFILES_MAX}");
                    return Err(faults::limit_exceeded(message));
                }
                let output = object! { "InstanceProfile" => profile_value(&profile, account, &call.account) };
                edits.push(Edit::put(Entity::InstanceProfile(profile)));
                Ok(output)
            })
            .await
    }

    /// `GetInstanceProfile`
    pub(crate) fn get_profile(&self, call: &Call) -> Outcome {
        self.catalogue.read(&call.account, |account| {
            let profile = find(account, text(&call.input, "InstanceProfileName"))?;
            Ok(object! { "InstanceProfile" => profile_value(profile, account, &call.account) }.into())
        })
    }

    /// `ListInstanceProfiles` and `ListInstanceProfilesForRole`
    pub(crate) fn list_profiles(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let prefix = optional(input, "PathPrefix").unwrap_or("/");
        let profiles = self.catalogue.read(&call.account, |account| {
            let of_role = match optional(input, "RoleName") {
                Some(name) => Some(role(account, name)?.naming.key()),
                None => None,
            };
            let profiles = account.profiles.iter().filter(|(_, profile)| {
                profile.naming.path.starts_with(prefix) && (of_role.is_none() || profile.role == of_role)
            });
            let value = |(key, profile): (&String, &std::sync::Arc<InstanceProfile>)| {
                (key.clone(), profile_value(profile, account, &call.account).into())
            };
            Ok(profiles.map(value).collect())
        })?;
        page(input, "InstanceProfiles", profiles)
    }

    /// `DeleteInstanceProfile`
    pub(crate) async fn delete_profile(&self, call: &Call) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let profile = find(account, text(&call.input, "InstanceProfileName"))?;
                if profile.role.is_some() {
                    return Err(faults::delete_conflict(
                        "Cannot delete entity, must remove roles from instance profile first.",
                    ));
                }
                edits.push(Edit::Delete(Kind::InstanceProfile, profile.naming.key()));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `AddRoleToInstanceProfile`
    pub(crate) async fn add_role_to_profile(&self, call: &Call) -> Outcome {
        self.change_profile(call, |account, profile| {
            let role = role(account, text(&call.input, "RoleName"))?;
            if profile.role.is_some() {
                return Err(faults::limit_exceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"));
            }
            profile.role = Some(role.naming.key());
            Ok(())
        })
        .await
    }

    /// `RemoveRoleFromInstanceProfile`
    pub(crate) async fn remove_role_from_profile(&self, call: &Call) -> Outcome {
        let name = text(&call.input, "RoleName");
        self.change_profile(call, |_, profile| {
            if profile.role.as_deref() != Some(&*name.to_ascii_lowercase()) {
                return Err(faults::no_such_entity(format!("The role with name {name} cannot be found.")));
            }
            profile.role = None;
            Ok(())
        })
        .await
    }

    /// `TagInstanceProfile`
    pub(crate) async fn tag_profile(&self, call: &Call) -> Outcome {
        self.change_profile(call, |_, profile| add_tags(&call.input, &mut profile.tags)).await
    }

    /// `UntagInstanceProfile`
    pub(crate) async fn untag_profile(&self, call: &Call) -> Outcome {
        self.change_profile(call, |_, profile| {
            texts(&call.input, "TagKeys").into_iter().for_each(|key| drop(profile.tags.remove(key)));
            Ok(())
        })
        .await
    }

    /// `ListInstanceProfileTags`
    pub(crate) fn list_profile_tags(&self, call: &Call) -> Outcome {
        let tags = self.catalogue.read(&call.account, |account| {
            find(account, text(&call.input, "InstanceProfileName")).map(|profile| profile.tags.clone())
        })?;
        page(&call.input, "Tags", tag_items(&tags))
    }

    async fn change_profile(
        &self,
        call: &Call,
        change: impl FnOnce(&Account, &mut InstanceProfile) -> Result<(), Fault> + Send,
    ) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let mut profile = find(account, text(&call.input, "InstanceProfileName"))?.clone();
                change(account, &mut profile)?;
                edits.push(Edit::put(Entity::InstanceProfile(profile)));
                Ok(Value::empty_object())
            })
            .await
    }
}

fn find<'a>(account: &'a Account, name: &str) -> Result<&'a InstanceProfile, Fault> {
    let found = account.profiles.get(&name.to_ascii_lowercase()).map(|profile| &**profile);
    found.ok_or_else(|| faults::no_such_entity(format!("Instance Profile {name} cannot be found.")))
}

/// An instance profile as outputs have it.
pub(crate) fn profile_value(profile: &InstanceProfile, account: &Account, account_id: &str) -> Object {
    let mut output = naming_value(&profile.naming, account_id, Kind::InstanceProfile, "InstanceProfile");
    let role = profile.role.as_ref().and_then(|key| account.roles.get(key));
    output.insert("Roles", Value::array(role.map(|role| role_value(role, account_id).into()).into_iter().collect()));
    if !profile.tags.is_empty() {
        output.insert("Tags", tags_value(&profile.tags));
    }
    output
}
