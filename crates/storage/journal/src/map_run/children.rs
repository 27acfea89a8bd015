//! What runs beside a Map Run's driver: starts, redrives and stops of Standard
//! children, and the word that tells of an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass_workflow::{Identity, MapRunFailure};

use super::child::ChildOf;
use super::handle::{Handle, Told};
use crate::error::StartError;
use crate::journal::{Journal, NewExecution};
use crate::pauses::Pauses;
use crate::redrive::{Redrive, RedriveError};

/// Tells the driver what came of a task of its own, also where the task panics.
pub(super) struct TellGuard {
    handle: Option<Arc<Handle>>,
}

impl TellGuard {
    pub(super) fn new(handle: &Arc<Handle>) -> TellGuard {
        TellGuard { handle: Some(handle.clone()) }
    }

    pub(super) fn tell(mut self, told: Told) {
        if let Some(handle) = self.handle.take() {
            // A driver that has ended needs to know nothing.
            let _ = handle.told.send(told);
        }
    }
}

impl Drop for TellGuard {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(handle) = self.handle.take()
        {
            let cause = "A fault of the server ended this Map Run. The server's log says what it was.";
            let _ = handle
                .told
                .send(Told::Read(Err(MapRunFailure { error: "States.Runtime".into(), cause: Some(cause.into()) })));
        }
    }
}

/// Starts a Standard child. Where the server takes no more executions now, it waits.
pub(super) async fn start_standard(
    journal: Journal,
    new: NewExecution,
    child_of: ChildOf,
    stopping: Arc<AtomicBool>,
    handle: Arc<Handle>,
) {
    let index = child_of.index;
    let mut pauses = Pauses::new();
    let NewExecution { identity, definition, options, qualifiers, details, .. } = new;
    loop {
        if stopping.load(Ordering::Acquire) {
            let _ = handle.told.send(Told::NotStarted { index });
            return;
        }
        // A try that was refused leaves in the input where it would have been stored.
        let identity = Identity { input: identity.input.without_place(), ..identity.clone() };
        let new = NewExecution {
            identity,
            definition: definition.clone(),
            options: options.clone(),
            qualifiers: qualifiers.clone(),
            details: details.clone(),
            concurrency: None,
        };
        match journal.start_child(new, child_of.clone()).await {
            // An earlier run of the server started it: its end is or will be told.
            Ok(_) | Err(StartError::Exists(_)) => break,
            Err(error) if journal.is_stopping() => {
                tracing::debug!(%error, "a child is started after the restart");
                return;
            }
            Err(StartError::TooManyOpen(_) | StartError::DiskFull(_)) => pauses.pause().await,
            Err(StartError::Unavailable(error)) if error.is_passing() => pauses.pause().await,
            Err(error) => {
                let cause = format!("A child execution could not be started: {error}");
                let _ = handle
                    .told
                    .send(Told::Read(Err(MapRunFailure { error: "States.Runtime".into(), cause: Some(cause.into()) })));
                let _ = handle.told.send(Told::NotStarted { index });
                return;
            }
        }
    }
    if stopping.load(Ordering::Acquire) {
        stop_standard(&journal, &identity.arn).await;
    }
}

/// Redrives a Standard child that did not succeed.
pub(super) async fn redrive_standard(journal: Journal, arn: &str, index: u64, handle: Arc<Handle>) {
    let mut pauses = Pauses::new();
    loop {
        match journal.redrive(arn, Redrive::default()).await {
            // It runs already, or has ended since: that is told.
            Ok(_) | Err(RedriveError::Status(_)) => return,
            Err(RedriveError::Refused(error)) if journal.is_stopping() => {
                tracing::debug!(%error, "a child is redriven after the restart");
                return;
            }
            Err(RedriveError::Refused(StartError::TooManyOpen(_) | StartError::DiskFull(_))) => pauses.pause().await,
            Err(RedriveError::Refused(StartError::Unavailable(error))) if error.is_passing() => pauses.pause().await,
            Err(error) => {
                tracing::error!(execution = arn, %error, "a child execution could not be redriven");
                let _ = handle.told.send(Told::NotRedriven { index });
                return;
            }
        }
    }
}

/// Stops a Standard child; its end is told by its last turn.
pub(super) async fn stop_standard(journal: &Journal, arn: &str) {
    let mut pauses = Pauses::new();
    loop {
        match journal.stop(arn, None, None).await {
            Ok(_) => return,
            Err(error) if error.is_passing() && !journal.is_stopping() => pauses.pause().await,
            Err(error) => {
                tracing::error!(execution = arn, %error, "a child execution could not be stopped");
                return;
            }
        }
    }
}
