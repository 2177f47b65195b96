//! What a commit does with what it supersedes: facts in, a decision out, no I/O.

use crate::actor_id::ActorId;
use crate::kv::{Batch, Entry, Limits};
use crate::layout::{
    Commit, CommitNo, Head, KeyRange, PageKey, Retention, State, Superseded, Unswept, all_of_image,
    commit_key,
};

/// What a commit takes away from the state before it.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) enum Former<'p> {
    /// Versions of pages.
    Pages {
        /// Those that it replaces.
        superseded: &'p [PageKey],
        /// Those of the pages that are no more.
        gone: &'p [PageKey],
        /// The range of the pages that are no more.
        cut: Option<&'p KeyRange>,
    },
    /// All pages: the commit wrote an image of its own.
    Image,
}

/// On which terms a commit happens.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Terms {
    pub(in crate::store) retention: Retention,
    pub(in crate::store) limits: Limits,
    /// Whether some of its pages went ahead, so that the last batch should stay small.
    pub(in crate::store) spilled: bool,
}

/// What goes into the batch of a commit beside its pages.
#[derive(Debug)]
pub(in crate::store) struct Aftermath {
    /// The head that the commit leaves, but for its tokens.
    pub(in crate::store) head: Head,
    /// Records of commits.
    pub(in crate::store) records: Vec<Entry>,
    /// Versions that nobody can see any longer.
    pub(in crate::store) deletes: Vec<PageKey>,
    /// Ranges of such.
    pub(in crate::store) ranges: Vec<KeyRange>,
}

/// The most bytes and operations of a batch that go to versions which nobody sees: a quarter.
const SHARE: usize = 4;

impl Aftermath {
    /// What the commit that turns `before` into `after` does with the past.
    pub(in crate::store) fn new(
        actor: &ActorId,
        before: &Head,
        after: &Head,
        former: Former<'_>,
        terms: Terms,
    ) -> Self {
        let image_stays = before.db == after.db;
        let head = Head {
            floor: before.floor,
            pinned: if image_stays {
                before.pinned
            } else {
                CommitNo::default()
            },
            unswept: match before.unswept {
                Unswept::Garbage => Unswept::Garbage,
                _ => Unswept::Nothing,
            },
            ..after.clone()
        };
        let mut aftermath = Self::none(head);
        if terms.retention == Retention::Off {
            aftermath.forget(before, former, terms);
        } else {
            aftermath.record(actor, before, former, terms);
        }
        aftermath
    }

    /// That of a commit before which there was nothing.
    pub(in crate::store) fn none(head: Head) -> Self {
        Self {
            head,
            records: Vec::new(),
            deletes: Vec::new(),
            ranges: Vec::new(),
        }
    }

    /// Keeps everything, and notes what is superseded.
    fn record(&mut self, actor: &ActorId, before: &Head, former: Former<'_>, terms: Terms) {
        if before.floor == before.commit {
            let nothing = Superseded::Listed(Vec::new());
            self.note(actor, before.state(), nothing);
        }
        let most = terms
            .limits
            .value_bytes_max
            .min(terms.limits.batch_bytes_max / SHARE);
        let superseded = match former {
            Former::Pages {
                superseded, gone, ..
            } if !terms.spilled
                && superseded.len() + gone.len() <= Superseded::listed_max(most) =>
            {
                let all = superseded.iter().chain(gone);
                Superseded::Listed(all.map(|key| (key.page(), key.commit())).collect())
            }
            _ => Superseded::Unlisted,
        };
        self.note(actor, self.head.state(), superseded);
    }

    fn note(&mut self, actor: &ActorId, state: State, superseded: Superseded) {
        let key = commit_key(actor, state.commit);
        let record = Commit { state, superseded }.encode(&key);
        self.records.push((key, record));
    }

    /// Removes what no restore point sees; if that is much, leaves it to be swept.
    fn forget(&mut self, before: &Head, former: Former<'_>, terms: Terms) {
        self.head.floor = self.head.commit;
        if before.floor < before.commit {
            self.head.unswept = Unswept::Garbage;
            return;
        }
        let is_pinned = before.pinned > CommitNo::default();
        match former {
            Former::Image if is_pinned => self.head.unswept = Unswept::Garbage,
            Former::Image => {
                let [pages, key] = all_of_image(before.db);
                self.ranges.push(pages);
                self.ranges.extend(before.encrypted.then_some(key));
            }
            Former::Pages {
                superseded, cut, ..
            } if !is_pinned => {
                self.delete(superseded.to_vec(), terms.spilled);
                self.ranges.extend(cut.cloned());
            }
            Former::Pages {
                superseded, gone, ..
            } => {
                // What the head shows now, the newest restore point shows too unless it is newer.
                let unpinned = superseded.iter().chain(gone).copied();
                let unpinned: Vec<_> = unpinned
                    .filter(|key| key.commit() > before.pinned)
                    .collect();
                let bytes: usize = unpinned.iter().map(|key| key.as_bytes().len()).sum();
                let are_many = bytes > terms.limits.batch_bytes_max / SHARE
                    || unpinned.len() > terms.limits.batch_ops_max / SHARE;
                self.delete(unpinned, terms.spilled || are_many);
            }
        }
    }

    fn delete(&mut self, keys: Vec<PageKey>, later: bool) {
        if !later {
            self.deletes = keys;
        } else if !keys.is_empty() {
            self.head.unswept = Unswept::Garbage;
        }
    }

    /// How many bytes and operations all that takes in a batch.
    pub(in crate::store) fn size(&self) -> (usize, usize) {
        let deletes = self.deletes.iter().map(|key| key.as_bytes().len());
        let records = self
            .records
            .iter()
            .map(|(key, record)| key.len() + record.len());
        let ranges = self
            .ranges
            .iter()
            .map(|range| range.start.len() + range.end.len());
        let ops = self.deletes.len() + self.records.len() + self.ranges.len();
        (deletes.chain(records).chain(ranges).sum(), ops)
    }

    /// Adds all that to a batch, but for the head.
    pub(in crate::store) fn apply(self, batch: &mut Batch) {
        self.deletes
            .iter()
            .for_each(|key| batch.delete(key.to_vec()));
        self.ranges
            .into_iter()
            .for_each(|range| batch.delete_range(range.start, range.end));
        self.records
            .into_iter()
            .for_each(|(key, record)| batch.put(key, record));
    }
}
