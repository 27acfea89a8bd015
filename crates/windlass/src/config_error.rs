use std::path::PathBuf;

use thiserror::Error;

/// Why there is no configuration. The text says what to do.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A named file that cannot be read.
    #[error("cannot read {what} {}: {error}\n{next}", path.display())]
    Unreadable {
        /// What the file is.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
        /// The system's answer.
        error: std::io::Error,
        /// What to do.
        next: &'static str,
    },
    /// A file that is no TOML or has a key we do not know.
    #[error("{} is not a valid configuration:\n{error}\nCorrect that line; `windlass serve --help` lists the keys.", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Line, column and what is wrong there.
        error: String,
    },
    /// A value that cannot be.
    #[error("{source_name} is {value:?}, but {expected}")]
    Value {
        /// The flag, variable or key with its file.
        source_name: String,
        /// What it says.
        value: String,
        /// What it must be, and an example.
        expected: &'static str,
    },
    /// Things that only make sense together.
    #[error("{0}")]
    Incomplete(String),
    /// A listener that would let strangers in.
    #[error("{0}")]
    Unsafe(String),
}
