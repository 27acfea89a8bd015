use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_protocol::Fault;
use windlass_store::{Batch, ColumnValue, Row};
use windlass_value::{Object, Timestamp, Value, object};

use crate::faults;
use crate::tables::{KEYS, MATERIALS, key_row};

/// The encoding of the rows.
const FORMAT: u32 = 1;

/// What kind of key it is: its `KeySpec`. A stored type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Spec {
    #[serde(rename = "SYMMETRIC_DEFAULT")]
    Symmetric,
    #[serde(rename = "HMAC_224")]
    Hmac224,
    #[serde(rename = "HMAC_256")]
    Hmac256,
    #[serde(rename = "HMAC_384")]
    Hmac384,
    #[serde(rename = "HMAC_512")]
    Hmac512,
}

impl Spec {
    pub(crate) fn parse(text: &str) -> Option<Spec> {
        Some(match text {
            "SYMMETRIC_DEFAULT" => Spec::Symmetric,
            "HMAC_224" => Spec::Hmac224,
            "HMAC_256" => Spec::Hmac256,
            "HMAC_384" => Spec::Hmac384,
            "HMAC_512" => Spec::Hmac512,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Spec::Symmetric => "SYMMETRIC_DEFAULT",
            Spec::Hmac224 => "HMAC_224",
            Spec::Hmac256 => "HMAC_256",
            Spec::Hmac384 => "HMAC_384",
            Spec::Hmac512 => "HMAC_512",
        }
    }

    /// `KeyUsage`; each of our specs has one.
    pub(crate) fn usage(self) -> &'static str {
        match self {
            Spec::Symmetric => "ENCRYPT_DECRYPT",
            _ => "GENERATE_VERIFY_MAC",
        }
    }

    /// The algorithm of an HMAC key.
    pub(crate) fn mac_algorithm(self) -> Option<&'static str> {
        match self {
            Spec::Symmetric => None,
            Spec::Hmac224 => Some("HMAC_SHA_224"),
            Spec::Hmac256 => Some("HMAC_SHA_256"),
            Spec::Hmac384 => Some("HMAC_SHA_384"),
            Spec::Hmac512 => Some("HMAC_SHA_512"),
        }
    }

    /// The length of the material.
    pub(crate) fn material_bytes(self) -> usize {
        match self {
            Spec::Symmetric | Spec::Hmac256 => 32,
            Spec::Hmac224 => 28,
            Spec::Hmac384 => 48,
            Spec::Hmac512 => 64,
        }
    }
}

/// Automatic rotation. A stored type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rotation {
    pub(crate) period_days: i64,
    pub(crate) next_ms: i64,
}

/// A key without its material. A stored type.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyRecord {
    format: u32,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) id: String,
    pub(crate) spec: Spec,
    pub(crate) description: String,
    pub(crate) created_ms: i64,
    pub(crate) enabled: bool,
    /// When it is deleted; it cannot be used until that is cancelled.
    pub(crate) deletion_ms: Option<i64>,
    /// The AWS service that it was made for.
    pub(crate) aws_service: Option<String>,
    pub(crate) multi_region: bool,
    pub(crate) policy: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) rotation: Option<Rotation>,
    pub(crate) on_demand_rotations: u32,
    /// The version of the material that encrypts, from 1.
    pub(crate) version: u32,
}

/// A key as it lies in the store.
pub(crate) struct StoredKey {
    pub(crate) key: KeyRecord,
    /// Of the row.
    pub(crate) row_version: u64,
}

impl KeyRecord {
    /// An enabled key at its first version.
    pub(crate) fn new(
        account: &str,
        region: &str,
        id: String,
        spec: Spec,
        policy: String,
        now: Timestamp,
    ) -> KeyRecord {
        KeyRecord {
            format: FORMAT,
            account: account.to_owned(),
            region: region.to_owned(),
            id,
            spec,
            description: String::new(),
            created_ms: now.as_ms(),
            enabled: true,
            deletion_ms: None,
            aws_service: None,
            multi_region: false,
            policy,
            tags: BTreeMap::new(),
            rotation: None,
            on_demand_rotations: 0,
            version: 1,
        }
    }

    pub(crate) fn arn(&self) -> String {
        arn(&self.account, &self.region, &self.id)
    }

    /// `KeyState`.
    pub(crate) fn state(&self) -> &'static str {
        match (self.deletion_ms, self.enabled) {
            (Some(_), _) => "PendingDeletion",
            (None, true) => "Enabled",
            (None, false) => "Disabled",
        }
    }

    /// Refuses a key that waits for its deletion.
    ///
    /// # Errors
    /// `KMSInvalidStateException`
    pub(crate) fn check_not_pending(&self) -> Result<(), Fault> {
        match self.deletion_ms {
            Some(_) => Err(faults::state(&self.arn(), "is pending deletion.")),
            None => Ok(()),
        }
    }

    /// Refuses a key that cannot be used in that operation.
    ///
    /// # Errors
    /// `KMSInvalidStateException`, `DisabledException`, `InvalidKeyUsageException`
    pub(crate) fn check_usable(&self, is_mac: bool, operation: &str) -> Result<(), Fault> {
        self.check_not_pending()?;
        if !self.enabled {
            return Err(faults::disabled(&self.arn()));
        }
        if is_mac == (self.spec == Spec::Symmetric) {
            return Err(faults::usage(&self.arn(), self.spec.usage(), operation));
        }
        Ok(())
    }

    /// Writes the row; over the version that was read, or as a new one.
    ///
    /// # Errors
    /// It cannot be encoded.
    pub(crate) fn put(&self, batch: &mut Batch, row_version: Option<u64>) -> Result<(), Fault> {
        let row = key_row(&self.account, &self.region, &self.id);
        match row_version {
            Some(version) => batch.expect_version(&KEYS, row.clone(), version),
            None => batch.expect_absent(&KEYS, row.clone()),
        }
        let columns = vec![
            self.account.as_str().into(),
            self.region.as_str().into(),
            self.id.as_str().into(),
            self.state().into(),
        ];
        let value = serde_json::to_vec(self).map_err(|error| faults::row("a key", error))?;
        batch.put(&KEYS, row, columns, value);
        Ok(())
    }

    /// Adds the sealed material of a version. `cause`: `CREATED`, `AUTOMATIC` or `ON_DEMAND`.
    pub(crate) fn put_material(&self, batch: &mut Batch, version: u32, sealed: Vec<u8>, cause: &str, now: Timestamp) {
        let row = key_row(&self.account, &self.region, &self.id).number(u64::from(version));
        batch.expect_absent(&MATERIALS, row.clone());
        let columns: Vec<ColumnValue> = vec![
            self.account.as_str().into(),
            self.region.as_str().into(),
            self.id.as_str().into(),
            i64::from(version).into(),
            now.as_ms().into(),
            cause.into(),
        ];
        batch.put(&MATERIALS, row, columns, sealed);
    }

    /// Reads a row.
    ///
    /// # Errors
    /// It is of another format.
    pub(crate) fn read(row: &Row) -> Result<StoredKey, Fault> {
        let key: KeyRecord = serde_json::from_slice(&row.value).map_err(|error| faults::row("a key", error))?;
        if key.format != FORMAT {
            return Err(faults::row("a key", format!("format {} is not {FORMAT}", key.format)));
        }
        Ok(StoredKey { key, row_version: row.version })
    }

    /// `KeyMetadata`.
    pub(crate) fn metadata(&self) -> Value {
        let mut output = Object::new();
        output.insert("AWSAccountId", self.account.as_str());
        output.insert("KeyId", self.id.as_str());
        output.insert("Arn", self.arn());
        output.insert("CreationDate", seconds(self.created_ms));
        output.insert("Enabled", self.deletion_ms.is_none() && self.enabled);
        output.insert("Description", self.description.as_str());
        output.insert("KeyUsage", self.spec.usage());
        output.insert("KeyState", self.state());
        if let Some(deletion_ms) = self.deletion_ms {
            output.insert("DeletionDate", seconds(deletion_ms));
        }
        output.insert("Origin", "AWS_KMS");
        output.insert("KeyManager", if self.aws_service.is_some() { "AWS" } else { "CUSTOMER" });
        output.insert("CustomerMasterKeySpec", self.spec.name());
        output.insert("KeySpec", self.spec.name());
        match self.spec.mac_algorithm() {
            Some(algorithm) => output.insert("MacAlgorithms", vec![Value::from(algorithm)]),
            None => output.insert("EncryptionAlgorithms", vec![Value::from("SYMMETRIC_DEFAULT")]),
        };
        output.insert("MultiRegion", self.multi_region);
        if self.multi_region {
            let primary = object! { "Arn" => self.arn(), "Region" => self.region.as_str() };
            output.insert(
                "MultiRegionConfiguration",
                object! { "MultiRegionKeyType" => "PRIMARY", "PrimaryKey" => primary, "ReplicaKeys" => Vec::new() },
            );
        }
        output.into()
    }
}

/// The ARN of a key.
pub(crate) fn arn(account: &str, region: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:key/{id}")
}

/// The ARN of an alias (its name has the prefix `alias/`).
pub(crate) fn alias_arn(account: &str, region: &str, alias: &str) -> String {
    format!("arn:aws:kms:{region}:{account}:{alias}")
}

/// An instant as the JSON protocols write it: seconds with a fraction.
pub(crate) fn seconds(ms: i64) -> Value {
    windlass_value::Number::from_f64(ms as f64 / 1000.0).into()
}

/// The policy of a key for which none is given: its account decides.
pub(crate) fn default_policy(account: &str) -> String {
    format!(
        r#"{{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {{
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {{
      "AWS" : "arn:aws:iam::{account}:root"
    }},
    "Action" : "kms:*",
    "Resource" : "*"
  }} ]
}}"#
    )
}
