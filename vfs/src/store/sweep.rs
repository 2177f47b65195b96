//! Removing in bounded steps what a staged commit left behind and nobody can see.

use super::owner::{Owner, Tenure};
use super::settle::Leaves;
use crate::error::StoreError;
use crate::layout::{CommitNo, DbId, Head, PageKey, Unswept, all_pages};
use crate::page::PageNo;

/// How many keys one step looks at, and at most removes.
const STEP_KEYS_MAX: usize = 4096;

impl Owner {
    /// Removes what the head says is left, if anything, and says so in the head.
    ///
    /// No commit happens before: it would reuse the number of the pages that are left, and a
    /// commit that replaces a page removes the one version of it that it knows.
    pub(super) fn sweep(&self, tenure: &mut Tenure) -> Result<(), StoreError> {
        let head = tenure.stored.head.clone();
        match head.unswept {
            Unswept::Nothing => return Ok(()),
            Unswept::Staging(db) if db != head.db => self.remove_image(tenure, db)?,
            Unswept::Staging(_) | Unswept::Garbage => self.remove_invisible(tenure, &head)?,
        }
        self.advance(
            tenure,
            Head {
                unswept: Unswept::Nothing,
                ..head
            },
        )
    }

    /// Removes an image that was never published.
    fn remove_image(&self, tenure: &mut Tenure, db: DbId) -> Result<(), StoreError> {
        let mut batch = self.slot.batch_on(Some(&tenure.stored));
        let all = all_pages(db);
        batch.delete_range(all.start, all.end);
        let outcome = self.slot.settle(&batch, Some(&tenure.stored), Leaves::Same);
        self.accept(tenure, None, outcome)
    }

    /// Removes all versions that the head does not show.
    fn remove_invisible(&self, tenure: &mut Tenure, head: &Head) -> Result<(), StoreError> {
        let limits = self.slot.engine().limits();
        let step = STEP_KEYS_MAX
            .min(limits.batch_ops_max.saturating_sub(1))
            .max(1);
        let mut range = all_pages(head.db);
        let mut judge = Judge {
            commit: head.commit,
            shown: None,
        };
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
            let keys = keys.iter().filter_map(|key| PageKey::parse(head.db, key));
            keys.filter(|key| judge.condemns(key))
                .for_each(|key| batch.delete(key.to_vec()));
            if !batch.ops().is_empty() {
                let outcome = self.slot.settle(&batch, Some(&tenure.stored), Leaves::Same);
                self.accept(tenure, None, outcome)?;
            }
        }
    }
}

/// Tells, key by key in their order, which versions nobody can see at `commit`.
struct Judge {
    commit: CommitNo,
    /// The page whose visible version has gone by.
    shown: Option<PageNo>,
}

impl Judge {
    fn condemns(&mut self, key: &PageKey) -> bool {
        if key.commit() > self.commit || self.shown == Some(key.page()) {
            return true;
        }
        self.shown = Some(key.page());
        false
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_swept_is_exactly_what_no_reader_of_the_commit_would_find(
            versions in prop::collection::btree_set((1u32..5, 1u64..8), 0..24), commit in 1u64..8,
        ) {
            let db = DbId::new([3; 16]);
            let key = |&(page, commit): &(u32, u64)| {
                PageKey::new(db, PageNo::new(page).unwrap(), CommitNo::new(commit))
            };
            let keys: BTreeSet<_> = versions.iter().map(key).collect();
            let mut judge = Judge { commit: CommitNo::new(commit), shown: None };
            let kept: Vec<_> = keys.iter().filter(|key| !judge.condemns(key)).copied().collect();
            let newest = |page: u32| {
                versions.iter().rfind(|(p, c)| *p == page && *c <= commit).map(key)
            };
            prop_assert_eq!(kept, (1..5).filter_map(newest).collect::<Vec<_>>());
        }
    }
}
