use std::sync::Arc;

use crate::data_key::DataKey;

/// What an execution is started with beside what it is.
#[derive(Clone, Debug, Default)]
pub struct ExecutionOptions {
    /// AWS's limits (true) or this server's own (false), for good; `None`: whichever
    /// the server has.
    pub aws_limits: Option<bool>,
    /// What its data is sealed with from the first turn on.
    pub data_key: Option<Arc<DataKey>>,
}
