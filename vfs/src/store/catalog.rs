//! The actors of a store: which there are, how large they are, and how one is removed.

use super::Store;
use super::history::records;
use super::owner::TAKE_TRIES_MAX;
use super::place::remove_pages;
use super::scrub::strays;
use super::settle::{Leaves, Outcome};
use super::slot::{Slot, decode_head};
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::{Batch, CommitError};
use crate::layout::{
    CommitNo, Epoch, Head, actor_of_head_key, all_heads, all_of_image, commits_of, points_of,
};
use crate::page::{PageCount, PageSize};

/// Which actors to list. `ListOptions::default()` lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Only those whose ids begin so.
    pub prefix: String,
    /// Only those whose ids come after this one: the last of the list before.
    pub after: Option<ActorId>,
    /// At most so many.
    pub limit: Option<usize>,
}

/// An actor as its head describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActorInfo {
    /// Its name.
    pub id: ActorId,
    /// The size of its pages.
    pub page_size: PageSize,
    /// How many pages it has.
    pub pages: PageCount,
    /// The epoch of its owner.
    pub epoch: Epoch,
    /// The number of its last commit.
    pub commit: CommitNo,
    /// Whether its pages are encrypted.
    pub encrypted: bool,
}

impl ActorInfo {
    pub(super) fn new(id: ActorId, head: &Head) -> Self {
        let Head {
            page_size,
            pages,
            epoch,
            commit,
            encrypted,
            ..
        } = *head;
        Self {
            id,
            page_size,
            pages,
            epoch,
            commit,
            encrypted,
        }
    }

    /// The size of its database as a plain file; the engine stores pages compressed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.pages.bytes(self.page_size)
    }
}

impl Store {
    /// The actors in the order of their ids, byte by byte.
    ///
    /// One damaged head fails the call; [`ids`](Store::ids) still names every actor.
    pub fn list(&self, options: &ListOptions) -> Result<Vec<ActorInfo>, StoreError> {
        let range = all_heads(&options.prefix, options.after.as_ref().map(ActorId::as_str));
        let limit = options.limit.unwrap_or(usize::MAX);
        let heads = self
            .shared
            .engine
            .snapshot()?
            .scan(&range.start..&range.end, limit)?;
        heads
            .into_iter()
            .map(|(key, record)| info_of(&key, &record))
            .collect()
    }

    /// The names of the actors that [`list`](Store::list) would describe, without reading heads.
    /// A key there that names no actor is passed over; a scrub tells of it.
    pub fn ids(&self, options: &ListOptions) -> Result<Vec<ActorId>, StoreError> {
        let range = all_heads(&options.prefix, options.after.as_ref().map(ActorId::as_str));
        let limit = options.limit.unwrap_or(usize::MAX);
        let snapshot = self.shared.engine.snapshot()?;
        let mut keys = snapshot.scan_keys(&range.start..&range.end, limit)?;
        if keys.iter().any(|key| actor_of_head_key(key).is_none()) {
            // Fewer names than asked for would mean that there are no more.
            keys = snapshot.scan_keys(&range.start..&range.end, usize::MAX)?;
        }
        let ids = keys.iter().filter_map(|key| actor_of_head_key(key));
        Ok(ids.take(limit).collect())
    }

    /// What the head of one actor says.
    pub fn info(&self, actor: &ActorId) -> Result<ActorInfo, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let stored = slot.load()?.ok_or_else(|| slot.missing())?;
        Ok(ActorInfo::new(slot.actor, &stored.head))
    }

    /// Removes an actor with all its pages, its restore points and its past, in one batch. An owner that has it open finds out at
    /// its next commit.
    ///
    /// If the head is damaged nobody knows which pages are the actor's. Then the head goes first,
    /// and after it the pages that no record names, unless another record is damaged too.
    pub fn delete(&self, actor: &ActorId) -> Result<(), StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let found = match slot.load() {
            Err(StoreError::HeadDamaged { .. }) => return self.delete_unreadable(&slot),
            found => found?,
        };
        let mut found = found.ok_or_else(|| slot.missing())?;
        for _ in 0..TAKE_TRIES_MAX {
            let mut batch = slot.batch_on(Some(&found));
            batch.delete(slot.key.clone());
            remove_pages(&mut batch, &found.head);
            remove_past(&slot, &mut batch)?;
            match slot.settle(&batch, Some(&found), Leaves::None)? {
                Outcome::Landed => return Ok(()),
                Outcome::Lost(now) => found = now.ok_or_else(|| slot.missing())?,
            }
        }
        Err(slot.contended())
    }

    /// Removes a head that nobody can read. It guards nothing: no owner can commit on it.
    fn delete_unreadable(&self, slot: &Slot) -> Result<(), StoreError> {
        for _ in 0..TAKE_TRIES_MAX {
            let Some(record) = slot.engine().snapshot()?.get(&slot.key)? else {
                return self.remove_strays();
            };
            match decode_head(&slot.actor, &slot.key, &record) {
                Err(StoreError::HeadDamaged { .. }) => {}
                Err(error) => return Err(error),
                // Somebody was faster, and put another actor there.
                Ok(_) => return Err(slot.contended()),
            }
            let mut batch = Batch::new();
            batch.require(slot.key.clone(), Some(record));
            batch.delete(slot.key.clone());
            remove_past(slot, &mut batch)?;
            match slot.engine().commit(&batch) {
                Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Unknown { .. }) => {}
                Err(error) => return Err(slot.refused(error)),
            }
        }
        Err(slot.contended())
    }

    /// Removes the images that no record names, if every record that may name one can be read.
    fn remove_strays(&self) -> Result<(), StoreError> {
        let snapshot = self.shared.engine.snapshot()?;
        let (strays, true) = strays(&*snapshot)? else {
            return Ok(());
        };
        for db in strays {
            let mut batch = Batch::new();
            for range in all_of_image(db) {
                batch.delete_range(range.start, range.end);
            }
            // What stays now is named by a scrub, and goes with the next such deletion.
            if let Err(error) = self.shared.engine.commit(&batch) {
                tracing::warn!(%error, "pages that belong to nobody cannot be removed");
            }
        }
        Ok(())
    }
}

/// Removes the restore points of an actor and the records of its commits, with all images that
/// they name.
fn remove_past(slot: &Slot, batch: &mut Batch) -> Result<(), StoreError> {
    let snapshot = slot.engine().snapshot()?;
    for db in records::images_named(&*snapshot, &slot.actor)? {
        for range in all_of_image(db) {
            batch.delete_range(range.start, range.end);
        }
    }
    for range in [commits_of(&slot.actor), points_of(&slot.actor)] {
        batch.delete_range(range.start, range.end);
    }
    Ok(())
}

fn info_of(key: &[u8], record: &[u8]) -> Result<ActorInfo, StoreError> {
    let id = named(key)?;
    let head = decode_head(&id, key, record)?;
    Ok(ActorInfo::new(id, &head))
}

fn named(key: &[u8]) -> Result<ActorId, StoreError> {
    actor_of_head_key(key).ok_or_else(|| StoreError::StoreDamaged {
        place: "the list of actors".into(),
        damage: format!("the key `{}` names no actor", key.escape_ascii()),
    })
}
