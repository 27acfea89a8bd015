use std::collections::BTreeSet;

use windlass_value::Text;

use crate::execution::FrameId;

/// What of an execution changed since it was last stored; a turn writes only
/// this, so that a Map over 10,000 items costs what each item costs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Frames to write whole.
    pub frames: BTreeSet<FrameId>,
    /// Frames that ended.
    pub removed: BTreeSet<FrameId>,
    /// Results a container got: (container, index).
    pub results: BTreeSet<(FrameId, u32)>,
    /// Containers of which only counters moved.
    pub progress: BTreeSet<FrameId>,
    /// Counts of calls that moved.
    pub calls: BTreeSet<(FrameId, Text)>,
}

impl Changes {
    /// Notes a frame to write whole.
    pub(crate) fn frame(&mut self, frame: FrameId) {
        self.frames.insert(frame);
    }

    /// Notes that a frame that had ended is there after all, to be written whole.
    pub(crate) fn restore(&mut self, frame: FrameId) {
        self.removed.remove(&frame);
        self.frames.insert(frame);
    }

    /// Notes that a frame ended; what was noted of it before is void.
    pub(crate) fn remove(&mut self, frame: FrameId) {
        self.frames.remove(&frame);
        self.progress.remove(&frame);
        self.results.retain(|(container, _)| *container != frame);
        self.removed.insert(frame);
    }
}
