//! A store on an engine that fails on demand, contents to commit, and an audit of every key.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::engines::MemoryEngine;
use crate::keys::{DerivedKeys, Key};
use crate::kv::{Batch, Engine, Limits};
use crate::layout::{
    Checksum, Commit, DbId, Head, PageCodec, PageKey, RETENTION_KEY, STORE_KEY, State, Unswept,
    actor_of_head_key, commits_of, key_record_key, points_of,
};
use crate::page::{PageCount, PageNo, PageSize};
use crate::store::{Actor, ActorSnapshot, Change, Image, Plaintext, Store, StoreOptions};
use crate::testing::FaultEngine;
use crate::{ActorId, StoreError};

pub(super) const SIZE: PageSize = PageSize::DEFAULT;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(1_000) };
}

/// The clock of a world: it stands still until it is told to go on.
pub(super) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.get())
}

/// Lets the clock of all worlds of this test go on.
pub(super) fn wait(seconds: u64) {
    NOW.set(NOW.get() + seconds);
}

/// A database as its pages: what a reader must see.
pub(super) type Pages = Vec<Vec<u8>>;

/// A store in memory whose engine fails when told to.
pub(super) struct World {
    pub(super) memory: Arc<MemoryEngine>,
    pub(super) engine: Arc<FaultEngine>,
    pub(super) store: Store,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Limits::default(), StoreOptions::default())
    }

    /// The page records of the actor `a` in the order of their pages, those of a page from the
    /// newest on.
    pub(super) fn records(&self) -> Vec<(PageKey, Vec<u8>)> {
        let db = self.head().unwrap().db;
        let entries = self.entries().into_iter();
        entries
            .filter_map(|(key, record)| Some((PageKey::parse(db, &key)?, record)))
            .collect()
    }

    /// A world whose engine takes batches of a few pages only, so that most commits are staged.
    pub(super) fn tight() -> Self {
        let limits = Limits {
            batch_bytes_max: 16 * 1024,
            ..Limits::default()
        };
        Self::with(limits, StoreOptions::default())
    }

    /// A world whose actors are encrypted.
    pub(super) fn secret() -> Self {
        Self::with(Limits::default(), secret_options())
    }

    /// A world whose actors are encrypted, and whose engine takes batches of a few pages only.
    pub(super) fn secret_and_tight() -> Self {
        Self::with(Self::tight().engine.limits(), secret_options())
    }

    pub(super) fn with(limits: Limits, options: StoreOptions) -> Self {
        Self::on(MemoryEngine::new(), limits, options)
    }

    /// Another world in the same state.
    pub(super) fn copy(&self) -> Self {
        let options = self.store.options().clone();
        Self::on((*self.memory).clone(), self.engine.limits(), options)
    }

    /// The same engine's state, as a host with these options has it.
    pub(super) fn of(other: &Self, options: StoreOptions) -> Self {
        Self::over(Arc::clone(&other.memory), other.engine.limits(), options)
    }

    fn on(memory: MemoryEngine, limits: Limits, options: StoreOptions) -> Self {
        Self::over(Arc::new(memory), limits, options)
    }

    fn over(memory: Arc<MemoryEngine>, limits: Limits, options: StoreOptions) -> Self {
        let engine = Arc::new(FaultEngine::with_limits(memory.clone(), limits));
        let options = StoreOptions {
            settle_for: Duration::ZERO,
            ..options
        };
        let store = options.with_clock(engine.clone(), now).unwrap();
        Self {
            memory,
            engine,
            store,
        }
    }

    /// The actor `a` holding `pages`.
    pub(super) fn actor_holding(&self, pages: &Pages) -> Actor {
        let actor = self.store.create(&id("a")).unwrap();
        publish(&actor, &replacing(pages)).unwrap();
        actor
    }

    /// What a reader sees of the actor `a`.
    pub(super) fn seen(&self) -> Pages {
        contents(&self.store.snapshot(&id("a")).unwrap())
    }

    /// Puts a value into the engine behind the store's back.
    pub(super) fn tamper(&self, key: &[u8], value: Option<Vec<u8>>) {
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(key.to_vec(), value),
            None => batch.delete(key.to_vec()),
        }
        self.memory.commit(&batch).unwrap();
    }

    pub(super) fn entries(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.memory
            .snapshot()
            .unwrap()
            .scan(&[]..&[u8::MAX], usize::MAX)
            .unwrap()
    }

    /// Every key of the actor `a`, by page.
    pub(super) fn page_keys(&self) -> Vec<PageKey> {
        let db = self.head().unwrap().db;
        self.entries()
            .iter()
            .filter_map(|(key, _)| PageKey::parse(db, key))
            .collect()
    }

    pub(super) fn head(&self) -> Option<Head> {
        let entries = self.entries();
        let (key, record) = entries
            .iter()
            .find(|(key, _)| actor_of_head_key(key).is_some())?;
        Some(Head::decode(key, record).unwrap())
    }

    /// Every key belongs where it is: exactly the versions that a kept state shows and nothing
    /// more, unless the head says that something is left to sweep; and the rolling checksum of
    /// each of these states is that of its pages.
    pub(super) fn audit(&self) {
        let mut entries: BTreeMap<_, _> = self.entries().into_iter().collect();
        assert!(
            entries.remove(STORE_KEY).is_some(),
            "the store record is gone"
        );
        entries.remove(RETENTION_KEY);
        let is_head = |key: &Vec<u8>| actor_of_head_key(key).is_some();
        let heads: Vec<_> = entries.extract_if(.., |key, _| is_head(key)).collect();
        let snapshot = self.memory.snapshot().unwrap();
        for (key, record) in heads {
            let actor = actor_of_head_key(&key).unwrap();
            let head = Head::decode(&key, &record).unwrap();
            let kept = kept_states(&actor, &head, &mut entries);
            let codec = |state: &State| {
                let shared = &self.store.shared;
                shared.codec(&*snapshot, &actor, &head.at(state)).unwrap()
            };
            audit_actor(&head, &kept, codec, &mut entries);
        }
        assert!(
            entries.is_empty(),
            "keys that belong to nobody: {:?}",
            entries.keys()
        );
    }
}

/// The states that an actor keeps, by their records, which are all there.
fn kept_states(
    actor: &ActorId,
    head: &Head,
    entries: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Vec<State> {
    let mut kept = vec![head.state()];
    let points = entries.extract_if(points_of(actor), |_, _| true);
    kept.extend(points.map(|(key, record)| State::decode(&key, &record).unwrap()));
    let pins = kept.iter().skip(1).filter(|pin| pin.db == head.db);
    assert_eq!(
        pins.map(|pin| pin.commit).max().unwrap_or_default(),
        head.pinned
    );
    let commits = entries.extract_if(commits_of(actor), |_, _| true);
    let commits = commits.map(|(key, record)| Commit::decode(&key, &record).unwrap().state);
    let (commits, rest): (Vec<_>, Vec<_>) =
        commits.partition(|state| head.floor <= state.commit && state.commit <= head.commit);
    let numbers = commits.iter().map(|state| state.commit.get());
    if head.floor < head.commit {
        assert!(
            numbers.eq(head.floor.get()..=head.commit.get()),
            "a record of each commit"
        );
        // Whoever claims the actor takes a new epoch.
        let epoch = commits.last().map(|last| last.epoch).unwrap_or_default();
        let last = State {
            epoch,
            ..head.state()
        };
        assert_eq!(commits.last(), Some(&last));
    }
    if head.unswept == Unswept::Garbage {
        for state in rest {
            entries.retain(|key, _| {
                let is_of_image =
                    PageKey::parse(state.db, key).is_some() || *key == key_record_key(state.db);
                !is_of_image || kept.iter().chain(&commits).any(|kept| kept.db == state.db)
            });
        }
    } else {
        assert_eq!(rest, [], "records of commits that are not kept");
        assert!(head.floor < head.commit || commits.is_empty());
    }
    kept.extend(commits);
    kept
}

fn audit_actor(
    head: &Head,
    kept: &[State],
    codec: impl Fn(&State) -> Arc<PageCodec>,
    entries: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) {
    let of_db = |db: DbId| move |key: &Vec<u8>, _: &mut Vec<u8>| PageKey::parse(db, key).is_some();
    if let Unswept::Staging(db) = head.unswept
        && db != head.db
    {
        entries.extract_if(.., of_db(db)).for_each(drop);
    }
    let images: BTreeSet<_> = kept.iter().map(|state| state.db.bytes()).collect();
    for db in images.into_iter().map(DbId::new) {
        let versions: BTreeMap<_, _> = entries
            .extract_if(.., of_db(db))
            .map(|(key, record)| (PageKey::parse(db, &key).unwrap(), record))
            .collect();
        let of_image = || kept.iter().filter(|state| state.db == db);
        let is_encrypted = of_image().all(|state| state.encrypted);
        let has_key = entries.remove(&key_record_key(db)).is_some();
        assert_eq!(has_key, is_encrypted, "a key record");
        let mut shown = BTreeSet::new();
        for state in of_image() {
            shown.extend(audit_state(head, state, &codec(state), &versions));
        }
        let unseen = versions.keys().find(|key| !shown.contains(key));
        assert!(
            unseen.is_none() || head.unswept != Unswept::Nothing,
            "nobody can see {unseen:?}"
        );
    }
}

/// The versions that a state shows, which together are what was committed.
fn audit_state(
    head: &Head,
    state: &State,
    codec: &PageCodec,
    versions: &BTreeMap<PageKey, Vec<u8>>,
) -> BTreeSet<PageKey> {
    let mut checksum = Checksum::default();
    let mut out = vec![0; state.page_size.bytes()];
    let mut shown = BTreeSet::new();
    for page in state.pages.pages() {
        let first = PageKey::new(state.db, page, state.commit);
        let (key, record) = versions.range(first..).next().unwrap();
        assert_eq!(
            key.page(),
            page,
            "page {page} of commit {} is gone",
            state.commit
        );
        checksum ^= codec.decode(key, record, &mut out).unwrap();
        shown.insert(*key);
    }
    assert_eq!(
        checksum ^ codec.mask(&head.at(state)),
        state.checksum,
        "the rolling checksum of commit {}",
        state.commit
    );
    shown
}

/// Options under which actors are encrypted, and those are refused that are not.
pub(super) fn secret_options() -> StoreOptions {
    StoreOptions {
        keys: Some(Arc::new(DerivedKeys::new(Key::new([7; 32])))),
        plaintext: Plaintext::Refuse,
        ..StoreOptions::default()
    }
}

pub(super) fn id(text: &str) -> ActorId {
    ActorId::new(text).unwrap()
}

pub(super) fn page(number: u32) -> PageNo {
    PageNo::new(number).unwrap()
}

/// A page that does not compress, other for every `seed`.
pub(super) fn content(seed: u64, size: PageSize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut page = vec![0; size.bytes()];
    for chunk in page.chunks_exact_mut(8) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        chunk.copy_from_slice(&(state ^ (state >> 29)).to_be_bytes());
    }
    page
}

pub(super) fn database(pages: u64, seed: u64) -> Pages {
    (0..pages)
        .map(|page| content(seed * 1000 + page, SIZE))
        .collect()
}

/// The change that makes a database consist of `pages`.
pub(super) fn replacing(pages: &Pages) -> Change {
    let size = pages
        .first()
        .map_or(SIZE.get(), |page| u32::try_from(page.len()).unwrap());
    let dirty = pages
        .iter()
        .zip(1..)
        .map(|(bytes, at)| (page(at), Arc::from(&bytes[..])))
        .collect();
    Change {
        page_size: PageSize::new(size).unwrap(),
        pages: PageCount::new(u32::try_from(pages.len()).unwrap()),
        dirty,
    }
}

/// The change that turns the database `from` into `to` by writing only what differs.
pub(super) fn between(from: &Pages, to: &Pages) -> Change {
    let mut change = replacing(to);
    let same = |at: &PageNo| from.get(at.get() as usize - 1) == to.get(at.get() as usize - 1);
    change.dirty.retain(|at, _| !same(at));
    change
}

pub(super) fn publish(actor: &Actor, change: &Change) -> Result<(), StoreError> {
    actor.image()?.publish(change.clone())
}

pub(super) fn contents(snapshot: &ActorSnapshot) -> Pages {
    let mut out = vec![0; snapshot.page_size().bytes()];
    let read = |at| {
        snapshot.read(at, &mut out).unwrap();
        out.clone()
    };
    snapshot.pages().pages().map(read).collect()
}

/// What a connection of the owner sees.
pub(super) fn owned(actor: &Actor) -> Result<Pages, StoreError> {
    let mut image = actor.image()?;
    let shape = image.refresh()?;
    let mut out = vec![0; shape.page_size.bytes()];
    let read = |at| image.read(at, &mut out).map(|()| out.clone());
    shape.pages.pages().map(read).collect()
}
