//! The durable engine: the laws, the file's fate, a disk that fills up or fails.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicU8;

use redb::StorageBackend;
use redb::backends::FileBackend;
use tempfile::TempDir;

use super::*;
use crate::kv::conformance::{Durability, check};

const CACHE_BYTES: usize = 4 * 1024 * 1024;

fn new_file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("engine.redb");
    (folder, file)
}

fn put(key: u32, bytes: usize) -> Batch {
    let mut batch = Batch::new();
    batch.put(
        key.to_be_bytes().to_vec(),
        vec![key.to_be_bytes()[3]; bytes],
    );
    batch
}

fn get(engine: &RedbEngine, key: u32) -> Option<Vec<u8>> {
    engine.snapshot().unwrap().get(&key.to_be_bytes()).unwrap()
}

#[test]
fn the_redb_engine_keeps_the_laws_of_engines() {
    let folder = tempfile::tempdir().unwrap();
    check(Durability::Durable, |n| {
        Arc::new(RedbEngine::create(folder.path().join(n.to_string()), CACHE_BYTES).unwrap())
    });
}

#[test]
fn a_file_that_is_open_cannot_be_opened_again() {
    let (_folder, file) = new_file();
    let engine = RedbEngine::create(&file, CACHE_BYTES).unwrap();
    for again in [
        RedbEngine::open(&file, CACHE_BYTES),
        RedbEngine::create(&file, CACHE_BYTES),
    ] {
        assert_eq!(again.unwrap_err().kind, EngineErrorKind::InUse);
    }
    engine.commit(&put(1, 10)).unwrap();
    drop(engine);
    assert!(get(&RedbEngine::open(&file, CACHE_BYTES).unwrap(), 1).is_some());
}

#[test]
fn what_is_missing_or_foreign_is_told_apart_and_left_alone() {
    let (folder, file) = new_file();
    let kind = |path: &Path| RedbEngine::open(path, CACHE_BYTES).unwrap_err().kind;
    assert_eq!(kind(&file), EngineErrorKind::Missing);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);

    std::fs::write(&file, b"SQLite format 3\0 and so on").unwrap();
    assert_eq!(kind(&file), EngineErrorKind::Foreign);
    assert_eq!(
        std::fs::read(&file).unwrap(),
        b"SQLite format 3\0 and so on"
    );

    let other = folder.path().join("other.redb");
    let theirs = TableDefinition::<u64, u64>::new("somebody else's");
    let database = Database::create(&other).unwrap();
    let write = database.begin_write().unwrap();
    write.open_table(theirs).unwrap().insert(1, 2).unwrap();
    write.commit().unwrap();
    drop(database);
    assert_eq!(kind(&other), EngineErrorKind::Foreign);
    let database = Database::open(&other).unwrap();
    let read = database.begin_read().unwrap();
    assert_eq!(read.list_tables().unwrap().count(), 1);
    assert_eq!(
        read.open_table(theirs)
            .unwrap()
            .get(1)
            .unwrap()
            .unwrap()
            .value(),
        2
    );
}

#[test]
fn a_file_cut_short_is_damaged_and_never_a_panic() {
    let (_folder, file) = new_file();
    let engine = RedbEngine::create(&file, CACHE_BYTES).unwrap();
    (0..200).for_each(|key| engine.commit(&put(key, 3000)).unwrap());
    drop(engine);
    let whole = std::fs::read(&file).unwrap();
    for cut in [
        0,
        1,
        100,
        4096,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        std::fs::write(&file, &whole[..cut]).unwrap();
        let error = RedbEngine::open(&file, CACHE_BYTES).unwrap_err();
        let kinds = [EngineErrorKind::Damaged, EngineErrorKind::Foreign];
        assert!(
            kinds.contains(&error.kind),
            "cut at {cut}: {:?} {:?}",
            error.kind,
            error.source
        );
        assert_eq!(std::fs::read(&file).unwrap(), whole[..cut], "cut at {cut}");
    }
}

#[test]
fn several_threads_that_create_one_file_agree_on_it() {
    let (_folder, file) = new_file();
    let opened = std::thread::scope(|scope| {
        let open = || RedbEngine::create(&file, CACHE_BYTES);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    let engines: Vec<_> = opened
        .iter()
        .filter_map(|engine| engine.as_ref().ok())
        .collect();
    let errors = opened.iter().filter_map(|engine| engine.as_ref().err());
    assert_eq!(engines.len(), 1);
    errors.for_each(|error| assert_eq!(error.kind, EngineErrorKind::InUse));
    engines[0].commit(&put(1, 1)).unwrap();
    assert_eq!(
        file.parent().unwrap().read_dir().unwrap().count(),
        1,
        "nothing unfinished is left"
    );
}

/// A disk that obeys until told to fail.
#[derive(Debug)]
struct Disk {
    file: FileBackend,
    health: Arc<Health>,
}

#[derive(Debug, Default)]
struct Health {
    ill: AtomicU8,
    /// The blocks that have been given to the file: a full disk takes writes to these alone.
    blocks: Mutex<HashSet<u64>>,
}

const WELL: u8 = 0;
const FULL: u8 = 1;
const NO_FLUSH: u8 = 2;
const NO_READ: u8 = 3;
const BLOCK_BYTES: u64 = 4096;

impl Health {
    fn set(&self, ill: u8) {
        self.ill.store(ill, Ordering::SeqCst);
    }

    fn fails(&self, ill: u8) -> bool {
        self.ill.load(Ordering::SeqCst) == ill
    }

    fn give_blocks(&self, offset: u64, bytes: usize) -> io::Result<()> {
        let mut given = self.blocks.lock().unwrap();
        for block in offset / BLOCK_BYTES..(offset + bytes as u64).div_ceil(BLOCK_BYTES) {
            if self.fails(FULL) && !given.contains(&block) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            given.insert(block);
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        if self.health.fails(NO_READ) {
            return Err(io::Error::other("a bad sector"));
        }
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.health.fails(NO_FLUSH) {
            return Err(io::Error::other("a flush that fails"));
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.health.give_blocks(offset, data.len())?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

/// An engine whose disk can be told to fail.
fn on_ill_disk() -> (TempDir, RedbEngine, Arc<Health>) {
    let (folder, path) = new_file();
    file::create(&path).unwrap();
    let health = Arc::<Health>::default();
    let bytes = std::fs::metadata(&path).unwrap().len();
    health
        .give_blocks(0, usize::try_from(bytes).unwrap())
        .unwrap();
    let of_disk = health.clone();
    let opener = move || {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(&path)
            .unwrap();
        let disk = Disk {
            file: FileBackend::new(file).unwrap(),
            health: of_disk.clone(),
        };
        let mut builder = redb::Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        builder
            .create_with_backend(disk)
            .map_err(failed("opening the file"))
    };
    (
        folder,
        RedbEngine::opened_by(Box::new(opener)).unwrap(),
        health,
    )
}

fn is_full(answer: Result<(), CommitError>) -> bool {
    match answer {
        Ok(()) => false,
        Err(CommitError::Full { .. }) => true,
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_full_disk_refuses_what_does_not_fit_and_works_again_once_there_is_room() {
    let (_folder, engine, health) = on_ill_disk();
    (0..20).for_each(|key| engine.commit(&put(key, 3000)).unwrap());
    let held = engine.snapshot().unwrap();
    health.set(FULL);
    let refused: Vec<_> = (20..60)
        .filter(|key| is_full(engine.commit(&put(*key, 3000))))
        .collect();
    assert!(!refused.is_empty());
    health.set(WELL);
    for key in 0..60 {
        assert_eq!(get(&engine, key).is_none(), refused.contains(&key), "{key}");
    }
    (60..80).for_each(|key| engine.commit(&put(key, 3000)).unwrap());
    drop(held);
}

#[test]
fn after_a_failed_flush_nothing_is_acknowledged_any_more() {
    let (_folder, engine, health) = on_ill_disk();
    engine.commit(&put(1, 3000)).unwrap();
    health.set(NO_FLUSH);
    let answer = engine.commit(&put(2, 3000));
    assert!(
        matches!(answer, Err(CommitError::Unknown { .. })),
        "{answer:?}"
    );
    health.set(WELL);
    assert!(engine.snapshot().is_err());
    assert!(matches!(
        engine.commit(&put(3, 1)),
        Err(CommitError::Engine(_))
    ));
}

#[test]
fn a_failed_read_is_over_once_the_disk_obeys_again() {
    let (_folder, engine, health) = on_ill_disk();
    (0..100).for_each(|key| engine.commit(&put(key, 90_000)).unwrap());
    health.set(NO_READ);
    let read = |key: u32| {
        engine
            .snapshot()
            .and_then(|now| now.get(&key.to_be_bytes()))
    };
    assert!(
        (0..100).any(|key| read(key).is_err()),
        "the cache holds less than the file"
    );
    health.set(WELL);
    assert!(read(7).unwrap().is_some());
    engine.commit(&put(1, 3000)).unwrap();
}
