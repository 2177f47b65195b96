//! Actors in an engine: who owns one, what it holds, and how a commit becomes visible.

mod actor;
mod catalog;
mod codec;
mod history;
mod image;
mod joint;
mod options;
mod owner;
mod pages;
mod place;
mod plan;
mod publish;
mod random;
mod rekey;
mod rewrap;
mod scrub;
mod settle;
mod slot;
mod snapshot;
mod staging;
mod sweep;
#[cfg(test)]
mod tests;
mod txn;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

pub use actor::Actor;
pub use catalog::{ActorInfo, ListOptions};
pub use history::{CommitInfo, Point, RestorePoint};
pub(crate) use image::{Change, Geometry, Image};
#[cfg(any(feature = "extension", feature = "testing", test))]
pub(crate) use joint::Stake;
pub(crate) use joint::{Part, publish as publish_together};
pub use options::{Plaintext, StoreOptions};
pub use place::IfExists;
pub(crate) use place::Source;
pub use rewrap::Rewrapped;
pub use scrub::{Damage, Found, Mended, Repair, Scrub};
pub use snapshot::ActorSnapshot;

use crate::actor_id::ActorId;
use crate::error::StoreError;
use crate::kv::{Batch, CommitError, Engine};
use crate::layout::{Moment, STORE_KEY, StoreId, Undecodable, decode_store, encode_store};

/// Actors in one engine. Cheap to clone: clones share the engine.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

/// What all handles of one store share.
pub(crate) struct Shared {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) options: StoreOptions,
    /// What time it is: only noted, never decided by who may write.
    clock: fn() -> SystemTime,
}

impl Shared {
    /// The same on another engine.
    fn on(&self, engine: Arc<dyn Engine>) -> Store {
        let (options, clock) = (self.options.clone(), self.clock);
        Store {
            shared: Arc::new(Self {
                engine,
                options,
                clock,
            }),
        }
    }

    /// The time, to the millisecond.
    fn now(&self) -> Moment {
        Moment::of_time((self.clock)())
    }
}

impl Store {
    /// The store that an engine holds. An engine that holds nothing becomes an empty store; one
    /// that holds something else is refused.
    pub fn with_engine(engine: Arc<dyn Engine>) -> Result<Self, StoreError> {
        StoreOptions::default().with_engine(engine)
    }

    pub(crate) fn engine(&self) -> &dyn Engine {
        &*self.shared.engine
    }

    pub(crate) fn options(&self) -> &StoreOptions {
        &self.shared.options
    }

    /// Creates an actor without pages, and owns it.
    pub fn create(&self, actor: &ActorId) -> Result<Actor, StoreError> {
        Actor::create(&self.shared, actor)
    }

    /// Takes ownership of an actor: whoever owned it before can no longer write.
    ///
    /// The connections of one process share one [`Actor`]: opening it twice fences the first.
    pub fn open(&self, actor: &ActorId) -> Result<Actor, StoreError> {
        Actor::open(&self.shared, actor)
    }

    /// [`open`](Store::open), or [`create`](Store::create) if there is no such actor.
    pub fn open_or_create(&self, actor: &ActorId) -> Result<Actor, StoreError> {
        match self.open(actor) {
            Err(StoreError::ActorMissing { .. }) => {}
            opened => return opened,
        }
        match self.create(actor) {
            Err(StoreError::ActorExists { .. }) => self.open(actor),
            created => created,
        }
    }

    /// An actor as it is now, for reading: it neither blocks nor fences the owner.
    pub fn snapshot(&self, actor: &ActorId) -> Result<ActorSnapshot, StoreError> {
        ActorSnapshot::take(&self.shared, actor)
    }
}

impl StoreOptions {
    /// [`Store::with_engine`] with these options.
    pub fn with_engine(&self, engine: Arc<dyn Engine>) -> Result<Store, StoreError> {
        self.with_clock(engine, SystemTime::now)
    }

    /// [`with_engine`](Self::with_engine), where commits are dated by that clock.
    pub(crate) fn with_clock(
        &self,
        engine: Arc<dyn Engine>,
        clock: fn() -> SystemTime,
    ) -> Result<Store, StoreError> {
        recognise(&*engine)?;
        let options = self.clone();
        Ok(Store {
            shared: Arc::new(Shared {
                engine,
                options,
                clock,
            }),
        })
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("engine", &self.shared.engine)
            .finish()
    }
}

/// Makes sure that the engine holds a store of ours, founding one if it holds nothing at all.
fn recognise(engine: &dyn Engine) -> Result<StoreId, StoreError> {
    let snapshot = engine.snapshot()?;
    if let Some(record) = snapshot.get(STORE_KEY)? {
        return decode_store(&record).map_err(|error| not_ours(engine, error));
    }
    if !snapshot.scan_keys(&[]..&[u8::MAX], 1)?.is_empty() {
        return Err(not_ours(
            engine,
            Undecodable::Damaged("it has keys, and no store record"),
        ));
    }
    drop(snapshot);
    found(engine)
}

/// Writes the store record. Whoever comes second finds it there.
fn found(engine: &dyn Engine) -> Result<StoreId, StoreError> {
    let id = StoreId::new(random::bytes()?);
    let mut batch = Batch::new();
    batch.require(STORE_KEY.to_vec(), None);
    batch.put(STORE_KEY.to_vec(), encode_store(id));
    match engine.commit(&batch) {
        Ok(()) => Ok(id),
        Err(CommitError::Conflict { .. } | CommitError::Unknown { .. }) => {
            match engine.snapshot()?.get(STORE_KEY)? {
                Some(record) => decode_store(&record).map_err(|error| not_ours(engine, error)),
                None => found(engine),
            }
        }
        Err(CommitError::Engine(source) | CommitError::Full { source }) => Err(source.into()),
        Err(CommitError::TooLarge(limit)) => Err(not_ours_because(engine, limit.to_string())),
    }
}

fn not_ours(engine: &dyn Engine, error: Undecodable) -> StoreError {
    match error {
        Undecodable::Newer { found } => StoreError::newer("store", found),
        Undecodable::Damaged(what) => not_ours_because(engine, format!("its store record: {what}")),
    }
}

fn not_ours_because(engine: &dyn Engine, found: String) -> StoreError {
    StoreError::NotAStore {
        place: format!("{engine:?}"),
        found,
    }
}
