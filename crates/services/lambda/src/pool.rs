use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::environment::Environment;
use crate::function_name::FunctionName;

/// Which code and settings a process runs: a change of either makes a new key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolKey {
    pub(crate) function: FunctionName,
    pub(crate) version: String,
    pub(crate) revision_id: String,
}

struct Idle {
    key: PoolKey,
    environment: Environment,
    since: Instant,
}

/// Processes that wait for their next invocation, the longest idle first.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
}

impl Pool {
    /// The process of that key that has been idle for the shortest time.
    pub(crate) fn take(&self, key: &PoolKey) -> Option<Environment> {
        let mut dead = Vec::new();
        let mut idle = self.idle.lock();
        let found = loop {
            let Some(at) = idle.iter().rposition(|idle| idle.key == *key) else { break None };
            let environment = idle.remove(at).environment;
            if environment.is_usable() {
                break Some(environment);
            }
            dead.push(environment);
        };
        drop(idle);
        found
    }

    /// Keeps a process for later; ends the longest idle ones beyond `idle_max`.
    pub(crate) fn put(&self, key: PoolKey, environment: Environment, idle_max: usize) {
        let ended: Vec<Idle> = {
            let mut idle = self.idle.lock();
            idle.push(Idle { key, environment, since: Instant::now() });
            let excess = idle.len().saturating_sub(idle_max);
            idle.drain(..excess).collect()
        };
        // Outside the lock: what is dropped here is killed.
        drop(ended);
    }

    /// Ends the longest idle processes until at most that many are left.
    pub(crate) fn shrink_to(&self, idle_max: usize) {
        let ended: Vec<Idle> = {
            let mut idle = self.idle.lock();
            let excess = idle.len().saturating_sub(idle_max);
            idle.drain(..excess).collect()
        };
        drop(ended);
    }

    /// Ends the processes for which `is_kept` is false.
    pub(crate) fn retain(&self, is_kept: impl Fn(&PoolKey, Duration) -> bool) {
        let ended: Vec<Idle> = {
            let mut idle = self.idle.lock();
            let (kept, ended) = std::mem::take(&mut *idle)
                .into_iter()
                .partition(|idle| idle.environment.is_usable() && is_kept(&idle.key, idle.since.elapsed()));
            *idle = kept;
            ended
        };
        drop(ended);
    }
}
