//! Keys that encrypt actors at rest.
//!
//! The pages of an actor are encrypted with a random key of their own. The store keeps that key
//! beside them, encrypted ("wrapped") with a key that it asks the host for and never stores: that
//! is what a [`KeyRing`] is. `FORMAT.md` draws the bytes and says against whom they are safe.

mod derived;
mod error;
mod file;
mod folder;
mod key;

use std::error::Error;
use std::fmt;

pub use derived::DerivedKeys;
pub use error::KeyError;
pub use file::{create, is_exposed, open};
pub use folder::KeyFolder;
pub(crate) use key::KEY_BYTES;
pub use key::{Key, KeyId, KeyIdError};

use crate::actor_id::ActorId;

/// Where the store gets the keys that wrap those of the actors.
///
/// It is asked when an actor is opened, created or written anew, never at a commit, and may take
/// its time: a client of a key service fits behind it. An error is one of reaching the keys; that
/// there is no such key is an answer.
pub trait KeyRing: Send + Sync + fmt::Debug {
    /// The name of the key that wraps from now on what is encrypted for `actor`.
    fn current(&self, actor: &ActorId) -> Result<KeyId, Box<dyn Error + Send + Sync>>;

    /// The key of that name for `actor`, if there is one still.
    fn key(&self, actor: &ActorId, id: &KeyId)
    -> Result<Option<Key>, Box<dyn Error + Send + Sync>>;
}
