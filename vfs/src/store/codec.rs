//! From a head to the codec of its pages: which key opens them, and where that key is.

use std::sync::Arc;

use super::history::retention_in;
use super::options::Plaintext;
use super::slot::{Slot, StoredHead};
use super::{Shared, random};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::keys::{Key, KeyError, KeyRing};
use crate::kv::{Batch, Snapshot};
use crate::layout::{
    DbId, Head, KeyPlace, PageCodec, RETENTION_KEY, Retention, Undecodable, WrappedKey,
    key_record_key,
};

/// An image that is about to be written: its name, how its pages are written, and its key record,
/// which belongs into the batch that makes it visible.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) db: DbId,
    pub(super) codec: Arc<PageCodec>,
    key_record: Option<Vec<u8>>,
}

impl Fresh {
    /// Adds to the batch that makes the image visible what goes with its pages.
    pub(super) fn seal(&self, batch: &mut Batch) {
        if let Some(record) = self.key_record.clone() {
            batch.put(key_record_key(self.db), record);
        }
    }
}

impl Shared {
    /// A name for a new image of the actor, and a key if the store has keys.
    pub(super) fn draw_image(&self, actor: &ActorId) -> Result<Fresh, StoreError> {
        let db = DbId::new(random::bytes()?);
        let Some(ring) = &self.options.keys else {
            let codec = Arc::new(PageCodec::plain(self.options.compression));
            let key_record = None;
            return Ok(Fresh {
                db,
                codec,
                key_record,
            });
        };
        let data = Key::generate()?;
        let wrapped = wrap(&**ring, KeyPlace { actor, db }, &data)?;
        Ok(Fresh {
            db,
            codec: self.encrypted(&data),
            key_record: Some(wrapped.encode(db)),
        })
    }

    /// How the pages of that head are written. `snapshot` is the one that shows the head.
    pub(super) fn codec(
        &self,
        snapshot: &dyn Snapshot,
        actor: &ActorId,
        head: &Head,
    ) -> Result<Arc<PageCodec>, StoreError> {
        if head.encrypted {
            let wrapped = wrapped_key(snapshot, actor, head.db)?;
            let data = self.unwrap(KeyPlace { actor, db: head.db }, &wrapped)?;
            return Ok(self.encrypted(&data));
        }
        match self.options.plaintext {
            Plaintext::Allow => Ok(Arc::new(PageCodec::plain(self.options.compression))),
            Plaintext::Refuse => Err(KeyError::NotEncrypted {
                actor: actor.clone(),
            }
            .into()),
        }
    }

    /// [`codec`](Self::codec) for reading alone what is there, whatever the options refuse. What
    /// the outer result holds is a failure to look; the inner one may be damage.
    pub(super) fn codec_for_scrub(
        &self,
        snapshot: &dyn Snapshot,
        actor: &ActorId,
        head: &Head,
    ) -> Result<Result<Arc<PageCodec>, StoreError>, StoreError> {
        match self.codec(snapshot, actor, head) {
            Err(
                error @ (StoreError::Engine(_) | StoreError::Keys(KeyError::Unreachable { .. })),
            ) => Err(error),
            Err(StoreError::Keys(KeyError::NotEncrypted { .. })) => {
                Ok(Ok(Arc::new(PageCodec::plain(self.options.compression))))
            }
            opened => Ok(opened),
        }
    }

    fn encrypted(&self, data: &Key) -> Arc<PageCodec> {
        let cipher = crate::layout::Cipher::new(data);
        Arc::new(PageCodec::encrypted(cipher, self.options.compression))
    }

    /// The key of the data that `wrapped` holds.
    pub(super) fn unwrap(
        &self,
        place: KeyPlace<'_>,
        wrapped: &WrappedKey,
    ) -> Result<Key, StoreError> {
        let (actor, key) = (place.actor.clone(), wrapped.by.clone());
        let Some(ring) = &self.options.keys else {
            return Err(KeyError::Needed { actor, key }.into());
        };
        let found = ring.key(place.actor, &wrapped.by);
        match found.map_err(|error| said(place.actor, error))? {
            None => Err(KeyError::Missing { actor, key }.into()),
            Some(with) => {
                let opened = wrapped.unwrap(place, &with);
                opened.ok_or_else(|| KeyError::Wrong { actor, key }.into())
            }
        }
    }
}

/// Wraps the key of an image's data with the key that the ring uses now.
pub(super) fn wrap(
    ring: &dyn KeyRing,
    place: KeyPlace<'_>,
    data: &Key,
) -> Result<WrappedKey, StoreError> {
    let asked = |error| said(place.actor, error);
    let by = ring.current(place.actor).map_err(asked)?;
    let with = ring.key(place.actor, &by).map_err(asked)?;
    let Some(with) = with else {
        let (actor, key) = (place.actor.clone(), by);
        return Err(KeyError::Missing { actor, key }.into());
    };
    Ok(WrappedKey::wrap(place, data, by, &with, random::nonce()?))
}

/// The key record that an encrypted image of the actor must have.
pub(super) fn wrapped_key(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    db: DbId,
) -> Result<WrappedKey, StoreError> {
    let found = key_record(snapshot, actor, db)?;
    found.ok_or_else(|| damaged(actor, "it is missing"))
}

/// The key record of an image of the actor. An image that is not encrypted has none.
pub(super) fn key_record(
    snapshot: &dyn Snapshot,
    actor: &ActorId,
    db: DbId,
) -> Result<Option<WrappedKey>, StoreError> {
    let Some(record) = snapshot.get(&key_record_key(db))? else {
        return Ok(None);
    };
    let decoded = WrappedKey::decode(db, &record).map_err(|error| match error {
        Undecodable::Newer { found } => StoreError::newer("key record", found),
        Undecodable::Damaged(damage) => damaged(actor, damage),
    });
    decoded.map(Some)
}

fn damaged(actor: &ActorId, damage: &'static str) -> StoreError {
    let actor = actor.clone();
    KeyError::RecordDamaged { actor, damage }.into()
}

fn said(actor: &ActorId, error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    KeyError::Unreachable {
        actor: actor.clone(),
        source: Arc::from(error),
    }
    .into()
}

/// What a claim has to know.
type Claimed = (StoredHead, Arc<PageCodec>, Retention);

impl Slot {
    /// The head as it is now, how its pages are written, and how much of the past is kept.
    pub(super) fn load_to_claim(&self) -> Result<Option<Claimed>, StoreError> {
        let snapshot = self.engine().snapshot()?;
        let mut found = snapshot.get_many(&[&self.key, RETENTION_KEY])?;
        let retention = retention_in(found.pop().flatten())?;
        let Some(record) = found.pop().flatten() else {
            return Ok(None);
        };
        let stored = self.stored(record)?;
        let codec = self.shared.codec(&*snapshot, &self.actor, &stored.head)?;
        Ok(Some((stored, codec, retention)))
    }

    /// The head in a snapshot, and how its pages are written.
    pub(super) fn load_opened_from(
        &self,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<(StoredHead, Arc<PageCodec>)>, StoreError> {
        let Some(stored) = self.load_from(snapshot)? else {
            return Ok(None);
        };
        let codec = self.shared.codec(snapshot, &self.actor, &stored.head)?;
        Ok(Some((stored, codec)))
    }
}
