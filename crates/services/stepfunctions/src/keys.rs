//! Customer keys: what `encryptionConfiguration` says, and the calls to KMS that
//! follow from it.
//!
//! Data keys are made and opened under the execution's role, bound to the state
//! machine by the encryption context; whoever reads needs `kms:Decrypt` for them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use windlass_asl::{Machine, MapMode, StateKind};
use windlass_journal::{DataKey, DataKeyError, Journal, JournalDefinition, JournalError, Record};
use windlass_protocol::{Body, Call, Dispatcher, Fault, Principal};
use windlass_value::{Arn, Object, Text, Value, object};

use crate::environment::Environment;
use crate::fault::of_journal;

/// How long a data key is used when nothing is said, in seconds.
const REUSE_SECONDS_DEFAULT: i64 = 300;
const REUSE_SECONDS: std::ops::RangeInclusive<i64> = 60..=900;
/// Data keys and opened definitions kept in memory.
const KEPT_MAX: usize = 1_000;
/// Data keys that one read opens at most.
const OPENED_MAX: usize = 1_000;

/// A key of the customer's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CustomerKey {
    key_id: Text,
    reuse_seconds: i64,
}

impl CustomerKey {
    /// The key that a checked configuration names; `None` for AWS's own.
    pub(crate) fn of(configuration: &Value) -> Option<CustomerKey> {
        let key_id = configuration["kmsKeyId"].as_str()?.into();
        let reuse_seconds = configuration["kmsDataKeyReusePeriodSeconds"].as_i64().unwrap_or(REUSE_SECONDS_DEFAULT);
        Some(CustomerKey { key_id, reuse_seconds })
    }
}

/// Checks an encryption configuration; answers it as it is shown.
///
/// # Errors
/// `InvalidEncryptionConfiguration`.
pub(crate) fn encryption_configuration(given: &Object) -> Result<Value, Fault> {
    let key_id = given.get("kmsKeyId").filter(|key| !key.is_null());
    let period = given.get("kmsDataKeyReusePeriodSeconds").filter(|period| !period.is_null());
    if !matches!(given.get("type").and_then(Value::as_str), Some("CUSTOMER_MANAGED_KMS_KEY")) {
        return match (key_id, period) {
            (None, None) => Ok(object! { "type" => "AWS_OWNED_KEY" }),
            (Some(_), _) => Err(invalid("KmsKeyId is not allowed when the type is AWS_OWNED_KEY")),
            (None, Some(_)) => {
                Err(invalid("KmsDataKeyReusePeriodSeconds is not allowed when the type is AWS_OWNED_KEY"))
            }
        };
    }
    let Some(key_id) = key_id.and_then(Value::as_str).filter(|key_id| !key_id.is_empty()) else {
        return Err(invalid("KmsKeyId is required when the type is CUSTOMER_MANAGED_KMS_KEY"));
    };
    let period = period.map_or(Some(REUSE_SECONDS_DEFAULT), Value::as_i64);
    let Some(period) = period.filter(|period| REUSE_SECONDS.contains(period)) else {
        return Err(invalid("KmsDataKeyReusePeriodSeconds must be between 60 and 900"));
    };
    Ok(object! {
        "kmsKeyId" => key_id,
        "kmsDataKeyReusePeriodSeconds" => period,
        "type" => "CUSTOMER_MANAGED_KMS_KEY",
    })
}

fn invalid(why: &str) -> Fault {
    Fault::new("InvalidEncryptionConfiguration", format!("Invalid Encryption Configuration: '{why}'"))
}

/// State machine, customer key, role.
type Maker = (Text, Text, Text);

/// For whom a key is used: the resource whose data it seals, and who asks.
struct Use<'a> {
    /// ARN of a state machine or an activity, which names the context.
    resource_arn: &'a str,
    principal: Principal,
    depth: u8,
    /// Names the caller's request in logs.
    request_id: Text,
}

/// The data keys in use, and the way to KMS. Clones share them.
#[derive(Clone)]
pub(crate) struct Keys {
    dispatcher: Dispatcher,
    environment: Environment,
    made: Arc<Mutex<HashMap<Maker, Arc<DataKey>>>>,
    /// Opened definitions by hash.
    definitions: Arc<Mutex<HashMap<Text, Arc<JournalDefinition>>>>,
}

impl Keys {
    pub(crate) fn new(dispatcher: Dispatcher, environment: Environment) -> Keys {
        Keys { dispatcher, environment, made: Arc::default(), definitions: Arc::default() }
    }

    async fn kms(&self, who: &Use<'_>, operation: &str, input: Value) -> Result<Value, Fault> {
        let arn = Arn::parse(who.resource_arn).ok_or_else(|| Fault::internal("a resource without an ARN"))?;
        let call = Call {
            account: arn.account.into(),
            region: arn.region.into(),
            service: "kms".into(),
            operation: operation.into(),
            input,
            body: Body::empty(),
            principal: who.principal.clone(),
            source_arn: Some(who.resource_arn.into()),
            deadline: None,
            cancellation_id: None,
            idempotency_key: None,
            trace: None,
            depth: who.depth.saturating_add(1),
            request_id: who.request_id.clone(),
        };
        self.dispatcher.call(call).await.map(|reply| reply.output).map_err(of_kms)
    }

    fn by_role<'a>(&self, role_arn: &str, resource_arn: &'a str) -> Use<'a> {
        let account = Arn::parse(resource_arn).map_or_else(String::new, |arn| arn.account);
        let principal = Principal::under_role(role_arn, &account);
        Use { resource_arn, principal, depth: 0, request_id: self.environment.uuid() }
    }

    fn by_caller<'a>(call: &Call, resource_arn: &'a str) -> Use<'a> {
        let (principal, request_id) = (call.principal.clone(), call.request_id.clone());
        Use { resource_arn, principal, depth: call.depth, request_id }
    }

    /// Whether the key of a new configuration can be used: symmetric and enabled.
    ///
    /// # Errors
    /// `InvalidEncryptionConfiguration`, `KmsAccessDeniedException`, `KmsThrottlingException`.
    pub(crate) async fn check(&self, call: &Call, resource_arn: &str, configuration: &Value) -> Result<(), Fault> {
        let Some(key) = CustomerKey::of(configuration) else { return Ok(()) };
        let who = Keys::by_caller(call, resource_arn);
        let described = self.kms(&who, "DescribeKey", object! { "KeyId" => &key.key_id });
        let described = described.await.map_err(|fault| match fault.code.as_str() {
            "KmsInvalidStateException" => invalid(&fault.message),
            _ => fault,
        })?;
        let metadata = &described["KeyMetadata"];
        if metadata["KeySpec"].as_str() != Some("SYMMETRIC_DEFAULT")
            || metadata["KeyUsage"].as_str() != Some("ENCRYPT_DECRYPT")
        {
            return Err(invalid("The KMS key must be a symmetric encryption key"));
        }
        match metadata["KeyState"].as_str() {
            Some("Enabled") => Ok(()),
            state => {
                Err(invalid(&format!("The KMS key is not enabled, it is {}", state.unwrap_or("in no known state"))))
            }
        }
    }

    async fn generate(&self, who: &Use<'_>, key: &CustomerKey) -> Result<Arc<DataKey>, Fault> {
        let input = object! {
            "KeyId" => &key.key_id,
            "KeySpec" => "AES_256",
            "EncryptionContext" => context(who.resource_arn),
        };
        let output = self.kms(who, "GenerateDataKey", input).await?;
        let wrapped = blob(&output["CiphertextBlob"])?;
        let expires_at = self.environment.now().plus_ms(key.reuse_seconds * 1_000);
        Ok(Arc::new(DataKey::new(wrapped, &plain_key(&output)?, expires_at)))
    }

    async fn open(&self, who: &Use<'_>, wrapped: &Bytes, reuse_seconds: i64) -> Result<Arc<DataKey>, Fault> {
        let input = object! {
            "CiphertextBlob" => STANDARD.encode(wrapped),
            "EncryptionContext" => context(who.resource_arn),
        };
        let output = self.kms(who, "Decrypt", input).await?;
        let expires_at = self.environment.now().plus_ms(reuse_seconds * 1_000);
        Ok(Arc::new(DataKey::stored(wrapped.clone(), &plain_key(&output)?, expires_at)))
    }

    /// The data key for an execution of a machine: the one in use, or a new one.
    /// `None` where the machine has no customer key.
    ///
    /// # Errors
    /// `KmsAccessDeniedException`, `KmsInvalidStateException`, `KmsThrottlingException`.
    pub(crate) async fn for_execution(
        &self,
        configuration: &Value,
        machine_arn: &Text,
        role_arn: &Text,
    ) -> Result<Option<Arc<DataKey>>, Fault> {
        let Some(key) = CustomerKey::of(configuration) else { return Ok(None) };
        let name = (machine_arn.clone(), key.key_id.clone(), role_arn.clone());
        let now = self.environment.now();
        if let Some(made) = self.made.lock().get(&name).filter(|made| made.expires_at() > now) {
            return Ok(Some(made.clone()));
        }
        let made = self.generate(&self.by_role(role_arn, machine_arn), &key).await?;
        let mut kept = self.made.lock();
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, made| made.expires_at() > now);
        }
        if kept.len() < KEPT_MAX {
            kept.insert(name, made.clone());
        }
        Ok(Some(made))
    }

    /// What the journal asks for on behalf of an execution.
    ///
    /// # Errors
    /// See [`DataKeyError`].
    pub(crate) async fn for_journal(
        &self,
        record: &Record,
        wrapped: Option<Bytes>,
    ) -> Result<Arc<DataKey>, DataKeyError> {
        let details = record.details();
        let configuration = details.get("encryptionConfiguration").cloned().unwrap_or_default();
        let done = match wrapped {
            None => self.for_execution(&configuration, &record.machine_arn, &record.role_arn).await,
            Some(wrapped) => {
                let seconds = CustomerKey::of(&configuration).map_or(REUSE_SECONDS_DEFAULT, |key| key.reuse_seconds);
                self.open(&self.by_role(&record.role_arn, &record.machine_arn), &wrapped, seconds).await.map(Some)
            }
        };
        match done {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(DataKeyError::Refused {
                error: "States.Runtime".into(),
                cause: "The execution's encryption configuration is not known.".into(),
            }),
            Err(fault) if matches!(fault.code.as_str(), "KmsAccessDeniedException" | "KmsInvalidStateException") => {
                let cause = format!("{}: {}", fault.code, fault.message).into();
                Err(DataKeyError::Refused { error: "States.Runtime".into(), cause })
            }
            Err(fault) => Err(DataKeyError::Passing(fault.to_string())),
        }
    }

    /// Reads sealed data of an execution for a caller who may decrypt it.
    ///
    /// # Errors
    /// What KMS answers this caller; what the journal answers.
    pub(crate) async fn reading<T>(
        &self,
        journal: &Journal,
        call: &Call,
        record: &Record,
        mut read: impl FnMut() -> Result<T, JournalError>,
    ) -> Result<T, Fault> {
        let who = Keys::by_caller(call, &record.machine_arn);
        if let Some(wrapped) = &record.wrapped_key {
            // Asked each time, also where the key is open for the execution itself.
            journal.unlock(self.open(&who, wrapped, *REUSE_SECONDS.start()).await?);
        }
        for _ in 0..OPENED_MAX {
            match read() {
                Err(JournalError::Locked { wrapped, .. }) => {
                    journal.unlock(self.open(&who, &wrapped, *REUSE_SECONDS.start()).await?);
                }
                read => return read.map_err(|error| of_journal(&error)),
            }
        }
        Err(Fault::internal(format!("{} has too many data keys for one answer", record.arn)))
    }

    /// A definition as it is kept under a configuration: sealed with a data key of the
    /// caller's where there is a customer key.
    ///
    /// # Errors
    /// What KMS answers this caller.
    pub(crate) async fn keep_definition(
        &self,
        call: &Call,
        configuration: &Value,
        machine_arn: &Text,
        definition: Arc<JournalDefinition>,
    ) -> Result<Arc<JournalDefinition>, Fault> {
        let Some(key) = CustomerKey::of(configuration) else {
            let plain = || JournalDefinition::new(definition.text.clone(), definition.program.clone());
            return Ok(if definition.is_sealed() { Arc::new(plain()) } else { definition });
        };
        if starts_map_runs(&definition.program) {
            // Rows of Map Runs and of their children would hold the data unsealed.
            return Err(Fault::not_built("customer keys for state machines with a Map of mode DISTRIBUTED"));
        }
        let made = self.generate(&Keys::by_caller(call, machine_arn), &key).await?;
        let sealed = JournalDefinition::sealed(&definition, machine_arn, &made);
        let sealed = Arc::new(sealed.map_err(|error| Fault::internal(error.to_string()))?);
        self.keep_open(sealed.clone());
        Ok(sealed)
    }

    fn keep_open(&self, definition: Arc<JournalDefinition>) {
        let mut kept = self.definitions.lock();
        if kept.len() >= KEPT_MAX {
            let any = kept.keys().next().cloned();
            any.and_then(|hash| kept.remove(&hash));
        }
        kept.insert(definition.hash.clone(), definition);
    }

    fn kept(&self, hash: &Text) -> Option<Arc<JournalDefinition>> {
        self.definitions.lock().get(hash).cloned()
    }

    /// A definition for an execution under a role.
    ///
    /// # Errors
    /// What KMS answers that role.
    pub(crate) async fn definition(
        &self,
        definition: &Arc<JournalDefinition>,
        machine_arn: &str,
        role_arn: &str,
    ) -> Result<Arc<JournalDefinition>, Fault> {
        if !definition.is_locked() {
            return Ok(definition.clone());
        }
        match self.kept(&definition.hash) {
            Some(kept) => Ok(kept),
            None => self.opened(definition, &self.by_role(role_arn, machine_arn)).await,
        }
    }

    /// A definition for a caller who may decrypt it.
    ///
    /// # Errors
    /// What KMS answers this caller.
    pub(crate) async fn definition_for(
        &self,
        call: &Call,
        definition: &Arc<JournalDefinition>,
        machine_arn: &str,
    ) -> Result<Arc<JournalDefinition>, Fault> {
        if !definition.is_sealed() {
            return Ok(definition.clone());
        }
        self.opened(definition, &Keys::by_caller(call, machine_arn)).await
    }

    async fn opened(
        &self,
        definition: &Arc<JournalDefinition>,
        who: &Use<'_>,
    ) -> Result<Arc<JournalDefinition>, Fault> {
        let Some(wrapped) = definition.wrapped_key() else { return Ok(definition.clone()) };
        let key = self.open(who, wrapped, *REUSE_SECONDS.start()).await?;
        if !definition.is_locked() {
            return Ok(definition.clone());
        }
        if let Some(kept) = self.kept(&definition.hash) {
            return Ok(kept);
        }
        let opened = Arc::new(definition.open(&key).map_err(|error| Fault::internal(error.to_string()))?);
        self.keep_open(opened.clone());
        Ok(opened)
    }

    /// Whether a caller may read what is sealed for an activity: a data key is made
    /// by the server itself and opened by the caller.
    ///
    /// # Errors
    /// What KMS answers.
    pub(crate) async fn check_reader(
        &self,
        call: &Call,
        activity_arn: &str,
        configuration: &Value,
    ) -> Result<(), Fault> {
        let Some(key) = CustomerKey::of(configuration) else { return Ok(()) };
        let root = Principal {
            arn: format!("arn:aws:iam::{}:root", call.account).into(),
            account: call.account.clone(),
            access_key_id: None,
        };
        let server = Use { principal: root, ..Keys::by_caller(call, activity_arn) };
        let made = self.generate(&server, &key).await?;
        let reader = Keys::by_caller(call, activity_arn);
        self.open(&reader, made.wrapped(), *REUSE_SECONDS.start()).await.map(drop)
    }
}

/// AWS's encryption context of a resource.
fn context(resource_arn: &str) -> Value {
    let is_activity = Arn::parse(resource_arn).is_some_and(|arn| arn.resource.starts_with("activity:"));
    let name = if is_activity { "aws:states:activityArn" } else { "aws:states:stateMachineArn" };
    object! { name => resource_arn }
}

fn blob(value: &Value) -> Result<Bytes, Fault> {
    let decoded = value.as_str().and_then(|text| STANDARD.decode(text).ok());
    decoded.map(Bytes::from).ok_or_else(|| Fault::internal("KMS answered no blob"))
}

fn plain_key(output: &Value) -> Result<[u8; 32], Fault> {
    let plain = blob(&output["Plaintext"])?;
    plain[..].try_into().map_err(|_| Fault::internal("KMS answered a data key of another length"))
}

/// A fault of KMS as Step Functions words it.
fn of_kms(fault: Fault) -> Fault {
    let (code, state) = match fault.code.as_str() {
        "AccessDeniedException" | "NotFoundException" | "InvalidCiphertextException" | "IncorrectKeyException" => {
            ("KmsAccessDeniedException", None)
        }
        "DisabledException" => ("KmsInvalidStateException", Some("DISABLED")),
        "KMSInvalidStateException" if fault.message.contains("pending deletion") => {
            ("KmsInvalidStateException", Some("PENDING_DELETION"))
        }
        "KMSInvalidStateException" if fault.message.contains("pending import") => {
            ("KmsInvalidStateException", Some("PENDING_IMPORT"))
        }
        "KMSInvalidStateException" | "KeyUnavailableException" => ("KmsInvalidStateException", Some("UNAVAILABLE")),
        "InvalidKeyUsageException" => ("KmsInvalidStateException", Some("UNAVAILABLE")),
        "ThrottlingException" | "LimitExceededException" => ("KmsThrottlingException", None),
        _ => return fault,
    };
    let explained = fault.explanation.clone().unwrap_or_else(|| format!("KMS: {}", fault.code));
    let worded = Fault::new(code, fault.message).explained(explained);
    match state {
        Some(state) => worded.with_member("kmsKeyState", state),
        None => worded,
    }
}

/// Whether a Map of mode DISTRIBUTED stands anywhere in a machine.
fn starts_map_runs(machine: &Machine) -> bool {
    machine.states.values().any(|state| match &state.kind {
        StateKind::Parallel { branches } => branches.iter().any(starts_map_runs),
        StateKind::Map(map) => map.mode != MapMode::Inline || starts_map_runs(&map.processor),
        _ => false,
    })
}

/// What [`windlass_journal::Tasks::data_key`] answers.
pub(crate) type DataKeyFuture = std::pin::Pin<Box<dyn Future<Output = Result<Arc<DataKey>, DataKeyError>> + Send>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations() {
        let key = "arn:aws:kms:us-east-1:1:key/k";
        let cases = [
            (object! { "type" => "AWS_OWNED_KEY" }, Ok(object! { "type" => "AWS_OWNED_KEY" })),
            (
                object! { "type" => "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId" => key },
                Ok(
                    object! { "kmsKeyId" => key, "kmsDataKeyReusePeriodSeconds" => 300, "type" => "CUSTOMER_MANAGED_KMS_KEY" },
                ),
            ),
            (
                object! { "type" => "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId" => key, "kmsDataKeyReusePeriodSeconds" => 60 },
                Ok(
                    object! { "kmsKeyId" => key, "kmsDataKeyReusePeriodSeconds" => 60, "type" => "CUSTOMER_MANAGED_KMS_KEY" },
                ),
            ),
            (
                object! { "type" => "CUSTOMER_MANAGED_KMS_KEY" },
                Err("KmsKeyId is required when the type is CUSTOMER_MANAGED_KMS_KEY"),
            ),
            (
                object! { "type" => "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId" => key, "kmsDataKeyReusePeriodSeconds" => 59 },
                Err("KmsDataKeyReusePeriodSeconds must be between 60 and 900"),
            ),
            (
                object! { "type" => "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId" => key, "kmsDataKeyReusePeriodSeconds" => 901 },
                Err("KmsDataKeyReusePeriodSeconds must be between 60 and 900"),
            ),
            (
                object! { "type" => "AWS_OWNED_KEY", "kmsKeyId" => key },
                Err("KmsKeyId is not allowed when the type is AWS_OWNED_KEY"),
            ),
        ];
        for (given, expected) in cases {
            let found = encryption_configuration(given.as_object().unwrap());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(fault), Err(why)) => {
                    assert_eq!(fault.code, "InvalidEncryptionConfiguration");
                    assert_eq!(fault.message, format!("Invalid Encryption Configuration: '{why}'"));
                }
                (found, expected) => panic!("{given}: found {found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn faults_of_kms() {
        for (code, message, worded, state) in [
            ("AccessDeniedException", "no", "KmsAccessDeniedException", None),
            ("NotFoundException", "no", "KmsAccessDeniedException", None),
            ("DisabledException", "k is disabled.", "KmsInvalidStateException", Some("DISABLED")),
            (
                "KMSInvalidStateException",
                "k is pending deletion.",
                "KmsInvalidStateException",
                Some("PENDING_DELETION"),
            ),
            ("ThrottlingException", "Rate exceeded", "KmsThrottlingException", None),
            ("InternalFailure", "x", "InternalFailure", None),
        ] {
            let fault = of_kms(Fault::new(code, message));
            assert_eq!((&*fault.code, &*fault.message), (worded, message));
            assert_eq!(fault.members.get("kmsKeyState").and_then(Value::as_str), state);
        }
    }
}
