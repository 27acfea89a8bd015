//! The states of a definition, as a tree that is known before anything runs.

use windlass_asl::{Machine, State, StateKind};

/// Visits every state, containers before what is in them.
pub(super) fn each<'m>(machine: &'m Machine, visit: &mut impl FnMut(&'m State)) {
    walk(machine, None, &mut |state, _| visit(state));
}

/// Visits every state with the state it is directly in.
pub(super) fn walk<'m>(
    machine: &'m Machine,
    container: Option<&'m State>,
    visit: &mut impl FnMut(&'m State, Option<&'m State>),
) {
    for state in machine.states.values() {
        visit(state, container);
        match &state.kind {
            StateKind::Parallel { branches } => {
                branches.iter().for_each(|branch| walk(branch, Some(state), visit));
            }
            StateKind::Map(map) => walk(&map.processor, Some(state), visit),
            _ => {}
        }
    }
}
