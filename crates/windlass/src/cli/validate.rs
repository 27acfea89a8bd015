use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;

/// What `windlass validate` is told.
#[derive(Args)]
pub(super) struct ValidateArgs {
    /// The state machine's definition (JSON)
    definition: PathBuf,
}

pub(super) fn validate(args: &ValidateArgs) -> Result<ExitCode, Failure> {
    Err(Failure(format!(
        "`validate` is not available in this build\n\
         To check {}, start the server with `windlass serve` and call \
         `aws stepfunctions validate-state-machine-definition` there.",
        args.definition.display()
    )))
}
