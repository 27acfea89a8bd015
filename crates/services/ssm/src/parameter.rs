use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use windlass_keyring::Keyring;
use windlass_protocol::Fault;
use windlass_store::{Batch, Key, Row};
use windlass_value::{Object, Value};

use crate::faults;
use crate::name::arn;
use crate::policy;
use crate::tables::{PARAMETERS, VERSIONS, parameter_row};

/// The encoding of the rows.
const FORMAT: u32 = 1;
/// The type whose values are sealed.
pub(crate) const SECURE: &str = "SecureString";

/// A value as it is stored. A stored type.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum StoredValue {
    Plain(String),
    /// In base64.
    Sealed(String),
}

/// A version of a parameter. A stored type.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) version: u64,
    /// `String`, `StringList` or `SecureString`.
    pub(crate) kind: String,
    pub(crate) value: StoredValue,
    pub(crate) description: Option<String>,
    pub(crate) allowed_pattern: Option<String>,
    pub(crate) tier: String,
    /// The JSON text of `Policies`.
    pub(crate) policies: Option<String>,
    pub(crate) key_id: Option<String>,
    pub(crate) data_type: String,
    pub(crate) modified_ms: i64,
    pub(crate) user: String,
}

/// A parameter. A stored type.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Parameter {
    format: u32,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) name: String,
    pub(crate) tags: BTreeMap<String, String>,
    /// Which version has a label.
    pub(crate) labels: BTreeMap<String, u64>,
    /// The oldest version that is kept.
    pub(crate) oldest: u64,
    pub(crate) current: Version,
}

/// A parameter as it lies in the store.
#[derive(Clone)]
pub(crate) struct StoredParameter {
    pub(crate) parameter: Parameter,
    /// Of the row.
    pub(crate) row_version: u64,
}

impl StoredValue {
    /// Makes what is stored of a value.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn new(keyring: &Keyring, kind: &str, name: &str, plain: &str) -> Result<StoredValue, Fault> {
        if kind != SECURE {
            return Ok(StoredValue::Plain(plain.to_owned()));
        }
        let sealed = keyring.seal(name, plain.as_bytes()).map_err(faults::seal)?;
        Ok(StoredValue::Sealed(STANDARD.encode(sealed)))
    }

    /// The value as it is answered: opened, or as it lies there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn answered(&self, keyring: &Keyring, name: &str, opened: bool) -> Result<Value, Fault> {
        match self {
            StoredValue::Plain(text) => Ok(text.as_str().into()),
            StoredValue::Sealed(text) if !opened => Ok(text.as_str().into()),
            StoredValue::Sealed(text) => {
                let sealed = STANDARD.decode(text).map_err(|error| faults::row("a parameter's value", error))?;
                let plain = keyring.open_sealed(name, &sealed).map_err(faults::seal)?;
                let text = plain.as_text().ok_or_else(|| faults::row("a parameter's value", "it is no text"))?;
                Ok(text.into())
            }
        }
    }
}

impl Parameter {
    /// A parameter of one version.
    pub(crate) fn new(account: &str, region: &str, name: &str, current: Version) -> Parameter {
        Parameter {
            format: FORMAT,
            account: account.to_owned(),
            region: region.to_owned(),
            name: name.to_owned(),
            tags: BTreeMap::new(),
            labels: BTreeMap::new(),
            oldest: current.version,
            current,
        }
    }

    pub(crate) fn arn(&self) -> String {
        arn(&self.account, &self.region, &self.name)
    }

    pub(crate) fn row(&self) -> Key {
        parameter_row(&self.account, &self.region, &self.name)
    }

    /// The labels of a version.
    pub(crate) fn labels_of(&self, version: u64) -> Vec<Value> {
        self.labels.iter().filter(|(_, labelled)| **labelled == version).map(|(label, _)| label.into()).collect()
    }

    /// Writes the row; over the version that was read, or as a new one.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub(crate) fn put(&self, batch: &mut Batch, row_version: Option<u64>) -> Result<(), Fault> {
        match row_version {
            Some(version) => batch.expect_version(&PARAMETERS, self.row(), version),
            None => batch.expect_absent(&PARAMETERS, self.row()),
        }
        let columns = vec![
            self.account.as_str().into(),
            self.region.as_str().into(),
            self.name.as_str().into(),
            self.current.kind.as_str().into(),
        ];
        let value = serde_json::to_vec(self).map_err(|error| faults::row("a parameter", error))?;
        batch.put(&PARAMETERS, self.row(), columns, value);
        Ok(())
    }

    /// Writes the row of its last version.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub(crate) fn put_version(&self, batch: &mut Batch) -> Result<(), Fault> {
        let columns = vec![self.account.as_str().into(), self.region.as_str().into(), self.name.as_str().into()];
        let value = serde_json::to_vec(&self.current).map_err(|error| faults::row("a parameter", error))?;
        batch.put(&VERSIONS, self.row().number(self.current.version), columns, value);
        Ok(())
    }

    /// Reads a row.
    ///
    /// # Errors
    /// It is of another format.
    pub(crate) fn read(row: &Row) -> Result<StoredParameter, Fault> {
        let parameter: Parameter =
            serde_json::from_slice(&row.value).map_err(|error| faults::row("a parameter", error))?;
        if parameter.format != FORMAT {
            return Err(faults::row("a parameter", format!("format {} is not {FORMAT}", parameter.format)));
        }
        Ok(StoredParameter { parameter, row_version: row.version })
    }

    /// The name under which a version's value is sealed.
    pub(crate) fn value_name(&self, version: u64) -> String {
        value_name(&self.account, &self.region, &self.name, version)
    }

    /// What `GetParameter` and the like answer of a version.
    ///
    /// # Errors
    /// The value cannot be opened.
    pub(crate) fn answer(
        &self,
        keyring: &Keyring,
        version: &Version,
        selector: Option<&str>,
        opened: bool,
    ) -> Result<Value, Fault> {
        let mut output = Object::new();
        output.insert("Name", self.name.as_str());
        output.insert("Type", version.kind.as_str());
        output.insert("Value", version.value.answered(keyring, &self.value_name(version.version), opened)?);
        output.insert("Version", version.version);
        if let Some(selector) = selector {
            output.insert("Selector", selector);
        }
        output.insert("LastModifiedDate", seconds(version.modified_ms));
        output.insert("ARN", self.arn());
        output.insert("DataType", version.data_type.as_str());
        Ok(output.into())
    }

    /// What `DescribeParameters` and `GetParameterHistory` tell of a version beside its value.
    ///
    /// # Errors
    /// Its policies cannot be read.
    pub(crate) fn metadata(&self, version: &Version) -> Result<Object, Fault> {
        let mut output = Object::new();
        output.insert("Name", self.name.as_str());
        output.insert("Type", version.kind.as_str());
        if let Some(key) = &version.key_id {
            output.insert("KeyId", key.as_str());
        }
        output.insert("LastModifiedDate", seconds(version.modified_ms));
        output.insert("LastModifiedUser", version.user.as_str());
        if let Some(description) = version.description.as_deref().filter(|text| !text.is_empty()) {
            output.insert("Description", description);
        }
        if let Some(pattern) = version.allowed_pattern.as_deref().filter(|text| !text.is_empty()) {
            output.insert("AllowedPattern", pattern);
        }
        output.insert("Version", version.version);
        output.insert("Tier", version.tier.as_str());
        output.insert("Policies", policy::answered(version.policies.as_deref())?);
        output.insert("DataType", version.data_type.as_str());
        Ok(output)
    }
}

/// The name under which a version's value is sealed.
pub(crate) fn value_name(account: &str, region: &str, name: &str, version: u64) -> String {
    format!("ssm {} {name} {version}", arn(account, region, name))
}

/// An instant as the JSON protocols write it: seconds with a fraction.
pub(crate) fn seconds(ms: i64) -> Value {
    windlass_value::Number::from_f64(ms as f64 / 1000.0).into()
}
