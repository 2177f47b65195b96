//! The place of one actor's head in the engine: read it, or replace it and be sure of the outcome.

use std::sync::Arc;

use super::{Shared, random};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::{Engine, Snapshot};
use crate::layout::{Head, Token, Undecodable, head_key};

/// Where an actor's head is stored.
#[derive(Clone)]
pub(super) struct Slot {
    pub(super) shared: Arc<Shared>,
    pub(super) actor: ActorId,
    pub(super) key: Vec<u8>,
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
    pub(super) fn new(shared: &Arc<Shared>, actor: &ActorId) -> Self {
        Self {
            shared: Arc::clone(shared),
            actor: actor.clone(),
            key: head_key(actor),
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
        let Some(record) = snapshot.get(&self.key)? else {
            return Ok(None);
        };
        let head = decode_head(&self.actor, &self.key, &record)?;
        Ok(Some(StoredHead { head, record }))
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

    /// Why an owner that held `ours` has lost its actor to what is there now.
    pub(super) fn lost(&self, ours: &Head, now: Option<&Head>) -> StoreError {
        let actor = self.actor.clone();
        match now {
            Some(head) => StoreError::Fenced {
                actor,
                held: ours.epoch,
                current: head.epoch,
            },
            None => StoreError::Deleted { actor },
        }
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
    Head::decode(key, record).map_err(|error| match error {
        Undecodable::Newer { found } => StoreError::newer("head record", found),
        Undecodable::Damaged(damage) => StoreError::HeadDamaged {
            actor: actor.clone(),
            damage,
        },
    })
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("actor", &self.actor).finish()
    }
}
