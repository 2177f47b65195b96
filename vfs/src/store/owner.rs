//! The owner of an actor: what it holds between claim and loss, and how it reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Shared;
use super::image::Geometry;
use super::pages::{Stored, View};
use super::settle::{Leaves, Outcome};
use super::slot::{Slot, StoredHead};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::ladder::Ladder;
use crate::last_error::LastError;
use crate::layout::{
    Checksum, CommitNo, Epoch, Head, Moment, PageCodec, Retention, Token, Unswept,
};
use crate::page::{PageCount, PageNo, PageSize};

/// How often a claim or a removal is tried against an owner that keeps committing. Each try is a
/// fair race, so losing that many in a row means that something else is wrong.
pub(super) const TAKE_TRIES_MAX: u32 = 64;

/// The one writer of an actor. All connections of this process share it.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(super) slot: Slot,
    tenure: Mutex<Tenure>,
    /// The connections of this process keep out of each other's way by it.
    pub(super) ladder: Arc<Ladder>,
    pub(super) last_error: Arc<LastError>,
}

/// What the owner knows of its actor.
#[derive(Debug)]
pub(super) struct Tenure {
    pub(super) stored: StoredHead,
    /// How the pages of the head are written.
    pub(super) codec: Arc<PageCodec>,
    /// What is stored of those pages of the head that were read or written so far.
    pub(super) pages: BTreeMap<PageNo, Stored>,
    /// How much of the past is kept, unless nobody has looked yet.
    pub(super) retention: Option<Retention>,
    /// Why the tenure ended, if it has.
    pub(super) end: Option<StoreError>,
}

impl Owner {
    /// Founds an actor, and owns it.
    pub(super) fn create(shared: &Arc<Shared>, actor: &ActorId) -> Result<Self, StoreError> {
        let slot = Slot::new(shared, actor);
        let nobodys = Token::new([0; 16]);
        let fresh = shared.draw_image(actor)?;
        let mut head = Head {
            db: fresh.db,
            epoch: Epoch::new(1),
            commit: CommitNo::default(),
            token: nobodys,
            committed: nobodys,
            page_size: PageSize::DEFAULT,
            pages: PageCount::ZERO,
            encrypted: fresh.codec.is_encrypted(),
            checksum: Checksum::default(),
            time: Moment::default(),
            floor: CommitNo::default(),
            pinned: CommitNo::default(),
            unswept: Unswept::Nothing,
        };
        head.checksum = fresh.codec.mask(&head);
        let founded = slot.stamp_commit(head)?;
        let mut batch = slot.batch_on(None);
        batch.put(slot.key.clone(), founded.record.clone());
        fresh.seal(&mut batch);
        match slot.settle(&batch, None, Leaves::Other(&founded))? {
            Outcome::Landed => Ok(Self::holding(slot, founded, fresh.codec, None)),
            Outcome::Lost(_) => Err(StoreError::ActorExists {
                actor: actor.clone(),
            }),
        }
    }

    /// Takes the next epoch of an actor: from now on its former owner cannot commit.
    pub(super) fn claim(shared: &Arc<Shared>, actor: &ActorId) -> Result<Self, StoreError> {
        let slot = Slot::new(shared, actor);
        for _ in 0..TAKE_TRIES_MAX {
            // The key before the claim: who cannot read the actor does not take it from anybody.
            let found = slot.load_to_claim()?.ok_or_else(|| slot.missing())?;
            let (found, codec, retention) = found;
            let epoch = found.head.epoch.next();
            let claimed = slot.stamp(Head {
                epoch,
                ..found.head.clone()
            })?;
            match slot.replace(Some(&found), &claimed)? {
                Outcome::Landed => return Ok(Self::holding(slot, claimed, codec, Some(retention))),
                Outcome::Lost(_) => {}
            }
        }
        Err(slot.contended())
    }

    fn holding(
        slot: Slot,
        stored: StoredHead,
        codec: Arc<PageCodec>,
        retention: Option<Retention>,
    ) -> Self {
        let tenure = Tenure {
            stored,
            codec,
            pages: BTreeMap::new(),
            retention,
            end: None,
        };
        Self {
            slot,
            tenure: Mutex::new(tenure),
            ladder: Arc::default(),
            last_error: Arc::default(),
        }
    }

    /// The head that we hold, or held last.
    pub(super) fn head(&self) -> Head {
        self.tenure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stored
            .head
            .clone()
    }

    /// The tenure, unless it has ended.
    pub(super) fn tenure(&self) -> Result<MutexGuard<'_, Tenure>, StoreError> {
        let Ok(tenure) = self.tenure.lock() else {
            return Err(self.slot.bug("a thread panicked in the middle of a commit"));
        };
        match &tenure.end {
            Some(end) => Err(end.clone()),
            None => Ok(tenure),
        }
    }

    /// The shape of the database after the last publish of any connection.
    pub(super) fn geometry(&self) -> Result<Geometry, StoreError> {
        Ok(self.tenure()?.stored.head.geometry())
    }

    /// Fills `out` with a page as of the last publish.
    pub(super) fn read(&self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        loop {
            let (view, codec, known) = self.locate(page, out.len())?;
            let snapshot = self.slot.engine().snapshot()?;
            let actor = &self.slot.actor;
            if let Some(found) = view.read(&*snapshot, &codec, actor, page, known, out)? {
                self.learn(view, page, found);
                return Ok(());
            }
            let mut tenure = self.tenure()?;
            // A page that we have replaced while we looked for its former version is not missing.
            if View::of(&tenure.stored.head) == view {
                return Err(self.lost_or_missing(&mut tenure, page));
            }
        }
    }

    fn locate(
        &self,
        page: PageNo,
        bytes: usize,
    ) -> Result<(View, Arc<PageCodec>, Option<Stored>), StoreError> {
        let tenure = self.tenure()?;
        let head = &tenure.stored.head;
        if bytes != head.page_size.bytes() {
            return Err(self.slot.bug("a read that is not one page long"));
        }
        if !head.pages.contains(page) {
            return Err(View::of(head).missing(&self.slot.actor, page));
        }
        let known = tenure.pages.get(&page).copied();
        Ok((View::of(head), Arc::clone(&tenure.codec), known))
    }

    /// Remembers what was read, so that replacing the page needs no look-up.
    fn learn(&self, view: View, page: PageNo, found: Stored) {
        if let Ok(mut tenure) = self.tenure()
            && View::of(&tenure.stored.head) == view
        {
            tenure.pages.insert(page, found);
        }
    }

    /// Why there is no record of a page that our head says is there: another owner has replaced
    /// it, or it is missing.
    pub(super) fn lost_or_missing(&self, tenure: &mut Tenure, page: PageNo) -> StoreError {
        let ours = &tenure.stored;
        match self.slot.load() {
            Ok(now) if now.as_ref() == Some(ours) => {
                View::of(&ours.head).missing(&self.slot.actor, page)
            }
            Ok(now) => {
                let end = self.slot.lost(Some(ours), now.as_ref());
                tenure.end.insert(end).clone()
            }
            Err(error) => error,
        }
    }
}

impl Head {
    /// The shape of the database at this head.
    pub(super) fn geometry(&self) -> Geometry {
        Geometry {
            page_size: self.page_size,
            pages: self.pages,
            version: self.commit,
        }
    }
}
