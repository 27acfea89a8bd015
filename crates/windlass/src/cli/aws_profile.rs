//! `~/.aws/config` and `~/.aws/credentials`, as far as endpoint, region and
//! access keys go.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::Failure;

const DEFAULT: &str = "default";

type Section = HashMap<String, String>;

/// The profile in use, and the service sections it may name.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    /// Of the profile.
    pub(super) name: String,
    /// What the credentials file says goes before what the configuration says.
    credentials: Section,
    config: Section,
    /// By name of the section, settings as `service.key`.
    services: HashMap<String, Section>,
}

impl Profiles {
    /// Reads both files; those that are not there say nothing.
    ///
    /// # Errors
    /// A file that is there and cannot be read; a profile that was named and is in neither.
    pub(super) fn load(named: Option<&str>, variable: &dyn Fn(&str) -> Option<String>) -> Result<Profiles, Failure> {
        let named = named.map(str::to_owned).or_else(|| variable("AWS_PROFILE"));
        let home = variable("HOME").map(PathBuf::from);
        let file = |name: &str, default: &str| {
            variable(name).map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join(".aws").join(default)))
        };
        let config = read(file("AWS_CONFIG_FILE", "config"))?;
        let credentials = read(file("AWS_SHARED_CREDENTIALS_FILE", "credentials"))?;
        let profiles = Profiles::of(named.as_deref().unwrap_or(DEFAULT), &config, &credentials);
        match named {
            Some(name) if profiles.credentials.is_empty() && profiles.config.is_empty() => Err(Failure(format!(
                "there is no profile {name} in ~/.aws/config or ~/.aws/credentials\nSee them: aws configure list-profiles"
            ))),
            _ => Ok(profiles),
        }
    }

    /// From the files' texts.
    fn of(name: &str, config: &str, credentials: &str) -> Profiles {
        let mut config = sections(config);
        let services = config
            .iter()
            .filter_map(|(header, section)| {
                Some((header.strip_prefix("services ")?.trim().to_owned(), section.clone()))
            })
            .collect();
        // In the configuration every profile but the default has its word before it.
        let profile = config.remove(&format!("profile {name}"));
        let profile = profile.or_else(|| (name == DEFAULT).then(|| config.remove(DEFAULT)).flatten());
        Profiles {
            name: name.to_owned(),
            credentials: sections(credentials).remove(name).unwrap_or_default(),
            config: profile.unwrap_or_default(),
            services,
        }
    }

    /// A setting of the profile.
    pub(super) fn setting(&self, key: &str) -> Option<String> {
        self.credentials.get(key).or_else(|| self.config.get(key)).filter(|value| !value.is_empty()).cloned()
    }

    /// The profile's endpoint of a service, else of all.
    pub(super) fn endpoint(&self, service: &str) -> Option<String> {
        let of_service = self.setting("services").and_then(|name| {
            self.services.get(&name).and_then(|section| section.get(&format!("{service}.endpoint_url"))).cloned()
        });
        of_service.or_else(|| self.setting("endpoint_url"))
    }
}

fn read(path: Option<PathBuf>) -> Result<String, Failure> {
    let Some(path) = path else { return Ok(String::new()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(String::new()),
        Err(error) => Err(Failure(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Sections by their headers. Indented settings belong to the setting above
/// them, which has no value of its own: they are named `above.key`.
fn sections(text: &str) -> HashMap<String, Section> {
    let mut sections: HashMap<String, Section> = HashMap::new();
    let (mut header, mut above) = (None, String::new());
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
            sections.entry(name.clone()).or_default();
            header = Some(name);
            above.clear();
            continue;
        }
        let (Some(header), Some((key, value))) = (&header, trimmed.split_once('=')) else { continue };
        let (key, value) = (key.trim().to_lowercase(), value.trim());
        let value = value.split(" #").next().unwrap_or_default().trim_end();
        let indented = line.starts_with([' ', '\t']);
        let key = if indented && !above.is_empty() {
            format!("{above}.{key}")
        } else {
            if value.is_empty() {
                above.clone_from(&key)
            } else {
                above.clear()
            }
            key
        };
        sections.entry(header.clone()).or_default().insert(key, value.to_owned());
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "
[default]
region = eu-west-1
endpoint_url = http://all:1   # a comment

[ profile dev ]
region=us-west-2
services = local
s3 =
  max_concurrent_requests = 5
endpoint_url = http://dev:1

[services local]
lambda =
  endpoint_url = http://lambda:2
sfn =
  endpoint_url = http://sfn:3
";
    const CREDENTIALS: &str = "
[default]
aws_access_key_id = A
aws_secret_access_key = B==
[dev]
aws_access_key_id = C
region = eu-north-1
";

    #[test]
    fn profiles_are_found_as_the_aws_cli_finds_them() {
        // (profile, setting, value)
        let cases = [
            ("default", "region", Some("eu-west-1")),
            ("default", "aws_secret_access_key", Some("B==")),
            ("default", "aws_session_token", None),
            ("dev", "aws_access_key_id", Some("C")),
            // The credentials file goes first.
            ("dev", "region", Some("eu-north-1")),
            ("dev", "s3.max_concurrent_requests", Some("5")),
            ("nobody", "region", None),
        ];
        for (profile, setting, value) in cases {
            let profiles = Profiles::of(profile, CONFIG, CREDENTIALS);
            assert_eq!(profiles.setting(setting).as_deref(), value, "{profile} {setting}");
        }
        for (profile, service, endpoint) in [
            ("default", "sfn", Some("http://all:1")),
            ("dev", "sfn", Some("http://sfn:3")),
            ("dev", "sqs", Some("http://dev:1")),
            ("nobody", "sfn", None),
        ] {
            let profiles = Profiles::of(profile, CONFIG, CREDENTIALS);
            assert_eq!(profiles.endpoint(service).as_deref(), endpoint, "{profile} {service}");
        }
    }

    #[test]
    fn a_profile_that_is_named_must_be_there() {
        let nothing = |_: &str| None;
        assert!(Profiles::load(None, &nothing).is_ok());
        assert!(Profiles::load(Some("absent"), &nothing).is_err());
    }
}
