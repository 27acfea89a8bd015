//! The scalars of an event that a pattern's paths lead to, and in which elements of
//! which arrays each lies.

use windlass_value::Value;

use crate::path_tree::PathTree;

/// A scalar and the innermost array element around it ([`Fields::NOWHERE`] for none).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field<'a> {
    pub(crate) value: &'a Value,
    pub(crate) element: usize,
}

/// An element that is an object or an array itself. Elements are numbered in the order
/// of the text, so that those inside one are a range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) array: usize,
    pub(crate) parent: usize,
}

#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// The fields by path, in the order of their elements.
    pub(crate) by_path: Vec<Vec<Field<'a>>>,
    pub(crate) elements: Vec<Element>,
    /// One past the last element of each array.
    pub(crate) array_ends: Vec<usize>,
}

impl<'a> Fields<'a> {
    /// The element of what lies in no array.
    pub(crate) const NOWHERE: usize = 0;

    pub(crate) fn of(event: &'a Value, tree: &PathTree, paths: usize) -> Fields<'a> {
        let nowhere = Element { array: usize::MAX, parent: Fields::NOWHERE };
        let mut fields = Fields { by_path: vec![Vec::new(); paths], elements: vec![nowhere], array_ends: Vec::new() };
        fields.walk(event, tree, PathTree::ROOT, Fields::NOWHERE);
        if fields.elements.len() > 1 {
            for fields in &mut fields.by_path {
                fields.sort_by_key(|field| field.element);
            }
        }
        fields
    }

    fn walk(&mut self, value: &'a Value, tree: &PathTree, node: usize, element: usize) {
        match value {
            Value::Object(object) => {
                if !tree.leads_on(node) {
                    return;
                }
                for (name, value) in object.iter() {
                    if let Some(child) = tree.child(node, name) {
                        self.walk(value, tree, child, element);
                    }
                }
            }
            Value::Array(items) => {
                let array = self.array_ends.len();
                self.array_ends.push(0);
                for item in items.iter() {
                    match item {
                        Value::Object(_) | Value::Array(_) => {
                            let inside = self.elements.len();
                            self.elements.push(Element { array, parent: element });
                            self.walk(item, tree, node, inside);
                        }
                        scalar => self.walk(scalar, tree, node, element),
                    }
                }
                self.array_ends[array] = self.elements.len();
            }
            scalar => {
                if let Some(path) = tree.path(node) {
                    self.by_path[path].push(Field { value: scalar, element });
                }
            }
        }
    }
}
