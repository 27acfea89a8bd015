//! What is known of one state of the definition while it runs.

use windlass_asl::{Machine, StateKind, StringField};
use windlass_value::{Text, Timestamp};

use super::super::terminal::{count, plural};
use super::states;

/// A state of the definition. Of what is in a Map only sums are kept: it runs
/// many times at once.
pub(super) struct Node {
    pub(super) name: Text,
    pub(super) kind: &'static str,
    pub(super) container: Option<usize>,
    /// Containers around it.
    pub(super) depth: usize,
    /// The outermost Map it is in.
    pub(super) map: Option<usize>,
    /// How many branches a Parallel has.
    pub(super) branches: usize,
    /// The error a Fail state names, where it is written down.
    fail_error: Option<Text>,
    /// When it was entered, if it runs (outside Maps).
    pub(super) entered_at: Option<Timestamp>,
    /// What its last attempt failed with.
    pub(super) failed: Option<Failed>,
    /// How far a container has come.
    pub(super) standing: Standing,
    /// Its last event, which others may chain to.
    pub(super) event: Option<u64>,
    /// Retries since it was entered (outside Maps).
    pub(super) retries: u32,
    /// Its waiting was told.
    pub(super) announced: bool,
    pub(super) tally: Tally,
}

/// A failure of a state.
#[derive(Clone)]
pub(super) struct Failed {
    /// The state it began in: this or one inside.
    pub(super) origin: usize,
    pub(super) error: Option<Text>,
}

/// How far a container has come.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// Entered, with nothing begun inside.
    #[default]
    Entered,
    /// Its branches or iterations have begun.
    Begun,
    /// It has failed, past its Retry.
    Closed,
}

/// Sums of a state, and of a Map's iterations.
#[derive(Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) entered: usize,
    pub(super) exited: usize,
    pub(super) attempts: usize,
    pub(super) failures: usize,
    pub(super) items: usize,
    pub(super) items_done: usize,
    pub(super) item_failed: Option<u32>,
}

impl Node {
    pub(super) fn enter(&mut self, id: usize, at: Timestamp) {
        self.tally.entered += 1;
        self.standing = Standing::Entered;
        self.failed = (self.kind == "Fail").then(|| Failed { origin: id, error: self.fail_error.clone() });
        if self.failed.is_some() {
            self.tally.failures += 1;
        }
        if self.map.is_none() {
            self.entered_at = Some(at);
            self.retries = 0;
            self.announced = false;
        }
    }

    /// A Map's iterations: `4,231 of 10,000 items`.
    pub(super) fn items_note(&self) -> String {
        let Tally { items, items_done, .. } = self.tally;
        match items == items_done {
            true => plural(items, "item"),
            false => format!("{} of {}", count(items_done), plural(items, "item")),
        }
    }

    /// A state's share in a Map; `running` of it now.
    pub(super) fn share_note(&self, running: usize) -> String {
        let Tally { entered, exited, attempts, failures, .. } = self.tally;
        let mut parts = vec![format!("{} done", count(exited))];
        if running > 0 {
            parts.push(format!("{} running", count(running)));
        }
        let retries = attempts.saturating_sub(entered);
        if retries > 0 {
            parts.push(if retries == 1 { "1 retry".to_owned() } else { format!("{} retries", count(retries)) });
        }
        if failures > retries {
            parts.push(format!("{} failed", count(failures - retries)));
        }
        parts.join(", ")
    }
}

/// The definition's states, containers before what is in them.
pub(super) fn nodes(machine: &Machine) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    states::walk(machine, None, &mut |state, container| {
        // Names are unique in the whole definition.
        let container = container.and_then(|container| nodes.iter().rposition(|node| node.name == container.name));
        let above = container.map(|index| (index, &nodes[index]));
        let map = above.and_then(|(index, above)| above.map.or((above.kind == "Map").then_some(index)));
        nodes.push(Node {
            name: state.name.clone(),
            kind: state.kind.name(),
            container,
            depth: above.map_or(0, |(_, above)| above.depth + 1),
            map,
            branches: match &state.kind {
                StateKind::Parallel { branches } => branches.len(),
                _ => 0,
            },
            fail_error: match &state.kind {
                StateKind::Fail(fail) => match &fail.error {
                    Some(StringField::Literal(error)) => Some(error.clone()),
                    _ => None,
                },
                _ => None,
            },
            entered_at: None,
            failed: None,
            standing: Standing::default(),
            event: None,
            retries: 0,
            announced: false,
            tally: Tally::default(),
        });
    });
    nodes
}
