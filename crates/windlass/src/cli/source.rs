//! Texts a command is given: files, or standard input.

use std::io::{self, Read};
use std::path::Path;

use super::Failure;

/// Largest definition that is read, in bytes; AWS takes 1 MiB.
pub(super) const DEFINITION_BYTES_MAX: u64 = 16 << 20;

/// Reads a file, or standard input for `-`, as UTF-8.
///
/// # Errors
/// Where it cannot be read, is larger than `bytes_max` or is no UTF-8.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<String, Failure> {
    let shown = name(path);
    let mut bytes = Vec::new();
    let read = if is_stdin(path) {
        io::stdin().take(bytes_max + 1).read_to_end(&mut bytes)
    } else if path.is_dir() {
        return Err(Failure(format!("{shown} is a folder\nName the file in it.")));
    } else {
        std::fs::File::open(path).and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure(format!("cannot read {shown}: {error}")))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Failure(format!("{shown} is larger than {bytes_max} bytes, the most that is read")));
    }
    String::from_utf8(bytes).map_err(|error| {
        Failure(format!("{shown} is not UTF-8 text (from byte {} on)", error.utf8_error().valid_up_to()))
    })
}

/// Reads a definition: JSON, for YAML is not the States Language.
///
/// # Errors
/// As [`read`]; where the text is YAML.
pub(super) fn read_definition(path: &Path) -> Result<String, Failure> {
    let named_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    // A pipe is emptied only once it is known that it is wanted.
    let text = read(path, DEFINITION_BYTES_MAX)?;
    let first = text.trim_start().chars().next();
    let looks_json = first.is_none_or(|first| matches!(first, '{' | '['));
    let says_yaml = text
        .lines()
        .any(|line| line == "---" || ["StartAt:", "States:", "Comment:"].iter().any(|member| line.starts_with(member)));
    if !looks_json && (named_yaml || says_yaml) {
        let shown = name(path);
        return Err(Failure(format!(
            "{shown} is YAML, and definitions are read as JSON only\n\
             Convert it first, with yq for example: yq -o json . {shown} > definition.asl.json"
        )));
    }
    Ok(text)
}

/// Whether a path stands for standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The path as people are told it.
pub(super) fn name(path: &Path) -> String {
    if is_stdin(path) { "<stdin>".to_owned() } else { super::terminal::printable(&path.display().to_string()) }
}
