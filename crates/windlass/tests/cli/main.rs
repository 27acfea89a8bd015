//! `windlass run`, `windlass validate` and the others from outside: the program itself, on
//! cases written down in `cases/*.txt`.

mod cases;
mod signals;
mod terminal;

use std::path::Path;
use std::process::Command;

/// The program, in a folder, with nothing of this machine's environment that it reads.
fn windlass(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.current_dir(folder).env_remove("NO_COLOR").env("TERM", "xterm-256color");
    let steering = |name: &std::ffi::OsStr| {
        name.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("WINDLASS_"))
    };
    std::env::vars_os().map(|(name, _)| name).filter(|name| steering(name)).for_each(|name| {
        command.env_remove(name);
    });
    // Nobody's own configuration of the AWS CLI.
    command.env("HOME", folder);
    command
}

/// A folder with the definitions that cases share.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/definitions");
    for entry in std::fs::read_dir(shared).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    folder
}
