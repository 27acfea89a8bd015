use windlass_protocol::{Call, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::entity::{Entity, Grants, Group, Kind, Naming};
use crate::faults;
use crate::holder::{check_without_policies, group, naming_value, user};
use crate::iam::Iam;
use crate::identifier::entity_id;
use crate::input::{optional, text};
use crate::page::{add_page, page};
use crate::user::user_value;

/// Groups of an account.
const GROUPS_MAX: usize = 300;
/// Groups of a user.
const GROUPS_PER_USER_MAX: usize = 10;

impl Iam {
    /// `CreateGroup`
    pub(crate) async fn create_group(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let group = Group {
            naming: Naming {
                name: text(input, "GroupName").to_owned(),
                path: optional(input, "Path").unwrap_or("/").to_owned(),
                id: entity_id("AGPA")?,
                created_ms: (self.now)().as_ms(),
            },
            grants: Grants::default(),
        };
        self.catalogue
            .change(call, |account, edits| {
                if account.groups.contains_key(&group.naming.key()) {
                    let message = format!("Group with name {} already exists.", group.naming.name);
                    return Err(faults::already_exists(message));
                }
                if account.groups.len() >= GROUPS_MAX {
                    let message = format!("Cannot exceed quota for GroupsPerAccount: {GROUPS_MAX}");
                    return Err(faults::limit_exceeded(message));
                }
                let output = object! { "Group" => group_value(&group, &call.account) };
                edits.push(Edit::put(Entity::Group(group)));
                Ok(output)
            })
            .await
    }

    /// `GetGroup`: the group and a page of its users.
    pub(crate) fn get_group(&self, call: &Call) -> Outcome {
        self.catalogue.read(&call.account, |account| {
            let group = group(account, text(&call.input, "GroupName"))?;
            let key = group.naming.key();
            let members = account.users.iter().filter(|(_, user)| user.groups.contains(&key));
            let members = members.map(|(name, user)| (name.clone(), user_value(user, &call.account).into())).collect();
            let mut output = Object::new();
            output.insert("Group", group_value(group, &call.account));
            add_page(&call.input, &mut output, "Users", members)?;
            Ok(Value::from(output).into())
        })
    }

    /// `ListGroups`
    pub(crate) fn list_groups(&self, call: &Call) -> Outcome {
        let prefix = optional(&call.input, "PathPrefix").unwrap_or("/");
        let groups = self.catalogue.read(&call.account, |account| {
            let groups = account.groups.iter().filter(|(_, group)| group.naming.path.starts_with(prefix));
            groups.map(|(key, group)| (key.clone(), group_value(group, &call.account).into())).collect()
        });
        page(&call.input, "Groups", groups)
    }

    /// `ListGroupsForUser`
    pub(crate) fn list_groups_for_user(&self, call: &Call) -> Outcome {
        let groups = self.catalogue.read(&call.account, |account| {
            let user = user(account, text(&call.input, "UserName"))?;
            let groups = user.groups.iter().filter_map(|key| Some((key, account.groups.get(key)?)));
            Ok(groups.map(|(key, group)| (key.clone(), group_value(group, &call.account).into())).collect())
        })?;
        page(&call.input, "Groups", groups)
    }

    /// `UpdateGroup`: a new name or path.
    pub(crate) async fn update_group(&self, call: &Call) -> Outcome {
        let input = &call.input;
        self.catalogue
            .change(call, |account, edits| {
                let mut group = (**group(account, text(input, "GroupName"))?).clone();
                let old = group.naming.key();
                if let Some(path) = optional(input, "NewPath") {
                    group.naming.path = path.to_owned();
                }
                if let Some(name) = optional(input, "NewGroupName") {
                    group.naming.name = name.to_owned();
                }
                let new = group.naming.key();
                if new != old {
                    if account.groups.contains_key(&new) {
                        let message = format!("Group with name {} already exists.", group.naming.name);
                        return Err(faults::already_exists(message));
                    }
                    edits.push(Edit::Delete(Kind::Group, old.clone()));
                    for user in account.users.values().filter(|user| user.groups.contains(&old)) {
                        let mut user = (**user).clone();
                        user.groups.remove(&old);
                        user.groups.insert(new.clone());
                        edits.push(Edit::put(Entity::User(user)));
                    }
                }
                edits.push(Edit::put(Entity::Group(group)));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `DeleteGroup`
    pub(crate) async fn delete_group(&self, call: &Call) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let group = group(account, text(&call.input, "GroupName"))?;
                let key = group.naming.key();
                if account.users.values().any(|user| user.groups.contains(&key)) {
                    return Err(faults::delete_conflict("Cannot delete entity, must remove users from group first."));
                }
                check_without_policies(&group.grants)?;
                edits.push(Edit::Delete(Kind::Group, key));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `AddUserToGroup`; twice is no error.
    pub(crate) async fn add_user_to_group(&self, call: &Call) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let group = group(account, text(&call.input, "GroupName"))?;
                let mut user = (**user(account, text(&call.input, "UserName"))?).clone();
                if user.groups.insert(group.naming.key()) {
                    if user.groups.len() > GROUPS_PER_USER_MAX {
                        let message = format!("Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER_MAX}");
                        return Err(faults::limit_exceeded(message));
                    }
                    edits.push(Edit::put(Entity::User(user)));
                }
                Ok(Value::empty_object())
            })
            .await
    }

    /// `RemoveUserFromGroup`
    pub(crate) async fn remove_user_from_group(&self, call: &Call) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let group = group(account, text(&call.input, "GroupName"))?;
                let mut user = (**user(account, text(&call.input, "UserName"))?).clone();
                if !user.groups.remove(&group.naming.key()) {
                    return Err(faults::no_such_entity(format!(
                        "User {} not in group {}",
                        user.naming.name, group.naming.name
                    )));
                }
                edits.push(Edit::put(Entity::User(user)));
                Ok(Value::empty_object())
            })
            .await
    }
}

/// A group as outputs have it.
pub(crate) fn group_value(group: &Group, account: &str) -> Object {
    naming_value(&group.naming, account, Kind::Group, "Group")
}
