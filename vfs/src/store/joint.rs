//! A commit of several actors of one store: all their heads move by one batch, or none does.

use std::ptr;
use std::sync::Arc;

use super::image::Change;
use super::owner::Owner;
use super::settle::{Outcome, settle};
use super::slot::{Slot, StoredHead};
use super::txn::Staged;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Batch;

/// Who publishes behind an image, and hence which others may commit together with it.
#[derive(Debug, Clone)]
pub(crate) struct Stake {
    owner: Arc<Owner>,
}

impl Stake {
    pub(super) fn new(owner: &Arc<Owner>) -> Self {
        let owner = Arc::clone(owner);
        Self { owner }
    }

    pub(crate) fn actor(&self) -> &ActorId {
        &self.owner.slot.actor
    }

    /// Whether one batch reaches both.
    pub(crate) fn shares_store_with(&self, other: &Self) -> bool {
        ptr::addr_eq(self.owner.slot.engine(), other.owner.slot.engine())
    }

    /// The order in which owners are locked, whoever locks them.
    fn rank(&self) -> (&ActorId, *const Owner) {
        (self.actor(), Arc::as_ptr(&self.owner))
    }
}

/// What one of the actors adds to a joint commit.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) stake: Stake,
    pub(crate) change: Change,
}

/// A staged part, with its number.
type Party<'s> = (usize, Staged<'s, 's>);

/// Errors of some of the parts, which the others share. Never empty.
struct Blame(Vec<(usize, StoreError)>);

impl Blame {
    fn on(part: usize) -> impl FnOnce(StoreError) -> Self {
        move |error| Self(vec![(part, error)])
    }
}

/// Makes all the changes visible and durable together, or none of any.
///
/// The parts share a store, and each has an owner of its own. If they are refused, each part gets
/// an error, in the order given: its own, or [`StoreError::Together`] if another is the cause.
/// Those go on as if nothing had been tried.
pub(crate) fn publish(parts: &[Part]) -> Result<(), Vec<StoreError>> {
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|&part| parts[part].stake.rank());
    attempt(parts, &order).map_err(|blame| tell(parts, blame))
}

fn tell(parts: &[Part], Blame(own): Blame) -> Vec<StoreError> {
    let cause = Arc::new(own[0].1.clone());
    let actors = parts.iter().map(|part| part.stake.actor());
    let mut errors: Vec<_> = actors
        .map(|actor| StoreError::Together {
            actor: actor.clone(),
            cause: Arc::clone(&cause),
        })
        .collect();
    for (part, error) in own {
        errors[part] = error;
    }
    errors
}

/// Prepares the parts in that order, stages what one batch does not take, and commits.
fn attempt(parts: &[Part], order: &[usize]) -> Result<(), Blame> {
    let owner = |part: usize| &parts[part].stake.owner;
    for pair in order.windows(2) {
        if Arc::ptr_eq(owner(pair[0]), owner(pair[1])) {
            let bug = owner(pair[0]).slot.bug("one owner twice in one commit");
            return Err(Blame::on(pair[0])(bug));
        }
    }
    let mut txns = Vec::new();
    for &part in order {
        let prepared = owner(part).prepare(&parts[part].change);
        if let Some(txn) = prepared.map_err(Blame::on(part))? {
            txns.push((part, txn));
        }
    }
    let parties = txns.len();
    let mut staged = Vec::new();
    for (part, txn) in txns {
        staged.push((part, txn.stage(parties).map_err(Blame::on(part))?));
    }
    commit(staged)
}

/// The commit: one batch.
fn commit(staged: Vec<Party<'_>>) -> Result<(), Blame> {
    let mut batch = Batch::new();
    for (_, it) in &staged {
        batch.append(&it.batch);
    }
    let moves: Vec<_> = staged.iter().map(|(_, it)| it.head_move()).collect();
    if moves.is_empty() {
        return Ok(());
    }
    let outcome = settle(&batch, &moves);
    drop(moves);
    let own = match outcome {
        Ok(Outcome::Landed) => {
            // What may fail now is only what the next commit makes up for.
            for (_, it) in staged {
                _ = it.conclude(Ok(Outcome::Landed));
            }
            return Ok(());
        }
        Ok(Outcome::Lost(now)) => lost(staged, now),
        Err(error) => failed(staged, &error),
    };
    Err(Blame(own))
}

/// Ends the tenures of those whose heads are others now. The others go on.
fn lost(staged: Vec<Party<'_>>, now: Vec<Option<StoredHead>>) -> Vec<(usize, StoreError)> {
    let pairs = || staged.iter().zip(&now);
    // If none has moved, the engine has lied, and all hear of the bug.
    let has_lied = pairs().all(|((_, it), now)| it.holds(now.as_ref()));
    let moved: Vec<_> = pairs()
        .map(|((_, it), now)| has_lied || !it.holds(now.as_ref()))
        .collect();
    let outcomes = now.into_iter().map(|now| Ok(Outcome::Lost(now)));
    conclude(staged.into_iter().zip(outcomes).zip(moved))
}

/// Tells each part that nobody knows, or blames the one whose head cannot be read, or the first.
fn failed(staged: Vec<Party<'_>>, error: &StoreError) -> Vec<(usize, StoreError)> {
    let is_unreadable = |slot: &Slot| matches!(slot.load(), Err(error) if error.ends_tenure());
    let is_blamed = |(_, it): &Party<'_>| match error {
        StoreError::OutcomeUnknown { .. } => true,
        error => error.ends_tenure() && is_unreadable(it.slot()),
    };
    let mut blamed: Vec<_> = staged.iter().map(is_blamed).collect();
    if !blamed.contains(&true) {
        blamed[0] = true;
    }
    let own = |(_, it): &Party<'_>| Err(error.retold(&it.slot().actor));
    let outcomes: Vec<_> = staged.iter().map(own).collect();
    conclude(staged.into_iter().zip(outcomes).zip(blamed))
}

/// Tells those that are to blame what became of the batch, and gives what each then says.
fn conclude<'s>(
    all: impl Iterator<Item = ((Party<'s>, Result<Outcome, StoreError>), bool)>,
) -> Vec<(usize, StoreError)> {
    let blamed = all.filter(|(_, blamed)| *blamed);
    let errors = blamed.map(|(((part, it), outcome), _)| (part, it.conclude(outcome)));
    errors
        .filter_map(|(part, error)| Some((part, error.err()?)))
        .collect()
}
