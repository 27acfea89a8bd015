/// What the service is opened with.
#[derive(Clone, Debug)]
pub struct SnsConfig {
    /// Where clients and receivers reach this server, without a slash at the end:
    /// `https://sns.example.org`. Stands in the links that receivers follow.
    pub base_url: String,
    /// The relay for e-mail subscriptions; `None`: they are refused.
    pub smtp: Option<SmtpConfig>,
    /// How many deliveries are under way at once.
    pub deliveries_max: usize,
}

impl SnsConfig {
    /// Without e-mail, with 256 deliveries at once.
    pub fn new(base_url: impl Into<String>) -> SnsConfig {
        SnsConfig { base_url: base_url.into(), smtp: None, deliveries_max: 256 }
    }
}

/// A mail relay.
#[derive(Clone, PartialEq, Eq)]
pub struct SmtpConfig {
    /// Its name or address.
    pub host: String,
    /// 587 for submission with STARTTLS, 465 for TLS from the start, 25 for neither.
    pub port: u16,
    /// How the connection is protected.
    pub security: SmtpSecurity,
    /// User and password, where the relay wants them.
    pub credentials: Option<(String, String)>,
    /// The sender: `Notifications <no-reply@example.org>`.
    pub from: String,
}

impl std::fmt::Debug for SmtpConfig {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        f.debug_struct("SmtpConfig")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("user", &user)
            .field("from", &self.from)
            .finish()
    }
}

/// How a connection to a relay is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// It begins in the clear and must change to TLS.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// In the clear: for a relay on this machine.
    None,
}
