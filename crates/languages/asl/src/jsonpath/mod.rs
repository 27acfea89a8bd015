//! Paths in the Jayway dialect, as AWS uses it.
//!
//! A path is checked once and evaluated many times. The common shape, members
//! and indexes only, walks the document and clones one shared value.

mod compare;
mod evaluate;
mod filter;
mod function;
mod parser;
mod reference;
mod step;

use std::fmt;
use std::sync::Arc;

use windlass_value::{Text, Value};

use crate::scope::Scope;
pub use reference::ReferencePath;
pub(crate) use reference::ReferenceStep;
use step::Step;

/// Longest path, in bytes.
pub const PATH_BYTES_MAX: usize = 16_384;
/// Deepest nesting of filters and parentheses inside a path.
pub const FILTER_DEPTH_MAX: usize = 20;
/// Most values an indefinite path may select.
pub const RESULTS_MAX: usize = 1_000_000;
/// Most nodes one evaluation may visit, filters included.
pub const FUEL_MAX: u64 = 20_000_000;

/// What a path starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// `$`: the state's document.
    Input,
    /// `$$`: the context object.
    Context,
    /// `$name`: a variable, without the dollar.
    Variable(Text),
}

/// A checked path. Cloning shares.
#[derive(Clone)]
pub struct Path(Arc<Parsed>);

struct Parsed {
    text: Text,
    root: Root,
    steps: Vec<Step>,
    definite: bool,
}

/// Text that is no path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    /// What is wrong and where.
    pub message: String,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for PathError {}

/// Why a path gave no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoResult {
    /// Which kind.
    pub reason: Reason,
    /// Jayway's text: `No results for path: $['x']`.
    pub message: String,
}

/// The kinds of [`NoResult`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The document has nothing there.
    NotFound,
    /// A step met a value it cannot work on; AWS shows Jayway's text as it is.
    Unsuitable,
    /// There is no variable of that name.
    NoVariable,
    /// The evaluation visited or selected more than it may.
    TooMuch,
}

impl NoResult {
    pub(crate) fn not_found(message: String) -> NoResult {
        NoResult { reason: Reason::NotFound, message }
    }

    pub(crate) fn unsuitable(message: String) -> NoResult {
        NoResult { reason: Reason::Unsuitable, message }
    }
}

impl fmt::Display for NoResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for NoResult {}

impl Path {
    /// Checks a path that starts with `$`, `$$` or `$name`.
    ///
    /// # Errors
    /// Where the text does not follow the dialect.
    pub fn parse(text: &str) -> Result<Path, PathError> {
        let (root, steps) = parser::path(text)?;
        let definite = step::definite(&steps);
        Ok(Path(Arc::new(Parsed { text: text.into(), root, steps, definite })))
    }

    /// The path as it was written.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The path inside its document, as AWS names it: `$$.a` is `$.a`.
    pub fn document_text(&self) -> &str {
        match self.0.root {
            Root::Context => &self.0.text[1..],
            _ => &self.0.text,
        }
    }

    /// Whether it selects at most one value; an indefinite path always gives an array.
    pub fn is_definite(&self) -> bool {
        self.0.definite
    }

    /// Whether it has only member and index steps.
    pub fn is_reference(&self) -> bool {
        self.0.steps.iter().all(Step::is_reference)
    }

    /// What it starts from.
    pub fn root(&self) -> &Root {
        &self.0.root
    }

    /// The variables it reads: filters read none, so it is the root's.
    pub fn variables(&self) -> Vec<Text> {
        match &self.0.root {
            Root::Variable(name) => vec![name.clone()],
            _ => Vec::new(),
        }
    }

    /// The value in a scope.
    ///
    /// # Errors
    /// Where a definite path selects nothing, or the variable does not exist.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, NoResult> {
        self.evaluate_counted(scope, false)
    }

    /// As [`Path::evaluate`], but an index past the end of an array is
    /// [`Reason::NotFound`] instead of null.
    pub(crate) fn evaluate_present(&self, scope: &Scope<'_>) -> Result<Value, NoResult> {
        self.evaluate_counted(scope, true)
    }

    fn evaluate_counted(&self, scope: &Scope<'_>, past_end_missing: bool) -> Result<Value, NoResult> {
        let mut fuel = evaluate::Fuel::full();
        let document = self.document(scope)?;
        let value = evaluate::path(&self.0.steps, self.0.definite, document, past_end_missing, &mut fuel);
        scope.surroundings.spend(fuel.spent());
        value
    }

    /// The value in a document.
    ///
    /// # Errors
    /// Where a definite path selects nothing.
    pub fn evaluate_in(&self, document: &Value) -> Result<Value, NoResult> {
        evaluate::path(&self.0.steps, self.0.definite, document, false, &mut evaluate::Fuel::full())
    }

    /// The document the path is about.
    pub(crate) fn document<'a>(&self, scope: &Scope<'a>) -> Result<&'a Value, NoResult> {
        match &self.0.root {
            Root::Input => Ok(scope.input),
            Root::Context => Ok(scope.surroundings.context()),
            Root::Variable(name) => scope.surroundings.variable(name).ok_or_else(|| NoResult {
                reason: Reason::NoVariable,
                message: format!("The variable '{name}' does not exist"),
            }),
        }
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Path) -> bool {
        self.0.text == other.0.text
    }
}
impl Eq for Path {}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({})", self.0.text)
    }
}
