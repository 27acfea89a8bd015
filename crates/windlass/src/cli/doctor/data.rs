//! The data folder: who owns it, what its file system does, what is left of it.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{StatVfs, statvfs};
use windlass_keyring::{MASTER_KEY_FILE, MasterKeySource};

use super::finding::{Finding, Level};
use crate::config::Config;

/// Synced writes that are timed.
const SYNCS: u32 = 16;
/// A disk that syncs faster does not: no drive writes and answers in so little time.
const SYNC_MIN: Duration = Duration::from_micros(15);
/// Slower syncs make every step of an execution slow.
const SYNC_MAX: Duration = Duration::from_millis(50);
const FILE_NAME: &str = ".windlass-doctor";
/// Bits of others in a mode.
const OTHERS: u32 = 0o077;

/// The data folder and its file system.
pub(super) fn folder(config: &Config) -> Vec<Finding> {
    let data = &config.data;
    let shown = data.display();
    let metadata = match fs::metadata(data) {
        Ok(metadata) if metadata.is_dir() => metadata,
        Ok(_) => {
            let finding = Finding::new(Level::Broken, "data", format!("{shown} is not a folder"));
            return vec![finding.advise("Choose another: windlass serve --data DIR")];
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return to_be_made(config),
        Err(error) => {
            let finding = Finding::new(Level::Broken, "data", format!("{shown}: {error}"));
            return vec![finding.advise("Run as the user the server runs as, or choose another: --data DIR")];
        }
    };
    let mut findings = vec![owner(data, &metadata)];
    findings.extend(writable(data));
    findings.extend(file_system(data));
    findings.push(free_space(data, config.executions.disk_free_bytes_min));
    findings
}

/// A folder that the first start makes.
fn to_be_made(config: &Config) -> Vec<Finding> {
    let Some(parent) = config.data.ancestors().skip(1).map(existing).find(|parent| parent.is_dir()) else {
        let text = format!("{} cannot be made: there is no folder above it", config.data.display());
        return vec![Finding::new(Level::Broken, "data", text)];
    };
    let mut findings = Vec::new();
    let access = rustix::fs::access(&parent, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK);
    findings.push(match access {
        Ok(()) => {
            Finding::new(Level::Note, "data", format!("{} is not there yet; serve makes it", config.data.display()))
        }
        Err(error) => {
            let text = format!("{} cannot be made: {}: {error}", config.data.display(), parent.display());
            Finding::new(Level::Broken, "data", text).advise("Choose a folder you may write to: --data DIR")
        }
    });
    findings.extend(file_system(&parent));
    findings.push(free_space(&parent, config.executions.disk_free_bytes_min));
    findings
}

/// A relative path's last parent is the empty one.
fn existing(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() }
}

fn owner(data: &Path, metadata: &Metadata) -> Finding {
    let (shown, mode) = (data.display(), metadata.permissions().mode() & 0o777);
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        let text = format!("{shown} belongs to the user {}, and this is the user {me}", metadata.uid());
        return Finding::new(Level::Warning, "data", text).advise("Run the server as its owner, always the same user.");
    }
    if mode & OTHERS != 0 {
        let text = format!("{shown} may be read by others (mode {mode:o}); it holds payloads and secrets");
        return Finding::new(Level::Warning, "data", text).advise(format!("chmod 700 {shown}"));
    }
    Finding::new(Level::Fine, "data", format!("{shown} belongs to this user alone"))
}

/// Writes, syncs, renames and removes a file, as the store and the blobs do.
fn writable(data: &Path) -> Vec<Finding> {
    let path = data.join(format!("{FILE_NAME}-{}", std::process::id()));
    let timed = timed_writes(&path);
    // Nothing of it stays, whatever happened.
    let removed = fs::remove_file(&path).and(File::open(data).and_then(|folder| folder.sync_all()));
    match timed.and_then(|took| removed.map(|()| took)) {
        Ok(took) if took < SYNC_MIN => {
            let text = format!("a synced write takes {} µs, so nothing is really synced", took.as_micros());
            let advice =
                "A power cut may lose what was acknowledged. Use a disk that syncs (no tmpfs, no unsafe cache).";
            vec![Finding::new(Level::Warning, "fsync", text).advise(advice)]
        }
        Ok(took) if took > SYNC_MAX => {
            let text = format!("a synced write takes {} ms", took.as_millis());
            vec![
                Finding::new(Level::Warning, "fsync", text)
                    .advise("Every step of an execution waits for one; use a faster disk."),
            ]
        }
        Ok(took) => {
            vec![Finding::new(Level::Fine, "fsync", format!("a synced write takes {:.2} ms", took.as_secs_f64() * 1e3))]
        }
        Err(error) => {
            let text = format!("{} cannot be written: {error}", data.display());
            vec![
                Finding::new(Level::Broken, "fsync", text)
                    .advise("Check its permissions and its disk, or choose another: --data DIR"),
            ]
        }
    }
}

fn timed_writes(path: &Path) -> io::Result<Duration> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(&[0; 4096])?;
    file.sync_all()?;
    let began = Instant::now();
    for number in 0..SYNCS {
        // What is not new need not be written again.
        file.write_all(&[number as u8; 4096])?;
        file.sync_data()?;
    }
    Ok(began.elapsed() / SYNCS)
}

#[cfg(target_os = "linux")]
fn file_system(path: &Path) -> Option<Finding> {
    /// By the magic numbers of `statfs(2)`: the name, and what is to be known.
    const SYSTEMS: [(u32, &str, Level); 15] = [
        (0xEF53, "ext4", Level::Fine),
        (0x5846_5342, "XFS", Level::Fine),
        (0x9123_683E, "Btrfs", Level::Fine),
        (0x2FC1_2FC1, "ZFS", Level::Fine),
        (0xF2F5_2010, "F2FS", Level::Fine),
        (0x794C_7630, "overlayfs", Level::Warning),
        (0x0102_1994, "tmpfs", Level::Warning),
        (0x8584_58F6, "ramfs", Level::Warning),
        (0x6573_5546, "FUSE", Level::Warning),
        (0x6969, "NFS", Level::Broken),
        (0xFF53_4D42, "CIFS", Level::Broken),
        (0xFE53_4D42, "SMB", Level::Broken),
        (0x0102_1997, "9P", Level::Broken),
        (0x5346_414F, "AFS", Level::Broken),
        (0x00C3_6400, "Ceph", Level::Warning),
    ];
    let found = rustix::fs::statfs(path).ok()?;
    // The numbers have 32 bits, whatever the type of the field is here.
    let number = found.f_type as u32;
    let Some((_, name, level)) = SYSTEMS.iter().find(|(magic, ..)| *magic == number) else {
        return Some(Finding::new(Level::Note, "file system", format!("of an unknown kind (0x{number:x})")));
    };
    let finding = Finding::new(*level, "file system", (*name).to_owned());
    Some(match *name {
        "tmpfs" | "ramfs" => finding.advise("It is in memory: everything is gone after a restart of the machine."),
        "overlayfs" => {
            finding.advise("A container's own layer goes with the container: mount a volume for the data folder.")
        }
        "FUSE" | "Ceph" => {
            finding.advise("SQLite needs working locks, shared memory and fsync; see that this one has them.")
        }
        _ if *level == Level::Broken => {
            finding.advise("SQLite's log needs shared memory, which network file systems lack. Use a local disk.")
        }
        _ => finding,
    })
}

#[cfg(not(target_os = "linux"))]
fn file_system(_: &Path) -> Option<Finding> {
    None
}

fn free_space(path: &Path, needed: u64) -> Finding {
    const MIB: u64 = 1 << 20;
    let StatVfs { f_bavail, f_frsize, f_favail, f_files, .. } = match statvfs(path) {
        Ok(found) => found,
        Err(error) => return Finding::new(Level::Warning, "free space", format!("{}: {error}", path.display())),
    };
    let free = f_bavail.saturating_mul(f_frsize);
    if free < needed {
        let text = format!("{} MiB free, and new executions need {} MiB", free / MIB, needed / MIB);
        return Finding::new(Level::Broken, "free space", text)
            .advise("Make room, or lower executions.disk_free_bytes_min (running executions go on).");
    }
    // Some file systems do not count files.
    if f_files > 0 && f_favail < 1_000 {
        return Finding::new(Level::Warning, "free space", format!("room for {f_favail} more files only"));
    }
    let text = format!("{} MiB free", free / MIB);
    if free < needed.saturating_mul(4) {
        let advice = format!("New executions are refused below {} MiB.", needed / MIB);
        return Finding::new(Level::Warning, "free space", text).advise(advice);
    }
    Finding::new(Level::Fine, "free space", text)
}

/// The file of the master key, if there is one.
pub(super) fn master_key(config: &Config) -> Vec<Finding> {
    let (path, made) = match &config.master_key {
        MasterKeySource::Environment(_) => {
            return vec![Finding::new(Level::Fine, "master key", "in the environment (WINDLASS_MASTER_KEY)")];
        }
        MasterKeySource::File(path) => (path.clone(), false),
        MasterKeySource::Generate => (config.data.join(MASTER_KEY_FILE), true),
    };
    let shown = path.display();
    let finding = match fs::metadata(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && made => {
            if config.data.join("store.sqlite").exists() {
                let text = format!("{shown} is missing, and the data folder is not new");
                Finding::new(Level::Warning, "master key", text)
                    .advise("Put your copy there before the server makes a new one.")
            } else {
                Finding::new(Level::Note, "master key", "made at the first start")
            }
        }
        Err(error) => Finding::new(Level::Broken, "master key", format!("{shown}: {error}"))
            .advise("master_key_file must name a file that the server may read."),
        Ok(metadata) => {
            let mode = metadata.permissions().mode() & 0o777;
            if let Err(error) = File::open(&path) {
                Finding::new(Level::Broken, "master key", format!("{shown}: {error}"))
                    .advise("Run as the user the server runs as.")
            } else if mode & OTHERS != 0 {
                Finding::new(Level::Warning, "master key", format!("others may read {shown} (mode {mode:o})"))
                    .advise(format!("chmod 600 {shown}"))
            } else {
                Finding::new(Level::Fine, "master key", format!("{shown}, readable by this user alone"))
            }
        }
    };
    vec![finding]
}
