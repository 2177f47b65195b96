//! The handle of an owned actor, and the image that its connections read and publish through.

use std::sync::Arc;

use super::Shared;
use super::image::{Change, Geometry, Image};
use super::joint::Stake;
use super::owner::Owner;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::ladder::Ladder;
use crate::last_error::LastError;
use crate::layout::{CommitNo, Epoch};
use crate::page::PageNo;

/// An actor that this process owns. Cheap to clone: clones are the same owner.
#[derive(Debug, Clone)]
pub struct Actor {
    pub(super) owner: Arc<Owner>,
}

impl Actor {
    pub(super) fn create(shared: &Arc<Shared>, actor: &ActorId) -> Result<Self, StoreError> {
        Ok(Self {
            owner: Arc::new(Owner::create(shared, actor)?),
        })
    }

    pub(super) fn open(shared: &Arc<Shared>, actor: &ActorId) -> Result<Self, StoreError> {
        Ok(Self {
            owner: Arc::new(Owner::claim(shared, actor)?),
        })
    }

    /// The actor's name.
    #[must_use]
    pub fn id(&self) -> &ActorId {
        &self.owner.slot.actor
    }

    /// The epoch that we claimed.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.owner.head().epoch
    }

    /// The number of the last commit.
    #[must_use]
    pub fn commit(&self) -> CommitNo {
        self.owner.head().commit
    }

    /// The last error of any connection of this actor: SQLite passes on only its number.
    #[must_use]
    pub fn last_error(&self) -> Option<StoreError> {
        self.owner.last_error.get()
    }

    pub(super) fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The ladder that the connections of this owner climb.
    pub(crate) fn ladder(&self) -> Arc<Ladder> {
        Arc::clone(&self.owner.ladder)
    }

    /// Where the connections of this owner keep their last error.
    pub(crate) fn last_error_kept(&self) -> Arc<LastError> {
        Arc::clone(&self.owner.last_error)
    }

    /// What a connection's main file reads from and publishes to.
    pub(crate) fn image(&self) -> Result<OwnerImage, StoreError> {
        let seen = self.owner.geometry()?;
        Ok(OwnerImage {
            owner: Arc::clone(&self.owner),
            seen,
        })
    }
}

/// The image that one connection of the owner sees.
#[derive(Debug)]
pub(crate) struct OwnerImage {
    owner: Arc<Owner>,
    seen: Geometry,
}

impl Image for OwnerImage {
    fn geometry(&self) -> Geometry {
        self.seen
    }

    fn refresh(&mut self) -> Result<Geometry, StoreError> {
        self.seen = self.owner.geometry()?;
        Ok(self.seen)
    }

    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        self.owner.read(page, out)
    }

    fn publish(&mut self, change: Change) -> Result<(), StoreError> {
        self.seen = self.owner.publish(&change)?;
        Ok(())
    }

    fn stake(&self) -> Option<Stake> {
        Some(Stake::new(&self.owner))
    }

    fn read_only(&self) -> bool {
        false
    }
}
