/// Why a request got no answer. The texts are fit for a task's cause.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The address is forbidden; the text names the setting that would allow it.
    #[error("{0}")]
    Refused(String),
    /// The request itself cannot be sent: no absolute http or https address.
    #[error("The address is not valid: {0}")]
    Address(String),
    /// The name has no address.
    #[error("The host could not be resolved: {0}")]
    Resolve(String),
    /// No connection.
    #[error("The connection failed: {0}")]
    Connect(String),
    /// The certificate or the handshake.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// No whole answer in time.
    #[error("The request timed out after {0} ms")]
    Timeout(u64),
    /// The answer has more bytes than allowed.
    #[error("The answer has more than {0} bytes")]
    TooLarge(usize),
    /// More redirects than allowed.
    #[error("The answer redirected more than {0} times")]
    Redirects(u8),
    /// The connection broke off.
    #[error("The connection broke off: {0}")]
    Broken(String),
}
