use windlass_asl::Failure;
use windlass_value::{Payload, Text, Value};

use crate::execution::{Execution, Frame, FrameId, Identity, Phase, Retries};
use crate::trace::Trace;

/// One state, run by itself: what answers its work and what is set beforehand.
///
/// Make the execution with [`Probe::execution`], deliver `Continue` through
/// [`crate::step_probed`] with limits of one transition a turn and one budget for all
/// steps, and answer the effects. The root frame then tells how it ended: the state was
/// left when the phase is `Enter`, and another attempt is granted when it is `Retry`.
#[derive(Debug, Default)]
pub struct Probe {
    /// Told of everything the state evaluates. Beside what [`crate::Traced`] names there are
    /// `ItemSelector` and `ItemBatcher`, the inputs of all iterations, and `Iterations`, how many
    /// a Map has.
    pub trace: Trace,
    /// Stands for the branches of a Parallel and the iterations of a Map, which do not run.
    /// Tasks are answered by whoever takes the effects.
    pub answer: Option<ProbeAnswer>,
    /// The context object, instead of the execution's own. `Map` is added where there is one.
    pub context: Option<Value>,
    /// Attempts each retrier of the state has granted already.
    pub retries: u32,
    /// Iterations of a Map that count as failed; held against what it tolerates.
    pub failed_iterations: Option<u64>,
    /// What an `ItemReader` has read, or why it could not.
    pub read_items: Option<Result<Vec<ReadItem>, Failure>>,
}

/// An item that an `ItemReader` has read.
#[derive(Clone, Debug)]
pub struct ReadItem {
    /// The item.
    pub value: Value,
    /// Its key, where it was an object's member.
    pub key: Option<Text>,
}

/// What stands for the work of a Parallel or Map.
#[derive(Clone, Debug)]
pub enum ProbeAnswer {
    /// Its result.
    Result(Payload),
    /// Its failure.
    Failure {
        /// Error name.
        error: Text,
        /// Cause.
        cause: Option<Text>,
    },
}

impl Probe {
    /// An execution that stands before a state of the machine it is to be stepped with. Its
    /// input is that of the state, `variables` (an object) is what its scope has.
    pub fn execution(identity: Identity, state: Text, variables: Option<Payload>) -> Execution {
        let mut execution = Execution::new(identity);
        let frame = Frame {
            id: FrameId::ROOT,
            parent: None,
            index: 0,
            state,
            input: execution.identity.input.clone(),
            variables,
            previous_event_id: 1,
            entered: None,
            retries: Retries::default(),
            phase: Phase::Enter,
        };
        execution.frames.insert(FrameId::ROOT, frame);
        execution.next_frame = 1;
        // The first event, ExecutionStarted, counts as written.
        execution.next_event_id = 2;
        execution.rebuild_ready();
        execution
    }
}
