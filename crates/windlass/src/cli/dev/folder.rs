//! The folder: what is in it, and whether it has changed.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Files that are looked at; beyond it changes would cost more than they tell.
const FILES_MAX: usize = 20_000;
const DEPTH_MAX: usize = 32;
const DEFINITION: &str = ".asl.json";
const FUNCTIONS: &str = "functions";
/// What is neither watched nor packed.
const IGNORED: [&str; 6] = [".git", ".windlass", "__pycache__", ".venv", ".pytest_cache", ".DS_Store"];

/// What is in the folder at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Every file with the time of its last change and its size.
    files: BTreeMap<PathBuf, (Option<SystemTime>, u64)>,
    /// State machines: their definitions, by name.
    pub(super) machines: BTreeMap<String, PathBuf>,
    /// Functions: their folders, by name.
    pub(super) functions: BTreeMap<String, PathBuf>,
    /// There are more files than are looked at.
    pub(super) truncated: bool,
}

impl Snapshot {
    /// # Errors
    /// The folder itself cannot be read; what vanishes meanwhile is not there.
    pub(super) fn take(folder: &Path) -> io::Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            let watched = name.ends_with(".toml") || name.ends_with(DEFINITION);
            if watched && path.is_file() {
                snapshot.add(&path);
            }
            if let Some(machine) = name.strip_suffix(DEFINITION).filter(|machine| !machine.is_empty()) {
                snapshot.machines.insert(machine.to_owned(), path);
            }
        }
        let functions = folder.join(FUNCTIONS);
        for entry in std::fs::read_dir(functions).into_iter().flatten().flatten() {
            let path = entry.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            if path.is_dir() && !is_ignored(&path) {
                let truncated = &mut snapshot.truncated;
                let files = &mut snapshot.files;
                walk(&path, 0, &mut |path| {
                    *truncated |= files.len() >= FILES_MAX;
                    if !*truncated {
                        let metadata = std::fs::metadata(path).ok();
                        let changed = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
                        files.insert(path.to_owned(), (changed, metadata.map_or(0, |metadata| metadata.len())));
                    }
                });
                snapshot.functions.insert(name, path);
            }
        }
        Ok(snapshot)
    }

    fn add(&mut self, path: &Path) {
        let Ok(metadata) = std::fs::metadata(path) else { return };
        self.files.insert(path.to_owned(), (metadata.modified().ok(), metadata.len()));
    }
}

/// Every file below a folder, in no order; what cannot be read is left out.
pub(super) fn walk(folder: &Path, depth: usize, found: &mut dyn FnMut(&Path)) {
    if depth > DEPTH_MAX {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if is_ignored(&path) {
            continue;
        }
        if path.is_dir() { walk(&path, depth + 1, found) } else { found(&path) }
    }
}

fn is_ignored(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // Editors leave files of their own for a moment.
    IGNORED.contains(&name) || name.ends_with(".pyc") || name.ends_with('~') || name.ends_with(".swp")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machines_are_files_and_functions_are_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        for name in [
            "a.asl.json",
            ".asl.json",
            "b.json",
            "functions/f/main.py",
            "functions/g/lib/x.py",
            "functions/f/__pycache__/y.pyc",
            "functions/stray.py",
        ] {
            let path = root.join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "1").expect("written");
        }
        let first = Snapshot::take(root).expect("a snapshot");
        assert_eq!(first.machines.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(first.functions.keys().collect::<Vec<_>>(), ["f", "g"]);
        assert_eq!(first.files.len(), 4, "{first:?}");
        std::fs::write(root.join("functions/f/__pycache__/y.pyc"), "22").expect("written");
        assert_eq!(Snapshot::take(root).expect("a snapshot"), first);
        std::fs::write(root.join("functions/g/lib/x.py"), "22").expect("written");
        assert_ne!(Snapshot::take(root).expect("a snapshot"), first);
    }
}
