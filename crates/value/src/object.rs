use std::collections::HashMap;

use crate::value::{Text, Value};

/// Members up to here are found by looking at each; it is quicker than hashing
/// and most objects are small.
const SCANNED_MAX: usize = 12;

/// A JSON object: keys in the order they were written, the last of equal keys
/// wins (as Jackson does, which AWS uses).
#[derive(Clone, Debug, Default)]
pub struct Object {
    entries: Vec<(Text, Value)>,
    /// Where each name is, once there are many.
    places: Option<Box<Places>>,
}

type Places = HashMap<Text, usize, foldhash::fast::RandomState>;

impl Object {
    /// An empty object.
    pub fn new() -> Object {
        Object::default()
    }

    /// An empty object with room for `members`.
    pub fn with_capacity(members: usize) -> Object {
        Object { entries: Vec::with_capacity(members), places: None }
    }

    /// An object of members in order. The caller knows that no two names are
    /// equal; of those that are, any may be found.
    pub fn from_distinct(entries: Vec<(Text, Value)>) -> Object {
        let mut object = Object { entries, places: None };
        object.find_places();
        object
    }

    fn find_places(&mut self) {
        self.places = (self.entries.len() > SCANNED_MAX).then(|| {
            let places = self.entries.iter().enumerate().map(|(place, (key, _))| (key.clone(), place));
            Box::new(places.collect())
        });
    }

    #[inline]
    fn place(&self, key: &str) -> Option<usize> {
        match &self.places {
            Some(places) => places.get(key).copied(),
            None => self.entries.iter().position(|(known, _)| **known == *key),
        }
    }

    /// The member of that name and its position. Looks at the position `near`
    /// first: many objects have the same members in the same order.
    #[inline]
    pub fn get_near(&self, key: &str, near: usize) -> Option<(usize, &Value)> {
        match self.entries.get(near) {
            Some((known, value)) if **known == *key => Some((near, value)),
            _ => self.place(key).and_then(|place| self.entries.get(place).map(|(_, value)| (place, value))),
        }
    }

    /// The member of that name.
    #[inline]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.place(key).and_then(|place| self.entries.get(place)).map(|(_, value)| value)
    }

    /// The member of that name, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.place(key).and_then(|place| self.entries.get_mut(place)).map(|(_, value)| value)
    }

    /// Whether there is a member of that name.
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_some()
    }

    /// Sets a member; an existing one keeps its place. Returns the old value.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Value>) -> Option<Value> {
        let key = key.into();
        if let Some(place) = self.place(&key) {
            return Some(std::mem::replace(&mut self.entries[place].1, value.into()));
        }
        if let Some(places) = &mut self.places {
            places.insert(key.clone(), self.entries.len());
        }
        self.entries.push((key, value.into()));
        if self.places.is_none() && self.entries.len() > SCANNED_MAX {
            self.find_places();
        }
        None
    }

    /// Removes a member and keeps the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.place(key)?;
        let (_, value) = self.entries.remove(place);
        if self.places.is_some() {
            self.find_places();
        }
        Some(value)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Value)> + DoubleEndedIterator {
        self.entries.iter().map(|(key, value)| (key, value))
    }

    pub(crate) fn entries(&self) -> std::slice::Iter<'_, (Text, Value)> {
        self.entries.iter()
    }

    /// The names in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Text> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.entries.iter().map(|(_, value)| value)
    }

    /// The member at a position.
    pub fn get_index(&self, index: usize) -> Option<(&Text, &Value)> {
        self.entries.get(index).map(|(key, value)| (key, value))
    }
}

/// The order of members does not matter.
impl PartialEq for Object {
    fn eq(&self, other: &Object) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Into<Text>, V: Into<Value>> FromIterator<(K, V)> for Object {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Object {
        let mut object = Object::new();
        for (key, value) in members {
            object.insert(key, value);
        }
        object
    }
}

impl<K: Into<Text>, V: Into<Value>> Extend<(K, V)> for Object {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, members: I) {
        for (key, value) in members {
            self.insert(key, value);
        }
    }
}

impl IntoIterator for Object {
    type Item = (Text, Value);
    type IntoIter = std::vec::IntoIter<(Text, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Few members are scanned, many are hashed: nothing else may differ.
    #[test]
    fn members_keep_their_places() {
        for count in [0, 1, SCANNED_MAX - 1, SCANNED_MAX, SCANNED_MAX + 1, 3 * SCANNED_MAX] {
            let name = |index: usize| format!("m{index}");
            let mut object: Object = (0..count).map(|index| (name(index), index as i64)).collect();
            let distinct = object.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
            assert_eq!(Object::from_distinct(distinct), object);
            assert!((0..count).all(|index| object.get(&name(index)) == Some(&Value::int(index as i64))));
            assert_eq!(object.get("none"), None);
            if count > 0 {
                assert_eq!(object.insert("m0", "again"), Some(Value::int(0)));
                assert_eq!(object.remove("m0"), Some(Value::from("again")));
                assert!(!object.contains_key("m0"));
                assert!((1..count).all(|index| object.get(&name(index)) == Some(&Value::int(index as i64))));
                object.insert("m0", 0);
                assert_eq!(object.keys().last().map(|name| &**name), Some("m0"));
            }
            assert_eq!(object.len(), count);
        }
    }
}
