//! A store file that makes its engine panic: the command tells the damage, and nothing else.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use actor_vfs::engines::panic_is_caught;
use actor_vfs::{ActorId, ListOptions, Store};

use crate::support::{folder, run};

const BLOCK_BYTES: usize = 4096;

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Counts the panics that are told as errors, and leaves the others to whoever heard them before.
fn count_panics() {
    let former = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic_is_caught() {
            PANICS.fetch_add(1, Ordering::Relaxed);
        } else {
            former(panic);
        }
    }));
}

fn found(path: &Path) {
    let store = Store::open_or_create_at(path).unwrap();
    for name in ["a", "b", "c"] {
        let actor = store.create(&ActorId::new(name).unwrap()).unwrap();
        let fill = "CREATE TABLE t(v); WITH RECURSIVE n(x) AS (VALUES(1) UNION ALL SELECT x + 1
            FROM n WHERE x < 500) INSERT INTO t SELECT hex(randomblob(40)) FROM n";
        actor.connect().unwrap().execute_batch(fill).unwrap();
    }
}

/// Whether the engine panics when the store is listed or scrubbed.
fn panics(path: &Path) -> bool {
    let before = PANICS.load(Ordering::Relaxed);
    if let Ok(store) = Store::open_existing(path) {
        _ = store.list(&ListOptions::default());
        _ = store.scrub();
    }
    PANICS.load(Ordering::Relaxed) > before
}

/// Symptom: a thread of redb "panicked at" was the first thing that an operator read of a damaged
/// store. Cause: the panic is caught, and the default hook prints it before.
#[test]
fn a_store_over_which_its_engine_panics_is_damaged_and_no_more_is_said() {
    count_panics();
    let here = folder();
    let path = here.path().join("actors.store");
    found(&path);
    let file = path.join("actors.redb");
    let whole = std::fs::read(&file).unwrap();
    let mut met = 0;
    for start in (0..whole.len() - BLOCK_BYTES).step_by(BLOCK_BYTES) {
        let mut half = whole.clone();
        half[start..start + BLOCK_BYTES].fill(0);
        std::fs::write(&file, &half).unwrap();
        if half == whole || !panics(&path) {
            continue;
        }
        met += 1;
        std::fs::write(&file, &half).unwrap();
        let said = run(here.path(), &["store", "scrub", "--store", "actors.store"]);
        assert_eq!(said.code, 2, "{said:?}");
        let is_one_error = said.stderr.starts_with("error[S1") && !said.stderr.contains("panicked");
        assert!(is_one_error && !said.stderr.contains("bug"), "{said:?}");
        if met == 1 {
            insta::assert_snapshot!(said.transcript(here.path()), @"
            exit 2
            --- stdout
            --- stderr
            error[S113]: the store at actors.store is damaged: actors.redb: redb cannot make sense of it
            --> actors.store
             = help: restore the store from a backup
            ");
        }
    }
    assert!(met > 0, "no block makes the engine panic");
}
