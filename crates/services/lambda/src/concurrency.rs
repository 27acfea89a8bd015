use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use windlass_protocol::Fault;

use crate::faults;
use crate::function_name::FunctionName;

/// How many invocations may wait for a place.
const WAITING_MAX: usize = 10_000;
/// How long one waits. AWS has a thousand places and refuses at once; a machine
/// has few, and a burst that AWS would take shall not fail here.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// How many invocations run: over all functions, and of those with a reserved number.
pub(crate) struct Concurrency {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    running: Mutex<HashMap<FunctionName, u32>>,
}

/// The right to run one invocation, given back when dropped.
pub(crate) struct Permit {
    concurrency: Arc<Concurrency>,
    function: FunctionName,
    _place: Option<OwnedSemaphorePermit>,
}

impl Concurrency {
    pub(crate) fn new(concurrency_max: usize) -> Arc<Concurrency> {
        Arc::new(Concurrency {
            places: Arc::new(Semaphore::new(concurrency_max.clamp(1, Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
            running: Mutex::default(),
        })
    }

    /// Waits for a place, in order of arrival.
    ///
    /// # Errors
    /// `TooManyRequestsException`: the function's reserved number is reached; too
    /// many wait; the wait was too long.
    pub(crate) async fn acquire(
        self: &Arc<Concurrency>,
        function: &FunctionName,
        reserved: Option<u32>,
    ) -> Result<Permit, Fault> {
        let mut permit = self.count(function, reserved)?;
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            permit._place = Some(place);
            return Ok(permit);
        }
        let waiting = Waiting::enter(&self.waiting)?;
        let waited = tokio::time::timeout(WAIT_MAX, self.places.clone().acquire_owned()).await;
        drop(waiting);
        match waited {
            Ok(Ok(place)) => {
                permit._place = Some(place);
                Ok(permit)
            }
            Ok(Err(_)) | Err(_) => Err(faults::too_many_requests("ConcurrentInvocationLimitExceeded")),
        }
    }

    /// How many invocations run or wait.
    pub(crate) fn running(&self) -> usize {
        self.running.lock().values().map(|count| *count as usize).sum()
    }

    fn count(self: &Arc<Concurrency>, function: &FunctionName, reserved: Option<u32>) -> Result<Permit, Fault> {
        let mut running = self.running.lock();
        let count = running.entry(function.clone()).or_insert(0);
        if reserved.is_some_and(|reserved| *count >= reserved) {
            if *count == 0 {
                running.remove(function);
            }
            return Err(faults::too_many_requests("ReservedFunctionConcurrentInvocationLimitExceeded"));
        }
        *count += 1;
        Ok(Permit { concurrency: self.clone(), function: function.clone(), _place: None })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut running = self.concurrency.running.lock();
        if let Some(count) = running.get_mut(&self.function) {
            *count -= 1;
            if *count == 0 {
                running.remove(&self.function);
            }
        }
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn enter(waiting: &AtomicUsize) -> Result<Waiting<'_>, Fault> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(faults::too_many_requests("ConcurrentInvocationLimitExceeded"));
        }
        Ok(Waiting(waiting))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
