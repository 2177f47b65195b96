//! What every engine refuses, so that a laptop cannot hide what production refuses.

use super::{Batch, Op};

/// The largest key, value and batch that an engine takes.
///
/// The default is that of a conservative distributed engine, and every engine in this crate
/// declares it: what fits one, fits all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest key, in bytes.
    pub key_bytes_max: usize,
    /// The longest value, in bytes.
    pub value_bytes_max: usize,
    /// The sum of all keys and values of one batch, in bytes.
    pub batch_bytes_max: usize,
    /// The number of operations and requirements of one batch.
    pub batch_ops_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            key_bytes_max: 1024,
            value_bytes_max: 96 * 1024,
            batch_bytes_max: 8 * 1024 * 1024,
            batch_ops_max: 16 * 1024,
        }
    }
}

impl Limits {
    /// What each of some `parties` may use of one batch.
    pub(crate) fn among(self, parties: usize) -> Self {
        Self {
            batch_bytes_max: self.batch_bytes_max / parties,
            batch_ops_max: self.batch_ops_max / parties,
            ..self
        }
    }

    /// Refuses a batch that exceeds these limits. Engines call this first in `commit`.
    pub fn admit(&self, batch: &Batch) -> Result<(), LimitExceeded> {
        within("batch bytes", batch.bytes(), self.batch_bytes_max)?;
        within("batch operations", batch.len(), self.batch_ops_max)?;
        for (key, expected) in batch.requirements() {
            self.admit_key(key)?;
            self.admit_value(expected.unwrap_or_default())?;
        }
        batch.ops().iter().try_for_each(|op| self.admit_op(op))
    }

    fn admit_op(&self, op: &Op) -> Result<(), LimitExceeded> {
        match op {
            Op::Put { key, value } => {
                self.admit_key(key)?;
                self.admit_value(value)
            }
            Op::Delete { key } => self.admit_key(key),
            Op::DeleteRange { start, end } => {
                within("key bytes", start.len().max(end.len()), self.key_bytes_max)
            }
        }
    }

    fn admit_key(&self, key: &[u8]) -> Result<(), LimitExceeded> {
        if key.is_empty() {
            return Err(LimitExceeded {
                what: "key bytes",
                found: 0,
                max: self.key_bytes_max,
            });
        }
        within("key bytes", key.len(), self.key_bytes_max)
    }

    fn admit_value(&self, value: &[u8]) -> Result<(), LimitExceeded> {
        within("value bytes", value.len(), self.value_bytes_max)
    }
}

fn within(what: &'static str, found: usize, max: usize) -> Result<(), LimitExceeded> {
    if found <= max {
        Ok(())
    } else {
        Err(LimitExceeded { what, found, max })
    }
}

/// A batch that no engine takes. Keys of zero bytes count as exceeding the limit too.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found} {what}, the engine takes 1 to {max}")]
pub struct LimitExceeded {
    /// What was counted.
    pub what: &'static str,
    /// How many there were.
    pub found: usize,
    /// How many there may be.
    pub max: usize,
}
