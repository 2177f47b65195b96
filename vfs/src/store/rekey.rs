//! Another key for the data of an actor, by writing all its pages anew.

use std::collections::BTreeMap;

use super::codec::Fresh;
use super::history::{Aftermath, Former, Terms};
use super::owner::{Owner, Tenure};
use super::pages::{Stored, View};
use super::settle::Leaves;
use super::staging::Staging;
use super::{Actor, Store, random};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::keys::{KeyError, KeyRing};
use crate::layout::{Checksum, CommitNo, Head, PageKey, Unswept};
use crate::page::PageNo;

impl Store {
    /// Encrypts an actor with a fresh key, by one commit that writes all its pages anew. It may
    /// have been encrypted before, or not. An owner that has it open is fenced.
    ///
    /// This is how encryption is turned on, and what to do when the key of its data may be known.
    /// Restore points and commits that are kept stay as they are: encrypted with the key they have,
    /// or not encrypted.
    pub fn rekey(&self, actor: &ActorId) -> Result<Actor, StoreError> {
        self.keys_for(actor)?;
        let owner = self.open(actor)?;
        owner.rekey()?;
        Ok(owner)
    }

    pub(super) fn keys_for(&self, actor: &ActorId) -> Result<&dyn KeyRing, StoreError> {
        let none = || KeyError::NoneGiven {
            actor: actor.clone(),
        };
        let ring = self.shared.options.keys.as_deref();
        ring.ok_or_else(|| none().into())
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
