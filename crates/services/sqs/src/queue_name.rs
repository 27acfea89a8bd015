use std::fmt;

use windlass_protocol::{Call, Fault};
use windlass_store::{Key, shard_of};
use windlass_value::Arn;

use crate::faults;

const NAME_CHARS_MAX: usize = 80;
const FIFO_SUFFIX: &str = ".fifo";
const ACCOUNT_DIGITS: usize = 12;

/// Which queue: (account, region, name) is unique at any moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct QueueName {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
}

impl QueueName {
    /// The queue of that name in the caller's account and region.
    pub(crate) fn of_caller(call: &Call, name: &str) -> QueueName {
        QueueName { account: call.account.to_string(), region: call.region.to_string(), name: name.to_owned() }
    }

    /// Reads what clients send as `QueueUrl`: a URL of any host whose path ends
    /// with account and name, or an ARN, or a bare name.
    ///
    /// # Errors
    /// `InvalidAddress` for anything else.
    pub(crate) fn of_url(call: &Call, url: &str) -> Result<QueueName, Fault> {
        if url.starts_with("arn:") {
            return QueueName::of_arn(url).ok_or_else(|| invalid_address(url));
        }
        let path = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').map_or("", |(_, path)| path),
            None => url,
        };
        let path = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
        let (before, name) = path.rsplit_once('/').unwrap_or(("", path));
        if name.is_empty() {
            return Err(invalid_address(url));
        }
        let account = before.rsplit('/').next().unwrap_or_default();
        let is_account = account.len() == ACCOUNT_DIGITS && account.bytes().all(|byte| byte.is_ascii_digit());
        match is_account {
            true => Ok(QueueName { account: account.to_owned(), ..QueueName::of_caller(call, name) }),
            // A path without an account, such as a bare name.
            false if before.is_empty() => Ok(QueueName::of_caller(call, name)),
            false => Err(invalid_address(url)),
        }
    }

    /// Reads a queue's ARN.
    pub(crate) fn of_arn(text: &str) -> Option<QueueName> {
        let arn = Arn::parse(text)?;
        let is_queue = arn.service == "sqs" && !arn.region.is_empty() && !arn.account.is_empty();
        is_queue.then_some(QueueName { account: arn.account, region: arn.region, name: arn.resource })
    }

    /// Whether the name is that of a FIFO queue.
    pub(crate) fn is_fifo(&self) -> bool {
        self.name.ends_with(FIFO_SUFFIX)
    }

    /// `arn:aws:sqs:…`, with the partition of its region.
    pub(crate) fn arn(&self) -> String {
        self.to_string()
    }

    /// The key of the queue's row.
    pub(crate) fn key(&self) -> Key {
        self.shard_key().text(&self.name)
    }

    /// What the keys of its messages begin with; their queue's id follows.
    pub(crate) fn shard_key(&self) -> Key {
        Key::new(shard_of(&self.arn()), &self.account, &self.region)
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let QueueName { account, region, name } = self;
        write!(formatter, "arn:{}:sqs:{region}:{account}:{name}", partition(region))
    }
}

/// The partition that a region lies in.
pub(crate) fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// Refuses names that no queue of that type may have.
///
/// # Errors
/// In AWS's words.
pub(crate) fn check(name: &str, fifo: bool) -> Result<(), Fault> {
    const STANDARD: &str = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
    const FIFO: &str = "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.";
    let stem = if fifo { name.strip_suffix(FIFO_SUFFIX) } else { Some(name) };
    let is_plain = |stem: &str| {
        !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match stem {
        Some(stem) if is_plain(stem) && name.len() <= NAME_CHARS_MAX => Ok(()),
        _ => Err(faults::invalid_parameter(if fifo { FIFO } else { STANDARD })),
    }
}

fn invalid_address(url: &str) -> Fault {
    Fault::new("InvalidAddress", format!("The address {url} is not valid for this endpoint.")).with_status(404)
}
