use windlass_protocol::{Call, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::input;
use crate::secret::{Secret, seconds};
use crate::secrets_manager::SecretsManager;
use crate::tags;
use crate::value::stages_of;

impl SecretsManager {
    /// `DescribeSecret`; also of one that waits for its deletion.
    pub(crate) fn describe_secret(&self, call: &Call) -> Outcome {
        let secret = self.secret_of(call, input::required(&call.input, "SecretId")?)?.secret;
        Ok(Reply::from(Value::from(description(&secret, "VersionIdsToStages"))))
    }
}

/// What `DescribeSecret` and `ListSecrets` tell of a secret, which name the
/// member of the versions differently.
pub(crate) fn description(secret: &Secret, versions_member: &str) -> Object {
    let mut output = secret.names();
    if let Some(description) = secret.description.as_deref().filter(|text| !text.is_empty()) {
        output.insert("Description", description);
    }
    if let Some(key) = &secret.kms_key_id {
        output.insert("KmsKeyId", key.as_str());
    }
    if let Some(rotation) = &secret.rotation {
        output.insert("RotationEnabled", rotation.enabled);
        if let Some(lambda) = &rotation.lambda_arn {
            output.insert("RotationLambdaARN", lambda.as_str());
        }
        output.insert("RotationRules", rotation.rules());
        if let Some(next_ms) = rotation.next_ms.filter(|_| rotation.enabled) {
            output.insert("NextRotationDate", seconds(next_ms));
        }
    }
    let instants = [
        ("LastRotatedDate", secret.rotated_ms),
        ("LastChangedDate", Some(secret.changed_ms)),
        ("LastAccessedDate", secret.accessed_ms),
        ("DeletedDate", secret.deleted_ms),
    ];
    for (member, ms) in instants {
        if let Some(ms) = ms {
            output.insert(member, seconds(ms));
        }
    }
    if !secret.tags.is_empty() {
        output.insert("Tags", tags::to_value(&secret.tags));
    }
    let versions: Object = secret
        .versions
        .iter()
        .filter(|(_, version)| !version.stages.is_empty())
        .map(|(id, _)| (id.as_str(), stages_of(secret, id)))
        .collect();
    if !versions.is_empty() {
        output.insert(versions_member, versions);
    }
    output.insert("CreatedDate", seconds(secret.created_ms));
    output
}
