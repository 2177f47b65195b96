//! The unit of change: what is required and what is written, all or nothing.

use std::sync::Arc;

/// One step of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Stores a value under a key.
    Put {
        /// Where.
        key: Vec<u8>,
        /// What.
        value: Vec<u8>,
    },
    /// Removes a key; it need not exist.
    Delete {
        /// Which.
        key: Vec<u8>,
    },
    /// Removes every key from `start` up to, not including, `end`.
    DeleteRange {
        /// The first key that goes.
        start: Vec<u8>,
        /// The first key that stays.
        end: Vec<u8>,
    },
}

/// A set of requirements and an ordered list of operations that happen together or not at all.
///
/// Requirements are judged on the state before the batch; operations apply in the order given,
/// so the last one on a key wins. A clone shares the contents: it copies no bytes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    contents: Arc<Contents>,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    requirements: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ops: Vec<Op>,
    bytes: usize,
}

impl Batch {
    /// A batch that requires nothing and does nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Demands that `key` holds exactly `expected`, or is absent if that is `None`.
    pub fn require(&mut self, key: Vec<u8>, expected: Option<Vec<u8>>) {
        let contents = self.grow(key.len() + expected.as_ref().map_or(0, Vec::len));
        contents.requirements.push((key, expected));
    }

    /// Stores `value` under `key`.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.grow(key.len() + value.len())
            .ops
            .push(Op::Put { key, value });
    }

    /// Removes `key`.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.grow(key.len()).ops.push(Op::Delete { key });
    }

    /// Removes every key from `start` up to, not including, `end`: nothing if `end` is not greater.
    pub fn delete_range(&mut self, start: Vec<u8>, end: Vec<u8>) {
        self.grow(start.len() + end.len())
            .ops
            .push(Op::DeleteRange { start, end });
    }

    /// Adds all that `other` requires and does, after what is here already.
    pub fn append(&mut self, other: &Self) {
        let other = &other.contents;
        let contents = self.grow(other.bytes);
        let requirements = other.requirements.iter().cloned();
        contents.requirements.extend(requirements);
        contents.ops.extend(other.ops.iter().cloned());
    }

    fn grow(&mut self, bytes: usize) -> &mut Contents {
        let contents = Arc::make_mut(&mut self.contents);
        contents.bytes += bytes;
        contents
    }

    /// Each required key with its expected value.
    pub fn requirements(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.contents
            .requirements
            .iter()
            .map(|(key, expected)| (key.as_slice(), expected.as_deref()))
    }

    /// The operations in the order in which they apply.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.contents.ops
    }

    /// The sum of all keys and values in bytes, as [`Limits`](super::Limits) counts it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.contents.bytes
    }

    /// The number of operations and requirements, as [`Limits`](super::Limits) counts it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contents.requirements.len() + self.contents.ops.len()
    }

    /// Whether the batch requires nothing and does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
