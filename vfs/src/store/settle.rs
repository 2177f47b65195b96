//! Committing a batch and being sure of the outcome, even when the engine is not.

use std::time::{Duration, Instant};

use super::slot::{Slot, StoredHead};
use crate::error::StoreError;
use crate::kv::{Batch, CommitError, EngineError};

/// What became of a batch that requires heads to be as we knew them.
#[derive(Debug)]
pub(super) enum Outcome<Heads = Option<StoredHead>> {
    /// It is committed.
    Landed,
    /// It is not, and never will be: a head is another one now, or gone.
    Lost(Heads),
}

/// What a batch leaves in the place of the head that it requires.
#[derive(Debug, Clone, Copy)]
pub(super) enum Leaves<'h> {
    /// The same head: sending the batch twice does what sending it once does.
    Same,
    /// Another head, with a token of its own.
    Other(&'h StoredHead),
    /// No head.
    None,
}

/// A head that a batch requires, and what the batch leaves in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move<'h> {
    pub(super) slot: &'h Slot,
    pub(super) before: Option<&'h StoredHead>,
    pub(super) leaves: Leaves<'h>,
}

const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// Even without any patience, a doubt deserves a second look.
const TRIES_MIN: u32 = 3;

/// Commits `batch`, which requires the heads to be as they are `before` each of `moves`: at least
/// one, all of one engine.
///
/// When the engine does not know the outcome, the heads tell. They move together, so what one of
/// them tells holds for all: if the token of a head that the batch leaves is there, it landed; if
/// they are all as before, the same batch is safe to send again, since it lands at most once;
/// anything else means that it can never land.
///
/// A batch that requires that there be no head is sent only once: heads never come back, but
/// their absence does, and a second copy that is late would raise the dead.
///
/// Unless the error is one that [ends the tenure](StoreError::ends_tenure), nothing changed.
pub(super) fn settle(
    batch: &Batch,
    moves: &[Move<'_>],
) -> Result<Outcome<Vec<Option<StoredHead>>>, StoreError> {
    let slot = moves[0].slot;
    let may_resend = moves.iter().all(|it| it.before.is_some());
    let mut patience = Patience::new(slot.shared.options.settle_for);
    let mut doubt: Option<EngineError> = None;
    loop {
        let mut refused = false;
        if doubt.is_none() || may_resend {
            match slot.engine().commit(batch) {
                Ok(()) => return Ok(Outcome::Landed),
                Err(CommitError::Conflict { .. }) => refused = true,
                Err(CommitError::Unknown { source }) => doubt = Some(source),
                Err(_) if doubt.is_some() => {}
                Err(error) => return Err(slot.refused(error)),
            }
        }
        match (load(moves), &doubt) {
            (Ok(now), _) if refused || have_moved(moves, &now) => {
                return judge(moves, now, doubt);
            }
            (Ok(_), _) | (Err(StoreError::Engine(_)), Some(_)) => {}
            // One head that cannot be read tells nothing of the others.
            (Err(_), Some(_)) if moves.len() > 1 => {}
            (Err(error), _) => return Err(error),
        }
        if !patience.pause() {
            return Err(slot.unsettled(doubt));
        }
    }
}

/// The heads as they are now, all of one moment.
fn load(moves: &[Move<'_>]) -> Result<Vec<Option<StoredHead>>, StoreError> {
    let snapshot = moves[0].slot.engine().snapshot()?;
    let heads = moves.iter().map(|it| it.slot.load_from(&*snapshot));
    heads.collect()
}

fn have_moved(moves: &[Move<'_>], now: &[Option<StoredHead>]) -> bool {
    let mut pairs = moves.iter().zip(now);
    pairs.any(|(it, now)| now.as_ref() != it.before)
}

/// What became of a batch, now that heads which it requires are others.
fn judge(
    moves: &[Move<'_>],
    now: Vec<Option<StoredHead>>,
    doubt: Option<EngineError>,
) -> Result<Outcome<Vec<Option<StoredHead>>>, StoreError> {
    let in_doubt = doubt.is_some();
    let pairs = moves.iter().zip(&now);
    let told: Vec<_> = pairs
        .filter_map(|(it, now)| it.tells(now.as_ref(), in_doubt))
        .collect();
    if told.contains(&true) {
        Ok(Outcome::Landed)
    } else if told.is_empty() {
        Err(moves[0].slot.unsettled(doubt))
    } else {
        Ok(Outcome::Lost(now))
    }
}

impl Move<'_> {
    /// Whether the head shows that the batch landed, or that it did not. `None`: others have
    /// committed, on top of ours or instead of it.
    fn tells(&self, now: Option<&StoredHead>, in_doubt: bool) -> Option<bool> {
        match (now, self.leaves) {
            (None, Leaves::None) => Some(true),
            (Some(now), Leaves::Other(ours)) if now.carries(ours) => Some(true),
            (Some(now), Leaves::Other(ours)) if in_doubt && now.head.commit > ours.head.commit => {
                None
            }
            _ => Some(false),
        }
    }
}

impl Slot {
    /// [`settle`] for a batch that requires this head alone to be `before`.
    pub(super) fn settle(
        &self,
        batch: &Batch,
        before: Option<&StoredHead>,
        leaves: Leaves<'_>,
    ) -> Result<Outcome, StoreError> {
        let slot = self;
        let moves = [Move {
            slot,
            before,
            leaves,
        }];
        Ok(match settle(batch, &moves)? {
            Outcome::Landed => Outcome::Landed,
            Outcome::Lost(mut now) => Outcome::Lost(now.pop().flatten()),
        })
    }

    fn unsettled(&self, doubt: Option<EngineError>) -> StoreError {
        match doubt {
            Some(source) => StoreError::OutcomeUnknown {
                actor: self.actor.clone(),
                source,
            },
            None => self.bug("a commit in doubt without a reason to doubt"),
        }
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

    /// The story of a batch that the engine certainly did not commit.
    pub(super) fn refused(&self, error: CommitError) -> StoreError {
        let actor = self.actor.clone();
        match error {
            CommitError::TooLarge(source) => StoreError::TooLarge { actor, source },
            CommitError::Full { source } => StoreError::EngineFull { actor, source },
            CommitError::Engine(source) => StoreError::Engine(source),
            CommitError::Unknown { source } => StoreError::OutcomeUnknown { actor, source },
            CommitError::Conflict { .. } => self.bug("a conflict is no refusal"),
        }
    }
}

/// Pauses that double, within a deadline.
pub(super) struct Patience {
    deadline: Instant,
    pause: Duration,
    tries: u32,
}

impl Patience {
    pub(super) fn new(total: Duration) -> Self {
        Self {
            deadline: Instant::now() + total,
            // Without patience there is no waiting either: the looks follow each other.
            pause: PAUSE_MIN.min(total),
            tries: 0,
        }
    }

    /// Waits, unless the patience is at its end.
    pub(super) fn pause(&mut self) -> bool {
        self.tries += 1;
        if self.tries >= TRIES_MIN && Instant::now() + self.pause > self.deadline {
            return false;
        }
        std::thread::sleep(self.pause);
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        true
    }
}
