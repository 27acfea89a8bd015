//! `windlass executions`

mod change;
pub(super) mod follow;
mod history;
pub(super) mod list;
pub(super) mod lookup;
pub(super) mod rows;
mod show;
pub(super) mod story;

use std::io;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::client::{CONNECTION_HELP, Client, Connection};
use super::{Failure, say};

/// An execution that was followed was stopped or its time was up.
const EXIT_ENDED_EARLY: u8 = 3;
/// The command is wrong, or the server cannot be asked or refuses.
const EXIT_USAGE: u8 = 2;

const AFTER_HELP: &str = r#"EXIT CODES
  0   done; of follow: the execution succeeded
  1   follow: it failed; stop, redrive: at least one was refused
  2   the command is wrong, or the server does not answer or refuses
  3   follow: it timed out or was stopped

EXAMPLES
  windlass executions list --machine orders --status FAILED
  windlass executions show o-17
  windlass executions follow orders:o-17 | jq .total
  windlass executions stop o-17 --cause 'not needed any more'
  windlass executions redrive --failed-of orders
  windlass executions redrive o-17 --from Charge --input '{"amount": 5}'
  windlass executions fork o-17 --state Charge --definition order.asl.json --follow"#;

const LIST_HELP: &str = r#"The newest executions of one state machine or of all, with status, start and duration.
Executions of Express state machines are not listed.

EXAMPLES
  windlass executions list
  windlass executions list --machine orders --status FAILED --limit 100
  windlass executions list --json | jq -r '.executions[].executionArn'"#;

const SHOW_HELP: &str = r#"What went wrong comes first: the state that failed, its error and cause. Then the states as a
tree: branches, iterations and executions that tasks started are indented, attempts stand below
their task, bars show when and how long each ran.

  ✓ succeeded   ✗ failed   ! failed, and a Catch took it   ↻ an attempt that was repeated
  ▸ runs        ■ aborted

EXAMPLES
  windlass executions show o-17
  windlass executions show orders:o-17 --iterations 100
  windlass executions show o-17 --history
  windlass executions show o-17 --json | jq '.failures[0]'"#;

const FOLLOW_HELP: &str = r#"Prints states on standard error as they begin and end, and at the end the output on standard
output. Of a Map the states of the first 10 iterations are told, of the others what fails. A
server that is restarted meanwhile is waited for.

EXIT CODES
  0   the execution succeeded
  1   it failed
  2   the server does not answer or refuses
  3   it timed out or was stopped

EXAMPLES
  windlass executions follow o-17
  windlass executions follow orders:o-17 --json | jq .failures"#;

const REDRIVE_HELP: &str = r#"An execution that failed, timed out or was stopped goes on where it ended, or from the state
that --from names: a state of the definition, or of a branch or iteration that is unfinished.

EXAMPLES
  windlass executions redrive o-17
  windlass executions redrive o-17 --from Charge --input charge.json
  windlass executions redrive --failed-of orders"#;

const FORK_HELP: &str = r#"Starts a new execution that goes on from a moment of an old one, with another input or another
definition where they are given. The old one, running or closed, stays as it is. The ARN of the
new one is printed; with --follow its states and its output.

EXAMPLES
  windlass executions fork o-17 --state Charge --input '{"amount": 5}' --follow
  windlass executions fork o-17 --event 12 --definition order.asl.json"#;

/// What `windlass executions` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP, arg_required_else_help = true)]
pub(super) struct ExecutionsArgs {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List executions, the newest first
    #[command(after_help = LIST_HELP, after_long_help = format!("{LIST_HELP}\n\n{CONNECTION_HELP}"))]
    List(list::ListArgs),
    /// Show what happened in an execution, state by state
    #[command(after_help = SHOW_HELP, after_long_help = format!("{SHOW_HELP}\n\n{CONNECTION_HELP}"))]
    Show(show::ShowArgs),
    /// Print states as they happen, until the execution ends
    #[command(after_help = FOLLOW_HELP, after_long_help = format!("{FOLLOW_HELP}\n\n{CONNECTION_HELP}"))]
    Follow(follow::FollowArgs),
    /// Stop executions
    Stop(change::StopArgs),
    /// Let executions that failed go on
    #[command(after_help = REDRIVE_HELP)]
    Redrive(change::RedriveArgs),
    /// Start a new execution that goes on from a moment of another one
    #[command(after_help = FORK_HELP)]
    Fork(change::ForkArgs),
}

/// Asks a server; what is wrong is told on standard error.
pub(super) fn executions(args: &ExecutionsArgs) -> Result<ExitCode, Failure> {
    let asked = asked(args);
    Ok(asked.unwrap_or_else(|Failure(text)| {
        say(&mut io::stderr(), &format!("windlass: {text}"));
        ExitCode::from(EXIT_USAGE)
    }))
}

fn asked(args: &ExecutionsArgs) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::new(&args.connection)?;
        match &args.command {
            Command::List(args) => list::list(&client, args).await,
            Command::Show(args) => show::show(&client, args).await,
            Command::Follow(args) => follow::follow(&client, args).await,
            Command::Stop(args) => change::stop(&client, args).await,
            Command::Redrive(args) => change::redrive(&client, args).await,
            Command::Fork(args) => change::fork(&client, args).await,
        }
    })
}
