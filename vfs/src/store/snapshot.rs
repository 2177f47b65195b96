//! An actor as it was at one commit: readers of it neither block nor are blocked.

use std::sync::Arc;

use super::Shared;
use super::image::{Change, Geometry, Image};
use super::pages::View;
use super::slot::Slot;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::Snapshot;
use crate::layout::{CommitNo, Head, PageCodec};
use crate::page::{PageCount, PageNo, PageSize};

/// An actor as it was when the snapshot was taken. Cheap to clone.
///
/// The engine keeps what it shows for as long as it lives, so do not hold it for long.
#[derive(Debug, Clone)]
pub struct ActorSnapshot {
    actor: ActorId,
    head: Head,
    codec: Arc<PageCodec>,
    state: Arc<dyn Snapshot>,
}

impl ActorSnapshot {
    pub(super) fn take(shared: &Arc<Shared>, actor: &ActorId) -> Result<Self, StoreError> {
        let slot = Slot::new(shared, actor);
        let state: Arc<dyn Snapshot> = Arc::from(slot.engine().snapshot()?);
        let opened = slot.load_opened_from(&*state)?;
        let (stored, codec) = opened.ok_or_else(|| slot.missing())?;
        Ok(Self {
            actor: slot.actor,
            head: stored.head,
            codec,
            state,
        })
    }

    /// An actor as `head` describes it.
    pub(super) fn at(
        actor: ActorId,
        head: Head,
        codec: Arc<PageCodec>,
        state: Arc<dyn Snapshot>,
    ) -> Self {
        Self {
            actor,
            head,
            codec,
            state,
        }
    }

    /// The actor's name.
    #[must_use]
    pub fn id(&self) -> &ActorId {
        &self.actor
    }

    /// The commit that it shows.
    #[must_use]
    pub fn commit(&self) -> CommitNo {
        self.head.commit
    }

    /// How large its pages are.
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        self.head.page_size
    }

    /// How many pages it has.
    #[must_use]
    pub fn pages(&self) -> PageCount {
        self.head.pages
    }

    /// Fills `out`, which is one page long, with one of its pages.
    pub fn read(&self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        let view = View::of(&self.head);
        if out.len() != self.head.page_size.bytes() {
            let what = "a read that is not one page long";
            return Err(StoreError::Bug {
                actor: self.actor.clone(),
                what,
            });
        }
        let inside = self.head.pages.contains(page);
        let read = |out| view.read(&*self.state, &self.codec, &self.actor, page, None, out);
        let found = inside.then(|| read(out));
        match found.transpose()?.flatten() {
            Some(_) => Ok(()),
            None => Err(view.missing(&self.actor, page)),
        }
    }

    /// What a read-only connection's main file reads from.
    pub(crate) fn image(&self) -> SnapshotImage {
        SnapshotImage(self.clone())
    }
}

/// The image that a read-only connection sees.
#[derive(Debug)]
pub(crate) struct SnapshotImage(ActorSnapshot);

impl Image for SnapshotImage {
    fn geometry(&self) -> Geometry {
        self.0.head.geometry()
    }

    fn refresh(&mut self) -> Result<Geometry, StoreError> {
        Ok(self.geometry())
    }

    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        self.0.read(page, out)
    }

    fn publish(&mut self, _change: Change) -> Result<(), StoreError> {
        Err(StoreError::ReadOnly {
            actor: self.0.actor.clone(),
        })
    }

    fn read_only(&self) -> bool {
        true
    }
}
