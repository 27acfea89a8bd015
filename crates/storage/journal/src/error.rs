use windlass_store::{CommitError, StoreError};

use crate::record::Record;
use crate::stored::TurnError;

/// Why the journal could not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// The store refused to read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The store refused to write.
    #[error(transparent)]
    Write(#[from] CommitError),
    /// A stored turn cannot be read.
    #[error("execution {arn}: {error}")]
    Turn {
        /// Which execution.
        arn: String,
        /// Why.
        error: TurnError,
    },
    /// A stored row cannot be read.
    #[error("execution {arn}: its record cannot be read: {reason}")]
    Record {
        /// Which execution.
        arn: String,
        /// Why.
        reason: String,
    },
    /// The definition an execution runs is not there or does not load.
    #[error("execution {arn}: its definition cannot be loaded: {reason}")]
    Definition {
        /// Which execution.
        arn: String,
        /// Why.
        reason: String,
    },
    /// It is sealed, and its key is not open: unlock it and ask again.
    #[error("execution {arn}: its data is sealed, and its key is not open")]
    Locked {
        /// Which execution.
        arn: String,
        /// The data key as it is stored.
        wrapped: bytes::Bytes,
    },
    /// The token of a page is not one of ours.
    #[error("the token of the page is not valid")]
    Page,
    /// A turn panicked: a fault of this server's.
    #[error("execution {arn}: a turn of it panicked")]
    Panicked {
        /// Which execution.
        arn: String,
    },
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl JournalError {
    /// Whether the store could not do it now and goes on: nothing was written,
    /// and the same may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            JournalError::Write(CommitError::Storage(_) | CommitError::Overloaded)
                | JournalError::Read(StoreError::Storage(_))
        )
    }
}

/// Why an execution was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is an execution of that ARN.
    #[error("the execution exists")]
    Exists(Box<Record>),
    /// The disk is nearly full; what runs goes on, nothing new begins.
    #[error("{0}")]
    DiskFull(String),
    /// Too many executions are open.
    #[error("{0} executions are open, which is the bound of this server")]
    TooManyOpen(usize),
    /// As many executions of its key run as may, and none more may wait.
    #[error("as many executions of this key run as may")]
    ConcurrencyReached,
    /// One that runs, or waits, stands for it.
    #[error("another execution of this key stands for it")]
    Stands(Box<Record>),
    /// Storage failed.
    #[error("{0}")]
    Unavailable(JournalError),
}

/// Why a task token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of this server.
    #[error("not a task token of this server")]
    Invalid,
    /// The task is over, or was never there.
    #[error("the task is over")]
    TimedOut,
    /// The execution is gone.
    #[error("the task does not exist")]
    DoesNotExist,
    /// Storage failed.
    #[error("{0}")]
    Unavailable(JournalError),
}
