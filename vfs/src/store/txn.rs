//! A commit in two words: stage what must be durable before, publish what makes it visible.

use std::sync::{Arc, MutexGuard};

use super::history::{Aftermath, Terms};
use super::image::Geometry;
use super::owner::{Owner, Tenure};
use super::pages::Stored;
use super::plan::Plan;
use super::random;
use super::settle::{Leaves, Move, Outcome};
use super::slot::{Slot, StoredHead};
use super::staging::Staging;
use crate::error::StoreError;
use crate::kv::Batch;
use crate::layout::{Head, Moment, Retention, Unswept};

/// A planned commit. Nothing is written yet.
#[must_use]
pub(super) struct Txn<'o, 'c> {
    owner: &'o Owner,
    tenure: MutexGuard<'o, Tenure>,
    plan: Plan<'c>,
    retention: Retention,
    /// The head before anything of the commit was announced.
    before: Head,
    /// When the commit happens.
    time: Moment,
    /// How many commits share the batch that publishes.
    parties: usize,
}

/// A commit of which everything is durable but the batch that makes it visible.
#[must_use]
pub(super) struct Staged<'o, 'c> {
    txn: Txn<'o, 'c>,
    pub(super) batch: Batch,
    /// The head that the batch puts in the place of the one we hold.
    next: StoredHead,
}

impl<'o, 'c> Txn<'o, 'c> {
    pub(super) fn new(
        owner: &'o Owner,
        tenure: MutexGuard<'o, Tenure>,
        plan: Plan<'c>,
        retention: Retention,
    ) -> Self {
        Self {
            owner,
            before: tenure.stored.head.clone(),
            time: owner.slot.shared.now(),
            tenure,
            plan,
            retention,
            parties: 1,
        }
    }

    /// What the commit does with what it supersedes.
    fn aftermath(&self, spilled: bool) -> Aftermath {
        let terms = Terms {
            retention: self.retention,
            limits: self.owner.slot.engine().limits().among(self.parties),
            spilled,
        };
        let after = Head {
            time: self.time,
            ..self.plan.head.clone()
        };
        let (actor, before) = (&self.owner.slot.actor, &self.before);
        Aftermath::new(actor, before, &after, self.plan.former(), terms)
    }

    /// Makes durable what does not fit into the one batch that publishes. Most commits fit, if
    /// they need not share it with those of other `parties`.
    pub(super) fn stage(mut self, parties: usize) -> Result<Staged<'o, 'c>, StoreError> {
        self.parties = parties;
        let held = self.tenure.stored.clone();
        let unswept = Unswept::Staging(self.plan.head.db);
        let announcement = Head {
            unswept,
            ..held.head.clone()
        };
        let mut staging = Staging::new(&self.owner.slot, Some(held), announcement).among(parties);
        let filled = self.fill(&mut staging);
        if let Some(guard) = staging.guard() {
            self.tenure.stored = guard.clone();
        }
        let aftermath = self.owner.watch(&mut self.tenure, filled)?;
        self.close(staging, aftermath)
    }

    /// Collects the pages, and what goes with them as long as nothing has gone ahead.
    fn fill(&self, staging: &mut Staging<'_>) -> Result<Aftermath, StoreError> {
        for write in &self.plan.writes {
            staging.push(self.plan.encode(write, random::nonce)?)?;
        }
        if !staging.has_spilled() {
            let aftermath = self.aftermath(false);
            let (bytes, ops) = aftermath.size();
            staging.make_room(bytes, ops)?;
            if !staging.has_spilled() {
                return Ok(aftermath);
            }
        }
        staging.make_room(0, 0)?;
        Ok(self.aftermath(true))
    }

    /// Completes the batch that publishes. A staged commit leaves what it supersedes to be swept.
    fn close(
        self,
        mut staging: Staging<'_>,
        aftermath: Aftermath,
    ) -> Result<Staged<'o, 'c>, StoreError> {
        let slot = &self.owner.slot;
        let next = slot.stamp_commit(aftermath.head.clone())?;
        let mut batch = staging.drain();
        batch.put(slot.key.clone(), next.record.clone());
        aftermath.apply(&mut batch);
        if let Some(fresh) = &self.plan.fresh {
            fresh.seal(&mut batch);
        }
        Ok(Staged {
            txn: self,
            batch,
            next,
        })
    }
}

impl Staged<'_, '_> {
    /// The commit: one batch, visible and durable, or nothing. There is no other but that of
    /// several actors together, which is made of such batches.
    pub(super) fn publish(self) -> Result<Geometry, StoreError> {
        let slot = &self.txn.owner.slot;
        let held = &self.txn.tenure.stored;
        let outcome = slot.settle(&self.batch, Some(held), Leaves::Other(&self.next));
        self.conclude(outcome)
    }

    /// Takes in what became of the batch.
    pub(super) fn conclude(
        self,
        outcome: Result<Outcome, StoreError>,
    ) -> Result<Geometry, StoreError> {
        let Txn {
            owner,
            mut tenure,
            plan,
            retention,
            ..
        } = self.txn;
        owner.accept(&mut tenure, Some(self.next), outcome)?;
        remember(&mut tenure, &plan);
        tenure.codec = Arc::clone(&plan.codec);
        // The commit stands, so what cannot be removed now waits for the next one.
        let collected = owner.collect(&mut tenure, retention);
        if let Err(error) = collected.and_then(|()| owner.sweep(&mut tenure)) {
            tracing::warn!(actor = %owner.slot.actor, %error, "superseded pages stay for now");
        }
        Ok(tenure.stored.head.geometry())
    }

    pub(super) fn slot(&self) -> &Slot {
        &self.txn.owner.slot
    }

    /// Which head the batch requires, and what it leaves there.
    pub(super) fn head_move(&self) -> Move<'_> {
        Move {
            slot: self.slot(),
            before: Some(&self.txn.tenure.stored),
            leaves: Leaves::Other(&self.next),
        }
    }

    /// Whether the head is still the one that the batch requires.
    pub(super) fn holds(&self, now: Option<&StoredHead>) -> bool {
        now == Some(&self.txn.tenure.stored)
    }
}

/// Notes what the plan has stored, so that the next commit needs no look-up.
fn remember(tenure: &mut Tenure, plan: &Plan<'_>) {
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
        let landed = outcome.and_then(|outcome| match outcome {
            Outcome::Landed => Ok(()),
            Outcome::Lost(now) => Err(self.slot.lost(Some(&tenure.stored), now.as_ref())),
        });
        if landed.is_ok()
            && let Some(next) = next
        {
            tenure.stored = next;
        }
        self.watch(tenure, landed)
    }

    /// Ends the tenure on an error after which we own the actor no longer, or cannot know.
    pub(super) fn watch<T>(
        &self,
        tenure: &mut Tenure,
        result: Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if let Err(error) = &result
            && error.ends_tenure()
        {
            tenure.end = Some(error.clone());
        }
        result
    }
}
