use crate::value::{Text, Value};

/// A JSON object: keys in the order they were written, the last of equal keys
/// wins (as Jackson does, which AWS uses).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(indexmap::IndexMap<Text, Value, foldhash::fast::RandomState>);

impl Object {
    /// An empty object.
    pub fn new() -> Object {
        Object::default()
    }

    /// An empty object with room for `members`.
    pub fn with_capacity(members: usize) -> Object {
        Object(indexmap::IndexMap::with_capacity_and_hasher(members, Default::default()))
    }

    /// The member of that name.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// The member of that name, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(key)
    }

    /// Whether there is a member of that name.
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Sets a member; an existing one keeps its place. Returns the old value.
    pub fn insert(&mut self, key: impl Into<Text>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// Removes a member and keeps the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(key)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text, &Value)> + DoubleEndedIterator {
        self.0.iter()
    }

    pub(crate) fn entries(&self) -> indexmap::map::Iter<'_, Text, Value> {
        self.0.iter()
    }

    /// The names in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Text> {
        self.0.keys()
    }

    /// The values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.values()
    }

    /// The member at a position.
    pub fn get_index(&self, index: usize) -> Option<(&Text, &Value)> {
        self.0.get_index(index)
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
    type IntoIter = indexmap::map::IntoIter<Text, Value>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
