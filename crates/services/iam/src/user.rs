use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::entity::{Entity, Grants, Kind, Naming, User, add_boundary, tags_value};
use crate::faults;
use crate::holder::{check_attachable, check_without_policies, naming_value, user};
use crate::iam::Iam;
use crate::identifier::entity_id;
use crate::input::{add_tags, optional, text, texts};
use crate::page::page;
use crate::role::tag_items;

/// Users of an account.
const USERS_MAX: usize = 5_000;

impl Iam {
    /// `CreateUser`
    pub(crate) async fn create_user(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let mut user = User {
            naming: Naming {
                name: text(input, "UserName").to_owned(),
                path: optional(input, "Path").unwrap_or("/").to_owned(),
                id: entity_id("AIDA")?,
                created_ms: (self.now)().as_ms(),
            },
            grants: Grants { boundary: optional(input, "PermissionsBoundary").map(str::to_owned), ..Grants::default() },
            tags: Default::default(),
            groups: Default::default(),
        };
        add_tags(input, &mut user.tags)?;
        self.catalogue
            .change(call, |account, edits| {
                check_free(account.users.contains_key(&user.naming.key()), &user.naming.name)?;
                if account.users.len() >= USERS_MAX {
                    return Err(faults::limit_exceeded(format!(
                        "Cannot exceed quota for UsersPerAccount: {USERS_MAX}"
                    )));
                }
                if let Some(arn) = &user.grants.boundary {
                    check_attachable(account, &call.account, arn)?;
                }
                let output = object! { "User" => user_value(&user, &call.account) };
                edits.push(Edit::put(Entity::User(user)));
                Ok(output)
            })
            .await
    }

    /// The user a request names, or its caller.
    ///
    /// # Errors
    /// The caller is no user.
    pub(crate) fn user_name(&self, call: &Call) -> Result<String, Fault> {
        if let Some(name) = optional(&call.input, "UserName") {
            return Ok(name.to_owned());
        }
        match call.principal.arn.split_once(":user/") {
            Some((_, path)) => Ok(path.rsplit('/').next().unwrap_or(path).to_owned()),
            None => Err(faults::validation("Must specify userName when calling with non-User credentials")),
        }
    }

    /// `GetUser`
    pub(crate) fn get_user(&self, call: &Call) -> Outcome {
        if call.input["UserName"].is_null() && call.principal.arn.ends_with(":root") {
            let account = &call.principal.account;
            let root = object! {
                "Path" => "/", "UserId" => account, "Arn" => &call.principal.arn, "CreateDate" => 0_i64, "UserName" => "root",
            };
            return Ok(object! { "User" => root }.into());
        }
        let name = self.user_name(call)?;
        self.catalogue.read(&call.account, |account| {
            let user = user(account, &name)?;
            Ok(object! { "User" => user_value(user, &call.account) }.into())
        })
    }

    /// `ListUsers`
    pub(crate) fn list_users(&self, call: &Call) -> Outcome {
        let prefix = optional(&call.input, "PathPrefix").unwrap_or("/");
        let users = self.catalogue.read(&call.account, |account| {
            let users = account.users.iter().filter(|(_, user)| user.naming.path.starts_with(prefix));
            users
                .map(|(key, user)| {
                    let mut value = user_value(user, &call.account);
                    value.remove("Tags");
                    value.remove("PermissionsBoundary");
                    (key.clone(), value.into())
                })
                .collect()
        });
        page(&call.input, "Users", users)
    }

    /// `UpdateUser`: a new name or path.
    pub(crate) async fn update_user(&self, call: &Call) -> Outcome {
        let input = &call.input;
        self.catalogue
            .change(call, |account, edits| {
                let mut user = (**user(account, text(input, "UserName"))?).clone();
                let old = user.naming.key();
                if let Some(path) = optional(input, "NewPath") {
                    user.naming.path = path.to_owned();
                }
                if let Some(name) = optional(input, "NewUserName") {
                    user.naming.name = name.to_owned();
                }
                let new = user.naming.key();
                if new != old {
                    check_free(account.users.contains_key(&new), &user.naming.name)?;
                    edits.push(Edit::Delete(Kind::User, old.clone()));
                    for key in account.keys.values().filter(|key| key.user == old) {
                        let mut key = (**key).clone();
                        key.user.clone_from(&new);
                        edits.push(Edit::put(Entity::AccessKey(key)));
                    }
                }
                edits.push(Edit::put(Entity::User(user)));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `DeleteUser`
    pub(crate) async fn delete_user(&self, call: &Call) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let user = user(account, text(&call.input, "UserName"))?;
                check_without_policies(&user.grants)?;
                if !user.groups.is_empty() {
                    return Err(faults::delete_conflict("Cannot delete entity, must remove users from group first."));
                }
                if account.keys.values().any(|key| key.user == user.naming.key()) {
                    return Err(faults::delete_conflict("Cannot delete entity, must delete access keys first."));
                }
                edits.push(Edit::Delete(Kind::User, user.naming.key()));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `GetLoginProfile`: there are no passwords here, so no user has one.
    pub(crate) fn login_profile(&self, call: &Call) -> Outcome {
        let name = self.user_name(call)?;
        self.catalogue.read(&call.account, |account| user(account, &name).map(drop))?;
        Err(faults::no_such_entity(format!("Login Profile for User {name} cannot be found.")))
    }

    /// `TagUser`
    pub(crate) async fn tag_user(&self, call: &Call) -> Outcome {
        self.change_user(call, |user| add_tags(&call.input, &mut user.tags)).await
    }

    /// `UntagUser`
    pub(crate) async fn untag_user(&self, call: &Call) -> Outcome {
        self.change_user(call, |user| {
            texts(&call.input, "TagKeys").into_iter().for_each(|key| drop(user.tags.remove(key)));
            Ok(())
        })
        .await
    }

    /// `ListUserTags`
    pub(crate) fn list_user_tags(&self, call: &Call) -> Outcome {
        let tags = self.catalogue.read(&call.account, |account| {
            user(account, text(&call.input, "UserName")).map(|user| user.tags.clone())
        })?;
        page(&call.input, "Tags", tag_items(&tags))
    }

    async fn change_user(&self, call: &Call, change: impl FnOnce(&mut User) -> Result<(), Fault> + Send) -> Outcome {
        self.catalogue
            .change(call, |account, edits| {
                let mut user = (**user(account, text(&call.input, "UserName"))?).clone();
                change(&mut user)?;
                edits.push(Edit::put(Entity::User(user)));
                Ok(Value::empty_object())
            })
            .await
    }
}

fn check_free(taken: bool, name: &str) -> Result<(), Fault> {
    if taken { Err(faults::already_exists(format!("User with name {name} already exists."))) } else { Ok(()) }
}

/// A user as outputs have it.
pub(crate) fn user_value(user: &User, account: &str) -> Object {
    let mut output = naming_value(&user.naming, account, Kind::User, "User");
    add_boundary(&mut output, &user.grants);
    if !user.tags.is_empty() {
        output.insert("Tags", tags_value(&user.tags));
    }
    output
}
