use std::sync::Arc;

use windlass_asl::{Map, StateKind};
use windlass_value::{Payload, Text, Timestamp};
use windlass_workflow::{Identity, MapRunPlan};

use super::child::{ChildOf, child_arn, child_name};
use super::stored::Origin;
use crate::definition::JournalDefinition;
use crate::key::ExecutionKey;

/// What never changes about a Map Run, in memory.
pub(crate) struct Spec {
    pub(crate) key: ExecutionKey,
    pub(crate) origin: Origin,
    pub(crate) plan: MapRunPlan,
    /// What the execution that waits runs: the Map is in there.
    pub(crate) definition: Arc<JournalDefinition>,
    /// What the children run.
    pub(crate) child_definition: Arc<JournalDefinition>,
    pub(crate) payload_bytes_max: usize,
    /// Source of randomness of its ItemSelector.
    pub(crate) seed: u64,
}

impl Spec {
    /// The Map state.
    pub(crate) fn map(&self) -> Option<&Map> {
        match &self.definition.program.find(&self.plan.state)?.kind {
            StateKind::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        Timestamp(self.origin.started_at)
    }

    /// The ARN of a child.
    pub(crate) fn child_arn(&self, index: u64) -> Text {
        child_arn(&self.plan.arn, &child_name(&self.plan.arn, index), self.plan.express)
    }

    pub(crate) fn child_of(&self, index: u64, items: u64) -> ChildOf {
        ChildOf { map_run_arn: self.plan.arn.clone(), index, items }
    }

    /// Who a child is.
    pub(crate) fn child_identity(&self, index: u64, input: Payload, started_at: Timestamp) -> Identity {
        let name = child_name(&self.plan.arn, index);
        let machine_arn: Text = self.origin.machine_arn.as_str().into();
        let machine_name = machine_arn.split(":stateMachine:").nth(1).unwrap_or_default().into();
        Identity {
            arn: child_arn(&self.plan.arn, &name, self.plan.express),
            name,
            machine_arn,
            machine_name,
            role_arn: self.origin.role_arn.as_str().into(),
            region: self.origin.region.as_str().into(),
            started_at,
            input,
            express: self.plan.express,
            mocks: self.origin.mocks.as_deref().map(Into::into),
        }
    }
}
