use windlass_value::Text;

/// Who asks, as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What kind of principal it is.
    pub kind: CallerKind,
    /// Its ARN (a session's own), or a service's name: `events.amazonaws.com`.
    /// Empty for the anonymous.
    pub arn: Text,
    /// 12 digits; empty for services and the anonymous.
    pub account: Text,
    /// The role of a session, or the role itself.
    pub role_arn: Option<Text>,
}

/// The kinds of principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// The account itself: may do everything in it.
    Root,
    /// An IAM user.
    User,
    /// A role session, or one of our services under a role.
    Role,
    /// A service on its own account.
    Service,
    /// Nobody in particular.
    Anonymous,
}

impl Caller {
    /// Reads the ARN of a principal (see `windlass_protocol::Principal` for its
    /// forms). `None` for an ARN that is none of them.
    pub fn read(arn: &str) -> Option<Caller> {
        if arn.is_empty() {
            let nobody: Text = "".into();
            return Some(Caller { kind: CallerKind::Anonymous, arn: nobody.clone(), account: nobody, role_arn: None });
        }
        if !arn.starts_with("arn:") {
            return Some(Caller { kind: CallerKind::Service, arn: arn.into(), account: "".into(), role_arn: None });
        }
        let mut parts = arn.splitn(6, ':');
        let (_, partition, service, _, account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let (kind, role_arn) = match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => (CallerKind::Root, None),
            ("iam", Some(("user", _))) => (CallerKind::User, None),
            ("iam", Some(("role", _))) => (CallerKind::Role, Some(arn.into())),
            // The path of the role is not in here; who knows it sets `role_arn`.
            ("sts", Some(("assumed-role", name))) => {
                let role = name.split_once('/')?.0;
                (CallerKind::Role, Some(format!("arn:{partition}:iam::{account}:role/{role}").into()))
            }
            _ => return None,
        };
        Some(Caller { kind, arn: arn.into(), account: account.into(), role_arn })
    }
}
