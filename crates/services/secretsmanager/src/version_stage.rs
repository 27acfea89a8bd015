use windlass_protocol::{Call, Outcome, Reply};
use windlass_value::{Object, Value};

use crate::create::names;
use crate::faults;
use crate::input;
use crate::page::Page;
use crate::secret::{CURRENT, seconds};
use crate::secrets_manager::SecretsManager;
use crate::value::stages_of;

impl SecretsManager {
    /// `UpdateSecretVersionStage`.
    pub(crate) async fn update_version_stage(&self, call: &Call) -> Outcome {
        let input = &call.input;
        let secret_id = input::required(input, "SecretId")?;
        let stage = input::required(input, "VersionStage")?;
        let from = input::text(input, "RemoveFromVersionId")?;
        let to = input::text(input, "MoveToVersionId")?;
        self.change(call, |batch, _| {
            let mut stored = self.secret_of(call, secret_id)?;
            let secret = &mut stored.secret;
            secret.check_not_deleted()?;
            for id in [from, to].into_iter().flatten() {
                if !secret.versions.contains_key(id) {
                    return Err(faults::not_found(format!(
                        "Secrets Manager can't find the specified secret value for VersionId: {id}"
                    )));
                }
            }
            let before = secret.staged(stage).map(str::to_owned);
            match (from, &before) {
                (Some(from), Some(before)) if from != before => {
                    return Err(faults::invalid_parameter(format!(
                        "The parameter RemoveFromVersionId is not the version that has the staging label. Staging label {stage} is currently attached to version {before}."
                    )));
                }
                (Some(from), None) => {
                    return Err(faults::invalid_parameter(format!(
                        "The staging label {stage} is not attached to version {from}."
                    )));
                }
                (None, Some(before)) if to != Some(before) => {
                    return Err(faults::invalid_parameter(format!(
                        "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {before}, so you must explicitly reference that version in RemoveFromVersionId."
                    )));
                }
                _ => {}
            }
            match to {
                Some(to) => secret.stage(to, stage),
                None if stage == CURRENT => {
                    return Err(faults::invalid_parameter(
                        "You can only move staging label AWSCURRENT to a different secret version. It can’t be completely removed.",
                    ));
                }
                None => secret.unstage(stage),
            }
            secret.changed_ms = (self.now)().as_ms();
            secret.put(batch, Some(stored.row_version))?;
            Ok(names(&stored.secret))
        })
        .await
    }

    /// `ListSecretVersionIds`, the newest first.
    pub(crate) fn list_version_ids(&self, call: &Call) -> Outcome {
        const RESULTS_MAX: usize = 100;
        let secret = self.secret_of(call, input::required(&call.input, "SecretId")?)?.secret;
        let with_deprecated = input::flag(&call.input, "IncludeDeprecated")?;
        let arguments = [&Value::from(secret.arn()), &Value::from(with_deprecated)];
        let page = Page::read(&self.keyring, call, RESULTS_MAX, &arguments)?;
        let mut versions: Vec<_> =
            secret.versions.iter().filter(|(_, version)| with_deprecated || !version.stages.is_empty()).collect();
        versions.sort_by_key(|(id, version)| (std::cmp::Reverse(version.created_ms), id.as_str()));
        let behind = page.after.as_deref().map_or(0, |after| {
            versions.iter().position(|(id, _)| *id == after).map_or(versions.len(), |position| position + 1)
        });
        let mut versions = versions.split_off(behind);
        let has_more = versions.len() > page.limit;
        versions.truncate(page.limit);
        let next = versions.last().filter(|_| has_more).map(|(id, _)| page.token(&self.keyring, id)).transpose()?;
        let entries: Vec<Value> = versions
            .into_iter()
            .map(|(id, version)| {
                let mut entry = Object::new();
                entry.insert("VersionId", id.as_str());
                if !version.stages.is_empty() {
                    entry.insert("VersionStages", stages_of(&secret, id));
                }
                if let Some(accessed_ms) = version.accessed_ms {
                    entry.insert("LastAccessedDate", seconds(accessed_ms));
                }
                entry.insert("CreatedDate", seconds(version.created_ms));
                let key = secret.kms_key_id.as_deref().unwrap_or("DefaultEncryptionKey");
                entry.insert("KmsKeyIds", vec![Value::from(key)]);
                entry.into()
            })
            .collect();
        let mut output = Object::new();
        output.insert("Versions", entries);
        if let Some(next) = next {
            output.insert("NextToken", next);
        }
        output.extend(secret.names());
        Ok(Reply::from(Value::from(output)))
    }
}
