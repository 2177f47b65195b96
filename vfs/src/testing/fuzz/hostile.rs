//! A store whose values are changed behind its back, before it is opened and while it is open.

use rusqlite::Connection;

use super::Input;
use super::damage::inflict;
use super::import::answer;
use super::world::{Known, Trust, World, numbered};
use crate::ActorId;
use crate::layout::head_key;
use crate::store::{Actor, ListOptions, Store};

/// How many damages and openings one input may ask for.
const STEPS_MAX: usize = 24;
/// A head may claim four billion pages.
const PAGES_READ_MAX: usize = 64;

/// An owner that has its actor open while things happen.
struct Open {
    at: usize,
    _actor: Actor,
    connection: Connection,
}

/// Damages the store as `data` says, then does to it all that a host may.
pub(super) fn hostile_store(data: &[u8]) {
    let mut input = Input(data);
    let mut world = World::new();
    let last = input.u8();
    let mut open = Vec::new();
    for _ in 0..STEPS_MAX {
        if input.is_empty() {
            break;
        }
        match input.u8() % 4 {
            0 => open.extend(open_one(&world, input.u8())),
            _ => inflict(&mut world, &mut input),
        }
    }
    let Some(store) = world.store() else { return };
    look(&world, &store);
    for open in &open {
        write(&store, &world.known[open.at], &open.connection, true);
    }
    drop(open);
    use_each(&world, &store);
    end(&world, &store, last);
}

fn open_one(world: &World, choice: u8) -> Option<Open> {
    let at = usize::from(choice) % world.known.len();
    let known = &world.known[at];
    let opened = world.store()?.open(&known.id);
    let actor = expected(known, opened)?;
    let connection = expected(known, actor.connect())?;
    // Reads some pages, which SQLite then holds.
    _ = answer(&connection, "SELECT max(v) FROM t");
    Some(Open {
        at,
        _actor: actor,
        connection,
    })
}

/// Of an actor that nobody touched, nothing fails.
fn expected<T>(known: &Known, result: Result<T, crate::StoreError>) -> Option<T> {
    match result {
        Ok(found) => Some(found),
        Err(error) if known.trust == Trust::Whole => panic!("{}: {error}", known.id),
        Err(error) => {
            assert_ne!(error.code(), "S199", "{error}");
            None
        }
    }
}

/// Reads all there is, in every way that changes nothing.
fn look(world: &World, store: &Store) {
    let before = world.entries();
    _ = store.list(&ListOptions::default());
    for id in store.ids(&ListOptions::default()).unwrap_or_default() {
        _ = store.info(&id);
        if let Ok(snapshot) = store.snapshot(&id) {
            let mut content = vec![0; snapshot.page_size().bytes()];
            let pages = snapshot.pages().pages().take(PAGES_READ_MAX);
            pages.for_each(|page| _ = snapshot.read(page, &mut content));
            if let Ok(connection) = snapshot.connect() {
                _ = answer(&connection, "PRAGMA integrity_check(3)");
            }
        }
    }
    store.scrub().expect("damage is an answer");
    let known = world.known.iter();
    known.for_each(|known| reads_as_committed(store, known));
    assert_eq!(world.entries(), before, "reading has changed something");
}

/// Every page is as committed, or an error; and a scrub sees that something happened.
fn reads_as_committed(store: &Store, known: &Known) {
    if known.trust == Trust::Forged {
        return;
    }
    let Some(snapshot) = expected(known, store.snapshot(&known.id)) else {
        return;
    };
    let mut damaged = snapshot.pages().get() as usize != known.pages.len();
    for (page, wanted) in numbered(&known.pages) {
        let mut content = vec![0; wanted.len()];
        match expected(known, snapshot.read(page, &mut content)) {
            Some(()) => assert_eq!(content, wanted, "page {page} of {}", known.id),
            None => damaged = true,
        }
    }
    let scrub = store.scrub_actor(&known.id).expect("damage is an answer");
    assert!(!damaged || !scrub.is_clean(), "{}: unseen damage", known.id);
    assert!(known.trust != Trust::Whole || scrub.is_clean(), "{scrub:?}");
}

const INSERT: &str = "INSERT INTO t(v) VALUES ('added')";
const ADDED: &str = "SELECT CAST(max(id) AS TEXT) FROM t WHERE v = 'added'";
const COUNT: &str = "SELECT CAST(count(*) AS TEXT) FROM t";

/// Commits something. What is acknowledged is read, or an error; of a forged actor, anything.
fn write(store: &Store, known: &Known, connection: &Connection, may_be_fenced: bool) {
    let before = answer(connection, COUNT);
    let written = connection.execute_batch(INSERT);
    if known.trust == Trust::Whole && !may_be_fenced {
        assert_eq!(written, Ok(()), "{}", known.id);
    }
    if written.is_err() || known.trust == Trust::Forged {
        return;
    }
    let Some(snapshot) = expected(known, store.snapshot(&known.id)) else {
        return;
    };
    let Some(reader) = expected(known, snapshot.connect()) else {
        return;
    };
    let (count, added) = (answer(&reader, COUNT), answer(&reader, ADDED));
    assert_ne!(added, Ok(None), "{}: acknowledged and lost", known.id);
    if let (Ok(Some(before)), Ok(Some(count))) = (&before, &count) {
        let number = |text: &str| text.parse::<u32>().expect("a count");
        assert_eq!(number(count), number(before) + 1, "{}", known.id);
    }
    if known.trust == Trust::Whole {
        assert!(count.is_ok() && added.is_ok(), "{count:?} {added:?}");
    }
}

/// Forks, opens and writes to each actor.
fn use_each(world: &World, store: &Store) {
    let before = world.entries();
    for known in &world.known {
        if let Ok(fork) = store.fork(&known.id)
            && let Ok(connection) = fork.connect()
        {
            _ = connection.execute_batch("DELETE FROM t; PRAGMA page_size = 2048; VACUUM");
        }
    }
    assert_eq!(world.entries(), before, "a fork has changed something");
    for known in &world.known {
        let opened = expected(known, store.open(&known.id));
        let Some(actor) = opened else { continue };
        if let Some(connection) = expected(known, actor.connect()) {
            write(store, known, &connection, false);
        }
    }
}

/// Rewrites, exports or deletes one actor; the others stay as they are.
fn end(world: &World, store: &Store, last: u8) {
    let known = &world.known[usize::from(last / 4) % world.known.len()];
    match last % 4 {
        0 => remove(world, store, known),
        1 => rewrite(store, known, "PRAGMA page_size = 2048; VACUUM"),
        2 => rewrite(store, known, "DELETE FROM t; VACUUM"),
        _ => {
            if let Some(snapshot) = expected(known, store.snapshot(&known.id)) {
                let folder = tempfile::tempdir().expect("a folder");
                let file = folder.path().join("out");
                _ = expected(known, snapshot.export(file, crate::IfExists::Refuse));
            }
        }
    }
    let others = world.known.iter().filter(|other| other.id != known.id);
    for other in others.filter(|other| other.trust == Trust::Whole) {
        let scrub = store.scrub_actor(&other.id).expect("a scrub answers");
        assert!(scrub.is_clean(), "{scrub:?}");
    }
}

fn remove(world: &World, store: &Store, known: &Known) {
    let deleted = store.delete(&known.id);
    if expected(known, deleted).is_some() {
        let key = head_key(&known.id);
        assert!(world.entries().iter().all(|(other, _)| *other != key));
        let ids = store.ids(&ListOptions::default());
        let gone = |ids: &Vec<ActorId>| !ids.contains(&known.id);
        assert!(ids.is_err() || ids.is_ok_and(|ids| gone(&ids)));
    }
}

fn rewrite(store: &Store, known: &Known, sql: &str) {
    let Some(actor) = expected(known, store.open(&known.id)) else {
        return;
    };
    let Some(connection) = expected(known, actor.connect()) else {
        return;
    };
    let done = connection.execute_batch(sql);
    if known.trust == Trust::Whole {
        assert_eq!(done, Ok(()), "{}", known.id);
        let scrub = store.scrub_actor(&known.id).expect("a scrub answers");
        assert!(scrub.is_clean(), "{scrub:?}");
    }
}
