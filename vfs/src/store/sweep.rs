//! Removing in bounded steps what nobody can see: what a staged commit left, and what is kept no longer.

use super::history::{Images, Judge, Kept, records};
use super::owner::{Owner, Tenure};
use super::settle::Leaves;
use crate::error::StoreError;
use crate::kv::Batch;
use crate::layout::{
    DbId, Head, KeyRange, PageKey, Unswept, all_of_image, all_pages, commit_key, commits_of,
    commits_up_to,
};

/// How many keys one step looks at, and at most removes.
const STEP_KEYS_MAX: usize = 4096;

impl Owner {
    /// Removes what the head says is left, if anything, and says so in the head.
    ///
    /// No commit happens before: it would reuse the number of the pages that a staged one left.
    /// Only if a record of the past is damaged, so that nobody knows what is kept, the rest stays
    /// and the head goes on saying so.
    pub(super) fn sweep(&self, tenure: &mut Tenure) -> Result<(), StoreError> {
        let head = tenure.stored.head.clone();
        let unswept = match head.unswept {
            Unswept::Nothing => return Ok(()),
            Unswept::Staging(db) if db != head.db => {
                self.remove_ranges(tenure, [all_pages(db)])?;
                Unswept::Nothing
            }
            Unswept::Staging(_) | Unswept::Garbage => self.remove_unkept(tenure, &head)?,
        };
        if unswept == head.unswept {
            return Ok(());
        }
        self.advance(tenure, Head { unswept, ..head })
    }

    /// Removes all that is kept no longer, and returns what is left nevertheless.
    fn remove_unkept(&self, tenure: &mut Tenure, head: &Head) -> Result<Unswept, StoreError> {
        let has_past =
            head.unswept == Unswept::Garbage || head.floor < head.commit || head.pinned.get() > 0;
        let actor = &self.slot.actor;
        let (images, left) = if has_past {
            match records::images(&*self.slot.engine().snapshot()?, actor, head) {
                Ok(images) => (images, Unswept::Nothing),
                Err(error @ StoreError::HistoryDamaged { .. }) => {
                    tracing::warn!(%actor, %error, "nobody knows what is kept, so nothing goes");
                    (Images::all_but_staged(head), Unswept::Garbage)
                }
                Err(error) => return Err(error),
            }
        } else {
            (Images::of_head(head), Unswept::Nothing)
        };
        for (db, kept) in images.iter() {
            if kept.is_empty() {
                self.remove_ranges(tenure, all_of_image(db))?;
            } else {
                self.remove_unseen(tenure, db, kept)?;
            }
        }
        if head.unswept == Unswept::Garbage && left == Unswept::Nothing {
            self.remove_records(tenure, head)?;
        }
        Ok(left)
    }

    /// Removes the records of the commits that are kept no longer: they name images, so they go
    /// after these. A head that keeps none but its own commit has no records.
    fn remove_records(&self, tenure: &mut Tenure, head: &Head) -> Result<(), StoreError> {
        let actor = &self.slot.actor;
        let all = commits_of(actor);
        if head.floor == head.commit {
            return self.remove_ranges(tenure, [all]);
        }
        let later = commit_key(actor, head.commit.next())..all.end;
        self.remove_ranges(tenure, [commits_up_to(actor, head.floor), later])
    }

    /// Removes ranges of keys of the actor.
    fn remove_ranges(
        &self,
        tenure: &mut Tenure,
        ranges: impl IntoIterator<Item = KeyRange>,
    ) -> Result<(), StoreError> {
        let mut batch = self.slot.batch_on(Some(&tenure.stored));
        for range in ranges {
            batch.delete_range(range.start, range.end);
        }
        self.send(tenure, &batch)
    }

    /// Removes all versions of an image that nothing shows which is kept.
    fn remove_unseen(&self, tenure: &mut Tenure, db: DbId, kept: &Kept) -> Result<(), StoreError> {
        let limits = self.slot.engine().limits();
        let step = STEP_KEYS_MAX
            .min(limits.batch_ops_max.saturating_sub(1))
            .max(1);
        let mut range = all_pages(db);
        let mut judge = Judge::new(kept);
        loop {
            let keys = self
                .slot
                .engine()
                .snapshot()?
                .scan_keys(&range.start..&range.end, step)?;
            let Some(last) = keys.last() else {
                return Ok(());
            };
            range.start = [&last[..], &[0]].concat();
            let mut batch = self.slot.batch_on(Some(&tenure.stored));
            let keys = keys.iter().filter_map(|key| PageKey::parse(db, key));
            keys.filter(|key| judge.condemns(key))
                .for_each(|key| batch.delete(key.to_vec()));
            if !batch.ops().is_empty() {
                self.send(tenure, &batch)?;
            }
        }
    }

    /// Commits a batch that leaves the head as it is.
    fn send(&self, tenure: &mut Tenure, batch: &Batch) -> Result<(), StoreError> {
        let outcome = self.slot.settle(batch, Some(&tenure.stored), Leaves::Same);
        self.accept(tenure, None, outcome)
    }
}
