use windlass_protocol::{Call, Fault};
use windlass_value::{Value, object};

use crate::input;
use crate::secrets_manager::SecretsManager;

impl SecretsManager {
    /// Checks that the `KmsKeyId` of a request is a key that can be used, and answers it.
    ///
    /// # Errors
    /// `EncryptionFailure`; what KMS answers else.
    pub(crate) async fn usable_kms_key<'a>(&self, call: &'a Call) -> Result<Option<&'a str>, Fault> {
        let Some(key_id) = input::text(&call.input, "KmsKeyId")?.filter(|key_id| !key_id.is_empty()) else {
            return Ok(None);
        };
        let describe = Call {
            service: "kms".into(),
            operation: "DescribeKey".into(),
            input: object! { "KeyId" => key_id },
            body: Default::default(),
            idempotency_key: None,
            depth: call.depth + 1,
            ..call.clone()
        };
        let metadata = match self.dispatcher.call(describe).await {
            Ok(reply) => reply.output["KeyMetadata"].clone(),
            Err(fault) if fault.code == "NotFoundException" => return Err(unusable(&fault.message)),
            Err(fault) => return Err(fault),
        };
        let of = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
        if metadata["Enabled"] == Value::Bool(true) && of("KeyUsage") == "ENCRYPT_DECRYPT" {
            return Ok(Some(key_id));
        }
        Err(unusable(&format!("the key is {}, for {}", of("KeyState"), of("KeyUsage"))))
    }
}

fn unusable(explanation: &str) -> Fault {
    Fault::new(
        "EncryptionFailure",
        "Secrets Manager can't encrypt the protected secret text using the provided KMS key. Check that the KMS key is available, enabled, and not in an invalid state.",
    )
    .explained(explanation)
}
