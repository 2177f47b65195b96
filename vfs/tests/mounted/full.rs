//! A disk that has no room left.

use std::fs;
use std::io::ErrorKind;

use actor_vfs::{Actor, ActorId, Store, StoreError};
use rusqlite::{Connection, ErrorCode};

use crate::private::Disk;

const ROW_BYTES: u32 = 60_000;
/// More rows than the disk has room for.
const ROWS_MAX: u32 = 200;

fn id() -> ActorId {
    ActorId::new("a").unwrap()
}

fn insert(connection: &Connection, row: u32) -> Result<(), rusqlite::Error> {
    let insert = format!("INSERT INTO t VALUES({row}, randomblob({ROW_BYTES}))");
    connection.execute_batch(&insert)
}

/// An actor that has filled the disk, and the last row that it was told is stored.
fn filled(store: &Store) -> (Actor, Connection, u32) {
    let actor = store.create(&id()).unwrap();
    let connection = actor.connect().unwrap();
    let create = "CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB)";
    connection.execute_batch(create).unwrap();
    let refused = (1..ROWS_MAX).find(|row| match insert(&connection, *row) {
        Ok(()) => false,
        Err(error) => {
            is_full(&actor, &error);
            true
        }
    });
    (actor, connection, refused.unwrap() - 1)
}

/// SQLite says that the disk is full, and the actor says which commit had no room.
fn is_full(actor: &Actor, error: &rusqlite::Error) {
    let code = error.sqlite_error_code();
    assert_eq!(code, Some(ErrorCode::DiskFull), "{error}");
    let said = actor.last_error();
    assert!(
        matches!(said, Some(StoreError::EngineFull { .. })),
        "{said:?}"
    );
}

/// The rows are all there, and no other.
fn holds(connection: &Connection, last: u32) {
    let count = "SELECT count(*), coalesce(max(id), 0), coalesce(sum(length(v)), 0) FROM t";
    let take = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let found: (u32, u32, u32) = connection.query_row(count, [], take).unwrap();
    assert_eq!(found, (last, last, last * ROW_BYTES));
    let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0));
    assert_eq!(check, Ok("ok".to_owned()));
}

pub(crate) fn in_a_commit(disk: &Disk) {
    let path = disk.path().join("store");
    let store = Store::open_or_create_at(&path).unwrap();
    let (actor, connection, mut last) = filled(&store);
    assert!(last > 3, "{last}");
    holds(&connection, last);
    // It is refused again and again, a transaction of many pages too, and stays what it was.
    for statement in ["UPDATE t SET v = randomblob(60000)", "VACUUM"] {
        is_full(&actor, &connection.execute_batch(statement).unwrap_err());
        holds(&connection, last);
    }
    is_full(&actor, &insert(&connection, last + 1).unwrap_err());
    holds(&store.snapshot(&id()).unwrap().connect().unwrap(), last);
    disk.remount("size=64m");
    for _ in 0..10 {
        last += 1;
        insert(&connection, last).unwrap();
    }
    holds(&connection, last);
    assert_eq!(store.scrub().unwrap().damage, []);
    drop((connection, actor, store));
    let store = Store::open_existing(&path).unwrap();
    holds(&store.open(&id()).unwrap().connect().unwrap(), last);
}

pub(crate) fn at_opening(disk: &Disk) {
    let path = disk.path().join("store");
    let store = Store::open_or_create_at(&path).unwrap();
    let (actor, connection, last) = filled(&store);
    drop((connection, actor, store));
    let store = Store::open_existing(&path).unwrap();
    holds(&store.snapshot(&id()).unwrap().connect().unwrap(), last);
    assert_eq!(store.scrub().unwrap().damage, []);
    disk.remount("size=64m");
    let actor = store.open(&id()).unwrap();
    let connection = actor.connect().unwrap();
    insert(&connection, last + 1).unwrap();
    holds(&connection, last + 1);
}

pub(crate) fn at_creating(disk: &Disk) {
    let path = disk.path().join("store");
    let stuffing = fs::write(disk.path().join("stuffing"), vec![0; 64 << 20]);
    assert_eq!(stuffing.unwrap_err().kind(), ErrorKind::StorageFull);
    for _ in 0..2 {
        let refused = Store::open_or_create_at(&path).map(drop).unwrap_err();
        assert!(
            matches!(refused, StoreError::StoreFull { .. }),
            "{refused:?}"
        );
    }
    disk.remount("size=128m");
    let store = Store::open_or_create_at(&path).unwrap();
    assert_eq!(store.scrub().unwrap().damage, []);
}
