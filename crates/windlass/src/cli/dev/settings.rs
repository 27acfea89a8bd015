//! What files say beside the definitions and the code.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;

use crate::config::FILE_NAME;

/// `[machine.NAME]` in windlass.toml, or NAME.toml beside the definition.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineSettings {
    /// `STANDARD` or `EXPRESS`.
    #[serde(rename = "type")]
    pub(super) workflow_type: Option<String>,
    /// The same as `type = "EXPRESS"`.
    pub(super) express: Option<bool>,
    /// ARN of the role.
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

impl MachineSettings {
    pub(super) fn is_express(&self) -> Result<bool, String> {
        match (self.workflow_type.as_deref(), self.express) {
            (Some("EXPRESS"), None | Some(true)) => Ok(true),
            (Some("STANDARD"), None | Some(false)) => Ok(false),
            (None, express) => Ok(express.unwrap_or(false)),
            (Some("STANDARD" | "EXPRESS"), _) => Err("type and express contradict each other".to_owned()),
            (Some(other), _) => Err(format!("type must be STANDARD or EXPRESS, not {other}")),
        }
    }

    /// These where they say something, else those of `under`.
    fn over(mut self, under: &MachineSettings) -> MachineSettings {
        if self.workflow_type.is_none() && self.express.is_none() {
            (self.workflow_type, self.express) = (under.workflow_type.clone(), under.express);
        }
        self.role = self.role.or_else(|| under.role.clone());
        for (key, value) in &under.tags {
            self.tags.entry(key.clone()).or_insert_with(|| value.clone());
        }
        self
    }
}

/// `[function.NAME]` in windlass.toml.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(super) struct FunctionSettings {
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) role: Option<String>,
    pub(super) timeout_seconds: Option<u32>,
    pub(super) memory_mb: Option<u32>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
}

/// windlass.toml, as far as it is about machines and functions.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Settings {
    #[serde(default)]
    machine: BTreeMap<String, MachineSettings>,
    #[serde(default)]
    function: BTreeMap<String, FunctionSettings>,
}

impl Settings {
    /// # Errors
    /// What is wrong with the file, and where.
    pub(super) fn load(folder: &Path) -> Result<Settings, String> {
        read(&folder.join(FILE_NAME)).map(Option::unwrap_or_default)
    }

    /// # Errors
    /// What is wrong with NAME.toml, and where.
    pub(super) fn machine(&self, folder: &Path, name: &str) -> Result<MachineSettings, String> {
        let common = self.machine.get(name).cloned().unwrap_or_default();
        // A machine called windlass has no file of its own: that one is the server's.
        if format!("{name}.toml") == FILE_NAME {
            return Ok(common);
        }
        let own: Option<MachineSettings> = read(&folder.join(format!("{name}.toml")))?;
        Ok(own.unwrap_or_default().over(&common))
    }

    pub(super) fn function(&self, name: &str) -> FunctionSettings {
        self.function.get(name).cloned().unwrap_or_default()
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map(Some).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_own_file_goes_before_the_common_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write(
            FILE_NAME,
            "listen = \"127.0.0.1:1\"\n[machine.a]\nexpress = true\nrole = \"r\"\ntags = { x = \"1\", y = \"2\" }\n",
        );
        write("a.toml", "role = \"own\"\ntags = { x = \"3\" }\n");
        write("b.toml", "rôle = 1");
        let settings = Settings::load(folder.path()).expect("settings");
        let a = settings.machine(folder.path(), "a").expect("settings of a");
        assert_eq!((a.is_express(), a.role.as_deref()), (Ok(true), Some("own")));
        assert_eq!(a.tags.into_iter().collect::<Vec<_>>(), [("x".into(), "3".into()), ("y".into(), "2".into())]);
        assert!(settings.machine(folder.path(), "b").is_err());
        assert_eq!(settings.machine(folder.path(), "c").expect("nothing said"), MachineSettings::default());
    }
}
