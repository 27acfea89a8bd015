use std::sync::Arc;

use windlass_value::Text;

use super::step::Step;
use super::{PathError, Root, parser};

/// One step of a Reference Path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReferenceStep {
    /// A member.
    Name(Text),
    /// An element.
    Index(i64),
}

/// A path that names one place in a document: members and indexes only, from `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferencePath {
    text: Text,
    steps: Arc<[ReferenceStep]>,
}

impl ReferencePath {
    /// Checks a Reference Path.
    ///
    /// # Errors
    /// Where the text is no path, starts at `$$` or a variable, or has a step
    /// that is neither a member nor an index.
    pub fn parse(text: &str) -> Result<ReferencePath, PathError> {
        let (root, steps) = parser::path(text)?;
        if root != Root::Input {
            return Err(PathError { message: "A Reference Path starts at '$'".to_owned() });
        }
        let steps = steps
            .into_iter()
            .map(|step| match step {
                Step::Name(name) => Ok(ReferenceStep::Name(name)),
                Step::Index(index) => Ok(ReferenceStep::Index(index)),
                other => Err(PathError { message: format!("'{}' has no place in a Reference Path", other.fragment()) }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ReferencePath { text: text.into(), steps: steps.into() })
    }

    /// The path as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is `$` itself.
    pub fn is_root(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn steps(&self) -> &[ReferenceStep] {
        &self.steps
    }
}
