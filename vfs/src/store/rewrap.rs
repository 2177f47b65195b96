//! The keys of the host that wrap the keys of an actor's data: which they are, and another in their place.

use std::collections::BTreeSet;

use super::history::records;
use super::owner::TAKE_TRIES_MAX;
use super::settle::Patience;
use super::slot::Slot;
use super::{Store, codec};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::keys::{KeyError, KeyId, KeyRing};
use crate::kv::{Batch, CommitError, Limits, Snapshot};
use crate::layout::{DbId, KeyPlace, WrappedKey, key_record_key};

/// What [`Store::rewrap`] did, and what it could not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewrapped {
    /// Whether anything was under another key than the current one, and is under that now.
    pub changed: bool,
    /// Keys that are not at hand, with restore points or kept commits under them, which stay there.
    pub locked: BTreeSet<KeyId>,
}

impl Store {
    /// Puts the [current](KeyRing::current) key of the ring in the place of those that an actor
    /// is encrypted under, with its restore points and all that is kept of its past: the ring
    /// needs the former ones no more for it. The keys of its data, its pages and its owner stay as
    /// they are: it costs one small record for each time that the actor was written anew.
    ///
    /// What is not encrypted stays so. If one of several records cannot be replaced the others
    /// are, and then that is the error.
    pub fn rewrap(&self, actor: &ActorId) -> Result<Rewrapped, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let ring = self.keys_for(actor)?;
        let mut patience = Patience::new(self.shared.options.settle_for);
        let mut changed = false;
        // Until a look finds nothing to do: in between the owner may have written the actor anew,
        // under the key that is current for him.
        for _ in 0..TAKE_TRIES_MAX {
            let found = Found::look(&slot, ring)?;
            if found.replaced.is_empty() {
                return found.said(changed);
            }
            for batch in found.batches(slot.engine().limits()) {
                match slot.engine().commit(&batch) {
                    Ok(()) => changed = true,
                    // An image is gone, or somebody else was here.
                    Err(CommitError::Conflict { .. }) => {}
                    // Of all that we send on the same record, one lands at most.
                    Err(error @ CommitError::Unknown { .. }) => {
                        if !patience.pause() {
                            return Err(slot.refused(error));
                        }
                        changed = true;
                    }
                    Err(error) => return Err(slot.refused(error)),
                }
            }
        }
        Err(slot.contended())
    }

    /// The name of the key that an actor is encrypted under as it is now, if it is encrypted.
    pub fn key_of(&self, actor: &ActorId) -> Result<Option<KeyId>, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        present_key(&*slot.engine().snapshot()?, &slot)
    }

    /// The names of all keys that anything of an actor is encrypted under: as it is now, its
    /// restore points, and what is kept of its past. A key that no actor names may go.
    ///
    /// What a damaged record of the past stands for nobody knows, with its key or without.
    pub fn keys_of(&self, actor: &ActorId) -> Result<BTreeSet<KeyId>, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let snapshot = slot.engine().snapshot()?;
        let mut names = BTreeSet::from_iter(present_key(&*snapshot, &slot)?);
        for db in kept_images(&*snapshot, &slot)? {
            let record = codec::key_record(&*snapshot, actor, db)?;
            names.extend(record.map(|record| record.by));
        }
        Ok(names)
    }
}

fn present_key(snapshot: &dyn Snapshot, slot: &Slot) -> Result<Option<KeyId>, StoreError> {
    let stored = slot.load_from(snapshot)?.ok_or_else(|| slot.missing())?;
    if !stored.head.encrypted {
        return Ok(None);
    }
    let wrapped = codec::wrapped_key(snapshot, &slot.actor, stored.head.db)?;
    Ok(Some(wrapped.by))
}

/// One image, its key record, and the one to put in its place.
struct Replaced {
    db: DbId,
    former: Vec<u8>,
    next: Vec<u8>,
}

/// What there is to do for one actor.
#[derive(Default)]
struct Found {
    replaced: Vec<Replaced>,
    locked: BTreeSet<KeyId>,
    /// Why one of them cannot be replaced.
    refused: Option<StoreError>,
}

impl Found {
    fn look(slot: &Slot, ring: &dyn KeyRing) -> Result<Self, StoreError> {
        let snapshot = slot.engine().snapshot()?;
        let head = slot.load_from(&*snapshot)?.ok_or_else(|| slot.missing())?;
        let (head, mut found) = (head.head, Self::default());
        if head.encrypted {
            let present = codec::wrapped_key(&*snapshot, &slot.actor, head.db);
            found.take(rewrapping(slot, ring, head.db, present.map(Some)))?;
        }
        let mut kept = kept_images(&*snapshot, slot)?;
        kept.retain(|db| *db != head.db);
        for db in kept {
            let record = codec::key_record(&*snapshot, &slot.actor, db);
            match rewrapping(slot, ring, db, record) {
                Err(StoreError::Keys(KeyError::Missing { key, .. })) => {
                    _ = found.locked.insert(key)
                }
                taken => found.take(taken)?,
            }
        }
        Ok(found)
    }

    /// Takes what is to be done for one image. What stands in the way of this one is no reason
    /// to leave the others.
    fn take(&mut self, replaced: Result<Option<Replaced>, StoreError>) -> Result<(), StoreError> {
        match replaced {
            Ok(replaced) => self.replaced.extend(replaced),
            Err(
                error @ StoreError::Keys(
                    KeyError::Missing { .. }
                    | KeyError::Wrong { .. }
                    | KeyError::RecordDamaged { .. },
                ),
            ) => _ = self.refused.get_or_insert(error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn said(self, changed: bool) -> Result<Rewrapped, StoreError> {
        let locked = self.locked;
        self.refused.map_or(Ok(Rewrapped { changed, locked }), Err)
    }

    /// Each batch requires what it replaces, so no record that was removed comes back. One image
    /// has nothing to do with another: they may go in any order, and each without the others.
    fn batches(self, limits: Limits) -> Vec<Batch> {
        let (mut batches, mut room) = (Vec::new(), (0, 0));
        for Replaced { db, former, next } in self.replaced {
            let key = key_record_key(db);
            let bytes = 2 * key.len() + former.len() + next.len();
            if batches.is_empty() || room.0 < bytes || room.1 < 2 {
                batches.push(Batch::new());
                room = (limits.batch_bytes_max, limits.batch_ops_max);
            }
            room = (room.0.saturating_sub(bytes), room.1.saturating_sub(2));
            if let Some(batch) = batches.last_mut() {
                batch.require(key.clone(), Some(former));
                batch.put(key, next);
            }
        }
        batches
    }
}

/// The images that restore points and kept commits of an actor name, always in the same order.
fn kept_images(snapshot: &dyn Snapshot, slot: &Slot) -> Result<Vec<DbId>, StoreError> {
    let named = records::images_named(snapshot, &slot.actor)?;
    let mut images: Vec<_> = named.into_iter().collect();
    images.sort_by_key(|db| db.bytes());
    Ok(images)
}

/// The record to put in the place of that of the image `db`, if it is under another key than the
/// current one.
fn rewrapping(
    slot: &Slot,
    ring: &dyn KeyRing,
    db: DbId,
    record: Result<Option<WrappedKey>, StoreError>,
) -> Result<Option<Replaced>, StoreError> {
    let Some(wrapped) = record? else {
        return Ok(None);
    };
    let actor = &slot.actor;
    let place = KeyPlace { actor, db };
    // First what is there: to ask a ring for its current key may make one.
    let data = slot.shared.unwrap(place, &wrapped)?;
    let next = codec::wrap(ring, place, &data)?;
    let replaced = || Replaced {
        db,
        former: wrapped.encode(db),
        next: next.encode(db),
    };
    Ok((next.by != wrapped.by).then(replaced))
}
