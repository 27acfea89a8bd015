use windlass_protocol::{Call, Fault};
use windlass_value::{Value, object};

use crate::ssm::Ssm;

/// The key of secure strings for which none is named.
pub(crate) const KEY_DEFAULT: &str = "alias/aws/ssm";

impl Ssm {
    /// Checks that a key can be used.
    ///
    /// # Errors
    /// `InvalidKeyId`; what KMS answers else.
    pub(crate) async fn check_kms_key(&self, call: &Call, key_id: &str) -> Result<(), Fault> {
        if key_id == KEY_DEFAULT {
            return Ok(());
        }
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
            Err(fault) if fault.code == "NotFoundException" => {
                return Err(Fault::new("InvalidKeyId", fault.message));
            }
            Err(fault) => return Err(fault),
        };
        let usage = metadata["KeyUsage"].as_str().unwrap_or_default();
        if metadata["Enabled"] == Value::Bool(true) && usage == "ENCRYPT_DECRYPT" {
            return Ok(());
        }
        let state = metadata["KeyState"].as_str().unwrap_or_default();
        Err(Fault::new("InvalidKeyId", format!("The key {key_id} is {state}, for {usage}.")))
    }
}
