//! The place of one actor's head in the engine: read it, or replace it and be sure of the outcome.

use std::sync::Arc;

use super::{Shared, random};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::{Batch, Engine, Snapshot};
use crate::layout::{Head, Token, Undecodable, aside_key, head_key};

/// Where an actor's head is stored.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) shared: Arc<Shared>,
    pub(super) actor: ActorId,
    pub(super) key: Vec<u8>,
    is_aside: bool,
}

/// A head and its exact bytes, which a batch requires to be sure that nobody came between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredHead {
    pub(super) head: Head,
    pub(super) record: Vec<u8>,
}

impl StoredHead {
    /// Whether this head shows that `written` was stored: it is that head, or a later one that
    /// another owner wrote without a commit of its own.
    pub(super) fn carries(&self, written: &Self) -> bool {
        let (found, written) = (&self.head, &written.head);
        let was_commit = written.committed == written.token;
        found.token == written.token || (was_commit && found.committed == written.committed)
    }
}

impl Slot {
    /// The place of the actor's head.
    pub(super) fn new(shared: &Arc<Shared>, actor: &ActorId) -> Self {
        let (shared, actor) = (Arc::clone(shared), actor.clone());
        Self {
            shared,
            key: head_key(&actor),
            actor,
            is_aside: false,
        }
    }

    /// The place of a head that guards pages which are staged beside the actor.
    pub(super) fn aside(shared: &Arc<Shared>, actor: &ActorId) -> Self {
        let (shared, actor) = (Arc::clone(shared), actor.clone());
        Self {
            shared,
            key: aside_key(&actor),
            actor,
            is_aside: true,
        }
    }

    pub(super) fn engine(&self) -> &dyn Engine {
        &*self.shared.engine
    }

    /// The head as it is now.
    pub(super) fn load(&self) -> Result<Option<StoredHead>, StoreError> {
        self.load_from(&*self.engine().snapshot()?)
    }

    /// The head in a snapshot.
    pub(super) fn load_from(
        &self,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<StoredHead>, StoreError> {
        let record = snapshot.get(&self.key)?;
        record.map(|record| self.stored(record)).transpose()
    }

    pub(super) fn stored(&self, record: Vec<u8>) -> Result<StoredHead, StoreError> {
        let head = decode_head(&self.actor, &self.key, &record)?;
        Ok(StoredHead { head, record })
    }

    /// `head` with a fresh token, as it will be stored.
    pub(super) fn stamp(&self, head: Head) -> Result<StoredHead, StoreError> {
        let head = Head {
            token: Token::new(random::bytes()?),
            ..head
        };
        Ok(StoredHead {
            record: head.encode(&self.key),
            head,
        })
    }

    /// `head` with the fresh token of a commit.
    pub(super) fn stamp_commit(&self, head: Head) -> Result<StoredHead, StoreError> {
        let token = Token::new(random::bytes()?);
        let head = Head {
            token,
            committed: token,
            ..head
        };
        Ok(StoredHead {
            record: head.encode(&self.key),
            head,
        })
    }

    pub(super) fn missing(&self) -> StoreError {
        StoreError::ActorMissing {
            actor: self.actor.clone(),
        }
    }

    pub(super) fn contended(&self) -> StoreError {
        StoreError::Contended {
            actor: self.actor.clone(),
        }
    }

    /// Why a batch on the head `ours` was refused, now that the head is `now`.
    pub(super) fn lost(&self, ours: Option<&StoredHead>, now: Option<&StoredHead>) -> StoreError {
        let actor = self.actor.clone();
        match (ours, now) {
            _ if self.is_aside => StoreError::Overtaken { actor },
            (_, None) => StoreError::Deleted { actor },
            (None, Some(_)) => StoreError::ActorExists { actor },
            (Some(ours), Some(now)) if ours == now => {
                self.bug("the engine reports a conflict on a head that is as required")
            }
            (Some(ours), Some(now)) => StoreError::Fenced {
                actor,
                held: ours.head.epoch,
                current: now.head.epoch,
            },
        }
    }

    /// Refuses `wanted` bytes of pages beyond the limit, unless there are as many already: an
    /// actor over a limit that was set later may still shrink.
    pub(super) fn check_quota(&self, wanted: u64, present: u64) -> Result<(), StoreError> {
        match self.shared.options.actor_bytes_max {
            Some(allowed) if wanted > allowed.max(present) => Err(StoreError::Quota {
                actor: self.actor.clone(),
                wanted,
                allowed,
            }),
            _ => Ok(()),
        }
    }

    /// A batch that only lands on the head `before`.
    pub(super) fn batch_on(&self, before: Option<&StoredHead>) -> Batch {
        let mut batch = Batch::new();
        batch.require(self.key.clone(), before.map(|before| before.record.clone()));
        batch
    }

    pub(super) fn bug(&self, what: &'static str) -> StoreError {
        StoreError::Bug {
            actor: self.actor.clone(),
            what,
        }
    }
}

/// The head that `record` holds for `actor`.
pub(super) fn decode_head(actor: &ActorId, key: &[u8], record: &[u8]) -> Result<Head, StoreError> {
    let damaged = |damage| StoreError::HeadDamaged {
        actor: actor.clone(),
        damage,
    };
    let head = Head::decode(key, record).map_err(|error| match error {
        Undecodable::Newer { found } => StoreError::newer("head record", found),
        Undecodable::Damaged(damage) => damaged(damage),
    })?;
    // There is no number after the last one. A commit that took it twice would remove, as
    // superseded, the very pages that it writes.
    if head.commit == head.commit.next() || head.epoch == head.epoch.next() {
        return Err(damaged("it has counted to the end of its numbers"));
    }
    Ok(head)
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("actor", &self.actor).finish()
    }
}
