//! An engine that lets something else happen right before one of its calls.

use std::fmt;
use std::sync::{Arc, Mutex};

use actor_vfs::kv::{Batch, CommitError, Engine, EngineError, Limits, Snapshot};

type Act = Box<dyn FnOnce() + Send>;

/// Passes everything on, and at one call gives way to somebody else first.
pub(crate) struct HookEngine {
    inner: Arc<dyn Engine>,
    act: Mutex<Option<(u64, Act)>>,
}

impl HookEngine {
    pub(crate) fn new(inner: Arc<dyn Engine>) -> Self {
        let act = Mutex::default();
        Self { inner, act }
    }

    /// Has `act` happen before the call that comes after `calls` others.
    pub(crate) fn before(&self, calls: u64, act: Act) {
        *self.act.lock().unwrap() = Some((calls, act));
    }

    /// Forgets what has not happened yet.
    pub(crate) fn forget(&self) {
        *self.act.lock().unwrap() = None;
    }

    fn count(&self) {
        let due = {
            let mut act = self.act.lock().unwrap();
            match act.take() {
                Some((0, due)) => Some(due),
                Some((calls, later)) => {
                    *act = Some((calls - 1, later));
                    None
                }
                None => None,
            }
        };
        if let Some(due) = due {
            due();
        }
    }
}

impl fmt::Debug for HookEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookEngine").finish_non_exhaustive()
    }
}

/// Reads of one snapshot see the same whatever happens between them, so they are no calls here.
impl Engine for HookEngine {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        self.count();
        self.inner.snapshot()
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        self.count();
        self.inner.commit(batch)
    }
}
