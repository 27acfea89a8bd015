use regex::Regex;
use windlass_protocol::{Call, Fault, Outcome};
use windlass_value::{Value, object};

use crate::due;
use crate::faults;
use crate::input;
use crate::kms_key::KEY_DEFAULT;
use crate::name;
use crate::parameter::{Parameter, SECURE, StoredValue, Version, value_name};
use crate::policy;
use crate::ssm::Ssm;
use crate::tables::VERSIONS;
use crate::tags;

const KINDS: [&str; 3] = ["String", "StringList", SECURE];
const DATA_TYPES: [&str; 3] = ["text", "aws:ec2:image", "aws:ssm:integration"];
const STANDARD: &str = "Standard";
const ADVANCED: &str = "Advanced";
const STANDARD_BYTES_MAX: usize = 4096;
const ADVANCED_BYTES_MAX: usize = 8192;
const DESCRIPTION_CHARS_MAX: usize = 1024;
const PATTERN_CHARS_MAX: usize = 1024;
/// The largest program that an allowed pattern may become.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// How many versions are kept.
pub(crate) const VERSIONS_MAX: u64 = 100;

impl Ssm {
    /// `PutParameter`.
    pub(crate) async fn put_parameter(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let name = own_name(call)?;
        name::check(&name)?;
        let value = input::required(input, "Value")?;
        let overwrite = input::flag(input, "Overwrite")?;
        let tags = tags::read(&input["Tags"])?;
        tags::check(&tags)?;
        if overwrite && !tags.is_empty() {
            return Err(Fault::validation(
                "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
            ));
        }
        let kind = one_of(call, "Type", &KINDS)?;
        let data_type = one_of(call, "DataType", &DATA_TYPES)?;
        let tier = one_of(call, "Tier", &[STANDARD, ADVANCED, "Intelligent-Tiering"])?;
        let described = bounded(call, "Description", DESCRIPTION_CHARS_MAX)?;
        let allowed_pattern = bounded(call, "AllowedPattern", PATTERN_CHARS_MAX)?.filter(|text| !text.is_empty());
        if let Some(pattern) = &allowed_pattern {
            check_pattern(pattern, value)?;
        }
        let new_policies = match input::text(input, "Policies")?.filter(|text| !text.is_empty()) {
            Some(text) => Some(policy::check(text)?),
            None => None,
        };
        let key_id = input::text(input, "KeyId")?.filter(|key_id| !key_id.is_empty());
        if let Some(key_id) = key_id {
            self.check_kms_key(call, key_id).await?;
        }
        self.change(call, |batch, entries| {
            let existing = self.find(&call.account, &call.region, &name)?;
            let before = existing.as_ref().map(|stored| &stored.parameter.current);
            if existing.is_some() && !overwrite {
                return Err(Fault::new(
                    "ParameterAlreadyExists",
                    "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
                ));
            }
            let kind = kind.or(before.map(|before| before.kind.as_str())).ok_or_else(|| {
                Fault::validation("A parameter type is required when you create a parameter.")
            })?;
            if kind == "StringList" && value.split(',').any(str::is_empty) {
                return Err(Fault::validation("A StringList has its values separated by commas, none of them empty."));
            }
            let key_id = match (kind == SECURE, key_id) {
                (true, Some(key_id)) => Some(key_id.to_owned()),
                (true, None) => {
                    Some(before.and_then(|before| before.key_id.clone()).unwrap_or_else(|| KEY_DEFAULT.to_owned()))
                }
                (false, None) => None,
                (false, Some(_)) => {
                    return Err(Fault::validation("KeyId can only be used with parameters of the type SecureString."));
                }
            };
            // Policies stay until others, or an empty list, are sent.
            let policies =
                new_policies.clone().unwrap_or_else(|| before.and_then(|before| before.policies.clone()));
            let tier =
                chosen_tier(tier, before.map(|before| before.tier.as_str()), value, policies.is_some())?.to_owned();
            let number = before.map_or(1, |before| before.version + 1);
            let sealing_name = value_name(&call.account, &call.region, &name, number);
            let current = Version {
                version: number,
                kind: kind.to_owned(),
                value: StoredValue::new(&self.keyring, kind, &sealing_name, value)?,
                description: described.clone().or_else(|| before.and_then(|before| before.description.clone())),
                allowed_pattern: allowed_pattern.clone(),
                tier: tier.clone(),
                policies: policies.clone(),
                key_id,
                data_type: data_type.or(before.map(|before| before.data_type.as_str())).unwrap_or("text").to_owned(),
                modified_ms: (self.now)().as_ms(),
                user: call.principal.arn.to_string(),
            };
            let expired_before = before.is_some_and(|before| before.policies.is_some());
            let (parameter, row_version) = match existing {
                Some(mut stored) => {
                    stored.parameter.current = current;
                    drop_oldest(&mut stored.parameter, batch)?;
                    (stored.parameter, Some(stored.row_version))
                }
                None => {
                    let mut parameter = Parameter::new(&call.account, &call.region, &name, current);
                    parameter.tags = tags.clone();
                    (parameter, None)
                }
            };
            parameter.put(batch, row_version)?;
            parameter.put_version(batch)?;
            match policy::expiration(parameter.current.policies.as_deref()) {
                Some(instant) => {
                    let entry = due::expiration(&parameter, instant);
                    self.due.add(batch, &parameter.account, &parameter.region, &entry);
                    entries.push(entry);
                }
                None if expired_before => {
                    let id = due::expiration_id(&parameter);
                    self.due.remove(batch, &parameter.account, &parameter.region, &id);
                }
                None => {}
            }
            Ok(object! { "Version" => number, "Tier" => tier })
        })
        .await
    }
}

/// The name in a request that writes: a name, or an ARN of the caller's account.
fn own_name(call: &Call) -> Result<String, Fault> {
    let text = input::required(&call.input, "Name")?;
    let Some(arn) = windlass_value::Arn::parse(text) else { return Ok(text.to_owned()) };
    match arn.resource.strip_prefix("parameter") {
        Some(name) if arn.account == *call.account && arn.region == *call.region => {
            let is_root = name.matches('/').count() == 1;
            Ok(if is_root { name[1..].to_owned() } else { name.to_owned() })
        }
        _ => Err(Fault::validation("A parameter can only be changed in its own account and region.")),
    }
}

fn chosen_tier<'a>(
    asked: Option<&'a str>,
    before: Option<&'a str>,
    value: &str,
    has_policies: bool,
) -> Result<&'a str, Fault> {
    let tier = match asked.or(before).unwrap_or(STANDARD) {
        "Intelligent-Tiering" => {
            let is_advanced = value.len() > STANDARD_BYTES_MAX || has_policies || before == Some(ADVANCED);
            if is_advanced { ADVANCED } else { STANDARD }
        }
        tier => tier,
    };
    let guide = "https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html";
    if tier == STANDARD && before == Some(ADVANCED) {
        return Err(Fault::validation(format!(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter. For more information, see {guide}"
        )));
    }
    if tier == STANDARD && value.len() > STANDARD_BYTES_MAX {
        return Err(Fault::validation(format!(
            "Standard tier parameters support a maximum parameter value of {STANDARD_BYTES_MAX} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see {guide}"
        )));
    }
    if value.len() > ADVANCED_BYTES_MAX {
        return Err(Fault::validation(format!(
            "Advanced tier parameters support a maximum parameter value of {ADVANCED_BYTES_MAX} characters."
        )));
    }
    if tier == STANDARD && has_policies {
        return Err(Fault::validation(format!(
            "Standard tier parameters don't support parameter policies. To use parameter policies, upgrade the parameter to use the advanced-parameter tier. For more information, see {guide}"
        )));
    }
    Ok(tier)
}

/// Drops the oldest version where there are too many.
fn drop_oldest(parameter: &mut Parameter, batch: &mut windlass_store::Batch) -> Result<(), Fault> {
    while parameter.current.version - parameter.oldest >= VERSIONS_MAX {
        let (name, oldest) = (&parameter.name, parameter.oldest);
        if parameter.labels.values().any(|version| *version == oldest) {
            return Err(Fault::new(
                "ParameterMaxVersionLimitExceeded",
                format!(
                    "You attempted to create a new version of {name} by calling the PutParameter API with the overwrite flag. Version {oldest}, the oldest version, can't be deleted because it has a label associated with it. Move the label to another version of the parameter, and try again."
                ),
            ));
        }
        batch.delete(&VERSIONS, parameter.row().number(oldest));
        parameter.oldest += 1;
    }
    Ok(())
}

fn check_pattern(pattern: &str, value: &str) -> Result<(), Fault> {
    let regex = regex::RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    let regex: Regex = regex.map_err(|error| {
        Fault::new(
            "InvalidAllowedPatternException",
            format!("The allowed pattern {pattern} is not a valid regular expression."),
        )
        .explained(error.to_string())
    })?;
    if regex.is_match(value) {
        return Ok(());
    }
    Err(Fault::new(
        "ParameterPatternMismatchException",
        format!("Parameter value, cannot be validated against allowedPattern: {pattern}"),
    ))
}

fn one_of<'a>(call: &'a Call, member: &str, allowed: &[&str]) -> Result<Option<&'a str>, Fault> {
    match input::text(&call.input, member)? {
        Some(text) if !allowed.contains(&text) => Err(Fault::validation(format!(
            "1 validation error detected: Value '{text}' at '{}' failed to satisfy constraint: Member must satisfy enum value set: [{}]",
            member[..1].to_lowercase() + &member[1..],
            allowed.join(", ")
        ))),
        text => Ok(text),
    }
}

fn bounded(call: &Call, member: &str, chars_max: usize) -> Result<Option<String>, Fault> {
    let text = input::text(&call.input, member)?;
    if text.is_some_and(|text| text.chars().count() > chars_max) {
        return Err(Fault::validation(format!(
            "1 validation error detected: Value at '{}' failed to satisfy constraint: Member must have length less than or equal to {chars_max}",
            member[..1].to_lowercase() + &member[1..]
        )));
    }
    Ok(text.map(str::to_owned))
}

impl Ssm {
    /// A version of a parameter, if it is kept.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) fn version(&self, parameter: &Parameter, number: u64) -> Result<Option<Version>, Fault> {
        if number == parameter.current.version {
            return Ok(Some(parameter.current.clone()));
        }
        let row = self.store.get(&VERSIONS, &parameter.row().number(number)).map_err(|error| faults::store(&error))?;
        let read = |row: windlass_store::Row| serde_json::from_slice(&row.value);
        row.map(read).transpose().map_err(|error| faults::row("a parameter's version", error))
    }
}

/// `{}`
pub(crate) fn nothing() -> Value {
    Value::empty_object()
}
