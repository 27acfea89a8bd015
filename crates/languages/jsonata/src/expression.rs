use std::sync::Arc;

use windlass_value::Value;

use crate::error::{CompileError, EvaluationError, UnsupportedReference};
use crate::limits::Limits;
use crate::references::{self, References};
use crate::tree::Program;
use crate::world::World;
use crate::{evaluate, lower, parser};

/// A checked expression. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Expression(Arc<Checked>);

#[derive(Debug)]
struct Checked {
    source: Box<str>,
    program: Program,
    references: References,
}

impl Expression {
    /// Checks an expression; `source` is the text between `{%` and `%}`.
    ///
    /// # Errors
    /// Where the text is no JSONata, or nests deeper than 500 levels.
    pub fn compile(source: &str) -> Result<Expression, CompileError> {
        let program = lower::lower(parser::parse(source)?)?;
        let references = references::collect(&program);
        Ok(Expression(Arc::new(Checked { source: source.into(), program, references })))
    }

    /// The text it was made from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Variables it reads and does not bind itself, without `$`, in the order of
    /// first use; built-in functions are not among them, `states` is.
    pub fn variables(&self) -> &[String] {
        &self.0.references.variables
    }

    /// Members of `$states` it reads: `input`, `result`, `errorOutput`, `context`.
    pub fn states_members(&self) -> &[String] {
        &self.0.references.states_members
    }

    /// References that have no meaning in a state machine, in the order of first
    /// use; AWS refuses a definition that has one.
    pub fn unsupported_references(&self) -> &[UnsupportedReference] {
        &self.0.references.unsupported
    }

    /// Evaluates with the given variables (names without `$`). `None` is
    /// JSONata's undefined.
    ///
    /// # Errors
    /// Where the expression fails by JSONata's rules, its result is a function,
    /// or a limit is reached.
    pub fn evaluate(
        &self,
        bindings: &[(&str, Value)],
        world: &World,
        limits: &Limits,
    ) -> Result<Option<Value>, EvaluationError> {
        evaluate::run(&self.0.program, None, bindings, world, limits).0
    }

    /// As [`evaluate`](Expression::evaluate), with the fuel it burned, at most
    /// `limits.fuel_max`: the same for the same arguments, success or not.
    pub fn evaluate_counted(
        &self,
        bindings: &[(&str, Value)],
        world: &World,
        limits: &Limits,
    ) -> (Result<Option<Value>, EvaluationError>, u64) {
        evaluate::run(&self.0.program, None, bindings, world, limits)
    }

    /// Evaluates with a context item, which bare names, `$` and `$$` then read.
    ///
    /// # Errors
    /// As [`evaluate`](Expression::evaluate).
    pub fn evaluate_with_context(
        &self,
        context: &Value,
        bindings: &[(&str, Value)],
        world: &World,
        limits: &Limits,
    ) -> Result<Option<Value>, EvaluationError> {
        evaluate::run(&self.0.program, Some(context), bindings, world, limits).0
    }
}
