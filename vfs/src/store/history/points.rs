//! Restore points: states of an actor that are kept under a name until they are dropped.

use std::time::SystemTime;

use super::records;
use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::layout::{CommitNo, Head, State, Unswept, all_of_image, commits_of, point_key};
use crate::page::{PageCount, PageSize};
use crate::store::owner::{Owner, Tenure};
use crate::store::settle::Leaves;
use crate::store::slot::Slot;
use crate::store::{Actor, Store};

/// The longest name of a restore point, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// A state of an actor that is kept under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RestorePoint {
    /// Its name.
    pub name: String,
    /// The commit that it keeps.
    pub commit: CommitNo,
    /// When the point was made.
    pub time: Option<SystemTime>,
    /// The size of its pages.
    pub page_size: PageSize,
    /// How many pages it has.
    pub pages: PageCount,
}

impl RestorePoint {
    pub(super) fn new((name, state): (String, State)) -> Self {
        Self {
            name,
            commit: state.commit,
            time: state.time.to_time(),
            page_size: state.page_size,
            pages: state.pages,
        }
    }
}

impl Actor {
    /// Keeps the actor as of its last commit under `name`, until it is dropped. This copies no
    /// page: what later commits replace stays for it.
    pub fn restore_point(&self, name: &str) -> Result<RestorePoint, StoreError> {
        self.owner().make_point(name)
    }

    /// Drops a restore point, with what only it kept.
    pub fn drop_restore_point(&self, name: &str) -> Result<(), StoreError> {
        self.owner().drop_point(name)
    }
}

impl Store {
    /// [`Actor::restore_point`] for whoever does not own the actor. An owner that has it open is
    /// fenced.
    pub fn restore_point(&self, actor: &ActorId, name: &str) -> Result<RestorePoint, StoreError> {
        check_name(actor, name)?;
        self.open(actor)?.restore_point(name)
    }

    /// [`Actor::drop_restore_point`] for whoever does not own the actor. An owner that has it
    /// open is fenced.
    pub fn drop_restore_point(&self, actor: &ActorId, name: &str) -> Result<(), StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let snapshot = slot.engine().snapshot()?;
        slot.load_from(&*snapshot)?.ok_or_else(|| slot.missing())?;
        records::point(&*snapshot, actor, name)?.ok_or_else(|| no_point(actor, name))?;
        self.open(actor)?.drop_restore_point(name)
    }

    /// The restore points of an actor, in the order of their names.
    pub fn restore_points(&self, actor: &ActorId) -> Result<Vec<RestorePoint>, StoreError> {
        let slot = Slot::new(&self.shared, actor);
        let snapshot = slot.engine().snapshot()?;
        slot.load_from(&*snapshot)?.ok_or_else(|| slot.missing())?;
        let points = records::points(&*snapshot, actor)?;
        Ok(points.into_iter().map(RestorePoint::new).collect())
    }
}

impl Owner {
    fn make_point(&self, name: &str) -> Result<RestorePoint, StoreError> {
        let actor = &self.slot.actor;
        check_name(actor, name)?;
        let mut tenure = self.tenure()?;
        let key = point_key(actor, name);
        if self.slot.engine().snapshot()?.get(&key)?.is_some() {
            return Err(StoreError::PointExists {
                actor: actor.clone(),
                name: name.to_owned(),
            });
        }
        let state = State {
            time: self.slot.shared.now(),
            ..tenure.stored.head.state()
        };
        let next = self.slot.stamp(Head {
            pinned: state.commit,
            ..tenure.stored.head.clone()
        })?;
        let mut batch = self.slot.batch_on(Some(&tenure.stored));
        batch.put(self.slot.key.clone(), next.record.clone());
        batch.put(key.clone(), state.encode(&key));
        let outcome = self
            .slot
            .settle(&batch, Some(&tenure.stored), Leaves::Other(&next));
        self.accept(&mut tenure, Some(next), outcome)?;
        Ok(RestorePoint::new((name.to_owned(), state)))
    }

    fn drop_point(&self, name: &str) -> Result<(), StoreError> {
        let mut tenure = self.tenure()?;
        self.sweep(&mut tenure)?;
        self.unpin(&mut tenure, name)?;
        // The point is gone, so what cannot be swept now waits for the next commit.
        if let Err(error) = self.sweep(&mut tenure) {
            tracing::warn!(actor = %self.slot.actor, %error, "what it kept stays for now");
        }
        Ok(())
    }

    /// Removes the record of a restore point, and with it the image that no other record names.
    fn unpin(&self, tenure: &mut Tenure, name: &str) -> Result<(), StoreError> {
        let actor = &self.slot.actor;
        let head = tenure.stored.head.clone();
        let snapshot = self.slot.engine().snapshot()?;
        let (dropped, rest): (Vec<_>, Vec<_>) = records::points(&*snapshot, actor)?
            .into_iter()
            .partition(|(other, _)| other == name);
        let (_, dropped) = dropped.first().ok_or_else(|| no_point(actor, name))?;
        let mut is_named =
            dropped.db == head.db || rest.iter().any(|(_, other)| other.db == dropped.db);
        records::each_commit(&*snapshot, actor, commits_of(actor), |_, found| {
            is_named |= found?.state.db == dropped.db;
            Ok(!is_named)
        })?;
        let of_image = rest.iter().filter(|(_, other)| other.db == head.db);
        let pinned = of_image.map(|(_, other)| other.commit).max();
        let next = self.slot.stamp(Head {
            pinned: pinned.unwrap_or_default(),
            unswept: if is_named {
                Unswept::Garbage
            } else {
                head.unswept
            },
            ..head
        })?;
        let mut batch = self.slot.batch_on(Some(&tenure.stored));
        batch.put(self.slot.key.clone(), next.record.clone());
        batch.delete(point_key(actor, name));
        if !is_named {
            for range in all_of_image(dropped.db) {
                batch.delete_range(range.start, range.end);
            }
        }
        let outcome = self
            .slot
            .settle(&batch, Some(&tenure.stored), Leaves::Other(&next));
        self.accept(tenure, Some(next), outcome)
    }
}

fn check_name(actor: &ActorId, name: &str) -> Result<(), StoreError> {
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len()) && !name.contains(char::is_control);
    if is_name {
        Ok(())
    } else {
        Err(StoreError::PointName {
            actor: actor.clone(),
            name: name.to_owned(),
        })
    }
}

pub(super) fn no_point(actor: &ActorId, name: &str) -> StoreError {
    StoreError::NoPoint {
        actor: actor.clone(),
        name: name.to_owned(),
    }
}
