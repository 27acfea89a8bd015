//! `windlass graph`: a definition as a picture.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use windlass_diagram::{Measure, draw, to_svg, to_text};

use super::terminal::{plural, size};
use super::{Failure, say, source};

const AFTER_HELP: &str = "EXAMPLES
  windlass graph order.asl.json
  windlass graph order.asl.json | less -S
  windlass graph order.asl.json --output order.svg
  aws stepfunctions describe-state-machine --state-machine-arn ARN \\
      --query definition --output text | windlass graph -";

/// What `windlass graph` is told.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct GraphArgs {
    /// A definition in the Amazon States Language (JSON); `-` reads standard input
    #[arg(value_name = "FILE")]
    definition: PathBuf,
    /// How it is drawn: text for terminals, SVG, or where everything is as JSON
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write to this file instead; its ending (.svg, .json, .txt) says the format
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum, PartialEq)]
enum Format {
    Text,
    Svg,
    Json,
}

impl GraphArgs {
    fn format(&self) -> Format {
        let ending = self.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
        self.format.unwrap_or(match ending {
            Some("svg") => Format::Svg,
            Some("json") => Format::Json,
            _ => Format::Text,
        })
    }
}

pub(super) fn graph(args: &GraphArgs) -> Result<ExitCode, Failure> {
    let text = source::read_definition(&args.definition)?;
    let shown = source::name(&args.definition);
    let definition = windlass_value::parse(&text).map_err(|error| format!("{shown} is not JSON: {error}"))?;
    let format = args.format();
    let measure = if format == Format::Text { Measure::cells() } else { Measure::pixels() };
    let diagram = draw(&definition, &measure).map_err(|error| format!("{shown}: {error}"))?;
    let drawn = match format {
        Format::Svg => to_svg(&diagram, &|_| None),
        Format::Json => diagram.to_value().to_text() + "\n",
        Format::Text => to_text(&diagram).ok_or_else(|| {
            format!(
                "{shown} is too large to be drawn as text\nDraw it as SVG: windlass graph {shown} --output graph.svg"
            )
        })?,
    };
    match &args.output {
        Some(path) => {
            std::fs::write(path, drawn).map_err(|error| format!("cannot write {}: {error}", source::name(path)))?;
        }
        None => {
            say(&mut io::stdout(), drawn.trim_end_matches('\n'));
            let (columns, _) = size(&io::stdout());
            if format == Format::Text && io::stdout().is_terminal() && diagram.width > columns as f64 {
                let wide = plural(diagram.width as usize, "column");
                say(&mut io::stderr(), &format!("The picture is {wide} wide; `| less -S` shows it unbroken."));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
