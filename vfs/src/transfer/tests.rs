//! Plain files in and out: whole, equal, and refused with a reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::engines::MemoryEngine;
use crate::kv::{Batch, CommitError, Engine, EngineError, Limits, Snapshot};
use crate::store::{IfExists, ListOptions, Store, StoreOptions};
use crate::testing::{Fault, FaultEngine};
use crate::{ActorId, StoreError};

struct World {
    folder: TempDir,
    engine: Arc<FaultEngine>,
    memory: Arc<MemoryEngine>,
    store: Store,
}

impl World {
    fn new() -> Self {
        Self::with_batches_of(8 * 1024 * 1024)
    }

    fn with_batches_of(bytes: usize) -> Self {
        let memory = Arc::new(MemoryEngine::new());
        let limits = Limits {
            batch_bytes_max: bytes,
            ..memory.limits()
        };
        let engine = Arc::new(FaultEngine::with_limits(memory.clone(), limits));
        let options = StoreOptions {
            settle_for: std::time::Duration::ZERO,
            ..StoreOptions::default()
        };
        let store = options.with_engine(engine.clone()).unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            engine,
            memory,
            store,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn import(&self, path: &Path) -> Result<(), StoreError> {
        self.store.import(&id(), path, IfExists::Refuse).map(|_| ())
    }

    fn export(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        self.store.export(&id(), &path, IfExists::Refuse).unwrap();
        path
    }

    /// The import fails with `code`, leaves no actor and does not touch the file.
    fn assert_refused(&self, path: &Path, code: &str) -> StoreError {
        let before = fs::read(path).ok();
        let error = self.import(path).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        assert_eq!(fs::read(path).ok(), before);
        assert_eq!(self.store.ids(&ListOptions::default()).unwrap(), []);
        assert_eq!(self.keys(), 1, "something is left");
        error
    }

    fn keys(&self) -> usize {
        self.memory
            .snapshot()
            .unwrap()
            .scan_keys(&[]..&[u8::MAX], usize::MAX)
            .unwrap()
            .len()
    }
}

fn id() -> ActorId {
    ActorId::new("a").unwrap()
}

/// A database of about `rows` / 20 pages.
fn database(path: &Path, setup: &str, rows: u32) -> Connection {
    let database = Connection::open(path).unwrap();
    database.execute_batch(setup).unwrap();
    database
        .execute_batch("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT); CREATE INDEX i ON t (b)")
        .unwrap();
    fill(&database, rows);
    database
}

fn fill(database: &Connection, rows: u32) {
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
               INSERT INTO t (b) SELECT hex(randomblob(80)) FROM n";
    database.execute(sql, [rows]).unwrap();
}

/// The bytes of two plain files are equal, but for what SQLite counts anew in every copy: the
/// change counter and where it vouches for the size.
fn assert_same(one: &Path, two: &Path) {
    let bytes = |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[24..28].fill(0);
        bytes[92..96].fill(0);
        bytes
    };
    assert!(
        bytes(one) == bytes(two),
        "{} and {} differ",
        one.display(),
        two.display()
    );
}

/// All rows of a plain file, which SQLite finds whole.
fn rows(path: &Path) -> Vec<(i64, String)> {
    let database = Connection::open(path).unwrap();
    let check: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let mut all = database.prepare("SELECT a, b FROM t ORDER BY a").unwrap();
    let all = all
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    all.collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_plain_file_comes_out_byte_by_byte_as_it_went_in() {
    for page_size in [512, 4096, 65_536] {
        for bytes in [8 * 1024 * 1024, 80 * 1024] {
            let world = World::with_batches_of(bytes);
            let plain = world.path("plain");
            drop(database(
                &plain,
                &format!("PRAGMA page_size = {page_size}"),
                3000,
            ));
            world.import(&plain).unwrap();
            let info = world.store.info(&id()).unwrap();
            assert_eq!((info.page_size.get(), info.commit.get()), (page_size, 1));
            assert_same(&world.export("out"), &plain);
        }
    }
}

#[test]
fn what_stands_in_the_log_is_imported_while_its_writer_goes_on() {
    let world = World::new();
    let plain = world.path("plain");
    let writer = database(
        &plain,
        "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0",
        500,
    );
    assert!(
        fs::metadata(&plain).unwrap().len() < 8192,
        "all is in the log"
    );
    writer.execute_batch("BEGIN; DELETE FROM t").unwrap();
    world.import(&plain).unwrap();
    writer.execute_batch("ROLLBACK").unwrap();
    let out = world.export("out");
    assert_eq!(rows(&out), rows(&plain));
    assert_eq!(rows(&out).len(), 500);
    assert_eq!(
        fs::read(&out).unwrap()[18..20],
        [1, 1],
        "an actor has no log"
    );
}

#[test]
fn a_file_with_a_log_at_rest_is_imported_and_nothing_appears_beside_it() {
    let world = World::new();
    let plain = world.path("a file? with #100% odd name");
    database(&plain, "PRAGMA journal_mode = WAL", 50)
        .close()
        .unwrap();
    let before = fs::read(&plain).unwrap();
    world.import(&plain).unwrap();
    assert_eq!(fs::read(&plain).unwrap(), before);
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 1);
    assert_eq!(rows(&world.export("out")).len(), 50);
}

#[test]
fn what_is_no_database_is_refused_by_what_it_is() {
    let world = World::new();
    let file = |name: &str, content: &[u8]| {
        fs::write(world.path(name), content).unwrap();
        world.path(name)
    };
    let found = |path: PathBuf| world.assert_refused(&path, "S128").to_string();
    assert!(found(file("empty", b"")).ends_with("it is empty"));
    assert!(found(file("text", b"CREATE TABLE t (a);")).ends_with("as SQLite's files do"));
    let noise: Vec<u8> = (0..8192u64)
        .map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[2])
        .collect();
    assert!(found(file("noise", &noise)).ends_with("encrypted or compressed"));
    assert!(found(world.folder.path().to_owned()).ends_with("it is a folder"));
    let mut odd = b"SQLite format 3\0".to_vec();
    odd.resize(4096, 7);
    assert!(found(file("odd", &odd)).ends_with("none of SQLite's"));
    world.assert_refused(&world.path("missing"), "S121");
}

#[test]
fn a_file_that_is_cut_short_or_damaged_is_refused() {
    let world = World::new();
    let plain = world.path("plain");
    drop(database(&plain, "", 500));
    let whole = fs::read(&plain).unwrap();
    for cut in [10, 50, 99, 100, 4096, whole.len() / 2, whole.len() - 1] {
        fs::write(&plain, &whole[..cut]).unwrap();
        world.assert_refused(&plain, "S129");
    }
    let mut damaged = whole.clone();
    damaged[2 * 4096..2 * 4096 + 100].fill(0xee);
    fs::write(&plain, damaged).unwrap();
    world.assert_refused(&plain, "S130");
}

#[test]
fn a_file_whose_writer_died_is_refused_until_it_is_recovered() {
    let world = World::new();
    let (plain, copy) = (world.path("plain"), world.path("copy"));
    let writer = database(&plain, "PRAGMA cache_size = 5", 500);
    writer.execute_batch("BEGIN; UPDATE t SET b = ''").unwrap();
    fs::copy(&plain, &copy).unwrap();
    fs::copy(world.path("plain-journal"), world.path("copy-journal")).unwrap();
    world.assert_refused(&copy, "S131");
    assert_eq!(rows(&copy).len(), 500, "SQLite recovers it");
    world.import(&copy).unwrap();
}

#[test]
fn an_actor_is_replaced_only_if_told_and_then_its_owner_is_fenced() {
    let world = World::with_batches_of(64 * 1024);
    let (one, two) = (world.path("one"), world.path("two"));
    drop(database(&one, "PRAGMA page_size = 8192", 300));
    drop(database(&two, "", 700));
    world.import(&one).unwrap();
    let keys = world.keys();
    let owner = world.store.open(&id()).unwrap();
    assert_eq!(world.import(&two).unwrap_err().code(), "S103");
    assert_eq!(world.keys(), keys);

    let info = world.store.import(&id(), &two, IfExists::Replace).unwrap();
    assert_eq!((info.epoch.get(), info.commit.get()), (3, 2));
    assert_eq!(
        info.pages.get() as usize + 2,
        world.keys(),
        "nothing of the former is left"
    );
    assert_same(&world.export("out"), &two);
    let mut image = owner.image().unwrap();
    let mut page = vec![0; 8192];
    let read = crate::store::Image::read(&mut image, crate::PageNo::FIRST, &mut page);
    assert_eq!(read.unwrap_err().code(), "S104");
}

#[test]
fn an_import_over_the_quota_is_refused() {
    let world = World::new();
    let plain = world.path("plain");
    drop(database(&plain, "", 500));
    let options = StoreOptions {
        actor_bytes_max: Some(16_384),
        ..StoreOptions::default()
    };
    let store = options.with_engine(world.engine.clone()).unwrap();
    assert_eq!(
        store
            .import(&id(), &plain, IfExists::Refuse)
            .unwrap_err()
            .code(),
        "S116"
    );
    assert_eq!(world.keys(), 1);
}

#[test]
fn an_import_interrupted_anywhere_happens_whole_or_leaves_nothing_that_stays() {
    let faults = [
        Fault::Fail,
        Fault::LoseAnswer,
        Fault::LoseRequest,
        Fault::Delay,
        Fault::CrashBefore,
        Fault::CrashAfter,
    ];
    let files = tempfile::tempdir().unwrap();
    let (one, two) = (files.path().join("one"), files.path().join("two"));
    drop(database(&one, "", 20));
    drop(database(&two, "", 500));
    for (bytes, replace) in [(8 << 20, false), (64 << 10, false), (64 << 10, true)] {
        for fault in faults {
            for call in 0.. {
                let world = World::with_batches_of(bytes);
                let mut expected = 1;
                if replace {
                    expected += 1 + world
                        .store
                        .import(&id(), &one, IfExists::Refuse)
                        .unwrap()
                        .pages
                        .get() as usize;
                }
                world.engine.fail_at(call, fault);
                let result = world.store.import(&id(), &two, IfExists::Replace);
                let struck = world.engine.has_struck();
                world.engine.heal();
                let context = format!("{fault:?} at {call}, {replace}: {result:?}");
                let present = world
                    .store
                    .info(&id())
                    .is_ok_and(|info| info.commit.get() == 1 + u64::from(replace));
                assert!(present || result.is_err(), "{context}");
                if present {
                    expected = 2 + world.store.info(&id()).unwrap().pages.get() as usize;
                    assert_same(&world.export("out"), &two);
                }
                for late in world.engine.deliver() {
                    assert!(late.is_err() || !present, "{context}: it landed twice");
                }
                world.store.clear_asides().unwrap();
                let landed = world
                    .store
                    .info(&id())
                    .is_ok_and(|info| info.commit.get() > u64::from(replace));
                if landed {
                    expected = 2 + world.store.info(&id()).unwrap().pages.get() as usize;
                }
                assert_eq!(world.keys(), expected, "{context}");
                world.store.import(&id(), &two, IfExists::Replace).unwrap();
                if !struck {
                    break;
                }
            }
        }
    }
}

#[test]
fn an_import_that_another_overtakes_fails_and_the_other_stands() {
    let world = World::with_batches_of(64 * 1024);
    let (one, two) = (world.path("one"), world.path("two"));
    drop(database(&one, "", 700));
    drop(database(&two, "", 500));
    // The first import is cut short where its head stands aside, and one of its batches is late.
    world.engine.fail_from(4, Fault::Delay);
    world.import(&one).unwrap_err();
    world.engine.heal();
    world.import(&two).unwrap();
    world.engine.deliver();
    assert_same(&world.export("out"), &two);
    world.store.clear_asides().unwrap();
    let pages = world.store.info(&id()).unwrap().pages;
    assert_eq!(world.keys(), 2 + pages.get() as usize);
}

/// An engine that lets somebody in just before the next commit.
#[derive(Debug)]
struct Intruded {
    inner: Arc<FaultEngine>,
    intruder: Mutex<Option<fn(&Store)>>,
    store: Store,
}

impl Engine for Intruded {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, EngineError> {
        self.inner.snapshot()
    }

    fn commit(&self, batch: &Batch) -> Result<(), CommitError> {
        let intruder = self.intruder.lock().unwrap().take();
        intruder
            .into_iter()
            .for_each(|intrude| intrude(&self.store));
        self.inner.commit(batch)
    }
}

#[test]
fn an_import_that_finds_somebody_in_its_place_at_the_last_moment_asks_again() {
    for if_exists in [IfExists::Refuse, IfExists::Replace] {
        let world = World::new();
        let plain = world.path("plain");
        drop(database(&plain, "", 50));
        let intruder: fn(&Store) = |store| drop(store.create(&id()).unwrap());
        let (inner, store) = (world.engine.clone(), world.store.clone());
        let engine = Arc::new(Intruded {
            inner,
            store,
            intruder: Mutex::new(None),
        });
        let store = world.store.options().with_engine(engine.clone()).unwrap();
        *engine.intruder.lock().unwrap() = Some(intruder);
        let result = store.import(&id(), &plain, if_exists);
        match if_exists {
            IfExists::Refuse => {
                assert_eq!(result.unwrap_err().code(), "S103");
                assert_eq!(world.keys(), 2, "only the intruder is there");
            }
            IfExists::Replace => {
                assert_eq!(result.unwrap().epoch.get(), 2);
                assert_same(&world.export("out"), &plain);
            }
        }
    }
}

#[test]
fn an_export_replaces_a_file_only_if_told_and_never_beside_a_journal() {
    let world = World::new();
    let plain = world.path("plain");
    drop(database(&plain, "", 50));
    world.import(&plain).unwrap();
    let out = world.path("out");
    fs::write(&out, "precious").unwrap();
    let error = world
        .store
        .export(&id(), &out, IfExists::Refuse)
        .unwrap_err();
    assert_eq!(
        (error.code(), fs::read(&out).unwrap()),
        ("S132", b"precious".to_vec())
    );
    fs::write(world.path("out-wal"), "").unwrap();
    let error = world
        .store
        .export(&id(), &out, IfExists::Replace)
        .unwrap_err();
    assert_eq!(
        (error.code(), fs::read(&out).unwrap()),
        ("S133", b"precious".to_vec())
    );
    fs::remove_file(world.path("out-wal")).unwrap();
    world.store.export(&id(), &out, IfExists::Replace).unwrap();
    assert_same(&out, &plain);
    assert_eq!(
        fs::read_dir(world.folder.path()).unwrap().count(),
        2,
        "nothing unfinished is left"
    );
    let nowhere = world.path("no such folder/out");
    assert_eq!(
        world
            .store
            .export(&id(), nowhere, IfExists::Refuse)
            .unwrap_err()
            .code(),
        "S121"
    );
}

#[test]
fn an_export_that_meets_damage_leaves_no_file() {
    let world = World::new();
    let plain = world.path("plain");
    drop(database(&plain, "", 50));
    world.import(&plain).unwrap();
    world.engine.fail_from(4, Fault::Fail);
    assert!(
        world
            .store
            .export(&id(), world.path("out"), IfExists::Refuse)
            .is_err()
    );
    assert_eq!(fs::read_dir(world.folder.path()).unwrap().count(), 1);
}
