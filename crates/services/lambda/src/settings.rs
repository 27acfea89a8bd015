use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use windlass_protocol::Fault;
use windlass_value::Value;

use crate::configuration::{Configuration, URL_VARIABLE};
use crate::faults;
use crate::input;

const TIMEOUT_S_MAX: i64 = 900;
const MEMORY_MB_MIN: i64 = 128;
const MEMORY_MB_MAX: i64 = 32_768;
const EPHEMERAL_MB_MIN: i64 = 512;
const EPHEMERAL_MB_MAX: i64 = 10_240;
const DESCRIPTION_CHARS_MAX: usize = 256;
const HANDLER_CHARS_MAX: usize = 128;
const ENVIRONMENT_BYTES_MAX: usize = 4096;
const ROLE_PATTERN: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";

/// Settings whose effect this server cannot give.
const UNBUILT: &[&str] = &[
    "DeadLetterConfig",
    "Layers",
    "FileSystemConfigs",
    "ImageConfig",
    "CodeSigningConfigArn",
    "CapacityProviderConfig",
    "DurableConfig",
    "TenancyConfig",
    "PublishTo",
];

/// Variables that Lambda sets itself and lets nobody change.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// AWS's settings of a function nobody has set anything of.
pub(crate) fn defaults() -> Configuration {
    Configuration {
        version: crate::function_name::LATEST.to_owned(),
        runtime: String::new(),
        role: String::new(),
        handler: String::new(),
        description: String::new(),
        timeout_s: 3,
        memory_mb: 128,
        environment: None,
        architecture: "x86_64".to_owned(),
        ephemeral_storage_mb: 512,
        tracing_mode: "PassThrough".to_owned(),
        kms_key_arn: None,
        subnet_ids: Vec::new(),
        security_group_ids: Vec::new(),
        snap_start: "None".to_owned(),
        log_format: "Text".to_owned(),
        application_log_level: None,
        system_log_level: None,
        log_group: None,
        code_sha256: String::new(),
        code_bytes: 0,
        last_modified_ms: 0,
        revision_id: String::new(),
    }
}

/// Takes the settings that a CreateFunction or UpdateFunctionConfiguration names;
/// the others stay. The runtime is taken as written; whether it runs here is the caller's question.
///
/// # Errors
/// The first that AWS would refuse, in its words; one that is not built.
pub(crate) fn apply(settings: &mut Configuration, document: &Value) -> Result<(), Fault> {
    input::refuse_unbuilt(document, UNBUILT)?;
    if let Some(role) = input::text(document, "Role")? {
        static SHAPE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(&format!("^(?:{ROLE_PATTERN})$")).ok());
        if !SHAPE.as_ref().is_some_and(|shape| shape.is_match(role)) {
            let bound = format!("Member must satisfy regular expression pattern: {ROLE_PATTERN}");
            return Err(faults::constraint(role, "role", &bound));
        }
        settings.role = role.to_owned();
    }
    if let Some(handler) = input::text(document, "Handler")? {
        if handler.chars().count() > HANDLER_CHARS_MAX {
            let bound = format!("Member must have length less than or equal to {HANDLER_CHARS_MAX}");
            return Err(faults::constraint(handler, "handler", &bound));
        }
        if handler.chars().any(char::is_whitespace) {
            return Err(faults::constraint(
                handler,
                "handler",
                "Member must satisfy regular expression pattern: [^\\s]+",
            ));
        }
        settings.handler = handler.to_owned();
    }
    if let Some(description) = input::text(document, "Description")? {
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            let bound = format!("Member must have length less than or equal to {DESCRIPTION_CHARS_MAX}");
            return Err(faults::constraint(description, "description", &bound));
        }
        settings.description = description.to_owned();
    }
    if let Some(runtime) = input::text(document, "Runtime")? {
        settings.runtime = runtime.to_owned();
    }
    if let Some(timeout_s) = input::integer(document, "Timeout", 1, TIMEOUT_S_MAX)? {
        settings.timeout_s = timeout_s as u32;
    }
    if let Some(memory_mb) = input::integer(document, "MemorySize", MEMORY_MB_MIN, MEMORY_MB_MAX)? {
        settings.memory_mb = memory_mb as u32;
    }
    let storage = &document["EphemeralStorage"];
    if let Some(storage_mb) = input::integer(storage, "Size", EPHEMERAL_MB_MIN, EPHEMERAL_MB_MAX)? {
        settings.ephemeral_storage_mb = storage_mb as u32;
    }
    if let Some(variables) = input::text_map(&document["Environment"], "Variables")? {
        check_variables(&variables)?;
        settings.environment = Some(variables);
    }
    if let Some(mode) = choice(&document["TracingConfig"], "Mode", &["Active", "PassThrough"])? {
        settings.tracing_mode = mode;
    }
    if let Some(key) = input::text(document, "KMSKeyArn")? {
        settings.kms_key_arn = (!key.is_empty()).then(|| key.to_owned());
    }
    if !document["VpcConfig"].is_null() {
        settings.subnet_ids = texts(&document["VpcConfig"], "SubnetIds")?;
        settings.security_group_ids = texts(&document["VpcConfig"], "SecurityGroupIds")?;
    }
    if let Some(apply_on) = choice(&document["SnapStart"], "ApplyOn", &["PublishedVersions", "None"])? {
        settings.snap_start = apply_on;
    }
    apply_logging(settings, &document["LoggingConfig"])?;
    apply_architecture(settings, document)
}

/// Takes `Architectures`, which UpdateFunctionCode may name too.
///
/// # Errors
/// Not exactly one of AWS's two.
pub(crate) fn apply_architecture(settings: &mut Configuration, document: &Value) -> Result<(), Fault> {
    let architectures = texts(document, "Architectures")?;
    match architectures.as_slice() {
        [] => Ok(()),
        [one] if one == "x86_64" || one == "arm64" => {
            settings.architecture.clone_from(one);
            Ok(())
        }
        _ => Err(faults::constraint(
            &format!("[{}]", architectures.join(", ")),
            "architectures",
            "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64]]",
        )),
    }
}

fn apply_logging(settings: &mut Configuration, logging: &Value) -> Result<(), Fault> {
    const LEVELS: &[&str] = &["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
    if let Some(format) = choice(logging, "LogFormat", &["JSON", "Text"])? {
        if format == "JSON" {
            settings.application_log_level.get_or_insert_with(|| "INFO".to_owned());
            settings.system_log_level.get_or_insert_with(|| "INFO".to_owned());
        } else {
            settings.application_log_level = None;
            settings.system_log_level = None;
        }
        settings.log_format = format;
    }
    if let Some(level) = choice(logging, "ApplicationLogLevel", LEVELS)? {
        settings.application_log_level = Some(level);
    }
    if let Some(level) = choice(logging, "SystemLogLevel", &["DEBUG", "INFO", "WARN"])? {
        settings.system_log_level = Some(level);
    }
    if let Some(group) = input::text(logging, "LogGroup")? {
        settings.log_group = Some(group.to_owned());
    }
    Ok(())
}

fn choice(document: &Value, member: &str, allowed: &[&str]) -> Result<Option<String>, Fault> {
    let Some(text) = input::text(document, member)? else { return Ok(None) };
    if allowed.contains(&text) {
        return Ok(Some(text.to_owned()));
    }
    let name = member[..1].to_lowercase() + &member[1..];
    let bound = format!("Member must satisfy enum value set: [{}]", allowed.join(", "));
    Err(faults::constraint(text, &name, &bound))
}

fn texts(document: &Value, member: &str) -> Result<Vec<String>, Fault> {
    let wrong = || Fault::new("SerializationException", format!("{member} must be a list of strings"));
    match &document[member] {
        Value::Null => Ok(Vec::new()),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect(),
        _ => Err(wrong()),
    }
}

fn check_variables(variables: &BTreeMap<String, String>) -> Result<(), Fault> {
    const UNABLE: &str =
        "Lambda was unable to configure your environment variables because the environment variables you have provided";
    static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("^[a-zA-Z]([a-zA-Z0-9_])+$").ok());
    let reserved: Vec<&str> = variables.keys().map(String::as_str).filter(|name| RESERVED.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(faults::invalid_parameter(format!(
            "{UNABLE} contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    if let Some(name) = variables.keys().find(|name| !NAME.as_ref().is_some_and(|shape| shape.is_match(name))) {
        return Err(faults::constraint(
            name,
            "environment.variables",
            "Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]",
        ));
    }
    if variables.values().any(|value| value.contains('\0')) {
        return Err(faults::invalid_parameter(format!("{UNABLE} contains a NUL character.")));
    }
    let measured: serde_json::Value =
        variables.iter().map(|(k, v)| (k.clone(), serde_json::Value::from(v.as_str()))).collect();
    let measured = measured.to_string();
    if measured.len() > ENVIRONMENT_BYTES_MAX {
        return Err(faults::invalid_parameter(format!("{UNABLE} exceeded the 4KB limit. String measured: {measured}")));
    }
    if let Some(url) = variables.get(URL_VARIABLE)
        && crate::url_function::Target::read(url).is_none()
    {
        return Err(faults::invalid_parameter(format!(
            "{URL_VARIABLE} must be an address of the form http://host[:port][/path]; '{url}' is not."
        )));
    }
    Ok(())
}
