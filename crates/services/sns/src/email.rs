use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message as Mail, Tokio1Executor};

use crate::config::{SmtpConfig, SmtpSecurity};
use crate::send::Failure;

/// How long one command of the relay may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a whole delivery may take.
const MAIL_TIMEOUT: Duration = Duration::from_secs(120);

/// Hands mails to the configured relay.
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// A mailer for a relay.
    ///
    /// # Errors
    /// The sender is no mailbox, or the name no TLS name.
    pub(crate) fn new(config: &SmtpConfig) -> Result<Mailer, String> {
        let from = config.from.parse().map_err(|error| format!("'{}' is no sender: {error}", config.from))?;
        let tls = || TlsParameters::new(config.host.clone()).map_err(|error| error.to_string());
        let tls = match config.security {
            SmtpSecurity::StartTls => Tls::Required(tls()?),
            SmtpSecurity::Tls => Tls::Wrapper(tls()?),
            SmtpSecurity::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls)
            .timeout(Some(COMMAND_TIMEOUT));
        if let Some((user, password)) = &config.credentials {
            builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
        }
        Ok(Mailer { transport: builder.build(), from })
    }

    /// Sends a mail in plain text. The subject is encoded where it is not plain, so
    /// nothing in it becomes a header.
    ///
    /// # Errors
    /// See [`Failure`].
    pub(crate) async fn send(
        &self,
        to: &str,
        subject: &str,
        unsubscribe: Option<&str>,
        body: String,
    ) -> Result<(), Failure> {
        let permanent = |error: String| Failure::Permanent(error);
        let to: Mailbox = to.parse().map_err(|error| permanent(format!("no mailbox: {error}")))?;
        let subject: String = subject.chars().filter(|c| !c.is_control()).collect();
        let mut builder =
            Mail::builder().from(self.from.clone()).to(to).subject(subject).header(ContentType::TEXT_PLAIN);
        if let Some(url) = unsubscribe {
            builder = builder.header(Unsubscribe(format!("<{url}>")));
        }
        let mail = builder.body(body).map_err(|error| permanent(error.to_string()))?;
        match tokio::time::timeout(MAIL_TIMEOUT, self.transport.send(mail)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if error.is_permanent() => Err(permanent(error.to_string())),
            Ok(Err(error)) => Err(Failure::Passing(error.to_string())),
            Err(_) => Err(Failure::Passing(format!("the relay took longer than {} s", MAIL_TIMEOUT.as_secs()))),
        }
    }
}

/// `List-Unsubscribe`.
#[derive(Clone)]
struct Unsubscribe(String);

impl lettre::message::header::Header for Unsubscribe {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Unsubscribe, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Unsubscribe(text.to_owned()))
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Unsubscribe::name(), self.0.clone())
    }
}
