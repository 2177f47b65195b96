//! Which versions of pages are kept: those that a state somebody may still ask for shows.

use std::collections::HashMap;

use crate::layout::{CommitNo, DbId, Head, PageKey, State};
use crate::page::{PageCount, PageNo};

/// The states of one image that must stay readable.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Kept {
    runs: Vec<Run>,
}

/// Commits one after another that have as many pages each.
#[derive(Debug, Clone, Copy)]
struct Run {
    first: CommitNo,
    last: CommitNo,
    pages: PageCount,
}

impl Kept {
    /// Keeps what `commit` shows, which has so many pages.
    pub(in crate::store) fn add(&mut self, commit: CommitNo, pages: PageCount) {
        match self.runs.last_mut() {
            Some(run) if run.pages == pages && run.last.next() == commit => run.last = commit,
            _ => self.runs.push(Run {
                first: commit,
                last: commit,
                pages,
            }),
        }
    }

    /// Keeps all that any commit up to this one may show.
    pub(in crate::store) fn add_all_up_to(&mut self, commit: CommitNo) {
        self.runs.push(Run {
            first: CommitNo::default(),
            last: commit,
            pages: PageCount::new(u32::MAX),
        });
    }

    /// Whether nothing of the image is kept.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Whether a kept state from `first` to before `end` has the page.
    fn shows(&self, page: PageNo, first: CommitNo, end: Option<CommitNo>) -> bool {
        self.runs.iter().any(|run| {
            run.last >= first && end.is_none_or(|end| run.first < end) && run.pages.contains(page)
        })
    }
}

/// Tells, key by key in their order, which versions no kept state shows.
pub(in crate::store) struct Judge<'k> {
    kept: &'k Kept,
    /// The version that went by last.
    newer: Option<PageKey>,
}

impl<'k> Judge<'k> {
    pub(in crate::store) fn new(kept: &'k Kept) -> Self {
        Self { kept, newer: None }
    }

    /// A version is seen from the commit that wrote it to before the one that wrote the next.
    pub(in crate::store) fn condemns(&mut self, key: &PageKey) -> bool {
        let newer = self.newer.replace(*key);
        let same_page = newer.filter(|newer| newer.page() == key.page());
        let end = same_page.map(|newer| newer.commit());
        !self.kept.shows(key.page(), key.commit(), end)
    }
}

/// The images of an actor, and what is kept of each.
#[derive(Debug, Default)]
pub(in crate::store) struct Images(HashMap<DbId, Kept>);

impl Images {
    /// Only what the head shows.
    pub(in crate::store) fn of_head(head: &Head) -> Self {
        let mut images = Self::default();
        images.keep(&head.state());
        images
    }

    /// All that there may be but what no commit has shown yet.
    pub(in crate::store) fn all_but_staged(head: &Head) -> Self {
        let mut images = Self::default();
        images.named(head.db).add_all_up_to(head.commit);
        images
    }

    /// Keeps a state.
    pub(in crate::store) fn keep(&mut self, state: &State) {
        self.named(state.db).add(state.commit, state.pages);
    }

    /// What is kept of an image, which is the actor's.
    pub(in crate::store) fn named(&mut self, db: DbId) -> &mut Kept {
        self.0.entry(db).or_default()
    }

    pub(in crate::store) fn of(&self, db: DbId) -> Option<&Kept> {
        self.0.get(&db)
    }

    pub(in crate::store) fn iter(&self) -> impl Iterator<Item = (DbId, &Kept)> {
        self.0.iter().map(|(db, kept)| (*db, kept))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_swept_is_exactly_what_no_kept_state_would_find(
            versions in prop::collection::btree_set((1u32..5, 1u64..9), 0..24),
            states in prop::collection::btree_map(1u64..9, 0u32..5, 0..5),
        ) {
            let db = DbId::new([3; 16]);
            let key = |&(page, commit): &(u32, u64)| {
                PageKey::new(db, PageNo::new(page).unwrap(), CommitNo::new(commit))
            };
            let mut kept = Kept::default();
            for (&commit, &pages) in &states {
                kept.add(CommitNo::new(commit), PageCount::new(pages));
            }
            let mut judge = Judge::new(&kept);
            let keys: BTreeSet<_> = versions.iter().map(key).collect();
            let left: BTreeSet<_> =
                keys.iter().filter(|key| !judge.condemns(key)).copied().collect();
            let shown = |(&commit, &pages): (&u64, &u32)| {
                let newest = |page: u32| {
                    versions.iter().rfind(|(p, c)| *p == page && *c <= commit).map(key)
                };
                (1..=pages).filter_map(newest).collect::<Vec<_>>()
            };
            prop_assert_eq!(left, states.iter().flat_map(shown).collect::<BTreeSet<_>>());
        }
    }
}
