//! Other keys for an actor: for its data, by writing all pages anew, or for the key of its data alone.

use std::collections::BTreeMap;

use super::codec::{self, Fresh};
use super::history::{Aftermath, Former, Terms};
use super::owner::{Owner, TAKE_TRIES_MAX, Tenure};
use super::pages::{Stored, View};
use super::settle::{Leaves, Patience};
use super::slot::Slot;
use super::staging::Staging;
use super::{Actor, Store, random};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::keys::{KeyError, KeyId, KeyRing};
use crate::kv::{Batch, CommitError};
use crate::layout::{Checksum, CommitNo, Head, KeyPlace, PageKey, Unswept, key_record_key};
use crate::page::PageNo;

impl Store {
    /// Encrypts an actor with a fresh key, by one commit that writes all its pages anew. It may
    /// have been encrypted before, or not. An owner that has it open is fenced.
    ///
    /// This is how encryption is turned on, and what to do when the key of its data may be known.
    /// Restore points and commits that are kept stay as they are, under the key they have.
    pub fn rekey(&self, actor: &ActorId) -> Result<Actor, StoreError> {
        self.keys_for(actor)?;
        let owner = self.open(actor)?;
        owner.rekey()?;
        Ok(owner)
    }

    /// Puts the [current](KeyRing::current) key of the ring in the place of the one
    /// that an actor was encrypted under, and tells whether it was another. The key of its data,
    /// its pages and its owner stay as they are: it costs one small record.
    ///
    /// An actor that is not encrypted stays so. Restore points and kept commits from before the
    /// actor was last written anew have a key of their own and stay under the key they have: keep
    /// that key until they are dropped.
    pub fn rewrap(&self, actor: &ActorId) -> Result<bool, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let mut patience = Patience::new(self.shared.options.settle_for);
        let mut doubt = None;
        for _ in 0..TAKE_TRIES_MAX {
            let Some(batch) = self.rewrapping(&slot)? else {
                return Ok(doubt.is_some());
            };
            match slot.engine().commit(&batch) {
                Ok(()) => return Ok(true),
                // The owner has written the actor anew, or somebody else was here.
                Err(CommitError::Conflict { .. }) => {}
                // Of all that we send on the same record, one lands at most.
                Err(CommitError::Unknown { source }) => {
                    let waited = patience.pause();
                    doubt = Some(source.clone());
                    if !waited {
                        return Err(slot.refused(CommitError::Unknown { source }));
                    }
                }
                Err(error) => return Err(slot.refused(error)),
            }
        }
        Err(slot.contended())
    }

    /// The name of the key that an actor is encrypted under, if it is encrypted.
    pub fn key_of(&self, actor: &ActorId) -> Result<Option<KeyId>, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let snapshot = slot.engine().snapshot()?;
        let stored = slot.load_from(&*snapshot)?.ok_or_else(|| slot.missing())?;
        if !stored.head.encrypted {
            return Ok(None);
        }
        let wrapped = codec::wrapped_key(&*snapshot, actor, &stored.head)?;
        Ok(Some(wrapped.by))
    }

    fn keys_for(&self, actor: &ActorId) -> Result<&dyn KeyRing, StoreError> {
        let none = || KeyError::NoneGiven {
            actor: actor.clone(),
        };
        let ring = self.shared.options.keys.as_deref();
        ring.ok_or_else(|| none().into())
    }

    /// The batch that puts another wrapping key in the place of the one an actor has, if it has one.
    fn rewrapping(&self, slot: &Slot) -> Result<Option<Batch>, StoreError> {
        let ring = self.keys_for(&slot.actor)?;
        let snapshot = slot.engine().snapshot()?;
        let stored = slot.load_from(&*snapshot)?.ok_or_else(|| slot.missing())?;
        if !stored.head.encrypted {
            return Ok(None);
        }
        let (actor, db) = (&slot.actor, stored.head.db);
        let place = KeyPlace { actor, db };
        let wrapped = codec::wrapped_key(&*snapshot, actor, &stored.head)?;
        let data = self.shared.unwrap(place, &wrapped)?;
        let next = codec::wrap(ring, place, &data)?;
        if next.by == wrapped.by {
            return Ok(None);
        }
        let key = key_record_key(db);
        let mut batch = Batch::new();
        batch.require(key.clone(), Some(wrapped.encode(db)));
        batch.put(key, next.encode(db));
        Ok(Some(batch))
    }
}

impl Actor {
    /// [`Store::rekey`] for an actor that we own: its connections go on.
    pub fn rekey(&self) -> Result<(), StoreError> {
        self.owner.rekey()
    }
}

/// What is known of a whole image that was just written: its pages, and their checksums together.
type Copied = (BTreeMap<PageNo, Stored>, Checksum);

impl Owner {
    fn rekey(&self) -> Result<(), StoreError> {
        let mut tenure = self.tenure()?;
        self.sweep(&mut tenure)?;
        let former = tenure.stored.head.clone();
        let fresh = self.slot.shared.draw_image(&self.slot.actor)?;
        let announcement = Head {
            unswept: Unswept::Staging(fresh.db),
            ..former.clone()
        };
        let mut staging = Staging::new(&self.slot, Some(tenure.stored.clone()), announcement);
        let copied = self.copy_all(&tenure, &fresh, &mut staging);
        if let Some(guard) = staging.guard() {
            tenure.stored = guard.clone();
        }
        let (pages, sum) = self.watch(&mut tenure, copied)?;
        let mut head = Head {
            db: fresh.db,
            commit: former.commit.next(),
            encrypted: fresh.codec.is_encrypted(),
            checksum: sum,
            time: self.slot.shared.now(),
            ..former.clone()
        };
        head.checksum ^= fresh.codec.mask(&head);
        let terms = Terms {
            retention: self.retention(&mut tenure)?,
            limits: self.slot.engine().limits(),
            spilled: staging.has_spilled(),
        };
        let aftermath = Aftermath::new(&self.slot.actor, &former, &head, Former::Image, terms);
        let next = self.slot.stamp_commit(aftermath.head.clone())?;
        let mut batch = staging.drain();
        batch.put(self.slot.key.clone(), next.record.clone());
        aftermath.apply(&mut batch);
        fresh.seal(&mut batch);
        let leaves = Leaves::Other(&next);
        let outcome = self.slot.settle(&batch, Some(&tenure.stored), leaves);
        self.accept(&mut tenure, Some(next), outcome)?;
        tenure.codec = fresh.codec;
        tenure.pages = pages;
        // The commit stands, so what cannot be removed now waits for the next one.
        if let Err(error) = self.sweep(&mut tenure) {
            tracing::warn!(actor = %self.slot.actor, %error, "superseded pages stay for now");
        }
        Ok(())
    }

    /// Sends every page to the fresh image, as the next commit.
    fn copy_all(
        &self,
        tenure: &Tenure,
        fresh: &Fresh,
        staging: &mut Staging<'_>,
    ) -> Result<Copied, StoreError> {
        let head = &tenure.stored.head;
        let (view, actor) = (View::of(head), &self.slot.actor);
        let version: CommitNo = head.commit.next();
        let snapshot = self.slot.engine().snapshot()?;
        let mut content = vec![0; head.page_size.bytes()];
        let (mut pages, mut sum) = (BTreeMap::new(), Checksum::default());
        for page in head.pages.pages() {
            let known = tenure.pages.get(&page).copied();
            let found = view.read(&*snapshot, &tenure.codec, actor, page, known, &mut content)?;
            found.ok_or_else(|| view.missing(actor, page))?;
            let checksum = fresh.codec.checksum(page, &content);
            let key = PageKey::new(fresh.db, page, version);
            let record = fresh
                .codec
                .encode(&key, &content, checksum, random::nonce)?;
            staging.push((key.to_vec(), record))?;
            sum ^= checksum;
            pages.insert(page, Stored { version, checksum });
        }
        Ok((pages, sum))
    }
}
