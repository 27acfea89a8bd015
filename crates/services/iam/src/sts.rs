use std::sync::Arc;

use windlass_identity::{Caller, CallerKind, PolicyKind};
use windlass_protocol::{BoxFuture, Call, Fault, Outcome, Reply, Service};
use windlass_value::{Now, Object, Value, object};

use crate::catalogue::Catalogue;
use crate::config::IamConfig;
use crate::document;
use crate::effective::name_of;
use crate::entity::seconds;
use crate::faults;
use crate::identifier::{account_of_key, id_of_name};
use crate::input::{add_tags, optional, text, texts};
use crate::role::SESSION_SECONDS_DEFAULT;
use crate::session::{Issued, Session, Sessions};

/// How long a session of a role that a session assumed may last, in seconds.
const CHAINED_SECONDS_MAX: i64 = 3_600;
/// How long the session that one of our services asks for may last, in seconds.
const SERVICE_SECONDS_MAX: i64 = 43_200;
/// How long a user's session lasts where nobody says, in seconds.
const USER_SECONDS_DEFAULT: i64 = 43_200;
/// The same for root.
const ROOT_SECONDS_MAX: i64 = 3_600;
/// Characters of all session policies.
const SESSION_POLICY_CHARACTERS_MAX: usize = 2_048;

/// The service `sts`.
pub struct Sts {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) config: IamConfig,
    pub(crate) now: Now,
}

impl Service for Sts {
    fn name(&self) -> &'static str {
        "sts"
    }

    fn call(&self, call: Call) -> BoxFuture<'_, Outcome> {
        Box::pin(self.answer(call))
    }
}

/// A role that is being assumed.
struct Assumed {
    name: String,
    arn: String,
    id: String,
    account: String,
    seconds_max: i64,
}

impl Sts {
    async fn answer(&self, call: Call) -> Outcome {
        match &*call.operation {
            "GetCallerIdentity" => self.caller_identity(&call),
            "AssumeRole" => self.assume_role(&call).await,
            "GetSessionToken" => self.session_token(&call).await,
            "GetAccessKeyInfo" => self.access_key_info(&call),
            // Nothing here encodes such messages: those of AWS's are not ours to read.
            "DecodeAuthorizationMessage" => {
                Err(Fault::new("InvalidAuthorizationMessageException", "Message is not valid."))
            }
            other => Err(Fault::not_built(&format!("the STS operation {other}"))),
        }
    }

    fn caller_identity(&self, call: &Call) -> Outcome {
        let principal = &call.principal;
        let caller = Caller::read(&principal.arn);
        let user_id = match caller.as_ref().map(|caller| caller.kind) {
            Some(CallerKind::User) => self.catalogue.read(&principal.account, |account| {
                let name = name_of(&principal.arn);
                // A user of the configuration only has a name, which is as stable.
                account.users.get(&name.to_ascii_lowercase()).map_or(name.to_owned(), |user| user.naming.id.clone())
            }),
            Some(CallerKind::Role) => {
                let role_arn = caller.and_then(|caller| caller.role_arn).unwrap_or_default();
                let role_name = name_of(&role_arn);
                let id = self.catalogue.read(&principal.account, |account| {
                    account.roles.get(&role_name.to_ascii_lowercase()).map(|role| role.naming.id.clone())
                });
                let id = id.unwrap_or_else(|| id_of_name("AROA", &role_arn));
                format!("{id}:{}", name_of(&principal.arn))
            }
            _ => principal.account.to_string(),
        };
        let mut identity = Object::new();
        identity.insert("UserId", user_id);
        identity.insert("Account", &principal.account);
        identity.insert("Arn", &principal.arn);
        Ok(Reply::from(Value::from(identity)))
    }

    /// `AssumeRole`: whether the caller may was decided by the authorizer, which
    /// takes the role's trust policy for the policy of the resource.
    async fn assume_role(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let role = self.assumed(call, text(input, "RoleArn"))?;
        let caller_session = match &call.principal.access_key_id {
            Some(id) => self.sessions.find(id)?,
            None => None,
        };
        let caller = Caller::read(&call.principal.arn);
        let by_service = caller.as_ref().is_some_and(|caller| caller.kind == CallerKind::Service);
        let chained = caller.is_some_and(|caller| caller.kind == CallerKind::Role);
        let asked = input["DurationSeconds"].as_i64();
        if chained && asked.is_some_and(|seconds| seconds > CHAINED_SECONDS_MAX) {
            return Err(faults::validation(
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
            ));
        }
        let seconds_max = if by_service { SERVICE_SECONDS_MAX } else { role.seconds_max };
        if asked.is_some_and(|seconds| seconds > seconds_max) {
            return Err(faults::validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        let duration = asked.unwrap_or(SESSION_SECONDS_DEFAULT.min(seconds_max));
        let session_name = text(input, "RoleSessionName");
        let policy_arns: Vec<String> = input["PolicyArns"]
            .as_array()
            .into_iter()
            .flat_map(|arns| arns.iter())
            .map(|entry| text(entry, "arn").to_owned())
            .collect();
        let policy = optional(input, "Policy").unwrap_or_default();
        let packed = check_session_policy(policy)?;
        self.check_policy_arns(&role.account, &policy_arns)?;
        let mut tags = Default::default();
        let mut transitive: Vec<String> = Vec::new();
        if let Some(session) = &caller_session {
            for key in &session.transitive {
                if let Some(value) = session.tags.get(key) {
                    tags_insert(&mut tags, key, value);
                    transitive.push(key.clone());
                }
            }
        }
        let inherited = tags.clone();
        add_tags(input, &mut tags)?;
        if inherited.iter().any(|(key, value)| tags.get(key) != Some(value)) {
            return Err(faults::validation(
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
            ));
        }
        for key in texts(input, "TransitiveTagKeys") {
            if !tags.contains_key(key) {
                return Err(faults::validation(format!(
                    "The specified transitive tag key {key} must be included in the requested tags."
                )));
            }
            if !transitive.iter().any(|known| known == key) {
                transitive.push(key.to_owned());
            }
        }
        let source_identity = optional(input, "SourceIdentity").map(str::to_owned);
        let source_identity =
            source_identity.or_else(|| caller_session.as_ref().and_then(|session| session.source_identity.clone()));
        let issued_ms = (self.now)().as_ms();
        let arn = format!("arn:aws:sts::{}:assumed-role/{}/{session_name}", role.account, role.name);
        let session = Session {
            principal_arn: arn.clone(),
            account: role.account.clone(),
            role_arn: Some(role.arn.clone()),
            policy: policy.to_owned(),
            policy_arns,
            tags,
            transitive,
            source_identity: source_identity.clone(),
            issued_ms,
            expires_ms: issued_ms.saturating_add(duration.saturating_mul(1000)),
        };
        let expires_ms = session.expires_ms;
        let issued = self.sessions.issue(session).await?;
        let mut output = Object::new();
        output.insert("Credentials", credentials_value(&issued, expires_ms));
        output.insert(
            "AssumedRoleUser",
            object! { "AssumedRoleId" => format!("{}:{session_name}", role.id), "Arn" => arn },
        );
        if let Some(percent) = packed {
            output.insert("PackedPolicySize", percent);
        }
        if let Some(identity) = source_identity {
            output.insert("SourceIdentity", identity);
        }
        Ok(Value::from(output).into())
    }

    fn assumed(&self, call: &Call, arn: &str) -> Result<Assumed, Fault> {
        let mut parts = arn.splitn(6, ':').skip(2);
        let (service, _, account, resource) = (parts.next(), parts.next(), parts.next(), parts.next());
        let (Some("iam"), Some(account), Some(path)) =
            (service, account, resource.and_then(|resource| resource.strip_prefix("role/")))
        else {
            return Err(faults::validation(format!("{arn} is invalid")));
        };
        let name = name_of(path);
        let found = self.catalogue.read(account, |state| {
            let role = state.roles.get(&name.to_ascii_lowercase())?;
            let real = role.naming.arn(account, "role");
            (real == arn).then(|| Assumed {
                name: role.naming.name.clone(),
                arn: real,
                id: role.naming.id.clone(),
                account: account.to_owned(),
                seconds_max: role.session_seconds_max,
            })
        });
        match found {
            Some(role) => Ok(role),
            None if self.config.enforced => Err(faults::access_denied(format!(
                "User: {} is not authorized to perform: sts:AssumeRole on resource: {arn}",
                call.principal.arn
            ))),
            // Nobody is checked, so a role is a name: as tools for local work expect.
            None => Ok(Assumed {
                name: name.to_owned(),
                arn: arn.to_owned(),
                id: id_of_name("AROA", arn),
                account: account.to_owned(),
                seconds_max: SERVICE_SECONDS_MAX,
            }),
        }
    }

    fn check_policy_arns(&self, account: &str, arns: &[String]) -> Result<(), Fault> {
        self.catalogue.read(account, |state| {
            arns.iter()
                .try_for_each(|arn| crate::holder::check_attachable(state, account, arn))
                .map_err(|fault| Fault::new("MalformedPolicyDocument", fault.message))
        })
    }

    /// `GetSessionToken`: a session of the calling user.
    async fn session_token(&self, call: &Call) -> Outcome {
        let principal = &call.principal;
        let caller = Caller::read(&principal.arn);
        let is_session = principal.access_key_id.as_ref().is_some_and(|id| id.starts_with("ASIA"));
        let kind = caller.map(|caller| caller.kind).filter(|_| !is_session);
        let asked = call.input["DurationSeconds"].as_i64();
        let duration = match kind {
            Some(CallerKind::Root) => asked.unwrap_or(ROOT_SECONDS_MAX).min(ROOT_SECONDS_MAX),
            Some(CallerKind::User) => asked.unwrap_or(USER_SECONDS_DEFAULT),
            _ => return Err(faults::access_denied("Cannot call GetSessionToken with session credentials")),
        };
        let issued_ms = (self.now)().as_ms();
        let session = Session {
            principal_arn: principal.arn.to_string(),
            account: principal.account.to_string(),
            issued_ms,
            expires_ms: issued_ms.saturating_add(duration.saturating_mul(1000)),
            ..Session::default()
        };
        let expires_ms = session.expires_ms;
        let issued = self.sessions.issue(session).await?;
        Ok(object! { "Credentials" => credentials_value(&issued, expires_ms) }.into())
    }

    fn access_key_info(&self, call: &Call) -> Outcome {
        let id = text(&call.input, "AccessKeyId");
        let configured = self.config.configured_keys.get(id).map(|account| account.to_string());
        match configured.or_else(|| account_of_key(id)) {
            Some(account) => Ok(object! { "Account" => account }.into()),
            None => Err(faults::validation(format!("The access key {id} tells no account."))),
        }
    }
}

fn tags_insert(tags: &mut std::collections::BTreeMap<String, String>, key: &str, value: &str) {
    tags.insert(key.to_owned(), value.to_owned());
}

/// How full the session policies are, in percent; `None` without one.
fn check_session_policy(policy: &str) -> Result<Option<i64>, Fault> {
    if policy.is_empty() {
        return Ok(None);
    }
    document::check(policy, PolicyKind::Identity)?;
    let size = document::size(policy);
    if size > SESSION_POLICY_CHARACTERS_MAX {
        return Err(Fault::new(
            "PackedPolicyTooLarge",
            format!("Packed size of session policy is larger than {SESSION_POLICY_CHARACTERS_MAX} characters."),
        ));
    }
    Ok(i64::try_from(size * 100 / SESSION_POLICY_CHARACTERS_MAX).ok().map(|percent| percent.max(1)))
}

fn credentials_value(issued: &Issued, expires_ms: i64) -> Value {
    object! {
        "AccessKeyId" => &issued.access_key_id,
        "SecretAccessKey" => &issued.secret_access_key,
        "SessionToken" => &issued.session_token,
        "Expiration" => seconds(expires_ms),
    }
}
