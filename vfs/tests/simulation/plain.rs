//! Plain SQLite: what an actor's bytes say without the store.

use std::collections::BTreeSet;
use std::time::Duration;

use actor_vfs::{ActorId, ActorSnapshot, PageNo, Store, StoreError};
use rusqlite::backup::Backup;
use rusqlite::{Connection, MAIN_DB, OpenFlags};

use tempfile::NamedTempFile;

use crate::log::{number, page_bytes};

/// A database in memory that behaves like a file, change counter and all.
pub(crate) fn database(bytes: &[u8]) -> Connection {
    let flags = OpenFlags::default() | OpenFlags::SQLITE_OPEN_URI;
    let mut connection = Connection::open_with_flags("file:oracle?vfs=memdb", flags).unwrap();
    if !bytes.is_empty() {
        let len = bytes.len();
        connection
            .deserialize_read_exact(MAIN_DB, bytes, len, false)
            .unwrap();
    }
    connection.execute_batch(REPRODUCIBLE).unwrap();
    connection
}

/// Without this, what a page holds beside its cells depends on what was in the cache before.
pub(crate) const REPRODUCIBLE: &str = "PRAGMA secure_delete = ON";

/// What plain SQLite makes of a database in a file: one in memory keeps the size of its pages.
pub(crate) fn in_a_file(database: &[u8], act: impl FnOnce(&mut Connection)) -> Vec<u8> {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), database).unwrap();
    let mut plain = Connection::open(file.path()).unwrap();
    let quick =
        "PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY";
    plain.execute_batch(quick).unwrap();
    plain.execute_batch(REPRODUCIBLE).unwrap();
    act(&mut plain);
    plain.close().unwrap();
    std::fs::read(file.path()).unwrap()
}

/// Has SQLite copy a database over that of a connection.
pub(crate) fn back_up(source: &[u8], to: &mut Connection) -> Result<(), rusqlite::Error> {
    let from = database(source);
    let backup = Backup::new(&from, to)?;
    backup.run_to_completion(7, Duration::ZERO, None)
}

/// The bytes that a connection believes its database to consist of.
pub(crate) fn bytes_of(connection: &mut Connection) -> Result<Vec<u8>, rusqlite::Error> {
    Ok(connection.serialize(MAIN_DB)?.to_vec())
}

/// The published pages of an actor, as a plain file would hold them, if there is such an actor.
pub(crate) fn stored(store: &Store, actor: &ActorId) -> Result<Option<Vec<u8>>, StoreError> {
    let snapshot = match store.snapshot(actor) {
        Err(StoreError::ActorMissing { .. }) => return Ok(None),
        snapshot => snapshot?,
    };
    bytes_at(&snapshot).map(Some)
}

/// The pages that a snapshot shows.
pub(crate) fn bytes_at(snapshot: &ActorSnapshot) -> Result<Vec<u8>, StoreError> {
    let bytes = snapshot.pages().bytes(snapshot.page_size());
    let mut bytes = vec![0; usize::try_from(bytes).unwrap()];
    for (number, page) in (1..).zip(bytes.chunks_mut(snapshot.page_size().bytes())) {
        snapshot.read(PageNo::new(number).unwrap(), page)?;
    }
    Ok(bytes)
}

/// The transactions that a database says it went through, in their order.
pub(crate) fn log_of(connection: &Connection) -> Result<Vec<u64>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT txn FROM log ORDER BY seq")?;
    let number = |row: &rusqlite::Row<'_>| row.get(0).map(i64::unsigned_abs);
    statement.query_map([], number)?.collect()
}

pub(crate) fn integrity(connection: &Connection) -> Result<String, rusqlite::Error> {
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))
}

/// Where SQLite counts changes. Under exclusive locking it counts sessions instead of commits.
const COUNTERS: [std::ops::Range<usize>; 2] = [24..28, 92..96];

/// The first byte at which two databases differ, apart from the counters of changes, and from
/// free pages: SQLite neither restores nor always writes what they contain.
pub(crate) fn difference(one: &[u8], two: &[u8]) -> Option<String> {
    if one.len() != two.len() {
        return Some(format!("{} bytes and {} bytes", one.len(), two.len()));
    }
    let page_bytes = page_bytes(two)?;
    let free = free_pages(two, page_bytes);
    let counts = |at: &usize| COUNTERS.iter().any(|range| range.contains(at));
    let pages = one.chunks(page_bytes).zip(two.chunks(page_bytes)).zip(1..);
    for ((one, two), page) in pages.filter(|((one, two), _)| one != two) {
        let differs = |at: &usize| one[*at] != two[*at] && !(page == 1 && counts(at));
        if !free.contains(&page)
            && let Some(at) = (0..page_bytes).find(differs)
        {
            return Some(format!("byte {at} of page {page}"));
        }
    }
    None
}

/// The pages that the list of free pages names, without those that it consists of.
/// <https://www.sqlite.org/fileformat2.html#the_freelist>
fn free_pages(database: &[u8], page_bytes: usize) -> BTreeSet<usize> {
    let number = |at: usize| number(database, at, 4).unwrap_or_default();
    let mut free = BTreeSet::new();
    let mut trunk = number(32);
    // Bytes that are damaged may name a trunk twice.
    while trunk != 0 && free.len() < database.len() / page_bytes {
        let start = (trunk - 1) * page_bytes;
        let leaves = number(start + 4);
        free.extend((0..leaves.min(page_bytes / 4)).map(|leaf| number(start + 8 + 4 * leaf)));
        trunk = number(start);
    }
    free
}
