use windlass_value::Text;

/// What kinds of policies there are, as AWS's refusals name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyType {
    /// Of the user, group or role.
    Identity,
    /// A permissions boundary.
    Boundary,
    /// A session policy.
    Session,
    /// Of the resource.
    Resource,
}

impl PolicyType {
    /// `no identity-based policy allows`, `an explicit deny in a resource-based policy`.
    pub fn name(self) -> &'static str {
        match self {
            PolicyType::Identity => "identity-based policy",
            PolicyType::Boundary => "permissions boundary",
            PolicyType::Session => "session policy",
            PolicyType::Resource => "resource-based policy",
        }
    }

    /// The article before [`PolicyType::name`].
    pub fn article(self) -> &'static str {
        match self {
            PolicyType::Identity => "an",
            _ => "a",
        }
    }
}

/// Whether a request is let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Allowed,
    /// It is not.
    Denied(Denial),
}

impl Decision {
    /// Whether it is let through.
    pub fn is_allowed(&self) -> bool {
        *self == Decision::Allowed
    }
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement denies it.
    Explicit {
        /// Where the statement stands.
        policy_type: PolicyType,
        /// The policy's name.
        policy: Text,
        /// The statement's place in it, from 0.
        statement: usize,
        /// The statement's `Sid`.
        sid: Option<Text>,
    },
    /// No statement allows it.
    Implicit {
        /// Where one would have to stand.
        policy_type: PolicyType,
    },
}

impl Denial {
    /// What AWS puts behind "is not authorized to perform: … on resource: …":
    /// `because no identity-based policy allows the sqs:SendMessage action`.
    pub fn reason(&self, action: &str) -> String {
        match self {
            Denial::Explicit { policy_type, .. } => {
                format!("with an explicit deny in {} {}", policy_type.article(), policy_type.name())
            }
            Denial::Implicit { policy_type } => {
                format!("because no {} allows the {action} action", policy_type.name())
            }
        }
    }
}
