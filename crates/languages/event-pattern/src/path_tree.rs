use std::collections::HashMap;

/// The paths of a pattern, as a tree of their steps.
///
/// A dot in a member's name and a step between objects are the same: the matcher
/// knows fields by their dotted names only.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathTree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    children: HashMap<Box<str>, usize>,
    path: Option<usize>,
}

impl PathTree {
    /// The root.
    pub(crate) const ROOT: usize = 0;

    pub(crate) fn new<'a>(paths: impl Iterator<Item = &'a str>) -> PathTree {
        let mut tree = PathTree { nodes: vec![Node::default()] };
        for (path, name) in paths.enumerate() {
            let mut node = PathTree::ROOT;
            for step in name.split('.') {
                let next = tree.nodes.len();
                let child = *tree.nodes[node].children.entry(step.into()).or_insert(next);
                if child == next {
                    tree.nodes.push(Node::default());
                }
                node = child;
            }
            tree.nodes[node].path = Some(path);
        }
        tree
    }

    /// Where a member leads to.
    pub(crate) fn child(&self, node: usize, name: &str) -> Option<usize> {
        name.split('.').try_fold(node, |node, step| self.nodes[node].children.get(step).copied())
    }

    /// The path that ends here.
    pub(crate) fn path(&self, node: usize) -> Option<usize> {
        self.nodes[node].path
    }

    /// Whether paths lead on from here.
    pub(crate) fn leads_on(&self, node: usize) -> bool {
        !self.nodes[node].children.is_empty()
    }
}
