use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files and sockets besides connections: the store, its log, functions' pipes.
const OTHER_FILES: u64 = 256;

/// Raises this process's limit of open files as far as connections may need
/// and the system allows.
///
/// # Errors
/// How many connections fit, where it is fewer than asked for.
pub(crate) fn allow(connections: usize) -> Result<(), u64> {
    let needed = connections as u64 + OTHER_FILES;
    let limit = getrlimit(Resource::Nofile);
    // No number is no limit.
    let (Some(current), maximum) = (limit.current, limit.maximum.unwrap_or(u64::MAX)) else { return Ok(()) };
    if current >= needed {
        return Ok(());
    }
    let reachable = needed.min(maximum);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(reachable), maximum: limit.maximum });
    match raised {
        Ok(()) if reachable >= needed => Ok(()),
        Ok(()) => Err(reachable.saturating_sub(OTHER_FILES)),
        Err(_) => Err(current.saturating_sub(OTHER_FILES)),
    }
}
