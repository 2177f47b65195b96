//! SQLite runs out of memory at any of its requests: every commit is whole or absent, and the
//! connection goes on.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

mod allocator;

use std::sync::Arc;

use actor_vfs::engines::MemoryEngine;
use actor_vfs::{Actor, ActorId, IfExists, Store, StoreError};
use allocator::{install, refusing};
use rusqlite::{Connection, ffi};

/// More requests than any of the transactions makes.
const REQUESTS_MAX: u64 = 20_000;

const BEFORE: &str = "PRAGMA page_size = 512; PRAGMA auto_vacuum = INCREMENTAL;
    CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB, n INTEGER); CREATE INDEX t_n ON t(n);
    WITH RECURSIVE c(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM c WHERE x < 12)
    INSERT INTO t SELECT x, printf('%.*c', 60 + x * 10, 'v'), x FROM c";

const TRANSACTIONS: [&str; 12] = [
    "INSERT INTO t VALUES(500, 'one', 1)",
    "UPDATE t SET v = v || 'x'",
    "DELETE FROM t WHERE id % 3 = 0",
    "DELETE FROM t",
    "INSERT INTO t VALUES(600, zeroblob(9000), 6)",
    "CREATE INDEX t_v ON t(v)",
    "DROP TABLE t",
    "ALTER TABLE t ADD COLUMN c TEXT DEFAULT 'x'",
    "BEGIN; UPDATE t SET v = v || 'x'; SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT",
    "PRAGMA cache_size = 5; BEGIN; UPDATE t SET v = zeroblob(700); DELETE FROM t WHERE id > 6; COMMIT",
    "VACUUM",
    "PRAGMA page_size = 1024; VACUUM",
];

fn id() -> ActorId {
    ActorId::new("memory").unwrap()
}

/// An actor in a store of its own, as `engine` has it.
fn actor_on(engine: &MemoryEngine) -> (Store, Actor) {
    let store = Store::with_engine(Arc::new(engine.clone())).unwrap();
    let actor = store.open_or_create(&id()).unwrap();
    (store, actor)
}

fn prepared() -> MemoryEngine {
    let engine = Arc::new(MemoryEngine::new());
    let store = Store::with_engine(engine.clone()).unwrap();
    let actor = store.create(&id()).unwrap();
    actor.connect().unwrap().execute_batch(BEFORE).unwrap();
    (*engine).clone()
}

/// What a database holds, and that SQLite finds nothing wrong with it.
fn content(connection: &Connection) -> String {
    let ask = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    };
    assert_eq!(ask("PRAGMA integrity_check"), ["ok"]);
    let mut all = ask("SELECT sql FROM sqlite_schema WHERE sql NOT NULL ORDER BY sql");
    all.extend(ask("SELECT CAST(page_size AS TEXT) FROM pragma_page_size"));
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    for table in ask(tables) {
        let columns = format!(
            "SELECT group_concat('quote(' || name || ')', '||') FROM pragma_table_info('{table}')"
        );
        let columns = &ask(&columns)[0];
        all.extend(ask(&format!(
            "SELECT {columns} FROM \"{table}\" ORDER BY 1"
        )));
    }
    all.join("\n")
}

fn stored(store: &Store) -> String {
    content(&store.snapshot(&id()).unwrap().connect().unwrap())
}

/// Whether SQLite asks for memory once more after the commit, and fails then: a VACUUM that changes
/// the page size does so on a plain file too.
fn commits_early(sql: &str) -> bool {
    sql.starts_with("PRAGMA page_size") && sql.ends_with("VACUUM")
}

/// Whether on a plain file a transaction can fail and have happened.
fn is_refused_late_by_sqlite(sql: &str, new: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let mut points = 0..REQUESTS_MAX;
    points.any(|point| {
        let path = folder.path().join(point.to_string());
        let plain = Connection::open(&path).unwrap();
        plain.execute_batch(BEFORE).unwrap();
        let (done, _) = refusing(point, false, || plain.execute_batch(sql));
        done.is_err() && content(&Connection::open(&path).unwrap()) == new
    })
}

fn is_out_of_memory(error: &rusqlite::Error) -> bool {
    let code = match error {
        rusqlite::Error::SqliteFailure(error, _) => error.extended_code,
        rusqlite::Error::SqlInputError { error, .. } => error.extended_code,
        _ => return false,
    };
    [ffi::SQLITE_NOMEM, ffi::SQLITE_IOERR_NOMEM].contains(&code)
}

/// Runs a transaction with `granted` requests, and then another one. Tells whether any request
/// was refused.
fn starve(before: &MemoryEngine, sql: &str, old: &str, new: &str, point: (u64, bool)) -> bool {
    let context = format!("`{sql}`, request {}, for good: {}", point.0, point.1);
    let (store, actor) = actor_on(before);
    let connection = actor.connect().unwrap();
    let (done, refused) = refusing(point.0, point.1, || connection.execute_batch(sql));
    if let Err(error) = &done {
        assert!(is_out_of_memory(error), "{context}: {error:?}");
    }
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").unwrap();
    }
    let found = stored(&store);
    let refused_late = commits_early(sql) && found == new;
    let wanted = if done.is_ok() || refused_late {
        new
    } else {
        old
    };
    assert!(found == wanted, "{context}: {done:?}, stored:\n{found}");
    let live = content(&connection);
    assert!(live == wanted, "{context}: {done:?}, live:\n{live}");
    connection.execute_batch("CREATE TABLE next(id)").unwrap();
    assert!(stored(&store).contains("next(id)"), "{context}");
    refused > 0
}

fn starve_everywhere(lookaside: bool) -> u64 {
    install(lookaside);
    let before = prepared();
    let old = stored(&actor_on(&before).0);
    let mut points = 0;
    for sql in TRANSACTIONS {
        let (store, actor) = actor_on(&before);
        actor.connect().unwrap().execute_batch(sql).unwrap();
        let new = stored(&store);
        drop(actor);
        assert!(!commits_early(sql) || is_refused_late_by_sqlite(sql, &new));
        for for_good in [false, true] {
            let starved = |point: &u64| starve(&before, sql, &old, &new, (*point, for_good));
            let met = (0..REQUESTS_MAX).take_while(starved).count() as u64;
            assert!(met > 0 && met < REQUESTS_MAX, "`{sql}`: {met} requests");
            points += met;
        }
    }
    println!(
        "lookaside {lookaside}: {} transactions, {points} refused requests",
        TRANSACTIONS.len()
    );
    points
}

type Work<'w> = &'w dyn Fn() -> Result<(), StoreError>;

/// Opening a connection, reading a snapshot, and taking in a plain file: an error or the whole.
fn starve_the_rest() -> u64 {
    let before = prepared();
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("plain");
    let (store, actor) = actor_on(&before);
    let old = stored(&store);
    store.export(&id(), &plain, IfExists::Refuse).unwrap();
    let other = ActorId::new("imported").unwrap();
    let sound = |done: Result<(), StoreError>, what: &str| match done {
        Ok(()) => {}
        Err(StoreError::Sqlite { source, .. } | StoreError::DatabaseUnreadable { source, .. }) => {
            assert!(is_out_of_memory(&source), "{what}: {source:?}");
        }
        Err(error) => panic!("{what}: {error:?}"),
    };
    let work: [(&str, Work<'_>); 3] = [
        ("connect", &|| actor.connect().map(drop)),
        ("snapshot", &|| store.snapshot(&id())?.connect().map(drop)),
        ("import", &|| {
            store.import(&other, &plain, IfExists::Replace).map(drop)
        }),
    ];
    let mut points = 0;
    for (what, work) in work {
        for for_good in [false, true] {
            let met = (0..REQUESTS_MAX).take_while(|point| {
                let (done, refused) = refusing(*point, for_good, work);
                sound(done, what);
                assert!(store.scrub().unwrap().is_clean(), "{what}, request {point}");
                refused > 0
            });
            points += met.count() as u64;
        }
        assert_eq!(content(&actor.connect().unwrap()), old, "{what}");
    }
    let imported = store.snapshot(&other).unwrap().connect().unwrap();
    assert_eq!(content(&imported), old);
    println!("opening, reading, importing: {points} refused requests");
    points
}

/// One test, since it sets up SQLite for the whole process.
#[test]
fn a_transaction_that_runs_out_of_memory_at_any_request_is_whole_or_absent() {
    let points = starve_everywhere(false) + starve_the_rest() + starve_everywhere(true);
    println!("{points} refused requests in all");
}
