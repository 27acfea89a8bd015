use std::collections::BTreeSet;
use std::sync::Arc;

use windlass_value::Value;

use crate::compile::{self, Branch, Condition};
use crate::error::PatternError;
use crate::event::Fields;
use crate::path_tree::PathTree;
use crate::search::{self, MATCH_STEPS_MAX};

const TOO_COMPLEX: &str = "Rule is too complex - try using fewer wildcard characters or fewer repeating character \
                           sequences after a wildcard character";

/// An event pattern, ready to match. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Pattern {
    matcher: Arc<Matcher>,
}

#[derive(Debug)]
struct Matcher {
    tree: PathTree,
    paths: usize,
    /// Path and condition, in the order of paths.
    branches: Vec<Vec<(usize, Arc<Condition>)>>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Where the text is no pattern, in the words of AWS's matcher, or beyond
    /// [`crate::PATTERN_BYTES_MAX`], [`crate::DEPTH_MAX`], [`crate::BRANCHES_MAX`] or
    /// [`crate::ENTRIES_MAX`].
    pub fn parse(text: &str) -> Result<Pattern, PatternError> {
        let rule = compile::compile(text)?;
        if rule.too_complex {
            return Err(PatternError { reason: TOO_COMPLEX.to_owned() });
        }
        Ok(Pattern::new(rule.branches))
    }

    pub(crate) fn new(branches: Vec<Branch>) -> Pattern {
        let paths: Vec<&str> = branches
            .iter()
            .flat_map(|branch| branch.keys().map(String::as_str))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let index = |path: &String| paths.partition_point(|other| *other < path.as_str());
        let rows = branches
            .iter()
            .map(|branch| branch.iter().map(|(path, condition)| (index(path), condition.clone())).collect())
            .collect();
        let tree = PathTree::new(paths.iter().copied());
        Pattern { matcher: Arc::new(Matcher { tree, paths: paths.len(), branches: rows }) }
    }

    /// Whether an event matches; what is no object never does.
    pub fn matches(&self, event: &Value) -> bool {
        if event.as_object().is_none() {
            return false;
        }
        let Matcher { tree, paths, branches } = &*self.matcher;
        let fields = Fields::of(event, tree, *paths);
        let mut steps = MATCH_STEPS_MAX;
        branches.iter().any(|conditions| search::holds(conditions, &fields, &mut steps))
    }
}
