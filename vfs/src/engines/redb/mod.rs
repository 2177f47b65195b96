//! The embedded durable engine: one redb file, group-committed.

mod failure;
mod file;
mod write;

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::{Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use super::group::{Answer, GroupQueue};
use crate::kv::{
    Batch, CommitError, Engine, EngineError, EngineErrorKind, Entry, Limits, Snapshot,
};
pub use failure::panic_is_caught;
use failure::{damaged, failed, guarded};
use write::Flushed;

type Key = &'static [u8];

const TABLE: TableDefinition<'static, Key, Key> = TableDefinition::new("actor-vfs");

const READING: &str = "reading the file";

/// An engine in one file, which no other process can open at the same time.
///
/// Commits that happen at the same time share one flush. After a full disk the file is opened
/// anew at the next call, so the engine works again once there is room.
pub struct RedbEngine {
    opener: Box<Opener>,
    state: RwLock<State>,
    queue: GroupQueue,
}

type Opener = dyn Fn() -> Result<Database, EngineError> + Send + Sync;

enum State {
    Open(Open),
    /// It could not be opened anew; the next call tries again.
    Closed {
        generation: u64,
    },
    /// A flush failed. What the file shows now need not be on the disk, so nothing that it shows
    /// may be acknowledged: only a restart starts afresh.
    Broken(EngineError),
}

impl State {
    fn open(database: Database, generation: u64) -> Self {
        let failed = Arc::default();
        Self::Open(Open {
            database,
            generation,
            failed,
        })
    }

    fn generation(&self) -> Option<u64> {
        match self {
            Self::Open(Open { generation, .. }) | Self::Closed { generation } => Some(*generation),
            Self::Broken(_) => None,
        }
    }
}

struct Open {
    database: Database,
    generation: u64,
    /// A snapshot of it could not read.
    failed: Arc<AtomicBool>,
}

impl RedbEngine {
    /// Opens the file at `path`, using up to `cache_bytes` of memory for its pages.
    pub fn open(path: impl AsRef<Path>, cache_bytes: usize) -> Result<Self, EngineError> {
        let path = path.as_ref().to_owned();
        Self::opened_by(Box::new(move || file::open(&path, cache_bytes)))
    }

    /// Creates the file at `path`, whole or not at all. A file that is there already is opened.
    pub fn create(path: impl AsRef<Path>, cache_bytes: usize) -> Result<Self, EngineError> {
        file::create(path.as_ref())?;
        Self::open(path, cache_bytes)
    }

    fn opened_by(opener: Box<Opener>) -> Result<Self, EngineError> {
        let state = State::open(opener()?, 0);
        Ok(Self {
            opener,
            state: RwLock::new(state),
            queue: GroupQueue::default(),
        })
    }

    /// Runs `act` on the open file. redb gives up a file for good when the system fails it once,
    /// so after a failure the file is opened anew and `act` runs again. That mends no damage, and
    /// might cost what can still be read.
    fn with<T>(&self, act: impl Fn(&Open) -> Result<T, EngineError>) -> Result<T, EngineError> {
        match self.try_with(&act) {
            Ok(done) => return Ok(done),
            Err((error, None)) => return Err(error),
            Err((error, _)) if error.kind == EngineErrorKind::Damaged => return Err(error),
            Err((_, Some(generation))) => self.reopen(generation)?,
        }
        self.try_with(&act).map_err(|(error, _)| error)
    }

    /// Runs `act` once. An error comes with the generation of the file if another may help.
    fn try_with<T>(
        &self,
        act: impl Fn(&Open) -> Result<T, EngineError>,
    ) -> Result<T, (EngineError, Option<u64>)> {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            State::Open(open) if open.failed.load(Ordering::Relaxed) => {
                Err((not_open(), Some(open.generation)))
            }
            State::Open(open) => act(open).map_err(|error| (error, Some(open.generation))),
            State::Closed { generation } => Err((not_open(), Some(*generation))),
            State::Broken(error) => Err((error.clone(), None)),
        }
    }

    /// Closes the file and opens it anew, unless somebody has since it `failed`.
    fn reopen(&self, failed: u64) -> Result<(), EngineError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if state.generation() == Some(failed) {
            // First closed, then opened: the file lets in one at a time.
            *state = State::Closed { generation: failed };
            *state = State::open((self.opener)()?, failed + 1);
        }
        Ok(())
    }

    fn generation(&self) -> Option<u64> {
        self.state
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .generation()
    }

    /// Commits all batches whose requirements hold by one flush.
    fn flush(&self, batches: &[Batch]) -> Vec<Answer> {
        match self.with(|open| write::flush(&open.database, batches)) {
            Ok(Flushed::Surely(answers)) => answers,
            Ok(Flushed::Perhaps(answers, error)) => self.find_out(batches, answers, &error),
            Err(error) => batches.iter().map(|_| Err(refusal(&error))).collect(),
        }
    }

    /// What became of batches whose flush failed, of which `answers` would be true had it not.
    /// After a full disk the file, opened anew, tells: it holds all of them or none.
    fn find_out(
        &self,
        batches: &[Batch],
        answers: Vec<Answer>,
        error: &EngineError,
    ) -> Vec<Answer> {
        let unknown = || {
            Err(CommitError::Unknown {
                source: error.clone(),
            })
        };
        let landed = if error.kind == EngineErrorKind::Full {
            self.reopen(self.generation().unwrap_or_default())
                .and_then(|()| {
                    let taken = batches
                        .iter()
                        .zip(&answers)
                        .filter(|(_, answer)| answer.is_ok());
                    write::shows(&*self.snapshot()?, taken.map(|(batch, _)| batch))
                })
        } else {
            *self.state.write().unwrap_or_else(PoisonError::into_inner) =
                State::Broken(error.clone());
            Err(error.clone())
        };
        let settled = |answer: Answer| match landed {
            _ if answer.is_err() => answer,
            Ok(true) => Ok(()),
            Ok(false) => Err(refusal(error)),
            Err(_) => unknown(),
        };
        answers.into_iter().map(settled).collect()
    }
}

fn not_open() -> EngineError {
    EngineError::new(
        EngineErrorKind::Io,
        "using the file",
        "it could not be opened anew",
    )
}

/// The answer to a batch that was certainly not committed because of `error`.
fn refusal(error: &EngineError) -> CommitError {
    let source = error.clone();
    match error.kind {
        EngineErrorKind::Full => CommitError::Full { source },
        _ => CommitError::Engine(source),
    }
}

impl fmt::Debug for RedbEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbEngine")
            .field("generation", &self.generation())
            .finish_non_exhaustive()
    }
}

impl Engine for RedbEngine {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        self.with(|open| {
            let table = guarded(READING, || {
                let read = open.database.begin_read().map_err(failed(READING))?;
                read.open_table(TABLE).map_err(failed(READING))
            })?;
            Ok(Box::new(RedbSnapshot {
                table,
                failed: Arc::clone(&open.failed),
            }) as Box<dyn Snapshot>)
        })
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        self.limits().admit(batch)?;
        self.queue.commit(batch, |batches| self.flush(batches))
    }
}

struct RedbSnapshot {
    table: ReadOnlyTable<Key, Key>,
    failed: Arc<AtomicBool>,
}

impl RedbSnapshot {
    /// Tells the engine that its file has failed.
    fn failed(&self, error: redb::StorageError) -> EngineError {
        self.failed.store(true, Ordering::Relaxed);
        failed(READING)(error)
    }

    fn collect<T>(
        &self,
        range: Range<&[u8]>,
        limit: usize,
        take: impl Fn(&[u8], &[u8]) -> T,
    ) -> Result<Vec<T>, EngineError> {
        if range.start >= range.end {
            return Ok(Vec::new());
        }
        guarded(READING, || {
            let entries = self
                .table
                .range::<&[u8]>(range.clone())
                .map_err(|error| self.failed(error))?;
            let mut last: Option<Vec<u8>> = None;
            let entries = entries.take(limit).map(|entry| {
                let (key, value) = entry.map_err(|error| self.failed(error))?;
                let key = key.value();
                // Whoever goes on after the last key would go round for ever.
                if !range.contains(&key) || last.as_deref().is_some_and(|last| last >= key) {
                    return Err(damaged(READING, "its keys are out of order"));
                }
                last = Some(key.to_vec());
                Ok(take(key, value.value()))
            });
            entries.collect()
        })
    }
}

impl Snapshot for RedbSnapshot {
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        let get = |key: &&[u8]| {
            let value = self.table.get(*key).map_err(|error| self.failed(error))?;
            Ok(value.map(|value| value.value().to_vec()))
        };
        guarded(READING, || keys.iter().map(get).collect())
    }

    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError> {
        self.collect(range, limit, |key, value| (key.to_vec(), value.to_vec()))
    }

    fn scan_keys(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        self.collect(range, limit, |key, _| key.to_vec())
    }
}

impl fmt::Debug for RedbSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbSnapshot").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod power;
#[cfg(test)]
mod tests;
