use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use windlass_value::{Arn, Value, parse};

use crate::permission::template::Scope;
use crate::uri::percent_decode;

/// What a template makes of a member; see `models/permissions/README.md`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Filter {
    Arn,
    Bare,
    Queue,
    Function,
    FunctionBare,
    Rule,
    LogGroup,
    Object,
    Machine,
    Topic,
    Ciphertext,
    GrantToken,
    Qualifier,
    Alias,
    Parameter,
    Source,
    Map,
    Keys,
}

impl Filter {
    pub(crate) fn parse(name: &str) -> Option<Filter> {
        Some(match name {
            "arn" => Filter::Arn,
            "bare" => Filter::Bare,
            "queue" => Filter::Queue,
            "function" => Filter::Function,
            "function_bare" => Filter::FunctionBare,
            "rule" => Filter::Rule,
            "loggroup" => Filter::LogGroup,
            "object" => Filter::Object,
            "machine" => Filter::Machine,
            "topic" => Filter::Topic,
            "ciphertext" => Filter::Ciphertext,
            "granttoken" => Filter::GrantToken,
            "qualifier" => Filter::Qualifier,
            "alias" => Filter::Alias,
            "parameter" => Filter::Parameter,
            "source" => Filter::Source,
            "map" => Filter::Map,
            "keys" => Filter::Keys,
            _ => return None,
        })
    }

    /// `None` where the member is not what the filter is for.
    pub(crate) fn apply(self, value: &Value, scope: &Scope<'_>) -> Option<String> {
        let text = value.as_str()?;
        let (account, region) = (&*scope.call.account, &*scope.call.region);
        match self {
            Filter::Arn => text.starts_with("arn:").then(|| text.to_owned()),
            Filter::Bare => Some(text.trim_start_matches('/').to_owned()),
            Filter::Queue => Some(queue(text, account, region)),
            Filter::Function => Some(function(text, scope.call.input["Qualifier"].as_str(), true, account, region)),
            Filter::FunctionBare => Some(function(text, None, false, account, region)),
            Filter::Rule => Some(rule(text, scope.call.input["EventBusName"].as_str(), account, region)),
            Filter::LogGroup => Some(match Arn::parse(text) {
                Some(arn) => arn.resource_id().trim_end_matches(":*").to_owned(),
                None => text.to_owned(),
            }),
            Filter::Object => Some(object(text)),
            Filter::Machine => Some(machine(text)),
            Filter::Topic => topic(text),
            Filter::Ciphertext => ciphertext_key(text),
            Filter::GrantToken => grant_token_key(text),
            Filter::Qualifier => without_case(text).split(':').nth(MACHINE_ARN_PARTS).map(str::to_owned),
            Filter::Alias => text.starts_with("alias/").then(|| text.to_owned()),
            Filter::Parameter => {
                let name = text.trim_start_matches('/');
                Some(name.split_once(':').map_or(name, |(name, _)| name).to_owned())
            }
            Filter::Source | Filter::Map | Filter::Keys => None,
        }
    }

    /// All that the filter makes of a member.
    pub(crate) fn texts(self, value: &Value, scope: &Scope<'_>) -> Vec<String> {
        match self {
            Filter::Keys => value.as_object().map_or_else(Vec::new, |map| map.keys().map(|k| k.to_string()).collect()),
            Filter::Source => {
                let pattern = value.as_str().and_then(|text| parse(text).ok()).unwrap_or_default();
                let sources = pattern["source"].as_array().cloned().unwrap_or_default();
                sources.iter().filter_map(|source| source.as_str().map(str::to_owned)).collect()
            }
            _ => self.apply(value, scope).into_iter().collect(),
        }
    }
}

/// `http://host/123456789012/name`; other spellings name a queue of the caller's.
fn queue(url: &str, account: &str, region: &str) -> String {
    let mut parts = url.trim_end_matches('/').rsplit('/');
    let name = parts.next().unwrap_or_default();
    let owner = parts.next().filter(|owner| is_account(owner)).unwrap_or(account);
    format!("arn:aws:sqs:{region}:{owner}:{name}")
}

/// `name`, `name:qualifier`, `account:function:name…`, or an ARN.
fn function(text: &str, qualifier: Option<&str>, with_qualifier: bool, account: &str, region: &str) -> String {
    let (owner, region, rest) = match Arn::parse(text) {
        Some(arn) => {
            let rest = arn.resource.strip_prefix("function:").unwrap_or(&arn.resource).to_owned();
            (arn.account, arn.region, rest)
        }
        None => match text.split_once(":function:") {
            Some((owner, rest)) if is_account(owner) => (owner.to_owned(), region.to_owned(), rest.to_owned()),
            _ => {
                let rest = text.strip_prefix("function:").unwrap_or(text);
                (account.to_owned(), region.to_owned(), rest.to_owned())
            }
        },
    };
    let (name, written) = match rest.split_once(':') {
        Some((name, written)) => (name, Some(written)),
        None => (&*rest, None),
    };
    match qualifier.or(written).filter(|qualifier| with_qualifier && !qualifier.is_empty()) {
        Some(qualifier) => format!("arn:aws:lambda:{region}:{owner}:function:{name}:{qualifier}"),
        None => format!("arn:aws:lambda:{region}:{owner}:function:{name}"),
    }
}

/// Rules of the default bus have no bus in their ARN.
fn rule(name: &str, bus: Option<&str>, account: &str, region: &str) -> String {
    let (bus, owner, region) = match bus.and_then(Arn::parse) {
        Some(arn) => (arn.resource_id().to_owned(), arn.account, arn.region),
        None => (bus.unwrap_or("default").to_owned(), account.to_owned(), region.to_owned()),
    };
    match bus.as_str() {
        "" | "default" => format!("arn:aws:events:{region}:{owner}:rule/{name}"),
        bus => format!("arn:aws:events:{region}:{owner}:rule/{bus}/{name}"),
    }
}

/// `bucket/key`, `/bucket/key?versionId=…`, percent-encoded.
fn object(source: &str) -> String {
    let source = source.split_once('?').map_or(source, |(path, _)| path);
    percent_decode(source.trim_start_matches('/'), false)
}

/// The ARN of the key that a ciphertext of ours begins with: two bytes that tell
/// the format, the ARN's length in two more, the ARN.
fn ciphertext_key(blob: &str) -> Option<String> {
    const FORMAT: [u8; 2] = [0x57, 0x01];
    let bytes = STANDARD.decode(blob).ok()?;
    let (len, rest) = bytes.strip_prefix(&FORMAT)?.split_first_chunk::<2>()?;
    let arn = std::str::from_utf8(rest.get(..usize::from(u16::from_be_bytes(*len)))?).ok()?;
    arn.starts_with("arn:").then(|| arn.to_owned())
}

/// The ARN of the key that a grant token of ours begins with, in front of a space
/// and the grant's id.
fn grant_token_key(token: &str) -> Option<String> {
    let token = String::from_utf8(STANDARD.decode(token).ok()?).ok()?;
    let (arn, _) = token.split_once(' ')?;
    arn.starts_with("arn:").then(|| arn.to_owned())
}

/// `…:topic:uuid` is a subscription of `…:topic`.
fn topic(arn: &str) -> Option<String> {
    const PARTS: usize = 6;
    let parts: Vec<&str> = arn.split(':').collect();
    (parts.len() > PARTS && parts[0] == "arn").then(|| parts[..PARTS].join(":"))
}
/// The parts of a state machine's ARN; a version or an alias is one more.
const MACHINE_ARN_PARTS: usize = 7;

/// `…:stateMachine:name:3` is a version of `…:stateMachine:name`.
fn machine(arn: &str) -> String {
    without_case(arn).split(':').take(MACHINE_ARN_PARTS).collect::<Vec<&str>>().join(":")
}

/// An ARN without the test case that a start may name behind it: `…:machine#case`.
fn without_case(arn: &str) -> &str {
    arn.split_once('#').map_or(arn, |(arn, _)| arn)
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
