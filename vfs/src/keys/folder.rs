//! The key ring that is a folder with a key file for each actor.

use std::error::Error;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{Key, KeyId, KeyRing, file};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::transfer::failed;

/// A folder that holds a key for each actor, in a [file](super::create) of its own.
///
/// The key of an actor is made when the actor is created, and [destroying](KeyFolder::destroy) it
/// destroys the actor: in the store, in the free pages of its file, and in all backups that do not
/// hold the folder too. So keep the folder away from the store, and back it up apart.
#[derive(Debug, Clone)]
pub struct KeyFolder {
    path: PathBuf,
}

impl KeyFolder {
    /// The keys in the folder at `path`, which must exist by the time one is needed.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where the key of an actor is, or would be: in a file that is named by the SHA-256 of the
    /// actor's id, since not every id can be the name of a file.
    #[must_use]
    pub fn path_of(&self, actor: &ActorId) -> PathBuf {
        let hash = Sha256::digest(actor.as_str().as_bytes());
        let name: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        self.path.join(format!("{name}.key"))
    }

    /// Destroys the key of an actor, and by that the actor. Tells whether there was one.
    ///
    /// A process that has the actor open goes on until it closes it. What the file system keeps
    /// of a removed file is the file system's matter.
    pub fn destroy(&self, actor: &ActorId) -> Result<bool, StoreError> {
        let path = self.path_of(actor);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            removed => removed.map_err(failed("removing", &path))?,
        }
        sync(&self.path)?;
        Ok(true)
    }

    fn keys(&self, actor: &ActorId) -> Result<Option<Vec<Key>>, StoreError> {
        file::read(&self.path_of(actor))
    }

    fn make(&self, actor: &ActorId) -> Result<(), StoreError> {
        // An id has no line breaks, so it cannot end its comment.
        let comment =
            format!("# The key of the actor `{actor}`: to remove it destroys the actor.\n");
        let made = file::write(&self.path_of(actor), &Key::generate()?, &comment);
        match made {
            // Somebody was faster; that key is as good.
            Err(StoreError::FileExists { .. }) => Ok(()),
            made => made,
        }
    }
}

/// Makes the removal of a file durable.
fn sync(folder: &Path) -> Result<(), StoreError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("removing a key from", folder))
}

impl KeyRing for KeyFolder {
    fn current(&self, actor: &ActorId) -> Result<KeyId, Box<dyn Error + Send + Sync>> {
        if self.keys(actor)?.is_none() {
            self.make(actor)?;
        }
        let keys = self.keys(actor)?.unwrap_or_default();
        let current = keys
            .first()
            .ok_or("the key was removed as soon as it was made")?;
        Ok(current.id())
    }

    fn key(
        &self,
        actor: &ActorId,
        id: &KeyId,
    ) -> Result<Option<Key>, Box<dyn Error + Send + Sync>> {
        let keys = self.keys(actor)?.unwrap_or_default();
        Ok(keys.into_iter().find(|key| key.id() == *id))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engines::MemoryEngine;
    use crate::store::StoreOptions;

    #[test]
    fn every_actor_gets_a_key_of_its_own_and_is_gone_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path());
        let options = StoreOptions {
            keys: Some(Arc::new(keys.clone())),
            ..StoreOptions::default()
        };
        let store = options.with_engine(Arc::new(MemoryEngine::new())).unwrap();
        let (one, two) = (ActorId::new("one/ü").unwrap(), ActorId::new("two").unwrap());
        store.create(&one).unwrap();
        store.create(&two).unwrap();
        assert_ne!(store.key_of(&one).unwrap(), store.key_of(&two).unwrap());
        assert!(!file::is_exposed(keys.path_of(&one)));
        store.open(&one).unwrap();
        assert!(keys.destroy(&one).unwrap());
        assert!(!keys.destroy(&one).unwrap());
        assert_eq!(store.open(&one).unwrap_err().code(), "S144");
        assert_eq!(store.rewrap(&one).unwrap_err().code(), "S144");
        assert!(!keys.path_of(&one).exists(), "asking for a key makes none");
        store.open(&two).unwrap();
        store.delete(&one).unwrap();
        store.create(&one).unwrap();
        store.open(&one).unwrap();
    }

    #[test]
    fn a_key_file_that_cannot_be_read_is_no_lost_key() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path());
        let actor = ActorId::new("a").unwrap();
        let name = keys.current(&actor).unwrap();
        fs::write(keys.path_of(&actor), "half a k").unwrap();
        assert!(keys.key(&actor, &name).is_err());
        assert!(keys.current(&actor).is_err());
    }
}
