//! Names of parameters, and what may stand behind them.

use windlass_protocol::{Call, Fault};
use windlass_value::Arn;

const NAME_CHARS_MAX: usize = 1011;
/// How many levels a hierarchy has.
const LEVELS_MAX: usize = 15;

/// Which version of a parameter is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Selector {
    /// The last one.
    Latest,
    /// That one.
    Version(u64),
    /// The one with that label.
    Label(String),
}

/// A parameter as a request names it.
pub(crate) struct Reference {
    pub(crate) account: String,
    /// More than one for an ARN, which does not tell `a` from `/a`.
    pub(crate) names: Vec<String>,
    pub(crate) selector: Selector,
    /// As it was written, with its colon.
    pub(crate) selector_text: Option<String>,
}

impl Reference {
    /// Reads a name or an ARN, with a version or a label behind a colon.
    pub(crate) fn parse(text: &str, call: &Call) -> Reference {
        let (account, text, is_arn) = match Arn::parse(text) {
            Some(arn) if arn.service == "ssm" && arn.resource.starts_with("parameter/") => {
                (arn.account, arn.resource["parameter".len()..].to_owned(), true)
            }
            _ => (call.account.to_string(), text.to_owned(), false),
        };
        let (name, selector_text) = match text.split_once(':') {
            Some((name, selector)) => (name.to_owned(), Some(selector)),
            None => (text.clone(), None),
        };
        let selector = match selector_text {
            None => Selector::Latest,
            Some(selector) => match selector.parse() {
                Ok(version) => Selector::Version(version),
                Err(_) => Selector::Label(selector.to_owned()),
            },
        };
        let is_root = is_arn && name.matches('/').count() == 1;
        let names = if is_root { vec![name[1..].to_owned(), name] } else { vec![name] };
        Reference { account, names, selector, selector_text: selector_text.map(|selector| format!(":{selector}")) }
    }
}

/// Refuses what cannot be a parameter's name.
///
/// # Errors
/// In AWS's words.
pub(crate) fn check(name: &str) -> Result<(), Fault> {
    let lower = name.trim_start_matches('/').to_ascii_lowercase();
    if lower.starts_with("aws") {
        return Err(Fault::new("AccessDeniedException", format!("No access to reserved parameter name: {name}.")));
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    let has_empty_level = name.strip_prefix('/').unwrap_or(name).split('/').any(str::is_empty);
    if lower.starts_with("ssm") || !name.bytes().all(is_word) || has_empty_level {
        let path = "If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_";
        return Err(Fault::validation(format!(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). {path}"
        )));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(Fault::validation("Parameter name must be a fully qualified name."));
    }
    if name.len() > NAME_CHARS_MAX {
        return Err(Fault::validation(format!("Parameter name is longer than {NAME_CHARS_MAX} characters.")));
    }
    if name.matches('/').count() > LEVELS_MAX {
        return Err(Fault::new(
            "HierarchyLevelLimitExceededException",
            format!("A parameter hierarchy can have a maximum of {LEVELS_MAX} levels."),
        ));
    }
    Ok(())
}

/// Whether a parameter lies below a path, which begins with a slash: directly,
/// or at any depth.
pub(crate) fn is_below(name: &str, path: &str, recursive: bool) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    // A name without a slash lies at the root.
    let rest = match name.strip_prefix('/') {
        None => Some(name).filter(|_| path.is_empty()),
        Some(_) => name.strip_prefix(path).and_then(|rest| rest.strip_prefix('/')),
    };
    rest.is_some_and(|rest| recursive || !rest.contains('/'))
}

/// The ARN of a parameter.
pub(crate) fn arn(account: &str, region: &str, name: &str) -> String {
    let slash = if name.starts_with('/') { "" } else { "/" };
    format!("arn:aws:ssm:{region}:{account}:parameter{slash}{name}")
}
