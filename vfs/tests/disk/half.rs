//! A store of which a part was not copied: every read is an error or what was committed.

use std::fs;
use std::path::Path;

use actor_vfs::{ActorId, IfExists, ListOptions, Store, StoreError};
use rusqlite::Connection;

const BLOCK_BYTES: usize = 4096;
/// How many blocks of the file go missing, one at a time.
const BLOCKS_TRIED: usize = 25;
const ROWS: u32 = 2000;

fn id() -> ActorId {
    ActorId::new("a").unwrap()
}

fn count(connection: &Connection) -> u32 {
    connection
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap()
}

fn names() -> Vec<ActorId> {
    ["a", "b", "c"]
        .map(|name| ActorId::new(name).unwrap())
        .into()
}

/// A store on disk whose three actors hold the same rows.
fn found(path: &Path) {
    let store = Store::open_or_create_at(path).unwrap();
    for name in names() {
        let actor = store.create(&name).unwrap();
        let connection = actor.connect().unwrap();
        fill(&connection);
    }
}

fn fill(connection: &Connection) {
    let fill = format!(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, v);
         WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n WHERE x < {ROWS})
         INSERT INTO t SELECT x, hex(x * 7919) || hex(x * 104729) || hex(x * x * 31) FROM n"
    );
    connection.execute_batch(&fill).unwrap();
}

/// What came of a store with a part missing.
#[derive(Debug, Default)]
struct Seen {
    refused: u32,
    errors: u32,
    sound: u32,
}

impl Seen {
    fn take<T>(&mut self, result: Result<T, StoreError>) -> Option<T> {
        match result {
            Ok(found) => Some(found),
            Err(error) => {
                assert_ne!(error.code(), "S199", "{error}");
                self.errors += 1;
                None
            }
        }
    }

    /// Does to a store all that a host may; what it reads is what was committed.
    fn visit(&mut self, path: &Path) {
        let store = match Store::open_existing(path) {
            Ok(store) => store,
            Err(error) => {
                assert!(["S110", "S113"].contains(&error.code()), "{error}");
                self.refused += 1;
                return;
            }
        };
        let errors = self.errors;
        _ = self.take(store.scrub());
        _ = self.take(store.list(&ListOptions::default()));
        for name in names() {
            if let Some(snapshot) = self.take(store.snapshot(&name))
                && let Some(connection) = self.take(snapshot.connect())
                && let Ok(rows) =
                    connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            {
                let rows: u32 = rows;
                assert_eq!(rows, ROWS);
            }
            _ = self.take(store.export(&name, path.join("out"), IfExists::Replace));
        }
        if let Some(actor) = self.take(store.open(&id()))
            && let Some(connection) = self.take(actor.connect())
            && connection
                .execute_batch("INSERT INTO t(v) VALUES ('next')")
                .is_ok()
            && let Ok(rows) = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        {
            let rows: u32 = rows;
            assert_eq!(rows, ROWS + 1);
        }
        _ = self.take(store.delete(&id()));
        self.sound += u32::from(self.errors == errors);
    }
}

/// What may stand in the place of a block.
#[derive(Debug, Clone, Copy)]
enum Instead {
    Zeros,
    AnotherBlock,
    OneFlippedByte,
}

fn put(half: &mut [u8], start: usize, instead: Instead) {
    let end = (start + BLOCK_BYTES).min(half.len());
    match instead {
        Instead::Zeros => half[start..end].fill(0),
        Instead::AnotherBlock => {
            half.copy_within(BLOCK_BYTES * 2..BLOCK_BYTES * 2 + end - start, start)
        }
        Instead::OneFlippedByte => half[start + 1000] ^= 0x10,
    }
}

/// Symptom: a scrub went round for ever. Cause: redb, where a block was that of another place, gave a
/// key before the range that was asked for, and the search for strays went on after it.
#[test]
fn a_store_with_a_part_missing_is_refused_or_reads_as_what_was_committed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    found(&path);
    let file = path.join("actors.redb");
    let whole = fs::read(&file).unwrap();
    // What is zero already is not missing.
    let blocks = (0..whole.len()).step_by(BLOCK_BYTES);
    let blocks: Vec<_> = blocks
        .filter(|start| {
            whole[*start..]
                .iter()
                .take(BLOCK_BYTES)
                .any(|byte| *byte != 0)
        })
        .collect();
    for instead in [
        Instead::Zeros,
        Instead::AnotherBlock,
        Instead::OneFlippedByte,
    ] {
        let mut seen = Seen::default();
        for start in blocks.iter().step_by((blocks.len() / BLOCKS_TRIED).max(1)) {
            let mut half = whole.clone();
            put(&mut half, *start, instead);
            fs::write(&file, &half).unwrap();
            seen.visit(&path);
        }
        println!("{instead:?}: {seen:?}");
    }
    fs::write(&file, &whole).unwrap();
    let store = Store::open_existing(&path).unwrap();
    assert_eq!(
        count(&store.snapshot(&id()).unwrap().connect().unwrap()),
        ROWS
    );
}
