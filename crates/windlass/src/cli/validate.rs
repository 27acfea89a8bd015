use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use windlass_asl::{Definition, Diagnostic, Options, Severity, WorkflowType, parse_definition};
use windlass_value::{Object, Value, object};

use super::terminal::{Palette, Style, plural};
use super::{Failure, excerpt, say, source, terminal};

const AFTER_HELP: &str = r#"The checks are those of CreateStateMachine: types and fields of states, where states
lead, paths, intrinsic functions, JSONata expressions, resources. What AWS would refuse
is an error, with AWS's code and text; what it takes but was likely not meant is a
warning.

EXIT CODES
  0   every definition is valid
  1   a definition has errors
  2   a file could not be read as JSON text, or the command is wrong

EXAMPLES
  windlass validate order.asl.json
  windlass validate machines/*.asl.json --warnings
  windlass validate order.asl.json --type EXPRESS
  cat order.asl.json | windlass validate -
  windlass validate order.asl.json --json | jq '.files[].diagnostics'"#;

/// What `windlass validate` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct ValidateArgs {
    /// Definitions in the Amazon States Language (JSON); `-` reads standard input
    #[arg(value_name = "FILE", required = true)]
    definitions: Vec<PathBuf>,
    /// What the definitions are checked for: Express refuses what waits for jobs and callbacks
    #[arg(long = "type", value_name = "TYPE", default_value = "STANDARD", ignore_case = true)]
    workflow_type: TypeArg,
    /// Show warnings too, not only count them
    #[arg(long)]
    warnings: bool,
    /// Print all findings as one JSON document on standard output
    #[arg(long)]
    json: bool,
}

/// AWS's words for the kinds of workflow.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum TypeArg {
    /// Durable, up to a year
    #[value(name = "STANDARD")]
    Standard,
    /// In memory, minutes
    #[value(name = "EXPRESS")]
    Express,
}

impl From<TypeArg> for WorkflowType {
    fn from(argument: TypeArg) -> WorkflowType {
        match argument {
            TypeArg::Standard => WorkflowType::Standard,
            TypeArg::Express => WorkflowType::Express,
        }
    }
}

/// One file and what was found in it.
struct Checked {
    file: String,
    outcome: Result<(String, Definition), Failure>,
}

impl Checked {
    fn new(path: &Path, options: &Options) -> Checked {
        let outcome = source::read_definition(path).map(|text| {
            let definition = parse_definition(&text, options);
            (text, definition)
        });
        Checked { file: source::name(path), outcome }
    }

    fn count(&self, severity: Severity) -> usize {
        let findings = self.outcome.as_ref().map_or(&[][..], |(_, definition)| &definition.diagnostics);
        findings.iter().filter(|finding| finding.severity == severity).count()
    }

    fn to_value(&self) -> Value {
        let mut file = Object::new();
        file.insert("file", self.file.as_str());
        match &self.outcome {
            Ok((_, definition)) => {
                file.insert("result", if definition.machine.is_some() { "OK" } else { "FAIL" });
                file.insert("diagnostics", Value::array(definition.diagnostics.iter().map(finding_value).collect()));
            }
            Err(Failure(text)) => {
                file.insert("result", "UNREADABLE");
                file.insert("message", text.as_str());
                file.insert("diagnostics", Value::array(Vec::new()));
            }
        }
        file.into()
    }
}

pub(super) fn validate(args: &ValidateArgs) -> Result<ExitCode, Failure> {
    let options = Options { workflow_type: args.workflow_type.into() };
    if args.definitions.iter().filter(|path| source::is_stdin(path)).count() > 1 {
        say(&mut io::stderr(), "windlass: `-` can be given once: standard input is read to its end");
        return Ok(ExitCode::from(2));
    }
    let mut output = io::BufWriter::new(io::stdout().lock());
    let palette = Palette::of(&io::stdout());
    let (mut errors, mut warnings, mut unreadable) = (0, 0, 0);
    let mut files = Vec::new();
    for path in &args.definitions {
        let checked = Checked::new(path, &options);
        errors += checked.count(Severity::Error);
        warnings += checked.count(Severity::Warning);
        if let Err(Failure(text)) = &checked.outcome {
            unreadable += 1;
            // In order with what was said about the files before.
            let _ = output.flush();
            say(&mut io::stderr(), &format!("windlass: {text}"));
        }
        if args.json {
            files.push(checked.to_value());
        } else {
            report(&checked, args.warnings, palette, &mut output);
        }
    }
    if args.json {
        say(&mut output, &object! { "files" => Value::array(files) }.to_pretty());
    } else {
        let readable = args.definitions.len() - unreadable;
        say(&mut output, &summary(readable, errors, warnings, args.warnings, palette));
    }
    let _ = output.flush();
    Ok(match (unreadable, errors) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) => ExitCode::FAILURE,
        _ => ExitCode::from(2),
    })
}

fn report(checked: &Checked, warnings: bool, palette: Palette, output: &mut impl Write) {
    let (columns, _) = terminal::size(&io::stdout());
    let Ok((text, definition)) = &checked.outcome else { return };
    let shown = definition.diagnostics.iter().filter(|finding| warnings || finding.severity == Severity::Error);
    for finding in shown {
        say(output, &excerpt::render(finding, &checked.file, text, palette, columns));
    }
}

fn summary(files: usize, errors: usize, warnings: usize, shown: bool, palette: Palette) -> String {
    let files = plural(files, "definition");
    let warned = match (warnings, shown) {
        (0, _) => String::new(),
        (_, true) => format!(", {}", plural(warnings, "warning")),
        (_, false) => format!(", {} (--warnings shows them)", plural(warnings, "warning")),
    };
    if errors == 0 {
        format!("{} {files} checked, no errors{warned}", palette.paint(Style::Green, "✓"))
    } else {
        format!("{} {files} checked, {}{warned}", palette.paint(Style::Red, "✗"), plural(errors, "error"))
    }
}

/// A finding in the words of `ValidateStateMachineDefinition`, and where it stands.
fn finding_value(finding: &Diagnostic) -> Value {
    let severity = match finding.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
    };
    let mut value = Object::new();
    value.insert("severity", severity);
    value.insert("code", finding.code);
    value.insert("message", finding.message.as_str());
    if let Some(location) = &finding.location {
        value.insert("location", location.as_str());
    }
    value.insert("pointer", finding.pointer.as_str());
    value.insert("line", finding.start.line as u64);
    value.insert("column", finding.start.column as u64);
    value.insert("endLine", finding.end.line as u64);
    value.insert("endColumn", finding.end.column as u64);
    if let Some(help) = &finding.help {
        value.insert("help", help.as_str());
    }
    value.into()
}
