//! Committing a batch and being sure of the outcome, even when the engine is not.

use std::time::{Duration, Instant};

use super::slot::{Slot, StoredHead};
use crate::error::StoreError;
use crate::kv::{Batch, CommitError, EngineError};

/// What became of a batch that requires the head to be as we knew it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is committed.
    Landed,
    /// It is not, and never will be: the head is another one now, or none.
    Lost(Option<StoredHead>),
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

const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(250);
/// Even without any patience, a doubt deserves a second look.
const TRIES_MIN: u32 = 3;

impl Slot {
    /// Commits `batch`, which requires the head to be `before`.
    ///
    /// When the engine does not know the outcome, the head tells: if the token of the head that
    /// the batch leaves is there, it landed; if `before` is still there, the same batch is safe to
    /// send again, since it lands at most once; anything else means that it can never land.
    ///
    /// A batch that requires that there be no head is sent only once: heads never come back, but
    /// their absence does, and a second copy that is late would raise the dead.
    ///
    /// Unless the error is one that [ends the tenure](StoreError::ends_tenure), nothing changed.
    pub(super) fn settle(
        &self,
        batch: &Batch,
        before: Option<&StoredHead>,
        leaves: Leaves<'_>,
    ) -> Result<Outcome, StoreError> {
        let mut patience = Patience::new(self.shared.options.settle_for);
        let mut doubt: Option<EngineError> = None;
        loop {
            let mut refused = false;
            if doubt.is_none() || before.is_some() {
                match self.engine().commit(batch) {
                    Ok(()) => return Ok(Outcome::Landed),
                    Err(CommitError::Conflict { .. }) => refused = true,
                    Err(CommitError::Unknown { source }) => doubt = Some(source),
                    Err(_) if doubt.is_some() => {}
                    Err(error) => return Err(self.refused(error)),
                }
            }
            match (self.load(), &doubt) {
                (Ok(now), _) if refused || now.as_ref() != before => {
                    return self.judge(now, leaves, doubt);
                }
                (Ok(_), _) | (Err(StoreError::Engine(_)), Some(_)) => {}
                (Err(error), _) => return Err(error),
            }
            if !patience.pause() {
                return Err(self.unsettled(doubt));
            }
        }
    }

    /// What became of a batch that `leaves` one head, now that there is another.
    fn judge(
        &self,
        now: Option<StoredHead>,
        leaves: Leaves<'_>,
        doubt: Option<EngineError>,
    ) -> Result<Outcome, StoreError> {
        match (&now, leaves) {
            (None, Leaves::None) => Ok(Outcome::Landed),
            (Some(now), Leaves::Other(ours)) if now.carries(ours) => Ok(Outcome::Landed),
            // Others have committed: on top of ours, or instead of it.
            (Some(now), Leaves::Other(ours))
                if doubt.is_some() && now.head.commit > ours.head.commit =>
            {
                Err(self.unsettled(doubt))
            }
            _ => Ok(Outcome::Lost(now)),
        }
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
