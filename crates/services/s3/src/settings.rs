//! What is configured for buckets: documents that are kept and answered as they came.

use windlass_protocol::{Call, Fault, Outcome, Reply};
use windlass_store::{ColumnValue, Key};
use windlass_value::{Object, Text, Value, object, parse};

use crate::bucket::{Bucket, DefaultEncryption, Ownership, Versioning};
use crate::change::Change;
use crate::encryption;
use crate::faults;
use crate::input;
use crate::s3::S3;
use crate::stored::{self, Versioned};
use crate::tables::SETTINGS;
use crate::tagging;

/// A kind of setting: its name in the store, and S3's answer where a bucket has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    /// Error name and text; without, an empty answer.
    missing: Option<(&'static str, &'static str)>,
}

pub(crate) const TAGGING: Setting =
    Setting { name: "tagging", missing: Some(("NoSuchTagSet", "The TagSet does not exist")) };
pub(crate) const POLICY: Setting =
    Setting { name: "policy", missing: Some(("NoSuchBucketPolicy", "The bucket policy does not exist")) };
pub(crate) const CORS: Setting =
    Setting { name: "cors", missing: Some(("NoSuchCORSConfiguration", "The CORS configuration does not exist")) };
pub(crate) const LIFECYCLE: Setting = Setting {
    name: "lifecycle",
    missing: Some(("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist")),
};
const WEBSITE: Setting = Setting {
    name: "website",
    missing: Some(("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")),
};
const PUBLIC_ACCESS_BLOCK: Setting = Setting {
    name: "public_access_block",
    missing: Some(("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found")),
};
const REPLICATION: Setting = Setting {
    name: "replication",
    missing: Some(("ReplicationConfigurationNotFoundError", "The replication configuration was not found")),
};
const OBJECT_LOCK: Setting = Setting {
    name: "object_lock",
    missing: Some(("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")),
};
const LOGGING: Setting = Setting { name: "logging", missing: None };
const ACCELERATE: Setting = Setting { name: "accelerate", missing: None };
const REQUEST_PAYMENT: Setting = Setting { name: "request_payment", missing: None };

const POLICY_BYTES_MAX: usize = 20 * 1024;
const CORS_RULES_MAX: usize = 100;

fn setting_key(bucket: &Bucket, setting: Setting) -> Key {
    bucket.rows().text(setting.name)
}

/// Adds a setting to a change.
pub(crate) fn put(change: &mut Change, bucket: &Bucket, setting: Setting, document: &Value) {
    let columns = vec![ColumnValue::from(bucket.name.as_str()), setting.name.into()];
    change.batch.put(&SETTINGS, setting_key(bucket, setting), columns, document.to_text());
}

impl S3 {
    /// A setting of a bucket, if it has one.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn setting(&self, bucket: &Bucket, setting: Setting) -> Result<Option<Value>, Fault> {
        let row = self.store.get(&SETTINGS, &setting_key(bucket, setting)).map_err(stored::unreadable)?;
        let Some(row) = row else { return Ok(None) };
        let text = String::from_utf8_lossy(&row.value);
        parse(&text).map(Some).map_err(|error| faults::internal(format!("a setting cannot be read: {error}")))
    }

    fn answer_setting(&self, call: &Call, setting: Setting) -> Result<Value, Fault> {
        let bucket = self.bucket(call)?.value;
        match (self.setting(&bucket, setting)?, setting.missing) {
            (Some(document), _) => Ok(document),
            (None, None) => Ok(Value::empty_object()),
            (None, Some((code, message))) => Err(faults::not_configured(code, message, &bucket.name)),
        }
    }

    async fn put_setting(&self, call: &Call, setting: Setting, document: Value) -> Outcome {
        let put = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            put(change, &bucket, setting, &document);
            Ok(Value::empty_object())
        });
        put.await.map(Reply::from)
    }

    async fn delete_setting(&self, call: &Call, setting: Setting) -> Outcome {
        let deleted = self.change(call, |change| {
            let bucket = self.bucket_for_change(change, call)?;
            change.batch.delete(&SETTINGS, setting_key(&bucket, setting));
            Ok(Value::empty_object())
        });
        deleted.await.map(Reply::from)
    }

    async fn alter_bucket(
        &self,
        call: &Call,
        alter: impl Fn(&mut Bucket) -> Result<(), Fault> + Send + Sync,
    ) -> Outcome {
        let altered = self.change(call, |change| {
            let mut bucket = self.bucket_for_change(change, call)?;
            alter(&mut bucket)?;
            bucket.put(change);
            Ok(Value::empty_object())
        });
        altered.await.map(Reply::from)
    }

    /// The bucket of an ARN: a bucket's, or an object's.
    fn bucket_of(&self, resource_arn: &str) -> Result<Option<Versioned<Bucket>>, Fault> {
        let Some(path) = resource_arn.strip_prefix("arn:aws:s3:::") else { return Ok(None) };
        self.find_bucket(path.split('/').next().unwrap_or_default())
    }

    /// The account of a bucket, or of the bucket of an object, by its ARN.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn owner_of(&self, resource_arn: &str) -> Result<Option<Text>, Fault> {
        Ok(self.bucket_of(resource_arn)?.map(|bucket| bucket.value.account.into()))
    }

    /// The policy of a bucket, or of the bucket of an object, by its ARN.
    ///
    /// # Errors
    /// The store cannot be read.
    pub(crate) fn policy_of(&self, resource_arn: &str) -> Result<Option<Text>, Fault> {
        let Some(bucket) = self.bucket_of(resource_arn)? else { return Ok(None) };
        let policy = self.setting(&bucket.value, POLICY)?;
        Ok(policy.and_then(|policy| policy["Policy"].as_str().map(Text::from)))
    }

    /// Answers the operations on settings; `None` for any other.
    pub(crate) async fn answer_settings(&self, call: &Call) -> Option<Outcome> {
        let input = &call.input;
        Some(match &*call.operation {
            "GetBucketTagging" => self.answer_setting(call, TAGGING).map(Reply::from),
            "PutBucketTagging" => match tagging::of_bucket(input) {
                Ok(document) => self.put_setting(call, TAGGING, document).await,
                Err(fault) => Err(fault),
            },
            "DeleteBucketTagging" => self.delete_setting(call, TAGGING).await,

            "GetBucketPolicy" => self.answer_setting(call, POLICY).map(policy_reply),
            "PutBucketPolicy" => self.put_policy(call).await,
            "DeleteBucketPolicy" => self.delete_setting(call, POLICY).await,
            "GetBucketPolicyStatus" => self.answer_setting(call, POLICY).map(|document| {
                let is_public = is_public(document["Policy"].as_str().unwrap_or_default());
                object! { "PolicyStatus" => object! { "IsPublic" => is_public } }.into()
            }),

            "GetBucketCors" => self.answer_setting(call, CORS).map(Reply::from),
            "PutBucketCors" => match crate::cors::check(&input["CORSConfiguration"], CORS_RULES_MAX) {
                Ok(()) => self.put_setting(call, CORS, input["CORSConfiguration"].clone()).await,
                Err(fault) => Err(fault),
            },
            "DeleteBucketCors" => self.delete_setting(call, CORS).await,

            "GetBucketLifecycleConfiguration" | "GetBucketLifecycle" => {
                self.answer_setting(call, LIFECYCLE).map(Reply::from)
            }
            "PutBucketLifecycleConfiguration" | "PutBucketLifecycle" => match crate::lifecycle::document_of(input) {
                Ok(document) => {
                    let size = document["TransitionDefaultMinimumObjectSize"].clone();
                    let put = self.put_setting(call, LIFECYCLE, document).await;
                    put.map(|_| object! { "TransitionDefaultMinimumObjectSize" => size }.into())
                }
                Err(fault) => Err(fault),
            },
            "DeleteBucketLifecycle" => self.delete_setting(call, LIFECYCLE).await,

            "GetBucketWebsite" => self.answer_setting(call, WEBSITE).map(Reply::from),
            "PutBucketWebsite" => self.put_setting(call, WEBSITE, input["WebsiteConfiguration"].clone()).await,
            "DeleteBucketWebsite" => self.delete_setting(call, WEBSITE).await,

            "GetPublicAccessBlock" => self
                .answer_setting(call, PUBLIC_ACCESS_BLOCK)
                .map(|document| object! { "PublicAccessBlockConfiguration" => document }.into()),
            "PutPublicAccessBlock" => {
                let given = &input["PublicAccessBlockConfiguration"];
                let members = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];
                let document: Object = members.iter().map(|name| (*name, input::flag(given, name))).collect();
                self.put_setting(call, PUBLIC_ACCESS_BLOCK, document.into()).await
            }
            "DeletePublicAccessBlock" => self.delete_setting(call, PUBLIC_ACCESS_BLOCK).await,

            "GetBucketLogging" => self.answer_setting(call, LOGGING).map(Reply::from),
            "PutBucketLogging" => match input["BucketLoggingStatus"]["LoggingEnabled"].is_null() {
                true => self.delete_setting(call, LOGGING).await,
                false => Err(faults::operation_not_implemented("PutBucketLogging with LoggingEnabled")),
            },
            "GetBucketAccelerateConfiguration" => self.answer_setting(call, ACCELERATE).map(Reply::from),
            "PutBucketAccelerateConfiguration" => {
                let status = input::text(&input["AccelerateConfiguration"], "Status");
                match status {
                    Some(status @ ("Enabled" | "Suspended")) => {
                        self.put_setting(call, ACCELERATE, object! { "Status" => status }).await
                    }
                    _ => Err(faults::malformed_xml()),
                }
            }
            "GetBucketRequestPayment" => self.answer_setting(call, REQUEST_PAYMENT).map(|document| match document {
                Value::Object(document) if !document.is_empty() => Value::Object(document).into(),
                _ => object! { "Payer" => "BucketOwner" }.into(),
            }),
            "PutBucketRequestPayment" => match input::text(&input["RequestPaymentConfiguration"], "Payer") {
                Some(payer @ ("BucketOwner" | "Requester")) => {
                    self.put_setting(call, REQUEST_PAYMENT, object! { "Payer" => payer }).await
                }
                _ => Err(faults::malformed_xml()),
            },
            "GetBucketReplication" => self.answer_setting(call, REPLICATION).map(Reply::from),
            "DeleteBucketReplication" => self.delete_setting(call, REPLICATION).await,
            "GetObjectLockConfiguration" => self.answer_setting(call, OBJECT_LOCK).map(Reply::from),
            "GetObjectRetention" | "GetObjectLegalHold" => self
                .bucket(call)
                .and_then(|_| Err(faults::invalid_request("Bucket is missing Object Lock Configuration"))),

            "GetBucketVersioning" => self.bucket(call).map(|bucket| {
                let status = bucket.value.versioning.map(Versioning::as_str);
                status.map_or_else(Value::empty_object, |status| object! { "Status" => status }).into()
            }),
            "PutBucketVersioning" => self.put_versioning(call).await,
            "GetBucketEncryption" => self.bucket(call).map(|bucket| encryption_reply(&bucket.value)),
            "PutBucketEncryption" => self.put_encryption(call).await,
            "DeleteBucketEncryption" => {
                self.alter_bucket(call, |bucket| {
                    bucket.encryption = DefaultEncryption::default();
                    Ok(())
                })
                .await
            }
            "GetBucketOwnershipControls" => self.bucket(call).and_then(|bucket| {
                let ownership = bucket.value.ownership.ok_or_else(|| {
                    let message = "The bucket ownership controls were not found";
                    faults::not_configured("OwnershipControlsNotFoundError", message, &bucket.value.name)
                })?;
                let rule = object! { "ObjectOwnership" => ownership.as_str() };
                Ok(object! { "OwnershipControls" => object! { "Rules" => vec![rule] } }.into())
            }),
            "PutBucketOwnershipControls" => {
                let rules = input::list(&input["OwnershipControls"], "Rules");
                let ownership = match rules {
                    [rule] => rule["ObjectOwnership"].as_str().and_then(Ownership::parse),
                    _ => None,
                };
                match ownership {
                    Some(ownership) => {
                        self.alter_bucket(call, |bucket| {
                            if ownership == Ownership::BucketOwnerEnforced && bucket.acl.is_some() {
                                return Err(Fault::new(
                                    "InvalidBucketAclWithObjectOwnership",
                                    "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
                                ));
                            }
                            bucket.ownership = Some(ownership);
                            Ok(())
                        })
                        .await
                    }
                    None => Err(faults::malformed_xml()),
                }
            }
            "DeleteBucketOwnershipControls" => {
                self.alter_bucket(call, |bucket| {
                    bucket.ownership = None;
                    Ok(())
                })
                .await
            }
            _ => return None,
        })
    }

    async fn put_policy(&self, call: &Call) -> Outcome {
        let in_body;
        let text = match call.input["Policy"].as_str() {
            Some(text) => text,
            None => {
                let read = call.body.read(POLICY_BYTES_MAX as u64 + 1).unwrap_or_default();
                in_body = String::from_utf8_lossy(&read).into_owned();
                &in_body
            }
        };
        if text.len() > POLICY_BYTES_MAX {
            return Err(faults::malformed_policy("Policies must not be larger than 20480 bytes"));
        }
        let bucket = self.bucket(call)?.value;
        check_policy(text, &bucket)?;
        if is_public(text) {
            let block = self.setting(&bucket, PUBLIC_ACCESS_BLOCK)?.unwrap_or_default();
            if block["BlockPublicPolicy"] == Value::Bool(true) {
                return Err(faults::access_denied()
                    .explained("the policy is public, and the bucket's public access block refuses such"));
            }
        }
        self.put_setting(call, POLICY, object! { "Policy" => text }).await
    }

    async fn put_versioning(&self, call: &Call) -> Outcome {
        let configuration = &call.input["VersioningConfiguration"];
        let versioning = match input::text(configuration, "Status") {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => {
                return Err(Fault::new(
                    "IllegalVersioningConfigurationException",
                    "The Versioning element must be specified",
                ));
            }
        };
        if input::text(configuration, "MFADelete") == Some("Enabled") {
            return Err(faults::not_implemented("MFA Delete"));
        }
        self.alter_bucket(call, |bucket| {
            bucket.versioning = Some(versioning);
            Ok(())
        })
        .await
    }

    async fn put_encryption(&self, call: &Call) -> Outcome {
        let rules = input::list(&call.input["ServerSideEncryptionConfiguration"], "Rules");
        let [rule] = rules else { return Err(faults::malformed_xml()) };
        let default = &rule["ApplyServerSideEncryptionByDefault"];
        let algorithm = input::text(default, "SSEAlgorithm").unwrap_or("AES256");
        let key = input::text(default, "KMSMasterKeyID");
        if !encryption::is_algorithm(algorithm) {
            return Err(faults::malformed_xml());
        }
        if key.is_some() && algorithm == "AES256" {
            return Err(faults::invalid_argument(
                "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
                "ApplyServerSideEncryptionByDefault",
                algorithm,
            ));
        }
        self.alter_bucket(call, |bucket| {
            bucket.encryption = DefaultEncryption {
                algorithm: algorithm.to_owned(),
                key: key.map(str::to_owned),
                bucket_key: input::flag(rule, "BucketKeyEnabled"),
            };
            Ok(())
        })
        .await
    }
}

fn policy_reply(document: Value) -> Reply {
    let text = document["Policy"].as_str().unwrap_or_default().to_owned();
    Reply { output: document, body: text.into() }
}

fn encryption_reply(bucket: &Bucket) -> Reply {
    let mut default = Object::new();
    default.insert("SSEAlgorithm", bucket.encryption.algorithm.as_str());
    if let Some(key) = &bucket.encryption.key {
        default.insert("KMSMasterKeyID", key.as_str());
    }
    let rule = object! {
        "ApplyServerSideEncryptionByDefault" => default,
        "BucketKeyEnabled" => bucket.encryption.bucket_key,
    };
    object! { "ServerSideEncryptionConfiguration" => object! { "Rules" => vec![rule] } }.into()
}

/// Whether a text is a policy for this bucket, as far as S3 looks when it takes one.
fn check_policy(text: &str, bucket: &Bucket) -> Result<(), Fault> {
    let policy = parse(text)
        .map_err(|_| faults::malformed_policy("Policies must be valid JSON and the first byte must be '{'"))?;
    if policy.as_object().is_none() {
        return Err(faults::malformed_policy("Policies must be valid JSON and the first byte must be '{'"));
    }
    if !matches!(policy["Version"].as_str(), None | Some("2012-10-17" | "2008-10-17")) {
        return Err(faults::malformed_policy("The policy must contain a valid version string"));
    }
    let statements = one_or_many(&policy["Statement"]);
    if statements.is_empty() {
        return Err(faults::malformed_policy("Missing required field Statement"));
    }
    for statement in statements {
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(faults::malformed_policy("Invalid effect"));
        }
        if statement["Principal"].is_null() && statement["NotPrincipal"].is_null() {
            return Err(faults::malformed_policy("Missing required field Principal"));
        }
        if statement["Action"].is_null() && statement["NotAction"].is_null() {
            return Err(faults::malformed_policy("Missing required field Action"));
        }
        let actions = one_or_many(&statement["Action"]);
        if actions.iter().any(|action| action.as_str().is_none_or(|action| action != "*" && !action.starts_with("s3:")))
        {
            return Err(faults::malformed_policy("Policy has invalid action"));
        }
        let resources =
            if statement["Resource"].is_null() { &statement["NotResource"] } else { &statement["Resource"] };
        if resources.is_null() {
            return Err(faults::malformed_policy("Missing required field Resource"));
        }
        let arn = bucket.arn();
        let is_of_bucket = |resource: &Value| {
            let Some(resource) = resource.as_str() else { return false };
            let path = resource.strip_prefix("arn:aws:s3:::").unwrap_or(resource);
            let named = path.split('/').next().unwrap_or_default();
            resource == "*" || named.contains(['*', '?', '$']) || arn.ends_with(&format!(":{named}"))
        };
        if !one_or_many(resources).iter().all(is_of_bucket) {
            return Err(faults::malformed_policy("Policy has invalid resource"));
        }
    }
    Ok(())
}

fn one_or_many(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.to_vec(),
        value => vec![value.clone()],
    }
}

/// Whether a policy lets everybody in: an Allow for every principal without a condition.
fn is_public(policy: &str) -> bool {
    let Ok(policy) = parse(policy) else { return false };
    one_or_many(&policy["Statement"]).iter().any(|statement| {
        let principal = &statement["Principal"];
        let is_everybody = principal.as_str() == Some("*")
            || one_or_many(&principal["AWS"]).iter().any(|arn| arn.as_str() == Some("*"));
        let has_condition = statement["Condition"].as_object().is_some_and(|condition| !condition.is_empty());
        statement["Effect"].as_str() == Some("Allow") && is_everybody && !has_condition
    })
}
