use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use windlass_value::{Object, Timestamp, Value, object};

use crate::function_name::{FunctionName, LATEST};

/// The environment variable that makes a function of any web server: what is
/// invoked is posted to this address instead of being given to a process.
pub(crate) const URL_VARIABLE: &str = "WINDLASS_FUNCTION_URL";

/// One version of a function: its code and all its settings. A stored type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// `$LATEST` or a number.
    pub(crate) version: String,
    pub(crate) runtime: String,
    pub(crate) role: String,
    pub(crate) handler: String,
    pub(crate) description: String,
    pub(crate) timeout_s: u32,
    pub(crate) memory_mb: u32,
    /// `None` when the caller never named an environment.
    #[serde(default)]
    pub(crate) environment: Option<BTreeMap<String, String>>,
    pub(crate) architecture: String,
    pub(crate) ephemeral_storage_mb: u32,
    pub(crate) tracing_mode: String,
    #[serde(default)]
    pub(crate) kms_key_arn: Option<String>,
    #[serde(default)]
    pub(crate) subnet_ids: Vec<String>,
    #[serde(default)]
    pub(crate) security_group_ids: Vec<String>,
    pub(crate) snap_start: String,
    pub(crate) log_format: String,
    #[serde(default)]
    pub(crate) application_log_level: Option<String>,
    #[serde(default)]
    pub(crate) system_log_level: Option<String>,
    /// `None` is AWS's default, `/aws/lambda/NAME`.
    #[serde(default)]
    pub(crate) log_group: Option<String>,
    /// SHA-256 of the zip in hex.
    pub(crate) code_sha256: String,
    /// Size of the zip.
    pub(crate) code_bytes: u64,
    pub(crate) last_modified_ms: i64,
    pub(crate) revision_id: String,
}

/// Whether the members that say how far a change has come are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Get, create, update, publish.
    Full,
    /// Lists of functions leave the states out, as AWS's do.
    Listed,
}

impl Configuration {
    /// The address of a function that is only a URL.
    pub(crate) fn url(&self) -> Option<&str> {
        self.environment.as_ref()?.get(URL_VARIABLE).map(String::as_str)
    }

    /// The zip's SHA-256 in base64, AWS's `CodeSha256`.
    pub(crate) fn code_sha256_base64(&self) -> String {
        let digits = self.code_sha256.as_bytes().chunks(2);
        let bytes: Vec<u8> =
            digits.filter_map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
        STANDARD.encode(bytes)
    }

    /// Whether a publication of this would repeat that version.
    pub(crate) fn is_same_but_for_version(&self, published: &Configuration) -> bool {
        let mut copy = self.clone();
        copy.version.clone_from(&published.version);
        copy.revision_id.clone_from(&published.revision_id);
        copy.last_modified_ms = published.last_modified_ms;
        copy.description.clone_from(&published.description);
        copy == *published
    }

    /// AWS's `FunctionConfiguration`. `qualifier` is what the ARN ends in.
    pub(crate) fn to_value(&self, function: &FunctionName, qualifier: Option<&str>, detail: Detail) -> Value {
        let mut out = Object::new();
        out.insert("FunctionName", function.name.as_str());
        out.insert("FunctionArn", function.arn(qualifier));
        out.insert("Runtime", self.runtime.as_str());
        out.insert("Role", self.role.as_str());
        out.insert("Handler", self.handler.as_str());
        out.insert("CodeSize", self.code_bytes);
        out.insert("Description", self.description.as_str());
        out.insert("Timeout", self.timeout_s);
        out.insert("MemorySize", self.memory_mb);
        out.insert("LastModified", Timestamp(self.last_modified_ms).to_rfc3339().replace('Z', "+0000"));
        out.insert("CodeSha256", self.code_sha256_base64());
        out.insert("Version", self.version.as_str());
        if !self.subnet_ids.is_empty() || !self.security_group_ids.is_empty() {
            out.insert(
                "VpcConfig",
                object! {
                    "SubnetIds" => texts(&self.subnet_ids),
                    "SecurityGroupIds" => texts(&self.security_group_ids),
                    "VpcId" => "",
                    "Ipv6AllowedForDualStack" => false,
                },
            );
        }
        if let Some(variables) = &self.environment {
            out.insert(
                "Environment",
                object! { "Variables" => variables.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Object>() },
            );
        }
        if let Some(key) = &self.kms_key_arn {
            out.insert("KMSKeyArn", key.as_str());
        }
        out.insert("TracingConfig", object! { "Mode" => self.tracing_mode.as_str() });
        out.insert("RevisionId", self.revision_id.as_str());
        if detail == Detail::Full {
            out.insert("State", "Active");
            out.insert("LastUpdateStatus", "Successful");
        }
        out.insert("PackageType", "Zip");
        out.insert("Architectures", Value::array(vec![self.architecture.as_str().into()]));
        out.insert("EphemeralStorage", object! { "Size" => self.ephemeral_storage_mb });
        out.insert("SnapStart", object! { "ApplyOn" => self.snap_start.as_str(), "OptimizationStatus" => "Off" });
        if detail == Detail::Full {
            // AWS's ARN ends in a hash of the runtime's build; ours names the runtime.
            let region = &function.region;
            out.insert(
                "RuntimeVersionConfig",
                object! { "RuntimeVersionArn" => format!("arn:aws:lambda:{region}::runtime:{}", self.runtime) },
            );
        }
        let mut logging = Object::new();
        logging.insert("LogFormat", self.log_format.as_str());
        if let Some(level) = &self.application_log_level {
            logging.insert("ApplicationLogLevel", level.as_str());
        }
        if let Some(level) = &self.system_log_level {
            logging.insert("SystemLogLevel", level.as_str());
        }
        logging.insert("LogGroup", self.log_group_of(function));
        out.insert("LoggingConfig", logging);
        out.into()
    }

    /// The log group's name.
    pub(crate) fn log_group_of(&self, function: &FunctionName) -> String {
        self.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{}", function.name))
    }

    /// What the ARN of this version ends in when it is listed as a version.
    pub(crate) fn version_qualifier(&self) -> Option<&str> {
        (self.version != LATEST).then_some(self.version.as_str())
    }
}

fn texts(items: &[String]) -> Value {
    Value::array(items.iter().map(Value::from).collect())
}
