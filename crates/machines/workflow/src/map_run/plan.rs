use windlass_value::{Payload, Text, Value};

use crate::execution::TaskId;

/// What a distributed Map asks of its Map Run, as evaluated when the state began.
/// Never changes afterwards.
#[derive(Clone, Debug)]
pub struct MapRunPlan {
    /// The state's attempt: the frame and the id of its MapRunStarted event.
    pub task: TaskId,
    /// The Map Run's ARN.
    pub arn: Text,
    /// The state's label, given or made up.
    pub label: Text,
    /// The state's name.
    pub state: Text,
    /// Whether children are Express executions.
    pub express: bool,
    /// Where items come from.
    pub source: MapSource,
    /// The state's input after InputPath: `$` of an ItemSelector.
    pub input: Payload,
    /// Variables the state sees: an object.
    pub variables: Payload,
    /// The context object without `Map`.
    pub context: Payload,
    /// ItemBatcher.
    pub batching: Option<ItemBatching>,
    /// ResultWriter.
    pub writing: Option<ResultWriting>,
    /// What UpdateMapRun may change, as the state set it.
    pub settings: MapRunSettings,
}

/// Where a Map Run's items come from.
#[derive(Clone, Debug)]
pub enum MapSource {
    /// The state's own: an array, or an object whose members are gone through.
    Items(Payload),
    /// An ItemReader.
    Reader {
        /// The ARN as written.
        resource: Text,
        /// Bucket, Key, Prefix, …
        arguments: Value,
        /// ReaderConfig as written.
        config: Value,
        /// MaxItems; `None` for all.
        items_max: Option<u64>,
    },
    /// The reader cannot even begin: States.ItemReaderFailed.
    Refused {
        /// Why.
        cause: Text,
    },
}

/// ItemBatcher; one of the bounds is set.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemBatching {
    /// Items a batch holds at most.
    pub items_max: Option<u64>,
    /// Bytes a child's input has at most.
    pub input_bytes_max: Option<u64>,
    /// BatchInput, evaluated.
    pub batch_input: Option<Value>,
}

/// ResultWriter.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultWriting {
    /// Bucket and Prefix; `None` where results are only transformed.
    pub arguments: Option<Value>,
    /// WriterConfig as written.
    pub config: Value,
}

/// What UpdateMapRun changes while a Map Run runs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MapRunSettings {
    /// Children at once; 0: no bound of the author's.
    pub concurrency_max: u64,
    /// Items that may fail. `None`: not set, which is 0 unless a percentage is.
    pub tolerated_failure_count: Option<u64>,
    /// Percentage of items that may fail, 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
}

impl MapRunSettings {
    /// Whether more items failed than may. A percentage is of `total`, which
    /// `is_final` says to be all there will be.
    pub fn is_exceeded(&self, failed: u64, total: u64, is_final: bool) -> bool {
        let count = match (self.tolerated_failure_count, self.tolerated_failure_percentage) {
            (Some(count), _) => Some(count),
            (None, Some(_)) => None,
            (None, None) => Some(0),
        };
        if count.is_some_and(|count| failed > count) {
            return true;
        }
        match self.tolerated_failure_percentage {
            // None may fail, however many there will be.
            Some(0.0) => failed > 0,
            Some(percentage) => is_final && failed as f64 * 100.0 > percentage * total as f64,
            None => false,
        }
    }
}
