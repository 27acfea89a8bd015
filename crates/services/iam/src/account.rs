use windlass_protocol::{Call, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::entity::{Entity, Kind};
use crate::faults;
use crate::group::group_value;
use crate::holder::{attached_details, inline_details, user};
use crate::iam::Iam;
use crate::input::{text, texts};
use crate::instance_profile::profile_value;
use crate::managed_policies;
use crate::page::{add_page, page};
use crate::policy::{aws_policy_value, policy_value, version_details};
use crate::role::role_value;
use crate::user::user_value;

impl Iam {
    /// `GetAccountSummary`
    pub(crate) fn account_summary(&self, call: &Call) -> Outcome {
        self.catalogue.read(&call.account, |account| {
            let attached = account.holders().map(|grants| grants.attached.len()).sum::<usize>();
            let versions = account.policies.values().map(|policy| policy.versions.len()).sum::<usize>();
            let counts: [(&str, usize); 22] = [
                ("Users", account.users.len()),
                ("UsersQuota", 5_000),
                ("Groups", account.groups.len()),
                ("GroupsQuota", 300),
                ("GroupsPerUserQuota", 10),
                ("Roles", account.roles.len()),
                ("RolesQuota", 1_000),
                ("Policies", account.policies.len()),
                ("PoliciesQuota", 1_500),
                ("PolicySizeQuota", 6_144),
                ("PolicyVersionsInUse", versions + attached),
                ("PolicyVersionsInUseQuota", 10_000),
                ("VersionsPerPolicyQuota", 5),
                ("InstanceProfiles", account.profiles.len()),
                ("InstanceProfilesQuota", 1_000),
                ("AccessKeysPerUserQuota", 2),
                ("AttachedPoliciesPerRoleQuota", 10),
                ("AttachedPoliciesPerUserQuota", 10),
                ("AttachedPoliciesPerGroupQuota", 10),
                ("AccountMFAEnabled", 0),
                ("MFADevices", 0),
                ("AssumeRolePolicySizeQuota", 2_048),
            ];
            let summary: Object = counts.into_iter().collect();
            Ok(object! { "SummaryMap" => summary }.into())
        })
    }

    /// `GetAccountAuthorizationDetails`
    pub(crate) fn authorization_details(&self, call: &Call) -> Outcome {
        const LISTS: [(&str, &str); 4] = [
            ("User", "UserDetailList"),
            ("Group", "GroupDetailList"),
            ("Role", "RoleDetailList"),
            ("Policy", "Policies"),
        ];
        let filter = texts(&call.input, "Filter");
        let wanted = |kind: &str| filter.is_empty() || filter.contains(&kind);
        let id = &call.account;
        let mut items: Vec<(String, Value)> = Vec::new();
        self.catalogue.read(id, |account| {
            for (key, user) in account.users.iter().filter(|_| wanted("User")) {
                let mut value = user_value(user, id);
                value.insert("UserPolicyList", inline_details(&user.grants));
                let groups = user.groups.iter().filter_map(|group| account.groups.get(group));
                value.insert("GroupList", Value::array(groups.map(|group| (&group.naming.name).into()).collect()));
                value.insert("AttachedManagedPolicies", attached_details(&user.grants));
                items.push((format!("User/{key}"), value.into()));
            }
            for (key, group) in account.groups.iter().filter(|_| wanted("Group")) {
                let mut value = group_value(group, id);
                value.insert("GroupPolicyList", inline_details(&group.grants));
                value.insert("AttachedManagedPolicies", attached_details(&group.grants));
                items.push((format!("Group/{key}"), value.into()));
            }
            for (key, role) in account.roles.iter().filter(|_| wanted("Role")) {
                let mut value = role_value(role, id);
                value.insert("RolePolicyList", inline_details(&role.grants));
                value.insert("AttachedManagedPolicies", attached_details(&role.grants));
                let profiles = account.profiles.values().filter(|profile| profile.role.as_ref() == Some(key));
                let profiles = profiles.map(|profile| profile_value(profile, account, id).into());
                value.insert("InstanceProfileList", Value::array(profiles.collect()));
                items.push((format!("Role/{key}"), value.into()));
            }
            for (key, policy) in account.policies.iter().filter(|_| wanted("LocalManagedPolicy")) {
                let mut value = policy_value(policy, account, id);
                value.insert("PolicyVersionList", version_details(policy));
                items.push((format!("Policy/local/{key}"), value.into()));
            }
            for policy in managed_policies::all().filter(|_| wanted("AWSManagedPolicy")) {
                items.push((format!("Policy/aws/{}", policy.name), aws_policy_value(policy, account).into()));
            }
        });
        items.sort_by(|left, right| left.0.cmp(&right.0));
        let items = items.into_iter().map(|(key, value)| {
            let kind = key.split('/').next().unwrap_or_default().to_owned();
            (key, object! { kind => value })
        });
        let mut output = Object::new();
        add_page(&call.input, &mut output, "Details", items.collect())?;
        let details = output.remove("Details").unwrap_or_default();
        for (kind, list) in LISTS {
            let of_kind = details.as_array().into_iter().flat_map(|all| all.iter()).filter_map(|one| one.get(kind));
            output.insert(list, Value::array(of_kind.cloned().collect()));
        }
        Ok(Value::from(output).into())
    }

    /// `ListAccountAliases`
    pub(crate) fn list_account_aliases(&self, call: &Call) -> Outcome {
        let alias = self.catalogue.read(&call.account, |account| account.alias.clone());
        page(&call.input, "AccountAliases", alias.map(|alias| (alias.clone(), alias.into())).into_iter().collect())
    }

    /// `CreateAccountAlias`: an account has one.
    pub(crate) async fn create_account_alias(&self, call: &Call) -> Outcome {
        let alias = text(&call.input, "AccountAlias");
        let owner = self.catalogue.find(|id, account| (account.alias.as_deref() == Some(alias)).then(|| id.to_owned()));
        if owner.is_some_and(|owner| owner != *call.account) {
            return Err(faults::already_exists(format!("The account alias {alias} already exists.")));
        }
        self.catalogue
            .change(call, |_, edits| {
                edits.push(Edit::put(Entity::AccountAlias { alias: alias.to_owned() }));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `DeleteAccountAlias`
    pub(crate) async fn delete_account_alias(&self, call: &Call) -> Outcome {
        let alias = text(&call.input, "AccountAlias");
        self.catalogue
            .change(call, |account, edits| {
                if account.alias.as_deref() != Some(alias) {
                    return Err(faults::no_such_entity(format!("The account alias {alias} cannot be found.")));
                }
                edits.push(Edit::Delete(Kind::AccountAlias, String::new()));
                Ok(Value::empty_object())
            })
            .await
    }

    /// A list of what does not exist here. A user that it is asked of must.
    pub(crate) fn no_items(&self, call: &Call, member: &str) -> Outcome {
        if let Some(name) = call.input["UserName"].as_str() {
            self.catalogue.read(&call.account, |account| user(account, name).map(drop))?;
        }
        Ok(object! { member => Value::array(Vec::new()), "IsTruncated" => false }.into())
    }
}
