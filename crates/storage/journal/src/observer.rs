//! The one place where an execution tells the outside what it does.
//!
//! Nothing is collected where nobody observes: a journal without an observer, or
//! an execution whose observer wants no watch, pays one comparison a turn.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use windlass_store::Batch;
use windlass_value::{Object, Payload, Text, Timestamp, parse};
use windlass_workflow::{Execution, HistoryEvent, Identity, Status};

use crate::journal::Qualifiers;

/// Decides which executions are watched.
pub trait Observer: Send + Sync + 'static {
    /// Who watches an execution. Asked whenever a Standard execution comes into
    /// memory and once for every run of an Express one. `None`: nobody.
    fn watch(&self, subject: Subject<'_>) -> Option<Arc<dyn Watch>>;
}

/// An execution that may be watched.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// What never changes about it.
    pub identity: &'a Arc<Identity>,
    /// Through what of its machine it was started.
    pub qualifiers: &'a Qualifiers,
    pub(crate) details: Kept<'a>,
}

/// The details of an execution, as they are at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kept<'a> {
    Text(&'a Text),
    Object(&'a Object),
}

impl<'a> Subject<'a> {
    /// What its starter keeps with it.
    pub fn details(&self) -> Cow<'a, Object> {
        match self.details {
            Kept::Object(details) => Cow::Borrowed(details),
            Kept::Text(text) if text.is_empty() => Cow::Owned(Object::new()),
            Kept::Text(text) => {
                let value = parse(text).unwrap_or_default();
                Cow::Owned(value.as_object().map_or_else(Object::new, |object| Object::clone(object)))
            }
        }
    }
}

/// What [`Watch::prepare`] hands to [`Watch::committed`].
pub type Prepared = Box<dyn Any + Send>;

/// Watches one execution while it is in memory. Both methods are called on the
/// execution's own path: they must neither block nor wait.
pub trait Watch: Send + Sync + 'static {
    /// Whether the events of an Express execution are to be made; those of a
    /// Standard one are made anyway.
    fn wants_history(&self) -> bool;

    /// What a turn of a Standard execution stores beside its own: added to its
    /// batch, and durable with it or not at all.
    fn prepare(&self, _turn: Observed<'_>, _batch: &mut Batch) -> Option<Prepared> {
        None
    }

    /// A turn has become durable; of an Express execution, a step was made, or it
    /// is over. The last call is the first whose status is not running.
    fn committed(&self, turn: Observed<'_>, prepared: Option<Prepared>);
}

/// What one turn did to an execution.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'a> {
    /// Whose turn it was.
    pub identity: &'a Arc<Identity>,
    /// Its history events, in order; none of an Express execution whose watch
    /// wants no history.
    pub events: &'a [HistoryEvent],
    /// Whether the execution began with it. The first event of a fork is not its own
    /// start: the events before it are its origin's, and are not told.
    pub begins: bool,
    /// Where the execution stands after it.
    pub status: Status,
    /// When it closed.
    pub stopped_at: Option<Timestamp>,
    /// The output of a successful one.
    pub output: Option<&'a Payload>,
    /// The error of a failed one.
    pub error: Option<&'a Text>,
    /// The cause of a failed one.
    pub cause: Option<&'a Text>,
    /// How often it was redriven.
    pub redrive_count: u32,
    /// When it was redriven last.
    pub redriven_at: Option<Timestamp>,
}

impl<'a> Observed<'a> {
    pub(crate) fn new(execution: &'a Execution, events: &'a [HistoryEvent], begins: bool) -> Observed<'a> {
        Observed {
            identity: &execution.identity,
            events,
            status: execution.status,
            stopped_at: execution.stopped_at,
            output: execution.output.as_ref(),
            error: execution.error.as_ref(),
            cause: execution.cause.as_ref(),
            redrive_count: execution.redrives.count,
            redriven_at: execution.redrives.at,
            begins,
        }
    }
}
