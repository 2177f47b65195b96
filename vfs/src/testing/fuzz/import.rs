//! A plain SQLite file of any bytes: refused with its code and nothing kept, or taken as it is.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use crate::engines::MemoryEngine;
use crate::kv::Engine;
use crate::store::{IfExists, Store};
use crate::{ActorId, StoreError};

/// Where a copy differs from its source: SQLite counts changes anew (24, 92), an actor has no
/// log (18, 19), and what a header does not vouch for is stated afresh (28, 96).
const COUNTED_ANEW: [std::ops::Range<usize>; 4] = [18..20, 24..32, 40..44, 92..100];

/// Imports the bytes; what was taken is scrubbed, read, exported, imported again and written to.
pub(super) fn import(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("in");
    fs::write(&path, data).expect("room");
    let engine = Arc::new(MemoryEngine::new());
    let store = Store::with_engine(engine.clone()).expect("an empty engine");
    let id = ActorId::new("a").expect("an id");
    let imported = store.import(&id, &path, IfExists::Refuse);
    assert_eq!(
        fs::read(&path).expect("the file"),
        data,
        "its source changed"
    );
    match imported {
        Err(error) => refused(&error, &engine),
        Ok(_) => taken(&store, &id, &path),
    }
}

fn refused(error: &StoreError, engine: &MemoryEngine) {
    let codes = ["S128", "S129", "S130", "S131"];
    assert!(codes.contains(&error.code()), "{} {error}", error.code());
    let snapshot = engine.snapshot().expect("memory");
    let keys = snapshot.scan_keys(&[]..&[u8::MAX], 9).expect("memory");
    assert_eq!(keys.len(), 1, "something is left: {keys:?}");
}

fn taken(store: &Store, id: &ActorId, path: &Path) {
    let scrub = store.scrub().expect("a scrub answers");
    assert!(scrub.is_clean(), "{:?}", scrub.damage);
    let out = path.with_extension("out");
    store.export(id, &out, IfExists::Refuse).expect("an export");
    same_bytes(path, &out);
    same_schema(store, id, path);

    let again = ActorId::new("again").expect("an id");
    let imported = store.import(&again, &out, IfExists::Refuse);
    let imported = imported.expect("what was exported can be imported");
    let first = store.info(id).expect("a head");
    assert_eq!(
        (imported.pages, imported.page_size),
        (first.pages, first.page_size)
    );
    write(store, id);
}

/// The export is the source page by page.
fn same_bytes(source: &Path, export: &Path) {
    let read = |path: &Path| fs::read(path).expect("a file");
    let (mut source, mut export) = (read(source), read(export));
    // A file may be longer than its database.
    assert!(
        export.len() <= source.len(),
        "{} of {}",
        export.len(),
        source.len()
    );
    source.truncate(export.len());
    for range in COUNTED_ANEW {
        source[range.clone()].fill(0);
        export[range].fill(0);
    }
    let differs = source.iter().zip(&export).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the export differs from its source");
}

const SCHEMA: &str = "SELECT group_concat(quote(type) || quote(name) || quote(tbl_name) || \
                      quote(rootpage) || quote(sql), char(10)) FROM sqlite_schema";

/// What SQLite answers on the file, it answers on the actor.
fn same_schema(store: &Store, id: &ActorId, path: &Path) {
    let uri = format!("file:{}?immutable=1", path.display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let plain = Connection::open_with_flags(uri, flags).expect("a plain connection");
    let actor = store.snapshot(id).expect("a head").connect();
    let actor = actor.expect("a connection on a snapshot");
    assert_eq!(answer(&actor, SCHEMA), answer(&plain, SCHEMA));
    assert_eq!(
        answer(&actor, "PRAGMA quick_check(1)"),
        Ok(Some("ok".into()))
    );
}

/// A text, or SQLite's code for why there is none.
pub(super) fn answer(connection: &Connection, sql: &str) -> Result<Option<String>, i32> {
    let text = connection.query_row(sql, [], |row| row.get(0));
    text.map_err(|error| match error {
        rusqlite::Error::SqliteFailure(error, _) => error.extended_code,
        _ => -1,
    })
}

/// An acknowledged commit is there; one that SQLite refuses is not our business.
fn write(store: &Store, id: &ActorId) {
    let actor = store.open(id).expect("a claim");
    let connection = actor.connect().expect("a connection");
    if connection.execute_batch("CREATE TABLE fuzzed(x)").is_ok() {
        drop(connection);
        let reader = store.snapshot(id).expect("a head").connect();
        let found = answer(
            &reader.expect("a connection on a snapshot"),
            "SELECT name FROM sqlite_schema WHERE name = 'fuzzed'",
        );
        assert_eq!(found, Ok(Some("fuzzed".into())));
    }
}
