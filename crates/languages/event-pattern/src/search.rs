//! Whether a branch's conditions hold together: where several paths lead through one
//! array, all must be satisfied in the same element of it.
//!
//! Conditions are tried in the order of their paths, each with every field that fits
//! the elements chosen so far. What failed with a choice of elements is remembered
//! for as far as the choice still matters, so that arrays beside each other cost their
//! sum and not their product.

use std::collections::HashSet;
use std::sync::Arc;

use crate::compile::Condition;
use crate::event::{Field, Fields};

/// How many fields one match looks at before it gives up and says no.
pub const MATCH_STEPS_MAX: u64 = 20_000_000;

const NONE: usize = usize::MAX;

pub(crate) struct Search<'a> {
    conditions: &'a [(usize, Arc<Condition>)],
    fields: &'a Fields<'a>,
    /// The element chosen of each array.
    chosen: Vec<usize>,
    /// Arrays in the order in which an element of them was chosen.
    trail: Vec<usize>,
    /// The last condition whose fields lie in each array.
    last_use: Vec<usize>,
    failed: HashSet<(usize, Vec<usize>)>,
    steps: &'a mut u64,
}

/// Whether all conditions (path and condition, in the order of paths) hold. Counts
/// down the steps that are left.
pub(crate) fn holds(conditions: &[(usize, Arc<Condition>)], fields: &Fields<'_>, steps: &mut u64) -> bool {
    let plain = |(path, _): &(usize, Arc<Condition>)| {
        fields.by_path[*path].last().is_none_or(|field| field.element == Fields::NOWHERE)
    };
    // Without objects in arrays the conditions know nothing of each other.
    if fields.elements.len() == 1 || conditions.iter().all(plain) {
        return conditions.iter().all(|(path, condition)| {
            let fields = &fields.by_path[*path];
            (condition.absent && fields.is_empty()) || fields.iter().any(|field| matches(condition, field, steps))
        });
    }
    let mut last_use = vec![0; fields.array_ends.len()];
    for (index, (path, _)) in conditions.iter().enumerate() {
        for field in &fields.by_path[*path] {
            let mut element = field.element;
            while element != Fields::NOWHERE {
                last_use[fields.elements[element].array] = index;
                element = fields.elements[element].parent;
            }
        }
    }
    let chosen = vec![NONE; fields.array_ends.len()];
    let mut search = Search { conditions, fields, chosen, trail: Vec::new(), last_use, failed: HashSet::new(), steps };
    search.from(0)
}

fn matches(condition: &Condition, field: &Field<'_>, steps: &mut u64) -> bool {
    if *steps == 0 {
        return false;
    }
    *steps -= 1;
    condition.leaves.iter().any(|leaf| leaf.matches(field.value))
}

impl Search<'_> {
    /// Whether the conditions from an index on hold with the elements chosen.
    fn from(&mut self, index: usize) -> bool {
        let Some((path, condition)) = self.conditions.get(index) else { return true };
        let state = (index, self.state(index));
        if self.failed.contains(&state) {
            return false;
        }
        let fields = &self.fields.by_path[*path];
        if condition.absent && self.next_fitting(fields, 0).is_none() && self.from(index + 1) {
            return true;
        }
        let mut at = 0;
        let mut failed_with = NONE;
        while let Some(next) = self.next_fitting(fields, at) {
            if *self.steps == 0 {
                return false;
            }
            at = next + 1;
            let field = &fields[next];
            // Another scalar of the same element chooses the same.
            if failed_with == field.element || !matches(condition, field, self.steps) {
                continue;
            }
            let mark = self.trail.len();
            self.choose(field.element);
            if self.from(index + 1) {
                return true;
            }
            self.undo(mark);
            failed_with = field.element;
        }
        self.failed.insert(state);
        false
    }

    /// The chosen elements that matter from a condition on; elements know their array.
    fn state(&self, index: usize) -> Vec<usize> {
        let matter = |array: &&usize| self.last_use[**array] >= index;
        let mut state: Vec<usize> = self.trail.iter().filter(matter).map(|array| self.chosen[*array]).collect();
        state.sort_unstable();
        state
    }

    fn choose(&mut self, element: usize) {
        let mut element = element;
        while element != Fields::NOWHERE {
            let array = self.fields.elements[element].array;
            if self.chosen[array] == NONE {
                self.chosen[array] = element;
                self.trail.push(array);
            }
            element = self.fields.elements[element].parent;
        }
    }

    fn undo(&mut self, mark: usize) {
        for array in self.trail.drain(mark..) {
            self.chosen[array] = NONE;
        }
    }

    /// The first field at or after an index that lies in no other element of an array
    /// than the chosen one. Jumps over what does not fit.
    fn next_fitting(&self, fields: &[Field<'_>], from: usize) -> Option<usize> {
        let mut at = from;
        while let Some(field) = fields.get(at) {
            let Some((array, chosen)) = self.outermost_conflict(field.element) else { return Some(at) };
            let target = if field.element < chosen { chosen } else { self.fields.array_ends[array] };
            at += fields[at..].partition_point(|field| field.element < target);
        }
        None
    }

    fn outermost_conflict(&self, element: usize) -> Option<(usize, usize)> {
        let mut conflict = None;
        let mut element = element;
        while element != Fields::NOWHERE {
            let array = self.fields.elements[element].array;
            let chosen = self.chosen[array];
            if chosen != NONE && chosen != element {
                conflict = Some((array, chosen));
            }
            element = self.fields.elements[element].parent;
        }
        conflict
    }
}
