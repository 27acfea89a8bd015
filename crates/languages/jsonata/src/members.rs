//! The members of an object that the expression makes.

use std::collections::HashMap;

use crate::item::{Item, Str};

/// Members up to here are found by looking at each.
const SCANNED_MAX: usize = 12;

/// Members in order, each name once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members<'v> {
    entries: Vec<(Str<'v>, Item<'v>)>,
    /// Where each name is, once there are many.
    places: Option<Box<Places<'v>>>,
}

type Places<'v> = HashMap<Str<'v>, u32, foldhash::fast::RandomState>;

impl<'v> Members<'v> {
    pub(crate) fn with_capacity(count: usize) -> Members<'v> {
        Members { entries: Vec::with_capacity(count), places: None }
    }

    pub(crate) fn entries(&self) -> &[(Str<'v>, Item<'v>)] {
        &self.entries
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a name is.
    pub(crate) fn place(&self, key: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key).map(|place| *place as usize),
            None => self.entries.iter().position(|(known, _)| **known == *key),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Item<'v>> {
        self.place(key).and_then(|place| self.entries.get(place)).map(|(_, item)| item)
    }

    /// Sets a member; an existing one keeps its place.
    pub(crate) fn insert(&mut self, key: Str<'v>, item: Item<'v>) {
        match self.place(&key) {
            Some(place) => self.entries[place].1 = item,
            None => self.push(key, item),
        }
    }

    /// Adds a member whose name is new.
    pub(crate) fn push(&mut self, key: Str<'v>, item: Item<'v>) {
        match &mut self.places {
            Some(places) => {
                places.insert(key.clone(), self.entries.len() as u32);
            }
            None if self.entries.len() >= SCANNED_MAX => {
                let mut places = HashMap::with_capacity_and_hasher(SCANNED_MAX * 4, Default::default());
                places.extend(self.entries.iter().enumerate().map(|(place, (key, _))| (key.clone(), place as u32)));
                places.insert(key.clone(), self.entries.len() as u32);
                self.places = Some(Box::new(places));
            }
            None => {}
        }
        self.entries.push((key, item));
    }

    /// Removes a member; the others keep their order.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Some(place) = self.place(key) {
            self.entries.remove(place);
            if self.places.take().is_some() {
                let entries = std::mem::take(&mut self.entries);
                entries.into_iter().for_each(|(key, item)| self.push(key, item));
            }
        }
    }
}

impl<'v> Extend<(Str<'v>, Item<'v>)> for Members<'v> {
    fn extend<I: IntoIterator<Item = (Str<'v>, Item<'v>)>>(&mut self, members: I) {
        members.into_iter().for_each(|(key, item)| self.insert(key, item));
    }
}

impl<'v> FromIterator<(Str<'v>, Item<'v>)> for Members<'v> {
    fn from_iter<I: IntoIterator<Item = (Str<'v>, Item<'v>)>>(members: I) -> Members<'v> {
        let mut made = Members::default();
        made.extend(members);
        made
    }
}
