use windlass_value::{Text, Value};

use crate::access::caller::{Caller, CallerKind};
use crate::access::policy_error::PolicyError;

/// One principal of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrincipalPattern {
    /// `*` or `{"AWS": "*"}`
    Everyone,
    /// An account: its number or its root.
    Account(Text),
    /// A user, a role or a session.
    Arn(Text),
    /// `events.amazonaws.com`
    Service(Text),
    /// An identity provider.
    Federated(Text),
    /// S3's own ids of accounts.
    CanonicalUser(Text),
}

/// `Principal` or `NotPrincipal`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PrincipalElement {
    pub(crate) negated: bool,
    pub(crate) patterns: Vec<PrincipalPattern>,
}

/// How directly a statement names a caller. A policy that names the account only
/// leaves it to the account to decide who in it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Naming {
    /// The caller's account.
    Account,
    /// Everyone, or the role of a session.
    Broad,
    /// The very user, session or service.
    Exact,
}

impl PrincipalElement {
    pub(crate) fn read(element: &Value, negated: bool) -> Result<PrincipalElement, PolicyError> {
        let mut patterns = Vec::new();
        match element {
            Value::String(text) if **text == *"*" => patterns.push(PrincipalPattern::Everyone),
            Value::Object(kinds) => {
                for (kind, names) in kinds.iter() {
                    let names = match names {
                        Value::String(name) => vec![name.clone()],
                        Value::Array(names) => names
                            .iter()
                            .map(|name| name.as_str().map(Text::from))
                            .collect::<Option<Vec<Text>>>()
                            .ok_or_else(PolicyError::syntax)?,
                        _ => return Err(PolicyError::syntax()),
                    };
                    for name in names {
                        patterns.push(pattern(kind, name)?);
                    }
                }
            }
            _ => return Err(PolicyError::syntax()),
        }
        Ok(PrincipalElement { negated, patterns })
    }

    /// How the caller is named; `None` where it is not.
    pub(crate) fn names(&self, caller: &Caller, region: &str) -> Option<Naming> {
        let best = self.patterns.iter().filter_map(|pattern| naming(pattern, caller, region)).max();
        match (self.negated, best) {
            (false, best) => best,
            (true, None) => Some(Naming::Broad),
            (true, Some(_)) => None,
        }
    }
}

fn pattern(kind: &str, name: Text) -> Result<PrincipalPattern, PolicyError> {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    Ok(match kind {
        "AWS" if *name == *"*" => PrincipalPattern::Everyone,
        "AWS" if is_account(&name) => PrincipalPattern::Account(name),
        "AWS" => {
            let mut parts = name.splitn(6, ':').skip(2);
            match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some("iam"), Some(""), Some(account), Some("root")) => PrincipalPattern::Account(account.into()),
                _ => PrincipalPattern::Arn(name),
            }
        }
        "Service" => PrincipalPattern::Service(name),
        "Federated" => PrincipalPattern::Federated(name),
        "CanonicalUser" => PrincipalPattern::CanonicalUser(name),
        _ => return Err(PolicyError::syntax()),
    })
}

fn naming(pattern: &PrincipalPattern, caller: &Caller, region: &str) -> Option<Naming> {
    match pattern {
        PrincipalPattern::Everyone => Some(Naming::Broad),
        PrincipalPattern::Account(account) if !caller.account.is_empty() && caller.account == *account => {
            Some(if caller.kind == CallerKind::Root { Naming::Exact } else { Naming::Account })
        }
        PrincipalPattern::Arn(arn) if caller.role_arn.as_ref() == Some(arn) => Some(Naming::Broad),
        PrincipalPattern::Arn(arn) if caller.kind != CallerKind::Service && caller.arn == *arn => Some(Naming::Exact),
        PrincipalPattern::Service(name) if caller.kind == CallerKind::Service => {
            is_service(name, &caller.arn, region).then_some(Naming::Exact)
        }
        _ => None,
    }
}

/// `states.us-east-1.amazonaws.com` is `states.amazonaws.com` in that region.
fn is_service(name: &str, caller: &str, region: &str) -> bool {
    if name == caller {
        return true;
    }
    let (Some((service, domain)), Some((caller, caller_domain))) = (name.split_once('.'), caller.split_once('.'))
    else {
        return false;
    };
    service == caller
        && domain.strip_prefix(region).and_then(|domain| domain.strip_prefix('.')) == Some(caller_domain)
        && !region.is_empty()
}
