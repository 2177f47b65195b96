//! A process that writes to the store on disk is killed in the middle: what it acknowledged stays.

#![expect(clippy::unwrap_used, reason = "a test that meets an error has failed")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use actor_vfs::{ActorId, Store};
use rusqlite::Connection;

/// The store that a child process writes to until it is killed.
const CHILD: &str = "ACTOR_DURABILITY_CHILD";
const ROUNDS: u32 = 8;
const ACTORS: u32 = 3;

fn id(number: u32) -> ActorId {
    ActorId::new(format!("killed/{number}")).unwrap()
}

fn rows(connection: &Connection) -> (i64, i64) {
    let query = "SELECT count(*), coalesce(max(id), 0) FROM t";
    connection
        .query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
}

/// Commits row after row, and says each that is committed.
fn write_forever(store: &Store, number: u32) {
    let live = store
        .open_or_create(&id(number))
        .unwrap()
        .connect()
        .unwrap();
    live.execute_batch("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, v BLOB)")
        .unwrap();
    let (_, last) = rows(&live);
    for row in last + 1.. {
        let bytes = if row % 20 == 0 {
            300_000
        } else {
            100 * (row % 40)
        };
        let insert = format!("INSERT INTO t VALUES({row}, randomblob({bytes}))");
        live.execute_batch(&insert).unwrap();
        let line = format!("{number} {row}\n");
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

/// The child: it does nothing in an ordinary run.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let store = Store::open_or_create_at(path).unwrap();
    std::thread::scope(|scope| {
        for number in 0..ACTORS {
            let store = &store;
            scope.spawn(move || write_forever(store, number));
        }
    });
}

/// Runs the child until it has said `lines` commits, kills it, and gives the last row that it
/// acknowledged of each actor.
fn kill_after(path: &Path, lines: usize) -> BTreeMap<u32, i64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_that_writes_until_it_is_killed",
            "--nocapture",
        ])
        .env(CHILD, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeMap::new();
    let mut note = |line: String| {
        let words = line.split_once(' ');
        let words = words.and_then(|(a, row)| Some((a.parse().ok()?, row.parse().ok()?)));
        words
            .map(|(actor, row)| acknowledged.insert(actor, row))
            .is_some()
    };
    let mut seen = 0;
    while seen < lines {
        seen += usize::from(note(said.next().unwrap().unwrap()));
    }
    child.kill().unwrap();
    // What it said before it died counts as well.
    said.for_each(|line| _ = note(line.unwrap()));
    child.wait().unwrap();
    acknowledged
}

#[test]
fn every_commit_that_a_killed_process_acknowledged_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut total = 0;
    for round in 0..ROUNDS {
        // From the first commits to the middle of many.
        let lines = [1, 7, 40, 90][round as usize % 4];
        let acknowledged = kill_after(&path, lines);
        let store = Store::open_existing(&path).unwrap();
        for (actor, last) in &acknowledged {
            let live = store.open(&id(*actor)).unwrap().connect().unwrap();
            let (count, max) = rows(&live);
            assert_eq!(count, max, "round {round}: a row is missing in between");
            let in_doubt = max - last;
            assert!(
                (0..=1).contains(&in_doubt),
                "round {round}: {last} was acknowledged, {max} is there"
            );
            let sound: String = live
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .unwrap();
            assert_eq!(sound, "ok");
            total += 1;
        }
        assert_eq!(store.scrub().unwrap().damage, []);
    }
    assert!(total >= ROUNDS);
}
