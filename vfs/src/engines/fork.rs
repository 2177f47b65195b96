//! The engine that reads one state of another engine and keeps what is written in memory.

use std::collections::BTreeMap;
use std::ops::{Bound, Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imbl::OrdMap;

use crate::kv::{Batch, CommitError, Engine, EngineError, Entry, Limits, Op, Snapshot};

/// What was written over the base; `None`: deleted.
type Layer = OrdMap<Vec<u8>, Option<Arc<[u8]>>>;

/// An engine over a state of another one. Nothing that is written to it is kept, and what it was
/// made of does not change.
#[derive(Debug)]
pub struct ForkEngine {
    base: Arc<dyn Snapshot>,
    limits: Limits,
    layer: Mutex<Layer>,
}

impl ForkEngine {
    /// An engine that starts as `base` and refuses what exceeds `limits`, which should be those
    /// of the engine that `base` is of.
    #[must_use]
    pub fn new(base: Arc<dyn Snapshot>, limits: Limits) -> Self {
        Self {
            base,
            limits,
            layer: Mutex::default(),
        }
    }

    /// The layer after the last whole batch: a batch is applied to a copy and then stored.
    fn layer(&self) -> MutexGuard<'_, Layer> {
        self.layer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, layer: &Layer) -> ForkSnapshot {
        ForkSnapshot {
            base: Arc::clone(&self.base),
            layer: layer.clone(),
        }
    }
}

impl Engine for ForkEngine {
    fn limits(&self) -> Limits {
        self.limits
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        Ok(Box::new(self.at(&self.layer())))
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        self.limits.admit(batch)?;
        let mut layer = self.layer();
        let mut next = self.at(&layer);
        for (key, expected) in batch.requirements() {
            if next.get(key)?.as_deref() != expected {
                return Err(CommitError::Conflict { key: key.to_vec() });
            }
        }
        batch.ops().iter().try_for_each(|op| next.apply(op))?;
        *layer = next.layer;
        Ok(())
    }
}

#[derive(Debug)]
struct ForkSnapshot {
    base: Arc<dyn Snapshot>,
    layer: Layer,
}

impl ForkSnapshot {
    fn apply(&mut self, op: &Op) -> Result<(), EngineError> {
        match op {
            Op::Put { key, value } => {
                _ = self
                    .layer
                    .insert(key.clone(), Some(value.as_slice().into()))
            }
            Op::Delete { key } => _ = self.layer.insert(key.clone(), None),
            Op::DeleteRange { start, end } => {
                for key in self.scan_keys(start..end, usize::MAX)? {
                    self.layer.insert(key, None);
                }
            }
        }
        Ok(())
    }

    /// The first `limit` entries of a range, where `below` reads the base and `above` a value of
    /// the layer.
    fn merge<V>(
        &self,
        range: Range<&[u8]>,
        limit: usize,
        below: impl Fn(Range<&[u8]>, usize) -> Result<Vec<(Vec<u8>, V)>, EngineError>,
        above: impl Fn(&Arc<[u8]>) -> V,
    ) -> Result<Vec<(Vec<u8>, V)>, EngineError> {
        let mut merged = Vec::new();
        let mut start = range.start.to_vec();
        while merged.len() < limit && *start < *range.end {
            let wanted = limit - merged.len();
            let found = below(&start..range.end, wanted)?;
            // Up to the last key found, or to the end if there are no more, nothing is unseen.
            let seen = match found.last() {
                Some((last, _)) if found.len() == wanted => [last, &[0][..]].concat(),
                _ => range.end.to_vec(),
            };
            let mut part: BTreeMap<_, _> = found.into_iter().collect();
            for (key, value) in within(&self.layer, &start..&seen) {
                match value {
                    Some(value) => _ = part.insert(key.clone(), above(value)),
                    None => _ = part.remove(key),
                }
            }
            merged.extend(part);
            start = seen;
        }
        merged.truncate(limit);
        Ok(merged)
    }
}

fn within<'l>(
    layer: &'l Layer,
    range: Range<&'l [u8]>,
) -> impl Iterator<Item = (&'l Vec<u8>, &'l Option<Arc<[u8]>>)> {
    layer.range::<_, [u8]>((Bound::Included(range.start), Bound::Excluded(range.end)))
}

impl Snapshot for ForkSnapshot {
    fn get_many(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, EngineError> {
        let below: Vec<_> = keys
            .iter()
            .filter(|key| !self.layer.contains_key(**key))
            .copied()
            .collect();
        let mut below = if below.is_empty() {
            Vec::new()
        } else {
            self.base.get_many(&below)?
        }
        .into_iter();
        let answer = |key: &&[u8]| match self.layer.get(*key) {
            Some(written) => written.as_ref().map(|value| value.to_vec()),
            None => below.next().flatten(),
        };
        Ok(keys.iter().map(answer).collect())
    }

    fn scan(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Entry>, EngineError> {
        self.merge(
            range,
            limit,
            |range, limit| self.base.scan(range, limit),
            |value| value.to_vec(),
        )
    }

    fn scan_keys(&self, range: Range<&[u8]>, limit: usize) -> Result<Vec<Vec<u8>>, EngineError> {
        let below = |range: Range<&[u8]>, limit| {
            let keys = self.base.scan_keys(range, limit)?;
            Ok(keys.into_iter().map(|key| (key, ())).collect())
        };
        let merged = self.merge(range, limit, below, |_| ())?;
        Ok(merged.into_iter().map(|(key, ())| key).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::MemoryEngine;
    use crate::kv::conformance::{Durability, check};

    fn fork_of(base: &MemoryEngine) -> ForkEngine {
        ForkEngine::new(Arc::from(base.snapshot().unwrap()), base.limits())
    }

    #[test]
    fn a_fork_of_nothing_keeps_the_laws_of_engines() {
        check(Durability::Volatile, |_| {
            Arc::new(fork_of(&MemoryEngine::new()))
        });
    }

    /// Its base holds what the laws put and look for, all of it deleted again in the layer: so
    /// each read has to look through tombstones.
    #[test]
    fn a_fork_of_which_everything_is_deleted_keeps_the_laws_of_engines() {
        check(Durability::Volatile, |_| {
            let base = MemoryEngine::new();
            let mut batch = Batch::new();
            let keys = (0..=u8::MAX)
                .map(|byte| vec![byte])
                .chain([b"harmless".to_vec(), vec![b'a', 0]]);
            keys.for_each(|key| batch.put(key, b"of the base".to_vec()));
            base.commit(&batch).unwrap();
            let fork = fork_of(&base);
            let mut batch = Batch::new();
            batch.delete_range(Vec::new(), vec![u8::MAX; 64]);
            fork.commit(&batch).unwrap();
            Arc::new(fork)
        });
    }

    #[test]
    fn a_fork_sees_its_base_under_its_own_writes_and_leaves_it_alone() {
        let base = MemoryEngine::new();
        let mut batch = Batch::new();
        (b'a'..=b'h').for_each(|key| batch.put(vec![key], b"base".to_vec()));
        base.commit(&batch).unwrap();
        let fork = fork_of(&base);
        let mut batch = Batch::new();
        batch.require(b"a".to_vec(), Some(b"base".to_vec()));
        batch.delete_range(b"b".to_vec(), b"g".to_vec());
        batch.put(b"d".to_vec(), b"fork".to_vec());
        fork.commit(&batch).unwrap();
        batch = Batch::new();
        batch.delete(b"a".to_vec());
        base.commit(&batch).unwrap();

        let snapshot = fork.snapshot().unwrap();
        let keys = |limit| snapshot.scan_keys(b""..b"z", limit).unwrap().concat();
        assert_eq!(keys(100), b"adgh");
        assert_eq!(
            keys(3),
            b"adg",
            "what is deleted does not count against the limit"
        );
        let two = snapshot.get_many(&[b"d", b"b", b"g"]).unwrap();
        assert_eq!(two, [Some(b"fork".to_vec()), None, Some(b"base".to_vec())]);
        assert_eq!(
            base.snapshot()
                .unwrap()
                .scan_keys(b""..b"z", 9)
                .unwrap()
                .concat(),
            b"bcdefgh"
        );
    }
}
