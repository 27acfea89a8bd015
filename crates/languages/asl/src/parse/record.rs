use windlass_value::{Object, Value};

use super::place::Place;

/// An object of the definition and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r> {
    pub(crate) object: &'r Object,
    pub(crate) place: &'r Place<'r>,
}

impl<'r> Record<'r> {
    pub(crate) fn new(object: &'r Object, place: &'r Place<'r>) -> Record<'r> {
        Record { object, place }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'r Value> {
        self.object.get(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// The place of a member.
    pub(crate) fn at(&self, name: &'r str) -> Place<'r> {
        self.place.member(name)
    }
}
