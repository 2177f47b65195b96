//! A commit in two words: stage what must be durable before, publish what makes it visible.

use std::sync::MutexGuard;

use super::image::Geometry;
use super::owner::{Owner, Tenure};
use super::pages::Stored;
use super::plan::Plan;
use super::settle::{Leaves, Outcome};
use super::slot::{Slot, StoredHead};
use crate::error::StoreError;
use crate::kv::{Batch, Entry, Limits};
use crate::layout::{DbId, Head, Unswept};

/// A planned commit. Nothing is written yet.
#[must_use]
pub(super) struct Txn<'o, 'c> {
    owner: &'o Owner,
    tenure: MutexGuard<'o, Tenure>,
    plan: Plan<'c>,
}

/// A commit of which everything is durable but the batch that makes it visible.
#[must_use]
pub(super) struct Staged<'o, 'c> {
    owner: &'o Owner,
    tenure: MutexGuard<'o, Tenure>,
    plan: Plan<'c>,
    /// The head that the batch puts in the place of the one we hold.
    next: StoredHead,
    batch: Batch,
}

impl<'o, 'c> Txn<'o, 'c> {
    pub(super) fn new(owner: &'o Owner, tenure: MutexGuard<'o, Tenure>, plan: Plan<'c>) -> Self {
        Self {
            owner,
            tenure,
            plan,
        }
    }

    /// Makes durable what does not fit into the one batch that publishes. Most commits fit.
    pub(super) fn stage(mut self) -> Result<Staged<'o, 'c>, StoreError> {
        let mut chunk = Chunk::new(self.owner.slot.engine().limits());
        for at in 0..self.plan.writes.len() {
            let entry = self.plan.encode(&self.plan.writes[at]);
            if !chunk.fits(entry.0.len() + entry.1.len(), 1) {
                self.spill(&mut chunk)?;
            }
            chunk.push(entry);
        }
        let superseded = &self.plan.superseded;
        let deletes = superseded.iter().map(|key| key.as_bytes().len()).sum();
        if !self.has_spilled() && !chunk.fits(deletes, superseded.len()) {
            self.spill(&mut chunk)?;
        }
        self.close(chunk)
    }

    /// Whether some of the pages are durable already, where nobody can see them.
    fn has_spilled(&self) -> bool {
        matches!(self.tenure.stored.head.unswept, Unswept::Staging(_))
    }

    /// Makes a chunk of pages durable under the number of the commit to come.
    fn spill(&mut self, chunk: &mut Chunk) -> Result<(), StoreError> {
        if !self.has_spilled() {
            self.owner.mark(&mut self.tenure, self.plan.head.db)?;
        }
        let ours = &self.tenure.stored;
        let mut batch = self.owner.slot.batch_on(Some(ours));
        chunk
            .drain()
            .for_each(|(key, record)| batch.put(key, record));
        let outcome = self.owner.slot.settle(&batch, Some(ours), Leaves::Same);
        self.owner.accept(&mut self.tenure, None, outcome)
    }

    /// Puts the rest into the batch that publishes.
    fn close(self, mut chunk: Chunk) -> Result<Staged<'o, 'c>, StoreError> {
        let slot = &self.owner.slot;
        let keeps_garbage = self.has_spilled() && !self.plan.superseded.is_empty();
        let unswept = if keeps_garbage {
            Unswept::Garbage
        } else {
            Unswept::Nothing
        };
        let next = slot.stamp_commit(Head {
            unswept,
            ..self.plan.head.clone()
        })?;
        let mut batch = slot.batch_on(Some(&self.tenure.stored));
        batch.put(slot.key.clone(), next.record.clone());
        chunk
            .drain()
            .for_each(|(key, record)| batch.put(key, record));
        if !keeps_garbage {
            self.plan
                .superseded
                .iter()
                .for_each(|key| batch.delete(key.to_vec()));
        }
        if let Some(cut) = self.plan.cut.clone() {
            batch.delete_range(cut.start, cut.end);
        }
        let Self {
            owner,
            tenure,
            plan,
        } = self;
        Ok(Staged {
            owner,
            tenure,
            plan,
            next,
            batch,
        })
    }
}

impl Staged<'_, '_> {
    /// The commit: one batch, visible and durable, or nothing. There is no other.
    pub(super) fn publish(mut self) -> Result<Geometry, StoreError> {
        let outcome = self.owner.slot.settle(
            &self.batch,
            Some(&self.tenure.stored),
            Leaves::Other(&self.next),
        );
        self.owner
            .accept(&mut self.tenure, Some(self.next), outcome)?;
        remember(&mut self.tenure, &self.plan);
        // The commit stands, so what cannot be swept now waits for the next one.
        if let Err(error) = self.owner.sweep(&mut self.tenure) {
            tracing::warn!(actor = %self.owner.slot.actor, %error, "superseded pages stay for now");
        }
        Ok(self.tenure.stored.head.geometry())
    }
}

/// Notes what the plan has stored, so that the next commit needs no look-up.
fn remember(tenure: &mut Tenure, plan: &Plan<'_>) {
    if plan.replaces_all {
        tenure.pages.clear();
    }
    if let Some(beyond) = plan.head.pages.beyond() {
        tenure.pages.split_off(&beyond);
    }
    let version = plan.head.commit;
    let stored = |checksum| Stored { version, checksum };
    tenure.pages.extend(
        plan.writes
            .iter()
            .map(|write| (write.page, stored(write.checksum))),
    );
}

impl Owner {
    /// Announces in the head that pages of the next commit are on their way, under `db`. Whoever
    /// takes over will find the announcement and sweep; and the batches of an owner that lost its
    /// actor meanwhile require a head that is no more.
    fn mark(&self, tenure: &mut Tenure, db: DbId) -> Result<(), StoreError> {
        let unswept = Unswept::Staging(db);
        let head = Head {
            unswept,
            ..tenure.stored.head.clone()
        };
        self.advance(tenure, head)
    }

    /// Puts `head` in the place of the one that we hold, and does nothing else.
    pub(super) fn advance(&self, tenure: &mut Tenure, head: Head) -> Result<(), StoreError> {
        let next = self.slot.stamp(head)?;
        let outcome = self.slot.replace(Some(&tenure.stored), &next);
        self.accept(tenure, Some(next), outcome)
    }

    /// Takes in what became of a batch that put `next`, if given, in the place of our head.
    pub(super) fn accept(
        &self,
        tenure: &mut Tenure,
        next: Option<StoredHead>,
        outcome: Result<Outcome, StoreError>,
    ) -> Result<(), StoreError> {
        let error = match outcome {
            Ok(Outcome::Landed) => {
                tenure.stored = next.unwrap_or_else(|| tenure.stored.clone());
                return Ok(());
            }
            Ok(Outcome::Lost(now)) => self
                .slot
                .lost(&tenure.stored.head, now.as_ref().map(|now| &now.head)),
            Err(error) => error,
        };
        if error.ends_tenure() {
            tenure.end = Some(error.clone());
        }
        Err(error)
    }
}

impl Slot {
    /// A batch that only lands on the head `before`.
    pub(super) fn batch_on(&self, before: Option<&StoredHead>) -> Batch {
        let mut batch = Batch::new();
        batch.require(self.key.clone(), before.map(|before| before.record.clone()));
        batch
    }

    /// Puts `after` in the place of `before`, and does nothing else.
    pub(super) fn replace(
        &self,
        before: Option<&StoredHead>,
        after: &StoredHead,
    ) -> Result<Outcome, StoreError> {
        let mut batch = self.batch_on(before);
        batch.put(self.key.clone(), after.record.clone());
        self.settle(&batch, before, Leaves::Other(after))
    }
}

/// Page records that wait for a batch, with room left for what goes with them.
struct Chunk {
    limits: Limits,
    entries: Vec<Entry>,
    bytes: usize,
}

/// What a batch holds besides pages: the head twice under its key, and the range of a cut.
const ASIDE_BYTES: usize = 2 * (1024 + 128) + 128;
const ASIDE_OPS: usize = 3;

impl Chunk {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: Vec::new(),
            bytes: ASIDE_BYTES,
        }
    }

    /// Whether so much may be added. An empty chunk takes anything: what is too large for a
    /// batch of its own, the engine refuses.
    fn fits(&self, bytes: usize, ops: usize) -> bool {
        self.entries.is_empty()
            || (self.bytes + bytes <= self.limits.batch_bytes_max
                && self.entries.len() + ops + ASIDE_OPS <= self.limits.batch_ops_max)
    }

    fn push(&mut self, entry: Entry) {
        self.bytes += entry.0.len() + entry.1.len();
        self.entries.push(entry);
    }

    fn drain(&mut self) -> impl Iterator<Item = Entry> {
        self.bytes = ASIDE_BYTES;
        self.entries.drain(..)
    }
}
