use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use windlass_value::Text;

/// How deep in calls the synchronous executions under way were started, so that
/// one that starts itself is stopped by the dispatcher's bound. Others answer
/// before their tasks run, so that no caller waits for them.
#[derive(Clone, Default)]
pub(crate) struct Depths(Arc<Mutex<HashMap<Text, u8>>>);

/// Forgets the execution when dropped.
pub(crate) struct Entered {
    depths: Depths,
    execution_arn: Text,
}

impl Depths {
    /// Notes the depth of an execution that is about to run.
    pub(crate) fn enter(&self, execution_arn: &Text, depth: u8) -> Entered {
        self.0.lock().insert(execution_arn.clone(), depth);
        Entered { depths: self.clone(), execution_arn: execution_arn.clone() }
    }

    /// The depth of the calls that an execution makes.
    pub(super) fn of_calls(&self, execution_arn: &Text) -> u8 {
        self.0.lock().get(execution_arn).copied().unwrap_or_default().saturating_add(1)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.depths.0.lock().remove(&self.execution_arn);
    }
}
