//! Letting go of commits that are kept no longer, a few at a time.

use super::records;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Snapshot;
use crate::layout::{
    Commit, CommitNo, Head, KeyRange, PageKey, Retention, State, Superseded, Unswept, all_of_image,
    commit_key, commits_of, commits_up_to,
};
use crate::store::owner::{Owner, Tenure};
use crate::store::settle::Leaves;

/// How many commits go by between two looks at what is kept no longer. So that much more than
/// was asked for is kept, and most commits need no look.
pub(in crate::store) const COLLECT_EVERY: u64 = 16;
/// How many commits one look lets go at most: a backlog shrinks, and no look takes long.
const COLLECT_MAX: usize = 64;
/// How many versions one look removes at most, unless the first commit alone has more.
const VERSIONS_MAX: usize = 1024;

/// What is kept no longer.
#[derive(Debug, PartialEq, Eq)]
struct Expired {
    /// The oldest commit that is kept.
    floor: CommitNo,
    versions: Vec<PageKey>,
    images: Vec<KeyRange>,
    /// Whether there is more, which only a look at all keys finds.
    garbage: bool,
}

impl Owner {
    /// Lets go of the oldest commits that the retention keeps no longer, in one batch.
    pub(in crate::store) fn collect(
        &self,
        tenure: &mut Tenure,
        retention: Retention,
    ) -> Result<(), StoreError> {
        let head = tenure.stored.head.clone();
        let has_past = retention != Retention::Off && head.floor < head.commit;
        if !has_past || !head.commit.get().is_multiple_of(COLLECT_EVERY) {
            return Ok(());
        }
        let actor = &self.slot.actor;
        let snapshot = self.slot.engine().snapshot()?;
        let commits = oldest(&*snapshot, actor, &head)?;
        let points = records::points(&*snapshot, actor)?;
        let expired = Expired::of(&head, &commits, &points, retention);
        if expired.floor == head.floor {
            return Ok(());
        }
        let mut batch = self.slot.batch_on(Some(&tenure.stored));
        expired
            .versions
            .iter()
            .for_each(|key| batch.delete(key.to_vec()));
        for range in expired
            .images
            .into_iter()
            .chain([records_before(actor, &head, expired.floor)])
        {
            batch.delete_range(range.start, range.end);
        }
        let unswept = if expired.garbage {
            Unswept::Garbage
        } else {
            head.unswept
        };
        let next = self.slot.stamp(Head {
            floor: expired.floor,
            unswept,
            ..head
        })?;
        batch.put(self.slot.key.clone(), next.record.clone());
        let outcome = self
            .slot
            .settle(&batch, Some(&tenure.stored), Leaves::Other(&next));
        self.accept(tenure, Some(next), outcome)
    }
}

/// The records that go when `floor` is the oldest commit. A head that keeps none but its own
/// commit has no records.
fn records_before(actor: &ActorId, head: &Head, floor: CommitNo) -> KeyRange {
    if floor < head.commit {
        commits_up_to(actor, floor)
    } else {
        commits_of(actor)
    }
}

/// The oldest commits that are kept, and one more: as many as one look takes.
fn oldest(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    head: &Head,
) -> Result<Vec<Commit>, StoreError> {
    let range = commit_key(actor, head.floor)..commits_of(actor).end;
    let mut oldest = Vec::new();
    records::each_commit(snapshot, actor, range, |_, found| {
        oldest.push(found?);
        Ok(oldest.len() <= COLLECT_MAX)
    })?;
    Ok(oldest)
}

impl Expired {
    fn of(
        head: &Head,
        commits: &[Commit],
        points: &[(String, State)],
        retention: Retention,
    ) -> Self {
        let mut expired = Self {
            floor: head.floor,
            versions: Vec::new(),
            images: Vec::new(),
            garbage: false,
        };
        let pairs = commits.iter().zip(commits.iter().skip(1));
        for (this, next) in pairs {
            let follows =
                this.state.commit == expired.floor && next.state.commit == expired.floor.next();
            let is_full = expired.versions.len() >= VERSIONS_MAX;
            if !follows || is_full || is_kept(this.state.commit, &next.state, head, retention) {
                break;
            }
            expired.take(this, next, points);
            expired.floor = next.state.commit;
        }
        expired
    }

    /// Removes what `this` commit shows and the `next` does not, unless a restore point does.
    fn take(&mut self, this: &Commit, next: &Commit, points: &[(String, State)]) {
        let db = this.state.db;
        let mut pins = points
            .iter()
            .map(|(_, state)| state)
            .filter(|pin| pin.db == db);
        match &next.superseded {
            Superseded::Listed(entries) => {
                let pins: Vec<_> = pins.filter(|pin| pin.commit < next.state.commit).collect();
                let unseen = entries.iter().filter(|(page, version)| {
                    !pins
                        .iter()
                        .any(|pin| pin.commit >= *version && pin.pages.contains(*page))
                });
                let keys = unseen.map(|(page, version)| PageKey::new(db, *page, *version));
                self.versions.extend(keys);
            }
            Superseded::Unlisted if next.state.db == db || pins.next().is_some() => {
                self.garbage = true;
            }
            Superseded::Unlisted => self.images.extend(all_of_image(db)),
        }
    }
}

/// Whether a commit is still kept, given what followed it.
fn is_kept(commit: CommitNo, next: &State, head: &Head, retention: Retention) -> bool {
    match retention {
        Retention::Off => false,
        Retention::Commits(commits) => commit.get().saturating_add(commits) >= head.commit.get(),
        Retention::Age(age) => {
            let age = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            next.time.get().saturating_add(age) >= head.time.get()
        }
    }
}
