//! What answers say about encryption. Contents lie as they came: whoever reads the
//! disk of this server reads its objects.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use windlass_protocol::Fault;
use windlass_value::{Object, Value};

use crate::bucket::{Bucket, DefaultEncryption};
use crate::faults;
use crate::input;

const KEY_BYTES: usize = 32;

/// How an object is encrypted, as its answers say. A stored type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Encryption {
    /// With keys of the service.
    Server(DefaultEncryption),
    /// With a key of the customer, by its MD5 in base64. Whoever reads must show the key.
    Customer { key_md5: String },
}

impl Default for Encryption {
    fn default() -> Encryption {
        Encryption::Server(DefaultEncryption::default())
    }
}

impl Encryption {
    /// What a request asks for, else what the bucket says.
    ///
    /// # Errors
    /// S3's words for headers that do not fit.
    pub(crate) fn of(bucket: &Bucket, input: &Value) -> Result<Encryption, Fault> {
        let algorithm = input::text(input, "ServerSideEncryption");
        if let Some(key_md5) = customer_key(input, "")? {
            if algorithm.is_some() {
                return Err(faults::invalid_argument(
                    "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
                    "x-amz-server-side-encryption",
                    algorithm.unwrap_or_default(),
                ));
            }
            return Ok(Encryption::Customer { key_md5 });
        }
        let key = input::text(input, "SSEKMSKeyId");
        let Some(algorithm) = algorithm else {
            if key.is_some() {
                return Err(faults::invalid_argument(
                    "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
                    "x-amz-server-side-encryption",
                    Value::Null,
                ));
            }
            return Ok(Encryption::Server(bucket.encryption.clone()));
        };
        if !is_algorithm(algorithm) {
            return Err(faults::invalid_argument(
                "The encryption method specified is not supported",
                "x-amz-server-side-encryption",
                algorithm,
            ));
        }
        if key.is_some() && algorithm == "AES256" {
            return Err(faults::invalid_argument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms",
                "x-amz-server-side-encryption",
                algorithm,
            ));
        }
        let bucket_key = match &input["BucketKeyEnabled"] {
            Value::Null => bucket.encryption.bucket_key && algorithm == bucket.encryption.algorithm,
            _ => input::flag(input, "BucketKeyEnabled"),
        };
        let key = key.or(bucket.encryption.key.as_deref().filter(|_| algorithm == bucket.encryption.algorithm));
        Ok(Encryption::Server(DefaultEncryption {
            algorithm: algorithm.to_owned(),
            key: key.map(|key| key_arn(bucket, key)),
            bucket_key,
        }))
    }

    /// Whether a reader shows the customer's key that the object asks for.
    ///
    /// # Errors
    /// None is shown, or another, or one where none belongs. `prefix` is what stands
    /// before the members' names.
    pub(crate) fn check_reader(&self, input: &Value, prefix: &str) -> Result<(), Fault> {
        match (self, customer_key(input, prefix)?) {
            (Encryption::Server(_), None) => Ok(()),
            (Encryption::Customer { key_md5 }, Some(shown)) if *key_md5 == shown => Ok(()),
            (Encryption::Customer { .. }, Some(_)) => Err(faults::access_denied()),
            (Encryption::Customer { .. }, None) => Err(faults::invalid_request(
                "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
            )),
            (Encryption::Server(_), Some(_)) => {
                Err(faults::invalid_request("The encryption parameters are not applicable to this object."))
            }
        }
    }

    /// Whether a request for a part shows the key that its upload was begun with.
    ///
    /// # Errors
    /// None is shown, or another.
    pub(crate) fn check_part(&self, input: &Value) -> Result<(), Fault> {
        match (self, customer_key(input, "")?) {
            (Encryption::Server(_), None) => Ok(()),
            (Encryption::Customer { key_md5 }, Some(shown)) if *key_md5 == shown => Ok(()),
            (Encryption::Customer { .. }, None) => Err(faults::invalid_request(
                "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
            )),
            (Encryption::Customer { .. } | Encryption::Server(_), Some(_)) => Err(faults::invalid_request(
                "The provided encryption parameters did not match the ones used originally.",
            )),
        }
    }

    /// Adds it to an answer.
    pub(crate) fn write(&self, output: &mut Object) {
        match self {
            Encryption::Server(server) => {
                output.insert("ServerSideEncryption", server.algorithm.as_str());
                if let Some(key) = &server.key {
                    output.insert("SSEKMSKeyId", key.as_str());
                }
                if server.bucket_key {
                    output.insert("BucketKeyEnabled", true);
                }
            }
            Encryption::Customer { key_md5 } => {
                output.insert("SSECustomerAlgorithm", "AES256");
                output.insert("SSECustomerKeyMD5", key_md5.as_str());
            }
        }
    }
}

/// Whether the service offers that encryption.
pub(crate) fn is_algorithm(name: &str) -> bool {
    matches!(name, "AES256" | "aws:kms" | "aws:kms:dsse")
}

fn key_arn(bucket: &Bucket, key: &str) -> String {
    if key.starts_with("arn:") || key.starts_with("alias/") {
        return key.to_owned();
    }
    format!("arn:aws:kms:{}:{}:key/{key}", bucket.region, bucket.account)
}

/// The MD5 of the customer's key that a request shows, if it does.
fn customer_key(input: &Value, prefix: &str) -> Result<Option<String>, Fault> {
    let member = |name: &str| input::text(input, &format!("{prefix}SSECustomer{name}"));
    let (algorithm, key, md5) = (member("Algorithm"), member("Key"), member("KeyMD5"));
    let argument = "x-amz-server-side-encryption-customer-algorithm";
    let (Some(algorithm), Some(key)) = (algorithm, key) else {
        if algorithm.is_none() && key.is_none() && md5.is_none() {
            return Ok(None);
        }
        let message = match algorithm {
            None => {
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm."
            }
            Some(_) => {
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key."
            }
        };
        return Err(faults::invalid_argument(message, argument, Value::Null));
    };
    if algorithm != "AES256" {
        let message = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.";
        return Err(Fault {
            code: "InvalidEncryptionAlgorithmError".into(),
            ..faults::invalid_argument(message, argument, algorithm)
        });
    }
    let bytes = STANDARD.decode(key).ok().filter(|bytes| bytes.len() == KEY_BYTES);
    let bytes = bytes.ok_or_else(|| {
        faults::invalid_argument("The secret key was invalid for the specified algorithm.", argument, algorithm)
    })?;
    let computed = STANDARD.encode(Md5::digest(bytes));
    match md5 {
        None => Err(faults::invalid_argument(
            "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.",
            argument,
            algorithm,
        )),
        Some(md5) if md5 != computed => Err(faults::invalid_argument(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
            "x-amz-server-side-encryption-customer-key-MD5",
            md5,
        )),
        _ => Ok(Some(computed)),
    }
}
