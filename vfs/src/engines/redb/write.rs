//! Several batches in one write transaction, each judged in its turn.

use std::collections::BTreeMap;

use redb::{Database, ReadableTable, StorageError, Table, WriteTransaction};

use super::failure::{failed, guarded};
use super::{Answer, Key, TABLE};
use crate::kv::{Batch, CommitError, EngineError, Op, Snapshot};

/// How a flush ended.
pub(super) enum Flushed {
    /// These are the answers.
    Surely(Vec<Answer>),
    /// These are the answers if it happened, which the error leaves open.
    Perhaps(Vec<Answer>, EngineError),
}

/// Commits all batches whose requirements hold. An error means that nothing changed.
pub(super) fn flush(database: &Database, batches: &[Batch]) -> Result<Flushed, EngineError> {
    let doing = "writing to the file";
    let (write, answers) = guarded(doing, || judge(database, batches).map_err(failed(doing)))?;
    let changes = |(batch, answer): (&Batch, &Answer)| answer.is_ok() && !batch.ops().is_empty();
    if !batches.iter().zip(&answers).any(changes) {
        guarded(doing, || write.abort().map_err(failed(doing)))?;
        return Ok(Flushed::Surely(answers));
    }
    let doing = "flushing the file";
    let mut is_sure = false;
    let flushed = guarded(doing, || {
        write.commit().map_err(|error| {
            is_sure = matches!(error, redb::CommitError::TransactionPoisoned);
            failed(doing)(error)
        })
    });
    match flushed {
        Ok(()) => Ok(Flushed::Surely(answers)),
        Err(error) if is_sure => Err(error),
        Err(error) => Ok(Flushed::Perhaps(answers, error)),
    }
}

/// A transaction that holds what those batches write whose requirements hold, and its answers.
fn judge(
    database: &Database,
    batches: &[Batch],
) -> Result<(WriteTransaction, Vec<Answer>), redb::Error> {
    let write = database.begin_write()?;
    let mut answers = Vec::with_capacity(batches.len());
    {
        let mut table = write.open_table(TABLE)?;
        for batch in batches {
            answers.push(match conflict(&table, batch)? {
                Some(key) => Err(CommitError::Conflict { key }),
                None => {
                    apply(&mut table, batch)?;
                    Ok(())
                }
            });
        }
    }
    Ok((write, answers))
}

/// The first key that does not hold what the batch requires.
fn conflict(table: &Table<'_, Key, Key>, batch: &Batch) -> Result<Option<Vec<u8>>, StorageError> {
    for (key, expected) in batch.requirements() {
        if table.get(key)?.as_ref().map(|found| found.value()) != expected {
            return Ok(Some(key.to_vec()));
        }
    }
    Ok(None)
}

fn apply(table: &mut Table<'_, Key, Key>, batch: &Batch) -> Result<(), StorageError> {
    for op in batch.ops() {
        match op {
            Op::Put { key, value } => _ = table.insert(&key[..], &value[..])?,
            Op::Delete { key } => _ = table.remove(&key[..])?,
            Op::DeleteRange { start, end } if start < end => {
                table.retain_in::<&[u8], _>(&start[..]..&end[..], |_, _| false)?;
            }
            Op::DeleteRange { .. } => {}
        }
    }
    Ok(())
}

/// Whether a state is one that `batches` leave, as far as single keys tell. Batches without any
/// leave no trace, and are said not to show.
pub(super) fn shows<'b>(
    now: &dyn Snapshot,
    batches: impl Iterator<Item = &'b Batch>,
) -> Result<bool, EngineError> {
    let mut last: BTreeMap<&[u8], Option<&[u8]>> = BTreeMap::new();
    for op in batches.flat_map(Batch::ops) {
        match op {
            Op::Put { key, value } => _ = last.insert(key, Some(value)),
            Op::Delete { key } => _ = last.insert(key, None),
            Op::DeleteRange { start, end } => {
                last.retain(|key, _| *key < &start[..] || *key >= &end[..]);
            }
        }
    }
    let keys: Vec<_> = last.keys().copied().collect();
    let found = now.get_many(&keys)?;
    let same = found.iter().map(Option::as_deref).eq(last.into_values());
    Ok(same && !keys.is_empty())
}
