//! A small store that is the same in every run, and what its actors must read as.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::plain::encode_page;
use crate::ActorId;
use crate::engines::MemoryEngine;
use crate::kv::{Batch, Engine, Entry};
use crate::layout::{
    Checksum, CommitNo, DbId, Epoch, Head, Moment, PageKey, STORE_KEY, StoreId, Token, Unswept,
    actor_of_aside_key, actor_of_head_key, encode_store, head_key,
};
use crate::page::PageNo;
use crate::store::{Store, StoreOptions};

/// How far an actor of the world can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Nobody has touched it: it reads as it was committed.
    Whole,
    /// By accident: what it reads as is an error, or what was committed.
    Damaged,
    /// By somebody who knows the format: it may read as anything, and harms nobody.
    Forged,
}

/// An actor that the world began with.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: ActorId,
    pub(super) db: DbId,
    pub(super) pages: Vec<Vec<u8>>,
    pub(super) trust: Trust,
    /// Whether former versions of its pages still stand, and come up when a newer one is lost.
    pub(super) has_garbage: bool,
}

/// The commit at which every actor of the world stands.
const COMMIT: CommitNo = CommitNo::new(7);

pub(super) struct World {
    pub(super) engine: Arc<MemoryEngine>,
    pub(super) known: Vec<Known>,
}

impl World {
    pub(super) fn new() -> Self {
        static FIRST: OnceLock<(MemoryEngine, Vec<Known>)> = OnceLock::new();
        let (engine, known) = FIRST.get_or_init(first);
        Self {
            engine: Arc::new(engine.clone()),
            known: known.clone(),
        }
    }

    /// The store, if it still is one.
    pub(super) fn store(&self) -> Option<Store> {
        let options = StoreOptions {
            settle_for: Duration::ZERO,
            ..StoreOptions::default()
        };
        let opened = options.with_engine(self.engine.clone());
        opened
            .inspect_err(|error| assert!(["S109", "S110"].contains(&error.code()), "{error}"))
            .ok()
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let snapshot = self.engine.snapshot().expect("memory");
        let all = snapshot.scan(&[]..&[u8::MAX; 40], usize::MAX);
        all.expect("memory")
    }

    /// Puts or removes a value behind the store's back.
    pub(super) fn tamper(&self, key: &[u8], value: Option<Vec<u8>>) {
        let mut batch = Batch::new();
        match value {
            Some(value) => batch.put(key.to_vec(), value),
            None => batch.delete(key.to_vec()),
        }
        // The engine refuses a key or a value that is too long, as every engine does.
        _ = self.engine.commit(&batch);
    }

    /// Lowers the trust in whoever has something under that key.
    pub(super) fn distrust(&mut self, key: &[u8], trust: Trust) {
        let named = actor_of_head_key(key).or_else(|| actor_of_aside_key(key));
        for known in &mut self.known {
            if named.as_ref() == Some(&known.id) || PageKey::parse(known.db, key).is_some() {
                known.trust = known.trust.max(trust);
            }
        }
    }

    pub(super) fn distrust_all(&mut self) {
        let all = self.known.iter_mut();
        all.for_each(|known| known.trust = Trust::Forged);
    }
}

const SMALL: &str = "CREATE TABLE t(id INTEGER PRIMARY KEY, v);
    INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, 'three')";
const PAGES: &str = "PRAGMA page_size = 512; PRAGMA auto_vacuum = FULL;
    CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE INDEX i ON t(v);
    WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n WHERE x < 30)
    INSERT INTO t SELECT x, printf('%.*c', x * x, 'v') FROM n";
const LEFT: &str = "PRAGMA page_size = 1024; CREATE TABLE t(id INTEGER PRIMARY KEY, v);
    INSERT INTO t VALUES (1, zeroblob(3000)), (2, 'two')";

fn first() -> (MemoryEngine, Vec<Known>) {
    let engine = MemoryEngine::new();
    let mut batch = Batch::new();
    let store = encode_store(StoreId::new([0x5e; 16]));
    batch.put(STORE_KEY.to_vec(), store);
    let known = [
        ("small", SMALL, false),
        ("pages", PAGES, false),
        ("left", LEFT, true),
    ];
    let known = (1..)
        .zip(known)
        .map(|(number, (id, sql, has_garbage))| Known {
            id: ActorId::new(id).expect("an id"),
            db: DbId::new([number; 16]),
            pages: pages_of(sql),
            trust: Trust::Whole,
            has_garbage,
        });
    let known: Vec<_> = known.collect();
    known.iter().for_each(|known| place(&mut batch, known));
    engine.commit(&batch).expect("memory");
    (engine, known)
}

/// The pages of the database that some SQL makes.
fn pages_of(sql: &str) -> Vec<Vec<u8>> {
    let store = Store::with_engine(Arc::new(MemoryEngine::new())).expect("an empty engine");
    let id = ActorId::new("source").expect("an id");
    let actor = store.create(&id).expect("a new actor");
    let connection = actor.connect().expect("a connection");
    connection.execute_batch(sql).expect("good SQL");
    drop(connection);
    let snapshot = store.snapshot(&id).expect("a head");
    let mut content = vec![0; snapshot.page_size().bytes()];
    let pages = snapshot.pages().pages().map(|page| {
        snapshot.read(page, &mut content).expect("a whole page");
        content.clone()
    });
    pages.collect()
}

/// Adds an actor under names that are the same in every run. Its pages are of several commits.
fn place(batch: &mut Batch, known: &Known) {
    let mut checksum = Checksum::default();
    for (page, content) in numbered(&known.pages) {
        let commit = CommitNo::new(u64::from(page.get() % 7) + 1);
        let of_page = Checksum::of(page, content);
        checksum ^= of_page;
        put_page(batch, PageKey::new(known.db, page, commit), content);
        if known.has_garbage && commit > CommitNo::new(1) {
            let former = vec![0x0f; content.len()];
            put_page(
                batch,
                PageKey::new(known.db, page, CommitNo::new(1)),
                &former,
            );
        }
    }
    let unswept = if known.has_garbage {
        Unswept::Garbage
    } else {
        Unswept::Nothing
    };
    let token = Token::new([9; 16]);
    let bytes = u32::try_from(known.pages[0].len()).expect("a page");
    let head = Head {
        db: known.db,
        epoch: Epoch::new(3),
        commit: COMMIT,
        token,
        committed: token,
        page_size: crate::PageSize::new(bytes).expect("a page size"),
        pages: crate::PageCount::new(u32::try_from(known.pages.len()).expect("few")),
        encrypted: false,
        checksum,
        time: Moment::default(),
        floor: COMMIT,
        pinned: CommitNo::default(),
        unswept,
    };
    let key = head_key(&known.id);
    batch.put(key.clone(), head.encode(&key));
}

pub(super) fn numbered(pages: &[Vec<u8>]) -> impl Iterator<Item = (PageNo, &[u8])> {
    let numbers = (1..).filter_map(PageNo::new);
    numbers.zip(pages.iter().map(Vec::as_slice))
}

fn put_page(batch: &mut Batch, key: PageKey, content: &[u8]) {
    let record = encode_page(&key, content, Checksum::of(key.page(), content));
    batch.put(key.to_vec(), record);
}
