//! An engine around another one, which counts its calls and fails, lies or dies at a chosen one.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::kv::{
    Batch, CommitError, Engine, EngineError, EngineErrorKind, Entry, Limits, Snapshot,
};

/// What goes wrong at one call of the engine.
///
/// Reads know only failure, so every fault makes them fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call fails, certainly without effect.
    Fail,
    /// A commit finds no room.
    Full,
    /// A commit happens, and its answer is lost.
    LoseAnswer,
    /// A commit is lost on its way, and nobody knows.
    LoseRequest,
    /// A commit is under way for so long that nobody knows: it happens at
    /// [`FaultEngine::deliver`], if its requirements still hold then.
    Delay,
    /// The process dies before the call takes effect: this call and all later ones fail.
    CrashBefore,
    /// The process dies after the call took effect: this call and all later ones fail.
    CrashAfter,
}

/// How often an engine was called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// Snapshots taken.
    pub snapshots: u64,
    /// Reads of keys, each of one key or many.
    pub gets: u64,
    /// Scans of ranges, with values or without.
    pub scans: u64,
    /// Batches sent.
    pub commits: u64,
}

impl Calls {
    /// All calls together, as [`FaultEngine::fail_at`] counts them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.snapshots + self.gets + self.scans + self.commits
    }
}

/// An engine around another one, which counts its calls and fails, lies or dies at a chosen one.
#[derive(Debug)]
pub struct FaultEngine {
    inner: Arc<dyn Engine>,
    script: Arc<Mutex<Script>>,
    limits: Limits,
}

/// What has happened and what is to happen.
#[derive(Debug, Default)]
struct Script {
    calls: Calls,
    /// The fault, the number of the first call that meets it, and of the first that no longer does.
    fault: Option<(Fault, Range<u64>)>,
    crashed: bool,
    delayed: VecDeque<Batch>,
}

impl FaultEngine {
    /// Wraps `inner`. Until told otherwise it does what `inner` does.
    #[must_use]
    pub fn new(inner: Arc<dyn Engine>) -> Self {
        let limits = inner.limits();
        Self::with_limits(inner, limits)
    }

    /// As [`new`](FaultEngine::new), with other limits, as to see commits that exceed them.
    #[must_use]
    pub fn with_limits(inner: Arc<dyn Engine>, limits: Limits) -> Self {
        Self {
            inner,
            script: Arc::default(),
            limits,
        }
    }

    /// From now on, the call number `call`, counted from 0, meets `fault`.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.plan(fault, call, 1);
    }

    /// From now on, the call number `call`, counted from 0, and all after it meet `fault`.
    pub fn fail_from(&self, call: u64, fault: Fault) {
        self.plan(fault, call, u64::MAX);
    }

    fn plan(&self, fault: Fault, call: u64, times: u64) {
        let mut script = lock(&self.script);
        let first = script.calls.total() + call;
        script.fault = Some((fault, first..first.saturating_add(times)));
    }

    /// Nothing goes wrong any more; a process that died has been started again.
    pub fn heal(&self) {
        let mut script = lock(&self.script);
        script.fault = None;
        script.crashed = false;
    }

    /// Sends the batches that were delayed, in their order, and returns what became of each.
    pub fn deliver(&self) -> Vec<Result<(), CommitError>> {
        let delayed = std::mem::take(&mut lock(&self.script).delayed);
        delayed
            .iter()
            .map(|batch| self.inner.commit(batch))
            .collect()
    }

    /// How often the engine was called since it was made.
    #[must_use]
    pub fn calls(&self) -> Calls {
        lock(&self.script).calls
    }

    /// Whether the planned fault has been met.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        let script = lock(&self.script);
        script
            .fault
            .as_ref()
            .is_some_and(|(_, at)| script.calls.total() > at.start)
    }
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts a call and tells which fault it meets.
fn meet(script: &Mutex<Script>, count: impl FnOnce(&mut Calls)) -> Option<Fault> {
    let mut script = lock(script);
    let call = script.calls.total();
    count(&mut script.calls);
    if script.crashed {
        return Some(Fault::CrashBefore);
    }
    let fault = script
        .fault
        .as_ref()
        .filter(|(_, at)| at.contains(&call))
        .map(|(fault, _)| *fault);
    script.crashed = matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter));
    fault
}

/// Counts a read, which fails on any fault: after a crash nobody hears its answer either.
fn read(script: &Mutex<Script>, count: impl FnOnce(&mut Calls)) -> Result<(), EngineError> {
    match meet(script, count) {
        None => Ok(()),
        Some(fault) => Err(failure("reading", fault)),
    }
}

fn failure(doing: &'static str, fault: Fault) -> EngineError {
    let kind = if fault == Fault::Full {
        EngineErrorKind::Full
    } else {
        EngineErrorKind::Io
    };
    EngineError::new(kind, doing, format!("injected: {fault:?}"))
}

impl Engine for FaultEngine {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        read(&self.script, |calls| calls.snapshots += 1)?;
        let inner = self.inner.snapshot()?;
        Ok(Box::new(FaultSnapshot {
            inner,
            script: Arc::clone(&self.script),
        }))
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        self.limits.admit(batch)?;
        let Some(fault) = meet(&self.script, |calls| calls.commits += 1) else {
            return self.inner.commit(batch);
        };
        let source = failure("committing", fault);
        match fault {
            Fault::Fail => Err(CommitError::Engine(source)),
            Fault::Full => Err(CommitError::Full { source }),
            Fault::LoseRequest | Fault::CrashBefore => Err(CommitError::Unknown { source }),
            Fault::LoseAnswer | Fault::CrashAfter => {
                // A batch that is refused has an answer to lose as well.
                _ = self.inner.commit(batch);
                Err(CommitError::Unknown { source })
            }
            Fault::Delay => {
                lock(&self.script).delayed.push_back(batch.clone());
                Err(CommitError::Unknown { source })
            }
        }
    }
}

#[derive(Debug)]
struct FaultSnapshot {
    inner: Box<dyn Snapshot>,
    script: Arc<Mutex<Script>>,
}

impl Snapshot for FaultSnapshot {
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        read(&self.script, |calls| calls.gets += 1)?;
        self.inner.get_many(keys)
    }

    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError> {
        read(&self.script, |calls| calls.scans += 1)?;
        self.inner.scan(range, limit)
    }

    fn scan_keys(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        read(&self.script, |calls| calls.scans += 1)?;
        self.inner.scan_keys(range, limit)
    }
}
