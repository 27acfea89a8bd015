use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use zip::ZipArchive;

/// AWS's bound on an unpacked deployment package.
pub(crate) const UNPACKED_BYTES_MAX: u64 = 250 * 1024 * 1024;
/// How many files, folders and links a package may hold.
pub(crate) const ENTRIES_MAX: usize = 100_000;
/// Unpacked bytes per packed byte, over the whole package.
pub(crate) const RATIO_MAX: u64 = 200;
/// Small packages of very regular text compress better than the ratio allows;
/// below this size nothing is at stake.
pub(crate) const RATIO_FREE_BYTES: u64 = 1024 * 1024;
const LINK_BYTES_MAX: u64 = 4096;
const PATH_BYTES_MAX: usize = 1024;
const PATH_PARTS_MAX: usize = 64;
const MODE_KIND: u32 = 0o170_000;
const MODE_LINK: u32 = 0o120_000;
const MODE_FILE: u32 = 0o100_000;
const MODE_FOLDER: u32 = 0o040_000;

/// Why a deployment package is refused.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// It is no zip, or a damaged or encrypted one.
    #[error("not a readable zip: {0}")]
    Unreadable(String),
    /// It has no entries.
    #[error("the zip has no entries")]
    Empty,
    /// More than the bytes allowed.
    #[error("unpacked it has more than {UNPACKED_BYTES_MAX} bytes")]
    TooLarge,
    /// More than the entries allowed.
    #[error("it has more than {ENTRIES_MAX} entries")]
    TooManyEntries,
    /// It unpacks to far more than its own size.
    #[error("it unpacks to more than {RATIO_MAX} times its size")]
    Ratio,
    /// An entry whose name or kind is dangerous.
    #[error("entry '{name}': {reason}")]
    Entry {
        /// Its name, as far as it is text.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The disk refuses.
    #[error("cannot write the unpacked files: {0}")]
    Io(#[from] io::Error),
}

/// Unpacks a zip into an existing empty folder. Links are made last and only
/// those that stay inside; nothing is ever written through a link.
///
/// # Errors
/// See [`ArchiveError`]. The folder may then hold a part of the files.
pub fn unpack(mut archive: impl Read + Seek, packed_bytes: u64, folder: &Path) -> Result<(), ArchiveError> {
    let unreadable = |error: zip::result::ZipError| ArchiveError::Unreadable(error.to_string());
    let counted = count_entries(&mut archive)?;
    let mut archive = ZipArchive::new(archive).map_err(unreadable)?;
    if archive.is_empty() {
        return Err(ArchiveError::Empty);
    }
    // The reader keeps one of several entries of one name, and says nothing.
    if counted.is_some_and(|counted| counted != archive.len()) {
        return Err(ArchiveError::Unreadable("two entries have one name".to_owned()));
    }
    if archive.len() > ENTRIES_MAX {
        return Err(ArchiveError::TooManyEntries);
    }
    let bytes_max = UNPACKED_BYTES_MAX.min((packed_bytes.saturating_mul(RATIO_MAX)).max(RATIO_FREE_BYTES));
    let exceeded = || if bytes_max < UNPACKED_BYTES_MAX { ArchiveError::Ratio } else { ArchiveError::TooLarge };
    let mut written_bytes = 0;
    let mut seen = Seen::default();
    let mut links: Vec<(PathBuf, String)> = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(unreadable)?;
        let name = entry.name().map_err(unreadable)?.into_owned();
        let refuse = |reason| ArchiveError::Entry { name: name.clone(), reason };
        let path = safe_path(&name).map_err(refuse)?;
        let Some(path) = path else { continue };
        let mode = entry.unix_mode().unwrap_or(0);
        let kind = match mode & MODE_KIND {
            _ if entry.is_dir() => MODE_FOLDER,
            0 => MODE_FILE,
            kind => kind,
        };
        seen.add(&path, kind == MODE_FOLDER).map_err(refuse)?;
        let target = folder.join(&path);
        match kind {
            MODE_FOLDER => fs::create_dir_all(&target)?,
            MODE_LINK => {
                let mut text = String::new();
                entry
                    .by_ref()
                    .take(LINK_BYTES_MAX)
                    .read_to_string(&mut text)
                    .map_err(|_| refuse("a link to no text"))?;
                links.push((path, text));
            }
            MODE_FILE => {
                if let Some(parent) = target.parent() {
                    fs::create_dir_all(parent)?;
                }
                let executable = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
                let mut file = OpenOptions::new().write(true).create_new(true).mode(executable).open(&target)?;
                written_bytes += copy_bounded(&mut entry, &mut file, bytes_max - written_bytes, exceeded)?;
                file.set_permissions(fs::Permissions::from_mode(executable))?;
            }
            _ => return Err(refuse("neither file, folder nor link")),
        }
    }
    for (path, text) in &links {
        let refuse = |reason| ArchiveError::Entry { name: path.display().to_string(), reason };
        if !stays_inside(path, text) {
            return Err(refuse("a link that leaves the package"));
        }
        let target = folder.join(path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(text, &target)?;
    }
    Ok(())
}

/// How many entries the zip's end record counts; `None` where it leaves that to
/// the record of large zips.
fn count_entries(archive: &mut (impl Read + Seek)) -> Result<Option<usize>, ArchiveError> {
    const SIGNATURE: &[u8] = b"PK\x05\x06";
    const RECORD_BYTES: usize = 22;
    const COMMENT_BYTES_MAX: u64 = 65_535;
    let length = archive.seek(SeekFrom::End(0))?;
    let from = length.saturating_sub(RECORD_BYTES as u64 + COMMENT_BYTES_MAX);
    archive.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    archive.by_ref().take(length - from).read_to_end(&mut tail)?;
    archive.seek(SeekFrom::Start(0))?;
    let record = tail.windows(RECORD_BYTES).rev().find(|window| window.starts_with(SIGNATURE));
    let counted = record.map(|record| usize::from(u16::from_le_bytes([record[10], record[11]])));
    Ok(counted.filter(|counted| *counted != usize::from(u16::MAX)))
}

fn copy_bounded(
    entry: &mut impl Read,
    file: &mut File,
    bytes_max: u64,
    exceeded: impl Fn() -> ArchiveError,
) -> Result<u64, ArchiveError> {
    let mut buffer = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        // What the zip says of its own sizes is not believed: bytes are counted.
        let read = entry.read(&mut buffer).map_err(|error| ArchiveError::Unreadable(error.to_string()))?;
        if read == 0 {
            return Ok(written);
        }
        written += read as u64;
        if written > bytes_max {
            return Err(exceeded());
        }
        file.write_all(&buffer[..read])?;
    }
}

/// The relative path an entry's name stands for; `None` for the root itself.
fn safe_path(name: &str) -> Result<Option<PathBuf>, &'static str> {
    if name.len() > PATH_BYTES_MAX {
        return Err("its name is too long");
    }
    if name.contains('\0') || name.contains('\\') {
        return Err("its name has a NUL or a backslash");
    }
    if name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic() {
        return Err("its name has a drive");
    }
    let mut path = PathBuf::new();
    let mut parts = 0;
    for component in Path::new(name).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => {
                let part = part.to_str().ok_or("its name is no UTF-8")?;
                if is_device(part) {
                    return Err("its name is that of a device");
                }
                parts += 1;
                path.push(part);
            }
            Component::ParentDir => return Err("its name leaves the package"),
            Component::RootDir | Component::Prefix(_) => return Err("its name is absolute"),
        }
    }
    if parts > PATH_PARTS_MAX {
        return Err("it lies too deep");
    }
    Ok((parts > 0).then_some(path))
}

/// Names that some systems take for a device, whatever follows the first dot.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    match stem.as_str() {
        "con" | "prn" | "aux" | "nul" => true,
        _ => {
            (stem.starts_with("com") || stem.starts_with("lpt"))
                && matches!(stem.as_bytes().get(3..), Some([b'1'..=b'9']))
        }
    }
}

/// Whether a link at `path` with that text stays in the package.
///
/// Steps upwards are taken only at the beginning, from the link's own folder,
/// which is no link itself (see [`Seen`]). All further steps go down, or through
/// links of which the same holds: so no chain of links can leave.
fn stays_inside(path: &Path, text: &str) -> bool {
    let mut depth = path.components().count().saturating_sub(1);
    let mut goes_down = false;
    for component in Path::new(text).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(_) => goes_down = true,
            Component::ParentDir if goes_down || depth == 0 => return false,
            Component::ParentDir => depth -= 1,
            Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    !text.is_empty()
}

/// Names met so far, to find those that are one on some file system.
#[derive(Default)]
struct Seen {
    files: HashSet<String>,
    folders: HashSet<String>,
    /// Folders as they were written, with their folded form.
    spelled: HashSet<PathBuf>,
}

impl Seen {
    fn add(&mut self, path: &Path, is_folder: bool) -> Result<(), &'static str> {
        let fold = |path: &Path| path.to_string_lossy().to_lowercase();
        let mut parent = path.parent();
        while let Some(folder) = parent.filter(|folder| !folder.as_os_str().is_empty()) {
            self.add_folder(folder, &fold(folder))?;
            parent = folder.parent();
        }
        let folded = fold(path);
        if is_folder {
            return self.add_folder(path, &folded);
        }
        if self.folders.contains(&folded) || !self.files.insert(folded) {
            return Err("its name occurs twice, or differs from another only in case");
        }
        Ok(())
    }

    fn add_folder(&mut self, path: &Path, folded: &str) -> Result<(), &'static str> {
        if self.spelled.contains(path) {
            return Ok(());
        }
        if self.files.contains(folded) || !self.folders.insert(folded.to_owned()) {
            return Err("its name occurs twice, or differs from another only in case");
        }
        self.spelled.insert(path.to_owned());
        Ok(())
    }
}
