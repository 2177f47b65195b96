//! The key ring that makes the key of every actor from one master key.

use std::error::Error;
use std::io::ErrorKind;
use std::path::Path;

use super::{Key, KeyId, KeyRing, file};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::transfer::failed;

/// Keys that are derived from a master key, an own one for each actor.
///
/// One secret to keep for a whole store, and the key of one actor can be handed out without those
/// of others. Whoever has the master key has all: an actor is destroyed by deleting it, not by
/// deleting its key: for that there is [`KeyFolder`](super::KeyFolder).
#[derive(Debug, Clone)]
pub struct DerivedKeys {
    current: (KeyId, Key),
    former: Vec<(KeyId, Key)>,
}

impl DerivedKeys {
    /// The keys that follow from `master`, under [its own name](Key::id).
    #[must_use]
    pub fn new(master: Key) -> Self {
        Self {
            current: (master.id(), master),
            former: Vec::new(),
        }
    }

    /// The keys that follow from those of a [key file](super::create): its first key is current,
    /// the others are former ones.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let found = file::read(path)?.unwrap_or_default();
        let mut keys = found.into_iter();
        let current = keys
            .next()
            .ok_or_else(|| failed("reading", path)(ErrorKind::NotFound.into()))?;
        Ok(keys.fold(Self::new(current), Self::and_former))
    }

    /// Also opens what was encrypted under an earlier master key. What is written anew, or
    /// [rewrapped](crate::Store::rewrap), is under the current one.
    #[must_use]
    pub fn and_former(mut self, master: Key) -> Self {
        self.former.push((master.id(), master));
        self
    }
}

impl KeyRing for DerivedKeys {
    fn current(&self, _actor: &ActorId) -> Result<KeyId, Box<dyn Error + Send + Sync>> {
        Ok(self.current.0.clone())
    }

    fn key(
        &self,
        actor: &ActorId,
        id: &KeyId,
    ) -> Result<Option<Key>, Box<dyn Error + Send + Sync>> {
        let mut masters = [&self.current].into_iter().chain(&self.former);
        let master = masters.find(|(name, _)| name == id);
        let actor = actor.as_str().as_bytes();
        Ok(master.map(|(_, master)| master.derive("actor-vfs 1 actor", actor)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_actor_has_a_key_of_its_own_under_every_master_key() {
        let (new, old) = (Key::new([1; 32]), Key::new([2; 32]));
        let ring = DerivedKeys::new(new.clone()).and_former(old.clone());
        let (one, two) = (ActorId::new("one").unwrap(), ActorId::new("two").unwrap());
        assert_eq!(ring.current(&one).unwrap(), new.id());
        let key = |actor, id: &KeyId| *ring.key(actor, id).unwrap().unwrap().bytes();
        let keys = [
            key(&one, &new.id()),
            key(&two, &new.id()),
            key(&one, &old.id()),
            key(&two, &old.id()),
            [1; 32],
            [2; 32],
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key));
        }
        let unknown = Key::new([3; 32]).id();
        assert!(ring.key(&one, &unknown).unwrap().is_none());
    }
}
