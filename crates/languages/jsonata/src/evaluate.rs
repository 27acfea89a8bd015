use crate::{error::*, limits::Limits, tree::Program, world::World};
use windlass_value::Value;
pub(crate) fn run(
    _: &Program,
    _: Option<&Value>,
    _: &[(&str, Value)],
    _: &World,
    _: &Limits,
) -> Result<Option<Value>, EvaluationError> {
    Err(EvaluationError { kind: ErrorKind::Internal, message: "evaluation is not built yet".to_owned() })
}
