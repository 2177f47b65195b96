//! Ledgers of other shapes: the step to Drizzle 1.0, wrangler's table, and folders without a journal.

use std::path::Path;

use rusqlite::Connection;

use crate::support::{copy, copy_of, fixtures, run, write};

const ACTOR: &str = "libsql/after-2.sqlite";

/// Actors whose ledgers Drizzle 0.x wrote, and their folder after the move to 1.0: squashed, with names.
fn moved() -> tempfile::TempDir {
    let here = copy_of("ledgers", ".");
    for (file, folder) in [
        ("0000_baseline", "20260603080059_baseline"),
        ("0001_archive", "20260610080059_archive"),
    ] {
        let sql = std::fs::read(here.path().join(format!("squashed/{file}.sql"))).unwrap();
        write(
            &here.path().join("moved").join(folder).join("migration.sql"),
            sql,
        );
    }
    here
}

fn told(here: &Path, args: &[&str]) -> String {
    run(here, args).transcript(here)
}

#[test]
fn a_ledger_of_0x_is_moved_to_1_0_by_a_plan_and_moved_back() {
    let here = moved();
    let here = here.path();
    let actor = [ACTOR, "--dir", "moved"];
    let with = |verb: &[&str], more: &[&str]| told(here, &[verb, &actor, more].concat());
    insta::assert_snapshot!(with(&["adopt", "--upgrade"], &["--dry-run"]), @r#"
    exit 0
    --- stdout
    plan: upgrade libsql/after-2.sqlite, which is squashed
      ALTER TABLE "__drizzle_migrations" ADD COLUMN "name" text;
      ALTER TABLE "__drizzle_migrations" ADD COLUMN "applied_at" TEXT;
      -- copy 2 rows of "__drizzle_migrations" to __actor_migrate_archive
      INSERT INTO "__drizzle_migrations" (hash, created_at, name) VALUES ('<sha256>', 1780473659000, '20260603080059_baseline'); -- and applied_at, the time
    digest: <sha256>
    next: actor-migrate adopt --upgrade libsql/after-2.sqlite --dir moved --plan <sha256> --yes
    --- stderr
    "#);
    insta::assert_snapshot!(with(&["adopt", "--upgrade"], &["--yes"]), @"
    exit 0
    --- stdout
    done: upgrade libsql/after-2.sqlite, squashed -> behind
    --- stderr
    ");
    insta::assert_snapshot!(with(&["adopt", "--upgrade"], &["--yes"]), @"
    exit 0
    --- stdout
    nothing to do: libsql/after-2.sqlite is behind
    --- stderr
    ");
    insta::assert_snapshot!(with(&["inspect"], &[]), @"
    exit 0
    --- stdout
    libsql/after-2.sqlite: behind, adoption not-needed
      ledger       __drizzle_migrations (drizzle-1), 3 rows
      position     1 of 2 migrations
      pending      20260610080059_archive
    run `actor-migrate apply`, or let the actor migrate when it wakes
    next: actor-migrate apply libsql/after-2.sqlite --dir moved --dry-run
    --- stderr
    ");
    insta::assert_snapshot!(with(&["adopt", "--undo"], &["--yes"]), @"
    exit 0
    --- stdout
    done: undo libsql/after-2.sqlite, behind -> squashed
    --- stderr
    ");
    insta::assert_snapshot!(told(here, &["adopt", "--upgrade", ACTOR, "--dir", "squashed", "--yes"]), @"
    exit 1
    --- stdout
    --- stderr
    error[M188]: the folder squashed is not one of Drizzle 1.0
    --> libsql/after-2.sqlite
     = help: run `drizzle-kit up` of Drizzle 1.0 on the folder first, or leave the ledger as it is
    ");
}

/// The SQL files that a team keeps for wrangler.
fn plain() -> tempfile::TempDir {
    let here = copy_of("ledgers/wrangler", "actors");
    for name in ["0000_init", "0001_pinned", "0002_archive"] {
        let from = fixtures().join(format!("ledgers/chain/{name}.sql"));
        write(
            &here.path().join(format!("migrations/{name}.sql")),
            std::fs::read(from).unwrap(),
        );
    }
    here
}

#[test]
fn wranglers_actors_follow_plain_files() {
    let here = plain();
    let here = here.path();
    let actor = ["actors/after-2.sqlite", "--dir", "migrations", "--plain"];
    insta::assert_snapshot!(told(here, &[&["inspect"], &actor[..]].concat()), @r#"
    exit 0
    --- stdout
    actors/after-2.sqlite: unjournaled, adoption safe
      ledger       __drizzle_migrations (none), 0 rows
      position     2 of 3 migrations
      pending      0002_archive
      reason       the database has other ledgers: d1_migrations
      hazards      H206: a stock runner takes 0000_init for new and runs it on this actor: it fails with "table … already exists" on every wake
    run `actor-migrate adopt`: the live schema proves where the actor stands
    next: actor-migrate adopt actors/after-2.sqlite --dir migrations --plain --dry-run
    --- stderr
    "#);
    let table = ["--table", "d1_migrations"];
    insta::assert_snapshot!(told(here, &[&["check"], &actor[..], &table].concat()), @"
    exit 0
    --- stdout
    migrations: 1 actor, 3 migrations
      ok       1  behind, pending: 0002_archive, rehearsed on a copy of each
    ready: 1 actor can take this deploy
    --- stderr
    ");
    insta::assert_snapshot!(told(here, &[&["apply"], &actor[..], &table, &["--yes"]].concat()), @"
    exit 0
    --- stdout
    done: apply actors/after-2.sqlite, behind -> current
      applied 0002_archive
    --- stderr
    ");
    let db = Connection::open(here.join(actor[0])).unwrap();
    let newest = "SELECT name FROM d1_migrations ORDER BY id DESC LIMIT 1";
    let newest: String = db.query_row(newest, [], |row| row.get(0)).unwrap();
    assert_eq!(newest, "0002_archive.sql");
}

#[test]
fn an_actor_that_lost_its_ledger_gets_the_one_that_was_asked_for() {
    let here = plain();
    let here = here.path();
    copy(&fixtures().join("ledgers/libsql"), &here.join("lost"));
    let db = Connection::open(here.join("lost/after-2.sqlite")).unwrap();
    db.execute_batch("DROP TABLE __drizzle_migrations").unwrap();
    let actor = [
        "lost/after-2.sqlite",
        "--dir",
        "migrations",
        "--plain",
        "--new-ledger",
        "wrangler",
    ];
    let shown = run(here, &[&["adopt"], &actor[..], &["--dry-run"]].concat());
    insta::assert_snapshot!(shown.transcript(here), @r#"
    exit 0
    --- stdout
    plan: adopt lost/after-2.sqlite, which is unjournaled
      CREATE TABLE "d1_migrations" (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL);
      INSERT INTO "d1_migrations" (name) VALUES ('0000_init.sql');
      INSERT INTO "d1_migrations" (name) VALUES ('0001_pinned.sql');
    digest: <sha256>
    next: actor-migrate adopt --new-ledger wrangler lost/after-2.sqlite --dir migrations --plain --plan <sha256> --yes
    --- stderr
    "#);
    let next = shown.stdout.lines().last().unwrap();
    let command = next.strip_prefix("next: actor-migrate ").unwrap();
    let done = run(here, &command.split(' ').collect::<Vec<_>>());
    assert_eq!(done.code, 0, "{next}: {done:?}");
    let names = "SELECT group_concat(name, ' ') FROM (SELECT name FROM d1_migrations ORDER BY id)";
    let names: String = db.query_row(names, [], |row| row.get(0)).unwrap();
    assert_eq!(names, "0000_init.sql 0001_pinned.sql");
}
