//! The stores and actors that connections of this process have open by name.
//!
//! All connections on one actor share one owner, as all connections on one file share its locks.
//! A store is closed with the last of them, so that another process may open it.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf, absolute};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use super::Asked;
use crate::engines::MemoryEngine;
use crate::file::{File, MainFile};
use crate::keys;
use crate::page::PageNo;
use crate::store::{Change, Geometry, Image, Stake};
use crate::{Actor, ActorId, Store, StoreError, StoreOptions};

/// Which store, for names that do not say.
const STORE_VARIABLE: &str = "ACTOR_VFS_STORE";

/// Which keys, for names that do not say.
const KEYS_VARIABLE: &str = "ACTOR_VFS_KEY_FILE";

/// The name of the store in memory.
const MEMORY: &str = ":memory:";

/// How often, and how long at a time, the close of a store by another thread is waited for.
const CLOSING_PAUSES_MAX: u32 = 200;
const CLOSING_PAUSE: Duration = Duration::from_millis(5);

/// A store that some connection has open, and the actors of it that are owned here.
struct OpenStore {
    store: Store,
    owners: Mutex<BTreeMap<ActorId, Weak<Owned>>>,
}

/// An actor that some connection has open.
struct Owned {
    actor: Actor,
    store: Arc<OpenStore>,
}

/// An image that keeps its store open, and its owner where later connections find it.
struct NamedImage {
    image: Box<dyn Image>,
    _owned: Option<Arc<Owned>>,
    _store: Arc<OpenStore>,
}

/// Opens the main file of an actor.
pub(crate) fn open(asked: &Asked<'_>) -> Result<Box<dyn File>, StoreError> {
    let actor = ActorId::new(asked.name)?;
    let store = find_store(asked)?;
    if asked.snapshot {
        return Ok(Box::new(snapshot_file(store, &actor)?));
    }
    Ok(Box::new(main_file(find_owner(
        &store,
        actor,
        asked.create,
    )?)?))
}

fn main_file(owned: Arc<Owned>) -> Result<MainFile, StoreError> {
    let image = Box::new(owned.actor.image()?);
    let named = NamedImage {
        image,
        _store: Arc::clone(&owned.store),
        _owned: Some(Arc::clone(&owned)),
    };
    Ok(owned.actor.main_file(Box::new(named)))
}

fn snapshot_file(store: Arc<OpenStore>, actor: &ActorId) -> Result<MainFile, StoreError> {
    let snapshot = store.store.snapshot(actor)?;
    let named = NamedImage {
        image: Box::new(snapshot.image()),
        _owned: None,
        _store: store,
    };
    Ok(snapshot.main_file(Box::new(named)))
}

fn find_store(asked: &Asked<'_>) -> Result<Arc<OpenStore>, StoreError> {
    let or_variable = |asked: Option<&str>, variable| {
        asked.map_or_else(|| env::var(variable).ok(), |asked| Some(asked.to_owned()))
    };
    let place = or_variable(asked.store, STORE_VARIABLE);
    let keys = or_variable(asked.key_file, KEYS_VARIABLE).filter(|path| !path.is_empty());
    match place.as_deref() {
        None | Some("") => Err(StoreError::StoreUnnamed {
            name: asked.name.to_owned(),
        }),
        Some(MEMORY) => in_memory(),
        Some(path) => on_disk(Path::new(path), keys.as_deref(), asked.create),
    }
}

/// The one store in memory of this process.
fn in_memory() -> Result<Arc<OpenStore>, StoreError> {
    static STORE: Mutex<Option<Arc<OpenStore>>> = Mutex::new(None);
    let mut store = lock(&STORE);
    if let Some(store) = &*store {
        return Ok(Arc::clone(store));
    }
    let made = OpenStore::new(Store::with_engine(Arc::new(MemoryEngine::new()))?);
    Ok(Arc::clone(store.insert(made)))
}

fn on_disk(path: &Path, keys: Option<&str>, create: bool) -> Result<Arc<OpenStore>, StoreError> {
    static STORES: Mutex<BTreeMap<PathBuf, Weak<OpenStore>>> = Mutex::new(BTreeMap::new());
    // A second spelling of a path is a second store, which the file's lock refuses.
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut stores = lock(&STORES);
    let known = stores.get(&path);
    if let Some(store) = known.and_then(Weak::upgrade) {
        return Ok(store);
    }
    let store = OpenStore::new(open_closed(
        &path,
        &options(keys)?,
        create,
        known.is_some(),
    )?);
    stores.retain(|_, store| store.strong_count() > 0);
    stores.insert(path, Arc::downgrade(&store));
    Ok(store)
}

fn options(keys: Option<&str>) -> Result<StoreOptions, StoreError> {
    let keys = keys.map(keys::open).transpose()?;
    Ok(StoreOptions {
        keys,
        ..StoreOptions::default()
    })
}

/// Opens a store that this process has not open. Another thread may be about to close it: it has
/// let go of the handle and not yet of the file.
fn open_closed(
    path: &Path,
    options: &StoreOptions,
    create: bool,
    closing: bool,
) -> Result<Store, StoreError> {
    let mut pauses = if closing { CLOSING_PAUSES_MAX } else { 0 };
    loop {
        let opened = match create {
            true => options.open_or_create_at(path),
            false => options.open_existing(path),
        };
        match opened {
            Err(StoreError::StoreInUse { .. }) if pauses > 0 => thread::sleep(CLOSING_PAUSE),
            opened => return opened,
        }
        pauses -= 1;
    }
}

/// The owner of an actor in this process; a new one if there is none, or if it has lost the actor.
fn find_owner(
    store: &Arc<OpenStore>,
    actor: ActorId,
    create: bool,
) -> Result<Arc<Owned>, StoreError> {
    let mut owners = lock(&store.owners);
    owners.retain(|_, owned| owned.strong_count() > 0);
    let known = owners.get(&actor).and_then(Weak::upgrade);
    if let Some(owned) = known.filter(|owned| owned.actor.image().is_ok()) {
        return Ok(owned);
    }
    let owner = match create {
        true => store.store.open_or_create(&actor)?,
        false => store.store.open(&actor)?,
    };
    let owned = Arc::new(Owned {
        actor: owner,
        store: Arc::clone(store),
    });
    owners.insert(actor, Arc::downgrade(&owned));
    Ok(owned)
}

/// The store of the environment, for a name alone.
#[cfg(feature = "suite")]
fn store_of_name(name: &str) -> Result<Arc<OpenStore>, StoreError> {
    find_store(&Asked {
        name,
        store: None,
        key_file: None,
        snapshot: false,
        create: true,
    })
}

/// Whether there is an actor of that name.
#[cfg(feature = "suite")]
pub(crate) fn exists(name: &str) -> bool {
    let found = || store_of_name(name)?.store.info(&ActorId::new(name)?);
    found().is_ok()
}

/// Deletes an actor if there is one of that name. Connections that have it open keep what they
/// have, as those on a deleted file do; later ones find nothing.
#[cfg(feature = "suite")]
pub(crate) fn delete(name: &str) {
    let Ok(actor) = ActorId::new(name) else {
        return;
    };
    let Ok(store) = store_of_name(name) else {
        return;
    };
    lock(&store.owners).remove(&actor);
    // None of that name is as good as deleted.
    let _ = store.store.delete(&actor);
}

/// Maps of handles: a panic leaves them whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenStore {
    fn new(store: Store) -> Arc<Self> {
        let owners = Mutex::default();
        Arc::new(Self { store, owners })
    }
}

impl Image for NamedImage {
    fn geometry(&self) -> Geometry {
        self.image.geometry()
    }

    fn refresh(&mut self) -> Result<Geometry, StoreError> {
        self.image.refresh()
    }

    fn read(&mut self, page: PageNo, out: &mut [u8]) -> Result<(), StoreError> {
        self.image.read(page, out)
    }

    fn publish(&mut self, change: Change) -> Result<(), StoreError> {
        self.image.publish(change)
    }

    fn stake(&self) -> Option<Stake> {
        self.image.stake()
    }

    fn read_only(&self) -> bool {
        self.image.read_only()
    }
}
