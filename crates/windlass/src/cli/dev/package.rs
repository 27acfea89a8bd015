//! A function's folder as the zip that Lambda takes.

use std::fs;
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::folder::walk;

/// What Lambda takes in a request.
const ZIP_BYTES_MAX: usize = 50 << 20;
const FILES_MAX: usize = 10_000;

/// By which file a folder is known: the file, the runtime, the handler.
const CONVENTIONS: [(&str, &str, &str); 7] = [
    ("main.py", "python3.12", "main.handler"),
    ("handler.py", "python3.12", "handler.handler"),
    ("lambda_function.py", "python3.12", "lambda_function.lambda_handler"),
    ("index.mjs", "nodejs22.x", "index.handler"),
    ("index.js", "nodejs22.x", "index.handler"),
    ("index.cjs", "nodejs22.x", "index.handler"),
    ("bootstrap", "provided.al2023", "bootstrap"),
];

/// The runtime and the handler of a folder, by its files.
pub(super) fn convention(folder: &Path) -> Option<(&'static str, &'static str)> {
    let found = CONVENTIONS.iter().find(|(file, ..)| folder.join(file).is_file());
    found.map(|(_, runtime, handler)| (*runtime, *handler))
}

/// The files that make a folder a function, for people.
pub(super) fn conventions() -> String {
    CONVENTIONS.map(|(file, ..)| file).join(", ")
}

/// A zip and its digest, as `CodeSha256` tells it.
pub(super) struct Package {
    pub(super) zip_base64: String,
    pub(super) bytes: usize,
    pub(super) sha256: String,
}

/// Packs a folder; the same files give the same zip.
///
/// # Errors
/// A file that cannot be read; more than Lambda takes.
pub(super) fn pack(folder: &Path) -> Result<Package, String> {
    let mut files: Vec<PathBuf> = Vec::new();
    walk(folder, 0, &mut |path| files.push(path.to_owned()));
    files.sort();
    if files.len() > FILES_MAX {
        return Err(format!("{} has {} files; at most {FILES_MAX} are packed", folder.display(), files.len()));
    }
    let failed = |path: &Path, error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let mut unpacked_bytes = 0;
    for path in &files {
        let Some(name) = path.strip_prefix(folder).ok().and_then(Path::to_str) else {
            return Err(failed(path, &"its name is no UTF-8"));
        };
        let bytes = fs::read(path).map_err(|error| failed(path, &error))?;
        let mode = fs::metadata(path).map_err(|error| failed(path, &error))?.permissions().mode();
        unpacked_bytes += bytes.len();
        if unpacked_bytes > 5 * ZIP_BYTES_MAX {
            return Err(format!("{} has more than {} bytes", folder.display(), 5 * ZIP_BYTES_MAX));
        }
        let executable = mode & 0o111 != 0;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(if executable { 0o755 } else { 0o644 });
        writer.start_file(name, options).map_err(|error| failed(path, &error))?;
        writer.write_all(&bytes).map_err(|error| failed(path, &error))?;
    }
    let zip = writer.finish().map_err(|error| failed(folder, &error))?.into_inner();
    if zip.len() > ZIP_BYTES_MAX {
        return Err(format!("{} packed has {} bytes; Lambda takes {ZIP_BYTES_MAX}", folder.display(), zip.len()));
    }
    let sha256 = STANDARD.encode(Sha256::digest(&zip));
    Ok(Package { zip_base64: STANDARD.encode(&zip), bytes: zip.len(), sha256 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_give_the_same_zip() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
        write("main.py", "1");
        write("z.txt", "2");
        let first = pack(folder.path()).expect("a package");
        // A newer file of the same content.
        write("main.py", "1");
        assert_eq!(pack(folder.path()).expect("a package").sha256, first.sha256);
        write("main.py", "3");
        assert_ne!(pack(folder.path()).expect("a package").sha256, first.sha256);
        assert_eq!(convention(folder.path()), Some(("python3.12", "main.handler")));
    }
}
