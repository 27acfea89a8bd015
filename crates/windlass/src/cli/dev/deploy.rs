//! Brings a server to what the folder says. What is broken is told and left
//! out: the last good version stays deployed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use windlass_asl::{Diagnostic, Options, Severity, WorkflowType, parse_definition};
use windlass_value::{Object, Value, object};

use super::super::client::{CallError, Client};
use super::super::terminal::{self, Palette, Style, pad, plural, printable};
use super::super::{excerpt, say, source};
use super::folder::Snapshot;
use super::package::{convention, conventions, pack};
use super::settings::{FunctionSettings, MachineSettings, Settings};
use super::substitution::Names;

const FUNCTION: &str = "function";
const MACHINE: &str = "machine";
const KIND_COLUMNS: usize = 8;
const ROLE: &str = "windlass-dev";
const TIMEOUT_SECONDS_DEFAULT: u32 = 30;
const MEMORY_MB_DEFAULT: u32 = 128;
/// Letters that names may have, as AWS says it.
const NAME_CHARS_MAX: usize = 80;

/// What a server has of the folder.
pub(super) struct Deployer {
    folder: PathBuf,
    pub(super) names: Names,
    palette: Palette,
    /// By kind and name: what was deployed last, or what was wrong with it.
    known: HashMap<(&'static str, String), Outcome>,
    /// ARNs of the Standard machines that are deployed, by name.
    pub(super) standard: HashMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The fingerprint of what stands there.
    Deployed(String),
    /// What was told.
    Wrong(String),
}

/// Why one thing was not deployed.
enum Trouble {
    /// It is wrong; the text is whole lines.
    Wrong(String),
    /// The server is not there.
    Away(String),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Trouble {
        match error {
            CallError::Unreachable(text) => Trouble::Away(text),
            refused => Trouble::Wrong(refused.to_string()),
        }
    }
}

/// What a deployment did to one thing.
enum Done {
    Created(String),
    Updated(String),
    Same,
}

impl Deployer {
    pub(super) fn new(folder: PathBuf, names: Names, palette: Palette) -> Deployer {
        Deployer { folder, names, palette, known: HashMap::new(), standard: HashMap::new() }
    }

    /// Deploys what has changed; functions first, for machines call them.
    ///
    /// # Errors
    /// The server is not there. What is done is done.
    pub(super) async fn deploy(&mut self, client: &Client, snapshot: &Snapshot) -> Result<(), String> {
        let settings = match Settings::load(&self.folder) {
            Ok(settings) => {
                self.known.remove(&(FUNCTION, String::new()));
                settings
            }
            // Nothing is deployed by settings that are half written.
            Err(text) => {
                self.wrong(FUNCTION, "", text);
                return Ok(());
            }
        };
        self.names.functions = snapshot.functions.keys().cloned().collect();
        self.names.machines = snapshot.machines.keys().cloned().collect();
        self.forget(snapshot);
        for (name, folder) in &snapshot.functions {
            let done = self.function(client, name, folder, &settings.function(name)).await;
            self.note(FUNCTION, name, done)?;
        }
        for (name, path) in &snapshot.machines {
            let done = match settings.machine(&self.folder, name) {
                Ok(settings) => self.machine(client, name, path, &settings).await,
                Err(text) => Err(Trouble::Wrong(text)),
            };
            self.note(MACHINE, name, done)?;
        }
        Ok(())
    }

    /// Whether nothing of the folder is wrong.
    pub(super) fn all_deployed(&self) -> bool {
        self.known.values().all(|outcome| matches!(outcome, Outcome::Deployed(_)))
    }

    /// What is gone from the folder stays deployed, and may come back.
    fn forget(&mut self, snapshot: &Snapshot) {
        let is_there = |(kind, name): &(&'static str, String)| match *kind {
            FUNCTION => snapshot.functions.contains_key(name),
            _ => snapshot.machines.contains_key(name),
        };
        let gone: Vec<_> = self.known.keys().filter(|key| !is_there(key)).cloned().collect();
        for key in gone {
            if matches!(self.known.remove(&key), Some(Outcome::Deployed(_))) {
                let line = format!("· {} {} is gone from the folder; it stays deployed", key.0, printable(&key.1));
                say(&mut io::stdout(), &self.palette.paint(Style::Dim, &line));
            }
        }
    }

    fn note(&mut self, kind: &'static str, name: &str, done: Result<(Done, String), Trouble>) -> Result<(), String> {
        let paint = |style, text: &str| self.palette.paint(style, text);
        let label = format!("{} {}", pad(kind, KIND_COLUMNS), printable(name));
        let key = (kind, name.to_owned());
        match done {
            Ok((done, fingerprint)) => {
                let was_wrong = matches!(self.known.get(&key), Some(Outcome::Wrong(_)));
                match done {
                    Done::Created(what) => {
                        say(&mut io::stdout(), &format!("{} {label}  created  {what}", paint(Style::Green, "✓")));
                    }
                    Done::Updated(what) => {
                        say(&mut io::stdout(), &format!("{} {label}  updated  {what}", paint(Style::Green, "✓")));
                    }
                    Done::Same if was_wrong || !self.known.contains_key(&key) => {
                        say(&mut io::stdout(), &format!("{} {label}  unchanged", paint(Style::Green, "✓")));
                    }
                    Done::Same => {}
                }
                self.known.insert(key, Outcome::Deployed(fingerprint));
                Ok(())
            }
            Err(Trouble::Away(text)) => Err(text),
            Err(Trouble::Wrong(text)) => {
                self.wrong(kind, name, text);
                Ok(())
            }
        }
    }

    /// Tells what is wrong, once.
    fn wrong(&mut self, kind: &'static str, name: &str, text: String) {
        let outcome = Outcome::Wrong(text.clone());
        let before = self.known.insert((kind, name.to_owned()), outcome.clone());
        if before.as_ref() == Some(&outcome) {
            return;
        }
        let what = if name.is_empty() {
            "settings".to_owned()
        } else {
            format!("{} {}", pad(kind, KIND_COLUMNS), printable(name))
        };
        let stays = match before {
            Some(Outcome::Deployed(_)) => "; the version before stays deployed",
            _ => "",
        };
        let sign = self.palette.paint(Style::Red, "✗");
        say(&mut io::stdout(), &format!("{sign} {what}  not deployed{stays}\n{}", text.trim_end()));
    }

    fn is_known(&self, kind: &'static str, name: &str, fingerprint: &str) -> bool {
        matches!(self.known.get(&(kind, name.to_owned())), Some(Outcome::Deployed(known)) if known == fingerprint)
    }

    fn role(&self, named: Option<&String>) -> String {
        let Names { partition, account, .. } = &self.names;
        named.cloned().unwrap_or_else(|| format!("arn:{partition}:iam::{account}:role/{ROLE}"))
    }

    async fn function(
        &self,
        client: &Client,
        name: &str,
        folder: &Path,
        settings: &FunctionSettings,
    ) -> Result<(Done, String), Trouble> {
        check_name(name)?;
        let by_files = convention(folder);
        let runtime = settings.runtime.as_deref().or(by_files.map(|(runtime, _)| runtime));
        let handler = settings.handler.as_deref().or(by_files.map(|(_, handler)| handler));
        let (Some(runtime), Some(handler)) = (runtime, handler) else {
            let text = format!(
                "{} has none of {}\nAdd one with a function `handler`, or name runtime and handler in windlass.toml: [function.{name}]",
                folder.display(),
                conventions()
            );
            return Err(Trouble::Wrong(text));
        };
        let packed = {
            let folder = folder.to_owned();
            tokio::task::spawn_blocking(move || pack(&folder)).await
        };
        let packed = packed.map_err(|error| error.to_string()).and_then(|packed| packed).map_err(Trouble::Wrong)?;
        let mut variables = Object::new();
        for (key, value) in &settings.environment {
            let value = self.names.substitute(value).map_err(|unknown| {
                let text = unknown.iter().map(|one| format!("environment.{key}: {}", one.message)).collect::<Vec<_>>();
                Trouble::Wrong(text.join("\n"))
            })?;
            variables.insert(key.as_str(), value);
        }
        let mut configuration = Object::new();
        configuration.insert("FunctionName", name);
        configuration.insert("Runtime", runtime);
        configuration.insert("Handler", handler);
        configuration.insert("Role", self.role(settings.role.as_ref()));
        configuration.insert("Timeout", settings.timeout_seconds.unwrap_or(TIMEOUT_SECONDS_DEFAULT));
        configuration.insert("MemorySize", settings.memory_mb.unwrap_or(MEMORY_MB_DEFAULT));
        configuration.insert("Environment", object! { "Variables" => variables });
        let configured = Value::from(configuration.clone());
        let fingerprint = format!("{} {}", packed.sha256, configured.to_text());
        if self.is_known(FUNCTION, name, &fingerprint) {
            return Ok((Done::Same, fingerprint));
        }
        let what = format!("{runtime}, {:.1} KiB", packed.bytes as f64 / 1024.0);
        let named = object! { "FunctionName" => name };
        let found = match client.call("lambda", "GetFunctionConfiguration", named).await {
            Err(error) if error.is("ResourceNotFoundException") => {
                configuration.insert("Code", object! { "ZipFile" => packed.zip_base64 });
                client.call("lambda", "CreateFunction", configuration).await?;
                return Ok((Done::Created(what), fingerprint));
            }
            found => found?,
        };
        let mut changed = false;
        if found["CodeSha256"].as_str() != Some(&*packed.sha256) {
            changed = true;
            let code = object! { "FunctionName" => name, "ZipFile" => packed.zip_base64 };
            client.call("lambda", "UpdateFunctionCode", code).await?;
        }
        let differs = |member: &str| match member {
            "Environment" => {
                let empty = Value::empty_object();
                let of = |value: &Value| value.get("Environment").and_then(|it| it.get("Variables")).cloned();
                of(&found).unwrap_or_else(|| empty.clone()) != of(&configured).unwrap_or(empty)
            }
            member => found.get(member) != configured.get(member),
        };
        if ["Runtime", "Handler", "Role", "Timeout", "MemorySize", "Environment"].into_iter().any(differs) {
            changed = true;
            client.call("lambda", "UpdateFunctionConfiguration", configured).await?;
        }
        Ok((if changed { Done::Updated(what) } else { Done::Same }, fingerprint))
    }

    async fn machine(
        &mut self,
        client: &Client,
        name: &str,
        path: &Path,
        settings: &MachineSettings,
    ) -> Result<(Done, String), Trouble> {
        check_name(name)?;
        let express = settings.is_express().map_err(Trouble::Wrong)?;
        let file = source::name(path);
        let text = fs::read_to_string(path).map_err(|error| Trouble::Wrong(format!("{file}: {error}")))?;
        let definition =
            self.names.substitute(&text).map_err(|found| Trouble::Wrong(self.render(&found, &file, &text)))?;
        let workflow_type = if express { WorkflowType::Express } else { WorkflowType::Standard };
        let parsed = parse_definition(&definition, &Options { workflow_type });
        let errors: Vec<Diagnostic> =
            parsed.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).cloned().collect();
        if !errors.is_empty() {
            return Err(Trouble::Wrong(self.render(&errors, &file, &definition)));
        }
        let warnings = parsed.diagnostics.len();
        let role = self.role(settings.role.as_ref());
        let arn = self.names.machine_arn(name);
        let fingerprint = format!("{express} {role} {:?} {definition}", settings.tags);
        if self.is_known(MACHINE, name, &fingerprint) {
            return Ok((Done::Same, fingerprint));
        }
        let kind = if express { "EXPRESS" } else { "STANDARD" };
        let what = match warnings {
            0 => kind.to_owned(),
            _ => format!("{kind}, {} (windlass validate --warnings)", plural(warnings, "warning")),
        };
        let tags =
            settings.tags.iter().map(|(key, value)| object! { "key" => key.as_str(), "value" => value.as_str() });
        let tags = Value::array(tags.collect());
        let described = client.states("DescribeStateMachine", object! { "stateMachineArn" => arn.as_str() }).await;
        let done = match described {
            Err(error) if error.is("StateMachineDoesNotExist") => {
                let made = object! {
                    "name" => name, "definition" => definition, "roleArn" => role, "type" => kind, "tags" => tags
                };
                client.states("CreateStateMachine", made).await?;
                Done::Created(what)
            }
            Err(error) => return Err(error.into()),
            Ok(found) if found["type"].as_str() != Some(kind) => {
                let is = found["type"].as_str().unwrap_or_default();
                return Err(Trouble::Wrong(format!(
                    "it is deployed as {is}, and a type cannot be changed\n\
                     Delete it first: aws stepfunctions delete-state-machine --state-machine-arn {arn}"
                )));
            }
            Ok(found) => {
                if !settings.tags.is_empty() {
                    client.states("TagResource", object! { "resourceArn" => arn.as_str(), "tags" => tags }).await?;
                }
                if found["definition"].as_str() == Some(&*definition) && found["roleArn"].as_str() == Some(&*role) {
                    Done::Same
                } else {
                    let changed =
                        object! { "stateMachineArn" => arn.as_str(), "definition" => definition, "roleArn" => role };
                    client.states("UpdateStateMachine", changed).await?;
                    Done::Updated(what)
                }
            }
        };
        if !express {
            self.standard.insert(name.to_owned(), arn);
        }
        Ok((done, fingerprint))
    }

    fn render(&self, findings: &[Diagnostic], file: &str, text: &str) -> String {
        let (columns, _) = terminal::size(&io::stdout());
        findings.iter().map(|finding| excerpt::render(finding, file, text, self.palette, columns)).collect()
    }
}

fn check_name(name: &str) -> Result<(), Trouble> {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
    if name.chars().all(plain) && name.chars().count() <= NAME_CHARS_MAX {
        return Ok(());
    }
    let text =
        format!("the name may have letters, digits, - and _, at most {NAME_CHARS_MAX}: it becomes a part of an ARN");
    Err(Trouble::Wrong(text))
}
