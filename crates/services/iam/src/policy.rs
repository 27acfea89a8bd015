use windlass_identity::PolicyKind;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Object, Value, object};

use crate::catalogue::Edit;
use crate::document;
use crate::entity::{Account, Entity, Grants, Kind, ManagedPolicy, Naming, PolicyVersion, seconds, tags_value};
use crate::faults;
use crate::iam::Iam;
use crate::identifier::entity_id;
use crate::input::{add_tags, optional, text, texts};
use crate::managed_policies::{self, AwsPolicy};
use crate::page::{add_page, page};
use crate::role::tag_items;

/// Policies of an account's own.
const POLICIES_MAX: usize = 1_500;
/// Versions of a policy.
const VERSIONS_MAX: usize = 5;
/// Characters of a policy, blanks left out.
const POLICY_CHARACTERS_MAX: usize = 6_144;

impl Iam {
    /// `CreatePolicy`
    pub(crate) async fn create_policy(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let text_of = text(input, "PolicyDocument");
        check_document(text_of)?;
        let now_ms = (self.now)().as_ms();
        let mut policy = ManagedPolicy {
            naming: Naming {
                name: text(input, "PolicyName").to_owned(),
                path: optional(input, "Path").unwrap_or("/").to_owned(),
                id: entity_id("ANPA")?,
                created_ms: now_ms,
            },
            updated_ms: now_ms,
            description: optional(input, "Description").map(str::to_owned),
            versions: [(1, PolicyVersion { document: text_of.to_owned(), created_ms: now_ms })].into(),
            default_version: 1,
            last_version: 1,
            tags: Default::default(),
        };
        add_tags(input, &mut policy.tags)?;
        self.catalogue
            .change(call, |account, edits| {
                if account.policies.contains_key(&policy.naming.key()) {
                    return Err(faults::already_exists(format!(
                        "A policy called {} already exists. Duplicate names are not allowed.",
                        policy.naming.name
                    )));
                }
                if account.policies.len() >= POLICIES_MAX {
                    let message = format!("Cannot exceed quota for PoliciesPerAccount: {POLICIES_MAX}");
                    return Err(faults::limit_exceeded(message));
                }
                let output = object! { "Policy" => policy_value(&policy, account, &call.account) };
                edits.push(Edit::put(Entity::Policy(policy)));
                Ok(output)
            })
            .await
    }

    /// `GetPolicy`
    pub(crate) fn get_policy(&self, call: &Call) -> Outcome {
        let arn = text(&call.input, "PolicyArn");
        self.catalogue.read(&call.account, |account| {
            if let Some(policy) = managed_policies::find(arn) {
                return Ok(object! { "Policy" => aws_policy_value(policy, account) }.into());
            }
            let policy = account.policy(&call.account, arn).ok_or_else(|| not_found(arn))?;
            let mut output = policy_value(policy, account, &call.account);
            if let Some(description) = &policy.description {
                output.insert("Description", description);
            }
            Ok(object! { "Policy" => output }.into())
        })
    }

    /// `ListPolicies`
    pub(crate) fn list_policies(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let scope = optional(input, "Scope").unwrap_or("All");
        let prefix = optional(input, "PathPrefix").unwrap_or("/");
        let attached_only = input["OnlyAttached"].as_bool() == Some(true);
        let usage = optional(input, "PolicyUsageFilter");
        let mut policies = self.catalogue.read(&call.account, |account| {
            let own = account.policies.values().map(|policy| {
                let arn = policy.naming.arn(&call.account, "policy");
                let value = policy_value(policy, account, &call.account);
                ("Local", arn, policy.naming.path.clone(), value)
            });
            let of_aws = managed_policies::all()
                .map(|policy| ("AWS", policy.arn.clone(), policy.path.clone(), aws_policy_value(policy, account)));
            let listed = own.chain(of_aws).filter(|(kind, arn, path, _)| {
                let attached = account.holders().any(|grants| grants.attached.contains(arn));
                let bounds = account.holders().any(|grants| grants.boundary.as_ref() == Some(arn));
                let used = match usage {
                    Some("PermissionsBoundary") => bounds,
                    Some(_) => attached,
                    None => !attached_only || attached,
                };
                (scope == "All" || scope == *kind) && path.starts_with(prefix) && used
            });
            listed.map(|(_, arn, _, value)| (arn, Value::from(value))).collect::<Vec<(String, Value)>>()
        });
        policies.sort_by(|left, right| left.0.cmp(&right.0));
        page(input, "Policies", policies)
    }

    /// `DeletePolicy`
    pub(crate) async fn delete_policy(&self, call: &Call) -> Outcome {
        let arn = text(&call.input, "PolicyArn");
        self.catalogue
            .change(call, |account, edits| {
                let policy = own_policy(account, &call.account, arn)?;
                let holds = |grants: &Grants| {
                    grants.attached.iter().any(|held| held == arn) || grants.boundary.as_deref() == Some(arn)
                };
                if account.holders().any(holds) {
                    return Err(faults::delete_conflict("Cannot delete a policy attached to entities."));
                }
                if policy.versions.len() > 1 {
                    return Err(faults::delete_conflict(
                        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
                    ));
                }
                edits.push(Edit::Delete(Kind::Policy, policy.naming.key()));
                Ok(Value::empty_object())
            })
            .await
    }

    /// `CreatePolicyVersion`
    pub(crate) async fn create_policy_version(&self, call: &Call) -> Outcome {
        let text_of = text(&call.input, "PolicyDocument");
        check_document(text_of)?;
        let now_ms = (self.now)().as_ms();
        let is_default = call.input["SetAsDefault"].as_bool() == Some(true);
        self.change_policy(call, |policy| {
            if policy.versions.len() >= VERSIONS_MAX {
                return Err(faults::limit_exceeded(format!(
                    "A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new version, you must delete an existing version."
                )));
            }
            let number = policy.last_version + 1;
            policy.last_version = number;
            policy.versions.insert(number, PolicyVersion { document: text_of.to_owned(), created_ms: now_ms });
            policy.updated_ms = now_ms;
            if is_default {
                policy.default_version = number;
            }
            let output = object! {
                "VersionId" => format!("v{number}"), "IsDefaultVersion" => is_default, "CreateDate" => seconds(now_ms),
            };
            Ok(object! { "PolicyVersion" => output })
        })
        .await
    }

    /// `GetPolicyVersion`
    pub(crate) fn get_policy_version(&self, call: &Call) -> Outcome {
        let (arn, version) = (text(&call.input, "PolicyArn"), text(&call.input, "VersionId"));
        if let Some(policy) = managed_policies::find(arn) {
            if version != policy.version_id() {
                return Err(no_version(arn, version));
            }
            return Ok(object! { "PolicyVersion" => aws_version_value(policy, true) }.into());
        }
        self.catalogue.read(&call.account, |account| {
            let policy = account.policy(&call.account, arn).ok_or_else(|| not_found(arn))?;
            let number = version_number(version).filter(|number| policy.versions.contains_key(number));
            let number = number.ok_or_else(|| no_version(arn, version))?;
            Ok(object! { "PolicyVersion" => version_value(policy, number, true) }.into())
        })
    }

    /// `ListPolicyVersions`
    pub(crate) fn list_policy_versions(&self, call: &Call) -> Outcome {
        let arn = text(&call.input, "PolicyArn");
        if let Some(policy) = managed_policies::find(arn) {
            return page(&call.input, "Versions", vec![("1".to_owned(), aws_version_value(policy, false).into())]);
        }
        let versions = self.catalogue.read(&call.account, |account| {
            let policy = account.policy(&call.account, arn).ok_or_else(|| not_found(arn))?;
            let newest_first = policy.versions.keys().rev();
            let value =
                |number: &u32| (format!("{:010}", u32::MAX - number), version_value(policy, *number, false).into());
            Ok(newest_first.map(value).collect())
        })?;
        page(&call.input, "Versions", versions)
    }

    /// `DeletePolicyVersion`
    pub(crate) async fn delete_policy_version(&self, call: &Call) -> Outcome {
        let (arn, version) = (text(&call.input, "PolicyArn"), text(&call.input, "VersionId"));
        self.change_policy(call, |policy| {
            let number = version_number(version).filter(|number| policy.versions.contains_key(number));
            let number = number.ok_or_else(|| no_version(arn, version))?;
            if number == policy.default_version {
                return Err(faults::delete_conflict("Cannot delete the default version of a policy."));
            }
            policy.versions.remove(&number);
            Ok(Value::empty_object())
        })
        .await
    }

    /// `SetDefaultPolicyVersion`
    pub(crate) async fn set_default_version(&self, call: &Call) -> Outcome {
        let (arn, version) = (text(&call.input, "PolicyArn"), text(&call.input, "VersionId"));
        let now_ms = (self.now)().as_ms();
        self.change_policy(call, |policy| {
            let number = version_number(version).filter(|number| policy.versions.contains_key(number));
            policy.default_version = number.ok_or_else(|| no_version(arn, version))?;
            policy.updated_ms = now_ms;
            Ok(Value::empty_object())
        })
        .await
    }

    /// `ListEntitiesForPolicy`
    pub(crate) fn list_entities(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let arn = text(input, "PolicyArn");
        let filter = optional(input, "EntityFilter");
        let prefix = optional(input, "PathPrefix").unwrap_or("/");
        let as_boundary = optional(input, "PolicyUsageFilter") == Some("PermissionsBoundary");
        let mut entities = self.catalogue.read(&call.account, |account| {
            if account.policy(&call.account, arn).is_none() && managed_policies::find(arn).is_none() {
                return Err(not_found(arn));
            }
            let holds = |grants: &Grants, naming: &Naming| {
                let held = match as_boundary {
                    true => grants.boundary.as_deref() == Some(arn),
                    false => grants.attached.iter().any(|held| held == arn),
                };
                held && naming.path.starts_with(prefix)
            };
            let mut found: Vec<(&str, &Naming)> = Vec::new();
            if filter.is_none_or(|filter| filter == "Group") {
                let groups = account.groups.values().filter(|group| holds(&group.grants, &group.naming));
                found.extend(groups.map(|group| ("Group", &group.naming)));
            }
            if filter.is_none_or(|filter| filter == "Role") {
                let roles = account.roles.values().filter(|role| holds(&role.grants, &role.naming));
                found.extend(roles.map(|role| ("Role", &role.naming)));
            }
            if filter.is_none_or(|filter| filter == "User") {
                let users = account.users.values().filter(|user| holds(&user.grants, &user.naming));
                found.extend(users.map(|user| ("User", &user.naming)));
            }
            let value = |(word, naming): (&str, &Naming)| {
                let entity = object! { format!("{word}Name") => &naming.name, format!("{word}Id") => &naming.id };
                (format!("{word}/{}", naming.key()), object! { word => entity })
            };
            Ok(found.into_iter().map(value).collect::<Vec<(String, Value)>>())
        })?;
        entities.sort_by(|left, right| left.0.cmp(&right.0));
        let mut whole = Object::new();
        add_page(input, &mut whole, "Entities", entities)?;
        let entities = whole.remove("Entities").unwrap_or_default();
        for word in ["Group", "Role", "User"] {
            let named = entities.as_array().into_iter().flat_map(|all| all.iter()).filter_map(|one| one.get(word));
            whole.insert(format!("Policy{word}s"), Value::array(named.cloned().collect()));
        }
        Ok(Value::from(whole).into())
    }

    /// `TagPolicy`
    pub(crate) async fn tag_policy(&self, call: &Call) -> Outcome {
        self.change_policy(call, |policy| {
            add_tags(&call.input, &mut policy.tags)?;
            Ok(Value::empty_object())
        })
        .await
    }

    /// `UntagPolicy`
    pub(crate) async fn untag_policy(&self, call: &Call) -> Outcome {
        self.change_policy(call, |policy| {
            texts(&call.input, "TagKeys").into_iter().for_each(|key| drop(policy.tags.remove(key)));
            Ok(Value::empty_object())
        })
        .await
    }

    /// `ListPolicyTags`
    pub(crate) fn list_policy_tags(&self, call: &Call) -> Outcome {
        let arn = text(&call.input, "PolicyArn");
        let tags = self.catalogue.read(&call.account, |account| {
            account.policy(&call.account, arn).map(|policy| policy.tags.clone()).ok_or_else(|| not_found(arn))
        })?;
        page(&call.input, "Tags", tag_items(&tags))
    }

    async fn change_policy(
        &self,
        call: &Call,
        change: impl FnOnce(&mut ManagedPolicy) -> Result<Value, Fault> + Send,
    ) -> Outcome {
        let arn = text(&call.input, "PolicyArn");
        self.catalogue
            .change(call, |account, edits| {
                let mut policy = own_policy(account, &call.account, arn)?.clone();
                let output = change(&mut policy)?;
                edits.push(Edit::put(Entity::Policy(policy)));
                Ok(output)
            })
            .await
    }
}

fn not_found(arn: &str) -> Fault {
    faults::no_such_entity(format!("Policy {arn} was not found."))
}

fn no_version(arn: &str, version: &str) -> Fault {
    faults::no_such_entity(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

/// A policy that the account may change.
fn own_policy<'a>(account: &'a Account, account_id: &str, arn: &str) -> Result<&'a ManagedPolicy, Fault> {
    if managed_policies::find(arn).is_some() {
        return Err(faults::access_denied(format!("Cannot change the AWS managed policy {arn}.")));
    }
    account.policy(account_id, arn).map(|policy| &**policy).ok_or_else(|| not_found(arn))
}

fn check_document(document: &str) -> Result<(), Fault> {
    document::check(document, PolicyKind::Identity)?;
    if document::size(document) > POLICY_CHARACTERS_MAX {
        return Err(faults::limit_exceeded(format!("Cannot exceed quota for PolicySize: {POLICY_CHARACTERS_MAX}")));
    }
    Ok(())
}

fn version_number(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.parse().ok()
}

fn version_value(policy: &ManagedPolicy, number: u32, with_document: bool) -> Object {
    let mut output = Object::new();
    if let Some(version) = policy.versions.get(&number) {
        if with_document {
            output.insert("Document", document::encoded(&version.document));
        }
        output.insert("VersionId", format!("v{number}"));
        output.insert("IsDefaultVersion", number == policy.default_version);
        output.insert("CreateDate", seconds(version.created_ms));
    }
    output
}

fn aws_version_value(policy: &AwsPolicy, with_document: bool) -> Object {
    let mut output = Object::new();
    if with_document {
        output.insert("Document", document::encoded(&policy.document));
    }
    output.insert("VersionId", policy.version_id());
    output.insert("IsDefaultVersion", true);
    output.insert("CreateDate", seconds(managed_policies::CREATED_MS));
    output
}

fn counts(account: &Account, arn: &str, output: &mut Object) {
    let attached = account.holders().filter(|grants| grants.attached.iter().any(|held| held == arn)).count();
    let bounds = account.holders().filter(|grants| grants.boundary.as_deref() == Some(arn)).count();
    output.insert("AttachmentCount", attached);
    output.insert("PermissionsBoundaryUsageCount", bounds);
    output.insert("IsAttachable", true);
}

/// A policy as outputs have it.
pub(crate) fn policy_value(policy: &ManagedPolicy, account: &Account, account_id: &str) -> Object {
    let arn = policy.naming.arn(account_id, "policy");
    let mut output = Object::new();
    output.insert("PolicyName", &policy.naming.name);
    output.insert("PolicyId", &policy.naming.id);
    output.insert("Arn", arn.as_str());
    output.insert("Path", &policy.naming.path);
    output.insert("DefaultVersionId", format!("v{}", policy.default_version));
    counts(account, &arn, &mut output);
    output.insert("CreateDate", policy.naming.created());
    output.insert("UpdateDate", seconds(policy.updated_ms));
    if !policy.tags.is_empty() {
        output.insert("Tags", tags_value(&policy.tags));
    }
    output
}

/// One of AWS's policies as outputs have it.
pub(crate) fn aws_policy_value(policy: &AwsPolicy, account: &Account) -> Object {
    let mut output = Object::new();
    output.insert("PolicyName", &policy.name);
    output.insert("PolicyId", policy.id.as_str());
    output.insert("Arn", policy.arn.as_str());
    output.insert("Path", &policy.path);
    output.insert("DefaultVersionId", policy.version_id());
    counts(account, &policy.arn, &mut output);
    output.insert("CreateDate", seconds(managed_policies::CREATED_MS));
    output.insert("UpdateDate", seconds(managed_policies::CREATED_MS));
    output
}

/// All versions of a policy, as account details have them.
pub(crate) fn version_details(policy: &ManagedPolicy) -> Value {
    Value::array(policy.versions.keys().map(|number| version_value(policy, *number, true).into()).collect())
}
