use std::sync::Arc;

use windlass_keyring::Keyring;
use windlass_protocol::{BoxFuture, Call, Fault, Outcome, Service};
use windlass_value::Now;

use crate::catalogue::Catalogue;
use crate::effective::Principals;
use crate::holder::HolderKind::{Group, Role, User};
use crate::policy_cache::PolicyCache;

/// The service `iam`.
pub struct Iam {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) keyring: Keyring,
    pub(crate) policies: Arc<PolicyCache>,
    pub(crate) principals: Arc<Principals>,
    pub(crate) now: Now,
}

impl Service for Iam {
    fn name(&self) -> &'static str {
        "iam"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }
}

impl Iam {
    async fn answer(&self, call: Call) -> Outcome {
        let call = &call;
        match &*call.operation {
            "CreateRole" => self.create_role(call).await,
            "GetRole" => self.get_role(call),
            "ListRoles" => self.list_roles(call),
            "UpdateRole" | "UpdateRoleDescription" => self.update_role(call).await,
            "UpdateAssumeRolePolicy" => self.update_trust(call).await,
            "DeleteRole" | "DeleteServiceLinkedRole" => self.delete_role(call).await,
            "CreateServiceLinkedRole" => self.create_service_linked_role(call).await,
            "GetServiceLinkedRoleDeletionStatus" => self.service_linked_deletion(call),
            "TagRole" => self.tag_role(call).await,
            "UntagRole" => self.untag_role(call).await,
            "ListRoleTags" => self.list_role_tags(call),
            "PutRolePermissionsBoundary" => self.put_boundary(call, Role).await,
            "DeleteRolePermissionsBoundary" => self.delete_boundary(call, Role).await,
            "PutRolePolicy" => self.put_inline(call, Role).await,
            "GetRolePolicy" => self.get_inline(call, Role),
            "ListRolePolicies" => self.list_inline(call, Role),
            "DeleteRolePolicy" => self.delete_inline(call, Role).await,
            "AttachRolePolicy" => self.attach(call, Role).await,
            "DetachRolePolicy" => self.detach(call, Role).await,
            "ListAttachedRolePolicies" => self.list_attached(call, Role),

            "CreateUser" => self.create_user(call).await,
            "GetUser" => self.get_user(call),
            "ListUsers" => self.list_users(call),
            "UpdateUser" => self.update_user(call).await,
            "DeleteUser" => self.delete_user(call).await,
            "TagUser" => self.tag_user(call).await,
            "UntagUser" => self.untag_user(call).await,
            "ListUserTags" => self.list_user_tags(call),
            "GetLoginProfile" | "DeleteLoginProfile" => self.login_profile(call),
            "PutUserPermissionsBoundary" => self.put_boundary(call, User).await,
            "DeleteUserPermissionsBoundary" => self.delete_boundary(call, User).await,
            "PutUserPolicy" => self.put_inline(call, User).await,
            "GetUserPolicy" => self.get_inline(call, User),
            "ListUserPolicies" => self.list_inline(call, User),
            "DeleteUserPolicy" => self.delete_inline(call, User).await,
            "AttachUserPolicy" => self.attach(call, User).await,
            "DetachUserPolicy" => self.detach(call, User).await,
            "ListAttachedUserPolicies" => self.list_attached(call, User),
            "CreateAccessKey" => self.create_access_key(call).await,
            "ListAccessKeys" => self.list_access_keys(call),
            "UpdateAccessKey" => self.update_access_key(call).await,
            "DeleteAccessKey" => self.delete_access_key(call).await,
            "GetAccessKeyLastUsed" => self.access_key_last_used(call),

            "CreateGroup" => self.create_group(call).await,
            "GetGroup" => self.get_group(call),
            "ListGroups" => self.list_groups(call),
            "ListGroupsForUser" => self.list_groups_for_user(call),
            "UpdateGroup" => self.update_group(call).await,
            "DeleteGroup" => self.delete_group(call).await,
            "AddUserToGroup" => self.add_user_to_group(call).await,
            "RemoveUserFromGroup" => self.remove_user_from_group(call).await,
            "PutGroupPolicy" => self.put_inline(call, Group).await,
            "GetGroupPolicy" => self.get_inline(call, Group),
            "ListGroupPolicies" => self.list_inline(call, Group),
            "DeleteGroupPolicy" => self.delete_inline(call, Group).await,
            "AttachGroupPolicy" => self.attach(call, Group).await,
            "DetachGroupPolicy" => self.detach(call, Group).await,
            "ListAttachedGroupPolicies" => self.list_attached(call, Group),

            "CreatePolicy" => self.create_policy(call).await,
            "GetPolicy" => self.get_policy(call),
            "ListPolicies" => self.list_policies(call),
            "DeletePolicy" => self.delete_policy(call).await,
            "CreatePolicyVersion" => self.create_policy_version(call).await,
            "GetPolicyVersion" => self.get_policy_version(call),
            "ListPolicyVersions" => self.list_policy_versions(call),
            "DeletePolicyVersion" => self.delete_policy_version(call).await,
            "SetDefaultPolicyVersion" => self.set_default_version(call).await,
            "ListEntitiesForPolicy" => self.list_entities(call),
            "TagPolicy" => self.tag_policy(call).await,
            "UntagPolicy" => self.untag_policy(call).await,
            "ListPolicyTags" => self.list_policy_tags(call),

            "CreateInstanceProfile" => self.create_profile(call).await,
            "GetInstanceProfile" => self.get_profile(call),
            "ListInstanceProfiles" | "ListInstanceProfilesForRole" => self.list_profiles(call),
            "DeleteInstanceProfile" => self.delete_profile(call).await,
            "AddRoleToInstanceProfile" => self.add_role_to_profile(call).await,
            "RemoveRoleFromInstanceProfile" => self.remove_role_from_profile(call).await,
            "TagInstanceProfile" => self.tag_profile(call).await,
            "UntagInstanceProfile" => self.untag_profile(call).await,
            "ListInstanceProfileTags" => self.list_profile_tags(call),

            "GetAccountSummary" => self.account_summary(call),
            "GetAccountAuthorizationDetails" => self.authorization_details(call),
            "ListAccountAliases" => self.list_account_aliases(call),
            "CreateAccountAlias" => self.create_account_alias(call).await,
            "DeleteAccountAlias" => self.delete_account_alias(call).await,
            "SimulatePrincipalPolicy" => self.simulate_principal(call),
            "SimulateCustomPolicy" => self.simulate_custom(call),
            "GetContextKeysForCustomPolicy" => self.context_keys(call),
            "GetContextKeysForPrincipalPolicy" => self.context_keys_of_principal(call),

            // What no user has here, asked for by tools before they delete one.
            "ListMFADevices" => self.no_items(call, "MFADevices"),
            "ListVirtualMFADevices" => self.no_items(call, "VirtualMFADevices"),
            "ListSSHPublicKeys" => self.no_items(call, "SSHPublicKeys"),
            "ListSigningCertificates" => self.no_items(call, "Certificates"),
            "ListServiceSpecificCredentials" => self.no_items(call, "ServiceSpecificCredentials"),
            "ListServerCertificates" => self.no_items(call, "ServerCertificateMetadataList"),
            "ListOpenIDConnectProviders" => self.no_items(call, "OpenIDConnectProviderList"),
            "ListSAMLProviders" => self.no_items(call, "SAMLProviderList"),
            other => Err(Fault::not_built(&format!("the IAM operation {other}"))),
        }
    }
}
