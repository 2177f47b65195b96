//! A process that migrates one actor after the other is killed; what it has acknowledged is there.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use actor_migrate::Migrator;
use actor_vfs::{ActorId, Store};
use rusqlite::Connection;

use crate::folder::{Folder, fill};
use crate::seen::Seen;

const ACTORS: usize = 24;
/// Tells the test that is run as a child where the store and the folder are.
const STORE: &str = "CRASH_MIGRATE_STORE";
const FOLDER: &str = "CRASH_MIGRATE_FOLDER";
const CHILD: &str = "process::a_child_wakes_every_actor";

fn id(number: usize) -> ActorId {
    ActorId::new(format!("actor/{number:03}")).unwrap()
}

fn wake(store: &Store, migrator: &Migrator, number: usize) {
    let mut conn = store.open(&id(number)).unwrap().connect().unwrap();
    migrator.wake(&mut conn).unwrap();
}

/// Not a test: what the process does that is killed. It says of each actor when it is done.
#[test]
#[ignore = "run as a child of the test below"]
fn a_child_wakes_every_actor() {
    let store = Store::open_existing(env::var_os(STORE).unwrap()).unwrap();
    let migrator = Migrator::open(env::var_os(FOLDER).unwrap()).unwrap();
    for number in 0..ACTORS {
        wake(&store, &migrator, number);
        writeln!(std::io::stderr(), "{number}").unwrap();
    }
}

/// Lets a child go on until it has acknowledged `acks` actors more than were current, kills it a little later,
/// and returns all that it acknowledged.
fn kill_after(store: &Path, folder: &Folder, acks: usize, pause: Duration) -> Vec<usize> {
    let mut child = Command::new(env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture", "--quiet"])
        .env(STORE, store)
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(child.stderr.take().unwrap());
    let mut said = said.lines().map(|line| line.unwrap().parse().unwrap());
    let mut acknowledged: Vec<usize> = said.by_ref().take(acks).collect();
    thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    // What it said before it died counts as well.
    acknowledged.extend(said);
    acknowledged
}

fn look(store: &Store, migrator: &Migrator, number: usize) -> Seen {
    let conn: Connection = store.snapshot(&id(number)).unwrap().connect().unwrap();
    Seen::of(&conn, migrator)
}

#[test]
fn a_killed_process_leaves_every_actor_before_or_after_and_all_it_acknowledged_after() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("actors.store");
    let folder = Folder::longer();
    let migrator = folder.migrator();
    let store = Store::open_or_create_at(&path).unwrap();
    for number in 0..=ACTORS {
        fill(&mut store.create(&id(number)).unwrap().connect().unwrap());
    }
    let before = look(&store, &migrator, ACTORS);
    wake(&store, &migrator, ACTORS);
    let after = look(&store, &migrator, ACTORS);
    drop(store);
    let mut between = 0;
    for (acks, pause_ms) in [(1, 0), (3, 1), (6, 3), (10, 5), (15, 8), (20, 2)] {
        let pause = Duration::from_millis(pause_ms);
        let acknowledged = kill_after(&path, &folder, acks, pause);
        assert!(acknowledged.len() >= acks, "{acknowledged:?}");
        let store = Store::open_existing(&path).unwrap();
        for number in 0..ACTORS {
            let seen = look(&store, &migrator, number);
            assert!(seen == before || seen == after, "{number}: {seen:?}");
            if acknowledged.contains(&number) {
                assert_eq!(seen, after, "{number} was acknowledged");
            }
            between += usize::from(seen == before);
        }
    }
    assert!(between > 0, "every child was killed before its end");
    let store = Store::open_existing(&path).unwrap();
    for number in 0..ACTORS {
        wake(&store, &migrator, number);
        assert_eq!(look(&store, &migrator, number), after);
    }
}
