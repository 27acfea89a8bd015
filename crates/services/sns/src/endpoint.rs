use windlass_protocol::Fault;
use windlass_value::Arn;

use crate::faults;

/// How a subscription is delivered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Sqs,
    Lambda,
    Http,
    Https,
    Email,
    EmailJson,
}

impl Protocol {
    /// Reads a protocol.
    ///
    /// # Errors
    /// One that is none, or not built.
    pub(crate) fn parse(text: &str) -> Result<Protocol, Fault> {
        Ok(match text {
            "sqs" => Protocol::Sqs,
            "lambda" => Protocol::Lambda,
            "http" => Protocol::Http,
            "https" => Protocol::Https,
            "email" => Protocol::Email,
            "email-json" => Protocol::EmailJson,
            "sms" | "application" | "firehose" => {
                return Err(faults::not_built(&format!("subscriptions of the protocol {text}")));
            }
            _ => return Err(faults::invalid(format!("Amazon SNS does not support this protocol string: {text}"))),
        })
    }

    /// AWS's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Sqs => "sqs",
            Protocol::Lambda => "lambda",
            Protocol::Http => "http",
            Protocol::Https => "https",
            Protocol::Email => "email",
            Protocol::EmailJson => "email-json",
        }
    }

    /// Whether deliveries go out by HTTP.
    pub(crate) fn is_http(self) -> bool {
        matches!(self, Protocol::Http | Protocol::Https)
    }

    /// Whether deliveries go to a mailbox.
    pub(crate) fn is_mail(self) -> bool {
        matches!(self, Protocol::Email | Protocol::EmailJson)
    }

    /// Checks an endpoint.
    ///
    /// # Errors
    /// As AWS words them.
    pub(crate) fn check_endpoint(self, endpoint: &str) -> Result<(), Fault> {
        let arn_of = |service: &str| {
            Arn::parse(endpoint)
                .filter(|arn| arn.service == service && !arn.account.is_empty() && !arn.region.is_empty())
        };
        match self {
            Protocol::Sqs => {
                arn_of("sqs")
                    .filter(|arn| !arn.resource.contains([':', '/']))
                    .ok_or_else(|| faults::invalid("SQS endpoint ARN"))?;
            }
            Protocol::Lambda => {
                arn_of("lambda")
                    .filter(|arn| arn.resource_type() == "function")
                    .ok_or_else(|| faults::invalid("Lambda endpoint ARN"))?;
            }
            Protocol::Http | Protocol::Https => {
                let scheme = format!("{}://", self.name());
                let begins = endpoint.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(&scheme));
                if !begins {
                    return Err(faults::invalid("Endpoint must match the specified protocol"));
                }
                if endpoint.parse::<http::Uri>().ok().is_none_or(|uri| uri.host().is_none_or(str::is_empty)) {
                    return Err(faults::invalid("HTTP(S) Endpoint"));
                }
            }
            Protocol::Email | Protocol::EmailJson => {
                if endpoint.parse::<lettre::Address>().is_err() {
                    return Err(faults::invalid("Email address"));
                }
            }
        }
        Ok(())
    }
}
