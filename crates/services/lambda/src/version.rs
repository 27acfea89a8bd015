use std::sync::Arc;

use windlass_protocol::{Call, Outcome};

use crate::catalogue::{Change, Function};
use crate::configuration::{Configuration, Detail};
use crate::faults;
use crate::function::{check_revision, page};
use crate::function_name::LATEST;
use crate::input;
use crate::lambda::Lambda;
use crate::random;

impl Function {
    /// Makes a version of `$LATEST`, unless the last one made is the same. The
    /// flag: it is new.
    pub(crate) fn publish(&mut self, description: Option<&str>, revision_id: String) -> (Arc<Configuration>, bool) {
        if let Some(last) = self.versions.values().next_back()
            && self.latest.is_same_but_for_version(last)
        {
            return (last.clone(), false);
        }
        let mut version = (*self.latest).clone();
        version.version = self.next_version.to_string();
        version.revision_id = revision_id;
        if let Some(description) = description {
            version.description = description.to_owned();
        }
        let version = Arc::new(version);
        self.versions.insert(self.next_version, version.clone());
        self.next_version += 1;
        (version, true)
    }
}

impl Lambda {
    /// `PublishVersion`.
    pub(crate) async fn publish_version(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let document = &call.input;
        input::refuse_unbuilt(document, &["PublishTo"])?;
        let description = input::text(document, "Description")?;
        let expected = input::text(document, "CodeSha256")?.filter(|expected| !expected.is_empty());
        let revision_id = random::uuid()?;
        let publish = self.shared.catalogue.change(&name, |before| {
            let mut new = before.ok_or_else(|| faults::function_not_found(&name.arn(None)))?.clone();
            check_revision(&new.latest, document)?;
            let current = new.latest.code_sha256_base64();
            if let Some(expected) = expected.filter(|expected| *expected != current) {
                return Err(faults::invalid_parameter(format!(
                    "CodeSHA256 ({expected}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the CodeSHA256 in $LATEST."
                )));
            }
            let (version, is_new) = new.publish(description, revision_id);
            let output = version.to_value(&name, Some(&version.version), Detail::Full);
            Ok(if is_new { Change::To(new, output) } else { Change::Keep(output) })
        });
        Ok(publish.await?.into())
    }

    /// `ListVersionsByFunction`.
    pub(crate) fn list_versions(&self, call: &Call) -> Outcome {
        let (name, _) = self.function_name(call)?;
        let function = self.shared.catalogue.find(&name, None)?;
        let latest = (String::new(), function.latest.to_value(&name, Some(LATEST), Detail::Listed));
        let versions = function.versions.iter().map(|(number, version)| {
            (format!("{number:020}"), version.to_value(&name, Some(&version.version), Detail::Listed))
        });
        page(&call.input, "Versions", std::iter::once(latest).chain(versions).collect())
    }
}
