//! The rules that AWS holds a policy to when it is stored.

use windlass_value::Text;

use crate::access::policy::{Policy, VERSION_WITH_VARIABLES};
use crate::access::policy_error::PolicyError;
use crate::access::statement::{Actions, Resources, Statement};

/// What a policy is for, which decides what must and must not stand in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyKind {
    /// Of a user, group or role, a boundary or a session policy.
    Identity,
    /// Attached to a queue, a topic, a bucket, a function, a key.
    Resource,
    /// Says who may assume a role.
    Trust,
}

/// What resources of IAM begin with.
const IAM_RESOURCES: [&str; 13] = [
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
];

impl Policy {
    /// Holds the policy to the rules for its kind.
    ///
    /// # Errors
    /// The first rule that it breaks, in AWS's words and order.
    pub fn check(&self, kind: PolicyKind) -> Result<(), PolicyError> {
        if self.statements.is_empty() {
            return Err(PolicyError::syntax());
        }
        match kind {
            PolicyKind::Identity => self.check_identity(),
            PolicyKind::Trust => self.check_trust(),
            PolicyKind::Resource => self.check_resource(),
        }
    }

    fn check_identity(&self) -> Result<(), PolicyError> {
        if self.statements.iter().any(|statement| statement.principal.is_some()) {
            return Err(PolicyError::new("Policy document should not specify a principal."));
        }
        if self.version.as_deref() != Some(VERSION_WITH_VARIABLES) {
            return Err(PolicyError::new("Policy document must be version 2012-10-17 or greater."));
        }
        self.check_readable()?;
        self.check_sids()?;
        self.check_actions()?;
        for statement in &self.statements {
            match &statement.resources {
                Some(resources) if !resources.texts.is_empty() => {}
                _ => return Err(PolicyError::new("Policy statement must contain resources.")),
            }
        }
        let resources = self.statements.iter().filter_map(|statement| statement.resources.as_ref());
        resources.flat_map(|resources: &Resources| &resources.texts).try_for_each(|text| check_arn(text))?;
        self.statements.iter().filter_map(|statement| statement.actions.as_ref()).try_for_each(check_prefixes)
    }

    fn check_trust(&self) -> Result<(), PolicyError> {
        for statement in &self.statements {
            if statement.resources.is_some() {
                return Err(PolicyError::new("Has prohibited field Resource"));
            }
            match &statement.principal {
                None => return Err(PolicyError::new("Missing required field Principal")),
                Some(principal) if principal.patterns.is_empty() => {
                    return Err(PolicyError::new("Missing required field Principal cannot be empty!"));
                }
                Some(_) => {}
            }
            match &statement.actions {
                Some(actions) if !actions.texts.is_empty() => check_trust_actions(actions)?,
                _ => return Err(PolicyError::new("Missing required field Action")),
            }
        }
        self.check_readable()?;
        self.check_sids()
    }

    fn check_resource(&self) -> Result<(), PolicyError> {
        if self.statements.iter().any(|statement| statement.principal.is_none()) {
            return Err(PolicyError::new("Missing required field Principal"));
        }
        self.check_readable()?;
        self.check_sids()?;
        self.check_actions()
    }

    /// A date that is none, an address block that is none.
    fn check_readable(&self) -> Result<(), PolicyError> {
        let unreadable = |statement: &Statement| statement.conditions.iter().any(|condition| condition.is_unreadable());
        if self.statements.iter().any(unreadable) { Err(PolicyError::legacy()) } else { Ok(()) }
    }

    fn check_sids(&self) -> Result<(), PolicyError> {
        let mut sids: Vec<&Text> = Vec::new();
        for sid in self.statements.iter().filter_map(|statement| statement.sid.as_ref()) {
            if sid.is_empty() {
                continue;
            }
            if sids.contains(&sid) {
                return Err(PolicyError::new("Statement IDs (SID) in a single policy must be unique."));
            }
            sids.push(sid);
        }
        Ok(())
    }

    fn check_actions(&self) -> Result<(), PolicyError> {
        let has_actions =
            |statement: &Statement| statement.actions.as_ref().is_some_and(|actions| !actions.texts.is_empty());
        if self.statements.iter().all(has_actions) {
            Ok(())
        } else {
            Err(PolicyError::new("Policy statement must contain actions."))
        }
    }
}

fn check_trust_actions(actions: &Actions) -> Result<(), PolicyError> {
    const ASSUMING: [&str; 7] = [
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:tagsession",
        "sts:setsourceidentity",
        "sts:setcontext",
        "sts:*",
    ];
    let known = |text: &Text| ASSUMING.contains(&text.to_ascii_lowercase().as_str());
    if actions.texts.iter().all(known) {
        Ok(())
    } else {
        Err(PolicyError::new("AssumeRole policy may only specify STS AssumeRole actions."))
    }
}

fn check_prefixes(actions: &Actions) -> Result<(), PolicyError> {
    for text in actions.texts.iter().filter(|text| ***text != *"*") {
        let Some((vendor, action)) = text.split_once(':') else {
            return Err(PolicyError::new("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."));
        };
        if action.contains(':') {
            return Err(PolicyError::new("Actions/Condition can contain only one colon."));
        }
        if !vendor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.*".contains(&byte)) {
            return Err(PolicyError::new(format!("Vendor {vendor} is not valid")));
        }
    }
    Ok(())
}

fn check_arn(text: &str) -> Result<(), PolicyError> {
    if text == "*" {
        return Ok(());
    }
    if !text.contains(':') {
        return Err(PolicyError::new(format!("Resource {text} must be in ARN format or \"*\".")));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let part = |index: usize| parts.get(index).copied();
    let partition = part(1).unwrap_or_default();
    let known = ["aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "*"];
    if part(0) != Some("arn") || !known.contains(&partition) {
        let rest: Vec<&str> = (2..6).map(|index| part(index).unwrap_or("*")).collect();
        return Err(PolicyError::new(format!(
            "Partition \"{partition}\" is not valid for resource \"arn:{partition}:{}\".",
            rest.join(":")
        )));
    }
    let Some(service) = part(2).filter(|service| !service.is_empty()) else {
        return Err(PolicyError::new("Resource vendor must be fully qualified and cannot contain regexes."));
    };
    if service.contains(['*', '?']) && service != "*" {
        return Err(PolicyError::new("Resource vendor must be fully qualified and cannot contain regexes."));
    }
    let has_region = part(3).is_some_and(|region| !region.is_empty() && region != "*");
    match service {
        "iam" if has_region => Err(PolicyError::new(format!("IAM resource {text} cannot contain region information."))),
        "s3" if has_region => Err(PolicyError::new(format!("Resource {text} can not contain region information."))),
        "iam" => match part(5) {
            Some(path)
                if path != "*"
                    && path != "root"
                    && !path.starts_with('*')
                    && !IAM_RESOURCES.iter().any(|start| path.starts_with(start)) =>
            {
                Err(PolicyError::new(format!(
                    "IAM resource path must either be \"*\" or start with {}.",
                    IAM_RESOURCES.join(", ")
                )))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
