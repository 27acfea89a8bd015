use windlass_protocol::{Call, Fault, Outcome};
use windlass_store::{Batch, ColumnValue};
use windlass_value::{Timestamp, object};

use crate::faults;
use crate::input;
use crate::key::{KeyRecord, Spec, alias_arn, arn, default_policy};
use crate::key_id::KeyName;
use crate::kms::Kms;
use crate::policy;
use crate::random;
use crate::tables::{ALIASES, alias_row};
use crate::tags;

const DESCRIPTION_CHARS_MAX: usize = 8192;

/// The services whose `alias/aws/<service>` keys exist from their first use on.
const MANAGED_SERVICES: &[&str] = &[
    "acm",
    "backup",
    "cloud9",
    "codecommit",
    "connect",
    "dax",
    "dms",
    "dynamodb",
    "ebs",
    "elasticfilesystem",
    "es",
    "fsx",
    "glue",
    "kinesis",
    "kinesisvideo",
    "lambda",
    "lightsail",
    "mq",
    "rds",
    "redshift",
    "s3",
    "secretsmanager",
    "ses",
    "sns",
    "sqs",
    "ssm",
    "workspaces",
    "xray",
];

impl Kms {
    /// `CreateKey`.
    pub(crate) async fn create_key(&self, call: &Call) -> Outcome {
        let input = &call.input;
        if let Some(origin) = input::text(input, "Origin")?.filter(|origin| *origin != "AWS_KMS") {
            return Err(Fault::not_built(&format!("KMS keys of the origin {origin}")));
        }
        for member in ["CustomKeyStoreId", "XksKeyId"] {
            if input::text(input, member)?.is_some() {
                return Err(Fault::not_built(&format!("KMS keys with {member}")));
            }
        }
        let spec = spec(call)?;
        let description = input::text(input, "Description")?.unwrap_or_default();
        if description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(too_long("description", DESCRIPTION_CHARS_MAX));
        }
        let key_policy = match input::text(input, "Policy")?.filter(|policy| !policy.is_empty()) {
            Some(text) => policy::check(text)?.to_owned(),
            None => default_policy(&call.account),
        };
        let tags = tags::read(&input["Tags"])?;
        tags::check(&tags)?;
        let multi_region = input::flag(input, "MultiRegion")?;
        let id = if multi_region { format!("mrk-{}", random::hex(16)?) } else { random::uuid()? };
        let mut key = KeyRecord::new(&call.account, &call.region, id, spec, key_policy, (self.now)());
        key.description = description.to_owned();
        key.multi_region = multi_region;
        key.tags = tags;
        let sealed = self.new_material(&key, key.version)?;
        self.change(call, |batch, _| {
            self.put_new(&key, sealed.clone(), batch)?;
            Ok(object! { "KeyMetadata" => key.metadata() })
        })
        .await
    }

    fn put_new(&self, key: &KeyRecord, sealed: Vec<u8>, batch: &mut Batch) -> Result<(), Fault> {
        key.put(batch, None)?;
        key.put_material(batch, key.version, sealed, "CREATED", Timestamp(key.created_ms));
        Ok(())
    }

    /// New random material of a version, sealed.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(crate) fn new_material(&self, key: &KeyRecord, version: u32) -> Result<Vec<u8>, Fault> {
        let material = random::bytes(key.spec.material_bytes())?;
        self.keyring.seal(&material_name(key, version), &material).map_err(faults::seal)
    }

    /// Makes the key behind `alias/aws/<service>` where that is named and not there yet.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn make_managed_key(&self, call: &Call, key_id: &str) -> Result<(), Fault> {
        match KeyName::parse(key_id, call) {
            Ok(KeyName::Alias { account, alias }) if account == *call.account => {
                self.make_managed_alias(&account, &call.region, &alias).await
            }
            _ => Ok(()),
        }
    }

    /// The same, by the alias.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn make_managed_alias(&self, account: &str, region: &str, alias: &str) -> Result<(), Fault> {
        let Some(service) = alias.strip_prefix("alias/aws/").filter(|service| MANAGED_SERVICES.contains(service))
        else {
            return Ok(());
        };
        if self.alias_target(account, region, alias)?.is_some() {
            return Ok(());
        }
        let now = (self.now)();
        let key_policy = managed_policy(account, region, service);
        let mut key = KeyRecord::new(account, region, random::uuid()?, Spec::Symmetric, key_policy, now);
        key.description = format!("Default key that protects my {service} data when no other key is defined");
        key.aws_service = Some(service.to_owned());
        let sealed = self.new_material(&key, key.version)?;
        // Not under the call's idempotency key: this is not what it asks for.
        let made = self.answers.apply(account, region, None, || {
            let mut batch = Batch::default();
            if self.alias_target(account, region, alias)?.is_none() {
                self.put_new(&key, sealed.clone(), &mut batch)?;
                put_alias(&mut batch, account, region, alias, &key.id, now, now);
                batch.expect_absent(&ALIASES, alias_row(account, region, alias));
            }
            Ok((batch, windlass_value::Value::Null))
        });
        made.await.map(|_| ()).map_err(faults::apply)
    }
}

/// Writes the row of an alias.
pub(crate) fn put_alias(
    batch: &mut Batch,
    account: &str,
    region: &str,
    alias: &str,
    key_id: &str,
    created: Timestamp,
    updated: Timestamp,
) {
    let columns: Vec<ColumnValue> = vec![
        account.into(),
        region.into(),
        alias.into(),
        key_id.into(),
        created.as_ms().into(),
        updated.as_ms().into(),
    ];
    batch.put(&ALIASES, alias_row(account, region, alias), columns, Vec::new());
}

/// The name under which material is sealed.
pub(crate) fn material_name(key: &KeyRecord, version: u32) -> String {
    format!("kms {} {version}", arn(&key.account, &key.region, &key.id))
}

fn spec(call: &Call) -> Result<Spec, Fault> {
    let input = &call.input;
    let old = input::text(input, "CustomerMasterKeySpec")?;
    let new = input::text(input, "KeySpec")?;
    if let (Some(old), Some(new)) = (old, new)
        && old != new
    {
        return Err(Fault::validation(
            "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated.",
        ));
    }
    let name = new.or(old).unwrap_or("SYMMETRIC_DEFAULT");
    let spec = Spec::parse(name).ok_or_else(|| Fault::not_built(&format!("KMS keys of the spec {name}")))?;
    match input::text(input, "KeyUsage")? {
        None if spec == Spec::Symmetric => Ok(spec),
        None => Err(Fault::validation(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
        )),
        Some(usage) if usage == spec.usage() => Ok(spec),
        Some(usage) => Err(Fault::validation(format!("KeyUsage {usage} is not compatible with KeySpec {name}"))),
    }
}

pub(crate) fn too_long(member: &str, chars_max: usize) -> Fault {
    Fault::validation(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have length less than or equal to {chars_max}"
    ))
}

/// The policy of a key that a service uses on behalf of its account.
fn managed_policy(account: &str, region: &str, service: &str) -> String {
    let alias = alias_arn(account, region, &format!("alias/aws/{service}"));
    let use_through = object! {
        "Sid" => format!("Allow access through {service} for all principals in the account that are authorized to use it"),
        "Effect" => "Allow",
        "Principal" => object! { "AWS" => "*" },
        "Action" => ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:CreateGrant", "kms:DescribeKey"]
            .map(windlass_value::Value::from)
            .to_vec(),
        "Resource" => "*",
        "Condition" => object! {
            "StringEquals" => object! {
                "kms:CallerAccount" => account,
                "kms:ViaService" => format!("{service}.{region}.amazonaws.com"),
            },
        },
    };
    let look_at = object! {
        "Sid" => "Allow direct access to key metadata to the account",
        "Effect" => "Allow",
        "Principal" => object! { "AWS" => format!("arn:aws:iam::{account}:root") },
        "Action" => ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"].map(windlass_value::Value::from).to_vec(),
        "Resource" => "*",
    };
    object! { "Version" => "2012-10-17", "Id" => format!("auto-{alias}"), "Statement" => vec![use_through, look_at] }
        .to_pretty()
}
