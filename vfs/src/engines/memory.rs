//! The engine that keeps everything in memory: for tests, rehearsals and measurements.

use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, PoisonError};

use imbl::OrdMap;

use crate::kv::{Batch, CommitError, Engine, EngineError, Entry, Limits, Op, Snapshot};

type Map = OrdMap<Vec<u8>, Arc<[u8]>>;

/// An engine in memory. Snapshots share structure with it: taking one copies nothing.
#[derive(Default)]
pub struct MemoryEngine {
    map: Mutex<Map>,
}

impl MemoryEngine {
    /// An empty engine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The state after the last whole batch. A batch is applied to a copy and then stored, so a
    /// thread that panicked has left a whole state behind.
    fn state(&self) -> std::sync::MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clone starts with what the engine holds, and goes its own way. It copies nothing at first.
impl Clone for MemoryEngine {
    fn clone(&self) -> Self {
        Self {
            map: Mutex::new(self.state().clone()),
        }
    }
}

impl std::fmt::Debug for MemoryEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryEngine")
            .field("keys", &self.state().len())
            .finish()
    }
}

impl Engine for MemoryEngine {
    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        Ok(Box::new(MemorySnapshot {
            map: self.state().clone(),
        }))
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        self.limits().admit(batch)?;
        let mut state = self.state();
        for (key, expected) in batch.requirements() {
            if state.get(key).map(AsRef::as_ref) != expected {
                return Err(CommitError::Conflict { key: key.to_vec() });
            }
        }
        let mut next = state.clone();
        batch.ops().iter().for_each(|op| apply(&mut next, op));
        *state = next;
        Ok(())
    }
}

fn apply(map: &mut Map, op: &Op) {
    match op {
        Op::Put { key, value } => {
            map.insert(key.clone(), value.as_slice().into());
        }
        Op::Delete { key } => {
            map.remove(key);
        }
        Op::DeleteRange { start, end } => {
            let doomed: Vec<_> = within(map, start..end)
                .map(|(key, _)| key.clone())
                .collect();
            doomed.iter().for_each(|key| _ = map.remove(key));
        }
    }
}

/// The entries of a range; the map itself panics when a range is inverted.
fn within<'m>(
    map: &'m Map,
    range: Range<&[u8]>,
) -> impl Iterator<Item = (&'m Vec<u8>, &'m Arc<[u8]>)> {
    let end = range.end.max(range.start);
    map.range::<_, [u8]>((Bound::Included(range.start), Bound::Excluded(end)))
}

#[derive(Debug)]
struct MemorySnapshot {
    map: Map,
}

impl Snapshot for MemorySnapshot {
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        Ok(keys
            .iter()
            .map(|key| self.map.get(*key).map(|value| value.to_vec()))
            .collect())
    }

    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError> {
        let entries = within(&self.map, range).take(limit);
        Ok(entries
            .map(|(key, value)| (key.clone(), value.to_vec()))
            .collect())
    }

    fn scan_keys(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        Ok(within(&self.map, range)
            .take(limit)
            .map(|(key, _)| key.clone())
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::conformance::{Durability, check};

    #[test]
    fn the_memory_engine_keeps_the_laws_of_engines() {
        check(Durability::Volatile, |_| Arc::new(MemoryEngine::new()));
    }
}
