//! The engine trait: the one thing a key-value engine must do to carry actors.

mod batch;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
mod limits;

use std::fmt;
use std::ops::Range;

pub use batch::{Batch, Op};
pub use error::{CommitError, EngineError, EngineErrorKind};
pub use limits::{LimitExceeded, Limits};

/// A key and its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// An ordered key-value engine with snapshots and atomic conditional batches.
///
/// SQLite calls synchronously, so engines are synchronous. A client that is asynchronous owns its
/// own runtime thread and never blocks on the caller's runtime.
pub trait Engine: Send + Sync + fmt::Debug {
    /// What this engine refuses.
    fn limits(&self) -> Limits;

    /// One consistent state, which stays as it is until dropped. It holds at least every batch
    /// whose commit returned before the call.
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError>;

    /// Commits the whole batch or nothing. It is durable when this returns `Ok`.
    ///
    /// Batches over the [`limits`](Engine::limits) are refused through [`Limits::admit`].
    fn commit(&self, batch: &Batch) -> Result<(), CommitError>;
}

/// One consistent state of an engine.
pub trait Snapshot: Send + Sync + fmt::Debug {
    /// The values of `keys`, in the same order; `None` where there is none.
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError>;

    /// The first `limit` entries from `range.start` up to, not including, `range.end`, in the
    /// order of their keys. An empty or inverted range holds nothing.
    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError>;

    /// The keys that [`scan`](Snapshot::scan) would return, for those who need no values.
    fn scan_keys(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        Ok(self
            .scan(range, limit)?
            .into_iter()
            .map(|(key, _)| key)
            .collect())
    }

    /// The value of one key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        Ok(self.get_many(&[key])?.pop().flatten())
    }
}
