//! Writing damaged pages anew, where it is proved what they were.

use std::fmt;
use std::sync::Arc;

use super::scene::{Fix, Scene};
use super::{Damage, Scrub};
use crate::actor_id::ActorId;
use crate::engines::ForkEngine;
use crate::error::StoreError;
use crate::kv::{Batch, Engine, Snapshot};
use crate::layout::{CommitNo, Head};
use crate::page::PageNo;
use crate::store::settle::{Leaves, Outcome};
use crate::store::slot::{Slot, StoredHead};
use crate::store::{Point, Shared, Store};

/// What became of the damage of an actor, or would.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// What a scrub saw before.
    pub before: Scrub,
    /// What one sees with the repair: all that is still damaged.
    pub after: Scrub,
    /// The pages that were mended.
    pub mended: Vec<Mended>,
    /// The newest state beside the last one that is whole with the repair, if damage is left.
    pub whole: Option<Point>,
}

/// A page that is again what it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mended {
    /// Whose.
    pub actor: ActorId,
    /// Which.
    pub page: PageNo,
    /// The commit of which its record is.
    pub commit: CommitNo,
    /// Whether a damaged record was replaced; otherwise there was none.
    pub replaces: bool,
    /// Where its content was found.
    pub found: Found,
}

/// Where the content of a damaged page was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Found {
    /// In the damaged record: one of its bits was another.
    FlippedBit,
    /// In the damaged record, whose damage lies beside the content.
    Inside,
    /// In a record that stands in the place of another.
    Misplaced,
    /// In the version of the page that this commit wrote.
    Version(CommitNo),
    /// In a former image of the actor, in the version that this commit wrote.
    FormerImage(CommitNo),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FlippedBit => f.write_str("one bit of its record was flipped"),
            Self::Inside => f.write_str("its record still held it"),
            Self::Misplaced => f.write_str("its record stood in the place of another"),
            Self::Version(commit) => write!(f, "commit {commit} had written the same"),
            Self::FormerImage(commit) => {
                write!(f, "commit {commit} had written the same to a former image")
            }
        }
    }
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            actor,
            page,
            commit,
            found,
            ..
        } = self;
        write!(f, "page {page} of `{actor}` at commit {commit}: {found}")
    }
}

impl Store {
    /// What [`repair`](Self::repair) would do: nothing, where that would be refused as too large.
    /// This writes nothing.
    pub fn propose_repair(&self, actor: &ActorId) -> Result<Repair, StoreError> {
        match Trial::of(&self.shared, actor) {
            Ok((repair, _)) => Ok(repair),
            Err(StoreError::TooLarge { .. }) => {
                let seen = self.scrub_actor(actor)?;
                Ok(Repair {
                    before: seen.clone(),
                    after: seen,
                    ..Repair::default()
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Mends the damaged pages of an actor of which it is proved what they were, and reports what
    /// it replaced and what stays damaged.
    ///
    /// A page is mended if its content is found somewhere in the store, and the rolling checksum
    /// of a state that shows it says so: with that content, and with no other that was found, all
    /// pages of the state add up to what its commit noted. Before anything is written a scrub of
    /// the actor as it would be must see less damage, and none that it did not see before;
    /// otherwise nothing is. A repair that does not fit into one batch of the engine is refused (S117).
    ///
    /// It is one batch, which requires the head and every damaged record to be as they were seen,
    /// and takes the next epoch: an owner that has the actor open is fenced, and if another comes
    /// in between nothing happens (S104). A second repair finds nothing left to do.
    pub fn repair(&self, actor: &ActorId) -> Result<Repair, StoreError> {
        let (repair, trial) = Trial::of(&self.shared, actor)?;
        if let Some(trial) = trial {
            trial.write(&Slot::new(&self.shared, actor))?;
        }
        Ok(repair)
    }
}

/// A repair that was tried on a fork of the store.
pub(in crate::store) struct Trial {
    found: StoredHead,
    next: StoredHead,
    batch: Batch,
}

impl Trial {
    /// What a repair leaves, and the repair itself unless there is nothing to write.
    pub(in crate::store) fn of(
        shared: &Arc<Shared>,
        actor: &ActorId,
    ) -> Result<(Repair, Option<Self>), StoreError> {
        let slot = Slot::new(shared, actor);
        let snapshot: Arc<dyn Snapshot> = Arc::from(slot.engine().snapshot()?);
        let fork = Arc::new(ForkEngine::new(
            Arc::clone(&snapshot),
            slot.engine().limits(),
        ));
        let forked = shared.on(Arc::clone(&fork) as Arc<dyn Engine>);
        let before = forked.scrub_actor(actor)?;
        let untouched = |whole| Repair {
            before: before.clone(),
            after: before.clone(),
            mended: Vec::new(),
            whole,
        };
        let has_head = !before
            .damage
            .iter()
            .any(|damage| matches!(damage, Damage::Head { .. }));
        if before.is_clean() || !has_head {
            return Ok((untouched(None), None));
        }
        let found = slot.load_from(&*snapshot)?.ok_or_else(|| slot.missing())?;
        let mut scene = Scene::of(shared, &*snapshot, actor, &found.head)?;
        let unmended = scene.newest_whole();
        let fixes = scene.mend()?;
        if fixes.is_empty() {
            return Ok((untouched(unmended), None));
        }
        let trial = Self::new(&slot, found.clone(), &fixes)?;
        match fork.commit(&trial.batch) {
            Ok(()) => {}
            Err(error) => return Err(slot.refused(error)),
        }
        let after = forked.scrub_actor(actor)?;
        if !is_better(&before, &after) {
            return Ok((untouched(unmended), None));
        }
        let whole = if after.is_clean() {
            None
        } else {
            scene.newest_whole()
        };
        let mended = fixes.iter().map(|fix| fix.mended(actor)).collect();
        let repair = Repair {
            before,
            after,
            mended,
            whole,
        };
        Ok((repair, Some(trial)))
    }

    fn new(slot: &Slot, found: StoredHead, fixes: &[Fix]) -> Result<Self, StoreError> {
        let next = slot.stamp(Head {
            epoch: found.head.epoch.next(),
            ..found.head.clone()
        })?;
        let mut batch = slot.batch_on(Some(&found));
        batch.put(slot.key.clone(), next.record.clone());
        for fix in fixes {
            batch.require(fix.key.to_vec(), fix.former.clone());
            batch.put(fix.key.to_vec(), fix.record.clone());
        }
        Ok(Self { found, next, batch })
    }

    pub(in crate::store) fn write(&self, slot: &Slot) -> Result<(), StoreError> {
        let leaves = Leaves::Other(&self.next);
        match slot.settle(&self.batch, Some(&self.found), leaves)? {
            Outcome::Landed => Ok(()),
            // The head is as required, so a page is not: its owner has swept it.
            Outcome::Lost(Some(now)) if now == self.found => Err(slot.contended()),
            Outcome::Lost(now) => Err(slot.lost(Some(&self.found), now.as_ref())),
        }
    }
}

/// Whether there is less damage, and none that was not there.
fn is_better(before: &Scrub, after: &Scrub) -> bool {
    after.damage.len() < before.damage.len()
        && after
            .damage
            .iter()
            .all(|damage| before.damage.contains(damage))
}
