//! How an engine says that it could not do what it was asked.

use std::error::Error;
use std::sync::Arc;

use super::LimitExceeded;

/// An engine could not read, or could not open.
///
/// Cheap to clone, since one failed flush answers every caller that shared it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{doing}")]
pub struct EngineError {
    /// What sort of failure it was.
    pub kind: EngineErrorKind,
    /// What the engine was doing, as in "reading the file".
    pub doing: &'static str,
    /// The cause in the engine's own words.
    pub source: Arc<dyn Error + Send + Sync>,
}

impl EngineError {
    /// A failure of `kind` that happened while `doing` something.
    pub fn new(
        kind: EngineErrorKind,
        doing: &'static str,
        source: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            doing,
            source: Arc::from(source.into()),
        }
    }
}

/// The sorts of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineErrorKind {
    /// Another process, or another engine of this process, has it open.
    InUse,
    /// There is nothing at that place.
    Missing,
    /// What is there was written by another program.
    Foreign,
    /// What is there was ours and is not whole.
    Damaged,
    /// The place cannot be written.
    ReadOnly,
    /// There is no room left.
    Full,
    /// Anything else; trying again may help.
    Io,
}

/// Why a batch was not committed, or may not have been.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A required key held something else. Nothing changed.
    #[error("a required key held something else")]
    Conflict {
        /// The first such key.
        key: Vec<u8>,
    },
    /// The batch exceeds the engine's limits. Nothing changed.
    #[error(transparent)]
    TooLarge(#[from] LimitExceeded),
    /// The engine has no room left. Nothing changed.
    #[error("the engine has no room left")]
    Full {
        /// The cause.
        source: EngineError,
    },
    /// The batch may have been committed, or may be later: only a read tells.
    #[error("the outcome of the commit is unknown")]
    Unknown {
        /// The cause.
        source: EngineError,
    },
    /// The engine failed before it changed anything.
    #[error("the engine failed before it changed anything")]
    Engine(#[from] EngineError),
}
