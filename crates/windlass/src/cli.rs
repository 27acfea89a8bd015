//! The command line.

mod excerpt;
mod explain_access;
mod graph;
mod run;
mod serve;
mod source;
mod terminal;
mod test_state;
mod validate;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

/// A local AWS: Step Functions and what it needs, durable, on your own machine.
#[derive(Parser)]
#[command(name = "windlass", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start the server
    Serve(serve::ServeArgs),
    /// Run one state machine and print its result, without a server
    Run(run::RunArgs),
    /// Run one state of a state machine by itself, with mocks, without a server
    TestState(test_state::TestStateArgs),
    /// Check a state machine definition and print what is wrong with it
    Validate(validate::ValidateArgs),
    /// Draw a state machine definition
    Graph(graph::GraphArgs),
    /// Say why a call was refused, or whether one would be
    #[command(visible_alias = "why-denied")]
    ExplainAccess(explain_access::ExplainAccessArgs),
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the version
    Version,
}

/// Why a command failed: what is wrong on the first line, what to do below.
pub(crate) struct Failure(String);

impl<T: std::fmt::Display> From<T> for Failure {
    fn from(error: T) -> Failure {
        Failure(error.to_string())
    }
}

/// Runs the program; its exit code is 0, 1 (it failed) or 2 (it was called wrongly).
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(args) => serve::serve(&args),
        Command::Run(args) => run::run(&args),
        Command::TestState(args) => test_state::test_state(&args),
        Command::Validate(args) => validate::validate(&args),
        Command::Graph(args) => graph::graph(&args),
        Command::ExplainAccess(args) => explain_access::explain_access(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "windlass", &mut io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => {
            say(&mut io::stdout(), concat!("windlass ", env!("CARGO_PKG_VERSION")));
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|Failure(text)| {
        say(&mut io::stderr(), &format!("windlass: {text}"));
        ExitCode::FAILURE
    })
}

/// Writes a line. A reader that went away (a closed pipe) is no failure of ours.
pub(crate) fn say(output: &mut impl Write, line: &str) {
    let _ = writeln!(output, "{line}");
}
