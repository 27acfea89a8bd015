use windlass_value::Timestamp;

/// What an evaluation may know of the world outside its bindings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct World {
    /// The instant `$now()` and `$millis()` answer.
    pub now: Timestamp,
    /// Where `$random()`, `$uuid()` and `$shuffle()` start from.
    pub seed: u64,
}
