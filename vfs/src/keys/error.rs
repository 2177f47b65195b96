//! Every way in which keys can stand between the store and an actor.

use std::error::Error;
use std::sync::Arc;

use super::KeyId;
use crate::actor_id::ActorId;

/// Why an actor cannot be opened, or written anew, with the keys at hand. Nothing changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// S143.
    #[error("`{actor}` is encrypted under the key `{key}`, and the store was opened without keys")]
    Needed {
        /// Whose.
        actor: ActorId,
        /// Which key it takes.
        key: KeyId,
    },

    /// S144.
    #[error("`{actor}` is encrypted under the key `{key}`, which is not among the keys at hand")]
    Missing {
        /// Whose.
        actor: ActorId,
        /// Which key it takes.
        key: KeyId,
    },

    /// S145.
    #[error("the key at hand as `{key}` does not open `{actor}`")]
    Wrong {
        /// Whose.
        actor: ActorId,
        /// Which key it takes.
        key: KeyId,
    },

    /// S146.
    #[error("the key record of `{actor}` cannot be read: {damage}")]
    RecordDamaged {
        /// Whose.
        actor: ActorId,
        /// What is wrong with it.
        damage: &'static str,
    },

    /// S147.
    #[error("the keys of `{actor}` cannot be reached")]
    Unreachable {
        /// Whose.
        actor: ActorId,
        /// What the key ring says.
        source: Arc<dyn Error + Send + Sync>,
    },

    /// S148.
    #[error("`{actor}` is not encrypted, and the store's options refuse that")]
    NotEncrypted {
        /// Whose.
        actor: ActorId,
    },

    /// S149.
    #[error("`{actor}` cannot be encrypted: the store was opened without keys")]
    NoneGiven {
        /// Whose.
        actor: ActorId,
    },
}

impl KeyError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Needed { .. } => "S143",
            Self::Missing { .. } => "S144",
            Self::Wrong { .. } => "S145",
            Self::RecordDamaged { .. } => "S146",
            Self::Unreachable { .. } => "S147",
            Self::NotEncrypted { .. } => "S148",
            Self::NoneGiven { .. } => "S149",
        }
    }

    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Needed { .. } => {
                "open the store with the key file, or the key ring, it was made with"
            }
            Self::Missing { .. } => {
                "give that key as well; if it was destroyed, so was the actor, and it can be deleted"
            }
            Self::Wrong { .. } => {
                "give the right key under that name; if it is right, restore the store from a backup"
            }
            Self::RecordDamaged { .. } => {
                "restore the actor from an export or a backup of the store: its key is lost"
            }
            Self::NoneGiven { .. } => "open the store with a key file or a key ring",
            Self::Unreachable { .. } => {
                "see the cause; the actor is as it was, so trying again is safe"
            }
            Self::NotEncrypted { .. } => {
                "if it is yours, encrypt it under options that allow plaintext; if not, delete it"
            }
        }
    }
}
