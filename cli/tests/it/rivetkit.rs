//! RivetKit's files up to 2.2: the actor inside is judged and changed, and everything around it is left alone.

use std::path::Path;

use rusqlite::Connection;

use crate::support::{contents, contents_by_another_process, copy_of, run};

const ACTOR: &str = "databases/d26b78e6f4a1cb86.db";

/// The store that RivetKit 2.2.1 wrote, and the folders that its actor follows.
fn playground() -> tempfile::TempDir {
    let here = copy_of("rivetkit-2.2", ".");
    for name in ["chain", "squashed"] {
        let folder = crate::support::fixtures().join("ledgers").join(name);
        crate::support::copy(&folder, &here.path().join(name));
    }
    here
}

fn open(here: &Path) -> Connection {
    Connection::open(here.join(ACTOR)).unwrap()
}

#[test]
fn the_actor_inside_is_adopted_and_migrated() {
    let here = playground();
    let told = |args: &[&str]| run(here.path(), args).transcript(here.path());
    insta::assert_snapshot!(told(&["inspect", ACTOR, "--dir", "squashed"]), @r#"
    exit 0
    --- stdout
    databases/d26b78e6f4a1cb86.db: squashed, adoption safe
      ledger       __drizzle_migrations (rivetkit), 2 rows
      position     1 of 2 migrations
      pending      0001_archive
      hazards      H206: a stock runner takes 0000_baseline for new and runs it on this actor: it fails with "table … already exists" on every wake
                   H207: 2 rows of __drizzle_migrations match no local migration: the upgrade to Drizzle 1.0 stops on them
    run `actor-migrate adopt`: the live schema proves where the actor stands
    next: actor-migrate adopt databases/d26b78e6f4a1cb86.db --dir squashed --dry-run
    --- stderr
    "#);
    insta::assert_snapshot!(told(&["adopt", ACTOR, "--dir", "squashed", "--yes"]), @"
    exit 0
    --- stdout
    done: adopt databases/d26b78e6f4a1cb86.db, squashed -> behind
    --- stderr
    ");
    insta::assert_snapshot!(told(&["check", "databases", "--dir", "squashed"]), @"
    exit 0
    --- stdout
    squashed: 1 actor, 2 migrations
      ok       1  behind, pending: 0001_archive, rehearsed on a copy of each
    ready: 1 actor can take this deploy
    --- stderr
    ");
    insta::assert_snapshot!(told(&["apply", ACTOR, "--dir", "squashed", "--yes"]), @"
    exit 0
    --- stdout
    done: apply databases/d26b78e6f4a1cb86.db, behind -> current
      applied 0001_archive
    --- stderr
    ");
    insta::assert_snapshot!(told(&["status", "databases", "--dir", "squashed"]), @"
    exit 0
    --- stdout
    FLEET  ACTORS  VERDICT  ADOPTION    PENDING  WHO
    -           1  current  not-needed        0  databases/d26b78e6f4a1cb86.db
    1 actor
    --- stderr
    ");
}

/// Each key that is not a page, with its value.
fn around(connection: &Connection) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut select = connection
        .prepare("SELECT key, value FROM kv WHERE substr(key, 1, 2) <> x'0801' ORDER BY key")
        .unwrap();
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn adoption_leaves_what_rivetkit_keeps_around_the_database() {
    let here = playground();
    let before = around(&open(here.path()));
    assert_eq!(before.len(), 3);
    let adopted = run(here.path(), &["adopt", ACTOR, "--dir", "squashed", "--yes"]);
    assert_eq!(adopted.code, 0, "{adopted:?}");
    assert_eq!(around(&open(here.path())), before);
    let undone = run(
        here.path(),
        &["adopt", ACTOR, "--dir", "squashed", "--undo", "--yes"],
    );
    assert_eq!(undone.code, 0, "{undone:?}");
    let chain = run(
        here.path(),
        &["inspect", ACTOR, "--dir", "chain", "--format", "json"],
    );
    assert_eq!(chain.json()["verdict"], "behind");
}

#[test]
fn an_actor_that_is_awake_is_read_without_a_trace_and_not_written() {
    let here = playground();
    let awake = open(here.path());
    awake.pragma_update(None, "journal_mode", "wal").unwrap();
    // As RivetKit does between two statements, it has the file open and holds no transaction.
    awake
        .execute_batch("UPDATE kv SET value = value WHERE key = x'01'")
        .unwrap();
    let before = contents_by_another_process(here.path());
    let read = run(
        here.path(),
        &["inspect", ACTOR, "--dir", "squashed", "--format", "json"],
    );
    assert_eq!(read.json()["verdict"], "squashed", "{read:?}");
    assert_eq!(contents_by_another_process(here.path()), before);
    let refused = run(here.path(), &["adopt", ACTOR, "--dir", "squashed", "--yes"]);
    insta::assert_snapshot!(refused.transcript(here.path()), @"
    exit 2
    --- stdout
    --- stderr
    error[C142]: another program has this actor open
    --> databases/d26b78e6f4a1cb86.db
     = help: stop RivetKit, then run this again; nothing was changed
    ");
    drop(awake);
    let adopted = run(here.path(), &["adopt", ACTOR, "--dir", "squashed", "--yes"]);
    assert_eq!(adopted.code, 0, "{adopted:?}");
}

#[test]
fn what_is_no_whole_database_gets_one_clear_error_and_stays_as_it_is() {
    let mut said = String::new();
    for spoil in [
        "DELETE FROM kv WHERE key = x'0801010000000002'",
        "DELETE FROM kv WHERE key = x'0801010000000003'",
        "UPDATE kv SET value = substr(value, 1, 100) WHERE key = x'0801010000000003'",
        "UPDATE kv SET value = x'01000150000000000000' WHERE key = x'08010000'",
        "UPDATE kv SET value = x'02000040000000000000' WHERE key = x'08010000'",
        "UPDATE kv SET value = x'0100000000000000ff00' WHERE key = x'08010000'",
        "DELETE FROM kv WHERE key = x'08010000'",
        "UPDATE kv SET value = substr(value, 1, 16) || x'2000' || substr(value, 19) WHERE key = x'0801010000000000'",
        "INSERT INTO kv VALUES (x'08010001', x'01000002000000000000'), (x'0801010100000000', x'd9d505f920a163d7')",
        "INSERT INTO kv VALUES (x'08010002', x'01002000000000000000'), (x'0801010200000000', zeroblob(32))",
    ] {
        let here = playground();
        open(here.path()).execute_batch(spoil).unwrap();
        let before = contents(here.path());
        for verb in [["inspect", "--format=human"], ["adopt", "--yes"]] {
            let refused = run(here.path(), &[verb[0], ACTOR, "--dir", "squashed", verb[1]]);
            assert_eq!(refused.code, 2, "{spoil}: {refused:?}");
            if verb[0] == "adopt" {
                said += refused.stderr.lines().next().unwrap();
                said += "\n";
            }
        }
        assert_eq!(contents(here.path()), before, "{spoil}");
    }
    insta::assert_snapshot!(said, @"
    error[C141]: the pages that RivetKit kept here do not make a database: page 3 of 4 is missing
    error[C141]: the pages that RivetKit kept here do not make a database: page 4 of 4 is missing
    error[C141]: the pages that RivetKit kept here do not make a database: page 4 of 4 has 100 bytes instead of 4096
    error[C141]: the pages that RivetKit kept here do not make a database: 20481 bytes are no whole pages of 4096
    error[C141]: the pages that RivetKit kept here do not make a database: its size is noted as [02, 00, 00, 40, 00, 00, 00, 00, 00, 00]
    error[C141]: the pages that RivetKit kept here do not make a database: it has 71776119061217280 bytes, and 1073741824 is the limit here
    error[C141]: the pages that RivetKit kept here do not make a database: no size is noted
    error[C141]: the pages that RivetKit kept here do not make a database: its header speaks of pages of 8192 bytes, and RivetKit keeps 4096
    error[C140]: RivetKit died in the middle of a transaction: its pages wait for a journal
    error[C140]: RivetKit died in the middle of a transaction: its pages wait for a WAL
    ");
}
