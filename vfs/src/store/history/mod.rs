//! What an actor was: commits and restore points that are kept, and the way back to them.

mod aftermath;
mod collect;
mod inspect;
mod kept;
mod past;
mod points;
pub(super) mod records;

pub(super) use aftermath::{Aftermath, Former, Terms};
pub(super) use inspect::inspect;
pub(super) use kept::{Images, Judge, Kept};
pub use past::{CommitInfo, Point};
pub use points::RestorePoint;

use super::Store;
use super::slot::Slot;
use crate::error::StoreError;
use crate::kv::{Batch, CommitError};
use crate::layout::{RETENTION_KEY, Retention, Undecodable, decode_retention, encode_retention};

impl Store {
    /// How much of their past the actors of this store keep.
    pub fn retention(&self) -> Result<Retention, StoreError> {
        retention_in(self.engine().snapshot()?.get(RETENTION_KEY)?)
    }

    /// Sets how much of their past the actors of this store keep, for whoever opens them from
    /// now on: an owner that has one open goes on as before.
    ///
    /// It is part of the store and no option of a process, since a process that did not know of
    /// it would throw away with its first commit what the others keep.
    ///
    /// An actor keeps its past from its first commit on after it is opened. When less is kept than
    /// before, what goes goes with its next commits.
    pub fn set_retention(&self, retention: Retention) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(RETENTION_KEY.to_vec(), encode_retention(retention));
        match self.engine().commit(&batch) {
            Ok(()) => Ok(()),
            // To say it twice does what saying it once does.
            Err(CommitError::Unknown { source }) => match self.retention() {
                Ok(found) if found == retention => Ok(()),
                _ => Err(source.into()),
            },
            Err(CommitError::Engine(source) | CommitError::Full { source }) => Err(source.into()),
            Err(CommitError::Conflict { .. } | CommitError::TooLarge(_)) => {
                Err(damaged("no engine of a store refuses it"))
            }
        }
    }
}

impl Slot {
    /// How much of the past is kept, as the store says now.
    pub(super) fn retention(&self) -> Result<Retention, StoreError> {
        retention_in(self.engine().snapshot()?.get(RETENTION_KEY)?)
    }
}

/// How much of the past is kept, as its record says if there is one.
pub(super) fn retention_in(record: Option<Vec<u8>>) -> Result<Retention, StoreError> {
    let decoded = record.map(|record| decode_retention(&record)).transpose();
    decoded
        .map(Option::unwrap_or_default)
        .map_err(|error| match error {
            Undecodable::Newer { found } => StoreError::newer("retention record", found),
            Undecodable::Damaged(damage) => damaged(damage),
        })
}

fn damaged(damage: &'static str) -> StoreError {
    StoreError::RetentionDamaged { damage }
}
