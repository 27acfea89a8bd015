use std::fmt;

use windlass_value::{Text, Timestamp};

/// An access key with its secret and whose it is.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AKIA…` for users, `ASIA…` for sessions.
    pub access_key_id: Text,
    /// What signatures are made with; never shown.
    pub secret_access_key: Text,
    /// What requests of a session must carry; never shown.
    pub session_token: Option<Text>,
    /// The account, 12 digits.
    pub account: Text,
    /// The ARN of the user or role session.
    pub arn: Text,
    /// When a session ends.
    pub expires: Option<Timestamp>,
}

/// Without secret and token, so that no log can show them.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("account", &self.account)
            .field("arn", &self.arn)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
