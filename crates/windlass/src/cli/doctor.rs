//! `windlass doctor`

mod data;
mod finding;
mod machine;
mod server;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use windlass_value::{Value, object};

use self::finding::{Finding, Level};
use super::client::Connection;
use super::terminal::{Palette, Style, pad, printable};
use super::{Failure, say};
use crate::config::{Config, Flags};

const CHECK_COLUMNS: usize = 12;

const AFTER_HELP: &str = r#"Looks at what `windlass serve` would use with these flags and this environment, at the programs
that functions and people need, and at the server. Nothing is changed: a file of a few bytes is
written into the data folder and taken away again.

  ✓ as it should be   · worth knowing   ! works, and may not always   ✗ does not work

EXIT CODES
  0   nothing is broken
  1   something is

EXAMPLES
  windlass doctor
  windlass doctor --data /var/lib/windlass --config /etc/windlass.toml
  windlass doctor --endpoint https://windlass.example:4566
  windlass doctor --json | jq '.findings[] | select(.level != "OK")'"#;

/// What `windlass doctor` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DoctorArgs {
    /// The data folder, as for serve
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file, as for serve
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address to listen on, as for serve
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Looks at everything; what is wrong is a finding, no failure.
pub(super) fn doctor(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let mut findings = Vec::new();
    let flags =
        Flags { listen: args.listen.clone(), data: args.data.clone(), config: args.config.clone(), mock_config: None };
    let names: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
    let folder = std::env::current_dir().unwrap_or_default();
    let config = Config::resolve(&flags, &|name| std::env::var(name).ok(), &names, &folder);
    findings.push(configuration(&config));
    if let Ok(config) = &config {
        if !config.unknown_variables.is_empty() {
            let names = config.unknown_variables.join(", ");
            let text = format!("environment variables that mean nothing: {names}");
            findings.push(
                Finding::new(Level::Warning, "environment", text)
                    .advise("`windlass serve --help` lists those that do."),
            );
        }
        findings.extend(data::folder(config));
        findings.extend(data::master_key(config));
        findings.push(machine::open_files(config.connections_max));
    }
    findings.push(machine::sqlite());
    findings.push(machine::clock());
    findings.extend(machine::runtimes());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = runtime.block_on(server::look(&args.connection, config.as_ref().ok()));
    findings.extend(server);
    report(&findings, args.json);
    let broken = findings.iter().any(|finding| finding.level == Level::Broken);
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn configuration(config: &Result<Config, crate::config::ConfigError>) -> Finding {
    match config {
        Ok(config) => {
            let file = config.file.as_ref().map_or("no file".to_owned(), |file| file.display().to_string());
            let mode = if config.is_open() { "open mode" } else { "access keys" };
            Finding::new(Level::Fine, "config", format!("{file}; {mode}, {}", config.listen))
        }
        Err(error) => {
            let text = error.to_string();
            let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
            Finding::new(Level::Broken, "config", first).advise(rest.trim())
        }
    }
}

fn report(findings: &[Finding], json: bool) {
    let mut output = io::BufWriter::new(io::stdout().lock());
    let broken = findings.iter().filter(|finding| finding.level == Level::Broken).count();
    let warnings = findings.iter().filter(|finding| finding.level == Level::Warning).count();
    if json {
        let values = findings.iter().map(Finding::to_value).collect();
        let document = object! { "broken" => broken, "warnings" => warnings, "findings" => Value::array(values) };
        say(&mut output, &document.to_pretty());
        let _ = output.flush();
        return;
    }
    let palette = Palette::of(&io::stdout());
    for finding in findings {
        let (glyph, style) = match finding.level {
            Level::Fine => ("✓", Style::Green),
            Level::Note => ("·", Style::Dim),
            Level::Warning => ("!", Style::Yellow),
            Level::Broken => ("✗", Style::Red),
        };
        let check = palette.paint(Style::Bold, &pad(finding.check, CHECK_COLUMNS));
        say(&mut output, &format!("{} {check} {}", palette.paint(style, glyph), printable(&finding.text)));
        for line in finding.advice.lines() {
            say(
                &mut output,
                &format!("  {} {}", " ".repeat(CHECK_COLUMNS), palette.paint(Style::Dim, &printable(line))),
            );
        }
    }
    let summary = match (broken, warnings) {
        (0, 0) => palette.paint(Style::Green, "nothing is broken"),
        (0, _) => format!("nothing is broken; {}", super::terminal::plural(warnings, "warning")),
        _ => palette.paint(Style::Red, &format!("{} broken", super::terminal::plural(broken, "thing"))),
    };
    say(&mut output, &format!("\n{summary}"));
    let _ = output.flush();
}
