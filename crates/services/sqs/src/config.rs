use crate::limits::RESIDENT_MAX;

/// What an operator may set about the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqsConfig {
    /// What queue URLs begin with: scheme, host and port as clients reach them.
    pub base_url: String,
    /// Whether a name rests for 60 seconds after its queue was deleted, as at AWS.
    pub recreate_rule: bool,
    /// Messages of one queue, not in flight, that are indexed in memory (ids and
    /// times); what is beyond is read from the store as earlier ones leave.
    pub resident_max: usize,
}

impl SqsConfig {
    /// Without the rule for names of deleted queues, indexing 131,072 messages a queue.
    pub fn new(base_url: impl Into<String>) -> SqsConfig {
        SqsConfig { base_url: base_url.into(), recreate_rule: false, resident_max: RESIDENT_MAX }
    }
}
