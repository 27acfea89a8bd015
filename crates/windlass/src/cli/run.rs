use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::Failure;

/// What `windlass run` is told.
#[derive(Args)]
pub(super) struct RunArgs {
    /// The state machine's definition (JSON)
    definition: PathBuf,
}

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    Err(Failure(format!(
        "`run` is not available in this build\n\
         To run {}, start the server with `windlass serve` and create the state machine there.",
        args.definition.display()
    )))
}
