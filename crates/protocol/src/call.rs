use windlass_value::{Arn, Text, Timestamp, Value};

use crate::body::Body;

/// How deep calls may lead to calls (a function that starts a workflow that
/// calls the function …). AWS stops such loops at about 16.
pub const CALL_DEPTH_MAX: u8 = 16;

/// Who calls.
///
/// `arn` is one of: `arn:aws:iam::<account>:root`, `arn:aws:iam::<account>:user/<path><name>`,
/// `arn:aws:sts::<account>:assumed-role/<role>/<session>`, `arn:aws:iam::<account>:role/<path><name>`
/// (one of our services acts under that role), or, without `arn:`, a service
/// itself: `events.amazonaws.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// See above.
    pub arn: Text,
    /// The account it belongs to.
    pub account: Text,
    /// The access key that signed the request; `None` for calls from inside.
    pub access_key_id: Option<Text>,
}

impl Principal {
    /// A service of ours that acts under a role that somebody named. Only the ARN of
    /// an IAM role is one; whatever else was named is nobody, and may do nothing.
    pub fn under_role(role_arn: &str, own_account: &str) -> Principal {
        let role = Arn::parse(role_arn).filter(|arn| {
            const ACCOUNT_DIGITS: usize = 12;
            let account = arn.account.len() == ACCOUNT_DIGITS && arn.account.bytes().all(|byte| byte.is_ascii_digit());
            let name = arn.resource.strip_prefix("role/").unwrap_or_default();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_/-".contains(&byte);
            arn.service == "iam" && arn.region.is_empty() && account && !name.is_empty() && name.bytes().all(plain)
        });
        match role {
            Some(arn) => Principal { arn: role_arn.into(), account: arn.account.into(), access_key_id: None },
            None => Principal {
                arn: format!("arn:aws:iam::{own_account}:no-role/{role_arn}").into(),
                account: own_account.into(),
                access_key_id: None,
            },
        }
    }

    /// Whether this is the server itself, on whose behalf no policy speaks: the
    /// account's root without a key, which nobody outside can be.
    pub fn is_server(&self) -> bool {
        self.access_key_id.is_none() && *self.arn == *format!("arn:aws:iam::{}:root", self.account)
    }
}

/// One AWS API call: from the wire, or from one of our services to another.
#[derive(Clone, Debug)]
pub struct Call {
    /// 12 digits.
    pub account: Text,
    /// E.g. `us-east-1`.
    pub region: Text,
    /// The service's signing name: `states`, `lambda`, `sts`, …
    pub service: Text,
    /// The operation as the service model names it: `StartExecution`.
    pub operation: Text,
    /// The input document by member name. Blobs are base64 text, timestamps
    /// epoch seconds, as JSON protocols write them; members bound to the
    /// request's URI, query or headers are in here too.
    pub input: Value,
    /// The raw payload of operations whose input has a blob payload (Invoke).
    pub body: Body,
    /// Who calls.
    pub principal: Principal,
    /// The resource on whose behalf one of our services calls.
    pub source_arn: Option<Text>,
    /// When the caller stops waiting.
    pub deadline: Option<Timestamp>,
    /// Names the call for a later cancellation.
    pub cancellation_id: Option<Text>,
    /// Equal keys are one call: the callee answers a repeat with its first answer.
    pub idempotency_key: Option<Text>,
    /// `X-Amzn-Trace-Id`.
    pub trace: Option<Text>,
    /// How many calls lie between the outside and this one, ≤ [`CALL_DEPTH_MAX`].
    pub depth: u8,
    /// `x-amzn-RequestId` of this call.
    pub request_id: Text,
}

/// A successful answer.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The output document by member name, as the JSON protocols write it;
    /// the protocol layer moves members to headers and status where the model
    /// binds them there.
    pub output: Value,
    /// The raw payload of operations whose output has a blob payload.
    pub body: Body,
}

impl From<Value> for Reply {
    fn from(output: Value) -> Reply {
        Reply { output, body: Body::empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_roles_arn_is_a_role() {
        const ACCOUNT: &str = "123456789012";
        let role = Principal::under_role("arn:aws:iam::210987654321:role/path/name", ACCOUNT);
        assert_eq!((&*role.arn, &*role.account), ("arn:aws:iam::210987654321:role/path/name", "210987654321"));
        for named in [
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:role/x:root",
            "arn:aws:iam::123456789012:user/admin",
            "arn:aws:sts::123456789012:assumed-role/admin/x",
            "arn:aws:x::123456789012:y:root",
            "arn:aws:iam::1:role/x",
            "lambda.amazonaws.com",
            "",
        ] {
            let nobody = Principal::under_role(named, ACCOUNT);
            assert!(nobody.arn.starts_with("arn:aws:iam::123456789012:no-role/"), "{named}");
            assert!(!nobody.is_server(), "{named}");
        }
    }

    #[test]
    fn only_the_accounts_root_without_a_key_is_the_server() {
        let principal = |arn: &str, key: Option<&str>| Principal {
            arn: arn.into(),
            account: "123456789012".into(),
            access_key_id: key.map(Text::from),
        };
        assert!(principal("arn:aws:iam::123456789012:root", None).is_server());
        assert!(!principal("arn:aws:iam::123456789012:root", Some("AKIA")).is_server());
        assert!(!principal("arn:aws:iam::210987654321:root", None).is_server());
        assert!(!principal("arn:aws:iam::123456789012:no-role/x:root", None).is_server());
    }
}
