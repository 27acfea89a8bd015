use std::sync::Arc;

use windlass_protocol::{Fault, Reply};
use windlass_value::{Object, Text, Timestamp, Value};
use windlass_workflow::epoch_seconds;

use super::record::{Published, Version, Versions};
use crate::environment::Environment;
use crate::fault::{machine_deleting, quota_exceeded};
use crate::machine::catalog::Machines;
use crate::machine::named::Named;
use crate::machine::record::StateMachine;
use crate::request::Request;
use crate::tag::Tags;

/// What names the revision of a machine that was never updated.
const INITIAL_REVISION: &str = "INITIAL";

/// What `publish` and `versionDescription` ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Publishing {
    pub(in crate::machine) publish: bool,
    pub(in crate::machine) description: Option<Text>,
}

impl Publishing {
    /// # Errors
    /// `ValidationException` for a description without `publish`.
    pub(in crate::machine) fn of_request(request: Request<'_>) -> Result<Publishing, Fault> {
        let publish = request.flag("publish", false)?;
        let description = request.text("versionDescription")?.cloned();
        if description.is_some() && !publish {
            return Err(Fault::validation("Version description can only be set when publish is true"));
        }
        Ok(Publishing { publish, description })
    }

    /// Publishes a machine if that is asked for.
    pub(in crate::machine) fn apply(
        &self,
        machine: &mut StateMachine,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Option<Publication>, Fault> {
        if !self.publish {
            return Ok(None);
        }
        Publication::of(machine, self.description.clone(), environment, now).map(Some)
    }
}

/// The version of a machine's current revision.
pub(crate) struct Publication {
    pub(in crate::machine) published: Published,
    /// Set where it is new and has to be stored.
    pub(in crate::machine) new: Option<Version>,
}

impl Publication {
    /// The version of a machine as it is: a new one, unless it was published
    /// since it was last changed.
    fn of(
        machine: &mut StateMachine,
        description: Option<Text>,
        environment: &Environment,
        now: Timestamp,
    ) -> Result<Publication, Fault> {
        if let Some(published) = machine.versions.current() {
            return Ok(Publication { published, new: None });
        }
        let versions_max = environment.quotas().versions_max;
        if machine.versions.list.len() >= versions_max {
            return Err(quota_exceeded("versions", versions_max, &machine.arn()));
        }
        let published = machine.versions.add(now);
        let snapshot = StateMachine {
            tags: Tags::default(),
            versions: Versions::default(),
            aliases: Vec::new(),
            row_version: 0,
            ..machine.clone()
        };
        let (number, machine) = (published.number, Arc::new(snapshot));
        let new = Some(Version { number, description, published_at: now, machine });
        Ok(Publication { published, new })
    }
}

/// `PublishStateMachineVersion`. The same revision has one version.
pub(crate) async fn publish(
    machines: &Machines,
    environment: &Environment,
    request: Request<'_>,
) -> Result<Reply, Fault> {
    let named = Named::parse(request.required("stateMachineArn")?, request.call)?;
    let _lock = machines.lock_exclusive(&named.name).await;
    let old = machines.named(&named)?;
    if old.deleting {
        return Err(machine_deleting(&named.arn));
    }
    let revision_id = old.revision_id.as_deref().unwrap_or(INITIAL_REVISION);
    if let Some(expected) = request.text("revisionId")?
        && **expected != *revision_id
    {
        let text = format!(
            "Failed to publish the State Machine version for revision {expected}. The current State Machine revision is {revision_id}."
        );
        return Err(Fault::new("ConflictException", text));
    }
    let mut machine = StateMachine::clone(&old);
    let description = request.text("description")?.cloned();
    let publication = Publication::of(&mut machine, description, environment, environment.now())?;
    if let Some(version) = &publication.new {
        machines.put(&machine, Some(version)).await?;
    }
    let mut out = Object::new();
    out.insert("creationDate", epoch_seconds(publication.published.at));
    out.insert("stateMachineVersionArn", machine.version_arn(publication.published.number));
    Ok(Value::from(out).into())
}
